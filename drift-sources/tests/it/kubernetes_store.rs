//! The source through `Ingest` into a store: what is kept, not only what is told.

use std::time::{Duration, Instant};

use drift_core::ingest::{Ingest, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Event, EventBody, EventStore, EventStoreExt, MemoryStore, Observation, Position, Source};
use serde_json::json;

use crate::fake_apiserver::{Fake, Fault};
use crate::kubernetes::{Rig, options};
use crate::kubernetes_soak::{CHANGES, Dice, change, mischief};
use crate::ledger::Ledger;

/// Runs the source into the store until the work beside it is done; then both end, as by a kill.
async fn watch(rig: &Rig, store: &MemoryStore, work: impl Future<Output = ()>) {
    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    let mut ingest = Ingest::load(rig.source.name(), redactor, store).await.unwrap();
    let (options, mut heard) = (RunOptions::default(), |_: drift_core::ingest::Progress<'_>| {});
    let running = run(&rig.source, store, &mut ingest, &options, &mut heard);
    tokio::select! {
        ended = running => panic!("the source does not end: {ended:?}"),
        () = work => {}
    }
}

async fn events(store: &MemoryStore) -> Vec<Event> {
    store.read_all_to_end().await.unwrap()
}

/// Reads the store into the books that know what is missing.
async fn ledger(store: &MemoryStore) -> Ledger {
    let mut ledger = Ledger::default();
    for event in events(store).await {
        let key = event.stream.key().cloned();
        match event.body {
            EventBody::Applied(object) => {
                ledger.take(Ok(Observation::Applied(drift_core::Applied {
                    key: key.unwrap(),
                    ..drift_core::Applied::live((*object).clone(), "", event.observed_at)
                })));
            }
            EventBody::Deleted(Some(last)) => {
                ledger.take(Ok(Observation::Deleted(drift_core::Deleted {
                    facet: drift_core::Facet::Live,
                    key: key.unwrap(),
                    last: Some(last),
                    observed_at: event.observed_at,
                    actor: drift_core::Actor::default(),
                })));
            }
            // Missed by a relist.
            EventBody::Deleted(None) => drop(ledger.live.remove(&key.unwrap())),
            EventBody::Gap(gap) => ledger.take(Ok(Observation::Gap(gap))),
            _ => {}
        }
    }
    ledger
}

/// Waits until the store has what is there.
async fn caught_up(fake: &Fake, store: &MemoryStore) {
    let until = Instant::now() + Duration::from_secs(20);
    while ledger(store).await.live != fake.there() {
        assert!(Instant::now() < until, "{:?}\n{:?}", ledger(store).await.live, fake.there());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn listed(store: &MemoryStore, kinds: usize) {
    let relisted =
        |events: Vec<Event>| events.iter().filter(|e| matches!(e.body, EventBody::Relisted(_))).count();
    while relisted(events(store).await) < kinds {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn write(fake: &Fake, dice: &mut Dice, turns: std::ops::Range<usize>, restart: Option<bool>) {
    let middle = usize::midpoint(turns.start, turns.end);
    for turn in turns {
        change(fake, dice, turn);
        if dice.roll(100) == 0 {
            mischief(fake, dice);
        }
        if turn % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if turn == middle && restart.is_some() {
            fake.down();
            if restart == Some(true) {
                change(fake, dice, turn);
                fake.compact();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            fake.up();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_holds_every_version_once_or_a_gap() {
    let rig = Rig::new(options()).await;
    let (store, mut dice) = (MemoryStore::default(), Dice(99));
    watch(&rig, &store, listed(&store, 2)).await;
    let third = CHANGES / 3;
    for (part, restart) in [Some(false), Some(true), None].into_iter().enumerate() {
        watch(&rig, &store, write(&rig.fake, &mut dice, part * third..(part + 1) * third, restart)).await;
        // While no one watches.
        change(&rig.fake, &mut dice, 0);
    }
    watch(&rig, &store, caught_up(&rig.fake, &store)).await;
    let ledger = ledger(&store).await;
    let produced = rig.fake.produced();
    let (recorded, excused) = ledger.assert_covers(&produced);
    assert!(ledger.repeated().is_empty(), "{:?}", ledger.repeated());
    println!(
        "{recorded} recorded once, {excused} in {} gaps, {} events",
        ledger.gaps.len(),
        events(&store).await.len()
    );
    assert!(recorded > excused * 5);
    assert_eq!(store.last_position().await.unwrap(), Position::new(events(&store).await.len() as u64));
}

#[tokio::test]
async fn a_kill_amid_the_first_listing_is_a_gap() {
    let rig = Rig::new(options()).await;
    let store = MemoryStore::default();
    rig.fake.without_streaming_lists();
    rig.touch(0..7);
    // The first page comes, the second does not.
    rig.fake.next_list("configmaps", Fault::Trickle);
    rig.fake.next_list("configmaps", Fault::Silence);
    let some = async {
        while ledger(&store).await.live.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    watch(&rig, &store, some).await;
    let before = rig.fake.produced().len();
    for turn in 0..4 {
        rig.fake.put("configmaps", "c0", &json!({"data": {"turn": turn.to_string()}}));
    }
    watch(&rig, &store, caught_up(&rig.fake, &store)).await;
    let produced = rig.fake.produced();
    let (recorded, excused) = ledger(&store).await.assert_covers(&produced[before..]);
    assert_eq!((recorded, excused), (1, 3));
}
