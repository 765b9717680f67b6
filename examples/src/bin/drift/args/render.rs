//! Options of the commands that render what engines declare.

use clap::{ArgAction, Args};
use drift_sources::estate::EstateOptions;

/// The options of rendering with kustomize and helm.
#[derive(Args, Debug, Default)]
pub(crate) struct RenderArgs {
    /// Host that kustomize may fetch bases and files from, such as github.com, with whatever they refer to in turn. Nothing is
    /// fetched otherwise: a kustomization that refers to another host is an error. Repeatable.
    #[arg(long = "allow-remote-bases", value_name = "HOST", action = ArgAction::Append, value_parser = host, help_heading = "Input")]
    allowed_hosts: Vec<String>,
}

impl RenderArgs {
    /// Adds them to what is looked at.
    pub(crate) fn apply(&self, options: EstateOptions) -> EstateOptions {
        options.remote_hosts(self.allowed_hosts.iter().cloned().collect())
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
