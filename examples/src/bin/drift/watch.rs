//! `drift watch`: keeps the history of a cluster in a store, and says what drifts, who fights and what is put back as it
//! happens.

mod contests;
mod listen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drift_core::drift::{
    DesiredObject, DriftOptions, DriftReport, IncrementalComparison, ResourceDrift, Status,
};
use drift_core::ingest::{Progress, RunOptions, RunSummary, run as ingest_all};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::replay::State;
use drift_core::{
    Event, EventBody, EventStore, Facet, Finding, FindingBody, FindingId, Gap, Ingest, Position, ResourceKey,
    Scope, Sink, Source, StoreError, StreamId,
};
use drift_sinks::store::embedded::EmbeddedStore;
use drift_sources::receiver::Receiver;
use drift_sources::tape::TapeSource;
use futures::StreamExt;
use futures::channel::mpsc;
use jiff::Timestamp;

use crate::args::{LineFormat, WatchArgs};
use crate::cluster;
use crate::failure::{Failure, one_line};
use crate::findings::{Findings, Printer};
use crate::inputs::Notes;
use crate::inputs::desired::Desired;
use crate::inputs::live::Input;
use crate::inputs::schemas;
use crate::output::{self, Outcome, Screen};
use crate::progress::Counter;
use crate::recorded::store_failure;
use contests::ConflictTracker;
use listen::Refusals;

/// How long many changes are collected before they are judged.
const SETTLE: Duration = Duration::from_millis(100);

/// So many changes at once are no edit but a list that comes in.
const FEW: u64 = 32;

/// Gaps that say the same are told one by one up to so many.
const ALIKE: usize = 3;

/// What the ingest tells the judge.
enum Told {
    Appended(Vec<Event>),
    Failed(String),
}

/// Runs the command.
pub(crate) async fn run(args: &WatchArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.store.display().to_string();
    let store = EmbeddedStore::open(&args.store).map_err(|e| store_failure(&name, &e))?;
    if let Some(recovered) = store.recovered() {
        output::remark(&format!("note: {recovered}"));
    }
    let key = store.redaction_key().map_err(|e| store_failure(&name, &e))?;
    let redactor = Redactor::new(RedactOptions::new(key));
    let receiver = listen::open(&args.listen, &redactor).await?;
    let input = args.tape.as_deref().map(Input::open).transpose()?;
    let (source, namespace): (Box<dyn Source>, String) = match &input {
        Some(tape) => (Box::new(TapeSource::new(tape.path().to_owned(), "")), "default".to_owned()),
        None => {
            let connection = cluster::open(&args.cluster).await?;
            let namespaces: Vec<String> = args.namespace.clone().into_iter().collect();
            output::remark(&format!("watching {}; Ctrl-C ends it", connection.server));
            (Box::new(cluster::source(&connection, &namespaces)), connection.namespace)
        }
    };
    let namespace = args.namespace.clone().unwrap_or(namespace);
    let mut judge = Judge::new(args, &namespace, redactor.clone(), screen).await?;
    judge.start(&store).await.map_err(|e| store_failure(&name, &e))?;
    let summary = follow(
        args,
        &Inflow { source: &*source, receiver: receiver.as_ref(), store: &store, redactor },
        &mut judge,
    )
    .await
    .map_err(|e| disk_failure(&name, &e))?;
    let read = summary.map_or_else(String::new, |s| format!(" from {} observations", s.observations));
    let told = format!("{} new events{read}", judge.appended);
    // Findings go to standard output; in text the count may follow them there.
    match args.output {
        LineFormat::Text => output::print(&format!("{told}\n"))?,
        LineFormat::Json => output::remark(&told),
    }
    judge.finish()
}

fn disk_failure(name: &str, error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable { .. } => {
            Failure::new(format!("cannot write the history in `{name}`")).because(error).hint(
                "is the disk full? what was acknowledged before is safe, and the next run goes on from there",
            )
        }
        _ => store_failure(name, error),
    }
}

/// Where things come from, and where they go.
struct Inflow<'a> {
    source: &'a dyn Source,
    receiver: Option<&'a Receiver>,
    store: &'a EmbeddedStore,
    redactor: Redactor,
}

