//! Damage and failing disks: what a program that embeds the store cannot bring about.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use drift_core::{
    Append, Doc, Event, EventBody, EventStore, EventStoreExt, ExpectedRevision, GapReason, NewEvent, Object,
    Origin, Position, ResourceKey, StoreError, StreamId,
};
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::json;

use super::disk::{Disk, LogFile};
use super::frame::Codec;
use super::*;

fn name(n: u64) -> StreamId {
    StreamId::live(ResourceKey::new("", "ConfigMap", "shop", &format!("config-{n}")))
}

fn one(n: u64, version: u64) -> Vec<Append> {
    let value = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("config-{n}"), "namespace": "shop", "resourceVersion": version.to_string()},
        "data": {"a": format!("value {version}"), "b": blake3::hash(&n.to_le_bytes()).to_hex().to_string()},
    });
    let object = Object::new(Doc::from_value(&value).unwrap()).unwrap();
    let event = NewEvent {
        uid: None,
        origin: Origin { source: "test".into(), ..Origin::default() },
        observed_at: jiff::Timestamp::from_second(version as i64).unwrap(),
        occurred_at: None,
        body: EventBody::Applied(Arc::new(object)),
    };
    vec![Append { stream: name(n), expected: ExpectedRevision::Any, events: vec![event] }]
}

fn small() -> EmbeddedOptions {
    EmbeddedOptions { segment_bytes: 5000, memory_bytes: 64 << 10 }
}

