//! What drift finds, as sinks get it.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::event::Gap;
use crate::key::ResourceKey;
use crate::path::FieldPath;

/// Identity of a finding: the same drift has the same id whenever it is seen, so that it alerts once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId([u8; 16]);

impl FindingId {
    /// Derives an id from the parts that make a finding the same finding.
    pub fn derive(parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            // The length first, so that ("ab","c") and ("a","bc") differ.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// One thing worth telling.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Identity across runs.
    pub id: FindingId,
    /// Which resource.
    pub key: Option<ResourceKey>,
    /// When it was found, by the log's time.
    pub at: Timestamp,
    /// What.
    pub body: FindingBody,
}

/// What a finding says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FindingBody {
    /// A field differs from what is declared.
    Drifted {
        /// Where.
        path: FieldPath,
        /// The change with its verdict.
        change: Box<crate::drift::DriftChange>,
    },
    /// A field that differed does no more.
    Resolved {
        /// Where.
        path: FieldPath,
    },
    /// A declared resource is not there.
    Missing,
    /// A resource is there that nobody declares.
    Unmanaged,
    /// Two or more writers overwrite one field in turn.
    Fight(Box<crate::fights::Fight>),
    /// An engine put back what somebody changed by hand.
    Reverted(Box<crate::fights::Revert>),
    /// History is not known for a while.
    GapSeen(Gap),
}
