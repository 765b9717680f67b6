//! Rollouts of workloads as a state machine over history.
//!
//! A rollout begins when the Pod template of a Deployment, StatefulSet, DaemonSet or Argo Rollout changes, and ends
//! when all Pods run the new one, or when another change overtakes it. What is reported here comes from recorded
//! versions alone: the same versions give the same rollouts.

mod template;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::k8s::conditions::Conditions;
use crate::k8s::conditions::whole_number;
use crate::key::Uid;
use crate::object::{Node, Object};
use template::PodTemplate;

/// How long a workload without a progress deadline of its own may stand still before its rollout counts as stalled.
///
/// The default of `progressDeadlineSeconds`; StatefulSets and DaemonSets have none.
pub const STALL_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// How far apart the events of two watches may be recorded that belong together.
const RACE: SignedDuration = SignedDuration::from_secs(10);

/// A recorded version of a workload, or of a ReplicaSet that it owns.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadVersion<'a> {
    /// When it was seen.
    pub at: Timestamp,
    /// How it was.
    pub object: &'a Object,
}

/// Where a rollout is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub enum RolloutState {
    /// The template changed, no Pod follows it yet.
    Started,
    /// Some Pods follow it.
    Progressing,
    /// It stands still for longer than it may.
    Stalled,
    /// Halted on purpose.
    Paused,
    /// All Pods follow it and are available.
    Completed,
    /// Another template came before it was completed.
    Superseded,
    /// Taken back: the next template is one that was there before it.
    RolledBack,
}

/// What set a rollout off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum RolloutTrigger {
    /// The workload was made, or is seen for the first time.
    Created,
    /// The template changed; these containers got another image: name, before, after.
    Changed(Vec<(String, String, String)>),
    /// `kubectl rollout restart`: nothing but its annotation changed.
    Restarted,
    /// The template of an earlier revision came back.
    RolledBack {
        /// Revision of the ReplicaSet or of the rollout that had it, where it is known.
        to: Option<String>,
    },
}

/// How many replicas follow the newest template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RolloutCounts {
    /// As many as there are to be.
    pub desired: i64,
    /// That follow the newest template.
    pub updated: i64,
    /// That are available, of any template.
    pub available: i64,
    /// That exist, of any template.
    pub total: i64,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rollout {
    /// Revision as the controller counts it, where it says one.
    pub revision: Option<String>,
    /// Generation of the workload that began it.
    pub generation: Option<i64>,
    /// What set it off.
    pub trigger: RolloutTrigger,
    /// Where it is.
    pub state: RolloutState,
    /// When the template changed; for the first one seen, when the workload was made if it was seen being made.
    pub started: Timestamp,
    /// When the first Pod followed it.
    pub first_progress: Option<Timestamp>,
    /// When its counts moved the last time.
    pub last_progress: Timestamp,
    /// When it was completed, overtaken or taken back.
    pub ended: Option<Timestamp>,
    /// Since when it stands still, while or before it counts as stalled.
    pub stalled: Option<Timestamp>,
    /// The controller's reason, while it is stalled.
    pub reason: Option<String>,
    /// The counts it was seen with last.
    pub counts: RolloutCounts,
    /// Every change of state, in order.
    pub steps: Vec<(Timestamp, RolloutState)>,
}

impl Rollout {
    /// Returns how long it took, or takes until now if it has not ended.
    pub fn duration(&self, now: Timestamp) -> SignedDuration {
        self.ended.unwrap_or(now).duration_since(self.started)
    }

    /// Returns `true` if it is still to come to an end.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    fn enter(&mut self, at: Timestamp, state: RolloutState) {
        if self.state != state {
            self.state = state;
            self.steps.push((at, state));
        }
    }
}

