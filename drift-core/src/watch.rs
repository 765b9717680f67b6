//! Watching: what an appended event means for what is declared, without IO and without a clock.
//!
//! A [`WatchJudge`] is what `drift watch` does between the store and the sinks. It takes events as they are appended, holds
//! the state of the cluster, compares what each event touches with what is declared, and returns the findings that came,
//! changed or were resolved. The program around it moves events in and findings out, and tells the time.
//!
//! ```text
//! Source ─► Ingest ─► EventStore ─► Event ─► WatchJudge ─► FindingUpdate ─► Sink
//!                                   handle ─┘      └─ judge, scan_conflicts
//! ```
//!
//! **Invariant:** the findings depend on the events and on where [`WatchJudge::judge`] was called between them, never on a
//! clock. The times that are passed in only decide when to call it.

mod comparison;
mod removals;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::coverage::{Coverage, RecordedScope, Unseen, UnseenReason};
use crate::drift::{DesiredObject, DriftOptions, DriftReport, Status, Summary};
use crate::event::{Event, EventBody, Gap};
use crate::finding::{ConflictTracker, Finding, FindingTracker, FindingUpdate, merge_gaps, scan_conflicts};
use crate::key::ResourceKey;
use crate::schema::SchemaSet;
use crate::store::{EventStore, StoreError};
use comparison::LiveComparison;

/// How a [`WatchJudge`] judges.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// How declared and live objects are compared.
    pub drift: DriftOptions,
    /// Schemas that win over those of CustomResourceDefinitions, such as the OpenAPI documents of the cluster.
    pub schemas: Option<SchemaSet>,
    /// What is believed of a declared resource that no event has shown.
    pub absence: Absence,
    /// Where the namespace comes from of what is declared without one.
    pub namespace_basis: NamespaceBasis,
    /// So many events at most are judged at once when they arrive: they are an edit, not a list that is coming in.
    pub max_immediate_events: u64,
    /// How long more events than that are collected before they are judged.
    pub settle_time: SignedDuration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            drift: DriftOptions::default(),
            schemas: None,
            absence: Absence::default(),
            namespace_basis: NamespaceBasis::default(),
            max_immediate_events: 32,
            settle_time: SignedDuration::from_millis(100),
        }
    }
}

/// What is believed of a declared resource that no event has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absence {
    /// It is missing once its scope was listed in full ([`EventBody::Relisted`]); before that it may still come. For a cluster.
    #[default]
    OnceListed,
    /// It is missing, unless its scope may not be listed. For a recording that is played to its end, such as a tape: what has
    /// not come will not come.
    AtOnce,
}

/// Where the namespace comes from of what is declared without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceBasis {
    /// Somebody named it.
    #[default]
    Named,
    /// Nobody did: what is not there, while something of its kind and name lies in another namespace, may be that, and is not missing.
    Assumed,
}

/// Judges events as they are appended: what drifts, what is missing, who fights, which history is not known.
///
/// Without declared objects it only reports gaps, fights and reverts, and holds no state of the cluster.
///
/// # Example
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use drift_core::{Applied, EventStoreExt, FindingBody, Ingest, MemoryStore, Object, Observation, EventStore};
/// use drift_core::drift::DesiredObject;
/// use drift_core::redact::{RedactOptions, Redactor};
/// use drift_core::watch::{Absence, WatchJudge, WatchOptions};
///
/// let config = |value: &str| {
///     let json = format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"prices","namespace":"shop"}},"data":{{"bread":"{value}"}}}}"#);
///     Object::from_json(json.as_bytes()).unwrap()
/// };
/// let desired = vec![DesiredObject { object: Arc::new(config("2")), declared: None }];
/// let options = WatchOptions { absence: Absence::AtOnce, ..WatchOptions::default() };
/// let mut judge = WatchJudge::new(Some(desired), options);
///
/// // A source observes another value, the ingest turns that into an event, and the judge is shown it.
/// let now = "2026-11-21T10:00:00Z".parse()?;
/// let store = MemoryStore::default();
/// let mut ingest = Ingest::new("example", Redactor::new(RedactOptions::new([7; 32])));
/// let observed = Observation::Applied(Applied::live(config("3"), "", now));
/// for event in store.append(ingest.step(observed)).await? {
///     judge.handle(&event, now);
/// }
/// let updates = judge.judge(&mut |_| ());
/// assert!(matches!(&updates[0].finding.body, FindingBody::Drifted { path, .. } if path.to_string() == ".data.bread"));
/// assert_eq!(judge.findings().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct WatchJudge {
    options: WatchOptions,
    comparison: Option<LiveComparison>,
    findings: FindingTracker,
    conflicts: ConflictTracker,
    /// Gaps that were not reported yet.
    gaps: Vec<Gap>,
    /// What was listed in full; nothing outside of it is reported as missing.
    recorded: RecordedScope,
    /// Declared resources that are not live in a scope that was not listed yet, or may not be.
    maybe_missing: BTreeSet<ResourceKey>,
    /// Declared resources whose namespace is only assumed, with the one in which something of that name lies.
    misplaced: BTreeMap<ResourceKey, Arc<str>>,
    pending: Option<PendingEvents>,
}

