//! Laws of ingest, replay and the store in memory, against an oracle that knows nothing of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::Until;
use drift_core::fights::{find_conflicts, find_conflicts_in_history};
use drift_core::history::{History, Version, VersionStore};
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor, is_redacted};
use drift_core::replay::{State, event_at};
use drift_core::testing::{self, Dice, Script, TapeOptions, tape};
use drift_core::{
    Actor, Append, Applied, Authority, Cursor, Deleted, Doc, Event, EventBody, EventStore, EventStoreExt,
    ExpectedRevision, Facet, Gap, GapReason, Ingest, MemoryStore, Object, Observation, Occurrence,
    OccurrenceKind, Position, ResourceKey, Revision, Scope, StoreError, StreamId,
};
use futures::executor::block_on;
use futures::stream::BoxStream;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn ingest() -> Ingest {
    Ingest::new("tape", Redactor::new(RedactOptions::new([7; 32])))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

fn key(name: &str) -> ResourceKey {
    ResourceKey::new("", "Pod", "shop", name)
}

fn pod(name: &str, uid: &str, version: &str) -> Arc<Object> {
    let mut metadata = json!({"name": name, "namespace": "shop"});
    if !version.is_empty() {
        metadata["uid"] = uid.into();
        metadata["resourceVersion"] = version.into();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"node": uid}});
    Arc::new(Object::new(Doc::from_value(&pod).unwrap()).unwrap())
}

fn applied(name: &str, uid: &str, version: &str, second: i64) -> Observation {
    let object = pod(name, uid, version);
    Observation::Applied(Applied::live((*object).clone(), "", at(second)))
}

fn deleted(name: &str, last: Option<Arc<Object>>, second: i64) -> Observation {
    let actor = Actor::default();
    Observation::Deleted(Deleted { facet: Facet::Live, key: key(name), last, observed_at: at(second), actor })
}

fn started() -> Observation {
    Observation::RelistStarted(Scope::of_kind("", "Pod"))
}

fn done(second: i64) -> Observation {
    Observation::RelistDone { scope: Scope::of_kind("", "Pod"), observed_at: at(second) }
}

fn gap(reason: GapReason, second: i64) -> Observation {
    Observation::Gap(Gap {
        scope: Scope::default(),
        from: None,
        to: at(second),
        from_version: None,
        to_version: None,
        reason,
        message: "line 3".into(),
    })
}

fn checkpoint(cursor: &str) -> Observation {
    Observation::Checkpoint(Cursor::new(cursor))
}

/// Shows what was appended in a line a part: `web+ 2` is the second revision, an object; `-` a deletion.
fn shown(appends: &[Append]) -> Vec<String> {
    let show = |append: &Append| {
        let name = append.stream.key().map_or("source".to_owned(), |k| k.name.to_string());
        let sign = match &append.events[0].body {
            EventBody::Applied(_) => "+",
            EventBody::Deleted(_) => "-",
            EventBody::Happened(_) => "!",
            EventBody::Gap(_) => "?",
            EventBody::Relisted(_) => "=",
            EventBody::Checkpoint => ".",
            _ => "other",
        };
        let before = match append.expected {
            ExpectedRevision::Exact(revision) => revision.get(),
            ExpectedRevision::Empty => 0,
            ExpectedRevision::Any => panic!("an ingest always knows what it expects"),
        };
        format!("{name}{sign} {}", before + 1)
    };
    appends.iter().map(show).collect()
}