/// Makes a store of some segments and returns what is in it.
fn filled(dir: &Path, events: u64) -> Vec<Event> {
    let store = EmbeddedStore::open_with(dir, &small()).unwrap();
    for version in 0..events {
        let mut batch = one(version % 5, version);
        batch.extend(one(version % 3, version));
        block_on(store.append(batch)).unwrap();
    }
    block_on(store.read_all_to_end()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    segment::list_segments(dir).unwrap().into_iter().map(|n| segment::log_path(dir, n)).collect()
}

/// What can be read of a store, whatever is wrong with it.
fn read(dir: &Path) -> Result<Vec<Event>, StoreError> {
    block_on(EmbeddedStore::open_read_only(dir)?.read_all_to_end())
}

/// Checks that damage is told by `verify` and never read as if it were none, and that a repair makes do with the rest.
fn check_damage(dir: &Path, what: &str, before: &[Event]) {
    let report = EmbeddedStore::verify(dir);
    let told = report.as_ref().is_ok_and(|r| !r.is_sound()) || report.is_err();
    assert!(told, "{what}: not noticed: {report:?}");
    match read(dir) {
        Ok(events) => assert_eq!(events, before, "{what}: read wrong"),
        Err(StoreError::Corrupt { .. } | StoreError::Unsupported { .. }) => {}
        Err(e) => panic!("{what}: {e:?}"),
    }
    match EmbeddedStore::open(dir) {
        Ok(store) => assert_eq!(store.recovered(), None, "{what}: acknowledged events were cut off"),
        Err(StoreError::Corrupt { .. } | StoreError::Unsupported { .. }) => {}
        Err(e) => panic!("{what}: {e:?}"),
    }
    if matches!(report, Err(StoreError::Unsupported { .. })) {
        return;
    }
    let repaired = EmbeddedStore::repair(dir).unwrap_or_else(|e| panic!("{what}: {e:?}"));
    check_repaired(dir, what, before, &repaired);
}

fn check_repaired(dir: &Path, what: &str, before: &[Event], repaired: &RepairReport) {
    assert!(repaired.now.is_sound(), "{what}: {:?}", repaired.now);
    let store = EmbeddedStore::open_with(dir, &small()).unwrap();
    let after = block_on(store.read_all_to_end()).unwrap();
    let (gaps, kept): (Vec<_>, Vec<_>) = after.iter().partition(|e| matches!(e.body, EventBody::Gap(_)));
    assert!(kept.iter().all(|e| before.contains(e)), "{what}: something was made up");
    let lost = repaired.lost_events();
    assert_eq!(kept.len() as u64 + lost, before.len() as u64, "{what}: {:?}", repaired.lost);
    assert_eq!(gaps.len(), repaired.lost.iter().filter(|l| l.from < l.to).count(), "{what}");
    for gap in gaps {
        let EventBody::Gap(gap) = &gap.body else { unreachable!() };
        assert_eq!(gap.reason, GapReason::Corrupt);
    }
    for stream in block_on(store.streams()).unwrap() {
        let of_one: Vec<_> = after.iter().filter(|e| e.stream == stream).cloned().collect();
        assert_eq!(block_on(store.read_to_end(&stream)).unwrap(), of_one, "{what}: {stream}");
    }
    // It goes on, and what is appended now is there later.
    let last = block_on(store.last_position()).unwrap();
    assert!(last.get() >= before.len() as u64, "{what}: positions are not used again");
    let written = block_on(store.append(one(1, 999))).unwrap();
    drop(store);
    let store = EmbeddedStore::open_with(dir, &small()).unwrap();
    assert_eq!(block_on(store.head(&name(1), None)).unwrap().as_ref(), written.last(), "{what}");
    drop(store);
    let report = EmbeddedStore::verify(dir).unwrap();
    assert!(report.is_sound(), "{what}: {report:?}");
    assert!(EmbeddedStore::repair(dir).unwrap().is_empty(), "{what}: nothing is left to repair");
}

fn damaged(damage: impl Fn(&Path, usize) -> Option<String>) {
    let original = tempfile::tempdir().unwrap();
    let before = filled(original.path(), 60);
    assert!(logs(original.path()).len() >= 3);
    for n in 0.. {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        let Some(what) = damage(dir.path(), n) else { return };
        check_damage(dir.path(), &what, &before);
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_bit_anywhere_in_the_log_is_told() {
    damaged(|dir, n| {
        let at = n * 199;
        let mut before = 0;
        for path in logs(dir) {
            let length = path.metadata().unwrap().len() as usize;
            if at < before + length {
                change(&path, |bytes| bytes[at - before] ^= 1 << (n % 8));
                return Some(format!("bit {} of byte {} of {}", n % 8, at - before, path.display()));
            }
            before += length;
        }
        None
    });
}

#[test]
fn a_log_cut_off_anywhere_is_told() {
    damaged(|dir, n| {
        let logs = logs(dir);
        let path = &logs[n % logs.len()];
        let length = path.metadata().unwrap().len() as usize;
        let cut = length.checked_sub(n * 307 + 1)?;
        change(path, |bytes| bytes.truncate(cut));
        Some(format!("{} cut off at {cut} of {length}", path.display()))
    });
}

#[test]
fn missing_doubled_and_swapped_parts_are_told() {
    /// Where the frames of a segment begin and end.
    fn frames(path: &Path) -> Vec<(usize, usize)> {
        let bytes = std::fs::read(path).unwrap();
        let (mut at, mut all) = (segment::HEAD, Vec::new());
        while at < bytes.len() {
            let end = at + frame::frame_size(&bytes[at..at + frame::HEADER]).unwrap();
            all.push((at, end));
            at = end;
        }
        all
    }
    damaged(|dir, n| {
        let logs = logs(dir);
        let last = logs.len() - 1;
        let (log, frame) = (&logs[n % logs.len()], frames(&logs[n % logs.len()])[n % 5]);
        match n / 10 {
            0 => change(log, |b| drop(b.drain(frame.0..frame.1))),
            1 => change(log, |b| {
                let doubled = b[frame.0..frame.1].to_vec();
                drop(b.splice(frame.1..frame.1, doubled));
            }),
            2 => change(log, |b| {
                let doubled = b[frame.0..frame.1].to_vec();
                b.extend(doubled);
            }),
            3 => change(log, |b| {
                let end = (frame.0 + 700).min(b.len());
                b[frame.0..end].fill(0);
            }),
            4 if n % 10 < last => {
                let aside = dir.join("aside");
                std::fs::rename(&logs[n % 10], &aside).unwrap();
                std::fs::rename(&logs[n % 10 + 1], &logs[n % 10]).unwrap();
                std::fs::rename(&aside, &logs[n % 10 + 1]).unwrap();
            }
            5 if n % 10 <= last => std::fs::remove_file(&logs[n % 10]).unwrap(),
            6 if n % 10 <= last => change(&logs[n % 10], |b| b.clear()),
            7 => return None,
            _ => change(log, |b| b.swap(frame.0 + 20, frame.1 - 1)),
        }
        Some(format!("case {n} of {}", log.display()))
    });
}

#[test]
fn another_version_is_told_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let log = segment::log_path(dir.path(), 1);
    let original = std::fs::read(&log).unwrap();
    for version in [(1u16, 1u16), (2, 0)] {
        change(&log, |bytes| {
            bytes.copy_from_slice(&original);
            bytes[8..10].copy_from_slice(&version.0.to_le_bytes());
            bytes[10..12].copy_from_slice(&version.1.to_le_bytes());
            let crc = crc32fast::hash(&bytes[..56]);
            bytes[56..60].copy_from_slice(&crc.to_le_bytes());
        });
        let found = format!("{}.{}", version.0, version.1);
        for error in [
            EmbeddedStore::open(dir.path()).unwrap_err(),
            EmbeddedStore::open_read_only(dir.path()).unwrap_err(),
            EmbeddedStore::verify(dir.path()).unwrap_err(),
            EmbeddedStore::repair(dir.path()).unwrap_err(),
        ] {
            assert!(matches!(&error, StoreError::Unsupported { found: f, .. } if *f == found), "{error:?}");
        }
    }
    change(&dir.path().join("store.json"), |b| *b = br#"{"format":"3.0","key":""}"#.to_vec());
    assert!(matches!(EmbeddedStore::open(dir.path()), Err(StoreError::Unsupported { .. })));
    change(&dir.path().join("store.json"), |b| *b = b"{".to_vec());
    assert!(matches!(EmbeddedStore::open(dir.path()), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_whole_frame_with_an_event_that_cannot_be_read_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path(), 60);
    let (number, log) = (logs(dir.path()).len() as u32, logs(dir.path()).pop().unwrap());
    let next = directory::Watermark::read(dir.path()).unwrap().next;
    change(&log, |bytes| {
        let (mut at, mut last) = (segment::HEAD, segment::HEAD);
        let (mut codec, mut dictionaries) = (Codec::new().unwrap(), segment::Dictionaries::default());
        while at < bytes.len() {
            let frame = frame::parse_frame(&bytes[at..]).unwrap();
            dictionaries.take(&frame, &mut codec).unwrap();
            (last, at) = (at, at + frame.size);
        }
        let found = frame::parse_frame(&bytes[last..]).unwrap();
        let mut body = found.body(&mut codec, |n| dictionaries.find(n)).unwrap();
        let quote = body.windows(8).position(|w| w == b"\"source\"").unwrap();
        body[quote] = b';';
        let header = found.header.clone();
        bytes.truncate(last);
        // Checksum and chain are right.
        header.write(&frame::FrameBody::plain(body), bytes);
    });
    let mark = directory::Watermark { segment: number, length: log.metadata().unwrap().len(), next };
    directory::WatermarkFile::open(dir.path()).unwrap().set(mark).unwrap();
    check_damage(dir.path(), "an event that is no JSON", &before);
}

#[test]
fn a_damaged_index_is_made_anew() {
    let original = tempfile::tempdir().unwrap();
    let before = filled(original.path(), 60);
    let index = index::index_path(Path::new(""), 1);
    let bytes = std::fs::read(original.path().join(&index)).unwrap();
    for at in (0..bytes.len()).step_by(151) {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        change(&dir.path().join(&index), |b| b[at] ^= 0x10);
        assert!(!EmbeddedStore::verify(dir.path()).unwrap().is_sound(), "byte {at}");
        assert_eq!(read(dir.path()).unwrap(), before, "byte {at}");
        let store = EmbeddedStore::open(dir.path()).unwrap();
        assert_eq!(block_on(store.read_all_to_end()).unwrap(), before, "byte {at}");
        assert_eq!(std::fs::read(dir.path().join(&index)).unwrap(), bytes, "byte {at}");
    }
}

#[test]
fn what_was_being_written_is_cut_off_wherever_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::default();
    let store = EmbeddedStore::open_with(dir.path(), &options).unwrap();
    for version in 0..20 {
        block_on(store.append(one(version % 3, version))).unwrap();
    }
    let log = segment::log_path(dir.path(), 1);
    let acknowledged = log.metadata().unwrap().len() as usize;
    let mark = std::fs::read(dir.path().join("acknowledged")).unwrap();
    // More than a frame, so that a cut between the frames of one batch is among the cuts.
    let batch: Vec<_> = (0..300).flat_map(|v| one(v % 90, v)).collect();
    block_on(store.append(batch)).unwrap();
    drop(store);
    let whole = std::fs::read(&log).unwrap();
    assert!(whole.len() > acknowledged + 2000);
    let cuts = (acknowledged..whole.len()).step_by(97).chain(acknowledged..acknowledged + 72);
    for cut in cuts {
        std::fs::write(dir.path().join("acknowledged"), &mark).unwrap();
        std::fs::write(&log, &whole[..cut]).unwrap();
        let report = EmbeddedStore::verify(dir.path()).unwrap();
        assert!(report.is_sound(), "cut at {cut}: {report:?}");
        assert!(EmbeddedStore::repair(dir.path()).unwrap().is_empty(), "cut at {cut}: nothing to repair");
        std::fs::write(&log, &whole[..cut]).unwrap();
        assert_eq!(read(dir.path()).unwrap().len(), 20, "cut at {cut}");
        let store = EmbeddedStore::open_with(dir.path(), &options).unwrap();
        assert_eq!(block_on(store.last_position()).unwrap(), Position::new(20), "cut at {cut}");
        assert_eq!(store.recovered().is_some(), cut > acknowledged, "cut at {cut}");
        assert_eq!(log.metadata().unwrap().len() as usize, acknowledged);
    }
    // All of it: then it counts, acknowledged or not.
    std::fs::write(dir.path().join("acknowledged"), &mark).unwrap();
    std::fs::write(&log, &whole).unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &options).unwrap();
    assert_eq!(block_on(store.last_position()).unwrap(), Position::new(320));
}

#[test]
fn pages_of_a_torn_group_that_came_first_are_cut_off_too() {
    // A loss of power can leave the end of a group on disk and not its beginning.
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    block_on(store.append(one(1, 1))).unwrap();
    let log = segment::log_path(dir.path(), 1);
    let acknowledged = log.metadata().unwrap().len() as usize;
    let mark = std::fs::read(dir.path().join("acknowledged")).unwrap();
    block_on(store.append((0..900).flat_map(|v| one(v, v)).collect())).unwrap();
    drop(store);
    let frames = EmbeddedStore::verify(dir.path()).unwrap().frames;
    assert!(frames > 4, "{frames}");
    change(&log, |bytes| bytes[acknowledged..acknowledged + 200].fill(0));
    std::fs::write(dir.path().join("acknowledged"), &mark).unwrap();
    std::fs::remove_file(index::index_path(dir.path(), 1)).unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(block_on(store.last_position()).unwrap(), Position::new(1));
    assert!(store.recovered().is_some());
    drop(store);
    // Had it been acknowledged, it would be damage.
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    for version in 0..3 {
        block_on(store.append(one(1, version))).unwrap();
    }
    drop(store);
    let log = segment::log_path(dir.path(), 1);
    change(&log, |bytes| bytes[segment::HEAD..segment::HEAD + 100].fill(0));
    std::fs::remove_file(dir.path().join("acknowledged")).unwrap();
    std::fs::remove_file(index::index_path(dir.path(), 1)).unwrap();
    assert!(matches!(EmbeddedStore::open(dir.path()), Err(StoreError::Corrupt { .. })));
}

/// A disk that fails when told to.
#[derive(Clone, Debug, Default)]
struct Faulty(Arc<Mutex<Faults>>);

#[derive(Debug, Default)]
struct Faults {
    /// Bytes until the disk is full.
    room: Option<usize>,
    sync: bool,
    truncate: bool,
}

#[derive(Debug)]
struct FaultyFile {
    file: std::fs::File,
    faults: Arc<Mutex<Faults>>,
}

impl Disk for Faulty {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = std::fs::OpenOptions::new().append(true).open(path)?;
        Ok(Box::new(FaultyFile { file, faults: Arc::clone(&self.0) }))
    }
}

impl LogFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut faults = self.faults.lock().unwrap();
        let fits = faults.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        self.file.append(&bytes[..fits])?;
        if let Some(room) = &mut faults.room {
            *room -= fits;
        }
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.faults.lock().unwrap().sync { Err(io::Error::other("lost pages")) } else { self.file.sync() }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.faults.lock().unwrap().truncate {
            Err(io::Error::other("no"))
        } else {
            self.file.truncate(len)
        }
    }
}