impl Inflow<'_> {
    /// Takes one source into the store until it ends.
    async fn take(
        &self,
        source: &dyn Source,
        sender: mpsc::UnboundedSender<Told>,
    ) -> Result<RunSummary, StoreError> {
        let mut ingest = Ingest::load(source.name(), self.redactor.clone(), self.store).await?;
        let mut progress = move |progress: Progress<'_>| {
            let told = match progress {
                Progress::Appended(events) => Told::Appended(events.to_vec()),
                Progress::SourceFailed(error) => Told::Failed(one_line(error)),
                _ => return,
            };
            // The judge only goes away together with this loop.
            let _ = sender.unbounded_send(told);
        };
        ingest_all(source, self.store, &mut ingest, &RunOptions::default(), &mut progress).await
    }

    /// Takes what is posted until the receiver is closed; for ever where there is none.
    async fn take_posts(&self, sender: mpsc::UnboundedSender<Told>) -> Result<RunSummary, StoreError> {
        match self.receiver {
            Some(receiver) => self.take(receiver, sender).await,
            None => std::future::pending().await,
        }
    }
}

/// Takes the source into the store until it ends, time is up, or Ctrl-C; the judge hears of everything appended.
///
/// What is posted is a source of its own: a gap in it says nothing of what the cluster lists. While there is a receiver,
/// the end of a tape is not the end.
async fn follow(
    args: &WatchArgs,
    inflow: &Inflow<'_>,
    judge: &mut Judge,
) -> Result<Option<RunSummary>, StoreError> {
    let (sender, mut told) = mpsc::unbounded();
    let mut watching = std::pin::pin!(inflow.take(inflow.source, sender.clone()));
    let mut listening = std::pin::pin!(inflow.take_posts(sender));
    let mut stop = std::pin::pin!(crate::stop::after(args.duration));
    let mut tick = tokio::time::interval(SETTLE);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut refusals = Refusals::default();
    let mut ended = None;
    let mut is_listening = inflow.receiver.is_some();
    let is_tape = args.tape.is_some();
    loop {
        tokio::select! {
            summary = &mut watching, if ended.is_none() => {
                ended = Some(summary?);
                if inflow.receiver.is_none() {
                    break;
                }
                judge.hear_all(&mut told, inflow.store).await?;
            }
            summary = &mut listening, if is_listening => {
                summary?;
                is_listening = false;
                judge.remark(Some("error: no longer listening".to_owned()));
            }
            () = &mut stop => break,
            Some(first) = told.next() => {
                judge.hear(first);
                judge.hear_all(&mut told, inflow.store).await?;
                if !is_tape && judge.unjudged <= FEW {
                    judge.judge().await;
                }
            }
            // A tape plays faster than any clock: its end is judged, so that the same tape says the same.
            _ = tick.tick() => {
                if !is_tape || ended.is_some() {
                    judge.judge().await;
                    judge.look(inflow.store).await?;
                }
                judge.remark(inflow.receiver.and_then(|r| refusals.due(r.refusal_counts())));
            }
        }
    }
    if let Some(receiver) = inflow.receiver {
        // Who was told that it is taken counts on it.
        receiver.close();
        if is_listening {
            listening.await?;
        }
        judge.remark(refusals.rest(receiver.refusal_counts()));
    }
    judge.hear_all(&mut told, inflow.store).await?;
    judge.judge().await;
    judge.look(inflow.store).await?;
    Ok(ended)
}

/// Compares what is declared with what is live: everything once, then what each event touches.
struct Judge {
    declared: Option<Declared>,
    state: State,
    findings: Findings,
    printer: Printer,
    counter: Counter,
    notes: Notes,
    gaps: Vec<Gap>,
    contests: ConflictTracker,
    /// Fights and reverts that were told.
    contested: usize,
    /// What was listed in full; before that nothing in it is missing.
    listed: BTreeSet<Scope>,
    /// What is not live, where it was not listed yet.
    unsure: BTreeSet<ResourceKey>,
    is_tape: bool,
    /// Events of the store that came in this run.
    appended: u64,
    /// Those of them that are not judged yet.
    unjudged: u64,
    /// When the last of them was observed; `None` when all is judged.
    pending: Option<Timestamp>,
}

/// What is declared, and how it stands.
struct Declared {
    desired: Desired,
    wanted: Vec<DesiredObject>,
    namespace: String,
    redactor: Redactor,
    schemas: Option<PathBuf>,
    /// `None` until the first judgement, and where a definition of a kind has come in since.
    kept: Option<IncrementalComparison>,
    /// What had a verdict before such a definition.
    before: Vec<ResourceKey>,
}

