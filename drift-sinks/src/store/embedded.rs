//! The event store in a folder: an append-only log of checksummed, hash-chained, compressed frames.
//!
//! ```text
//! LOCK               held by the one writer, names its process
//! store.json         format
//! redaction.key      key of the redacted values, for its owner only
//! acknowledged       how far the log is known to be on disk
//! segments/N.log     frames; the last one grows
//! segments/N.idx     where each event of a sealed segment lies; made anew when missing
//! damaged/           what `repair` put aside
//! ```
//! The log is the truth. Each frame holds some events, its length, a CRC-32 and the BLAKE3 of the frame before, so that
//! nothing in the middle can be changed, lost or moved unnoticed. Events of one stream are deltas to the one before;
//! every 16th, and the first one in a segment, says everything anew.
//!
//! What a killed writer was just writing is cut off when the store is opened next: it was never acknowledged. All other
//! damage is an error that names the place; [`EmbeddedStore::repair`] then keeps what can be read and says what is lost.
//!
//! Indexes are plain sorted tables beside the log, not a database: they are written once, when a segment is sealed,
//! and all that a database adds is for indexes that change.

mod cache;
mod catalog;
mod dictionary;
mod disk;
mod frame;
mod home;
mod index;
mod open;
mod reader;
mod records;
mod repair;
mod segment;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use drift_core::{Append, Event, EventStore, Position, Revision, StoreError, StreamId};
use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt};

pub use repair::{Lost, RepairReport};
pub use verify::{Damage, VerifyReport};

use cache::States;
use dictionary::Sampler;
use disk::{Disk, Files};
use frame::Codec;
use home::{Lock, Mark, MarkFile};
use open::{Loaded, Mode};
use reader::Reader;
use writer::{Command, Writer};

/// How a store uses disk and memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// A segment is sealed at this size. Opening reads the last segment, so larger ones open slower.
    pub segment_bytes: u64,
    /// Memory for recent objects and frames, apart from the index of the open segment and the names of streams.
    pub memory_bytes: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, memory_bytes: 192 << 20 }
    }
}

/// What was cut off when a store was opened: the last thing a killed writer was writing, never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Number of the segment.
    pub segment: u32,
    /// Where it ends now.
    pub offset: u64,
    /// Bytes that were there.
    pub bytes: u64,
    /// What was wrong with them.
    pub why: String,
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, offset, bytes, why } = self;
        write!(f, "cut {bytes} unacknowledged bytes off segment {segment} at {offset}: {why}")
    }
}

/// The [`EventStore`] in a folder; see the [module](self).
///
/// One handle at a time writes, of all processes; any number read ([`EmbeddedStore::open_read_only`]). Appends are
/// collected by a thread and synced in groups. Reading is done where a stream is polled, from files that are mostly in
/// the system's cache; no async runtime is needed.
#[derive(Debug)]
pub struct EmbeddedStore {
    path: PathBuf,
    reader: Arc<Reader>,
    /// Last acknowledged position.
    acknowledged: Arc<AtomicU64>,
    writer: Option<Handle>,
    recovered: Option<Recovered>,
}

#[derive(Debug)]
struct Handle {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

impl Drop for Handle {
    /// Waits until what was handed over is written.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the writer was answered to its callers as a lost reply.
            let _ = thread.join();
        }
    }
}

