//! The embedded store.

use std::sync::Arc;

use drift_core::{
    Append, EventBody, EventStore, EventStoreExt, ExpectedRevision, MemoryStore, Position, Revision,
    StoreError, StreamId,
};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::executor::block_on;
use proptest::prelude::*;

use crate::sample::{event, one, places, small, stream};

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    let mut written = Vec::new();
    for version in 0..300 {
        let name = format!("web-{}", version % 7);
        written.extend(block_on(store.append(one(&name, version))).unwrap());
    }
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
    drop(store);
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    assert_eq!(store.recovered(), None);
    assert_eq!(block_on(store.read_all_to_end()).unwrap(), written);
    assert_eq!(block_on(store.last_position()).unwrap(), Position::new(300));
    let of_one: Vec<_> = written.iter().filter(|e| e.stream == stream("web-3")).cloned().collect();
    assert_eq!(block_on(store.read_to_end(&stream("web-3"))).unwrap(), of_one);
    let report = EmbeddedStore::verify(dir.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert!(report.segments > 2, "segments rotate: {report:?}");
    assert_eq!((report.events, report.streams, report.last_position), (300, 7, Position::new(300)));
}

#[test]
fn the_state_at_any_time_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    let oracle = MemoryStore::default();
    for version in 0..200 {
        let batch = one(&format!("web-{}", version * version % 5), version);
        assert_eq!(block_on(store.append(batch.clone())).unwrap(), block_on(oracle.append(batch)).unwrap());
    }
    for name in ["web-0", "web-1", "web-4", "none"] {
        for position in (0..=201).map(Position::new) {
            let until = Some(position);
            let found = block_on(store.head(&stream(name), until)).unwrap();
            assert_eq!(found, block_on(oracle.head(&stream(name), until)).unwrap(), "{name} at {position}");
        }
        assert_eq!(
            block_on(store.head(&stream(name), None)).unwrap(),
            block_on(oracle.head(&stream(name), None)).unwrap()
        );
    }
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = EmbeddedStore::open(dir.path()).unwrap();
    match EmbeddedStore::open(dir.path()) {
        Err(StoreError::InUse { holder }) => {
            assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(EmbeddedStore::repair(dir.path()), Err(StoreError::InUse { .. })));
    drop(first);
    EmbeddedStore::open(dir.path()).unwrap();
}

#[test]
fn a_reader_beside_the_writer_sees_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    for version in 0..100 {
        let written = block_on(store.append(one("web", version))).unwrap();
        let reader = EmbeddedStore::open_read_only(dir.path()).unwrap();
        let seen = block_on(reader.read_all_to_end()).unwrap();
        assert_eq!(seen.last(), written.last());
        assert_eq!(seen.len() as u64, version + 1);
        assert!(matches!(block_on(reader.append(one("web", 0))), Err(StoreError::Unavailable { .. })));
    }
    assert!(EmbeddedStore::verify(dir.path()).unwrap().is_sound());
}

#[test]
fn no_store_is_made_to_read_or_between_other_files() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(EmbeddedStore::open_read_only(dir.path()), Err(StoreError::Unavailable { .. })));
    assert!(matches!(EmbeddedStore::verify(dir.path()), Err(StoreError::Unavailable { .. })));
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = EmbeddedStore::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is not a drift store, and the directory is not empty"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was left");
}

#[test]
fn the_redaction_key_is_random_stays_and_is_its_owners() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = |dir: &tempfile::TempDir| EmbeddedStore::open(dir.path()).unwrap().redaction_key().unwrap();
    assert_eq!(key(&one), key(&one));
    assert_ne!(key(&one), key(&two));
    let file = one.path().join("redaction.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::copy(two.path().join("redaction.key"), &file).unwrap();
    assert!(matches!(EmbeddedStore::open(one.path()), Err(StoreError::Corrupt { .. })));
    std::fs::remove_file(&file).unwrap();
    assert!(EmbeddedStore::open(one.path()).is_err());
}

/// Returns the files and folders below a folder, itself included, with the rights of others than their owner.
#[cfg(unix)]
fn rights_of_others(path: &std::path::Path) -> Vec<(std::path::PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).unwrap();
    let mut all = vec![(path.to_owned(), metadata.permissions().mode() & 0o077)];
    if metadata.is_dir() {
        let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        all.extend(entries.flat_map(|e| rights_of_others(&e)));
    }
    all
}

#[cfg(unix)]
#[test]
fn a_new_store_is_its_owners_and_an_open_one_is_noticed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = EmbeddedStore::open_with(&path, &small()).unwrap();
    (0..200).for_each(|version| drop(block_on(store.append(one("web", version))).unwrap()));
    assert!(!store.is_open_to_others());
    drop(store);
    // A repair rewrites a segment and puts the damaged one aside.
    let segments = std::fs::read_dir(path.join("segments")).unwrap().map(|e| e.unwrap().path());
    let log = segments.filter(|p| p.extension().is_some_and(|e| e == "log")).min().unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    EmbeddedStore::repair(&path).unwrap();
    assert!(path.join("damaged").exists());
    let all = rights_of_others(&path);
    assert!(all.len() > 8, "{all:?}");
    assert_eq!(all.iter().filter(|(_, rights)| *rights != 0).collect::<Vec<_>>(), Vec::<&_>::new());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o750)).unwrap();
    assert!(EmbeddedStore::open(&path).unwrap().is_open_to_others());
}

