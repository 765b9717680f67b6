//! Declarative edges for custom resources: a readable file of rules, and the reader of it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::key::ResourceKey;
use crate::object::{Kind, Node, Object};
use crate::path::FieldPath;

use super::edge::Relation;
use super::host::IsAddress;
use super::reference::ReferenceSink;

/// The rules that come along; the file says how they are written.
const BUNDLED: &str = include_str!("edges.rules");

/// Edge rules by group and kind.
#[derive(Clone, Debug, Default)]
pub struct EdgeRules {
    by_kind: BTreeMap<(String, String), Vec<EdgeRule>>,
}

#[derive(Clone, Debug)]
struct EdgeRule {
    relation: Relation,
    path: Vec<EdgePathStep>,
    target: EdgeTarget,
}

#[derive(Clone, Debug)]
enum EdgePathStep {
    Field(String),
    Each,
}

#[derive(Clone, Debug)]
enum EdgeTarget {
    /// The value is a name.
    Named { group: String, kind: String, is_global: bool },
    /// The value is a map that names the target; the kind if it says none.
    Ref(Option<(String, String)>),
    /// The value is a text with host names in it.
    Hosts,
}

/// A line that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {field}: {expected} expected, not `{found}`")]
pub struct EdgeRuleError {
    /// Number of the line, from 1.
    pub line: usize,
    /// Which part of it: `rule`, `kind`, `relation`, `path` or `target`.
    pub field: &'static str,
    /// What would have made sense.
    pub expected: &'static str,
    /// What stands there, shortened.
    pub found: String,
}

/// A part of a line that makes no sense: which one, what was expected, what stands there.
type InvalidPart<'l> = (&'static str, &'static str, &'l str);

/// Longest path of a rule, in steps; no schema of the API is nested deeper.
const MAX_STEPS: usize = 64;

impl EdgeRules {
    /// Returns the rules that come along.
    pub fn bundled() -> Self {
        Self::default().with(BUNDLED).expect("the bundled rules are tested")
    }

    /// Returns the rules that come along, read once for all graphs.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<EdgeRules>> = LazyLock::new(|| Arc::new(EdgeRules::bundled()));
        Arc::clone(&SHARED)
    }

    /// Adds the rules of a file.
    ///
    /// # Errors
    /// Names the first line that is no rule.
    pub fn with(mut self, text: &str) -> Result<Self, EdgeRuleError> {
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (kind, rule) = parse(line).map_err(|(field, expected, found)| EdgeRuleError {
                line: i + 1,
                field,
                expected,
                found: found.chars().filter(|c| !c.is_control()).take(80).collect(),
            })?;
            self.by_kind.entry(kind).or_default().push(rule);
        }
        Ok(self)
    }

    pub(super) fn apply(&self, key: &ResourceKey, object: &Object, sink: &mut ReferenceSink) {
        let kind = (key.group.to_string(), key.kind.to_string());
        for rule in self.by_kind.get(&kind).into_iter().flatten() {
            let mut path = Vec::new();
            walk(object.root(), &rule.path, &mut path, &mut |node, path| rule.found(key, node, path, sink));
        }
    }
}

fn walk<'a>(
    node: Node<'a>,
    steps: &'a [EdgePathStep],
    path: &mut Vec<&'a str>,
    found: &mut dyn FnMut(Node<'a>, &[&str]),
) {
    match steps.split_first() {
        None => found(node, path),
        Some((EdgePathStep::Each, rest)) => node.children().for_each(|n| walk(n, rest, path, found)),
        Some((EdgePathStep::Field(name), rest)) => {
            if let Some(n) = node.get(name) {
                path.push(name);
                walk(n, rest, path, found);
                path.pop();
            }
        }
    }
}

