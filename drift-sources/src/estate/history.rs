//! Recorded history: a store, or a tape played into one in memory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::Until;
use drift_core::cause::CauseIndex;
use drift_core::coverage::{InputNotes, RecordedScope};
use drift_core::graph::{DependencyGraph, EdgeRules};
use drift_core::history::VersionStore;
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor, SecretValues};
use drift_core::replay::State;
use drift_core::text::error_line;
use drift_core::{
    Event, EventStore, EventStoreExt, Facet, Gap, Ingest, MemoryStore, Position, ResourceKey, ResourceName,
    StoreError, StreamId,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::names::find_resource;
use super::secrets::learn_tape;
use super::users::StoredEntries;
use super::{EstateError, HistoryUpkeep, InputFile};
use crate::tape::TapeSource;

/// So many events at each end of a history say when it begins and ends.
const EDGE_EVENTS: usize = 1000;
/// The form of a tape, for who gave something else.
const TAPE_FORM: &str = "a tape is JSON lines as `drift record` writes them; plain, gzip or zstd";

/// Versions that stay as they are; older ones are compressed.
const MAX_FRESH_VERSIONS: usize = 16 << 10;

/// Recorded history that can be asked: a store with its name and the key with which it hashes Secrets.
#[derive(Clone, Debug)]
pub struct RecordedHistory {
    store: Arc<dyn EventStore>,
    name: String,
    redactor: Redactor,
    notes: InputNotes,
    upkeep: HistoryUpkeep,
    /// What could not be listed, of a history that is one listing.
    unlisted: Vec<Gap>,
}

impl RecordedHistory {
    /// Takes a store. Errors name it by `name`; declared Secrets are hashed by `redactor` to be compared with stored ones.
    pub fn new(store: Arc<dyn EventStore>, name: impl Into<String>, redactor: Redactor) -> Self {
        let (notes, upkeep, unlisted) = Default::default();
        Self { store, name: name.into(), redactor, notes, upkeep, unlisted }
    }

    /// Sets whether the history is still being written; it is a recording otherwise.
    #[must_use]
    pub fn with_upkeep(mut self, upkeep: HistoryUpkeep) -> Self {
        self.upkeep = upkeep;
        self
    }

    /// Sets what a reader of answers should know.
    #[must_use]
    pub(super) fn with_notes(mut self, notes: InputNotes) -> Self {
        self.notes = notes;
        self
    }

    /// Sets what could not be listed, of a history that is one listing: no later one will show it.
    #[must_use]
    pub(super) fn with_unlisted(mut self, unlisted: Vec<Gap>) -> Self {
        self.unlisted = unlisted;
        self
    }

    /// Plays a tape into a store in memory.
    ///
    /// # Errors
    /// When no line of it can be read. Single lines that cannot be read are notes.
    pub async fn play(tape: &InputFile) -> Result<Self, EstateError> {
        Self::play_with(tape, SecretValues::default()).await
    }

    /// Plays a tape, and learns the values of its Secrets.
    pub(super) async fn play_with(tape: &InputFile, values: SecretValues) -> Result<Self, EstateError> {
        let name = tape.name().into_owned();
        let redactor = Redactor::with_values(RedactOptions::new(tape_key(tape.path())?), values);
        learn_tape(tape, &redactor.values());
        let store = Arc::new(MemoryStore::default());
        let notes = play_tape(tape, &*store, redactor.clone()).await?;
        Ok(Self { notes, ..Self::new(store, name, redactor) })
    }

    /// Returns the same history with these values of Secrets blanked in what is compared with it.
    pub(super) fn sharing(mut self, values: &SecretValues) -> Self {
        values.absorb(&self.redactor.values());
        self.redactor = self.redactor.sharing(values.clone());
        self
    }

    /// Returns its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what could not be read.
    pub fn notes(&self) -> &InputNotes {
        &self.notes
    }

    /// Returns whether it is still being written.
    pub fn upkeep(&self) -> HistoryUpkeep {
        self.upkeep
    }

    /// Returns what the history covers, as of a point. Only what sources reported about themselves is read for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recorded_scope(&self, until: Until) -> Result<RecordedScope, EstateError> {
        let mut recorded = RecordedScope::default();
        let mut marks = Vec::new();
        for stream in self.store.streams().await.map_err(|e| self.failed(e))? {
            match &stream {
                StreamId::Resource(Facet::Live, key) => recorded.add_kind(key),
                StreamId::Resource(..) => {}
                StreamId::Source(_) => {
                    marks.extend(self.store.read_to_end(&stream).await.map_err(|e| self.failed(e))?);
                }
            }
        }
        marks.sort_by_key(|event| event.position);
        marks.iter().filter(|event| until.includes(event)).for_each(|event| recorded.apply(event));
        // A clock that was set, or a tape put together of several, has times that go back.
        let first = self.some_events(Position::START).await?;
        let last = self.store.last_position().await.map_err(|e| self.failed(e))?;
        let last = self.some_events(Position::new(last.get().saturating_sub(EDGE_EVENTS as u64))).await?;
        let begins = first.iter().map(|e| e.observed_at).min();
        let newest = last.iter().max_by_key(|e| e.observed_at);
        if let (Some(begins), Some(newest)) = (begins, newest) {
            let ends = match until {
                Until::Time(time) => time.min(newest.observed_at),
                _ => newest.observed_at,
            };
            recorded.set_beginning(begins);
            if ends >= begins {
                recorded.set_end(ends);
            }
            recorded.set_last_event(newest);
            last.last().into_iter().for_each(|e| recorded.set_last_position(e.position));
        }
        self.unlisted.iter().for_each(|gap| recorded.add_unlisted(gap));
        Ok(recorded)
    }

    async fn some_events(&self, after: Position) -> Result<Vec<Event>, EstateError> {
        let events = self.store.read_all(after).take(EDGE_EVENTS);
        events.try_collect().await.map_err(|e| self.failed(e))
    }

    /// Returns what hashes Secrets as they are hashed here.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Reads all events up to a point in order, one by one: a history may be larger than memory.
    pub fn events(&self, until: Until) -> BoxStream<'_, Result<Event, EstateError>> {
        let is_before_end = move |e: &Event| !matches!(until, Until::Position(last) if e.position > last);
        let events = self.store.read_all(Position::START).map(|e| e.map_err(|e| self.failed(e)));
        events
            .try_take_while(move |e| std::future::ready(Ok(is_before_end(e))))
            .try_filter(move |e| std::future::ready(until.includes(e)))
            .boxed()
    }

    /// Reads the events of one resource in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn events_of(&self, key: &ResourceKey, until: Until) -> Result<Vec<Event>, EstateError> {
        let stream = StreamId::live(key.clone());
        let mut events = self.store.read_to_end(&stream).await.map_err(|e| self.failed(e))?;
        events.retain(|e| until.includes(e));
        Ok(events)
    }

    /// Returns the keys of all resources that were ever live.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys(&self) -> Result<Vec<ResourceKey>, EstateError> {
        let streams = self.store.streams().await.map_err(|e| self.failed(e))?;
        let live_key = |stream: StreamId| match stream {
            StreamId::Resource(Facet::Live, key) => Some(key),
            _ => None,
        };
        Ok(streams.into_iter().filter_map(live_key).collect())
    }

    /// Finds the one resource of a name.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] and [`EstateError::AmbiguousName`] when it fits none or several, and when the store
    /// cannot be read.
    pub async fn find(
        &self,
        name: &ResourceName,
        namespace: Option<&str>,
    ) -> Result<ResourceKey, EstateError> {
        let keys = self.keys().await?;
        find_resource(name, &keys, namespace).cloned()
    }

    /// Reads the history up to a point into an index that answers questions about causes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cause_index(&self, until: Until, rules: Arc<EdgeRules>) -> Result<CauseIndex, EstateError> {
        Ok(self.cause_index_and_entries(until, rules).await?.0)
    }

    /// Returns the index together with the audit entries, in one pass.
    pub(super) async fn cause_index_and_entries(
        &self,
        until: Until,
        rules: Arc<EdgeRules>,
    ) -> Result<(CauseIndex, StoredEntries), EstateError> {
        let (mut index, mut stored) = (CauseIndex::new(rules), StoredEntries::default());
        let mut events = self.events(until);
        while let Some(event) = events.try_next().await? {
            index.apply(&event);
            stored.take(&event);
        }
        Ok((index, stored))
    }

    /// Reads the versions of all resources up to a point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn versions(&self, until: Until) -> Result<VersionStore, EstateError> {
        Ok(self.versions_and_entries(until).await?.0)
    }

    /// Returns the versions together with the audit entries, in one pass.
    pub(super) async fn versions_and_entries(
        &self,
        until: Until,
    ) -> Result<(VersionStore, StoredEntries), EstateError> {
        let (mut versions, mut stored) = (VersionStore::default(), StoredEntries::default());
        let mut events = self.events(until);
        while let Some(event) = events.try_next().await? {
            stored.take(&event);
            versions.apply(&event);
            versions.pack_all_but(MAX_FRESH_VERSIONS);
        }
        Ok((versions, stored))
    }

    /// Reads the whole history into a graph of what depended on what.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dependency_graph(&self, rules: Arc<EdgeRules>) -> Result<DependencyGraph, EstateError> {
        self.dependency_graph_until(Until::End, rules).await
    }

    pub(super) async fn dependency_graph_until(
        &self,
        until: Until,
        rules: Arc<EdgeRules>,
    ) -> Result<DependencyGraph, EstateError> {
        let mut graph = DependencyGraph::new(rules);
        let mut events = self.events(until);
        while let Some(event) = events.try_next().await? {
            graph.apply(&event);
        }
        Ok(graph)
    }

    /// Returns the state of all resources at a point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn state(&self, until: Until) -> Result<State, EstateError> {
        State::load(&*self.store, until).await.map_err(|e| self.failed(e))
    }

    fn failed(&self, error: StoreError) -> EstateError {
        EstateError::store(&self.name, error)
    }
}

