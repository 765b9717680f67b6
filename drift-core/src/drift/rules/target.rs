//! Which resources a rule is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use crate::object::{Node, Object};

use super::ResourcePair;

/// A text that a name has to match.
#[derive(Clone, Debug, Default)]
pub enum Pattern {
    /// Any text.
    #[default]
    Any,
    /// This text.
    Exact(Arc<str>),
    /// A text with `*` for any run and `?` for any one character.
    Glob(Arc<str>),
    /// A regular expression that the whole text matches.
    Regex(Box<Regex>),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any) => true,
            (Self::Exact(a), Self::Exact(b)) | (Self::Glob(a), Self::Glob(b)) => a == b,
            (Self::Regex(a), Self::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Takes a text that has to be met exactly; the empty one is any.
    pub fn exact(text: &str) -> Self {
        if text.is_empty() { Self::Any } else { Self::Exact(text.into()) }
    }

    /// Takes a glob.
    pub fn glob(text: &str) -> Self {
        if text.contains(['*', '?']) { Self::Glob(text.into()) } else { Self::Exact(text.into()) }
    }

    /// Takes a regular expression that is anchored at both ends; the empty one is any.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn regex(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        let built = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build();
        built.map(|r| Self::Regex(Box::new(r))).map_err(|e| format!("`{text}` is no regular expression: {e}"))
    }

    /// Returns `true` if a text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => **exact == *text,
            Self::Glob(glob) => globbed(glob.as_bytes(), text.as_bytes()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Matches in time proportional to the product of the lengths: a pattern comes from outside.
fn globbed(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((sp, st)) => {
                    star = Some((sp, st + 1));
                    (p, t) = (sp + 1, st + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// A requirement of labels or annotations, as the API takes them: `a=b,c!=d,e in (f,g),!h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    values: Option<BTreeSet<String>>,
    wanted: bool,
}

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no selector")]
pub struct SelectorError(pub String);

impl Selector {
    /// Parses the text form.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let error = || SelectorError(text.to_owned());
        let mut parts = Vec::new();
        let (mut depth, mut start) = (0usize, 0);
        for (i, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1).ok_or_else(error)?,
                ',' if depth == 0 => {
                    parts.push(&text[start..i]);
                    start = i + 1;
                }
                _ => {}
            }
        }
        parts.push(&text[start..]);
        let parts = parts.into_iter().map(str::trim).filter(|p| !p.is_empty());
        parts.map(|p| requirement(p).ok_or_else(error)).collect::<Result<_, _>>().map(Self)
    }

    fn matches(&self, map: Option<Node<'_>>) -> bool {
        self.0.iter().all(|r| {
            let value = map.and_then(|m| m.get(&r.key)).and_then(Node::as_str);
            let met = match (&r.values, value) {
                (None, value) => value.is_some(),
                (Some(values), Some(value)) => values.contains(value),
                (Some(_), None) => false,
            };
            met == r.wanted
        })
    }
}

fn requirement(text: &str) -> Option<Requirement> {
    let one = |key: &str, value: &str, wanted| {
        let values = Some(BTreeSet::from([value.trim().to_owned()]));
        plain(key.trim()).map(|key| Requirement { key, values, wanted })
    };
    if let Some(open) = text.find('(') {
        let inner = text[open + 1..].strip_suffix(')')?;
        let (key, word) = text[..open].trim().rsplit_once(char::is_whitespace)?;
        let wanted = match word {
            "in" => true,
            "notin" => false,
            _ => return None,
        };
        let values = Some(inner.split(',').map(|v| v.trim().to_owned()).collect());
        return plain(key.trim()).map(|key| Requirement { key, values, wanted });
    }
    if let Some((key, value)) = text.split_once("!=") {
        return one(key, value, false);
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return one(key, value, true);
    }
    let (key, wanted) = text.strip_prefix('!').map_or((text, true), |k| (k, false));
    plain(key.trim()).map(|key| Requirement { key, values: None, wanted })
}

