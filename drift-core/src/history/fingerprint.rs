//! A fingerprint of a stored version: a hash of its spec and, for pods, whether it has finished. Lets a query skip versions
//! without decompressing them.

use std::cell::RefCell;

use jiff::Timestamp;

use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::spec_difference::spec_parts;
use super::status_facts::{node_state, source_revision};

/// What can be asked of a version while it stays compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// Equal for two versions only if no change of the spec lies between them.
    pub(super) spec_hash: [u8; 16],
    /// Whether a pod succeeded or failed, and takes nothing from its node any more.
    has_finished: bool,
    /// `metadata.creationTimestamp`, in seconds since 1970.
    pub(super) created: Option<i64>,
}

thread_local! {
    /// A buffer for the bytes that are hashed, one a thread: every event of a log needs it.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes the fingerprint of a version.
///
/// Covers all that [`super::changes_of`] compares: what [`super::differs_beyond_status`] looks at, and the parts of a
/// status that count as a change.
pub(super) fn fingerprint(key: &ResourceKey, object: &Object) -> Fingerprint {
    let spec_hash = BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        for (name, part) in spec_parts(object) {
            bytes.extend(name.as_bytes());
            bytes.push(u8::from(part.is_some()));
            part.into_iter().for_each(|node| node.write_canonical(bytes));
        }
        bytes.extend(source_revision(key, object).unwrap_or_default().as_bytes());
        if &*key.kind == "Node" {
            bytes.extend(format!("{:?}", node_state(object)).as_bytes());
        }
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        half
    });
    let root = object.root();
    let created = root.at(&["metadata", "creationTimestamp"]).and_then(Node::as_str);
    let created = created.and_then(|t| t.parse::<Timestamp>().ok());
    Fingerprint {
        spec_hash,
        has_finished: matches!(root.str_at(&["status", "phase"]), Some("Succeeded" | "Failed")),
        created: created.map(Timestamp::as_second),
    }
}
