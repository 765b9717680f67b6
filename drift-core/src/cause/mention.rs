//! What texts name: the fault's own text, and the values of a change.

use serde_json::Value;

/// Returns `true` if a text contains something as a word of its own: `web` is in `web:8080`, but not in `web-2`.
pub(super) fn mentions(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !word.is_empty()
        && text.match_indices(word).any(|(i, _)| {
            let before = text[..i].chars().next_back().is_none_or(|c| !is_part(c));
            let after = text[i + word.len()..].chars().next().is_none_or(|c| !is_part(c));
            before && after
        })
}

/// Returns `true` if a text is about a failed connection to a host outside of the cluster.
pub(super) fn blames_outside(text: &str) -> bool {
    let fails = [
        "timeout",
        "timed out",
        "refused",
        "reset",
        "EOF",
        "handshake",
        "unreachable",
        "no route",
        "closed",
        "lookup",
        "x509",
        "certificate",
        "unavailable",
        "Bad Gateway",
        "status code 5",
        "502",
        "503",
        "504",
    ];
    fails.iter().any(|t| text.contains(t))
        && text.split(|c: char| c.is_whitespace() || "\"'(),;|=".contains(c)).any(is_outside)
}

/// Returns the hosts in a text that are not of the cluster, without port and path.
pub(super) fn outside_hosts(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'(),;|=".contains(c));
    words.filter(|w| is_outside(w)).map(|w| {
        let host = host_of(w);
        host.split_once(':').map_or(host, |(host, _)| host)
    })
}

/// Returns the host in a word, with its port where it has one.
fn host_of(word: &str) -> &str {
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().trim_end_matches([':', '.'])
}

/// Returns `true` if a word is a host name that is not one of the cluster.
fn is_outside(word: &str) -> bool {
    let host = host_of(word);
    let (host, has_port) = match host.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, true),
        _ => (host, word.contains("://")),
    };
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |l: &&str| {
        !l.is_empty() && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let top = labels.last().copied().unwrap_or_default();
    let is_name = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_lowercase());
    let inside = labels.contains(&"svc") || host.ends_with(".local") || host.ends_with(".internal");
    is_name && !inside && labels.iter().all(is_label) && labels.len() >= if has_port { 2 } else { 3 }
}

/// Collects all scalars in a value as texts.
pub(super) fn scalar_texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(s) => out.push(s.clone()),
        Value::Number(n) => out.push(n.to_string()),
        Value::Bool(b) => out.push(b.to_string()),
        Value::Array(a) => a.iter().for_each(|v| scalar_texts(v, out)),
        Value::Object(o) => o.values().for_each(|v| scalar_texts(v, out)),
        Value::Null => {}
    }
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let breaks = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    text.split(breaks).map(|w| w.trim_matches(['.', '/', '-'])).filter(|w| w.len() >= 3)
}