impl Declared {
    fn apply(&mut self, event: &Event) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        if is_definition(key) {
            // A schema bears on all objects of its kind.
            let kept = self.kept.take();
            self.before.extend(kept.iter().flat_map(IncrementalComparison::verdicts).map(|d| d.key.clone()));
        }
        let Some(kept) = &mut self.kept else { return };
        match &event.body {
            EventBody::Applied(object) => kept.set_live(object),
            EventBody::Deleted(_) => kept.remove_live(key),
            _ => {}
        }
    }

    /// Judges what was touched, and returns it as it stands now.
    fn judge(&mut self, state: &State) -> Option<Vec<(ResourceKey, Option<ResourceDrift>)>> {
        if self.kept.is_none() {
            self.kept = Some(self.start(state)?);
        }
        let kept = self.kept.as_mut()?;
        let moved = kept.judge();
        let found = moved.iter().filter_map(|key| kept.get(key)).cloned();
        let mut report = DriftReport { resources: found.collect(), notes: Vec::new() };
        if report.resources.iter().any(|r| !r.changes.is_empty()) {
            self.desired.fill_lines(&mut report);
        }
        let touched = std::mem::take(&mut self.before).into_iter().chain(moved);
        let mut now: BTreeMap<_, _> = touched.map(|key| (key, None)).collect();
        for drift in report.resources {
            now.insert(drift.key.clone(), Some(drift));
        }
        Some(now.into_iter().collect())
    }

    fn start(&mut self, state: &State) -> Option<IncrementalComparison> {
        let definitions = state.live().filter(|(key, _)| is_definition(key));
        let definitions: Vec<_> = definitions.filter_map(|(_, r)| r.object().ok().flatten()).collect();
        let live = definitions.iter().map(|o: &Arc<_>| &**o);
        let mut unread = Notes::default();
        let schemas =
            schemas::gather(self.schemas.as_deref(), self.desired.objects(), live, &mut unread).ok()?;
        if self.wanted.is_empty() {
            self.wanted = self.desired.settle(&schemas, &self.namespace, Some(&self.redactor));
        }
        let options = DriftOptions {
            default_namespace: Some(self.namespace.as_str().into()),
            ..DriftOptions::default()
        };
        let mut kept = IncrementalComparison::new(self.wanted.clone(), schemas, options);
        state.live().filter_map(|(_, r)| r.object().ok().flatten()).for_each(|o| kept.set_live(&o));
        Some(kept)
    }
}

fn is_definition(key: &ResourceKey) -> bool {
    key.group_kind() == ("apiextensions.k8s.io", "CustomResourceDefinition")
}

impl Judge {
    async fn new(
        args: &WatchArgs,
        namespace: &str,
        redactor: Redactor,
        screen: Screen,
    ) -> Result<Self, Failure> {
        let mut notes = Notes::default();
        let counter = Counter::new("events");
        let declared = if args.desired.is_empty() {
            None
        } else {
            let mut desired = Desired::read(&args.desired).await?;
            notes.append(std::mem::take(&mut desired.notes));
            // What is wrong with the folder is said at the start, not while an edit waits for its verdict.
            schemas::gather(args.schemas.as_deref(), [], [], &mut notes)?;
            Some(Declared {
                desired,
                wanted: Vec::new(),
                namespace: namespace.to_owned(),
                redactor,
                schemas: args.schemas.clone(),
                kept: None,
                before: Vec::new(),
            })
        };
        Ok(Self {
            declared,
            state: State::default(),
            findings: Findings::default(),
            printer: Printer::new(args.output, screen, counter.clone()),
            counter,
            notes,
            gaps: Vec::new(),
            contests: ConflictTracker::default(),
            contested: 0,
            listed: BTreeSet::new(),
            unsure: BTreeSet::new(),
            is_tape: args.tape.is_some(),
            appended: 0,
            unjudged: 0,
            pending: None,
        })
    }

    /// Takes what the store holds already.
    async fn start(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        if self.declared.is_none() {
            return Ok(());
        }
        let mut events = store.read_all(Position::START);
        while let Some(event) = events.next().await {
            let event = event?;
            self.apply(&event);
            // What drifted before this run is told by it too.
            self.pending = Some(event.observed_at);
        }
        Ok(())
    }