impl EdgeRule {
    fn found(&self, key: &ResourceKey, node: Node<'_>, path: &[&str], sink: &mut ReferenceSink) {
        let at = FieldPath::of(path);
        match &self.target {
            EdgeTarget::Hosts => {
                let rule = format!("address in {at}");
                sink.hosts(node.as_str().unwrap_or_default(), IsAddress::Yes, &key.namespace, &rule);
            }
            EdgeTarget::Named { group, kind, is_global } => {
                let namespace = if *is_global { "" } else { &*key.namespace };
                let name = node.as_str().unwrap_or_default();
                sink.field(self.relation, ResourceKey::new(group, kind, namespace, name), at);
            }
            EdgeTarget::Ref(default) if node.kind() == Kind::Map => {
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
            EdgeTarget::Ref(_) => {}
        }
    }
}

/// Reads `KIND` or `KIND.GROUP`.
fn split_kind<'l>(field: &'static str, text: &'l str) -> Result<(String, String), InvalidPart<'l>> {
    let (kind, group) = text.split_once('.').unwrap_or((text, ""));
    let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_group = group.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !is_kind || !is_group || text.ends_with('.') {
        return Err((field, "KIND or KIND.GROUP", text));
    }
    Ok((group.to_owned(), kind.to_owned()))
}

fn parse(line: &str) -> Result<((String, String), EdgeRule), InvalidPart<'_>> {
    let Some((left, target)) = line.split_once("->") else {
        return Err(("rule", "KIND.GROUP RELATION PATH -> TARGET", line));
    };
    let words: Vec<_> = left.split_whitespace().collect();
    let [kind, relation, path] = words[..] else {
        return Err(("rule", "KIND.GROUP RELATION PATH before `->`", left));
    };
    let kind = split_kind("kind", kind)?;
    let rule =
        EdgeRule { relation: relation_of(relation)?, path: steps(path)?, target: target_of(target.trim())? };
    Ok((kind, rule))
}

fn target_of(target: &str) -> Result<EdgeTarget, InvalidPart<'_>> {
    Ok(match target {
        "" => return Err(("target", "KIND.GROUP, //KIND.GROUP, ref, ref:KIND.GROUP or hosts", target)),
        "hosts" => EdgeTarget::Hosts,
        "ref" => EdgeTarget::Ref(None),
        _ => match (target.strip_prefix("ref:"), target.strip_prefix("//")) {
            (Some(kind), _) => EdgeTarget::Ref(Some(split_kind("target", kind)?)),
            (None, global) => {
                let (group, kind) = split_kind("target", global.unwrap_or(target))?;
                EdgeTarget::Named { group, kind, is_global: global.is_some() }
            }
        },
    })
}

fn steps(path: &str) -> Result<Vec<EdgePathStep>, InvalidPart<'_>> {
    let odd = Err(("path", "field names with dots between them, and [] after lists,", path));
    let mut out = Vec::new();
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        if name.is_empty() || name.contains(['[', ']']) || out.len() > MAX_STEPS {
            return odd;
        }
        out.push(EdgePathStep::Field(name.to_owned()));
        out.extend((0..(part.len() - name.len()) / 2).map(|_| EdgePathStep::Each));
    }
    if out.len() > MAX_STEPS { odd } else { Ok(out) }
}

fn relation_of(word: &str) -> Result<Relation, InvalidPart<'_>> {
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
        _ => {
            let all = "uses, routes, scales, selects, grants, calls, managed-by, sourced-from, depends-on, backed-by, writes or talks-to";
            return Err(("relation", all, word));
        }
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
        let check = |text: &str, line: usize, field: &str| {
            let error = EdgeRules::default().with(text).unwrap_err();
            assert_eq!((error.line, error.field), (line, field), "{text}: {error}");
        };
        check("# fine\n\nWidget.example.com uses spec.a", 3, "rule");
        check("Widget.example.com uses -> Secret", 1, "rule");
        check("Widget.example.com eats spec.a -> Secret", 1, "relation");
        check("Widget.example.com uses spec.a ->", 1, "target");
        check("Widget.example.com uses spec.a -> Sec/ret", 1, "target");
        check("Widget.example.com uses spec.a -> ref:", 1, "target");
        check(".example.com uses spec.a -> Secret", 1, "kind");
        check("Widget.example.com uses spec..a -> Secret", 1, "path");
        check("Widget.example.com uses [] -> Secret", 1, "path");
        check("Widget.example.com uses spec[0].a -> Secret", 1, "path");
        check(&format!("Widget.example.com uses {} -> Secret", "a".to_owned() + &"[]".repeat(99)), 1, "path");
    }
}
