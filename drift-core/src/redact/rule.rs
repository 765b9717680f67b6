//! Rules that name more than Secrets to redact.

use std::fmt;

use serde::Deserialize;

use crate::object::{Kind, Node};

/// Fields to redact: the kinds of objects, and the paths in them.
///
/// Text form `KIND[.GROUP] PATH`, such as `* .**.env[name="*PASSWORD*"].value`, `ConfigMap .data["*.pem"]` or
/// `*.*.example.com .spec.auth`. A path is of `.name`, `["name"]` for names with dots, `[*]` for all elements of a
/// list, `[field="value"]` for those with such a field, and `.**` for any number of levels. Names and values are globs with `*` and
/// `?`; upper and lower case are the same, because redacting too much is the better mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactRule {
    text: String,
    group: Glob,
    kind: Glob,
    path: Vec<Segment>,
}

impl fmt::Debug for RedactRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a redaction rule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redaction rule {rule}: `{field}` {problem}")]
pub struct RuleError {
    /// Number of the rule, or of the line of rules in text form, from 1.
    pub rule: usize,
    /// Field of the rule that is wrong.
    pub field: &'static str,
    /// What is wrong with the field.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleV1 {
    #[serde(default)]
    group: Option<String>,
    kind: String,
    path: String,
}

impl RedactRule {
    /// Makes a rule from globs of group and kind and a path.
    ///
    /// # Errors
    /// When the path cannot be read.
    pub fn new(group: &str, kind: &str, path: &str) -> Result<Self, RuleError> {
        let error = |field, problem: String| RuleError { rule: 1, field, problem };
        if kind.is_empty() {
            return Err(error("kind", "is empty: use `*` for all kinds".into()));
        }
        let segments = parse_path(path).map_err(|problem| error("path", problem))?;
        let text = if group.is_empty() { format!("{kind} {path}") } else { format!("{kind}.{group} {path}") };
        Ok(Self { text, group: Glob::new(group), kind: Glob::new(kind), path: segments })
    }

    /// Makes the rule for values of environment variables by name, such as `*PASSWORD*`, in all kinds.
    ///
    /// # Errors
    /// When the name holds a quote.
    pub fn env(name: &str) -> Result<Self, RuleError> {
        Self::new("*", "*", &format!(".**.env[name=\"{name}\"].value"))
    }

    /// Reads rules: a JSON list of `{"group", "kind", "path"}`, or one rule a line in text form with `#` comments.
    ///
    /// In both forms a kind of `*` without a group is of all groups, any other kind without a group of the core group.
    ///
    /// # Errors
    /// Names the rule, the field and what is wrong with it.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, RuleError> {
        if text.trim_start().starts_with('[') {
            return parse_json(text);
        }
        let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
        lines.filter(|(_, l)| !l.is_empty() && !l.starts_with('#')).map(|(n, l)| parse_line(n, l)).collect()
    }

    /// Returns `true` if the rule applies to a kind.
    pub(super) fn applies_to(&self, group: &str, kind: &str) -> bool {
        self.group.matches(group) && self.kind.matches(kind)
    }
}

fn group_of<'a>(group: Option<&'a str>, kind: &str) -> &'a str {
    group.unwrap_or(if kind == "*" { "*" } else { "" })
}

fn parse_json(text: &str) -> Result<Vec<RedactRule>, RuleError> {
    let error =
        |rule, problem: serde_json::Error| RuleError { rule, field: "rule", problem: problem.to_string() };
    let rules: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| error(1, e))?;
    let rule = |(i, value)| {
        let RuleV1 { group, kind, path } = serde_json::from_value(value).map_err(|e| error(i + 1, e))?;
        RedactRule::new(group_of(group.as_deref(), &kind), &kind, &path)
            .map_err(|e| RuleError { rule: i + 1, ..e })
    };
    rules.into_iter().enumerate().map(rule).collect()
}

fn parse_line(number: usize, line: &str) -> Result<RedactRule, RuleError> {
    let Some((kind, path)) = line.split_once(char::is_whitespace) else {
        let problem = "is missing: KIND[.GROUP] PATH expected".into();
        return Err(RuleError { rule: number, field: "path", problem });
    };
    let (kind, group) = kind.split_once('.').map_or((kind, None), |(kind, group)| (kind, Some(group)));
    let rule = RedactRule::new(group_of(group, kind), kind, path.trim_start());
    rule.map_err(|e| RuleError { rule: number, ..e })
}

/// A pattern with `*` and `?`, blind to ASCII case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(Box<[u8]>);

impl Glob {
    fn new(pattern: &str) -> Self {
        Self(pattern.to_ascii_lowercase().into_bytes().into())
    }

    /// Matches bytes, going back to the last `*` only, which takes time in proportion to pattern times text.
    fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (&*self.0, text.as_bytes());
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(&c) if c == b'?' || c == text[t].to_ascii_lowercase() => {
                    p += 1;
                    t += 1;
                }
                _ => match &mut star {
                    Some((at, from)) => {
                        *from += 1;
                        (p, t) = (*at + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Any way down, none included.
    Anywhere,
    /// A key of a map.
    Key(Glob),
    /// All elements of a list.
    Elements,
    /// Elements of a list that have such a field.
    Where(Box<str>, Glob),
}

fn parse_path(path: &str) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, after) = if let Some(inner) = rest.strip_prefix('[') {
            parse_bracket(inner)?
        } else if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            match name {
                "" => return Err(format!("has an empty name before `{after}`")),
                "**" => (Segment::Anywhere, after),
                name => (Segment::Key(Glob::new(name)), after),
            }
        } else {
            return Err(format!("has `{rest}` where `.` or `[` is expected"));
        };
        segments.push(segment);
        rest = after;
    }
    match segments.last() {
        None => Err("is empty".into()),
        Some(Segment::Anywhere) => Err("ends with `**`: name what to redact".into()),
        Some(_) => Ok(segments),
    }
}