impl EmbeddedStore {
    /// Opens the store in a folder to read and write; makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another handle has it open to write; [`StoreError::Corrupt`] naming the place when it is
    /// damaged; [`StoreError::Unsupported`] when a newer program made it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, &EmbeddedOptions::default())
    }

    /// Opens the store in a folder to read and write, with options.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &EmbeddedOptions) -> Result<Self, StoreError> {
        Self::open_on(path.as_ref(), options, Arc::new(Files))
    }

    fn open_on(path: &Path, options: &EmbeddedOptions, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let lock = home::enter(path)?;
        // Checked on opening, so that a lost key does not show in the middle of the work.
        home::key(path)?;
        let Loaded { catalog, chain, last, recovered } = open::load(path, Mode::Write)?;
        let (segment, length) = last;
        let file = segment::path(path, segment);
        let failed = || unavailable(&format!("opening {}", file.display()));
        let mut log = disk.open(&file).map_err(failed())?;
        // What a killed writer left unsynced counts from now on.
        log.sync().map_err(failed())?;
        let mut mark = MarkFile::open(path)?;
        mark.set(Mark { segment, length, next: chain.next })
            .map_err(unavailable("noting what is acknowledged"))?;
        let acknowledged = Arc::new(AtomicU64::new(open::last(&chain).get()));
        let reader = Arc::new(Reader::new(catalog, options.memory_bytes));
        let (mut codec, mut sampler) = (Codec::new()?, Sampler::default());
        if let Some((number, content)) = reader.last_dictionary()? {
            codec.pack_with(number, &content)?;
            sampler.resume(number);
        }
        let writer = Writer {
            store: path.to_owned(),
            disk,
            reader: Arc::clone(&reader),
            log,
            segment,
            length,
            indexed: length,
            chain,
            mark,
            codec,
            sampler,
            states: States::new(options.memory_bytes / 4, options.memory_bytes / 4),
            acknowledged: Arc::clone(&acknowledged),
            segment_bytes: options.segment_bytes,
            poisoned: None,
        };
        let (commands, received) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("drift-store".into()).spawn(move || writer.run(&received));
        let thread = thread.map_err(unavailable("starting the writer's thread"))?;
        let writer = Handle { commands: Some(commands), thread: Some(thread), _lock: lock };
        Ok(Self { path: path.to_owned(), reader, acknowledged, writer: Some(writer), recovered })
    }

    /// Opens the store in a folder to read what is acknowledged so far, whether or not another process is writing.
    ///
    /// Nothing in the folder is changed or locked. What is appended later is not seen.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`], and when there is no store.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        home::check(path)?;
        let Loaded { catalog, chain, recovered, .. } = open::load_beside_writer(path)?;
        Ok(Self {
            path: path.to_owned(),
            reader: Arc::new(Reader::new(catalog, EmbeddedOptions::default().memory_bytes)),
            acknowledged: Arc::new(AtomicU64::new(open::last(&chain).get())),
            writer: None,
            recovered,
        })
    }

    /// Returns what was cut off (or, read-only, passed over) when the store was opened, if anything.
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Returns the store's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key of redacted values: 32 random bytes, made with the store.
    ///
    /// # Errors
    /// When it cannot be read or is not the one the store was made with.
    pub fn redaction_key(&self) -> Result<[u8; 32], StoreError> {
        home::key(&self.path)
    }

    /// Reads everything in a store and checks all that can be checked: checksums, the chain, dense revisions,
    /// increasing positions, ids, indexes. Takes no lock; what is damaged is in the report.
    ///
    /// # Errors
    /// When there is no store, of a format that is known, or its files cannot be read.
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport, StoreError> {
        home::check(path.as_ref())?;
        verify::verify(path.as_ref())
    }

    /// Makes a damaged store usable: keeps what can be read, puts the damaged files aside, notes the break in the log
    /// and records a gap. A store without damage is left as it is.
    ///
    /// # Errors
    /// When another handle has the store open, or its files cannot be read or written.
    pub fn repair(path: impl AsRef<Path>) -> Result<RepairReport, StoreError> {
        repair::repair(path.as_ref())
    }

    fn last(&self) -> Position {
        Position::new(self.acknowledged.load(Ordering::Acquire))
    }
}

#[async_trait]
impl EventStore for EmbeddedStore {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Event>, StoreError> {
        let gone = |what: &str| StoreError::Unavailable { what: what.into(), source: None };
        let commands = self.writer.as_ref().and_then(|w| w.commands.as_ref());
        let commands = commands.ok_or_else(|| gone("the store is open to read only"))?;
        let (reply, answer) = oneshot::channel();
        commands.send(Command { batch, reply }).map_err(|_| gone("the store's writer has ended"))?;
        answer.await.map_err(|_| gone("the store's writer has ended"))?
    }

    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>> {
        stream::iter(self.reader.stream(stream.clone(), from, self.last())).boxed()
    }

    fn read_all(&self, after: Position) -> BoxStream<'_, Result<Event, StoreError>> {
        stream::iter(self.reader.all(after, self.last())).boxed()
    }

    async fn head(&self, stream: &StreamId, until: Option<Position>) -> Result<Option<Event>, StoreError> {
        let last = self.last();
        self.reader.head(stream, until.map_or(last, |u| u.min(last)))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        Ok(self.reader.catalog().streams())
    }

    async fn last_position(&self) -> Result<Position, StoreError> {
        Ok(self.last())
    }
}

/// Makes the error of an operation that the system refused.
fn unavailable(what: &str) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let what = what.to_owned();
    move |e| StoreError::Unavailable { what, source: Some(Box::new(e)) }
}

/// Makes the error of a damaged place.
fn corrupt(segment: u32, offset: u64, what: &str) -> StoreError {
    StoreError::Corrupt { what: format!("segment {segment}, byte {offset}: {what}") }
}

/// Writes an error with its causes, for where a text is all that goes on.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
