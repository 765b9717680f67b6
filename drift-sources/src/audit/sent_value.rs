//! Whether a value that was sent is the value that is live now.

use drift_core::schema::Quantity;
use drift_core::{Kind, Node};

/// Returns `true` if the sent value can have become the live one: it is equal, or a part of it, since the server adds defaults.
pub(super) fn agrees_with(sent: Node<'_>, live: Node<'_>) -> bool {
    match (sent.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => {
            sent.children().filter(|n| !n.key().starts_with('$')).all(|part| match live.get(part.key()) {
                Some(other) => agrees_with(part, other),
                None => is_nothing(part),
            })
        }
        (Kind::List, Kind::List) => {
            sent.len() <= live.len()
                && sent.children().all(|part| live.children().any(|other| agrees_with(part, other)))
        }
        _ => sent == live || same_quantity(sent, live),
    }
}

/// Returns `true` if a patch of a map removes everything that it names.
pub(super) fn leaves_nothing(sent: Node<'_>) -> bool {
    sent.is_null()
        || sent.str_at(&["$patch"]) == Some("delete")
        || matches!(sent.kind(), Kind::Map | Kind::List) && sent.children().all(leaves_nothing)
}

/// Returns `true` for values that the server omits, such as `0` or an empty list.
fn is_nothing(node: Node<'_>) -> bool {
    node.is_null()
        || node.is_empty()
        || node.as_str() == Some("")
        || node.as_bool() == Some(false)
        || node.as_i64() == Some(0)
}

fn same_quantity(a: Node<'_>, b: Node<'_>) -> bool {
    let text = |n: Node<'_>| match n.kind() {
        Kind::Str => n.as_str().map(str::to_owned),
        Kind::Int | Kind::Float => Some(n.to_value().to_string()),
        _ => None,
    };
    matches!((text(a), text(b)), (Some(a), Some(b)) if Quantity::equal_texts(&a, &b))
}
