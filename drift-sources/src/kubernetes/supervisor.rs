//! Keeps a driver for every kind that the server serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use drift_core::{Gap, GapReason, Observation, Scope};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::KubernetesOptions;
use super::cursor::{Mark, Progress};
use super::discovery::{Discovered, Served, discover};
use super::driver::{Driver, Message, Order, Shared};
use super::machine::{Begin, Failure, Machine, Rules, Span};
use super::request::{JSON, Requests};
use super::target::{Reach, Target};

/// After a change of what is served: when to look. Discovery follows a definition by a moment.
const LOOKS: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(8)];

/// Keeps the drivers.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    options: Arc<KubernetesOptions>,
    drivers: JoinSet<String>,
    running: BTreeMap<String, (watch::Sender<Order>, Arc<Target>)>,
    /// Where to resume what is not yet running.
    resume: Progress,
    /// Whether to take each kind's history as broken where `resume` has nothing of it.
    unknown: bool,
    /// Not found once; what is not found twice in a row is taken as gone.
    absent: BTreeSet<String>,
    broken: BTreeSet<String>,
    /// Whether kinds that come now were not there before.
    begun: bool,
}

impl Supervisor {
    /// `resume` is where to go on; `None` when there was a cursor that could not be used.
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

    /// Runs until no one listens any more.
    pub(crate) async fn run(mut self) {
        let (mut failures, mut looks, mut told) = (0u32, 0usize, false);
        while !self.shared.out.is_closed() {
            let delay = match discover(&self.shared.requests).await {
                Ok(found) => {
                    (failures, told) = (0, false);
                    if self.apply(found).await.is_none() {
                        return;
                    }
                    looks += 1;
                    let soon = LOOKS.get(looks).copied();
                    soon.unwrap_or(self.options.rediscovery).min(self.options.rediscovery)
                }
                Err(failure) => {
                    failures += 1;
                    let denied = matches!(failure, Failure::Denied(_));
                    if !std::mem::replace(&mut told, true) {
                        let error = failure.into_error("the API server (what it serves)".to_owned());
                        let _ = self.shared.out.send(Message::Failed(error)).await;
                    }
                    let backoff = self.options.backoff;
                    let max = if denied { backoff.denied } else { backoff.max };
                    super::Backoff { max, ..backoff }.delay(failures, "discovery")
                }
            };
            self.idle(delay, &mut looks).await;
        }
    }

    /// Waits for the next look, or shortly after a change.
    async fn idle(&mut self, delay: Duration, looks: &mut usize) {
        tokio::select! {
            () = sleep(delay) => {}
            () = self.shared.changed.notified() => {
                *looks = 0;
                // Many definitions come at once when a chart is installed.
                sleep(LOOKS[0].min(self.options.rediscovery)).await;
            }
        }
        while let Some(ended) = self.drivers.try_join_next() {
            if let Ok(id) = ended {
                self.running.remove(&id);
            }
        }
    }

    async fn apply(&mut self, found: Discovered) -> Option<()> {
        self.tell_broken(&found.broken).await?;
        let wanted = wanted(&found, &self.options);
        let new: Vec<_> = wanted
            .iter()
            .filter(|(id, _)| !self.running.contains_key(*id))
            .map(|(id, (target, _))| (id.clone(), Arc::clone(target)))
            .collect();
        self.begin(&new).await?;
        for (id, target) in new {
            self.start(id, target);
        }
        for (id, (orders, running)) in &mut self.running {
            let Some((target, versions)) = wanted.get(id) else { continue };
            let left = matches!(*orders.borrow(), Order::Leave);
            let moved = !versions.contains(&*running.version);
            if moved {
                *running = Arc::clone(target);
            }
            if moved || left {
                let _ = orders.send(Order::Follow(Arc::clone(running)));
            }
        }
        self.leave(&found, &wanted).await;
        self.begun = true;
        Some(())
    }

    /// Tells which groups cannot be asked, once while that lasts.
    async fn tell_broken(&mut self, broken: &BTreeMap<String, String>) -> Option<()> {
        self.broken.retain(|group| broken.contains_key(group));
        let new = broken.iter().filter(|(group, _)| !self.broken.contains(*group));
        let new = new.map(|(group, reason)| (group.clone(), reason.clone())).collect();
        let gaps = gaps_of_groups(&new, &self.options.cluster);
        let said: Vec<_> = gaps.into_iter().map(Observation::Gap).collect();
        self.broken.extend(broken.keys().cloned());
        if said.is_empty() {
            return Some(());
        }
        let told = Message::Told { id: "".into(), said, mark: None };
        self.shared.out.send(told).await.ok()
    }

