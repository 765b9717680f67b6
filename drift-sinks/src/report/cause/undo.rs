//! How a change is undone: what to put back, or the command that shows what was there.

use drift_core::ResourceKey;
use drift_core::cause::Cause;
use drift_core::history::{Change, ResourceOp};
use drift_core::k8s::managers::is_engine;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::changed::one;
use crate::report::{CommitV1, REDACTED, VersionChangeV1, inline_value};

/// Most fields of which the values are written out.
const FIELDS: usize = 3;

/// Longest value that is written out, in bytes.
const LONG: usize = 200;

/// How a change is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct UndoV1 {
    /// What to do, in words.
    pub text: String,
    /// A command of `drift` that shows what was there before, without the options that say where the record is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show: Option<String>,
}

/// Returns how the root change of a cause is undone; `None` where nothing of the specification changed.
pub(super) fn undo(cause: &Cause, changes: &[VersionChangeV1], commit: Option<&CommitV1>) -> Option<UndoV1> {
    let root = &cause.root;
    // A commit that changed no file of the object only led to what the engine did.
    if let Some((commit, file)) = commit.and_then(|c| Some((c, c.file.as_ref()?))) {
        let text = format!("revert commit {} in Git ({file}); the engine applies it", commit.short_id());
        return Some(UndoV1 { text, show: None });
    }
    if let Some(before) =
        cause.revision.as_ref().and_then(|r| r.before.as_ref()).filter(|_| changes.is_empty())
    {
        let to = one(&Value::from(before.as_str()));
        let text =
            format!("go back to {to} in Git; what is changed in the cluster alone, the engine writes over");
        return Some(UndoV1 { text, show: None });
    }
    let undo = match root.op {
        ResourceOp::Create if !changes.is_empty() => undo_update(root, changes)?,
        ResourceOp::Create => {
            UndoV1 { text: format!("delete {} again, if nothing else needs it", root.key), show: None }
        }
        ResourceOp::Delete if is_secret(&root.key) => UndoV1 {
            text: format!(
                "create {} again from where its values are kept: the record has hashes of them",
                root.key
            ),
            show: None,
        },
        ResourceOp::Delete => {
            UndoV1 { text: "create it again as it was".to_owned(), show: Some(show_before(root)) }
        }
        ResourceOp::Update => undo_update(root, changes)?,
    };
    let engine = root.manager.as_deref().filter(|m| is_engine(m) && root.op != ResourceOp::Delete);
    Some(match engine {
        Some(engine) => UndoV1 {
            text: format!("{}; do it in what {engine} applies, or it writes over it again", undo.text),
            ..undo
        },
        None => undo,
    })
}

fn undo_update(root: &Change, changes: &[VersionChangeV1]) -> Option<UndoV1> {
    if changes.is_empty() || changes.iter().all(|c| c.path_text.starts_with(".status")) {
        return None;
    }
    let is_cut = |v: &Option<Value>| v.as_ref().is_some_and(|v| v.to_string().contains(REDACTED));
    if changes.iter().any(|c| is_cut(&c.before)) {
        let hidden: Vec<_> =
            changes.iter().filter(|c| is_cut(&c.before)).map(|c| c.path_text.as_str()).collect();
        let paths = hidden.iter().take(FIELDS).copied().collect::<Vec<_>>().join(", ");
        let text =
            format!("put back the old value of {paths} from where it is kept: the record has a hash of it");
        return Some(UndoV1 { text, show: None });
    }
    let is_short = |v: &Option<Value>| v.as_ref().is_none_or(|v| in_full(v).is_some());
    if changes.len() > FIELDS || !changes.iter().all(|c| is_short(&c.before)) {
        return Some(UndoV1 {
            text: "put back what was there before".to_owned(),
            // Just before an object was made again it was not there.
            show: (root.op == ResourceOp::Update).then(|| show_before(root)),
        });
    }
    let parts: Vec<String> = changes
        .iter()
        .map(|c| match c.before.as_ref().and_then(in_full) {
            Some(before) => format!("put back `{before}` at {}", c.path_text),
            None => format!("take {} out again", c.path_text),
        })
        .collect();
    Some(UndoV1 { text: parts.join(", "), show: None })
}

/// Writes a value as somebody would type it; `None` for one that is too long to be copied from a line.
fn in_full(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => inline_value(value)?,
        other => other.to_string(),
    };
    (text.len() <= LONG && !text.contains('\n')).then_some(text)
}

fn is_secret(key: &ResourceKey) -> bool {
    key.group_kind() == ("", "Secret")
}

/// Returns the command that shows an object as it was just before a change.
fn show_before(change: &Change) -> String {
    let before: Timestamp = change.mark.at.time - SignedDuration::from_millis(1);
    format!("drift show {} --at {before:.3}", change.key)
}