/// Takes a tape into a store, and returns what could not be read.
///
/// # Errors
/// When no line of the tape can be read, or the store cannot be written.
pub async fn play_tape(
    tape: &InputFile,
    store: &dyn EventStore,
    redactor: Redactor,
) -> Result<InputNotes, EstateError> {
    let what = format!("the tape `{}`", tape.name());
    let source = TapeSource::new(tape.path().to_owned(), "");
    let failed = |e: StoreError| EstateError::unreadable(what.clone(), e);
    let mut ingest = Ingest::load("tape", redactor, store).await.map_err(failed)?;
    let mut problems = Vec::new();
    let mut progress = |p: Progress<'_>| {
        if let Progress::SourceFailed(e) = p {
            problems.push(error_line(e));
        }
    };
    let summary = run(&source, store, &mut ingest, &RunOptions::default(), &mut progress).await;
    let summary = summary.map_err(failed)?;
    if summary.observations == 0 && !problems.is_empty() {
        return Err(EstateError::unreadable(what, problems.join("; ")).expecting(TAPE_FORM));
    }
    let mut notes = InputNotes::default();
    problems.into_iter().for_each(|p| notes.add_incomplete(p));
    Ok(notes)
}

/// Returns the key with which `drift record` hashed the Secrets of a tape, if it lies beside it.
///
/// Without it they cannot be compared with declared ones; any key will do then.
///
/// # Errors
/// When the file is there and does not hold a key.
pub fn tape_key(tape: &Path) -> Result<[u8; 32], EstateError> {
    let path = tape_key_path(tape);
    match std::fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            EstateError::unreadable(format!("the tape key `{}`", path.display()), "32 bytes expected")
                .expecting("`drift record` writes it beside the tape; without it Secrets are not compared")
        }),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok([0; 32]),
        Err(e) => Err(EstateError::unreadable(format!("`{}`", path.display()), e)),
    }
}

/// Returns the path of the file that holds the key of a tape's Secrets: the tape's own path with `.key` at its end.
pub fn tape_key_path(tape: &Path) -> PathBuf {
    let mut name = tape.as_os_str().to_owned();
    name.push(".key");
    name.into()
}
