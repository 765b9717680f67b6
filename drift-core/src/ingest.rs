//! Ingest: from the observations of a source to what a store must append, without IO.
//!
//! [`Ingest::step`] takes one observation and returns the appends that it makes; what is known already makes none. A tape
//! that is ingested twice therefore appends nothing the second time, and a source that repeats itself after resuming does
//! no harm. [`run`] is the loop around it.
//!
//! | observation | appended |
//! |---|---|
//! | an object with a newer resourceVersion, or another uid | `Applied` |
//! | the same object again: a resync, a relist, a repeated tape | nothing |
//! | an object that a full listing did not bring | `Deleted`, at the end of the listing |
//! | the same gap, relist or occurrence again | nothing |
//! | a checkpoint after something was appended | `Checkpoint` |

mod head;
mod load;
mod run;
mod time;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use load::recall_hashes;
pub use run::{Progress, RunOptions, RunSummary, run};

use crate::event::{
    Actor, Applied, Deleted, Event, EventBody, Gap, GapReason, NewEvent, Observation, Occurrence, Origin,
};
use crate::key::{Cursor, ResourceKey};
use crate::redact::Redactor;
use crate::store::{Append, ExpectedRevision};
use crate::stream::{Facet, Revision, Scope, StreamId};
use head::{Fact, Head};

/// Turns the observations of one source into appends.
///
/// Of each stream it holds the last revision, uid, resourceVersion and times, not the object. It assumes that everything it
/// returned is appended in order: call [`Ingest::commit`] when it was, and [`Ingest::roll_back`] when it was not.
///
/// # Example
/// ```
/// use drift_core::redact::{RedactOptions, Redactor};
/// use drift_core::{Applied, Ingest, Object, Observation};
/// let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"7"}}"#;
/// let observed = |at: &str| -> Result<Observation, Box<dyn std::error::Error>> {
///     Ok(Observation::Applied(Applied::live(Object::from_json(pod.as_bytes())?, "", at.parse()?)))
/// };
/// let mut ingest = Ingest::new("example", Redactor::new(RedactOptions::new([7; 32])));
/// assert_eq!(ingest.step(observed("2026-11-21T10:00:00Z")?).len(), 1);
/// // The same resourceVersion again is not a change.
/// assert!(ingest.step(observed("2026-11-21T10:05:00Z")?).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ingest {
    source: Arc<str>,
    redactor: Redactor,
    state: State,
    heads: HashMap<StreamId, Head>,
    /// Gaps, relists and occurrences that are in the store.
    facts: HashSet<Fact>,
    /// Texts of keys, so that a hundred thousand keys share their namespaces and kinds.
    names: HashSet<Arc<str>>,
    undo: Undo,
}

/// The part that is small enough to be copied at each commit.
#[derive(Clone, Debug, Default)]
struct State {
    /// Facets of which this source has reported objects.
    facets: BTreeSet<Facet>,
    relists: Vec<Relist>,
    /// Number of relists begun so far; a head notes during which one it was last seen.
    relist_count: u64,
    /// Number of times the source started or resumed.
    run_number: u64,
    cursor: Option<Cursor>,
    /// Whether anything was appended since the source last gave a checkpoint.
    dirty: bool,
    /// When the last observation was made.
    now: Timestamp,
}

#[derive(Clone, Debug)]
struct Relist {
    scope: Scope,
    started: u64,
    /// Whether something in the scope could not be read: an object that was not listed may then still exist.
    incomplete: bool,
}

/// How things were at the last commit, for what changed since.
#[derive(Clone, Debug, Default)]
struct Undo {
    state: Option<State>,
    heads: HashMap<StreamId, Option<Head>>,
    facts: Vec<Fact>,
}

impl Ingest {
    /// Makes an ingest for a source that has observed nothing yet, into a store that holds nothing of it.
    ///
    /// For a store that does hold something, use [`Ingest::load`].
    pub fn new(source: &str, redactor: Redactor) -> Self {
        Self {
            source: source.into(),
            redactor,
            // Heads loaded from a store count as seen in run 0.
            state: State { run_number: 1, ..State::default() },
            heads: HashMap::new(),
            facts: HashSet::new(),
            names: HashSet::new(),
            undo: Undo::default(),
        }
    }