#[test]
fn each_observation_makes_the_appends_it_should() {
    let check = |name: &str, steps: Vec<(Observation, &[&str])>| {
        let mut ingest = ingest();
        for (n, (observation, expect)) in steps.into_iter().enumerate() {
            assert_eq!(shown(&ingest.step(observation)), expect, "{name}, step {n}");
        }
    };
    check(
        "versions",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (applied("web", "a", "9", 1), &[]),
            (applied("web", "a", "10", 2), &["web+ 2"]),
            (applied("web", "a", "9", 3), &[]),
            (applied("db", "x", "5", 3), &["db+ 1"]),
        ],
    );
    check(
        "incarnations",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &["web- 2"]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &[]),
            (deleted("web", None, 2), &[]),
            (applied("web", "b", "15", 3), &["web+ 3"]),
            (deleted("web", Some(pod("web", "a", "12")), 4), &[]),
            (applied("web", "a", "9", 4), &[]),
            (deleted("web", None, 5), &["web- 4"]),
        ],
    );
    check(
        "never seen",
        vec![
            (deleted("web", None, 0), &[]),
            (deleted("web", Some(pod("web", "a", "12")), 1), &["web- 1"]),
            (applied("web", "a", "11", 2), &[]),
        ],
    );
    check(
        "versions without order",
        vec![
            (applied("web", "a", "x1", 0), &["web+ 1"]),
            (applied("web", "a", "x1", 1), &[]),
            (applied("web", "a", "w9", 2), &["web+ 2"]),
            (applied("web", "a", "x1", 0), &[]),
        ],
    );
    check(
        "no versions",
        vec![
            (applied("web", "a", "", 0), &["web+ 1"]),
            (applied("web", "a", "", 1), &[]),
            (applied("web", "b", "", 2), &["web+ 2"]),
            (deleted("web", None, 3), &["web- 3"]),
            (applied("web", "b", "", 4), &["web+ 4"]),
        ],
    );
    check(
        "relists",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (applied("db", "x", "5", 0), &["db+ 1"]),
            (done(1), &[]),
            (started(), &[]),
            (applied("db", "x", "5", 2), &[]),
            (applied("new", "n", "20", 2), &["new+ 1"]),
            (done(3), &["web- 2", "source= 1"]),
            (deleted("web", Some(pod("web", "a", "12")), 4), &[]),
            (started(), &[]),
            (done(5), &["db- 2", "new- 2", "source= 2"]),
            (applied("db", "x", "5", 6), &["db+ 3"]),
            (started(), &[]),
            (done(7), &["db- 4", "source= 3"]),
        ],
    );
    check(
        "an old tape again, with times that are equal",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (started(), &[]),
            (done(1), &["web- 2", "source= 1"]),
            (applied("web", "b", "12", 1), &["web+ 3"]),
        ],
    );
    check(
        "torn relists",
        vec![
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (started(), &[]),
            (gap(GapReason::Corrupt, 1), &["source? 1"]),
            (done(2), &[]),
            (started(), &[]),
            (gap(GapReason::WatchLost, 3), &["source? 2"]),
            (done(4), &["web- 2", "source= 3"]),
            (gap(GapReason::WatchLost, 3), &[]),
        ],
    );
    check(
        "checkpoints",
        vec![
            (checkpoint("a"), &[]),
            (applied("web", "a", "9", 0), &["web+ 1"]),
            (checkpoint("b"), &["source. 1"]),
            (checkpoint("c"), &[]),
            (gap(GapReason::SourceDown, 1), &["source? 2"]),
            (checkpoint("b"), &[]),
            (checkpoint("d"), &["source. 3"]),
        ],
    );
}

#[test]
fn an_old_tape_says_nothing_of_what_came_later() {
    let mut first = ingest();
    let tape = || {
        [
            applied("web", "a", "9", 0),
            started(),
            done(1),
            applied("web", "b", "12", 1),
            deleted("web", None, 1),
            applied("web", "c", "15", 1),
        ]
    };
    let appends: Vec<_> = tape().into_iter().flat_map(|o| first.step(o)).collect();
    assert_eq!(shown(&appends), ["web+ 1", "web- 2", "source= 1", "web+ 3", "web- 4", "web+ 5"]);
    let store = MemoryStore::default();
    for append in appends {
        block_on(store.append(vec![append])).unwrap();
    }
    first.commit();
    first.restart();
    let loaded = block_on(Ingest::load("tape", Redactor::new(RedactOptions::new([7; 32])), &store)).unwrap();
    for mut again in [first, loaded] {
        for observation in tape() {
            assert_eq!(shown(&again.step(observation)), [""; 0]);
        }
        // What was told again as it is may go, whatever the clock says.
        assert_eq!(shown(&again.step(deleted("web", None, 0))), ["web- 6"]);
    }
}

