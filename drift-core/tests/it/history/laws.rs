//! Laws of tapes of any kind, against an oracle that knows nothing of ingest and replay.

use super::*;

/// Runs a tape through an ingest into a store in one go.
pub(super) fn log_of(said: &[Observation]) -> (MemoryStore, Vec<Event>) {
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