#[test]
fn many_callers_share_groups_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn EventStore> = Arc::new(EmbeddedStore::open_with(dir.path(), &small()).unwrap());
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                let name = format!("web-{caller}");
                for version in 0..40 {
                    let last = Revision::new(version);
                    let expected = last.map_or(ExpectedRevision::Empty, ExpectedRevision::Exact);
                    let events = vec![event(&name, version)];
                    let append = Append { stream: stream(&name), expected, events };
                    let done = block_on(store.append(vec![append.clone()])).unwrap();
                    assert_eq!(done[0].revision.get(), version + 1);
                    // The same again is not as expected any more.
                    let again = block_on(store.append(vec![append]));
                    assert!(matches!(again, Err(StoreError::Conflict { actual, .. }) if actual == Some(done[0].revision)));
                }
            });
        }
    });
    let all = block_on(store.read_all_to_end()).unwrap();
    assert_eq!(all.iter().map(|e| e.position.get()).collect::<Vec<_>>(), (1..=320).collect::<Vec<_>>());
}

#[test]
fn a_conflict_in_one_stream_of_a_batch_appends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path()).unwrap();
    block_on(store.append(one("web", 1))).unwrap();
    let mut batch = one("other", 1);
    batch.push(Append {
        stream: stream("web"),
        expected: ExpectedRevision::Empty,
        events: vec![event("web", 2)],
    });
    assert!(matches!(block_on(store.append(batch)), Err(StoreError::Conflict { .. })));
    assert_eq!(block_on(store.streams()).unwrap(), [stream("web")]);
    assert_eq!(block_on(store.append(vec![])).unwrap(), []);
}

#[test]
fn a_batch_larger_than_a_frame_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    let events: Vec<_> = (0..1000).map(|v| event("web", v)).collect();
    let batch = vec![Append { stream: stream("web"), expected: ExpectedRevision::Empty, events }];
    let written = block_on(store.append(batch)).unwrap();
    assert_eq!(written.len(), 1000);
    assert_eq!(block_on(store.read_to_end(&stream("web"))).unwrap(), written);
    let report = EmbeddedStore::verify(dir.path()).unwrap();
    assert!(report.is_sound() && report.frames > 3, "{report:?}");
}

#[test]
fn reading_from_the_middle_and_after_a_position() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
    let mut written = Vec::new();
    for version in 0..120 {
        written.extend(block_on(store.append(one(&format!("web-{}", version % 3), version))).unwrap());
    }
    for after in [0u64, 1, 57, 119, 120, 500] {
        let read = block_on(futures::StreamExt::collect::<Vec<_>>(store.read_all(Position::new(after))));
        let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
        assert_eq!(places(&read), places(&written[(after as usize).min(120)..]), "after {after}");
    }
    for from in [1u64, 2, 20, 40, 41] {
        let from = Revision::new(from).unwrap();
        let read = block_on(futures::StreamExt::collect::<Vec<_>>(store.read(&stream("web-1"), from)));
        let expected: Vec<_> =
            written.iter().filter(|e| e.stream == stream("web-1") && e.revision >= from).cloned().collect();
        assert_eq!(read.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }
}

/// One step of the model test.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<(u8, u8, u8)>),
    Reopen,
    LoseIndexes,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = prop::collection::vec((0u8..6, 0u8..4, 0u8..5), 0..12);
    let step = prop_oneof![
        8 => batch.prop_map(Step::Append),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseIndexes),
    ];
    prop::collection::vec(step, 1..60)
}

/// An append of each body there is, so that objects, deletions and others follow each other in every order.
fn append(name: u8, expected: u8, body: u8, version: u64) -> Append {
    let name = format!("web-{name}");
    let mut event = event(&name, version);
    let EventBody::Applied(object) = event.body.clone() else { unreachable!() };
    let mut target = stream(&name);
    match body {
        0 => event.body = EventBody::Deleted(Some(object)),
        1 => event.body = EventBody::Deleted(None),
        2 => {
            event.body = EventBody::Checkpoint;
            target = StreamId::Source("test".into());
        }
        _ => {}
    }
    let expected = match expected {
        0 => ExpectedRevision::Empty,
        1 => ExpectedRevision::Exact(Revision::new(version % 9 + 1).unwrap()),
        _ => ExpectedRevision::Any,
    };
    Append { stream: target, expected, events: vec![event.clone(), event] }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_one_in_memory_does(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
        let oracle = MemoryStore::default();
        let mut version = 0;
        for step in steps {
            match step {
                Step::Append(parts) => {
                    let batch: Vec<_> = parts.into_iter().map(|(name, expected, body)| {
                        version += 1;
                        append(name, expected, body, version)
                    }).collect();
                    let ours = block_on(store.append(batch.clone()));
                    match block_on(oracle.append(batch)) {
                        Ok(events) => prop_assert_eq!(ours.unwrap(), events),
                        Err(e) => prop_assert_eq!(ours.unwrap_err().to_string(), e.to_string()),
                    }
                }
                Step::Reopen => {
                    drop(store);
                    store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
                }
                Step::LoseIndexes => {
                    drop(store);
                    for entry in std::fs::read_dir(dir.path().join("segments")).unwrap() {
                        let path = entry.unwrap().path();
                        if path.extension().is_some_and(|e| e == "idx") {
                            std::fs::remove_file(path).unwrap();
                        }
                    }
                    store = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
                }
            }
            prop_assert_eq!(block_on(store.last_position()).unwrap(), block_on(oracle.last_position()).unwrap());
        }
        prop_assert_eq!(block_on(store.read_all_to_end()).unwrap(), block_on(oracle.read_all_to_end()).unwrap());
        prop_assert_eq!(block_on(store.streams()).unwrap(), block_on(oracle.streams()).unwrap());
        for stream in block_on(oracle.streams()).unwrap() {
            prop_assert_eq!(block_on(store.read_to_end(&stream)).unwrap(), block_on(oracle.read_to_end(&stream)).unwrap());
        }
        let report = EmbeddedStore::verify(dir.path()).unwrap();
        prop_assert!(report.is_sound(), "{:?}", report);
    }
}
