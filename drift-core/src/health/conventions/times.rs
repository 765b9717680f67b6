//! When something last went well or failed, for statuses in which nothing else tells.

use jiff::Timestamp;

use crate::health::verdict::HealthVerdict;
use crate::health::words;
use crate::object::Node;

/// Compares when it last went well with when it last failed: `lastSyncTime` with `lastFailureTime`.
pub(super) fn last(status: Node<'_>) -> Option<HealthVerdict> {
    let newest = |names: fn(&str) -> bool| {
        let times = status.children().filter(|f| names(f.key())).filter_map(|f| Some((time(f)?, f.key())));
        times.max()
    };
    match (newest(is_success), newest(is_failure)) {
        (Some((at, _)), Some((failed, key))) if failed > at => {
            Some(HealthVerdict::degraded(key, "it failed after it last went well").since(Some(failed)))
        }
        (Some((at, key)), _) => {
            Some(HealthVerdict::healthy(key, "it went well the last time").since(Some(at)))
        }
        (None, Some((at, key))) => {
            Some(HealthVerdict::degraded(key, "it failed and never went well").since(Some(at)))
        }
        (None, None) => None,
    }
}

/// Reads a time, also one in seconds or milliseconds since 1970.
fn time(node: Node<'_>) -> Option<Timestamp> {
    const MILLISECONDS: i64 = 100_000_000_000;
    if let Some(text) = node.as_str() {
        return text.parse().ok();
    }
    match node.as_i64()? {
        n if n <= 0 => None,
        n if n > MILLISECONDS => Timestamp::from_millisecond(n).ok(),
        n => Timestamp::from_second(n).ok(),
    }
}

fn is_success(key: &str) -> bool {
    const WELL: &[&str] = &[
        "backup",
        "completed",
        "completion",
        "reconcile",
        "reconciled",
        "refresh",
        "refreshed",
        "success",
        "successful",
        "succeeded",
        "sync",
        "synced",
    ];
    is_last(key, WELL) && !is_failure(key)
}

fn is_failure(key: &str) -> bool {
    is_last(key, &["error", "failed", "failure"])
}

/// Returns `true` if a field says when something was last: `lastSuccessfulTime`, `lastSyncedAt`.
fn is_last(key: &str, what: &[&str]) -> bool {
    let words = words::split(key);
    words.first() == Some("last") && words.iter().any(|w| what.contains(&w))
}
