//! Arguments of `drift watch` about events that are posted over HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// The options of the HTTP receiver.
#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Also accept events over HTTP: CloudEvents and CDEvents at /events, the audit webhook of the API server at /audit. A
    /// port alone is on 127.0.0.1; any other address needs a secret. With --tape, listens until Ctrl-C.
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = "Incoming events")]
    pub(crate) listen: Option<SocketAddr>,

    /// File with the secret that senders use: as `Authorization: Bearer SECRET`, or to sign the body (HMAC-SHA256 in
    /// X-Hub-Signature-256). Defaults to $DRIFT_LISTEN_SECRET.
    #[arg(long, value_name = "FILE", requires = "listen", help_heading = "Incoming events")]
    pub(crate) listen_secret_file: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text).parse().ok();
    port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).or(text.parse().ok()).ok_or_else(
        || format!("invalid address `{text}`: expected a port, such as 8088, or an IP address and a port, such as 0.0.0.0:8088"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(address(text).ok().map(|a| a.to_string()).as_deref(), expect, "{text}");
        };
        check("8088", Some("127.0.0.1:8088"));
        check("localhost:8088", Some("127.0.0.1:8088"));
        check("0.0.0.0:8088", Some("0.0.0.0:8088"));
        check("[::1]:8088", Some("[::1]:8088"));
        check("70000", None);
        check(":8088", None);
        check("ci.example:8088", None);
    }
}
