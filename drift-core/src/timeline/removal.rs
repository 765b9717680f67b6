//! Which version of a resource took a field away.

use super::owner;
use crate::drift::Owner;
use crate::object::{Kind, Node, Object};
use crate::ownership::ManagedFields;
use crate::path::FieldPath;

/// The version of a resource in which a field is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRemoval {
    /// Which of the versions.
    pub version: usize,
    /// Who took it away; `None` where the version bears no mark of its writer, or marks of several.
    ///
    /// Never who owned the field before: managedFields only show that he lost it.
    pub owner: Option<Owner>,
}

/// Returns the last version of a resource in which a field is gone that the one before had; `None` stands for its being deleted.
///
/// Where an object was deleted and made again without the field, that is the version that was made. A field that was never there, or
/// is there at the end, was not removed.
///
/// # Example
/// ```
/// use drift_core::timeline::find_removal;
/// use drift_core::{FieldPath, Object};
///
/// let version = |data: &str, managers: &str| {
///     let head = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","managedFields":["#;
///     Object::from_json(format!("{head}{managers}]}},\"data\":{data}}}").as_bytes()).unwrap()
/// };
/// let helm = r#"{"manager":"helm","operation":"Update","time":"2026-11-21T10:00:00Z","fieldsV1":{"f:data":{"f:k":{}}}}"#;
/// let edit = r#"{"manager":"kubectl-edit","operation":"Update","time":"2026-11-21T10:50:00Z","fieldsV1":{"f:data":{"f:l":{}}}}"#;
/// let versions = [version(r#"{"k":"1"}"#, helm), version(r#"{"l":"2"}"#, edit)];
/// let removal = find_removal(versions.iter().map(Some), &FieldPath::of(&["data", "k"])).unwrap();
/// assert_eq!(removal.version, 1);
/// assert_eq!(&*removal.owner.unwrap().manager, "kubectl-edit");
/// ```
pub fn find_removal<'a>(
    versions: impl IntoIterator<Item = Option<&'a Object>>,
    path: &FieldPath,
) -> Option<FieldRemoval> {
    let has = |object: &Object| object.root().at_path(path).is_some_and(|n| !is_nothing(n));
    let mut before: Option<&Object> = None;
    let mut found = None;
    for (version, after) in versions.into_iter().enumerate() {
        // While it is deleted nothing of it is there; what counts is whether the next one has the field.
        let Some(after) = after else { continue };
        if let Some(before) = before.filter(|before| has(before) && !has(after)) {
            found = Some(FieldRemoval { version, owner: remover(before, after) });
        }
        before = Some(after);
    }
    found.filter(|_| !before.is_some_and(has))
}

/// The versions by which an object went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectDeletion {
    /// The one in which it was marked to be deleted, where it then waited for finalizers or its end, and that was seen.
    pub asked: Option<usize>,
    /// The one in which it is gone.
    pub gone: usize,
}

/// Returns by which versions an object went away last; `None` stands for its being deleted.
///
/// Who deletes is who asks for it: what removes the last finalizer only lets it happen.
///
/// # Example
/// ```
/// use drift_core::Object;
/// use drift_core::timeline::find_deletion;
///
/// let version = |metadata: &str| {
///     let text = format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","namespace":"n"{metadata}}}}}"#);
///     Object::from_json(text.as_bytes()).unwrap()
/// };
/// let (alive, marked) = (version(""), version(r#","deletionTimestamp":"2026-11-21T10:00:00Z""#));
/// let deletion = find_deletion([Some(&alive), Some(&marked), None]).unwrap();
/// assert_eq!((deletion.asked, deletion.gone), (Some(1), 2));
/// assert_eq!(find_deletion([Some(&alive)]), None);
/// ```
pub fn find_deletion<'a>(versions: impl IntoIterator<Item = Option<&'a Object>>) -> Option<ObjectDeletion> {
    let is_marked = |object: &Object| object.root().at(&["metadata", "deletionTimestamp"]).is_some();
    let (mut before, mut asked, mut found) = (None, None, None);
    for (version, after) in versions.into_iter().enumerate() {
        match after {
            None => found = Some(ObjectDeletion { asked, gone: version }),
            Some(after) if !is_marked(after) => asked = None,
            Some(_) if before.is_some_and(|b| !is_marked(b)) => asked = Some(version),
            Some(_) => {}
        }
        before = after;
    }
    found
}

/// Returns who wrote a version; of an object that was made again everything since.
pub(crate) fn remover(before: &Object, after: &Object) -> Option<Owner> {
    let old = if before.uid() == after.uid() { ManagedFields::of(before) } else { ManagedFields::default() };
    ManagedFields::of(after).only_writer_since(&old).map(owner)
}

/// Returns `true` for what the API server takes for absent.
fn is_nothing(node: Node<'_>) -> bool {
    node.is_null() || matches!(node.kind(), Kind::Map | Kind::List) && node.is_empty()
}

#[cfg(test)]
mod tests;