#[test]
fn a_relist_misses_only_what_the_source_tells_of() {
    let store = MemoryStore::default();
    let authority = Authority::Manifests("git".into());
    let desired = |name: &str| {
        let object = pod(name, "", "");
        let facet = Facet::Desired(authority.clone());
        Observation::Applied(Applied { facet, ..Applied::live((*object).clone(), "", at(0)) })
    };
    let mut git = Ingest::new("git", Redactor::new(RedactOptions::new([7; 32])));
    let mut appends: Vec<_> = [desired("web"), desired("db")].into_iter().flat_map(|o| git.step(o)).collect();
    assert_eq!(shown(&git.step(desired("web"))), [""; 0], "the same declaration says nothing new");
    let mut watch = ingest();
    appends.extend(watch.step(applied("web", "a", "9", 0)));
    block_on(store.append(appends)).unwrap();

    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    let mut watch = block_on(Ingest::load("tape", redactor.clone(), &store)).unwrap();
    watch.step(started());
    let missed = watch.step(done(9));
    assert_eq!(missed[0].stream, StreamId::live(key("web")));
    assert_eq!(shown(&missed), ["web- 2", "source= 1"], "declared objects are not the watch's");
    let mut git = block_on(Ingest::load("git", redactor, &store)).unwrap();
    git.step(started());
    git.step(desired("db"));
    let missed = git.step(done(9));
    assert_eq!(missed[0].stream, StreamId::Resource(Facet::Desired(authority), key("web")));
    assert_eq!(shown(&missed), ["web- 2", "source= 1"]);
}

#[test]
fn secrets_do_not_reach_the_log() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "resourceVersion": "3"}, "stringData": {"a": "hunter22"}});
    let object = Object::new(Doc::from_value(&secret).unwrap()).unwrap();
    let last = Some(Arc::new(object.clone()));
    let key = object.key();
    let detail = Some(Arc::new(Doc::from_value(&secret).unwrap()));
    let occurrence = Occurrence {
        kind: OccurrenceKind::Audit,
        about: Some(key.clone()),
        at: at(1),
        reason: "update".into(),
        message: "".into(),
        actor: Actor::default(),
        detail,
    };
    let mut ingest = ingest();
    let mut appends = ingest.step(Observation::Applied(Applied::live(object, "", at(0))));
    appends.extend(ingest.step(Observation::Happened(occurrence)));
    let deleted = Deleted { facet: Facet::Live, key, last, observed_at: at(2), actor: Actor::default() };
    appends.extend(ingest.step(Observation::Deleted(deleted)));
    assert_eq!(shown(&appends), ["s+ 1", "s! 2", "s- 3"]);
    assert!(!format!("{appends:?}").contains("hunter22"));
    let EventBody::Applied(object) = &appends[0].events[0].body else { panic!("the object comes first") };
    assert!(is_redacted(object.root().str_at(&["stringData", "a"]).unwrap()));
}

#[test]
fn the_store_in_memory_holds_to_the_contract() {
    block_on(testing::event_store(&MemoryStore::default()));
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    block_on(testing::event_store(&*store));
    block_on(testing::event_store_shared(Arc::new(MemoryStore::default())));
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    block_on(testing::event_store_reopened(&mut || Arc::clone(&store)));
}

/// Runs a tape through an ingest into a store in one go.
fn log_of(said: &[Observation]) -> (MemoryStore, Vec<Event>) {
    let store = MemoryStore::default();
    let source = Script::new("tape", said.to_vec());
    let summary = block_on(run(&source, &store, &mut ingest(), &RunOptions::default(), &mut |_| {})).unwrap();
    let log = block_on(store.read_all_to_end()).unwrap();
    assert_eq!(summary.appended, log.len() as u64);
    assert_eq!(summary.observations, said.len() as u64);
    (store, log)
}

/// What was there at the end, told from the tape alone: a map of JSON.
#[derive(Default, Clone, PartialEq, Debug)]
struct Oracle {
    live: BTreeMap<ResourceKey, Value>,
    gaps: usize,
}

impl Oracle {
    fn of(log: &[Event], until: impl Fn(&Event) -> bool) -> Self {
        let mut oracle = Self::default();
        for event in log.iter().filter(|e| until(e)) {
            match (&event.body, event.stream.key()) {
                (EventBody::Applied(object), Some(key)) => {
                    drop(oracle.live.insert(key.clone(), object.root().to_value()));
                }
                (EventBody::Deleted(_), Some(key)) => drop(oracle.live.remove(key)),
                (EventBody::Gap(_), _) => oracle.gaps += 1,
                _ => {}
            }
        }
        oracle
    }

    fn of_state(state: &State) -> Self {
        let value = |r: &drift_core::replay::Resource| r.object().unwrap().unwrap().root().to_value();
        Self { live: state.live().map(|(k, r)| (k.clone(), value(r))).collect(), gaps: state.gaps().count() }
    }
}