    /// Lets a checkpoint say that listings begin before anything of them is told.
    async fn begin(&mut self, new: &[(String, Arc<Target>)]) -> Option<()> {
        let fresh = |id: &String| !self.resume.marks.contains_key(id);
        let marks: Vec<_> =
            new.iter().filter(|(id, _)| fresh(id)).map(|(id, _)| (id.clone(), Mark::Lost(None))).collect();
        if marks.is_empty() {
            return Some(());
        }
        self.shared.out.send(Message::Begin(marks)).await.ok()
    }

    fn start(&mut self, id: String, target: Arc<Target>) {
        let begin = match self.resume.marks.remove(&id) {
            Some(mark) => Begin::Resume(mark, self.resume.seen),
            None if self.begun => Begin::Appeared,
            None if self.unknown => Begin::Resume(Mark::Lost(None), None),
            None => Begin::Fresh,
        };
        let machine = Machine::new(Arc::clone(&target), rules(&self.options, Span::Forever), begin);
        let (orders, receiver) = watch::channel(Order::Follow(Arc::clone(&target)));
        let driver = Driver::new(Arc::clone(&self.shared), Arc::clone(&target), machine, receiver);
        self.absent.remove(&id);
        self.running.insert(id.clone(), (orders, target));
        self.drivers.spawn(async move {
            driver.run().await;
            id
        });
    }

    /// Leaves what is served no longer, unless its group cannot be asked.
    async fn leave(&mut self, found: &Discovered, wanted: &Wanted) {
        let gone = |target: &Target| !found.broken.contains_key(&*target.group);
        let absent: BTreeSet<_> = self
            .running
            .iter()
            .filter(|(id, (_, target))| !wanted.contains_key(*id) && gone(target))
            .map(|(id, _)| id.clone())
            .chain(self.resume.marks.keys().filter(|id| !wanted.contains_key(*id)).cloned())
            .collect();
        if !absent.is_subset(&self.absent) {
            // Look again soon.
            self.shared.changed.notify_one();
        }
        for id in absent.intersection(&self.absent) {
            if let Some((orders, _)) = self.running.get(id) {
                let _ = orders.send(Order::Leave);
            } else if self.resume.marks.remove(id).is_some() {
                self.tell_vanished(id, found).await;
            }
        }
        self.absent = absent;
    }

    /// A kind of the cursor is served no longer: it went while no one watched.
    async fn tell_vanished(&self, id: &str, found: &Discovered) {
        let Some(target) = Target::of_id(id).filter(|target| self.options.kinds.takes(target)) else {
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
        let said = vec![Observation::Gap(gap), Observation::RelistStarted(scope), done];
        let id: Arc<str> = id.into();
        let told = Message::Told { id: Arc::clone(&id), said, mark: None };
        if self.shared.out.send(told).await.is_ok() {
            let _ = self.shared.out.send(Message::Forget(id)).await;
        }
    }
}

/// Targets by id, each with the versions it is served in.
pub(crate) type Wanted = BTreeMap<String, (Arc<Target>, BTreeSet<String>)>;

/// Returns what of the served kinds is looked at; with namespaces given, only kinds that lie in them.
pub(crate) fn wanted(found: &Discovered, options: &KubernetesOptions) -> Wanted {
    let mut wanted = Wanted::new();
    let mut add = |target: Target, served: &Served| {
        wanted.insert(target.id(), (Arc::new(target), served.versions.clone()));
    };
    for served in found.kinds.values().filter(|served| options.kinds.takes(&served.target)) {
        match (&served.target.reach, options.namespaces.as_slice()) {
            (_, []) => add(served.target.clone(), served),
            (Reach::Cluster, _) => {}
            (_, namespaces) => {
                for namespace in namespaces {
                    let reach = Reach::Namespace(namespace.as_str().into());
                    add(Target { reach, ..served.target.clone() }, served);
                }
            }
        }
    }
    wanted
}

/// Says that what some groups serve is not known.
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

/// Makes the rules of a machine.
pub(crate) fn rules(options: &KubernetesOptions, span: Span) -> Rules {
    Rules {
        cluster: Arc::clone(&options.cluster),
        page_size: options.page_size,
        streaming: options.initial_lists == super::InitialLists::Streaming,
        backoff: options.backoff,
        span,
    }
}

/// Reads what tells this cluster from others; nothing where that is denied.
pub(crate) async fn identity(requests: &Requests) -> Option<String> {
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
