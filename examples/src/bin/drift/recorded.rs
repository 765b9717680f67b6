//! Recorded history: a store, or a tape played into one in memory.

use std::path::Path;
use std::sync::Arc;

use drift_core::Until;
use drift_core::cause::CauseIndex;
use drift_core::graph::EdgeRules;
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::replay::State;
use drift_core::{
    Event, EventStore, EventStoreExt, Facet, Gap, GapReason, Ingest, MemoryStore, Object, Position,
    ResourceKey, StoreError, StreamId,
};
use drift_sinks::store::embedded::EmbeddedStore;
use drift_sources::tape::TapeSource;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::args::RecordedArgs;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::Input;
use crate::kinds::KeyName;
use crate::moment::Moment;

/// Recorded history that can be asked.
#[derive(Debug)]
pub(crate) struct Recorded {
    store: Arc<dyn EventStore>,
    name: String,
    /// Hashes Secrets as they are hashed in the store, so that declared ones can be compared with them.
    redactor: Redactor,
    notes: Notes,
}

impl Recorded {
    /// Opens what the arguments name.
    pub(crate) async fn open(args: &RecordedArgs) -> Result<Self, Failure> {
        match (&args.store, &args.tape) {
            (Some(folder), _) => Self::folder(folder),
            (None, Some(tape)) => Self::tape(Input::open(tape)?).await,
            (None, None) => Err(Failure::new("no history to look at")
                .hint("give --store DIR (kept by `drift watch`) or --tape FILE (made by `drift record`)")),
        }
    }

    /// Opens a store beside whoever is writing it.
    pub(crate) fn folder(folder: &Path) -> Result<Self, Failure> {
        let name = folder.display().to_string();
        let failed = |e: StoreError| store_failure(&name, &e);
        let store = EmbeddedStore::open_read_only(folder).map_err(failed)?;
        let redactor = Redactor::new(RedactOptions::new(store.redaction_key().map_err(failed)?));
        Ok(Self { store: Arc::new(store), name, redactor, notes: Notes::default() })
    }

    /// Plays a tape into a store in memory.
    pub(crate) async fn tape(input: Input) -> Result<Self, Failure> {
        let name = input.name().into_owned();
        let redactor = Redactor::new(RedactOptions::new(tape_key(input.path())?));
        let store = Arc::new(MemoryStore::default());
        let notes = play(&name, input.path(), &*store, redactor.clone()).await?;
        let mut recorded = Self { store, name, redactor, notes };
        let state = recorded.state(None).await?;
        recorded.note_gaps(&state);
        Ok(recorded)
    }

    /// Notes what no later listing makes good.
    fn note_gaps(&mut self, state: &State) {
        for gap in state.gaps() {
            if matches!(gap.reason, GapReason::Corrupt | GapReason::TooLarge) {
                self.notes.miss(format!("gap: {}", gap.message));
            }
        }
    }

