//! Declared values with variables that Flux fills in when it applies (`postBuild`): `${zone}`, `${level:=info}`.

use crate::object::{Kind, Node};

/// Returns `true` if what is live may be what is declared with its variables filled in, and something is declared with one.
///
/// For example of `eu-${zone}` and `eu-west`, but not of `us-${zone}` and `eu-west`.
pub(super) fn may_be_filled_in(desired: Node<'_>, live: Node<'_>) -> bool {
    holds_variable(desired) && is_match(desired, live)
}

fn holds_variable(node: Node<'_>) -> bool {
    match node.kind() {
        Kind::Str => node.as_str().is_some_and(|text| next_variable(text).is_some()),
        Kind::List | Kind::Map => node.children().any(holds_variable),
        _ => false,
    }
}

fn is_match(desired: Node<'_>, live: Node<'_>) -> bool {
    match (desired.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => {
            desired.children().all(|d| live.get(d.key()).is_some_and(|l| is_match(d, l)))
        }
        (Kind::List, Kind::List) => {
            desired.len() == live.len()
                && desired.children().zip(live.children()).all(|(d, l)| is_match(d, l))
        }
        (Kind::Str, Kind::List | Kind::Map) => false,
        (Kind::Str, _) => {
            let text = desired.as_str().unwrap_or_default();
            // A variable alone may stand for a number or a switch.
            live.as_str().map_or_else(|| fits(text, &live.to_value().to_string()), |live| fits(text, live))
        }
        _ => desired == live,
    }
}

/// Returns `true` if a text is a pattern with something in the place of each variable.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, mut rest)) = next_variable(pattern) else { return pattern == text };
    let Some(mut text) = text.strip_prefix(before) else { return false };
    // Between two variables the first place that fits is as good as any; the end has to be the end.
    while let Some((between, after)) = next_variable(rest) {
        let Some(at) = text.find(between) else { return false };
        (text, rest) = (&text[at + between.len()..], after);
    }
    text.ends_with(rest)
}

/// Returns what stands before the first variable of a text, and what stands behind it.
fn next_variable(text: &str) -> Option<(&str, &str)> {
    let start = text.find("${")?;
    let mut depth = 0_usize;
    for (at, c) in text[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some((&text[..start], &text[start + at + 1..])),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::{Value, json};

    #[test]
    fn a_variable_stands_for_any_text_and_nothing_else_does() {
        for (desired, live, fits) in [
            (json!("eu-${zone}"), json!("eu-west"), true),
            (json!("us-${zone}"), json!("eu-west"), false),
            (json!("${a}-${b}.example"), json!("x-y.example"), true),
            (json!("${a}-${b}.example"), json!("xy.example"), false),
            (json!("${level:=info}"), json!("info"), true),
            (json!("${a:-${b}}!"), json!("x!"), true),
            (json!("${n}"), json!(3), true),
            (json!("${open"), json!("x"), false),
            (json!("plain"), json!("other"), false),
            (json!({"a":"${x}","b":1}), json!({"a":"y","b":1}), true),
            (json!({"a":"${x}","b":1}), json!({"a":"y","b":2}), false),
            (json!(["${x}", "b"]), json!(["y", "b", "c"]), false),
        ] {
            let node = |value: &Value| Doc::from_value(value).unwrap();
            let got = may_be_filled_in(node(&desired).root(), node(&live).root());
            assert_eq!(got, fits, "{desired} {live}");
        }
    }
}
