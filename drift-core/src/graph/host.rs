//! Host names in configuration that name a Service of the cluster.

/// A host with its port as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Name of the Service.
    pub service: String,
    /// Namespace, where the host says it.
    pub namespace: Option<String>,
    /// Port, where the text says it.
    pub port: Option<u16>,
}

/// Finds hosts in a text that look like Services: `name:port`, `name.namespace.svc…`, `scheme://name`.
///
/// A bare word is no host: `is_address` says that the text is known to be one, as by the name of its variable.
pub fn hosts_in(text: &str, is_address: IsAddress) -> Vec<HostPort> {
    let mut out = Vec::new();
    if text.len() > 4096 {
        return out;
    }
    let breaks =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '(' | ')' | '=' | '<' | '>');
    for token in text.split(breaks) {
        let (rest, has_scheme) = match token.split_once("://") {
            Some((_, rest)) => (rest, true),
            None => (token, false),
        };
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host.trim_end_matches([':', '.']);
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => match port.parse::<u16>() {
                Ok(port) => (name, Some(port)),
                Err(_) => continue,
            },
            None => (host, None),
        };
        if let Some(found) = service(name, port, has_scheme || is_address == IsAddress::Yes)
            && !out.contains(&found)
        {
            out.push(found);
        }
    }
    out
}

/// Whether a text is known to be an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsAddress {
    /// It is.
    Yes,
    /// It may be anything.
    Unknown,
}

fn service(name: &str, port: Option<u16>, is_address: bool) -> Option<HostPort> {
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |l: &&str| {
        !l.is_empty()
            && l.len() <= 63
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && l.as_bytes()[0].is_ascii_alphabetic()
            && !l.ends_with('-')
    };
    if !labels.iter().all(is_label) || name == "localhost" {
        return None;
    }
    let namespace = match labels.as_slice() {
        [_] if port.is_some() || is_address => None,
        [_, namespace] if port.is_some() || is_address => Some((*namespace).to_owned()),
        [_, namespace, "svc", ..] => Some((*namespace).to_owned()),
        _ => return None,
    };
    Some(HostPort { service: labels[0].to_owned(), namespace, port })
}

/// Returns `true` if a variable of this name holds an address.
pub(super) fn is_address_name(name: &str) -> IsAddress {
    let name = name.to_ascii_uppercase();
    let ends = [
        "HOST", "ADDR", "ADDRESS", "URL", "URI", "ENDPOINT", "SERVER", "SERVICE", "UPSTREAM", "DSN",
        "BROKERS",
    ];
    if ends.iter().any(|e| name.ends_with(e)) { IsAddress::Yes } else { IsAddress::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_where_they_are_named() {
        let check = |text: &str, expect: &[(&str, Option<&str>, Option<u16>)]| {
            let found = hosts_in(text, IsAddress::Unknown);
            let got: Vec<_> =
                found.iter().map(|h| (h.service.as_str(), h.namespace.as_deref(), h.port)).collect();
            assert_eq!(got, expect, "{text}");
        };
        check("stock:6379", &[("stock", None, Some(6379))]);
        check("http://stock/v1?x=y", &[("stock", None, None)]);
        check("postgres://user:pass@db.data:5432/shop", &[("db", Some("data"), Some(5432))]);
        check("db.data.svc.cluster.local", &[("db", Some("data"), None)]);
        check("dial tcp: lookup db: no such host", &[]);
        check("(stock:7070: connection refused)", &[("stock", None, Some(7070))]);
        check("https://api.example.com", &[]);
        check("10.0.0.1:80 v1.2:3 info", &[]);
        check("localhost:80", &[]);
    }
}