/// Events that were not judged yet.
#[derive(Clone, Copy, Debug)]
struct PendingEvents {
    count: u64,
    /// When the first of them arrived, by the clock of the program; for events of the past, the beginning of time.
    since: Timestamp,
    /// When the last of them was observed, by the log.
    observed_at: Timestamp,
}

impl WatchJudge {
    /// Makes a judge of what is declared; `None` where only gaps, fights and reverts are of interest.
    ///
    /// Declared Secrets are given redacted with the key of the store, so that their hashes can be compared with it.
    pub fn new(desired: Option<Vec<DesiredObject>>, options: WatchOptions) -> Self {
        let comparison = desired
            .map(|desired| LiveComparison::new(desired, options.schemas.clone(), options.drift.clone()));
        Self {
            options,
            comparison,
            findings: FindingTracker::default(),
            conflicts: ConflictTracker::default(),
            gaps: Vec::new(),
            recorded: RecordedScope::default(),
            maybe_missing: BTreeSet::new(),
            misplaced: BTreeMap::new(),
            pending: None,
        }
    }

    /// Takes an event that was in the store before this run: it counts for the comparison, and is no news itself.
    ///
    /// What drifted before this run is therefore reported by the first [`judge`](Self::judge), first seen at the time of the
    /// last event loaded. To have each finding first seen when the log shows it, and reported to nobody, call
    /// [`judge`](Self::judge) after each event and drop what it returns.
    pub fn load(&mut self, event: &Event) {
        if self.comparison.is_some() {
            self.apply(event);
            let count = self.pending.map_or(0, |p| p.count);
            self.pending =
                Some(PendingEvents { count, since: Timestamp::MIN, observed_at: event.observed_at });
        }
    }

    /// Takes an event that was appended; `now` is the time by the clock of the program.
    pub fn handle(&mut self, event: &Event, now: Timestamp) {
        if let EventBody::Gap(gap) = &event.body {
            self.gaps.push(gap.clone());
        }
        self.conflicts.handle(event);
        self.apply(event);
        let (count, since) = self.pending.map_or((0, now), |p| (p.count, p.since));
        self.pending = Some(PendingEvents { count: count + 1, since, observed_at: event.observed_at });
    }

    fn apply(&mut self, event: &Event) {
        self.comparison.iter_mut().for_each(|c| c.apply(event));
        self.recorded.apply(event);
    }

    /// Returns when the events that wait should be judged, by the clock whose times [`handle`](Self::handle) was given;
    /// `None` when none wait.
    ///
    /// A few events are due when they arrive, so that an edit is reported at once; many are collected for
    /// [`WatchOptions::settle_time`], so that a list that comes in is judged in a few rounds.
    pub fn deadline(&self) -> Option<Timestamp> {
        let pending = self.pending?;
        let is_edit = pending.count <= self.options.max_immediate_events;
        let wait = if is_edit { SignedDuration::ZERO } else { self.options.settle_time };
        Some(pending.since.checked_add(wait).unwrap_or(Timestamp::MAX))
    }

    /// Judges what came since the last time, and returns what came, changed or was resolved: gaps first, then by resource.
    ///
    /// `annotate` is called with the comparisons that changed, before they become findings, where one of them differs.
    /// It may add what only the program knows, such as the lines of the files that declare a field; `&mut |_| ()` adds
    /// nothing.
    pub fn judge(&mut self, annotate: &mut dyn FnMut(&mut DriftReport)) -> Vec<FindingUpdate> {
        let Some(pending) = self.pending.take() else { return Vec::new() };
        let gaps = merge_gaps(std::mem::take(&mut self.gaps));
        let mut updates: Vec<_> =
            gaps.into_iter().map(|gap| FindingUpdate::opened(Finding::gap_seen(gap))).collect();
        updates.append(&mut self.compare(pending.observed_at, annotate));
        updates
    }

