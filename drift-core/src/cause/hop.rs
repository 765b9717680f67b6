//! One step between two resources, with the evidence for it.

use crate::key::ResourceKey;

/// One step of a way, towards the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where the step leads.
    pub key: ResourceKey,
    /// What the edge means.
    pub edge: String,
    /// Why it is believed.
    pub evidence: String,
}
