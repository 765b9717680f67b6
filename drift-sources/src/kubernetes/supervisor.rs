//! Runs a driver for every resource type that the server serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drift_core::{Gap, GapReason, Observation, Scope};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::KubernetesOptions;
use super::cursor::{Progress, WatchProgress};
use super::discovery::{Discovered, Served, discover_kinds};
use super::driver::{Command, Driver, Message, Shared};
use super::machine::{Begin, Failure, MachineRules, WatchMachine, WatchSpan};
use super::request::{JSON, Requests};
use super::target::{Reach, WatchTarget};

/// Delays of discoveries after a change: the server lists a new definition with some delay.
const REDISCOVERY_DELAYS: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(8)];

/// Starts and stops the drivers.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    options: Arc<KubernetesOptions>,
    drivers: JoinSet<String>,
    running: BTreeMap<String, (watch::Sender<Command>, Arc<WatchTarget>)>,
    /// Progress to resume from, of targets that are not running yet.
    resume: Progress,
    /// Whether the history of each kind is unknown if `resume` does not have it.
    unknown: bool,
    /// Targets not found once; those not found twice in a row are gone.
    absent: BTreeSet<String>,
    broken: BTreeSet<String>,
    /// Whether kinds that appear now did not exist before.
    begun: bool,
}

