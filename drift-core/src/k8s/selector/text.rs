//! Label selectors as text, as kubectl takes them.

use std::str::FromStr;

use super::{Requirement, Selector, Test};
use crate::object::Object;

/// A text that is not a label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a label requirement: {expected} expected")]
pub struct SelectorError {
    /// The requirement that makes no sense.
    pub text: String,
    /// What is expected.
    pub expected: &'static str,
}

impl FromStr for Selector {
    type Err = SelectorError;

    /// Reads `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a` or `!a`; several with commas.
    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let requirements = split(text).into_iter().map(requirement).collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }
}

impl Selector {
    /// Returns `true` if the labels of an object match.
    pub fn matches_object(&self, object: &Object) -> bool {
        self.matches(object.root().at(&["metadata", "labels"]))
    }
}

/// Splits at the commas that stand outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn requirement(text: &str) -> Result<Requirement, SelectorError> {
    let text = text.trim();
    let make = |label: &str, test| label_name(label, text).map(|label| Requirement { label, test });
    if let Some((label, set)) = text.split_once(" notin ") {
        return make(label, Test::NotIn(values(set, text)?));
    }
    if let Some((label, set)) = text.split_once(" in ") {
        return make(label, Test::In(values(set, text)?));
    }
    let value = |v: &str| vec![v.trim().to_owned()];
    if let Some((label, v)) = text.split_once("!=") {
        return make(label, Test::NotIn(value(v)));
    }
    if let Some((label, v)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(label, Test::In(value(v)));
    }
    match text.strip_prefix('!') {
        Some(label) => make(label, Test::Absent),
        None => make(text, Test::Exists),
    }
}

fn label_name(label: &str, whole: &str) -> Result<String, SelectorError> {
    let label = label.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if label.is_empty() || !label.chars().all(fits) {
        let expected = "a=b, a!=b, a in (b, c), a notin (b), a or !a";
        return Err(SelectorError { text: whole.to_owned(), expected });
    }
    Ok(label.to_owned())
}

fn values(set: &str, whole: &str) -> Result<Vec<String>, SelectorError> {
    let inner = set.trim().strip_prefix('(').and_then(|s| s.strip_suffix(')'));
    let expected = "values in parentheses, as in a in (b, c),";
    let inner = inner.ok_or_else(|| SelectorError { text: whole.to_owned(), expected })?;
    Ok(inner.split(',').map(|v| v.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, expect: bool) {
        let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"app":"web","x/tier":"front"}}}"#;
        let object = Object::from_json(json.as_bytes()).unwrap();
        assert_eq!(selector.parse::<Selector>().unwrap().matches_object(&object), expect, "{selector}");
    }

    #[test]
    fn requirements_hold_as_in_kubectl() {
        check("app=web", true);
        check("app==web,x/tier=front", true);
        check("app=api", false);
        check("app!=api", true);
        check("other!=x", true);
        check("app in (api, web),x/tier notin (back)", true);
        check("app notin (web)", false);
        check("app", true);
        check("!app", false);
        check("!other", true);
    }

    #[test]
    fn broken_selectors_are_refused() {
        for text in ["", "=web", "a in web", "a b", "app=web,"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
