//! Declarative edges for custom resources: a readable file of rules, and the reader of it.

use std::collections::BTreeMap;

use crate::key::ResourceKey;
use crate::object::{Kind, Node, Object};
use crate::path::FieldPath;

use super::Relation;
use super::extract::Sink;
use super::host::IsAddress;

/// The rules that come along; the file says how they are written.
const BUNDLED: &str = include_str!("edges.rules");

/// Edge rules by group and kind.
#[derive(Clone, Debug, Default)]
pub struct EdgeRules {
    by_kind: BTreeMap<(String, String), Vec<Rule>>,
}

#[derive(Clone, Debug)]
struct Rule {
    relation: Relation,
    path: Vec<Step>,
    target: Target,
}

#[derive(Clone, Debug)]
enum Step {
    Field(String),
    Each,
}

#[derive(Clone, Debug)]
enum Target {
    /// The value is a name.
    Named { group: String, kind: String, is_global: bool },
    /// The value is a map that names the target; the kind if it says none.
    Ref(Option<(String, String)>),
    /// The value is a text with host names in it.
    Hosts,
}

/// A line that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {expected} expected")]
pub struct RuleError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What would have made sense.
    pub expected: &'static str,
}

impl EdgeRules {
    /// Returns the rules that come along.
    pub fn bundled() -> Self {
        Self::default().with(BUNDLED).expect("the bundled rules are tested")
    }

    /// Adds the rules of a file.
    ///
    /// # Errors
    /// Names the first line that is no rule.
    pub fn with(mut self, text: &str) -> Result<Self, RuleError> {
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (kind, rule) = parse(line).map_err(|expected| RuleError { line: i + 1, expected })?;
            self.by_kind.entry(kind).or_default().push(rule);
        }
        Ok(self)
    }

    pub(super) fn apply(&self, key: &ResourceKey, object: &Object, sink: &mut Sink) {
        let kind = (key.group.to_string(), key.kind.to_string());
        for rule in self.by_kind.get(&kind).into_iter().flatten() {
            let mut path = Vec::new();
            walk(object.root(), &rule.path, &mut path, &mut |node, path| rule.found(key, node, path, sink));
        }
    }
}

fn walk<'a>(
    node: Node<'a>,
    steps: &'a [Step],
    path: &mut Vec<&'a str>,
    found: &mut dyn FnMut(Node<'a>, &[&str]),
) {
    match steps.split_first() {
        None => found(node, path),
        Some((Step::Each, rest)) => node.children().for_each(|n| walk(n, rest, path, found)),
        Some((Step::Field(name), rest)) => {
            if let Some(n) = node.get(name) {
                path.push(name);
                walk(n, rest, path, found);
                path.pop();
            }
        }
    }
}

impl Rule {
    fn found(&self, key: &ResourceKey, node: Node<'_>, path: &[&str], sink: &mut Sink) {
        let at = FieldPath::of(path);
        match &self.target {
            Target::Hosts => {
                let rule = format!("address in {at}");
                sink.hosts(node.as_str().unwrap_or_default(), IsAddress::Yes, &key.namespace, &rule);
            }
            Target::Named { group, kind, is_global } => {
                let namespace = if *is_global { "" } else { &*key.namespace };
                let name = node.as_str().unwrap_or_default();
                sink.field(self.relation, ResourceKey::new(group, kind, namespace, name), at);
            }
            Target::Ref(default) if node.kind() == Kind::Map => {
                let api = node.str_at(&["apiVersion"]).and_then(|a| a.rsplit_once('/')).map(|(g, _)| g);
                let group = node.str_at(&["group"]).or(api);
                let (default_group, default_kind) =
                    default.as_ref().map_or(("", ""), |(g, k)| (g.as_str(), k.as_str()));
                let kind = node.str_at(&["kind"]).unwrap_or(default_kind);
                if kind.is_empty() {
                    return;
                }
                let group = group.unwrap_or(match kind {
                    "Secret" | "ConfigMap" | "Service" => "",
                    _ => default_group,
                });
                let namespace = node.str_at(&["namespace"]).unwrap_or(&key.namespace);
                let namespace = if kind.starts_with("Cluster") { "" } else { namespace };
                let name = node.str_at(&["name"]).unwrap_or_default();
                sink.field(self.relation, ResourceKey::new(group, kind, namespace, name), at);
            }
            Target::Ref(_) => {}
        }
    }
}

fn split_kind(text: &str) -> (String, String) {
    let (kind, group) = text.split_once('.').unwrap_or((text, ""));
    (group.to_owned(), kind.to_owned())
}

fn parse(line: &str) -> Result<((String, String), Rule), &'static str> {
    let (left, target) = line.split_once("->").ok_or("`->` and a target")?;
    let mut words = left.split_whitespace();
    let (Some(kind), Some(relation), Some(path), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("KIND.GROUP RELATION PATH");
    };
    let target = target.trim();
    let target = match target {
        "" => return Err("a target"),
        "hosts" => Target::Hosts,
        "ref" => Target::Ref(None),
        _ => match (target.strip_prefix("ref:"), target.strip_prefix("//")) {
            (Some(kind), _) => Target::Ref(Some(split_kind(kind))),
            (None, global) => {
                let (group, kind) = split_kind(global.unwrap_or(target));
                Target::Named { group, kind, is_global: global.is_some() }
            }
        },
    };
    let rule = Rule { relation: relation_of(relation)?, path: steps(path), target };
    Ok((split_kind(kind), rule))
}

fn steps(path: &str) -> Vec<Step> {
    let mut out = Vec::new();
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        out.push(Step::Field(name.to_owned()));
        out.extend((0..(part.len() - name.len()) / 2).map(|_| Step::Each));
    }
    out
}

fn relation_of(word: &str) -> Result<Relation, &'static str> {
    Ok(match word {
        "uses" => Relation::Uses,
        "routes" => Relation::Routes,
        "scales" => Relation::Scales,
        "selects" => Relation::Selects,
        "grants" => Relation::Grants,
        "calls" => Relation::Calls,
        "managed-by" => Relation::ManagedBy,
        "sourced-from" => Relation::SourcedFrom,
        "depends-on" => Relation::DependsOn,
        "backed-by" => Relation::BackedBy,
        "writes" => Relation::Writes,
        "talks-to" => Relation::TalksTo,
        _ => return Err("one of the relations that the head of the bundled file lists"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_rules_can_be_read() {
        assert!(EdgeRules::default().with(BUNDLED).unwrap().by_kind.len() > 20);
    }

    #[test]
    fn a_broken_rule_names_its_line() {
        let check = |text: &str, line: usize| {
            assert_eq!(EdgeRules::default().with(text).unwrap_err().line, line, "{text}");
        };
        check("# fine\n\nWidget.example.com uses spec.a", 3);
        check("Widget.example.com eats spec.a -> Secret", 1);
        check("Widget.example.com uses -> Secret", 1);
        check("Widget.example.com uses spec.a ->", 1);
    }
}