impl Supervisor {
    /// `resume` is the progress to resume from; `None` if there was a cursor that could not be used.
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: Arc<KubernetesOptions>,
        resume: Option<Progress>,
    ) -> Self {
        let unknown = resume.is_none();
        let begun = resume.as_ref().is_some_and(|resume| !resume.marks.is_empty());
        Self {
            shared,
            options,
            drivers: JoinSet::new(),
            running: BTreeMap::new(),
            resume: resume.unwrap_or_default(),
            unknown,
            absent: BTreeSet::new(),
            broken: BTreeSet::new(),
            begun,
        }
    }

    /// Runs until the stream is dropped.
    pub(crate) async fn run(mut self) {
        let (mut failures, mut looks, mut reported) = (0u32, 0usize, false);
        while !self.shared.out.is_closed() {
            let delay = match discover_kinds(&self.shared.requests).await {
                Ok(found) => {
                    (failures, reported) = (0, false);
                    if self.apply_discovery(found).await.is_none() {
                        return;
                    }
                    looks += 1;
                    let soon = REDISCOVERY_DELAYS.get(looks).copied();
                    soon.unwrap_or(self.options.rediscovery).min(self.options.rediscovery)
                }
                Err(failure) => {
                    failures += 1;
                    let denied = matches!(failure, Failure::Denied(_));
                    if matches!(failure, Failure::Unavailable(..)) {
                        self.shared.reachable.store(false, Ordering::Relaxed);
                    }
                    if !std::mem::replace(&mut reported, true) {
                        let error = failure.into_error("the API server (what it serves)".to_owned());
                        let _ = self.shared.out.send(Message::Failed(error)).await;
                    }
                    let backoff = self.options.backoff;
                    let max = if denied { backoff.denied } else { backoff.max };
                    super::Backoff { max, ..backoff }.delay_after(failures, "discovery")
                }
            };
            self.wait_for_rediscovery(delay, &mut looks).await;
        }
    }

    /// Waits until the next discovery is due, or until shortly after a change.
    async fn wait_for_rediscovery(&mut self, delay: Duration, looks: &mut usize) {
        tokio::select! {
            () = sleep(delay) => {}
            () = self.shared.back.notified() => {}
            () = self.shared.changed.notified() => {
                *looks = 0;
                // Many definitions come at once when a chart is installed.
                sleep(REDISCOVERY_DELAYS[0].min(self.options.rediscovery)).await;
            }
        }
        while let Some(ended) = self.drivers.try_join_next() {
            if let Ok(id) = ended {
                self.running.remove(&id);
            }
        }
    }

    async fn apply_discovery(&mut self, found: Discovered) -> Option<()> {
        self.emit_broken_groups(&found.broken).await?;
        let wanted = watch_targets(&found, &self.options);
        let new: Vec<_> = wanted
            .iter()
            .filter(|(id, _)| !self.running.contains_key(*id))
            .map(|(id, (target, _))| (id.clone(), Arc::clone(target)))
            .collect();
        self.announce_new(&new).await?;
        for (id, target) in new {
            self.start_driver(id, target);
        }
        for (id, (commands, running)) in &mut self.running {
            let Some((target, versions)) = wanted.get(id) else { continue };
            let left = matches!(*commands.borrow(), Command::Stop);
            let moved = !versions.contains(&*running.version);
            if moved {
                *running = Arc::clone(target);
            }
            if moved || left {
                let _ = commands.send(Command::Watch(Arc::clone(running)));
            }
        }
        self.stop_absent(&found, &wanted).await;
        self.begun = true;
        Some(())
    }

    /// Emits which groups cannot be discovered, once as long as that lasts.
    async fn emit_broken_groups(&mut self, broken: &BTreeMap<String, String>) -> Option<()> {
        self.broken.retain(|group| broken.contains_key(group));
        let new = broken.iter().filter(|(group, _)| !self.broken.contains(*group));
        let new = new.map(|(group, reason)| (group.clone(), reason.clone())).collect();
        let gaps = gaps_of_groups(&new, &self.options.cluster);
        let observations: Vec<_> = gaps.into_iter().map(Observation::Gap).collect();
        self.broken.extend(broken.keys().cloned());
        if observations.is_empty() {
            return Some(());
        }
        let message = Message::Observed { id: "".into(), observations, progress: None };
        self.shared.out.send(message).await.ok()
    }

    /// Records in a checkpoint that lists begin, before any of their objects is emitted.
    async fn announce_new(&mut self, new: &[(String, Arc<WatchTarget>)]) -> Option<()> {
        let fresh = |id: &String| !self.resume.marks.contains_key(id);
        let marks: Vec<_> = new
            .iter()
            .filter(|(id, _)| fresh(id))
            .map(|(id, _)| (id.clone(), WatchProgress::Lost(None)))
            .collect();
        if marks.is_empty() {
            return Some(());
        }
        self.shared.out.send(Message::Begin(marks)).await.ok()
    }

    fn start_driver(&mut self, id: String, target: Arc<WatchTarget>) {
        let begin = match self.resume.marks.remove(&id) {
            Some(mark) => Begin::Resume(mark, self.resume.seen),
            None if self.begun => Begin::Appeared,
            None if self.unknown => Begin::Resume(WatchProgress::Lost(None), None),
            None => Begin::Fresh,
        };
        let machine =
            WatchMachine::new(Arc::clone(&target), machine_rules(&self.options, WatchSpan::Forever), begin);
        let (commands, receiver) = watch::channel(Command::Watch(Arc::clone(&target)));
        let driver = Driver::new(Arc::clone(&self.shared), Arc::clone(&target), machine, receiver);
        self.absent.remove(&id);
        self.running.insert(id.clone(), (commands, target));
        self.drivers.spawn(async move {
            driver.run().await;
            id
        });
    }

    /// Stops targets that are no longer served, unless their group cannot be discovered.
    async fn stop_absent(&mut self, found: &Discovered, wanted: &WatchTargets) {
        let gone = |target: &WatchTarget| !found.broken.contains_key(&*target.group);
        let absent: BTreeSet<_> = self
            .running
            .iter()
            .filter(|(id, (_, target))| !wanted.contains_key(*id) && gone(target))
            .map(|(id, _)| id.clone())
            .chain(self.resume.marks.keys().filter(|id| !wanted.contains_key(*id)).cloned())
            .collect();
        if !absent.is_subset(&self.absent) {
            // Discover again soon.
            self.shared.changed.notify_one();
        }
        for id in absent.intersection(&self.absent) {
            if let Some((commands, _)) = self.running.get(id) {
                let _ = commands.send(Command::Stop);
            } else if self.resume.marks.remove(id).is_some() {
                self.emit_vanished(id, found).await;
            }
        }
        self.absent = absent;
    }

    /// Emits that a kind of the cursor is no longer served: it was removed while nothing watched.
    async fn emit_vanished(&self, id: &str, found: &Discovered) {
        let Some(target) =
            WatchTarget::from_id(id).filter(|target| self.options.kinds.includes_target(target))
        else {
            return;
        };
        if found.broken.contains_key(&*target.group) {
            return;
        }
        let (scope, now) = (target.scope(&self.options.cluster), Timestamp::now());
        let gap = Gap {
            scope: scope.clone(),
            from: self.resume.seen,
            to: now,
            from_version: None,
            to_version: None,
            reason: GapReason::SourceDown,
            message: "the kind ceased to be served while nothing watched".into(),
        };
        let done = Observation::RelistDone { scope: scope.clone(), observed_at: now };
        let observations = vec![Observation::Gap(gap), Observation::RelistStarted(scope), done];
        let id: Arc<str> = id.into();
        let message = Message::Observed { id: Arc::clone(&id), observations, progress: None };
        if self.shared.out.send(message).await.is_ok() {
            let _ = self.shared.out.send(Message::Forget(id)).await;
        }
    }
}

