//! The table of what the API server and built-in controllers put into objects and OpenAPI does not state.
//!
//! The table is `data/defaults.txt`; its head explains the notation. This module reads it and writes it into the
//! types of a source.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::graph::{DefaultNode, ElementOrder, EntryPattern, TypeGraph, TypeKind};
use super::rule::Rule;
use crate::object::Doc;

const TABLE: &str = include_str!("../../data/defaults.txt");

/// One line of the table, for each of the API packages of its section.
#[derive(Debug)]
pub(super) struct Edit {
    /// Line in the file, for messages.
    pub(super) line: usize,
    /// OpenAPI names of the type that the path starts from.
    pub(super) types: Vec<String>,
    steps: Vec<DefaultPathStep>,
    pattern: Option<EntryPattern>,
    value: Value,
}

#[derive(Debug)]
enum DefaultPathStep {
    Field(Box<str>),
    /// The elements of a list or the values of a map.
    Elements,
}

#[derive(Debug)]
enum Value {
    Constant(Doc),
    Computed(Rule),
    Allocated,
    Order(ElementOrder),
}

/// Returns the lines of the table.
pub(super) fn edits() -> &'static [Edit] {
    static EDITS: OnceLock<Vec<Edit>> = OnceLock::new();
    EDITS.get_or_init(|| parse(TABLE).expect("a test reads the table that is compiled in"))
}

/// Reads the table; the error is the number of the line that cannot be read.
fn parse(text: &str) -> Result<Vec<Edit>, usize> {
    let mut edits = Vec::new();
    let mut packages: Vec<&str> = Vec::new();
    for (line, content) in text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(section) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
            packages = section.split_whitespace().collect();
            continue;
        }
        edits.push(edit(line, content, &packages).ok_or(line)?);
    }
    Ok(edits)
}

fn edit(line: usize, content: &str, packages: &[&str]) -> Option<Edit> {
    let (target, value) = content.split_once(" = ")?;
    let (name, path) = target.trim().split_once('.')?;
    let types: Vec<String> = packages.iter().map(|p| format!("{p}.{name}")).collect();
    let (steps, pattern) = path_steps(path)?;
    let value = match value.trim() {
        "allocated" => Value::Allocated,
        "any order" => Value::Order(ElementOrder::Any),
        "sequence" => Value::Order(ElementOrder::Sequence),
        "sequence of references" => Value::Order(ElementOrder::References),
        value => match value.strip_prefix("rule ") {
            Some(rule) => Value::Computed(Rule::from_name(rule.trim())?),
            None => Value::Constant(Doc::from_json(value.as_bytes()).ok()?),
        },
    };
    let whole =
        !types.is_empty() && !steps.is_empty() && (pattern.is_none() || matches!(value, Value::Allocated));
    whole.then_some(Edit { line, types, steps, pattern, value })
}

/// Reads `a.b[].c` or `a.b[PATTERN]`.
fn path_steps(path: &str) -> Option<(Vec<DefaultPathStep>, Option<EntryPattern>)> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[]") {
            steps.push(DefaultPathStep::Elements);
            rest = after.strip_prefix('.').unwrap_or(after);
        } else if let Some(pattern) = rest.strip_prefix('[') {
            return Some((steps, Some(entry_pattern(pattern.strip_suffix(']')?))));
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(DefaultPathStep::Field(rest[..end].into()));
            rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
        }
    }
    Some((steps, None))
}

fn entry_pattern(text: &str) -> EntryPattern {
    let (field, text) = text.split_once('=').unwrap_or(("", text));
    let prefix = text.ends_with('*');
    EntryPattern { field: field.into(), text: text.strip_suffix('*').unwrap_or(text).into(), prefix }
}

