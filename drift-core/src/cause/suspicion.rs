//! One change suspected of one fault.

use std::sync::Arc;

use crate::diff::FieldChange;
use crate::fault::Fault;
use crate::history::Change;

use super::change_kind::ChangeKind;
use super::investigation::Investigation;
use super::reach::ReachedResource;

/// A change, the fault that it may be behind, and the path from the one to the other: the argument of relevance, of the
/// counterfactual checks and of the score.
///
/// A change of several fields is suspected once for each of them, since each has effects of its own. For example a rollout
/// that changed an image and a memory limit is suspected of `OOMKilled` twice, and the better of the two counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion<'c> {
    /// History, graph and schemas.
    pub(super) investigation: &'c Investigation<'c>,
    /// What is wrong.
    pub(super) fault: &'c Fault,
    /// The changed resource, with the path to it from the faulty one.
    pub(super) reached: &'c ReachedResource,
    /// What was changed.
    pub(super) change: &'c Arc<Change>,
    /// Kind of the change of that field.
    pub(super) kind: ChangeKind,
    /// The changed field; `None` where the resource was created or deleted as a whole.
    pub(super) field: Option<&'c FieldChange>,
    /// Ports on which the faulty one calls the changed resource, where that is a Service or behind one.
    pub(super) ports: &'c [u16],
}