/// What a cluster holds at the end of a tape that tells the truth: versions only, since Secrets are redacted.
fn truth(said: &[Observation]) -> BTreeMap<ResourceKey, u64> {
    let mut live: BTreeMap<ResourceKey, (u64, u64)> = BTreeMap::new();
    let mut newest: BTreeMap<ResourceKey, u64> = BTreeMap::new();
    // When a listing ended that no longer had the object.
    let mut missed: BTreeMap<ResourceKey, Timestamp> = BTreeMap::new();
    let version = |o: &Object| o.resource_version().unwrap().as_str().parse::<u64>().unwrap();
    let mut lists: Vec<(Scope, u64)> = Vec::new();
    for (n, observation) in said.iter().enumerate() {
        let n = n as u64;
        match observation {
            Observation::Applied(a) => {
                let (version, known) = (version(&a.object), newest.entry(a.key.clone()).or_default());
                // The newest version, read from before the listing that missed it, is an old line said twice.
                let is_repeat = version == *known && missed.get(&a.key).is_some_and(|t| a.observed_at <= *t);
                if version >= *known && !is_repeat {
                    *known = version;
                    missed.remove(&a.key);
                    live.insert(a.key.clone(), (version, n));
                } else if let Some((_, seen)) = live.get_mut(&a.key) {
                    *seen = n;
                }
            }
            Observation::Deleted(d) => {
                newest.insert(d.key.clone(), version(d.last.as_ref().unwrap()));
                missed.remove(&d.key);
                live.remove(&d.key);
            }
            Observation::RelistStarted(scope) => lists.push((scope.clone(), n)),
            Observation::RelistDone { scope, observed_at } => {
                let at = lists.iter().position(|(s, _)| s == scope).unwrap();
                let (_, began) = lists.remove(at);
                let is_missed = |key: &ResourceKey, seen: u64| scope.contains(key) && seen < began;
                let gone = live.iter().filter(|(key, (_, seen))| is_missed(key, *seen));
                missed.extend(gone.map(|(key, _)| (key.clone(), *observed_at)));
                live.retain(|key, (_, seen)| !is_missed(key, *seen));
            }
            _ => {}
        }
    }
    live.into_iter().map(|(key, (version, _))| (key, version)).collect()
}

/// The versions that are live at the end of a log.
fn live_versions(log: &[Event]) -> BTreeMap<ResourceKey, u64> {
    let version = |r: &drift_core::replay::Resource| {
        r.object().unwrap().unwrap().resource_version().unwrap().as_str().parse::<u64>().unwrap()
    };
    State::replay(log, Until::End).live().map(|(k, r)| (k.clone(), version(r))).collect()
}

/// Line 188 applies version 489, the listing of lines 195 to 197 misses it, and line 204 is line 188 once more: what was
/// seen before the listing does not bring the object back after it.
#[test]
fn a_line_from_before_a_listing_does_not_undo_it() {
    let said = tape(13_225_736_321_575_775_347, &TapeOptions { observations: 205, resources: 7 });
    assert!(said[204] == said[188] && matches!(said[197], Observation::RelistDone { .. }));
    let Observation::Applied(repeated) = &said[204] else { panic!("line 204 is an object") };
    let live = live_versions(&log_of(&said).1);
    assert!(!live.contains_key(&repeated.key));
    assert_eq!(live, truth(&said));
}

/// Observations that show themselves by the number they are made from.
#[derive(Clone)]
struct Tape(String, Vec<Observation>);

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn tapes() -> impl Strategy<Value = Tape> {
    (any::<u64>(), 1..300usize, 1..12usize).prop_map(|(seed, observations, resources)| {
        let options = TapeOptions { observations, resources };
        Tape(format!("tape({seed}, {options:?})"), tape(seed, &options))
    })
}

/// Fails as it is told to, now and then, and lets another writer in between.
#[derive(Debug)]
struct CheckResult {
    store: MemoryStore,
    dice: std::sync::Mutex<Dice>,
}

#[async_trait::async_trait]
impl EventStore for CheckResult {
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Event>, StoreError> {
        let (roll, other) = {
            let mut dice = self.dice.lock().unwrap();
            (dice.below(4), dice.below(batch.len()))
        };
        if roll == 0 {
            return Err(StoreError::Unavailable { what: "the disk".into(), source: None });
        }
        if roll == 1 {
            // Another program that watches the same cluster was faster, but has not come so far.
            self.store.append(batch[..other].to_vec()).await?;
        }
        self.store.append(batch).await
    }
    fn read(&self, stream: &StreamId, from: Revision) -> BoxStream<'_, Result<Event, StoreError>> {
        self.store.read(stream, from)
    }
    fn read_all(&self, after: Position) -> BoxStream<'_, Result<Event, StoreError>> {
        self.store.read_all(after)
    }
    async fn head(&self, stream: &StreamId, until: Option<Position>) -> Result<Option<Event>, StoreError> {
        self.store.head(stream, until).await
    }
    async fn streams(&self) -> Result<Vec<StreamId>, StoreError> {
        self.store.streams().await
    }
    async fn last_position(&self) -> Result<Position, StoreError> {
        self.store.last_position().await
    }
}

