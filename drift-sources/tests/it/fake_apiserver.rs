//! An API server in this process: versions, history, compaction, pages, bookmarks, and faults by script.

mod serve;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use drift_core::ResourceKey;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::ledger::Version;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A watch or a list is answered with this status, `Retry-After` and message.
    Status(u16, Option<u64>, &'static str),
    /// As `Status`, with the cause that says a version is from the future.
    TooLargeVersion,
    /// After so many events the connection ends in the middle of a line.
    CutMidLine(usize),
    /// After so many events an ERROR event with this code.
    ErrorEvent(usize, u16),
    /// After so many events a line of garbage.
    Garbage(usize),
    /// After so many events a line of so many bytes.
    HugeLine(usize, usize),
    /// After so many events one of another kind.
    WrongKind(usize),
    /// Each event comes twice.
    Twice,
    /// After so many events the first one comes again, with a version it never had.
    Backwards(usize),
    /// After so many events one is left out.
    LeaveOut(usize),
    /// Bytes come one at a time.
    Trickle,
    /// There is no answer.
    Silence,
    /// A page of a list ends in its middle.
    CutPage,
}

#[derive(Debug)]
struct HistoryEntry {
    version: u64,
    kind: &'static str,
    object: Value,
}

#[derive(Debug)]
struct FakeKind {
    group: String,
    version: String,
    kind: String,
    plural: String,
    objects: BTreeMap<(String, String), Value>,
    history: Vec<HistoryEntry>,
    /// Version of the last change that a compaction took out of the history.
    forgotten: u64,
    list_faults: VecDeque<Fault>,
    watch_faults: VecDeque<Fault>,
    denied: bool,
}

#[derive(Debug, Default)]
struct World {
    version: u64,
    compacted: u64,
    kinds: BTreeMap<String, FakeKind>,
    produced: Vec<Version>,
    tokens: BTreeMap<String, (u64, Vec<Value>)>,
    down: bool,
    streaming_lists: bool,
    aggregated: bool,
    broken_groups: BTreeSet<String>,
    bookmarks: u64,
    requests: BTreeMap<String, usize>,
}

/// A handle to the server.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    world: Arc<Mutex<World>>,
    /// Moves when something happens that watches want to know.
    moved: watch::Sender<u64>,
    /// Moves when all connections end.
    epoch: watch::Sender<u64>,
    pub(crate) address: std::net::SocketAddr,
}