    fn compare(&mut self, at: Timestamp, annotate: &mut dyn FnMut(&mut DriftReport)) -> Vec<FindingUpdate> {
        let Some(comparison) = &mut self.comparison else { return Vec::new() };
        let is_assumed = self.options.namespace_basis == NamespaceBasis::Assumed;
        let (recorded, absence) = (&self.recorded, self.options.absence);
        let is_listed = |key: &ResourceKey| match absence {
            Absence::AtOnce => recorded.unseen(key).is_none(),
            Absence::OnceListed => recorded.is_listed(key),
        };
        let mut changed = comparison.judge(annotate);
        // What was not live in a scope that had not been listed may be missing now.
        let waiting = std::mem::take(&mut self.maybe_missing).into_iter();
        for key in waiting.chain(std::mem::take(&mut self.misplaced).into_keys()) {
            changed.entry(key).or_insert_with_key(|key| comparison.verdict(key));
        }
        let mut updates = Vec::new();
        for (key, drift) in changed {
            let is_missing = drift.as_ref().is_some_and(|d| d.status == Status::Missing);
            let elsewhere = comparison.elsewhere(&key).filter(|_| is_missing && is_assumed);
            if let Some(namespace) = elsewhere {
                self.misplaced.insert(key, namespace);
            } else if is_missing && !is_listed(&key) {
                self.maybe_missing.insert(key);
            } else {
                updates.append(&mut self.findings.update(&key, drift.as_ref(), at));
            }
        }
        updates
    }

    /// Returns `true` if so many changes of one resource wait that [`scan_conflicts`](Self::scan_conflicts) should be called
    /// before more events are taken.
    pub fn should_scan_conflicts(&self) -> bool {
        self.conflicts.is_full()
    }

    /// Looks for fights and reverts in what came since the last time, and returns those that came or resumed.
    ///
    /// # Errors
    /// When the store cannot be read; the next call tries again.
    pub async fn scan_conflicts(&mut self, store: &dyn EventStore) -> Result<Vec<FindingUpdate>, StoreError> {
        scan_conflicts(&mut self.conflicts, store).await
    }

    /// Returns what could not be looked at so far: scopes that may not be listed or could not be read, and declared resources
    /// that are neither live nor known to be missing.
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        let is_wanted = |gap: &&Gap| self.comparison.as_ref().is_none_or(|c| c.concerns(&gap.scope));
        self.recorded.open_gaps().filter(is_wanted).for_each(|gap| coverage.add(Unseen::of_gap(gap)));
        for key in &self.maybe_missing {
            let why = self.recorded.unseen(key);
            let (reason, message) = why.map_or_else(
                || (UnseenReason::KindNotListed, "it was not listed yet".to_owned()),
                |why| (why.reason, why.message),
            );
            coverage.add(Unseen::other(reason, format!("{key} was not compared: {message}")));
        }
        self.misplaced().into_iter().for_each(|unseen| coverage.add(unseen));
        coverage
    }

    /// Returns what was not compared because its namespace is not known: it is declared without one, and not where it was looked for,
    /// while something of its kind and name lies elsewhere.
    pub fn misplaced(&self) -> Vec<Unseen> {
        let mut places: BTreeMap<(&str, &str), Vec<&ResourceKey>> = BTreeMap::new();
        for (key, place) in &self.misplaced {
            places.entry((&key.namespace, place)).or_default().push(key);
        }
        let unseen = |((namespace, place), keys): ((&str, &str), Vec<&ResourceKey>)| {
            let first = keys.first().map_or("", |key| &key.name);
            let count = keys.len();
            let message = format!(
                "{count} declared without a namespace, {first} for one, not in `{namespace}`, but there in `{place}`: which one is meant is not known"
            );
            Unseen::other(UnseenReason::NotGiven, message)
        };
        places.into_iter().map(unseen).collect()
    }

    /// Returns how many resources are live, and the counts of the verdicts on what is declared as they were last judged; `None` where
    /// nothing is declared. What may yet be listed, or may not be, counts as unknown.
    pub fn summary(&self) -> Option<(usize, Summary)> {
        let comparison = self.comparison.as_ref()?;
        let mut verdicts = comparison.verdicts();
        let is_open =
            |key: &ResourceKey| self.maybe_missing.contains(key) || self.misplaced.contains_key(key);
        for verdict in verdicts.iter_mut().filter(|v| is_open(&v.key)) {
            verdict.status = Status::Unknown;
        }
        let report = DriftReport { resources: verdicts, ..DriftReport::default() };
        Some((comparison.live_count(), report.summary()))
    }

    /// Returns the findings about what is declared that are open.
    pub fn findings(&self) -> &FindingTracker {
        &self.findings
    }

    /// Returns the tracker of fights and reverts, for a program that reads its store itself.
    pub fn conflicts_mut(&mut self) -> &mut ConflictTracker {
        &mut self.conflicts
    }
}
