//! Who gave each field of a resource its present value: in which recorded version, by which field manager, through
//! which Application, Kustomization or release.
//!
//! A field's value is followed back through the versions of the resource to the one that gave it, and the writer is read
//! from the managedFields of *that* version. What an engine takes over later without changing the value, as Flux does
//! with what kubectl wrote, stays with who wrote it.
//!
//! **Invariant:** knows no audit log and no Git; who is behind a manager and which commit behind a value is for the
//! caller to join by [`FieldBlame::version`].

mod declares;
mod leaves;
mod operation;
mod version;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use declares::declares;
pub(crate) use leaves::{type_at, units};
pub use operation::{Applications, Initiator};
pub use version::Version;
pub(crate) use version::{changes, remover, same_but_status, writer};

use crate::diff::FieldChange;
use crate::drift::Owner;
use crate::object::{Node, Object};
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// Since when a field has its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Since {
    /// A recorded version gave it.
    Recorded,
    /// The field had it when the record begins; the time is that of its owner, or of the object.
    Earlier,
}

/// Where one field has its value from.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldBlame {
    /// The field.
    pub path: FieldPath,
    /// Its value.
    pub value: Value,
    /// Which of the versions gave it.
    pub version: usize,
    /// When that was.
    pub at: Timestamp,
    /// Whether it was recorded.
    pub since: Since,
    /// Who wrote it, by the managedFields of that version; `None` where they name nobody.
    pub writer: Option<Owner>,
}

/// Returns who set each field at or below a path, sorted by path; nothing where the object is gone.
///
/// A path that leads to a part with fields of its own comes first, as it was last changed anywhere, then its fields.
/// Of a whole object `status` and what the server keeps in `metadata` are left out.
pub fn blame(versions: &[Version], ty: Option<TypeRef<'_>>, path: &FieldPath) -> Vec<FieldBlame> {
    let Some(last) = versions.last().and_then(|v| v.object.as_deref()) else { return Vec::new() };
    let first = first_of_incarnation(versions);
    let written: Vec<(usize, FieldChange)> = (first + 1..versions.len())
        .flat_map(|i| {
            let pair = (versions[i - 1].object.as_deref(), versions[i].object.as_deref());
            let changes = match pair {
                (Some(before), Some(after)) => changes(before, after, ty),
                _ => Vec::new(),
            };
            changes.into_iter().map(move |c| (i, c))
        })
        .collect();
    let record = Record { versions, first, written };
    leaves::leaves(last, ty, path).into_iter().map(|(path, node)| record.field(path, node)).collect()
}

/// Returns the first version of the object that is there last: since it was made, or since the record begins.
fn first_of_incarnation(versions: &[Version]) -> usize {
    let uid = |v: &Version| v.object.as_deref().and_then(Object::uid);
    let last = versions.last().and_then(uid);
    let earlier = versions.iter().rposition(|v| v.object.is_none() || uid(v) != last);
    earlier.map_or(0, |i| i + 1)
}

struct Record<'a> {
    versions: &'a [Version],
    first: usize,
    written: Vec<(usize, FieldChange)>,
}

impl Record<'_> {
    fn field(&self, path: FieldPath, node: Node<'_>) -> FieldBlame {
        let version = self.written.iter().rev().find(|(i, c)| self.gave(*i, c, &path)).map(|(i, _)| *i);
        let version = version.unwrap_or(self.first);
        let before = version.checked_sub(1).filter(|_| version > self.first).and_then(|i| self.object(i));
        let after = self.object(version);
        let writer = after.and_then(|o| writer(before, o, &path));
        let is_recorded = version > self.first || self.first > 0 || self.versions[version].is_new();
        let (since, at) = match is_recorded {
            true => (Since::Recorded, self.versions[version].at),
            false => (Since::Earlier, self.earlier(writer.as_ref())),
        };
        FieldBlame { value: node.to_value(), path, version, at, since, writer }
    }

    fn object(&self, version: usize) -> Option<&Object> {
        self.versions[version].object.as_ref().map(Arc::as_ref)
    }

    /// Returns `true` if a change gave the field, or a part of it, the value that it had then.
    fn gave(&self, version: usize, change: &FieldChange, path: &FieldPath) -> bool {
        if change.path.starts_with(path) {
            return true;
        }
        // A whole part around it came, went or was replaced: the field itself may have stayed as it was.
        path.starts_with(&change.path) && {
            let value =
                |i: usize| self.object(i).and_then(|o| o.root().at_path(path)).filter(|n| !n.is_null());
            value(version - 1) != value(version)
        }
    }

    fn earlier(&self, writer: Option<&Owner>) -> Timestamp {
        let first = &self.versions[self.first];
        writer.and_then(|w| w.time).or_else(|| first.created_at()).unwrap_or(first.at)
    }
}

#[cfg(test)]
mod tests;