/// Returns the rollouts of a workload, oldest first.
///
/// `versions` holds, in order of time, the versions of one workload and of ReplicaSets that it owns; the latter tell
/// revisions and earlier templates. What is neither is passed over. A rollout that stood still until `now` for longer
/// than its deadline is stalled, also when no version says so.
pub fn rollouts(versions: &[WorkloadVersion<'_>], now: Timestamp) -> Vec<Rollout> {
    let mut machine = Machine::default();
    for version in versions {
        match version.object.kind() {
            "ReplicaSet" => machine.replica_set(version.object),
            _ => machine.workload(version.at, version.object),
        }
    }
    machine.finish(now)
}

#[derive(Debug, Default)]
struct Machine {
    rollouts: Vec<Rollout>,
    known: Vec<Known>,
    current: Option<Current>,
}

/// A template that was there before.
#[derive(Debug)]
struct Known {
    template: PodTemplate,
    revision: Option<String>,
    /// When its ReplicaSet was made; `None` when the workload itself was seen to have it.
    born: Option<Timestamp>,
}

/// The workload as it was seen last.
#[derive(Debug)]
struct Current {
    uid: Option<Uid>,
    template: PodTemplate,
    deadline: SignedDuration,
    halted: bool,
}

impl Machine {
    fn replica_set(&mut self, set: &Object) {
        let revision = set.annotation("deployment.kubernetes.io/revision").map(str::to_owned);
        let born = set.root().str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok());
        if let (Some(template), Some(born)) = (PodTemplate::of(set), born) {
            self.remember(template, revision, Some(born));
        }
    }

    /// Keeps a template; its newest revision counts, as a rollback gives an old ReplicaSet a new one.
    fn remember(&mut self, template: PodTemplate, revision: Option<String>, born: Option<Timestamp>) {
        match self.known.iter_mut().find(|k| k.template == template) {
            Some(known) => {
                known.revision = revision.or(known.revision.take());
                known.born = known.born.and(born);
            }
            None => self.known.push(Known { template, revision, born }),
        }
    }

    fn workload(&mut self, at: Timestamp, object: &Object) {
        let Some(template) = PodTemplate::of(object) else { return };
        let uid = object.uid();
        let reborn = self.current.as_ref().is_some_and(|c| c.uid != uid);
        if reborn {
            self.end(at, RolloutState::Superseded);
            self.known.clear();
        }
        match self.current.as_ref().filter(|_| !reborn).map(|c| (c.template == template, c.template.clone()))
        {
            None => self.begin(at, object, RolloutTrigger::Created),
            Some((true, _)) => {}
            Some((false, before)) => {
                let trigger = self.trigger(at, &before, &template);
                let back = matches!(trigger, RolloutTrigger::RolledBack { .. });
                self.end(at, if back { RolloutState::RolledBack } else { RolloutState::Superseded });
                self.begin(at, object, trigger);
            }
        }
        let deadline = object.root().at(&["spec", "progressDeadlineSeconds"]).and_then(whole_number);
        let deadline = deadline.map_or(STALL_AFTER, |s| SignedDuration::from_secs(s.clamp(0, 1 << 40)));
        let halted = object.root().at(&["spec", "paused"]).and_then(Node::as_bool) == Some(true);
        self.remember(template.clone(), None, None);
        self.current = Some(Current { uid, template, deadline, halted });
        self.advance(at, object);
    }

    fn trigger(&self, at: Timestamp, before: &PodTemplate, after: &PodTemplate) -> RolloutTrigger {
        if before.differs_by_restart_only(after) {
            return RolloutTrigger::Restarted;
        }
        // The ReplicaSet of a new template may be recorded before the change that made it.
        let old = |k: &&Known| k.born.is_none_or(|born| at.duration_since(born) > RACE);
        match self.known.iter().filter(old).find(|k| k.template == *after) {
            Some(known) => RolloutTrigger::RolledBack { to: known.revision.clone() },
            None => RolloutTrigger::Changed(before.images_changed(after)),
        }
    }

    fn begin(&mut self, at: Timestamp, object: &Object, trigger: RolloutTrigger) {
        let created = object.root().str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse().ok());
        let first = trigger == RolloutTrigger::Created && generation(object).is_none_or(|g| g == 1);
        let started = created.filter(|c| first && *c <= at).unwrap_or(at);
        self.rollouts.push(Rollout {
            revision: None,
            generation: generation(object),
            trigger,
            state: RolloutState::Started,
            started,
            first_progress: None,
            last_progress: started,
            ended: None,
            stalled: None,
            reason: None,
            counts: RolloutCounts::default(),
            steps: vec![(started, RolloutState::Started)],
        });
    }

    /// Ends the open rollout; one that was completed stays so, unless it is taken back.
    fn end(&mut self, at: Timestamp, state: RolloutState) {
        let Some(rollout) = self.rollouts.last_mut() else { return };
        if rollout.is_open() || state == RolloutState::RolledBack {
            rollout.ended = rollout.ended.or(Some(at));
            rollout.enter(at, state);
        }
    }

    fn advance(&mut self, at: Timestamp, object: &Object) {
        let Some(rollout) = self.rollouts.last_mut() else { return };
        let observed = object.root().at(&["status", "observedGeneration"]).and_then(whole_number);
        // Counts of a status about an older spec are about the older template.
        if generation(object).is_some_and(|g| observed.unwrap_or(0) < g) || !rollout.is_open() {
            return;
        }
        let revision = object.annotation("deployment.kubernetes.io/revision");
        let revision = revision.or_else(|| object.annotation("rollout.argoproj.io/revision"));
        let revision = revision.or_else(|| object.root().str_at(&["status", "updateRevision"]));
        rollout.revision = revision.map(str::to_owned);
        if let (Some(current), Some(revision)) = (&self.current, revision)
            && let Some(known) = self.known.iter_mut().find(|k| k.template == current.template)
        {
            known.revision = Some(revision.to_owned());
        }
        let halted = self.current.as_ref().is_some_and(|c| c.halted);
        let deadline = self.current.as_ref().map_or(STALL_AFTER, |c| c.deadline);
        step(rollout, at, object, halted, deadline);
    }

    fn finish(mut self, now: Timestamp) -> Vec<Rollout> {
        if let (Some(rollout), Some(current)) = (self.rollouts.last_mut(), &self.current)
            && rollout.is_open()
            && !current.halted
        {
            stall(rollout, now, current.deadline);
        }
        self.rollouts
    }
}

