//! A store with changed bytes is opened, read, verified and repaired: what is called sound is what was written.
//!
//! The first byte says whether checksums (1) and hashes (2) are made right again after the changes, which then reach what is
//! behind them, and whether the store is repaired (4) or read; then come changes: file, place, what to do and how many bytes, bytes.
#![no_main]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use drift_core::{Event, EventStoreExt};
use drift_fuzz::appends;
use drift_sinks::store::embedded::{EmbeddedOptions, EmbeddedStore};
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

const MAGIC: &[u8; 4] = b"drF1";
const HEADER: usize = 68;

/// Folders of a store.
const FOLDERS: [&str; 2] = ["", "segments"];

/// A sound store: its files by name, and its events.
struct Template {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    events: Vec<Event>,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let folder = drift_fuzz::memory_folder().join(format!("drift-fuzz-{}", std::process::id()));
    std::fs::remove_dir_all(&folder).ok();
    let mut options = EmbeddedOptions::default();
    (options.segment_bytes, options.memory_bytes) = (4 << 10, 64 << 10);
    let store = EmbeddedStore::open_with(&folder, &options).expect("a new store");
    for batch in appends(include_bytes!("../seeds/why/log")) {
        block_on(drift_core::EventStore::append(&store, vec![batch])).expect("appended");
    }
    let events = block_on(store.read_all_to_end()).expect("read");
    drop(store);
    let mut files = BTreeMap::new();
    for path in FOLDERS.iter().flat_map(|name| entries(&folder.join(name))) {
        let name = path.strip_prefix(&folder).expect("it is below").to_string_lossy().into_owned();
        files.insert(name, std::fs::read(&path).expect("a file"));
    }
    Template { folder, files, events }
});

/// Returns the files of a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// Applies the changes to the files of a store.
fn change(files: &mut BTreeMap<String, Vec<u8>>, mut edits: &[u8]) {
    while let [file, high, low, what, rest @ ..] = edits {
        let count = usize::from(what & 15).min(rest.len());
        let (bytes, after) = rest.split_at(count);
        edits = after;
        let index = usize::from(*file) % files.len();
        let content = files.values_mut().nth(index).expect("within the number");
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (content.len() + 1);
        match what >> 4 & 3 {
            0 | 1 => content.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new),
            2 => content.truncate(at),
            _ => drop(content.splice(at..at, bytes.iter().copied())),
        }
    }
}

/// Makes the checksums of all frames right, and their hashes of the frames before if `is_chained`.
fn mend(log: &mut [u8], is_chained: bool) {
    let (mut at, mut previous) = (0, None::<blake3::Hash>);
    while let Some(found) = log[at..].windows(4).position(|w| w == MAGIC) {
        let start = at + found;
        let Some(length) = log.get(start + 4..start + 8) else { return };
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(frame) = log.get_mut(start..start.saturating_add(HEADER).saturating_add(length)) else {
            at = start + 4;
            continue;
        };
        if let Some(hash) = previous.filter(|_| is_chained) {
            frame[36..HEADER].copy_from_slice(hash.as_bytes());
        }
        let crc = crc32fast::hash(&frame[12..]);
        frame[8..12].copy_from_slice(&crc.to_le_bytes());
        previous = Some(blake3::hash(frame));
        at = start + frame.len();
    }
}

/// Writes the files of a store in place of those that are there.
fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    std::fs::remove_dir_all(folder.join("damaged")).ok();
    FOLDERS.iter().flat_map(|name| entries(&folder.join(name))).for_each(|path| {
        std::fs::remove_file(path).expect("it is ours");
    });
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("room in memory");
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((flags, edits)) = data.split_first() else { return };
    let (is_mended, is_chained) = (flags & 1 != 0, flags & 2 != 0);
    let template = &*TEMPLATE;
    let folder = &template.folder;
    let mut files = template.files.clone();
    change(&mut files, edits);
    if is_mended {
        files
            .iter_mut()
            .filter(|(name, _)| name.ends_with(".log"))
            .for_each(|(_, log)| mend(log, is_chained));
    }
    write(folder, &files);

    if flags & 4 != 0 {
        if EmbeddedStore::repair(folder).is_ok() {
            let report = EmbeddedStore::verify(folder).expect("repaired, so it can be verified");
            assert!(report.is_sound(), "repaired, but {report:?}");
            drop(EmbeddedStore::open(folder).expect("repaired, so it can be opened"));
        }
        return;
    }
    let verified = EmbeddedStore::verify(folder);
    let read = EmbeddedStore::open_read_only(folder).and_then(|store| block_on(store.read_all_to_end()));
    if let (Ok(report), Ok(events)) = (&verified, &read)
        && report.is_sound()
        && !is_chained
    {
        assert!(template.events.starts_with(events), "sound, but not what was written: {report:?}");
    }
});