/// Every fact in a log, in an order that does not depend on who was faster.
fn facts(log: &[Event]) -> Vec<String> {
    let facts = log.iter().filter(|e| e.body != EventBody::Checkpoint);
    let mut facts: Vec<_> = facts.map(|e| format!("{} {} {:?}", e.stream, e.observed_at, e.body)).collect();
    facts.sort();
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_tape_holds_to_the_contract_of_sources(Tape(_, said) in tapes()) {
        // Twice appends nothing; cut at any checkpoint and resumed, the log is the same.
        block_on(testing::source(&Script::new("tape", said)));
    }

    #[test]
    fn what_is_live_in_the_end_is_what_the_tape_says(Tape(_, said) in tapes()) {
        let (_, log) = log_of(&said);
        prop_assert_eq!(live_versions(&log), truth(&said));
    }

    #[test]
    fn a_history_has_the_conflicts_of_its_versions(Tape(_, said) in tapes(), fresh in 0..40usize) {
        let (_, log) = log_of(&said);
        let mut store = VersionStore::default();
        for event in &log {
            store.apply(event);
            store.pack_all_but(fresh);
        }
        let history = History::as_of(&Arc::new(store), Until::End);
        for key in history.keys() {
            let versions: Vec<Version> = history.versions(key).iter().map(Version::from).collect();
            prop_assert_eq!(find_conflicts_in_history(&history, key, None), find_conflicts(key, &versions, None));
        }
    }

    #[test]
    fn a_history_at_a_moment_is_that_of_the_events_until_then(Tape(_, said) in tapes(), cut in any::<prop::sample::Index>()) {
        let (_, log) = log_of(&said);
        prop_assume!(!log.is_empty());
        let mut store = VersionStore::default();
        log.iter().for_each(|event| store.apply(event));
        let store = Arc::new(store);
        let cut = &log[cut.index(log.len())];
        for until in [Until::Position(cut.position), Until::Time(cut.observed_at)] {
            let (one, other) = (History::as_of(&store, until), History::from_events(&log, until));
            let state = State::replay(&log, until);
            prop_assert!(one.keys().eq(other.keys()));
            for key in one.keys() {
                let ids = |h: &History| h.versions(key).iter().map(|v| v.id).collect::<Vec<_>>();
                prop_assert_eq!(ids(&one), ids(&other));
                let newest = state.get(&StreamId::live(key.clone())).unwrap().object().unwrap();
                prop_assert_eq!(one.now(key), newest.as_ref());
            }
        }
    }

    #[test]
    fn single_steps_and_batches_make_the_same_log(Tape(_, said) in tapes()) {
        let (_, log) = log_of(&said);
        let (store, mut ingest) = (MemoryStore::default(), ingest());
        for append in said.into_iter().flat_map(|o| ingest.step(o)) {
            block_on(store.append(vec![append])).unwrap();
        }
        prop_assert!(block_on(store.read_all_to_end()).unwrap() == log);
    }

    #[test]
    fn trouble_loses_nothing_and_doubles_nothing(Tape(_, said) in tapes(), seed in any::<u64>()) {
        let (_, log) = log_of(&said);
        let store = CheckResult { store: MemoryStore::default(), dice: std::sync::Mutex::new(Dice::new(seed)) };
        let source = Script::new("tape", said);
        let options = RunOptions { max_observations: 1 + seed as usize % 20, ..RunOptions::default() };
        let mut ingest = ingest();
        let mut tries = 0;
        while let Err(error) = block_on(run(&source, &store, &mut ingest, &options, &mut |_| {})) {
            prop_assert!(matches!(error, StoreError::Unavailable { .. }), "{}", error);
            tries += 1;
            if tries % 3 == 0 {
                // The program was started anew.
                let redactor = Redactor::new(RedactOptions::new([7; 32]));
                ingest = block_on(Ingest::load("tape", redactor, &store)).unwrap();
            }
            prop_assume!(tries < 400);
        }
        let (one, other) = (facts(&block_on(store.read_all_to_end()).unwrap()), facts(&log));
        let more: Vec<_> = one.iter().filter(|f| !other.contains(f)).collect();
        let twice: Vec<_> = one.windows(2).filter(|w| w[0] == w[1]).map(|w| &w[0]).collect();
        let less: Vec<_> = other.iter().filter(|f| !one.contains(f)).collect();
        prop_assert!(one == other, "made up: {:#?}, lost: {:#?}, doubled: {:#?}", more, less, twice);
    }

    #[test]
    fn replay_to_n_and_on_is_replay_to_the_end(Tape(_, said) in tapes(), cut in any::<prop::sample::Index>(), settle in any::<bool>()) {
        let (store, log) = log_of(&said);
        prop_assume!(!log.is_empty());
        let n = cut.index(log.len());
        let mut state = State::replay(&log, Until::Position(log[n].position));
        prop_assert_eq!(Oracle::of_state(&state), Oracle::of(&log[..=n], |_| true));
        let loaded = block_on(State::load(&store, Until::Position(log[n].position))).unwrap();
        prop_assert_eq!(Oracle::of_state(&loaded), Oracle::of_state(&state));
        prop_assert_eq!(loaded.position(), log[n].position);
        if settle {
            state.settle();
        }
        log[n + 1..].iter().for_each(|e| state.apply(e));
        prop_assert_eq!(Oracle::of_state(&state), Oracle::of(&log, |_| true));
        let time = log[n].observed_at;
        let then = block_on(State::load(&store, Until::Time(time))).unwrap();
        prop_assert_eq!(Oracle::of_state(&then), Oracle::of(&log, |e| e.observed_at <= time));
    }

    #[test]
    fn one_resource_at_a_time_is_what_the_whole_state_says(Tape(_, said) in tapes(), cut in any::<prop::sample::Index>()) {
        let (store, log) = log_of(&said);
        prop_assume!(!log.is_empty());
        let time = log[cut.index(log.len())].observed_at;
        let state = block_on(State::load(&store, Until::Time(time))).unwrap();
        for stream in block_on(store.streams()).unwrap() {
            let event = block_on(event_at(&store, &stream, time)).unwrap();
            prop_assert_eq!(event.map(|e| e.revision), state.get(&stream).map(|r| r.revision));
        }
    }
}