fn generation(object: &Object) -> Option<i64> {
    object.root().at(&["metadata", "generation"]).and_then(whole_number)
}

/// Takes one version with an up-to-date status into an open rollout.
fn step(rollout: &mut Rollout, at: Timestamp, object: &Object, halted: bool, deadline: SignedDuration) {
    let counts = counts(object);
    if counts != rollout.counts {
        // A quiet stretch that ended is still a stall that was.
        stall(rollout, at, deadline);
        rollout.counts = counts;
        rollout.last_progress = at;
    }
    if counts.updated > 0 && rollout.first_progress.is_none() {
        rollout.first_progress = Some(at);
    }
    if is_complete(object, counts) {
        rollout.stalled = None;
        rollout.reason = None;
        rollout.ended = Some(at);
        return rollout.enter(at, RolloutState::Completed);
    }
    if halted {
        return rollout.enter(at, RolloutState::Paused);
    }
    let conditions = Conditions::of(object.root().at(&["status", "conditions"]));
    let progress = conditions.get("Progressing");
    if let Some(c) = progress.filter(|c| c.is_false() && c.reason == "ProgressDeadlineExceeded") {
        rollout.stalled = Some(rollout.last_progress);
        rollout.reason = Some(c.reason.to_owned());
        return rollout.enter(at, RolloutState::Stalled);
    }
    if rollout.last_progress == at {
        rollout.stalled = None;
        rollout.reason = None;
        let moved = counts.updated > 0;
        return rollout.enter(at, if moved { RolloutState::Progressing } else { RolloutState::Started });
    }
    stall(rollout, at, deadline);
}

/// Marks a rollout that stood still for longer than it may as stalled, at the time its deadline passed.
fn stall(rollout: &mut Rollout, at: Timestamp, deadline: SignedDuration) {
    let moving = matches!(rollout.state, RolloutState::Started | RolloutState::Progressing);
    if moving && at.duration_since(rollout.last_progress) > deadline {
        let passed = rollout.last_progress.checked_add(deadline).unwrap_or(at).min(at);
        rollout.stalled = Some(rollout.last_progress);
        rollout.reason = Some("NoProgress".to_owned());
        rollout.enter(passed, RolloutState::Stalled);
    }
}

fn counts(object: &Object) -> RolloutCounts {
    let status = |field| object.root().at(&["status", field]).and_then(whole_number).unwrap_or(0);
    if object.kind() == "DaemonSet" {
        return RolloutCounts {
            desired: status("desiredNumberScheduled"),
            updated: status("updatedNumberScheduled"),
            available: status("numberAvailable"),
            total: status("currentNumberScheduled"),
        };
    }
    let available =
        if object.kind() == "StatefulSet" && object.root().at(&["status", "availableReplicas"]).is_none() {
            status("readyReplicas")
        } else {
            status("availableReplicas")
        };
    RolloutCounts {
        desired: object.root().at(&["spec", "replicas"]).and_then(whole_number).unwrap_or(1),
        updated: status("updatedReplicas"),
        available,
        total: status("replicas"),
    }
}

fn is_complete(object: &Object, counts: RolloutCounts) -> bool {
    let RolloutCounts { desired, updated, available, total } = counts;
    let revision = |field| object.root().str_at(&["status", field]);
    let same_revision = object.kind() != "StatefulSet"
        || revision("updateRevision").is_none()
        || revision("updateRevision") == revision("currentRevision");
    // A StatefulSet of an older cluster leaves updatedReplicas out once its revisions are equal.
    let updated =
        if object.kind() == "StatefulSet" && same_revision && updated == 0 { total } else { updated };
    updated >= desired && available >= desired && total <= updated && same_revision
}

#[cfg(test)]
mod tests;