fn refused(store: &EmbeddedStore, batch: Vec<Append>) -> String {
    match block_on(store.append(batch)) {
        Err(e @ StoreError::Unavailable { .. }) => e.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_refuses_and_the_store_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::default();
    let store = EmbeddedStore::open_on(dir.path(), &small(), Arc::new(disk.clone())).unwrap();
    let mut written = Vec::new();
    for version in 0..400 {
        // Full now and then, at another byte each time; dictionaries are written in between.
        disk.0.lock().unwrap().room = (version % 3 == 0).then_some(version as usize % 311);
        let batch: Vec<_> = (0..4).flat_map(|n| one((version + n) % 40, version)).collect();
        match block_on(store.append(batch.clone())) {
            Ok(events) => written.extend(events),
            Err(StoreError::Unavailable { what, .. }) => {
                assert!(what.contains("writing to segment"), "{what}");
                disk.0.lock().unwrap().room = None;
                written.extend(block_on(store.append(batch)).unwrap());
            }
            Err(e) => panic!("{e:?}"),
        }
    }
    assert_eq!(written.len(), 1600);
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.recovered(), None);
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
    assert!(EmbeddedStore::verify(dir.path()).unwrap().is_sound());
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::default();
    let store = EmbeddedStore::open_on(dir.path(), &small(), Arc::new(disk.clone())).unwrap();
    let written = block_on(store.append(one(1, 1))).unwrap();
    disk.0.lock().unwrap().sync = true;
    assert!(refused(&store, one(1, 2)).contains("syncing segment 1: lost pages"));
    disk.0.lock().unwrap().sync = false;
    assert!(refused(&store, one(1, 3)).contains("the store stopped writing, open it again"));
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written, "what was refused is not seen");
    block_on(store.append(one(1, 3))).unwrap();
}