fn plain(key: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!key.is_empty() && key.chars().all(fine)).then(|| key.to_owned())
}

/// An annotation or label by which a resource opts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMatch {
    /// Name of the annotation or label.
    pub key: Arc<str>,
    /// Its value; of a list with commas one of them.
    pub value: Arc<str>,
    /// Where the engine looks for it.
    pub sides: MarkedSides,
}

/// The sides of a resource on which an engine looks for a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarkedSides {
    /// On the declared object alone: what somebody puts on the live one has no effect.
    Declared,
    /// On either.
    #[default]
    Either,
}

/// Which resources a rule is about; all that is set has to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTarget {
    /// API group.
    pub group: Pattern,
    /// Version.
    pub version: Pattern,
    /// Kind.
    pub kind: Pattern,
    /// Namespace.
    pub namespace: Pattern,
    /// Name.
    pub name: Pattern,
    /// Labels, of the declared object where there is one.
    pub labels: Option<Selector>,
    /// Annotations, of the declared object where there is one.
    pub annotations: Option<Selector>,
    /// An annotation or label.
    pub mark: Option<LabelMatch>,
}

impl RuleTarget {
    /// Returns `true` if the rule is about a resource.
    pub fn matches(&self, sides: ResourcePair<'_>) -> bool {
        let key = sides.key;
        let any = sides.desired.or(sides.live);
        let meta = |name| any.and_then(|o| o.root().at(&["metadata", name]));
        self.group.matches(&key.group)
            && self.kind.matches(&key.kind)
            && self.namespace.matches(&key.namespace)
            && self.name.matches(&key.name)
            && any.is_none_or(|o| self.version.matches(o.version()))
            && self.labels.as_ref().is_none_or(|s| s.matches(meta("labels")))
            && self.annotations.as_ref().is_none_or(|s| s.matches(meta("annotations")))
            && self.mark.as_ref().is_none_or(|m| m.is_there(sides))
    }
}

impl LabelMatch {
    fn is_there(&self, sides: ResourcePair<'_>) -> bool {
        self.is_on(sides.desired) || self.sides == MarkedSides::Either && self.is_on(sides.live)
    }

    fn is_on(&self, object: Option<&Object>) -> bool {
        let Some(object) = object else { return false };
        let has = |text: Option<&str>| {
            text.is_some_and(|t| t.split(',').any(|v| v.trim().eq_ignore_ascii_case(&self.value)))
        };
        has(object.annotation(&self.key)) || has(object.label(&self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_they_say() {
        for (pattern, text, want) in [
            (Pattern::glob("app*"), "apps", true),
            (Pattern::glob("*.example.?om"), "a.example.com", true),
            (Pattern::glob("a*b*c"), "a1b2", false),
            (Pattern::glob(""), "", true),
            (Pattern::exact(""), "x", true),
            (Pattern::exact("x"), "xy", false),
            (Pattern::regex("web-.*").unwrap(), "my-web-1", false),
            (Pattern::regex("a|b").unwrap(), "ab", false),
        ] {
            assert_eq!(pattern.matches(text), want, "{pattern:?} {text}");
        }
        assert!(Pattern::regex("(").is_err() && Pattern::regex("(a{1000}){1000}").is_err());
    }

    #[test]
    fn selectors_are_parsed_and_refused() {
        let doc = crate::object::Doc::from_json(br#"{"a":"1","tier":"web"}"#).unwrap();
        for (text, want) in [
            ("a=1", true),
            ("a==1,tier!=db", true),
            ("tier in (web, db)", true),
            ("tier notin (web)", false),
            ("a,!b", true),
            ("b", false),
            ("b!=1", true),
            ("", true),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(Some(doc.root())), want, "{text}");
        }
        assert!(Selector::parse("a in (b").is_err() && Selector::parse("a b").is_err());
    }
}
