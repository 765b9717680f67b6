//! JSON pointers against typed paths.

use serde_json::Value;

use crate::drift::DriftChange;
use crate::object::{Kind, Node, Object};
use crate::path::{FieldPath, PathElement, Scalar};

use super::ResourcePair;

/// One step of an untyped path, as jq and JSON pointers know them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointerStep {
    /// A key of a map.
    Key(String),
    /// A place in a list.
    Index(usize),
    /// In a pointer, a number that is a key or a place, depending on what it meets.
    Either(String),
}

impl PointerStep {
    fn is(&self, other: &PointerStep) -> bool {
        match (self, other) {
            (Self::Either(a), Self::Key(b)) => a == b,
            (Self::Either(a), Self::Index(b)) => *a == b.to_string(),
            (a, b) => a == b,
        }
    }

    /// Returns the place in a list that the step leads to, if it may be one.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Key(_) => None,
            Self::Index(i) => Some(*i),
            Self::Either(text) => text.parse().ok(),
        }
    }
}

/// Parses a JSON pointer to a place inside of a document.
pub(super) fn parse(text: &str) -> Result<Vec<PointerStep>, String> {
    if text.is_empty() {
        return Err(
            "the empty pointer names the object as a whole, of which nothing would be left to compare".into(),
        );
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!("`{text}` is no JSON pointer: it begins with `/`"));
    };
    Ok(rest.split('/').map(|s| PointerStep::Either(s.replace("~1", "/").replace("~0", "~"))).collect())
}

/// Returns `true` if a change lies in places that are taken out of both documents, as far as it has a side in them.
///
/// An engine removes the places from each document and compares the rest, so one side alone is not enough.
pub(super) fn covers(
    change: &DriftChange,
    sides: ResourcePair<'_>,
    in_desired: &[Vec<PointerStep>],
    in_live: &[Vec<PointerStep>],
) -> bool {
    let side = |there: bool, object: Option<&Object>, places: &[Vec<PointerStep>]| {
        !there || object.is_some_and(|o| covered(o.root(), &change.path, places))
    };
    let any = !(in_desired.is_empty() && in_live.is_empty());
    any && side(change.desired.is_some(), sides.desired, in_desired)
        && side(change.live.is_some(), sides.live, in_live)
}

/// Returns `true` if a place lies deeper than a change, on a side that has both.
pub(super) fn reach_into(change: &DriftChange, object: Option<&Object>, places: &[Vec<PointerStep>]) -> bool {
    let Some((steps, _)) = object.and_then(|o| locate(o.root(), &change.path)) else { return false };
    places.iter().any(|p| p.len() > steps.len() && steps.iter().zip(p).all(|(a, b)| b.is(a)))
}

/// Returns `true` if the value at a path, or all that is in it, lies in some places.
fn covered(root: Node<'_>, path: &FieldPath, places: &[Vec<PointerStep>]) -> bool {
    let Some((steps, node)) = locate(root, path) else { return false };
    let hit = |steps: &[PointerStep]| {
        places.iter().any(|p| p.len() <= steps.len() && p.iter().zip(steps).all(|(a, b)| a.is(b)))
    };
    if hit(&steps) {
        return true;
    }
    // A subtree in which nothing is left once the places are gone; what only names an element does not count.
    let deeper = places.iter().any(|p| p.len() > steps.len() && steps.iter().zip(p).all(|(a, b)| b.is(a)));
    deeper && emptied(node, &mut steps.clone(), &hit)
}

fn emptied(node: Node<'_>, steps: &mut Vec<PointerStep>, hit: &impl Fn(&[PointerStep]) -> bool) -> bool {
    if hit(steps) {
        return true;
    }
    let list = match node.kind() {
        Kind::List => true,
        Kind::Map => false,
        _ => return false,
    };
    !node.is_empty()
        && node.children().enumerate().all(|(i, child)| {
            steps.push(if list { PointerStep::Index(i) } else { PointerStep::Key(child.key().to_owned()) });
            let gone = emptied(child, steps, hit);
            steps.pop();
            gone
        })
}

/// Follows a typed path in a document, and says by which places it leads.
pub(super) fn locate<'a>(root: Node<'a>, path: &FieldPath) -> Option<(Vec<PointerStep>, Node<'a>)> {
    let (mut steps, mut at) = (Vec::new(), root);
    for element in path.elements() {
        let index = match element {
            PathElement::Field(name) => {
                at = at.get(name)?;
                steps.push(PointerStep::Key(name.to_string()));
                continue;
            }
            PathElement::Index(i) => *i,
            PathElement::Value(v) => at.children().position(|n| scalar(n.to_value()).as_ref() == Some(v))?,
            PathElement::Key(fields) => at.children().position(|n| {
                fields.iter().all(|(k, v)| n.get(k).is_none_or(|f| scalar(f.to_value()).as_ref() == Some(v)))
            })?,
        };
        at = at.children().nth(index)?;
        steps.push(PointerStep::Index(index));
    }
    Some((steps, at))
}

fn scalar(value: Value) -> Option<Scalar> {
    Scalar::from_value(&value)
}
