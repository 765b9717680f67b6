//! Ingest: from what a source says to what a store must append, without doing any IO.
//!
//! [`Ingest::step`] takes one observation and returns the appends it makes; what is known already makes none. So a
//! tape that is ingested twice appends nothing the second time, and a source that repeats itself after resuming does no
//! harm. [`run`] is the loop around it.

mod head;
mod load;
mod run;
mod time;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

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
/// Of each stream it holds place, incarnation, resourceVersion and times, not the object. It counts on all that it
/// returned being appended in order: when that failed, [`Ingest::roll_back`]; when it did not, [`Ingest::commit`].
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
    /// Facets that this source tells of.
    facets: BTreeSet<Facet>,
    relists: Vec<Relist>,
    /// Counts relists, so that a head can say after which one it was seen.
    tick: u64,
    /// Counts how often the source began anew.
    run: u64,
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
    /// Whether something in the scope could not be read: then what did not come may still be there.
    torn: bool,
}

/// How things were at the last commit, for what changed since.
#[derive(Clone, Debug, Default)]
struct Undo {
    state: Option<State>,
    heads: HashMap<StreamId, Option<Head>>,
    facts: Vec<Fact>,
}

impl Ingest {
    /// Makes an ingest for a source that has told nothing yet, into a store that holds nothing of what it tells.
    pub fn new(source: &str, redactor: Redactor) -> Self {
        Self {
            source: source.into(),
            redactor,
            // Heads that are loaded were told in run 0.
            state: State { run: 1, ..State::default() },
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

    /// Takes note of an event that is in the store: events of one stream in order, the last one with an object included.
    pub fn learn(&mut self, event: &Event) {
        let Event { stream, revision, uid, origin, observed_at, occurred_at, body, .. } = event.clone();
        self.note(&stream, revision, &NewEvent { uid, origin, observed_at, occurred_at, body });
    }

    /// Takes one observation and returns what must be appended, in order and together.
    ///
    /// - An object with the resourceVersion that is known, or an older one, says nothing new. Where versions have no
    ///   order or a declared object has none, the same content as the last says nothing new.
    /// - Another uid is another incarnation in the same stream.
    /// - What a full listing does not bring is gone, unless something of the listing could not be read; when it went is
    ///   not known, only when it was missed.
    /// - Checkpoints are kept when something was appended since the one before: a quiet source leaves no trace.
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

    /// Says that the source begins anew, at its start or at [`Ingest::cursor`]; forgets what was not committed.
    pub fn restart(&mut self) {
        self.roll_back();
        self.state.relists.clear();
        self.state.dirty = false;
        self.state.run += 1;
    }

    /// Says that all that was returned so far is appended.
    pub fn commit(&mut self) {
        self.undo = Undo::default();
    }

    /// Forgets what was returned since the last commit, none of which was appended.
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
        self.tells_of(&facet);
        let live = facet == Facet::Live;
        let stream = self.name(facet, key);
        let object = self.redactor.redact_shared(object);
        let head = self.heads.get(&stream);
        let known = match head {
            Some(head) if live => head.knows_live(&object, observed_at),
            Some(head) => head.knows_desired(&object),
            None => false,
        };
        if known {
            let current = head.is_some_and(|h| h.is_current(&object));
            self.saw(&stream, current.then_some(self.state.run));
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
        self.tells_of(&facet);
        let live = facet == Facet::Live;
        let stream = self.name(facet, key);
        let last = last.map(|object| self.redactor.redact_shared(object));
        self.saw(&stream, None);
        let head = self.heads.get(&stream);
        let known = match head {
            Some(head) if live => head.knows_deleted(last.as_deref(), observed_at, self.state.run),
            Some(head) => !head.alive,
            // Nothing is known, and nothing is told besides that there is nothing.
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
        self.state.tick += 1;
        self.state.relists.retain(|r| r.scope != scope);
        self.state.relists.push(Relist { scope, started: self.state.tick, torn: false });
    }

    fn relist_done(&mut self, scope: &Scope, observed_at: Timestamp) -> Vec<Append> {
        self.state.now = observed_at;
        let Some(at) = self.state.relists.iter().position(|r| r.scope == *scope) else {
            return Vec::new();
        };
        let relist = self.state.relists.remove(at);
        if relist.torn {
            return Vec::new();
        }
        let missed = |(stream, head): (&StreamId, &Head)| {
            let StreamId::Resource(facet, key) = stream else { return None };
            let mine = head.source == self.source || self.state.facets.contains(facet);
            // An old listing that is told again says nothing of what came after it.
            let later = *facet == Facet::Live && head.outlives(observed_at, self.state.run);
            let gone =
                head.alive && head.seen < relist.started && mine && !later && relist.scope.contains(key);
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
            Some(key) => self.name(Facet::Live, key.clone()),
            None => self.own_stream(),
        };
        self.fact(stream, occurrence.at, EventBody::Happened(occurrence))
    }

    fn gap(&mut self, gap: Gap) -> Option<Append> {
        self.state.now = gap.to;
        if matches!(gap.reason, GapReason::Corrupt | GapReason::TooLarge | GapReason::Denied) {
            self.state.relists.iter_mut().filter(|r| r.scope.meets(&gap.scope)).for_each(|r| r.torn = true);
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

    /// Appends what is told once and for all, unless it was told before.
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
        self.note(&stream, before.map_or(Revision::FIRST, Revision::next), &event);
        if let Some(head) = self.heads.get_mut(&stream) {
            head.told = self.state.run;
        }
        Append { stream, expected, events: vec![event] }
    }

    /// Takes note of an event at its place, as it was appended or will be.
    fn note(&mut self, stream: &StreamId, revision: Revision, event: &NewEvent) {
        self.remember(stream);
        let tick = self.state.tick;
        match self.heads.get_mut(stream) {
            Some(head) => head.note(revision, event, tick),
            None => {
                let mut head = Head::new(revision);
                head.note(revision, event, tick);
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
            self.tells_of(facet);
        }
    }

    /// Keeps how a stream was at the last commit.
    fn remember(&mut self, stream: &StreamId) {
        if !self.undo.heads.contains_key(stream) {
            self.undo.heads.insert(stream.clone(), self.heads.get(stream).cloned());
        }
    }

    /// Notes that an object was told of again, and in which run it was told as it is.
    fn saw(&mut self, stream: &StreamId, told: Option<u64>) {
        let tick = self.state.tick;
        let Some(head) = self.heads.get(stream) else { return };
        let told = told.unwrap_or(head.told);
        if (head.seen, head.told) != (tick, told) {
            self.remember(stream);
            if let Some(head) = self.heads.get_mut(stream) {
                (head.seen, head.told) = (tick, told);
            }
        }
    }

    fn tells_of(&mut self, facet: &Facet) {
        if !self.state.facets.contains(facet) {
            self.state.facets.insert(facet.clone());
        }
    }

    fn own_stream(&self) -> StreamId {
        StreamId::Source(Arc::clone(&self.source))
    }

    /// Names the stream of a resource with texts that are shared.
    fn name(&mut self, facet: Facet, key: ResourceKey) -> StreamId {
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