    /// Returns the name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the last checkpoint: where the source can go on.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.state.cursor.as_ref()
    }

    /// Returns the last revision that a stream has, counting what was returned and not yet committed.
    pub fn revision(&self, stream: &StreamId) -> Option<Revision> {
        self.heads.get(stream).map(|h| h.revision)
    }

    /// Loads an event that is in the store. Load the events of a stream in order, and at least from its last object on.
    pub fn load_event(&mut self, event: &Event) {
        self.redactor.recall(event);
        let Event { stream, revision, uid, origin, observed_at, occurred_at, body, .. } = event.clone();
        self.record(&stream, revision, &NewEvent { uid, origin, observed_at, occurred_at, body });
    }

    /// Takes one observation and returns what must be appended, in order and together.
    ///
    /// - Objects at a known or older resourceVersion are ignored (for example, a resync). Where versions have no order, or
    ///   a declared object has none, an object with the same content as the last one is ignored.
    /// - An object with another uid is another incarnation in the same stream.
    /// - An object that a full listing does not contain is deleted, unless a part of the listing could not be read. Its
    ///   deletion is observed at the end of the listing; when it happened is not known.
    /// - A checkpoint is appended only if something was appended since the one before, so a quiet source leaves no trace.
    pub fn step(&mut self, observation: Observation) -> Vec<Append> {
        self.undo.state.get_or_insert_with(|| self.state.clone());
        match observation {
            Observation::Applied(applied) => self.applied(applied).into_iter().collect(),
            Observation::Deleted(deleted) => self.deleted(deleted).into_iter().collect(),
            Observation::RelistStarted(scope) => {
                self.relist_started(scope);
                Vec::new()
            }
            Observation::RelistDone { scope, observed_at } => self.relist_done(&scope, observed_at),
            Observation::Happened(occurrence) => self.happened(occurrence).into_iter().collect(),
            Observation::Gap(gap) => self.gap(gap).into_iter().collect(),
            Observation::Checkpoint(cursor) => self.checkpoint(cursor).into_iter().collect(),
        }
    }

    /// Begins another run of the source, from its start or from [`Ingest::cursor`]; forgets what was not committed.
    pub fn restart(&mut self) {
        self.roll_back();
        self.state.relists.clear();
        self.state.dirty = false;
        self.state.run_number += 1;
    }

    /// Confirms that everything returned so far was appended.
    pub fn commit(&mut self) {
        self.undo = Undo::default();
    }

    /// Forgets what was returned since the last commit, because none of it was appended.
    pub fn roll_back(&mut self) {
        let Undo { state, heads, facts } = std::mem::take(&mut self.undo);
        if let Some(state) = state {
            self.state = state;
        }
        for (stream, head) in heads {
            match head {
                Some(head) => drop(self.heads.insert(stream, head)),
                None => drop(self.heads.remove(&stream)),
            }
        }
        for fact in facts {
            self.facts.remove(&fact);
        }
    }

    fn applied(&mut self, applied: Applied) -> Option<Append> {
        let Applied { facet, key, object, observed_at, actor, cursor, source_revision } = applied;
        self.state.now = observed_at;
        self.add_facet(&facet);
        let live = facet == Facet::Live;
        let stream = self.stream_of(facet, key);
        let object = self.redactor.redact_shared(object);
        let head = self.heads.get(&stream);
        let known = match head {
            Some(head) if live => head.knows_live(&object, observed_at),
            Some(head) => head.knows_desired(&object),
            None => false,
        };
        if known {
            let current = head.is_some_and(|h| h.is_current(&object));
            self.mark_seen(&stream, current.then_some(self.state.run_number));
            return None;
        }
        let before = head.and_then(|h| h.newest);
        let occurred_at = live.then(|| time::of_change(&object, observed_at, before)).flatten();
        let origin = Origin { source: Arc::clone(&self.source), cursor, actor, source_revision };
        let (uid, body) = (object.uid(), EventBody::Applied(object));
        Some(self.append(stream, NewEvent { uid, origin, observed_at, occurred_at, body }))
    }

    fn deleted(&mut self, deleted: Deleted) -> Option<Append> {
        let Deleted { facet, key, last, observed_at, actor } = deleted;
        self.state.now = observed_at;
        self.add_facet(&facet);
        let live = facet == Facet::Live;
        let stream = self.stream_of(facet, key);
        let last = last.map(|object| self.redactor.redact_shared(object));
        self.mark_seen(&stream, None);
        let head = self.heads.get(&stream);
        let known = match head {
            Some(head) if live => head.knows_deleted(last.as_deref(), observed_at, self.state.run_number),
            Some(head) => !head.alive,
            // Nothing was known, and the deletion brings no last state.
            None => last.is_none(),
        };
        if known {
            return None;
        }
        let uid = last.as_ref().map_or_else(|| head.and_then(|h| h.uid.clone()), |o| o.uid());
        Some(self.gone(stream, uid, last, observed_at, actor))
    }

    fn gone(
        &mut self,
        stream: StreamId,
        uid: Option<crate::key::Uid>,
        last: Option<Arc<crate::object::Object>>,
        observed_at: Timestamp,
        actor: Actor,
    ) -> Append {
        let origin = Origin { source: Arc::clone(&self.source), actor, ..Origin::default() };
        let body = EventBody::Deleted(last);
        self.append(stream, NewEvent { uid, origin, observed_at, occurred_at: None, body })
    }

    fn relist_started(&mut self, scope: Scope) {
        self.state.relist_count += 1;
        self.state.relists.retain(|r| r.scope != scope);
        self.state.relists.push(Relist { scope, started: self.state.relist_count, incomplete: false });
    }

    fn relist_done(&mut self, scope: &Scope, observed_at: Timestamp) -> Vec<Append> {
        self.state.now = observed_at;
        let Some(at) = self.state.relists.iter().position(|r| r.scope == *scope) else {
            return Vec::new();
        };
        let relist = self.state.relists.remove(at);
        if relist.incomplete {
            return Vec::new();
        }
        let missed = |(stream, head): (&StreamId, &Head)| {
            let StreamId::Resource(facet, key) = stream else { return None };
            let mine = head.source == self.source || self.state.facets.contains(facet);
            // An old listing that is repeated does not concern what came after it.
            let later = *facet == Facet::Live && head.outlives(observed_at, self.state.run_number);
            let gone = head.alive
                && head.seen_in_relist < relist.started
                && mine
                && !later
                && relist.scope.contains(key);
            gone.then(|| (stream.clone(), head.uid.clone()))
        };
        let mut missed: Vec<_> = self.heads.iter().filter_map(missed).collect();
        missed.sort();
        let gone = |(stream, uid)| self.gone(stream, uid, None, observed_at, Actor::default());
        let mut appends: Vec<_> = missed.into_iter().map(gone).collect();
        appends.extend(self.fact(self.own_stream(), observed_at, EventBody::Relisted(relist.scope)));
        appends
    }

    fn happened(&mut self, occurrence: Occurrence) -> Option<Append> {
        let occurrence = self.redactor.redact_occurrence(occurrence);
        self.state.now = occurrence.at;
        let stream = match &occurrence.about {
            Some(key) => self.stream_of(Facet::Live, key.clone()),
            None => self.own_stream(),
        };
        self.fact(stream, occurrence.at, EventBody::Happened(occurrence))
    }

    fn gap(&mut self, mut gap: Gap) -> Option<Append> {
        if let Cow::Owned(message) = self.redactor.redact_text(&gap.message) {
            gap.message = message.into();
        }
        self.state.now = gap.to;
        if matches!(gap.reason, GapReason::Corrupt | GapReason::TooLarge | GapReason::Denied) {
            self.state
                .relists
                .iter_mut()
                .filter(|r| r.scope.meets(&gap.scope))
                .for_each(|r| r.incomplete = true);
        }
        self.fact(self.own_stream(), gap.to, EventBody::Gap(gap))
    }

    fn checkpoint(&mut self, cursor: Cursor) -> Option<Append> {
        if self.state.cursor.as_ref() == Some(&cursor) || !std::mem::take(&mut self.state.dirty) {
            return None;
        }
        let origin = Origin { source: Arc::clone(&self.source), cursor: Some(cursor), ..Origin::default() };
        let event = NewEvent {
            uid: None,
            origin,
            observed_at: self.state.now,
            occurred_at: None,
            body: EventBody::Checkpoint,
        };
        Some(self.append(self.own_stream(), event))
    }

    /// Appends a fact that is observed once, unless it was observed before.
    fn fact(&mut self, stream: StreamId, observed_at: Timestamp, body: EventBody) -> Option<Append> {
        let origin = Origin { source: Arc::clone(&self.source), ..Origin::default() };
        let event = NewEvent { uid: None, origin, observed_at, occurred_at: None, body };
        let known = head::fact(&stream, &event).is_some_and(|fact| self.facts.contains(&fact));
        (!known).then(|| self.append(stream, event))
    }

    fn append(&mut self, stream: StreamId, event: NewEvent) -> Append {
        let before = self.heads.get(&stream).map(|h| h.revision);
        let expected = before.map_or(ExpectedRevision::Empty, ExpectedRevision::Exact);
        self.state.dirty |= event.body != EventBody::Checkpoint;
        self.record(&stream, before.map_or(Revision::FIRST, Revision::next), &event);
        if let Some(head) = self.heads.get_mut(&stream) {
            head.confirmed_in_run = self.state.run_number;
        }
        Append { stream, expected, events: vec![event] }
    }

    /// Records an event at its revision, whether it was appended or will be.
    fn record(&mut self, stream: &StreamId, revision: Revision, event: &NewEvent) {
        self.remember(stream);
        let relist_count = self.state.relist_count;
        match self.heads.get_mut(stream) {
            Some(head) => head.record(revision, event, relist_count),
            None => {
                let mut head = Head::new(revision);
                head.record(revision, event, relist_count);
                self.heads.insert(stream.clone(), head);
            }
        }
        if let Some(fact) = head::fact(stream, event)
            && self.facts.insert(fact)
        {
            self.undo.facts.push(fact);
        }
        if event.origin.source != self.source {
            return;
        }
        if event.body == EventBody::Checkpoint {
            self.state.cursor.clone_from(&event.origin.cursor);
        } else if let StreamId::Resource(facet, _) = stream
            && !matches!(event.body, EventBody::Happened(_))
        {
            self.add_facet(facet);
        }
    }

    /// Saves the head of a stream as it was at the last commit.
    fn remember(&mut self, stream: &StreamId) {
        if !self.undo.heads.contains_key(stream) {
            self.undo.heads.insert(stream.clone(), self.heads.get(stream).cloned());
        }
    }

    /// Notes that an object was observed again, and in which run in its current state.
    fn mark_seen(&mut self, stream: &StreamId, confirmed_in_run: Option<u64>) {
        let relist_count = self.state.relist_count;
        let Some(head) = self.heads.get(stream) else { return };
        let confirmed_in_run = confirmed_in_run.unwrap_or(head.confirmed_in_run);
        if (head.seen_in_relist, head.confirmed_in_run) != (relist_count, confirmed_in_run) {
            self.remember(stream);
            if let Some(head) = self.heads.get_mut(stream) {
                (head.seen_in_relist, head.confirmed_in_run) = (relist_count, confirmed_in_run);
            }
        }
    }

    fn add_facet(&mut self, facet: &Facet) {
        if !self.state.facets.contains(facet) {
            self.state.facets.insert(facet.clone());
        }
    }

    fn own_stream(&self) -> StreamId {
        StreamId::Source(Arc::clone(&self.source))
    }

    /// Returns the stream of a resource, with texts shared between keys.
    fn stream_of(&mut self, facet: Facet, key: ResourceKey) -> StreamId {
        let mut shared = |text: Arc<str>| match self.names.get(&text) {
            Some(known) => Arc::clone(known),
            None => {
                self.names.insert(Arc::clone(&text));
                text
            }
        };
        let ResourceKey { cluster, group, kind, namespace, name } = key;
        let (cluster, group, kind) = (shared(cluster), shared(group), shared(kind));
        let key = ResourceKey { cluster, group, kind, namespace: shared(namespace), name };
        StreamId::Resource(facet, key)
    }
}
