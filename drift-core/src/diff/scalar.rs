//! When two scalars mean the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::object::{Kind, Node};
use crate::schema::{GoDuration, Quantity, ScalarKind};

/// Returns `true` if two values of a scalar type mean the same, as the API server reads them.
///
/// Values that cannot be read as their type are equal only as they stand.
pub(crate) fn same_scalar(kind: ScalarKind, a: Node<'_>, b: Node<'_>) -> bool {
    if a == b {
        return true;
    }
    match kind {
        ScalarKind::Quantity => both(a, b, quantity),
        ScalarKind::Duration => both(a, b, |n| n.as_str()?.parse::<GoDuration>().ok()),
        ScalarKind::Time => both(a, b, |n| n.as_str()?.parse::<Timestamp>().ok()),
        ScalarKind::Bytes => both(a, b, |n| STANDARD.decode(bare(n.as_str()?)).ok()),
        ScalarKind::Float => a.as_f64().is_some() && a.as_f64() == b.as_f64(),
        ScalarKind::String | ScalarKind::Int | ScalarKind::Bool | ScalarKind::IntOrString => false,
    }
}

/// Returns `true` if the second value is how Go spells the first: `8760h0m0s` for `8760h`, `500m` for `0.5`, `80` for `"80"`.
///
/// Only that direction: nobody but a person writes `8760h` for `8760h0m0s`. A number without a unit is no quantity,
/// but may be a version: `1` for `1.0` is another text.
pub(crate) fn is_respelled(kind: ScalarKind, from: Node<'_>, to: Node<'_>) -> bool {
    let number = |n: Node<'_>| n.as_i64().filter(|_| n.kind() == Kind::Int).map(|i| i.to_string());
    match (kind, from.as_str(), to.as_str()) {
        (ScalarKind::IntOrString, Some(text), None) => number(to).as_deref() == Some(text),
        (ScalarKind::IntOrString, None, Some(text)) => number(from).as_deref() == Some(text),
        (ScalarKind::String | ScalarKind::IntOrString, Some(from), Some(to)) => {
            from != to && (is_duration_of(to, from) || is_quantity_of(to, from))
        }
        _ => false,
    }
}

fn is_duration_of(canonical: &str, text: &str) -> bool {
    text.parse::<GoDuration>().is_ok_and(|d| d.to_string() == canonical)
}

fn is_quantity_of(canonical: &str, text: &str) -> bool {
    let has_unit = |t: &str| t.ends_with(|c: char| c.is_ascii_alphabetic());
    (has_unit(text) || has_unit(canonical))
        && text.parse::<Quantity>().is_ok_and(|q| q.to_string() == canonical)
}

fn both<T: PartialEq>(a: Node<'_>, b: Node<'_>, read: impl Fn(Node<'_>) -> Option<T>) -> bool {
    matches!((read(a), read(b)), (Some(x), Some(y)) if x == y)
}

/// Reads a quantity, which manifests also write as a bare number: `cpu: 1`.
///
/// The API server rounds the amounts of resource lists up to thousandths: `0.0001` lives as `1m`.
fn quantity(n: Node<'_>) -> Option<Quantity> {
    let read: Option<Quantity> = match n.kind() {
        Kind::Str => n.as_str()?.parse().ok(),
        Kind::Int => n.as_i64()?.to_string().parse().ok(),
        Kind::Float => n.as_f64()?.to_string().parse().ok(),
        _ => None,
    };
    read.map(Quantity::ceil_milli)
}

/// Go's base64 reader passes over line ends, which manifests have from `base64` without `-w0`.
fn bare(text: &str) -> Vec<u8> {
    text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect()
}