/// Writes the table into the types of a graph, given their ids by OpenAPI name.
///
/// Lines for types or fields that the graph does not have are passed over: other releases have other fields.
/// Returns the lines that had an effect.
pub(super) fn apply(graph: &mut TypeGraph, names: &HashMap<String, u32>) -> HashSet<usize> {
    let mut own = HashSet::new();
    let mut applied = HashSet::new();
    for edit in edits() {
        for id in edit.types.iter().filter_map(|name| names.get(name)) {
            if edit.apply(graph, &mut own, *id).is_some() {
                applied.insert(edit.line);
            }
        }
    }
    applied
}

impl Edit {
    fn apply(&self, graph: &mut TypeGraph, own: &mut HashSet<u32>, start: u32) -> Option<()> {
        let (last, parents) = match (&self.pattern, &self.value) {
            (Some(_), _) | (_, Value::Order(_)) => (None, &self.steps[..]),
            _ => self.steps.split_last().map(|(last, parents)| (Some(last), parents))?,
        };
        // Looked up before anything is copied: a line without effect leaves no copies behind.
        self.steps.iter().try_fold(start, |at, step| child(graph, at, step))?;
        let at = parents.iter().try_fold(start, |at, step| own_child(graph, own, at, step))?;
        if let Some(pattern) = &self.pattern {
            let node = graph.node_mut(at);
            let mut all = std::mem::take(&mut node.allocated).into_vec();
            all.push(pattern.clone());
            node.allocated = all.into();
            return Some(());
        }
        if let Value::Order(order) = self.value {
            let node = graph.node_mut(at);
            node.order = order;
            return matches!(node.kind, TypeKind::List { .. }).then_some(());
        }
        let Some(DefaultPathStep::Field(name)) = last else { return None };
        let default = match &self.value {
            Value::Constant(value) => graph.constant(value.clone()),
            Value::Computed(rule) => DefaultNode::Computed(*rule),
            Value::Allocated | Value::Order(_) => DefaultNode::Allocated,
        };
        let name = graph.intern(name);
        if let TypeKind::Struct { fields, .. } = &mut graph.node_mut(at).kind {
            fields.iter_mut().filter(|f| f.name == name).for_each(|f| f.default = default);
        }
        Some(())
    }
}

/// Returns the type one step below.
fn child(graph: &TypeGraph, at: u32, step: &DefaultPathStep) -> Option<u32> {
    match (&graph.node(at).kind, step) {
        (TypeKind::Struct { fields, .. }, DefaultPathStep::Field(name)) => {
            fields.iter().find(|f| graph.text(f.name) == &**name).map(|f| f.ty)
        }
        (
            TypeKind::List { element: below, .. } | TypeKind::Map { value: below, .. },
            DefaultPathStep::Elements,
        ) => Some(*below),
        _ => None,
    }
}

/// Returns the type one step below as a copy that only this place uses.
fn own_child(graph: &mut TypeGraph, own: &mut HashSet<u32>, at: u32, step: &DefaultPathStep) -> Option<u32> {
    let below = child(graph, at, step)?;
    if own.contains(&below) {
        return Some(below);
    }
    let copy = graph.add(graph.node(below).clone());
    own.insert(copy);
    let field = if let DefaultPathStep::Field(name) = step { Some(graph.intern(name)) } else { None };
    match &mut graph.node_mut(at).kind {
        TypeKind::Struct { fields, .. } => {
            fields.iter_mut().filter(|f| Some(f.name) == field).for_each(|f| f.ty = copy)
        }
        TypeKind::List { element: below, .. } | TypeKind::Map { value: below, .. } => *below = copy,
        TypeKind::Unknown | TypeKind::Scalar(_) => {}
    }
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(parse(TABLE).map(|e| e.len() > 200), Ok(true));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for line in ["A = 1", "A.b 1", "A.b = {", "A.b = rule no-such", "A.b[x] = 1", "A.b[x = allocated"] {
            assert_eq!(parse(&format!("[p]\n\n{line}")).map(|_| ()), Err(3), "{line}");
        }
        assert_eq!(parse("A.b = 1").map(|_| ()), Err(1), "outside any section");
    }
}