#[test]
fn a_part_that_cannot_be_cut_off_stops_the_store_until_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::default();
    let store = EmbeddedStore::open_on(dir.path(), &small(), Arc::new(disk.clone())).unwrap();
    let written = block_on(store.append(one(1, 1))).unwrap();
    *disk.0.lock().unwrap() = Faults { room: Some(100), sync: false, truncate: true };
    assert!(refused(&store, one(1, 2)).contains("writing to segment 1"));
    *disk.0.lock().unwrap() = Faults::default();
    assert!(refused(&store, one(1, 3)).contains("could not be cut off"));
    drop(store);
    let store = EmbeddedStore::open(dir.path()).unwrap();
    assert_eq!(store.recovered().map(|r| r.bytes), Some(100));
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
}

#[test]
fn a_repair_names_what_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path(), 60);
    let log = segment::log_path(dir.path(), 1);
    change(&log, |bytes| bytes[1000..3000].fill(7));
    let error = EmbeddedStore::open_read_only(dir.path()).map(|s| block_on(s.read_all_to_end()));
    assert!(matches!(error, Ok(Err(StoreError::Corrupt { .. }))), "an index hides damage until it is read");
    let report = EmbeddedStore::repair(dir.path()).unwrap();
    assert_eq!(report.lost.len(), 1);
    let LostEvents { segment, from, to } = report.lost[0].clone();
    assert!(segment == 1 && from > Position::START && to > from, "{report:?}");
    assert_eq!(report.now.breaks, [LogBreak { from, to }]);
    assert!(report.bytes >= 2000, "{report:?}");
    // The sealed segment's index names each lost event's stream.
    let mut lost = std::collections::BTreeMap::new();
    let after = read(dir.path()).unwrap();
    for event in before.iter().filter(|e| !after.contains(e)) {
        *lost.entry(event.stream.clone()).or_default() += 1;
    }
    assert_eq!(report.streams, lost);
    assert_eq!(lost.values().sum::<u64>(), report.lost_events());
    let kept = dir.path().join(&report.kept[0]);
    assert_eq!(std::fs::read(kept).unwrap()[1000..3000], [7; 2000], "the damaged file is kept");
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0u32..5) {
        let _ = frame::parse_frame(&bytes);
        let mut names = records::StreamNames::default();
        let _ = records::FrameRecords::parse(bytes.clone(), Position::new(1), count, &mut names);
        let _ = index::SegmentIndex::parse(&bytes);
        // With a checksum that is right it comes further.
        let mut index = b"driftidx\x01\0\0\0".to_vec();
        index.extend_from_slice(&bytes);
        let crc = crc32fast::hash(&index);
        index.extend_from_slice(&crc.to_le_bytes());
        let _ = index::SegmentIndex::parse(&index);
    }

    #[test]
    fn numbers_and_frames_round_trip(n in any::<u64>(), body in prop::collection::vec(any::<u8>(), 0..3000), more: bool) {
        let mut bytes = Vec::new();
        records::push_varint(n, &mut bytes);
        prop_assert_eq!(records::take_varint(&mut &bytes[..]), Some(n));
        let header = frame::FrameHeader {
            kind: frame::FrameKind::Events, more, count: 3, first: Position::new(n >> 2), durable: n, previous: [7; 32],
        };
        let mut codec = Codec::new().unwrap();
        let mut bytes = Vec::new();
        let hash = header.write(&codec.pack(body.clone()).unwrap(), &mut bytes);
        let frame = frame::parse_frame(&bytes).unwrap();
        prop_assert_eq!((&frame.header, frame.hash, frame.size), (&header, hash, bytes.len()));
        prop_assert_eq!(frame.body(&mut codec, |n| Err(super::error::FrameError::MissingDictionary(n))).unwrap(), body);
        let cut = n as usize % bytes.len();
        prop_assert!(frame::parse_frame(&bytes[..cut]).is_err());
    }
}