    /// Reads all events in order, one by one: a history may be larger than memory.
    pub(crate) fn events(&self) -> BoxStream<'_, Result<Event, Failure>> {
        self.store.read_all(Position::START).map(|e| e.map_err(|e| self.failed(&e))).boxed()
    }

    /// Reads all events in order, for what looks back and forth between them.
    pub(crate) async fn all(&self) -> Result<Vec<Event>, Failure> {
        self.events().try_collect().await
    }

    /// Reads the history up to a moment into an index that answers questions about causes.
    pub(crate) async fn index(
        &self,
        at: Option<Moment>,
        rules: Arc<EdgeRules>,
    ) -> Result<CauseIndex, Failure> {
        let mut index = CauseIndex::new(rules);
        let mut events = self.events();
        while let Some(event) = events.try_next().await? {
            match at {
                Some(Moment::Position(last)) if event.position > last => break,
                Some(moment) if !moment.includes(&event) => {}
                _ => index.apply(&event),
            }
        }
        Ok(index)
    }

    fn failed(&self, error: &StoreError) -> Failure {
        store_failure(&self.name, error)
    }

    /// Returns what people call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns what could not be read.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Returns what hashes Secrets as they are hashed here.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Finds the stream of the one live resource that is named.
    pub(crate) async fn find(&self, name: &KeyName, namespace: Option<&str>) -> Result<StreamId, Failure> {
        let keys = self.keys().await?;
        name.find(&keys, namespace).map(|key| StreamId::live(key.clone()))
    }

    /// Returns the keys of all live resources that were ever seen.
    pub(crate) async fn keys(&self) -> Result<Vec<ResourceKey>, Failure> {
        let streams = self.store.streams().await.map_err(|e| self.failed(&e))?;
        let key = |stream: StreamId| match stream {
            StreamId::Resource(Facet::Live, key) => Some(key),
            _ => None,
        };
        Ok(streams.into_iter().filter_map(key).collect())
    }

    /// Reads one stream.
    pub(crate) async fn read(&self, stream: &StreamId) -> Result<Vec<Event>, Failure> {
        self.store.read_to_end(stream).await.map_err(|e| self.failed(&e))
    }

    async fn state(&self, at: Option<Moment>) -> Result<State, Failure> {
        let until = match at {
            None => Until::End,
            Some(Moment::Time(time)) => Until::Time(time),
            Some(Moment::Position(position)) => Until::Position(position),
        };
        State::load(&*self.store, until).await.map_err(|e| self.failed(&e))
    }

    /// Returns the live objects as they were at a moment, or as they are now, sorted by key, and what is not known.
    pub(crate) async fn live(&self, at: Option<Moment>) -> Result<(Vec<Arc<Object>>, Vec<Gap>), Failure> {
        let state = self.state(at).await?;
        let failed = |e| Failure::new(format!("cannot read `{}`", self.name)).because(&e);
        let objects = state.live().map(|(_, r)| r.object()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok((objects.into_iter().flatten().collect(), state.gaps().cloned().collect()))
    }
}

/// Says that a store cannot be read, and what to do.
pub(crate) fn store_failure(name: &str, error: &StoreError) -> Failure {
    let failure = Failure::new(format!("cannot open the history in `{name}`")).because(error);
    match error {
        StoreError::Corrupt { .. } => failure.hint(format!(
            "`drift verify --store {name}` says more, `drift repair` cuts out what is damaged"
        )),
        StoreError::InUse { .. } => {
            failure.hint("one `drift watch` at a time writes a store; reading needs no lock")
        }
        _ => failure,
    }
}

/// Takes a tape into a store, and returns what could not be read.
pub(crate) async fn play(
    name: &str,
    path: &Path,
    store: &dyn EventStore,
    redactor: Redactor,
) -> Result<Notes, Failure> {
    let source = TapeSource::new(path.to_owned(), "");
    let failed =
        |e: &dyn std::error::Error| Failure::new(format!("cannot read the tape `{name}`")).because(e);
    let mut ingest = Ingest::load("tape", redactor, store).await.map_err(|e| failed(&e))?;
    let mut notes = Notes::default();
    let mut problems = Vec::new();
    let mut progress = |p: Progress<'_>| {
        if let Progress::SourceFailed(e) = p {
            problems.push(crate::failure::one_line(e));
        }
    };
    let summary = run(&source, store, &mut ingest, &RunOptions::default(), &mut progress).await;
    let summary = summary.map_err(|e| failed(&e))?;
    if summary.observations == 0 && !problems.is_empty() {
        let failure = Failure::new(format!("cannot read the tape `{name}`")).cause(problems.join("; "));
        return Err(failure.hint("a tape is JSON lines as `drift record` writes them; plain, gzip or zstd"));
    }
    problems.into_iter().for_each(|p| notes.miss(p));
    Ok(notes)
}

/// Returns the key with which `drift record` hashed the Secrets of a tape, if it lies beside it.
///
/// Without it they cannot be compared with declared ones; any key will do then.
pub(crate) fn tape_key(tape: &Path) -> Result<[u8; 32], Failure> {
    let path = key_path(tape);
    match std::fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            Failure::new(format!("`{}` is no key of a tape: 32 bytes expected", path.display()))
                .hint("`drift record` writes it beside the tape; without it Secrets are not compared")
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok([0; 32]),
        Err(e) => Err(Failure::new(format!("cannot read `{}`", path.display())).because(&e)),
    }
}

/// Names the file beside a tape that holds the key of its Secrets.
pub(crate) fn key_path(tape: &Path) -> std::path::PathBuf {
    let mut name = tape.as_os_str().to_owned();
    name.push(".key");
    name.into()
}