#[test]
fn one_resource_is_found_in_a_long_stream() {
    let mut said = Vec::new();
    for n in 0..3000 {
        // Times go back a little now and then, and most of what happens is no change.
        let second = n * 10 - if n % 7 == 0 { 35 } else { 0 };
        match n % 100 {
            0 => said.push(applied("web", "a", &(n + 1).to_string(), second)),
            50 => said.push(deleted("web", Some(pod("web", "a", &(n + 1).to_string())), second)),
            _ => said.push(Observation::Happened(Occurrence {
                kind: OccurrenceKind::KubernetesEvent,
                about: Some(key("web")),
                at: at(second),
                reason: "Pulled".into(),
                message: n.to_string().into(),
                actor: Actor::default(),
                detail: None,
            })),
        }
    }
    let (store, log) = log_of(&said);
    let stream = StreamId::live(key("web"));
    for second in (-100..30_100).step_by(123) {
        let tells = |e: &&Event| matches!(e.body, EventBody::Applied(_) | EventBody::Deleted(_));
        let expect = log.iter().filter(tells).rfind(|e| e.observed_at <= at(second));
        let found = block_on(event_at(&store, &stream, at(second))).unwrap();
        assert_eq!(found.map(|e| e.revision), expect.map(|e| e.revision), "second {second}");
    }
}

#[test]
fn appends_are_told_and_source_errors_too() {
    let mut told = (0, 0);
    let source = Script::new("tape", vec![applied("web", "a", "9", 0), applied("web", "a", "10", 0)]);
    let store = MemoryStore::default();
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Appended(events) => told.0 += events.len(),
        Progress::SourceFailed(_) => told.1 += 1,
        _ => {}
    };
    block_on(run(&source, &store, &mut ingest(), &RunOptions::default(), &mut progress)).unwrap();
    let broken = Script::new("tape", Vec::new());
    let mut stale = ingest();
    block_on(store.append(stale.step(gap(GapReason::SourceDown, 0)))).unwrap();
    block_on(store.append(stale.step(checkpoint("lost")))).unwrap();
    stale.commit();
    let summary = block_on(run(&broken, &store, &mut stale, &RunOptions::default(), &mut progress)).unwrap();
    assert_eq!((told, summary.errors), ((2, 1), 1));
}