impl Fake {
    /// Starts a server that serves the named kinds, such as `v1/ConfigMap/configmaps` or `apps/v1/Deployment/deployments`.
    pub(crate) async fn start(kinds: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = World { version: 10, streaming_lists: true, aggregated: true, ..World::default() };
        let fake = Self {
            world: Arc::new(Mutex::new(world)),
            moved: watch::channel(0).0,
            epoch: watch::channel(0).0,
            address: listener.local_addr().unwrap(),
        };
        kinds.iter().for_each(|kind| fake.serve_kind(kind));
        tokio::spawn(serve::accept(listener, fake.clone()));
        fake
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn notify(&self) {
        self.moved.send_modify(|n| *n += 1);
    }

    pub(crate) fn client(&self) -> kube::Client {
        let mut config = kube::Config::new(format!("http://{}", self.address).parse().unwrap());
        config.default_retry = false;
        kube::Client::try_from(config).unwrap()
    }

    pub(crate) fn serve_kind(&self, name: &str) {
        let parts: Vec<_> = name.split('/').collect();
        let (group, rest) = if parts.len() == 4 { (parts[0], &parts[1..]) } else { ("", &parts[..]) };
        let kind = FakeKind {
            group: group.to_owned(),
            version: rest[0].to_owned(),
            kind: rest[1].to_owned(),
            plural: rest[2].to_owned(),
            objects: BTreeMap::new(),
            history: Vec::new(),
            forgotten: 0,
            list_faults: VecDeque::new(),
            watch_faults: VecDeque::new(),
            denied: false,
        };
        self.world().kinds.insert(rest[2].to_owned(), kind);
        self.notify();
    }

    /// The kind is served no longer; its watches end.
    pub(crate) fn drop_kind(&self, plural: &str) {
        self.world().kinds.remove(plural);
        self.notify();
    }

    pub(crate) fn serve_under_version(&self, plural: &str, version: &str) {
        self.world().kinds.get_mut(plural).unwrap().version = version.to_owned();
        self.epoch.send_modify(|n| *n += 1);
    }

    /// Creates or changes an object; returns its version.
    pub(crate) fn put(&self, plural: &str, name: &str, data: &Value) -> u64 {
        let version = {
            let world = &mut *self.world();
            world.version += 1;
            let kind = world.kinds.get_mut(plural).unwrap();
            let api_version = if kind.group.is_empty() {
                kind.version.clone()
            } else {
                format!("{}/{}", kind.group, kind.version)
            };
            let slot = ("x".to_owned(), name.to_owned());
            let old = kind.objects.get(&slot).map(|o| o["metadata"]["uid"].clone());
            let uid = old.clone().unwrap_or_else(|| json!(format!("u{}", world.version)));
            let mut object = json!({
                "apiVersion": api_version, "kind": kind.kind,
                "metadata": {"name": name, "namespace": "x", "uid": uid, "resourceVersion": world.version.to_string()},
            });
            for (key, value) in data.as_object().into_iter().flatten() {
                object[key] = value.clone();
            }
            let key = ResourceKey::new(&kind.group, &kind.kind, "x", name);
            kind.objects.insert(slot, object.clone());
            let entry = HistoryEntry {
                version: world.version,
                kind: if old.is_some() { "MODIFIED" } else { "ADDED" },
                object,
            };
            kind.history.push(entry);
            world.produced.push(Version { key, version: world.version, deleted: false });
            world.version
        };
        self.notify();
        version
    }

    pub(crate) fn delete(&self, plural: &str, name: &str) {
        {
            let world = &mut *self.world();
            world.version += 1;
            let kind = world.kinds.get_mut(plural).unwrap();
            let Some(mut object) = kind.objects.remove(&("x".to_owned(), name.to_owned())) else { return };
            object["metadata"]["resourceVersion"] = json!(world.version.to_string());
            let key = ResourceKey::new(&kind.group, &kind.kind, "x", name);
            kind.history.push(HistoryEntry { version: world.version, kind: "DELETED", object });
            world.produced.push(Version { key, version: world.version, deleted: true });
        }
        self.notify();
    }

    /// Forgets the history up to now and all pages that are still to come.
    pub(crate) fn compact(&self) {
        let mut world = self.world();
        world.compacted = world.version;
        world.tokens.clear();
        let compacted = world.compacted;
        for kind in world.kinds.values_mut() {
            kind.forgotten = kind.history.last().map_or(kind.forgotten, |e| e.version);
            kind.history.retain(|e| e.version > compacted);
        }
    }

    /// Ends all connections and takes none until [`Fake::up`].
    pub(crate) fn down(&self) {
        self.world().down = true;
        self.epoch.send_modify(|n| *n += 1);
    }

    pub(crate) fn up(&self) {
        self.world().down = false;
    }

    /// A backup from some versions ago is restored: versions go back and are given out again.
    pub(crate) fn restore(&self, versions_ago: u64) {
        {
            let mut world = self.world();
            world.version -= versions_ago;
            let version = world.version;
            world.produced.retain(|v| v.version <= version);
            for kind in world.kinds.values_mut() {
                kind.history.retain(|e| e.version <= version);
                kind.objects.clear();
                for entry in &kind.history {
                    let meta = &entry.object["metadata"];
                    let text = |key: &str| meta[key].as_str().unwrap().to_owned();
                    let slot = (text("namespace"), text("name"));
                    match entry.kind {
                        "DELETED" => drop(kind.objects.remove(&slot)),
                        _ => drop(kind.objects.insert(slot, entry.object.clone())),
                    }
                }
            }
        }
        self.epoch.send_modify(|n| *n += 1);
    }

    /// Sends a bookmark on all watches that want them.
    pub(crate) fn bookmark(&self) {
        self.world().bookmarks += 1;
        self.notify();
    }

    pub(crate) fn next_watch(&self, plural: &str, fault: Fault) {
        self.world().kinds.get_mut(plural).unwrap().watch_faults.push_back(fault);
    }

    pub(crate) fn next_list(&self, plural: &str, fault: Fault) {
        self.world().kinds.get_mut(plural).unwrap().list_faults.push_back(fault);
    }

    /// Ends all connections, so that faults of watches come into play.
    pub(crate) fn cut(&self) {
        self.epoch.send_modify(|n| *n += 1);
    }

    pub(crate) fn deny(&self, plural: &str, denied: bool) {
        self.world().kinds.get_mut(plural).unwrap().denied = denied;
    }

    pub(crate) fn without_streaming_lists(&self) {
        self.world().streaming_lists = false;
    }

    pub(crate) fn without_aggregated_discovery(&self) {
        self.world().aggregated = false;
    }

    pub(crate) fn break_group(&self, group: &str) {
        self.world().broken_groups.insert(group.to_owned());
    }

    pub(crate) fn produced(&self) -> Vec<Version> {
        self.world().produced.clone()
    }

    /// Tells how many faults have not yet come into play.
    pub(crate) fn faults_left(&self) -> usize {
        self.world().kinds.values().map(|k| k.list_faults.len() + k.watch_faults.len()).sum()
    }

    /// Tells how many requests there were of a sort: `list`, `stream`, `watch`.
    pub(crate) fn requests(&self, sort: &str) -> usize {
        self.world().requests.get(sort).copied().unwrap_or_default()
    }

    /// Returns all objects that are there, with their versions; those of denied kinds and of Events are left out.
    pub(crate) fn there(&self) -> BTreeMap<ResourceKey, u64> {
        let world = self.world();
        let seen = world.kinds.values().filter(|kind| !kind.denied && kind.kind != "Event");
        seen.flat_map(|kind| {
            kind.objects.iter().map(|((namespace, name), object)| {
                let version = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                (ResourceKey::new(&kind.group, &kind.kind, namespace, name), version)
            })
        })
        .collect()
    }
}