/// Targets by id, each with the versions it is served in.
pub(crate) type WatchTargets = BTreeMap<String, (Arc<WatchTarget>, BTreeSet<String>)>;

/// Returns the targets to watch; with namespaces given, only namespaced kinds in them.
pub(crate) fn watch_targets(found: &Discovered, options: &KubernetesOptions) -> WatchTargets {
    let mut wanted = WatchTargets::new();
    let mut add = |target: WatchTarget, served: &Served| {
        wanted.insert(target.id(), (Arc::new(target), served.versions.clone()));
    };
    for served in found.kinds.values().filter(|served| options.kinds.includes_target(&served.target)) {
        match (&served.target.reach, options.namespaces.as_slice()) {
            (_, []) => add(served.target.clone(), served),
            (Reach::Cluster, _) => {}
            (_, namespaces) => {
                for namespace in namespaces {
                    let reach = Reach::Namespace(namespace.as_str().into());
                    add(WatchTarget { reach, ..served.target.clone() }, served);
                }
            }
        }
    }
    wanted
}

/// Returns gaps for groups whose resource types are not known.
pub(crate) fn gaps_of_groups(broken: &BTreeMap<String, String>, cluster: &Arc<str>) -> Vec<Gap> {
    let now = Timestamp::now();
    let gap = |(group, reason): (&String, &String)| Gap {
        scope: Scope {
            cluster: Arc::clone(cluster),
            kind: Some((group.as_str().into(), "".into())),
            namespace: "".into(),
        },
        from: None,
        to: now,
        from_version: None,
        to_version: None,
        reason: GapReason::SourceDown,
        message: format!("what group {group} serves is not known: {reason}").into(),
    };
    broken.iter().map(gap).collect()
}

/// Returns the rules of a machine.
pub(crate) fn machine_rules(options: &KubernetesOptions, span: WatchSpan) -> MachineRules {
    MachineRules {
        cluster: Arc::clone(&options.cluster),
        page_size: options.page_size,
        streaming: options.initial_lists == super::InitialLists::Streaming,
        backoff: options.backoff,
        span,
    }
}

/// Returns the identity of the cluster (the UID of `kube-system`); `None` if that is denied.
pub(crate) async fn cluster_identity(requests: &Requests) -> Option<String> {
    #[derive(Deserialize)]
    struct Namespace {
        metadata: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        uid: String,
    }
    let answer = timeout(Duration::from_secs(10), requests.get("/api/v1/namespaces/kube-system", JSON)).await;
    let (body, _) = answer.ok()?.ok()?;
    serde_json::from_slice::<Namespace>(&body).ok().map(|ns| ns.metadata.uid)
}
