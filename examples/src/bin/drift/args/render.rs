//! Options of the commands that render what engines declare.

use std::time::Duration;

use clap::{ArgAction, Args};
use drift_sources::estate::EstateOptions;

use super::duration;

/// The options of rendering with kustomize and helm.
#[derive(Args, Debug)]
pub(crate) struct RenderArgs {
    /// Host that kustomize may fetch bases and files from, such as github.com, with whatever they refer to in turn. Nothing is
    /// fetched otherwise: a kustomization that refers to another host is an error. Repeatable.
    #[arg(long = "allow-remote-bases", value_name = "HOST", action = ArgAction::Append, value_parser = host, help_heading = "Input")]
    allowed_hosts: Vec<String>,

    /// Most time for rendering all sources with kustomize and helm, such as 30s or 10m. Each source has a minute at most.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Input")]
    render_time: Duration,
}

impl RenderArgs {
    /// Adds them to what is looked at.
    pub(crate) fn apply(&self, options: EstateOptions) -> EstateOptions {
        options.remote_hosts(self.allowed_hosts.iter().cloned().collect()).render_time(self.render_time)
    }
}

/// Reads the name of a host, without scheme, port and path.
fn host(text: &str) -> Result<String, String> {
    let is_host = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    let is_name = is_host && (!text.contains(':') || text.parse::<std::net::Ipv6Addr>().is_ok());
    is_name.then(|| text.to_owned()).ok_or_else(|| "not the name of a host; one is `github.com`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_has_no_scheme_port_or_path() {
        for (text, expect) in [
            ("github.com", true),
            ("10.0.0.1", true),
            ("::1", true),
            ("https://a.example", false),
            ("a:80", false),
            ("a/b", false),
            ("", false),
        ] {
            assert_eq!(host(text).is_ok(), expect, "{text}");
        }
    }
}
