//! The store's folder: lock, format, watermark of acknowledged events, redaction key.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use drift_core::{Position, StoreError};
use serde::{Deserialize, Serialize};

use super::disk;
use super::frame::{u32_at, u64_at};
use super::segment::VERSION;
use super::unavailable_error;

/// Content of `store.json`.
#[derive(Debug, Serialize, Deserialize)]
struct StoreFormat {
    /// `major.minor` of the segments.
    format: String,
    /// BLAKE3 of the redaction key, so that a lost or foreign key is noticed before it is used.
    key: String,
}

/// Files that a process may leave if it is killed while creating a store.
const HALF_MADE: [&str; 5] = ["LOCK", "redaction.key", "redaction.tmp", "store.tmp", "segments"];

/// Acquires the lock of the store in a folder; creates a store if there is none.
///
/// # Errors
/// Also when the folder contains other files: a store is not created between them.
pub(super) fn open_or_create(store: &Path) -> Result<WriterLock, StoreError> {
    let failed = || unavailable_error(&format!("creating a store in {}", store.display()));
    if store.join("store.json").exists() {
        check_format(store)?;
        return WriterLock::acquire(store);
    }
    disk::create_private_folder(store).map_err(failed())?;
    for entry in std::fs::read_dir(store).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        if !HALF_MADE.iter().any(|n| name == *n) {
            let what = format!("{} is not a drift store, and the directory is not empty", store.display());
            return Err(StoreError::Unavailable { what, source: None });
        }
    }
    let lock = WriterLock::acquire(store)?;
    let segments = super::segment::segments_folder(store);
    disk::create_private_folder(&segments).map_err(failed())?;
    if !super::segment::list_segments(store)?.is_empty() {
        return Err(StoreError::Corrupt {
            what: format!("{} has segments and no store.json", store.display()),
        });
    }
    // Another one may have made it before the lock was ours.
    if !store.join("store.json").exists() {
        create_store(store)?;
    }
    check_format(store)?;
    Ok(lock)
}

fn create_store(store: &Path) -> Result<(), StoreError> {
    let failed = || unavailable_error(&format!("creating a store in {}", store.display()));
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| failed()(io::Error::other(e.to_string())))?;
    let text = format!("{}\n", blake3::Hash::from_bytes(key).to_hex());
    disk::replace(&store.join("redaction.key"), text.as_bytes()).map_err(failed())?;
    let format = StoreFormat { format: version_text(VERSION), key: key_fingerprint(&key) };
    let text = serde_json::to_string(&format).expect("two strings") + "\n";
    disk::replace(&store.join("store.json"), text.as_bytes()).map_err(failed())
}

fn version_text((major, minor): (u16, u16)) -> String {
    format!("{major}.{minor}")
}

fn key_fingerprint(key: &[u8; 32]) -> String {
    blake3::hash(key).to_hex().to_string()
}

fn read_format(store: &Path) -> Result<StoreFormat, StoreError> {
    let path = store.join("store.json");
    let text = std::fs::read(&path).map_err(unavailable_error(&format!("reading {}", path.display())))?;
    let corrupt =
        |e| StoreError::Corrupt { what: format!("{} is not what was written: {e}", path.display()) };
    serde_json::from_slice(&text).map_err(corrupt)
}

/// Checks that this code knows the store's format.
pub(super) fn check_format(store: &Path) -> Result<(), StoreError> {
    let found = read_format(store)?.format;
    let numbers =
        found.split_once('.').and_then(|(a, b)| Some((a.parse::<u16>().ok()?, b.parse::<u16>().ok()?)));
    match numbers {
        Some((major, minor)) if major == VERSION.0 && minor <= VERSION.1 => Ok(()),
        _ => Err(StoreError::Unsupported { found, known: version_text(VERSION) }),
    }
}

/// Returns the redaction key.
pub(super) fn read_key(store: &Path) -> Result<[u8; 32], StoreError> {
    let path = store.join("redaction.key");
    let text =
        std::fs::read_to_string(&path).map_err(unavailable_error(&format!("reading {}", path.display())))?;
    let key = blake3::Hash::from_hex(text.trim_end()).map(|hash| *hash.as_bytes());
    match key {
        Ok(key) if key_fingerprint(&key) == read_format(store)?.key => Ok(key),
        _ => Err(StoreError::Corrupt { what: format!("{} is not this store's key", path.display()) }),
    }
}

