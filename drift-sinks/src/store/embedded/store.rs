//! The store itself: opening, reading, appending.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use drift_core::{Append, Event, EventStore, Position, Revision, StoreError, StreamId};
use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt};

use super::cache::StreamStates;
use super::dictionary::Sampler;
use super::directory::{self, Watermark, WatermarkFile, WriterLock};
use super::disk::{Disk, SystemDisk};
use super::error::unavailable_error;
use super::frame::Codec;
use super::open::{self, LoadedLog, OpenMode, Recovered};
use super::reader::Reader;
use super::segment;
use super::writer::{AppendCommand, Writer};

/// Limits on the disk and memory of a store.
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

/// The [`EventStore`] in a folder; see the [module](super).
///
/// One handle at a time writes, of all processes; any number read ([`EmbeddedStore::open_read_only`]). Appends are
/// collected by a thread and synced in groups. Reading is done where a stream is polled, from files that are mostly in
/// the system's cache; no async runtime is needed.
#[derive(Debug)]
pub struct EmbeddedStore {
    path: PathBuf,
    reader: Arc<Reader>,
    /// Position of the last acknowledged event.
    acknowledged: Arc<AtomicU64>,
    writer: Option<WriterHandle>,
    recovered: Option<Recovered>,
}

#[derive(Debug)]
struct WriterHandle {
    commands: Option<mpsc::Sender<AppendCommand>>,
    thread: Option<JoinHandle<()>>,
    _lock: WriterLock,
}

impl Drop for WriterHandle {
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
    /// Opens the store in a folder for reading and writing; creates one if there is none.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another handle has it open to write; [`StoreError::Corrupt`] naming the place when it is
    /// damaged; [`StoreError::Unsupported`] when a newer program made it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, &EmbeddedOptions::default())
    }

    /// Returns `true` if other users of the machine may look into the folder of the store, which a new one forbids. What exists
    /// stays as it is: somebody may have meant it.
    #[cfg(unix)]
    pub fn is_open_to_others(&self) -> bool {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(&self.path).is_ok_and(|folder| folder.permissions().mode() & 0o077 != 0)
    }

    /// Returns `false`: who may look into a folder is not known here.
    #[cfg(not(unix))]
    pub fn is_open_to_others(&self) -> bool {
        false
    }

    /// Opens the store in a folder for reading and writing, with options.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &EmbeddedOptions) -> Result<Self, StoreError> {
        Self::open_on(path.as_ref(), options, Arc::new(SystemDisk))
    }

    pub(super) fn open_on(
        path: &Path,
        options: &EmbeddedOptions,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        let lock = directory::open_or_create(path)?;
        // Checked on opening, so that a lost key does not show in the middle of the work.
        directory::read_key(path)?;
        let LoadedLog { catalog, chain, last, recovered } = open::load_log(path, OpenMode::Write)?;
        let (segment, length) = last;
        let file = segment::log_path(path, segment);
        let failed = || unavailable_error(&format!("opening {}", file.display()));
        let mut log = disk.open(&file).map_err(failed())?;
        // What a killed writer left unsynced counts from now on.
        log.sync().map_err(failed())?;
        let mut mark = WatermarkFile::open(path)?;
        mark.set(Watermark { segment, length, next: chain.next })
            .map_err(unavailable_error("noting what is acknowledged"))?;
        let acknowledged = Arc::new(AtomicU64::new(open::last_position(&chain).get()));
        let reader = Arc::new(Reader::new(catalog, options.memory_bytes));
        let (mut codec, mut sampler) = (Codec::new()?, Sampler::default());
        if let Some((number, content)) = reader.last_dictionary()? {
            codec.pack_with(number, &content)?;
            sampler.resume_at(number);
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
            states: StreamStates::new(options.memory_bytes / 4, options.memory_bytes / 4),
            acknowledged: Arc::clone(&acknowledged),
            segment_bytes: options.segment_bytes,
            poisoned: None,
        };
        let (commands, received) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("drift-store".into()).spawn(move || writer.run(&received));
        let thread = thread.map_err(unavailable_error("starting the writer's thread"))?;
        let writer = WriterHandle { commands: Some(commands), thread: Some(thread), _lock: lock };
        Ok(Self { path: path.to_owned(), reader, acknowledged, writer: Some(writer), recovered })
    }

    /// Opens the store in a folder for reading what is acknowledged so far, even while another process is writing.
    ///
    /// Nothing in the folder is changed or locked. Later events are not visible.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`], and when there is no store.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        directory::check_format(path)?;
        let LoadedLog { catalog, chain, recovered, .. } = open::load_beside_writer(path)?;
        Ok(Self {
            path: path.to_owned(),
            reader: Arc::new(Reader::new(catalog, EmbeddedOptions::default().memory_bytes)),
            acknowledged: Arc::new(AtomicU64::new(open::last_position(&chain).get())),
            writer: None,
            recovered,
        })
    }

    /// Returns `true` if a process holds the store open to write at this time; `false` also where that cannot be found out.
    pub fn has_writer(&self) -> bool {
        self.writer.is_some() || directory::is_locked(&self.path)
    }

    /// Returns what was cut off (or, read-only, passed over) when the store was opened, if anything.
    pub fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// Returns the store's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key of redacted values: 32 random bytes, created with the store.
    ///
    /// # Errors
    /// When it cannot be read or is not the one the store was made with.
    pub fn redaction_key(&self) -> Result<[u8; 32], StoreError> {
        directory::read_key(&self.path)
    }

    fn last_acknowledged(&self) -> Position {
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
        commands.send(AppendCommand { batch, reply }).map_err(|_| gone("the store's writer has ended"))?;
        answer.await.map_err(|_| gone("the store's writer has ended"))?
    }

    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>> {
        stream::iter(self.reader.read_stream(stream.clone(), from, self.last_acknowledged())).boxed()
    }

    fn read_all(&self, after: Position) -> BoxStream<'_, Result<Event, StoreError>> {
        stream::iter(self.reader.read_all(after, self.last_acknowledged())).boxed()
    }

    async fn head(&self, stream: &StreamId, until: Option<Position>) -> Result<Option<Event>, StoreError> {
        let last = self.last_acknowledged();
        self.reader.last_event(stream, until.map_or(last, |u| u.min(last)))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        Ok(self.reader.catalog().streams())
    }

    async fn last_position(&self) -> Result<Position, StoreError> {
        Ok(self.last_acknowledged())
    }
}
