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
mod writer;

use jiff::Timestamp;
use serde_json::Value;

pub use declares::declares;
pub(crate) use leaves::{type_at, units};
pub use operation::{Applications, Initiator};
pub(crate) use writer::{changes, remover, writer};

use crate::diff::FieldChange;
use crate::drift::Owner;
use crate::history::{History, VersionList};
use crate::key::ResourceKey;
use crate::object::{Node, Object};
use crate::path::FieldPath;
use crate::schema::TypeRef;
use writer::{created_at, is_first_version};

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
    /// Which of the [`History::versions`] gave it.
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
/// Of a whole object `status` and the server's own metadata are left out.
///
/// The fingerprints of the history say which versions can have written a field; only these are decompressed.
///
/// # Example
/// ```
/// use drift_core::history::History;
/// use drift_core::{Event, FieldPath, ResourceKey, Until, blame::blame};
///
/// # let events: Vec<Event> = Vec::new();
/// let history = History::from_events(&events, Until::End);
/// let web = ResourceKey::new("apps", "Deployment", "shop", "web");
/// for field in blame(&history, &web, None, &FieldPath::of(&["spec", "replicas"])) {
///     println!("{} was set at {} by {:?}", field.path, field.at, field.writer);
/// }
/// ```
pub fn blame(
    history: &History,
    key: &ResourceKey,
    ty: Option<TypeRef<'_>>,
    path: &FieldPath,
) -> Vec<FieldBlame> {
    blame_versions(&history.version_list(key), ty, path)
}

fn blame_versions(versions: &dyn VersionList, ty: Option<TypeRef<'_>>, path: &FieldPath) -> Vec<FieldBlame> {
    let Some(last) = versions.count().checked_sub(1) else { return Vec::new() };
    let Some(object) = versions.object(last) else { return Vec::new() };
    let first = first_of_incarnation(versions, last);
    let in_status = path.starts_with_fields(&["status"]);
    let may_write = |n: &usize| in_status || versions.may_change_spec(*n);
    let written: Vec<(usize, FieldChange)> = (first + 1..=last)
        .filter(may_write)
        .flat_map(|n| {
            let pair = versions.object(n - 1).zip(versions.object(n));
            let changes = pair.map_or_else(Vec::new, |(before, after)| changes(before, after, ty));
            changes.into_iter().map(move |c| (n, c))
        })
        .collect();
    let record = Record { versions, first, written };
    leaves::leaves(object, ty, path).into_iter().map(|(path, node)| record.field(path, node)).collect()
}

/// Returns the first version of the object that is there last: since it was created, or since the record begins.
fn first_of_incarnation(versions: &dyn VersionList, last: usize) -> usize {
    let uid = versions.object(last).and_then(Object::uid);
    // Where another incarnation ends, the spec may have changed: the uid is part of what is compared.
    let begins = |n: &usize| {
        versions.may_change_spec(*n) && versions.object(n - 1).is_none_or(|before| before.uid() != uid)
    };
    (1..=last).rev().find(begins).unwrap_or(0)
}

struct Record<'a> {
    versions: &'a dyn VersionList,
    first: usize,
    written: Vec<(usize, FieldChange)>,
}

impl Record<'_> {
    fn field(&self, path: FieldPath, node: Node<'_>) -> FieldBlame {
        let version = self.written.iter().rev().find(|(n, c)| self.gave(*n, c, &path)).map(|(n, _)| *n);
        let version = version.unwrap_or(self.first);
        let before = version.checked_sub(1).filter(|_| version > self.first);
        let before = before.and_then(|n| self.versions.object(n));
        let (after, seen) = (self.versions.object(version), self.versions.at(version));
        let writer = after.and_then(|o| writer(before, o, &path));
        let is_recorded = version > self.first
            || self.first > 0
            || after.is_some_and(|object| is_first_version(object, seen));
        let (since, at) = match is_recorded {
            true => (Since::Recorded, seen),
            false => (Since::Earlier, self.earlier(writer.as_ref())),
        };
        FieldBlame { value: node.to_value(), path, version, at, since, writer }
    }

    /// Returns `true` if a change gave the field, or a part of it, the value that it had then.
    fn gave(&self, version: usize, change: &FieldChange, path: &FieldPath) -> bool {
        if change.path.starts_with(path) {
            return true;
        }
        // A whole part around it came, went or was replaced: the field itself may have stayed as it was.
        path.starts_with(&change.path) && {
            let value = |n: usize| {
                self.versions.object(n).and_then(|o| o.root().at_path(path)).filter(|node| !node.is_null())
            };
            value(version - 1) != value(version)
        }
    }

    fn earlier(&self, writer: Option<&Owner>) -> Timestamp {
        let created = || self.versions.object(self.first).and_then(created_at);
        writer.and_then(|w| w.time).or_else(created).unwrap_or_else(|| self.versions.at(self.first))
    }
}

#[cfg(test)]
mod tests;
