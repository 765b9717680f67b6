//! What a question is answered from, with what was looked up for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::fault::{Fault, faults_of};
use crate::graph::AsOf;
use crate::health::{Health, HealthContext, HealthRules, HealthStatus, assess};
use crate::history::{Change, History, Moment, changes_of};
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::Object;
use crate::schema::SchemaSet;

use super::evidence::{EvidenceIndex, EvidenceKind};
use super::weights::Weights;

/// What a question is answered from: history, graph and schemas as of a moment.
///
/// It may be asked from several threads; what one question looks up is there for the next.
///
/// # Example
/// ```
/// use drift_core::cause::Investigation;
/// use drift_core::schema::SchemaSet;
/// use drift_core::{ResourceKey, Until};
///
/// let schemas = SchemaSet::bundled();
/// let investigation = Investigation::from_events([], Until::End, &schemas);
/// let web = ResourceKey::new("apps", "Deployment", "shop", "web");
/// assert!(investigation.changes_of(&web).is_empty());
/// assert_eq!(investigation.why(&web).abstained_because.as_deref(), Some("Deployment.apps/shop/web is not in the recorded history"));
/// ```
#[derive(Debug)]
pub struct Investigation<'s> {
    pub(crate) history: History,
    pub(crate) graph: AsOf,
    pub(super) evidence: Arc<EvidenceIndex>,
    /// Kinds of evidence that do not count.
    pub(super) switched_off: BTreeSet<EvidenceKind>,
    pub(super) users: Option<UserLookup<'s>>,
    pub(super) schemas: &'s SchemaSet,
    pub(super) weights: Weights,
    health_rules: Arc<HealthRules>,
    /// Changes by resource, compared once.
    changes: Mutex<BTreeMap<ResourceKey, Arc<[Arc<Change>]>>>,
    /// How many nodes are feasible for a faulty pod at its onset.
    feasible_nodes: Mutex<Vec<(ResourceKey, Moment, usize)>>,
}

impl<'s> Investigation<'s> {
    pub(super) fn new(
        history: History,
        graph: AsOf,
        evidence: Arc<EvidenceIndex>,
        schemas: &'s SchemaSet,
    ) -> Self {
        let (weights, changes, feasible_nodes) = Default::default();
        let health_rules = Arc::new(HealthRules::bundled());
        let switched_off = BTreeSet::new();
        let users = None;
        Self {
            history,
            graph,
            evidence,
            switched_off,
            users,
            schemas,
            weights,
            health_rules,
            changes,
            feasible_nodes,
        }
    }

    /// Replaces the documented weights, to measure what a part is worth.
    #[must_use]
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Lets somebody name the users of writes, such as an audit log: what automation did is kept apart from what people did.
    #[must_use]
    pub fn with_users(
        mut self,
        find: impl Fn(&RecordedWrite<'_>) -> Option<Arc<str>> + Send + Sync + 's,
    ) -> Self {
        self.users = Some(UserLookup(Arc::new(find)));
        self
    }

    /// Leaves kinds of evidence out of account, to measure what each is worth.
    #[must_use]
    pub fn without_evidence(mut self, kinds: impl IntoIterator<Item = EvidenceKind>) -> Self {
        self.switched_off.extend(kinds);
        self
    }

    /// Replaces the bundled rules for the health of custom resources, which decide what is explained.
    #[must_use]
    pub fn with_health_rules(mut self, rules: Arc<HealthRules>) -> Self {
        self.health_rules = rules;
        self
    }

    /// Returns the faults of a resource at the moment of the question, by onset.
    pub fn faults_of(&self, key: &ResourceKey) -> Vec<Fault> {
        faults_of(&self.history, key, &self.health_rules)
    }

    /// Returns `true` if a version of an object is healthy.
    pub(super) fn is_healthy(&self, object: &Object, now: Timestamp) -> bool {
        self.health_of(object, now).status == HealthStatus::Healthy
    }

    /// Returns how a version of an object is doing.
    pub(super) fn health_of(&self, object: &Object, now: Timestamp) -> Health {
        assess(object, &HealthContext { now, rules: &self.health_rules, previous: None })
    }

    /// Returns the history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the graph as it was.
    pub fn graph(&self) -> &AsOf {
        &self.graph
    }

    /// Returns the changes of a resource, in order.
    pub fn changes_of(&self, key: &ResourceKey) -> Arc<[Arc<Change>]> {
        if let Some(known) = locked(&self.changes).get(key) {
            return Arc::clone(known);
        }
        let found: Arc<[Arc<Change>]> =
            changes_of(&self.history, key, self.schemas).into_iter().map(Arc::new).collect();
        locked(&self.changes).insert(key.clone(), Arc::clone(&found));
        found
    }

    /// Returns how many nodes are feasible for a faulty pod at its onset, counted once for all candidates.
    pub(super) fn feasible_nodes(
        &self,
        pod: &ResourceKey,
        onset: &Moment,
        count: impl FnOnce() -> usize,
    ) -> usize {
        let known =
            locked(&self.feasible_nodes).iter().find(|(on, at, _)| on == pod && at == onset).map(|n| n.2);
        known.unwrap_or_else(|| {
            let count = count();
            locked(&self.feasible_nodes).push((pod.clone(), onset.clone(), count));
            count
        })
    }
}

/// One write of a resource, of which somebody outside of the history may know the user.
#[derive(Clone, Copy, Debug)]
pub struct RecordedWrite<'a> {
    /// The resource.
    pub key: &'a ResourceKey,
    /// The version that it made; of a deletion the last one.
    pub version: Option<&'a ResourceVersion>,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whether it deleted the resource.
    pub is_deletion: bool,
}

type FindUser<'s> = dyn Fn(&RecordedWrite<'_>) -> Option<Arc<str>> + Send + Sync + 's;

/// Names the user of a write, as an audit log does.
#[derive(Clone)]
pub(super) struct UserLookup<'s>(Arc<FindUser<'s>>);

impl UserLookup<'_> {
    pub(super) fn find(&self, write: &RecordedWrite<'_>) -> Option<Arc<str>> {
        (self.0)(write)
    }
}

impl fmt::Debug for UserLookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserLookup")
    }
}

/// Locks a cache. Entries are inserted whole, so one that another thread left by panicking is as good as before.
fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