/// Parses `*]`, `"glob"]` or `field="glob"]`, and returns what comes after it too.
fn parse_bracket(inner: &str) -> Result<(Segment, &str), String> {
    if let Some(after) = inner.strip_prefix("*]") {
        return Ok((Segment::Elements, after));
    }
    let expected = || format!("has `[{inner}` where `[*]`, `[\"name\"]` or `[field=\"value\"]` is expected");
    let (field, quoted) = inner.split_once('"').ok_or_else(expected)?;
    let (glob, after) = quoted.split_once("\"]").ok_or_else(expected)?;
    let glob = Glob::new(glob);
    match field.strip_suffix('=') {
        None if field.is_empty() => Ok((Segment::Key(glob), after)),
        Some(field) if !field.is_empty() => Ok((Segment::Where(field.into(), glob), after)),
        _ => Err(expected()),
    }
}

/// One step down in a document.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// Into a map.
    Key(&'a str),
    /// Into a list.
    Element(Node<'a>),
    /// Into a list, to an element that is not known: it may be any.
    Unknown,
}

/// Progress of the rules at a place in a document: index of the rule, and the number of its segments that matched.
pub(super) type States = Vec<(usize, usize)>;

/// Returns the states at the top of a document of a kind.
pub(super) fn start(rules: &[RedactRule], group: &str, kind: &str) -> States {
    let applicable = rules.iter().enumerate().filter(|(_, r)| r.applies_to(group, kind));
    applicable.map(|(i, _)| (i, 0)).collect()
}

/// Returns the states one step further down.
pub(super) fn step(rules: &[RedactRule], states: &States, step: Step<'_>) -> States {
    let mut next = States::new();
    let mut put = |state| {
        if !next.contains(&state) {
            next.push(state);
        }
    };
    for &(rule, mut at) in states {
        let path = &rules[rule].path;
        while let Some(Segment::Anywhere) = path.get(at) {
            put((rule, at));
            at += 1;
        }
        if path.get(at).is_some_and(|s| s.takes(step)) {
            put((rule, at + 1));
        }
    }
    next
}

/// Returns `true` if a rule matches here completely.
pub(super) fn is_complete(rules: &[RedactRule], states: &States) -> bool {
    states.iter().any(|&(rule, at)| rules[rule].path.len() == at)
}

impl Segment {
    fn takes(&self, step: Step<'_>) -> bool {
        match (self, step) {
            (Self::Key(glob), Step::Key(key)) => glob.matches(key),
            (Self::Elements, Step::Element(_) | Step::Unknown) | (Self::Where(..), Step::Unknown) => true,
            (Self::Where(field, glob), Step::Element(node)) => {
                node.kind() == Kind::Map
                    && node.get(field).and_then(Node::as_str).is_some_and(|v| glob.matches(v))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_parts_and_no_case() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(Glob::new(pattern).matches(text), expect, "{pattern} {text}");
        };
        check("*PASSWORD*", "db_password_file", true);
        check("*PASSWORD*", "passwor", false);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxbyy", false);
        check("?", "", false);
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check(&"*a".repeat(40), &"a".repeat(60), true);
        check(&"*a".repeat(40), &"b".repeat(60), false);
    }

    #[test]
    fn rules_are_read_in_both_forms() {
        let text = "# secrets in plain sight\n\n* .**.env[name=\"*TOKEN*\"].value\nConfigMap .data[\"*.pem\"]\nWidget.*.example.com .spec.list[*].x\n";
        let json = r#"[{"kind":"*","path":".**.env[name=\"*TOKEN*\"].value"},{"kind":"ConfigMap","path":".data[\"*.pem\"]"},
            {"group":"*.example.com","kind":"Widget","path":".spec.list[*].x"}]"#;
        let rules = RedactRule::parse_all(text).unwrap();
        assert_eq!(rules, RedactRule::parse_all(json).unwrap());
        assert!(rules[0].applies_to("apps", "Deployment") && !rules[1].applies_to("apps", "ConfigMap"));
        assert!(rules[2].applies_to("a.example.com", "Widget"));
    }

    #[test]
    fn a_broken_rule_is_named() {
        let check = |text: &str, expect: &str| {
            assert_eq!(RedactRule::parse_all(text).unwrap_err().to_string(), expect);
        };
        check("\nConfigMap", "redaction rule 2: `path` is missing: KIND[.GROUP] PATH expected");
        check("* data", "redaction rule 1: `path` has `data` where `.` or `[` is expected");
        check("* .data..x", "redaction rule 1: `path` has an empty name before `.x`");
        check("* .data.**", "redaction rule 1: `path` ends with `**`: name what to redact");
        check(
            "* .env[0].value",
            "redaction rule 1: `path` has `[0].value` where `[*]`, `[\"name\"]` or `[field=\"value\"]` is expected",
        );
        check(r#"[{"kind":"","path":".a"}]"#, "redaction rule 1: `kind` is empty: use `*` for all kinds");
        check(r#"[{"kind":"*","path":".a"},{"kind":"*"}]"#, "redaction rule 2: `rule` missing field `path`");
        check(
            r#"[{"kind":"*","path":".a","x":1}]"#,
            "redaction rule 1: `rule` unknown field `x`, expected one of `group`, `kind`, `path`",
        );
    }
}