    fn apply(&mut self, event: &Event) {
        self.state.apply(event);
        self.declared.iter_mut().for_each(|d| d.apply(event));
        if let EventBody::Relisted(scope) = &event.body {
            self.listed.insert(scope.clone());
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Failed(why) => self.counter.suspend(|| self.notes.miss(why)),
            Told::Appended(events) => {
                self.appended += events.len() as u64;
                self.unjudged += events.len() as u64;
                self.counter.set(self.appended);
                for event in &events {
                    if let EventBody::Gap(gap) = &event.body {
                        self.gaps.push(gap.clone());
                    }
                    self.contests.hear(event);
                    if self.declared.is_some() {
                        self.apply(event);
                    }
                    self.pending = Some(event.observed_at);
                }
            }
        }
    }

    /// Takes all that waits; of what would be too much to look at later, fights are looked for now.
    async fn hear_all(
        &mut self,
        told: &mut mpsc::UnboundedReceiver<Told>,
        store: &dyn EventStore,
    ) -> Result<(), StoreError> {
        while let Ok(told) = told.try_recv() {
            self.hear(told);
            if self.contests.is_full() {
                self.look(store).await?;
            }
        }
        Ok(())
    }

    /// Looks for fights and reverts in what came since the last time, and prints what is new.
    async fn look(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        let found = self.contests.look(store).await?;
        self.contested += found.len();
        self.print(&found).await;
        Ok(())
    }

    fn remark(&self, text: Option<String>) {
        text.iter().for_each(|text| self.counter.suspend(|| output::remark(text)));
    }

    /// Judges what came since the last time, and prints what is new.
    async fn judge(&mut self) {
        let Some(at) = self.pending.take() else { return };
        self.unjudged = 0;
        let mut told: Vec<Finding> =
            joined(std::mem::take(&mut self.gaps)).into_iter().map(gap_seen).collect();
        told.extend(self.found(at));
        self.print(&told).await;
    }

    async fn print(&self, told: &[Finding]) {
        if told.is_empty() {
            return;
        }
        if let Err(e) = self.printer.deliver(told).await {
            output::remark(&format!("error: {}", one_line(&e)));
        }
    }

    fn found(&mut self, at: Timestamp) -> Vec<Finding> {
        let Some(declared) = &mut self.declared else { return Vec::new() };
        let Some(mut moved) = declared.judge(&self.state) else { return Vec::new() };
        // What was not live in a scope that had not been listed may be missing now.
        for key in std::mem::take(&mut self.unsure) {
            if !moved.iter().any(|(k, _)| *k == key) {
                let drift = declared.kept.as_ref().and_then(|kept| kept.get(&key)).cloned();
                moved.push((key, drift));
            }
        }
        moved.sort_by(|a, b| a.0.cmp(&b.0));
        let mut told = Vec::new();
        for (key, drift) in moved {
            let missing = drift.as_ref().is_some_and(|d| d.status == Status::Missing);
            if missing && !self.is_tape && !self.listed.iter().any(|scope| scope.contains(&key)) {
                self.unsure.insert(key);
            } else {
                told.append(&mut self.findings.take(&key, drift.as_ref(), at));
            }
        }
        told
    }

    fn finish(self) -> Result<Outcome, Failure> {
        self.counter.finish();
        Ok(match self.findings.len() + self.contested {
            _ if self.notes.is_partial() => Outcome::Failed,
            0 => Outcome::Nothing,
            _ => Outcome::Found,
        })
    }
}

/// Makes one gap of many that say the same: a server that goes away takes every kind along.
fn joined(gaps: Vec<Gap>) -> Vec<Gap> {
    let mut by_message: BTreeMap<Arc<str>, Vec<Gap>> = BTreeMap::new();
    gaps.into_iter().for_each(|g| by_message.entry(Arc::clone(&g.message)).or_default().push(g));
    let join = |mut alike: Vec<Gap>| {
        if alike.len() <= ALIKE {
            return alike;
        }
        let kinds = alike.iter().filter_map(|g| g.scope.kind.as_ref()).collect::<BTreeSet<_>>().len();
        let mut gap = alike.swap_remove(0);
        gap.message = format!("{} ({kinds} kinds)", gap.message).into();
        vec![Gap { scope: Scope { cluster: gap.scope.cluster, ..Scope::default() }, ..gap }]
    };
    by_message.into_values().flat_map(join).collect()
}

fn gap_seen(gap: Gap) -> Finding {
    let parts = [&gap.scope.to_string(), &*gap.message, &gap.to.to_string()].map(ToOwned::to_owned);
    let parts: Vec<&str> = std::iter::once("gap").chain(parts.iter().map(String::as_str)).collect();
    Finding { id: FindingId::derive(&parts), key: None, at: gap.to, body: FindingBody::GapSeen(gap) }
}
