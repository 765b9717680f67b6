//! Label selectors, as kubectl takes them.

use std::str::FromStr;

use drift_core::Object;

/// A label selector: all requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Holds also where there is no such label, as in Kubernetes.
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Tells whether an object has the labels.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|r| {
            let value = object.label(&r.label);
            match &r.test {
                Test::In(values) => value.is_some_and(|v| values.iter().any(|x| x == v)),
                Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|x| x != v)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        split(text).into_iter().map(requirement).collect::<Result<_, _>>().map(Self)
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

fn requirement(text: &str) -> Result<Requirement, String> {
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

fn label_name(label: &str, whole: &str) -> Result<String, String> {
    let label = label.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if label.is_empty() || !label.chars().all(fits) {
        return Err(format!(
            "`{whole}` is no label requirement: a=b, a!=b, a in (b, c), a notin (b), a or !a expected"
        ));
    }
    Ok(label.to_owned())
}

fn values(set: &str, whole: &str) -> Result<Vec<String>, String> {
    let inner = set.trim().strip_prefix('(').and_then(|s| s.strip_suffix(')'));
    let inner =
        inner.ok_or_else(|| format!("`{whole}`: values in parentheses expected, as in a in (b, c)"))?;
    Ok(inner.split(',').map(|v| v.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, expect: bool) {
        let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"app":"web","x/tier":"front"}}}"#;
        let object = Object::from_json(json.as_bytes()).unwrap();
        assert_eq!(selector.parse::<Selector>().unwrap().matches(&object), expect, "{selector}");
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
