//! Whether what is declared can be what is live.

use crate::object::{Kind, Node};

/// Returns `true` if a declared value is the live one, which may have defaults besides.
pub fn declares(declared: Node<'_>, live: Node<'_>) -> bool {
    match (declared.kind(), live.kind()) {
        (Kind::Map, Kind::Map) => declared
            .children()
            .filter(|n| !n.is_null())
            .all(|n| live.get(n.key()).is_some_and(|l| declares(n, l))),
        (Kind::List, Kind::List) => {
            declared.len() == live.len()
                && declared.children().zip(live.children()).all(|(d, l)| declares(d, l))
        }
        _ => declared == live || scalars(declared, live),
    }
}

fn scalars(declared: Node<'_>, live: Node<'_>) -> bool {
    let text = |n: Node<'_>| match n.as_str() {
        Some(text) => Some(text.to_owned()),
        None => n.as_f64().map(|_| n.to_value().to_string()),
    };
    match (text(declared), text(live)) {
        (Some(d), Some(l)) => d == l || crate::schema::Quantity::equal_texts(&d, &l),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::{Value, json};

    #[test]
    fn a_declared_value_may_gain_defaults_and_nothing_else() {
        let check = |declared: Value, live: Value, expect: bool| {
            let (d, l) = (Doc::from_value(&declared).unwrap(), Doc::from_value(&live).unwrap());
            assert_eq!(declares(d.root(), l.root()), expect, "{declared} {live}");
        };
        check(json!(2), json!(2), true);
        check(json!("1000m"), json!(1), true);
        check(json!("a"), json!("b"), false);
        check(json!({"port":80}), json!({"port":80,"protocol":"TCP"}), true);
        check(json!({"port":80,"x":null}), json!({"port":80}), true);
        check(json!({"port":81}), json!({"port":80}), false);
        check(json!([1, 2]), json!([1]), false);
        check(json!([{"a":1}]), json!([{"a":1,"b":2}]), true);
    }
}