/// Holds the store for one writer; released when dropped or when the process ends, however it does.
#[derive(Debug)]
pub(super) struct WriterLock(File);

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing is not enough: a child process that another thread is just starting has a copy of the handle until it
        // runs its program. Failing only means that the lock goes then.
        let _ = self.0.unlock();
    }
}

/// How often a lock is tried for: one who only asks whether there is a writer holds it for a moment.
const LOCK_TRIES: usize = 5;

/// Returns `true` if a writer holds the store.
pub(super) fn is_locked(store: &Path) -> bool {
    let Ok(file) = File::open(store.join("LOCK")) else { return false };
    match file.try_lock_shared() {
        Ok(()) => {
            // It goes with the file, too.
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(5)),
            done => return done,
        }
    }
    file.try_lock()
}

impl WriterLock {
    /// Acquires the lock and records who holds it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another handle has it, in this process or another one.
    pub(super) fn acquire(store: &Path) -> Result<Self, StoreError> {
        let path = store.join("LOCK");
        let failed = || unavailable_error(&format!("locking {}", path.display()));
        let open = disk::private_file().read(true).truncate(false).open(&path);
        let mut file = open.map_err(failed())?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be just writing it; the name is a courtesy.
                let _ = file.take(100).read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() { "another process" } else { holder };
                return Err(StoreError::InUse { holder: format!("{holder} holds {}", path.display()) });
            }
            Err(TryLockError::Error(e)) => return Err(failed()(e)),
        }
        let text = format!("process {}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed())?;
        Ok(Self(file))
    }
}

/// How far the log is acknowledged, at least.
///
/// Written after each sync and not synced itself, so it is never ahead of the log: other processes see it at once, a
/// killed writer leaves it exact, a loss of power at worst leaves an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    /// Number of the last segment.
    pub(super) segment: u32,
    /// Acknowledged length of the segment.
    pub(super) length: u64,
    /// Position of the next event.
    pub(super) next: Position,
}

const MARK_MAGIC: &[u8; 4] = b"drA1";
const MARK: usize = 28;

impl Watermark {
    /// Reads the watermark; `None` if there is none that can be read.
    pub(super) fn read(store: &Path) -> Option<Self> {
        // A reader can see half of a write; the checksum tells, and the next moment it is whole.
        (0..8).find_map(|_| Self::parse(&std::fs::read(store.join("acknowledged")).ok()?))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let sound = bytes.len() == MARK && &bytes[..4] == MARK_MAGIC;
        (sound && crc32fast::hash(&bytes[..24]) == u32_at(bytes, 24)).then(|| Self {
            segment: u32_at(bytes, 4),
            length: u64_at(bytes, 8),
            next: Position::new(u64_at(bytes, 16)),
        })
    }

    fn to_bytes(self) -> [u8; MARK] {
        let mut out = [0; MARK];
        out[..4].copy_from_slice(MARK_MAGIC);
        out[4..8].copy_from_slice(&self.segment.to_le_bytes());
        out[8..16].copy_from_slice(&self.length.to_le_bytes());
        out[16..24].copy_from_slice(&self.next.get().to_le_bytes());
        let crc = crc32fast::hash(&out[..24]);
        out[24..].copy_from_slice(&crc.to_le_bytes());
        out
    }
}

/// The file of the watermark, written in place.
#[derive(Debug)]
pub(super) struct WatermarkFile(File);

impl WatermarkFile {
    /// Opens the file for writing.
    pub(super) fn open(store: &Path) -> Result<Self, StoreError> {
        let path = store.join("acknowledged");
        let open = disk::private_file().truncate(false).open(&path);
        open.map(Self).map_err(unavailable_error(&format!("opening {}", path.display())))
    }

    /// Sets the watermark.
    pub(super) fn set(&mut self, mark: Watermark) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(&mark.to_bytes())
    }
}
