//! Where two states of an object differ, by the schema of its kind.
//!
//! Equal by meaning is equal: quantities, durations, associative lists and sets in any order, `null` and absent. A
//! whole added or removed part is one change at its root; an atomic list or struct is one change at its own path.
//!
//! **Invariant:** knows no events and no owners; a diff never fails.

mod patch;
mod scalar;
mod walk;

use serde_json::Value;

pub use patch::PatchError;
pub(crate) use scalar::same_scalar;
pub(crate) use walk::{Difference, Mode, Walk};

use crate::object::{Doc, Node};
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// One place where two states differ.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where.
    pub path: FieldPath,
    /// The value before; `None` where there was none.
    pub before: Option<Value>,
    /// The value after; `None` where there is none.
    pub after: Option<Value>,
}

/// All places where two states differ, sorted by path. A value: comparable, invertible, appliable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    changes: Vec<FieldChange>,
}

impl Diff {
    /// Returns the changes, sorted by path.
    pub fn changes(&self) -> &[FieldChange] {
        &self.changes
    }

    /// Tells whether the states mean the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns the diff that leads back.
    #[must_use]
    pub fn invert(&self) -> Self {
        let back = |c: &FieldChange| FieldChange { path: c.path.clone(), before: c.after.clone(), after: c.before.clone() };
        Self { changes: self.changes.iter().map(back).collect() }
    }

    /// Returns the diff without the changes at or below some paths.
    #[must_use]
    pub fn without(mut self, paths: &[FieldPath]) -> Self {
        self.changes.retain(|c| !paths.iter().any(|p| c.path.starts_with(p)));
        self
    }

    /// Puts the changes into a document; what comes out means the same as the state they lead to.
    ///
    /// # Errors
    /// When the document has no place for a change, because it is another than the one the diff starts from.
    pub fn patch(&self, doc: &Doc, ty: Option<TypeRef<'_>>) -> Result<Doc, PatchError> {
        patch::apply(doc, &self.changes, ty)
    }
}

impl FromIterator<FieldChange> for Diff {
    fn from_iter<I: IntoIterator<Item = FieldChange>>(changes: I) -> Self {
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Self { changes }
    }
}

/// Finds where two states differ; without a type, lists are compared as wholes.
///
/// # Example
/// ```
/// use drift_core::{Doc, diff, schema::SchemaSet};
/// let schemas = SchemaSet::bundled();
/// let service = schemas.kind("", "v1", "Service").unwrap().root();
/// let doc = |json: &str| Doc::from_json(json.as_bytes()).unwrap();
/// let before = doc(r#"{"spec":{"ports":[{"port":80,"targetPort":1},{"port":443}]}}"#);
/// let after = doc(r#"{"spec":{"ports":[{"port":443},{"port":80,"targetPort":2,"protocol":"TCP"}]}}"#);
/// let found = diff(&before, &after, Some(service));
/// assert_eq!(found.changes()[0].path.to_string(), r#".spec.ports[port=80,protocol="TCP"].protocol"#);
/// assert_eq!(found.changes()[1].path.to_string(), r#".spec.ports[port=80,protocol="TCP"].targetPort"#);
/// assert!(diff(&found.patch(&before, Some(service)).unwrap(), &after, Some(service)).is_empty());
/// ```
pub fn diff(before: &Doc, after: &Doc, ty: Option<TypeRef<'_>>) -> Diff {
    diff_nodes(before.root(), after.root(), ty)
}

fn diff_nodes<'a>(before: Node<'a>, after: Node<'a>, ty: Option<TypeRef<'a>>) -> Diff {
    let mut walk = Walk::new(Mode::Versions, before, after);
    walk.pair(before, after, ty);
    let change = |d: Difference<'_>| FieldChange {
        path: d.path,
        before: d.desired.map(Node::to_value),
        after: d.live.map(Node::to_value),
    };
    walk.finish().into_iter().map(change).collect()
}
