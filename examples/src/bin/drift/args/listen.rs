//! Arguments of `drift watch` that open a door for what others tell.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// What is taken over HTTP beside what is watched.
#[derive(Args, Debug)]
pub(crate) struct ListenArgs {
    /// Also take what is posted here over HTTP: CloudEvents and CDEvents at /events, the API server's audit webhook at
    /// /audit. A port alone is on 127.0.0.1; any other address needs a secret. Once a tape ends, it goes on until Ctrl-C.
    #[arg(long, value_name = "ADDR", value_parser = address, help_heading = "Events from outside")]
    pub(crate) listen: Option<SocketAddr>,

    /// File with the secret that senders know: they give it as `Authorization: Bearer SECRET`, or sign the body with it
    /// (HMAC-SHA256 in X-Hub-Signature-256). Without it $DRIFT_LISTEN_SECRET.
    #[arg(long, value_name = "FILE", requires = "listen", help_heading = "Events from outside")]
    pub(crate) listen_secret_file: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text).parse().ok();
    port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).or(text.parse().ok()).ok_or_else(
        || format!("`{text}` is no address: a port, such as 8088, or an IP address and a port, such as 0.0.0.0:8088, expected"),
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
