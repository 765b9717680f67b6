//! What evidence is weighed by: changes with their words, who mentions whom, who complained and when. Fed event by event.
//!
//! Only what somebody wants of an object is taken apart into words, and only where it changed; of a status only complaints
//! are kept, and since when a pod was ready. Everything has its place in the log, so that a question as of a moment sees
//! what was known then.

mod change_words;
mod readers;
mod reading;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{EventId, LogPosition};
use crate::history::{Moment, ResourceOp, StoredVersion, VersionStore, source_revision};
use crate::k8s::status::is_pod_ready;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use change_words::{change_words, general_path};

use super::complaint::{Complaint, SaidComplaint, complaints_of};
use super::leaves::{LeafChange, LeafPath, Leaves, desired_leaves, leaf_changes};
use super::mentions::{Mention, mentions_in, values_in};
use super::pods::exclusive_value;
use super::selectors::{selectors_in, template_labels_in};
use super::words::{blanked, kind_words, words_in};

/// Most changed leaves of one change that are kept.
const MAX_LEAF_CHANGES: usize = 400;
/// Most mentions that one resource has.
const MAX_MENTIONS: usize = 400;
/// Most complaints of one resource that are kept; later ones are dropped.
const MAX_COMPLAINTS: usize = 2000;

/// A number for a word, in the order in which words came.
pub(super) type WordId = u32;
/// A number for a resource, in the order in which they came.
pub(super) type ResourceId = u32;
/// A number for a change, in the order of the log.
pub(super) type ChangeId = u32;

/// Words, paths and names by number.
#[derive(Clone, Debug, Default)]
struct WordList {
    ids: HashMap<Arc<str>, WordId>,
    words: Vec<Arc<str>>,
}

impl WordList {
    fn id(&mut self, word: &str) -> WordId {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let id = WordId::try_from(self.words.len()).expect("fewer than 2³² words fit in memory");
        let word: Arc<str> = word.into();
        self.words.push(Arc::clone(&word));
        self.ids.insert(word, id);
        id
    }
}

/// A change of what somebody wants of a resource.
#[derive(Clone, Debug)]
pub(super) struct ChangeCard {
    pub(super) id: EventId,
    pub(super) resource: ResourceId,
    pub(super) mark: Moment,
    pub(super) op: ResourceOp,
    /// Whether the resource had been there before, was deleted, and is made again.
    pub(super) is_again: bool,
    pub(super) leaves: Box<[LeafChange]>,
    /// Words of the change with how much each tells, sorted by word.
    pub(super) words: Box<[(WordId, f32)]>,
    /// The changed paths without list keys, by which routine is known.
    pub(super) paths: Box<[WordId]>,
    pub(super) manager: Option<Arc<str>>,
    pub(super) user: Option<Arc<str>>,
    /// Whether the resource has an owner that controls it.
    pub(super) is_owned: bool,
    /// What a node newly says is wrong with it: its status is the only change.
    pub(super) reported: Box<[Complaint]>,
}

/// What is new in a version.
struct NewChange {
    op: ResourceOp,
    is_again: bool,
    leaves: Vec<LeafChange>,
    manager: Option<Arc<str>>,
    reported: Box<[Complaint]>,
}

impl NewChange {
    fn of(op: ResourceOp, leaves: Vec<LeafChange>) -> Self {
        Self { op, is_again: false, leaves, manager: None, reported: Box::default() }
    }
}

/// When a resource came and went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifeStep {
    /// It was there when it was first looked at.
    Seen,
    /// It was created.
    Born,
    /// It was deleted.
    Gone,
}

/// What is known of a resource besides its versions.
#[derive(Clone, Debug)]
pub(super) struct ResourceCard {
    pub(super) key: ResourceKey,
    pub(super) name_words: Box<[WordId]>,
    pub(super) lives: Vec<(Moment, LifeStep)>,
    pub(super) changes: Vec<ChangeId>,
    pub(super) complaints: Vec<SaidComplaint>,
    /// What it complains of in its newest version.
    current: Vec<Complaint>,
    /// Other resources that its desired state names.
    pub(super) mentions: Vec<(Mention, LogPosition)>,
    /// Values with a dot that it holds, such as host names.
    pub(super) values: Vec<(WordId, LogPosition)>,
    /// Its labels and those of its pod template, as `key=value` and as `key`, sorted, each time they became others.
    pub(super) labels: Vec<(Box<[WordId]>, LogPosition)>,
    /// Labels that it selects others by.
    pub(super) selectors: Vec<(Box<[WordId]>, LogPosition)>,
    /// Of a pod when it became ready and when it was ready no more.
    pub(super) ready: Vec<(Moment, bool)>,
    /// Managers that write its status.
    pub(super) status_writers: Vec<(Arc<str>, LogPosition)>,
    pub(super) is_owned: bool,
}

/// Who is found by a word, and since when.
type Holders = HashMap<WordId, Known>;

/// Resources, each with since when it is known.
type Known = Vec<(ResourceId, LogPosition)>;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::cause) struct EvidenceIndex {
    words: WordList,
    ids: HashMap<ResourceKey, ResourceId>,
    resources: Vec<ResourceCard>,
    changes: Vec<ChangeCard>,
    by_name: Holders,
    /// By name and namespace, for names that many have.
    by_place: HashMap<WordId, HashMap<Arc<str>, Known>>,
    mentioning: HashMap<WordId, Vec<(ResourceId, u32)>>,
    labelled: Holders,
    selecting: Holders,
    by_value: Holders,
    by_address: Holders,
    wanting: Holders,
    complaining: HashMap<u64, Vec<(ResourceId, Moment)>>,
    path_changes: HashMap<WordId, Vec<ChangeId>>,
    status_writers: BTreeMap<Arc<str>, LogPosition>,
    /// Changes by the words that they hold.
    worded: HashMap<WordId, Vec<ChangeId>>,
    /// Changes by namespace.
    within: HashMap<Arc<str>, Vec<ChangeId>>,
    /// API groups that are no part of Kubernetes.
    groups: BTreeMap<Arc<str>, LogPosition>,
    /// Names of what runs, and of namespaces: labels and annotations of their domains are read.
    runners: HashMap<Box<str>, LogPosition>,
    start: Option<Timestamp>,
}

impl EvidenceIndex {
    /// Makes the index of versions that are held already.
    pub(in crate::cause) fn of(versions: &VersionStore) -> Self {
        let mut index = Self::default();
        let mut taken: HashMap<&ResourceKey, usize> = HashMap::new();
        for (key, _) in versions.in_order() {
            let n = taken.entry(key).or_default();
            index.take(versions, key, *n);
            *n += 1;
        }
        index
    }

    /// Takes the newest version of a resource, after the store of versions has it.
    pub(in crate::cause) fn apply(&mut self, versions: &VersionStore, key: &ResourceKey) {
        if let Some(count) = versions.versions_of(key).map(|(_, stored)| stored.len()).filter(|n| *n > 0) {
            self.take(versions, key, count - 1);
        }
    }

    fn take(&mut self, versions: &VersionStore, key: &ResourceKey, n: usize) {
        self.start = versions.start().map(|at| at.time);
        if reports_on_others(key) {
            return;
        }
        let Some((_, stored)) = versions.versions_of(key) else { return };
        let (before, version) = (n.checked_sub(1).map(|b| &stored[b]), &stored[n]);
        let id = self.resource_id(key);
        if version.is_deletion {
            self.take_deletion(id, before, version);
        } else if let Some(object) = version.object() {
            self.take_version(id, before, version, &object);
        }
    }

    fn resource_id(&mut self, key: &ResourceKey) -> ResourceId {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = ResourceId::try_from(self.resources.len()).expect("fewer than 2³² resources fit in memory");
        let name_words = words_in(&key.name).iter().map(|w| self.words.id(w)).collect();
        kind_words(key).0.iter().for_each(|w| {
            self.words.id(w);
        });
        self.ids.insert(key.clone(), id);
        self.resources.push(ResourceCard {
            key: key.clone(),
            name_words,
            lives: Vec::new(),
            changes: Vec::new(),
            complaints: Vec::new(),
            current: Vec::new(),
            mentions: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
            selectors: Vec::new(),
            ready: Vec::new(),
            status_writers: Vec::new(),
            is_owned: false,
        });
        id
    }

    fn take_version(
        &mut self,
        id: ResourceId,
        before: Option<&StoredVersion>,
        version: &StoredVersion,
        object: &Object,
    ) {
        let at = version.at;
        let first = self.resources[id as usize].lives.is_empty();
        let was_gone = before.is_none_or(|b| b.is_deletion);
        if first {
            self.take_readers(id, object, at);
            let name = self.words.id(&self.resources[id as usize].key.name.to_ascii_lowercase());
            self.by_name.entry(name).or_default().push((id, at));
            let namespace = Arc::clone(&self.resources[id as usize].key.namespace);
            self.by_place.entry(name).or_default().entry(namespace).or_default().push((id, at));
        }
        if was_gone {
            let step = if first && self.was_there(object) { LifeStep::Seen } else { LifeStep::Born };
            self.resources[id as usize].lives.push((version.mark(), step));
            self.resources[id as usize].is_owned = has_controller(object);
        }
        let known = self.changes.len();
        if was_gone || version.changes_spec {
            self.take_desired(id, before.filter(|b| !b.is_deletion), version, object);
        }
        self.take_status(id, version, object, self.changes.len() > known);
    }

    /// Returns `true` if an object that is seen for the first time was there before the log began.
    fn was_there(&self, object: &Object) -> bool {
        let created = object
            .root()
            .str_at(&["metadata", "creationTimestamp"])
            .and_then(|t| t.parse::<Timestamp>().ok());
        created.zip(self.start).is_none_or(|(c, start)| c.as_second() < start.as_second())
    }

    fn take_desired(
        &mut self,
        id: ResourceId,
        before: Option<&StoredVersion>,
        version: &StoredVersion,
        object: &Object,
    ) {
        let at = version.at;
        let leaves = |o: &Object| with_revision(desired_leaves(o), &self.resources[id as usize].key, o);
        let after = leaves(object);
        let old_object = before.and_then(StoredVersion::object);
        let old = old_object.as_deref().map(leaves).unwrap_or_default();
        let is_new = |path: &LeafPath, value: &String| old.get(path) != Some(value);
        self.take_relations(id, object, &after, is_new, at);
        let card = &self.resources[id as usize];
        let (step, lived_before) = (card.lives.last().map(|l| l.1), card.lives.len() > 1);
        let is_owned = card.is_owned;
        let derived = is_owned && is_made_for_others(&card.key);
        let mut changed = None;
        match (&old_object, step) {
            (None, Some(LifeStep::Born)) if !derived => {
                let base = if lived_before { self.last_leaves_before(id) } else { Leaves::new() };
                changed = Some((ResourceOp::Create, leaf_changes(&base, &after, MAX_LEAF_CHANGES)));
            }
            (Some(old_object), _) => {
                let marked = |o: &Object| o.root().at(&["metadata", "deletionTimestamp"]).is_some();
                let leaves = leaf_changes(&old, &after, MAX_LEAF_CHANGES);
                if marked(object) && !marked(old_object) {
                    changed =
                        Some((ResourceOp::Delete, leaf_changes(&old, &Leaves::new(), MAX_LEAF_CHANGES)));
                } else if !leaves.is_empty() && !derived {
                    changed = Some((ResourceOp::Update, leaves));
                }
            }
            _ => {}
        }
        if let Some((op, leaves)) = changed {
            let manager = if op == ResourceOp::Delete { None } else { writer(old_object.as_deref(), object) };
            let is_again = op == ResourceOp::Create && lived_before;
            self.add_change(
                id,
                version,
                NewChange { op, is_again, leaves, manager, reported: Box::default() },
            );
        }
    }

    /// Returns the leaves that a resource had when it was deleted, as the change of its end holds them.
    fn last_leaves_before(&self, id: ResourceId) -> Leaves {
        let deletions = self.resources[id as usize].changes.iter().rev();
        let last = deletions.map(|c| &self.changes[*c as usize]).find(|c| c.op == ResourceOp::Delete);
        let leaves = last.into_iter().flat_map(|c| c.leaves.iter());
        leaves.filter_map(|l| Some((l.path.clone(), l.before.as_deref()?.to_owned()))).collect()
    }

    fn take_deletion(&mut self, id: ResourceId, before: Option<&StoredVersion>, version: &StoredVersion) {
        let old = before.filter(|b| !b.is_deletion).and_then(StoredVersion::object);
        let card = &mut self.resources[id as usize];
        if card.lives.last().is_none_or(|l| l.1 == LifeStep::Gone) {
            return;
        }
        card.lives.push((version.mark(), LifeStep::Gone));
        card.current.clear();
        if card.ready.last().is_some_and(|r| r.1) {
            card.ready.push((version.mark(), false));
        }
        let is_marked =
            old.as_ref().is_some_and(|o| o.root().at(&["metadata", "deletionTimestamp"]).is_some());
        let is_derived = card.is_owned && is_made_for_others(&card.key);
        if let Some(old) = old.filter(|_| !is_marked && !is_derived) {
            let leaves = leaf_changes(&desired_leaves(&old), &Leaves::new(), MAX_LEAF_CHANGES);
            self.add_change(id, version, NewChange::of(ResourceOp::Delete, leaves));
        }
    }

    fn add_change(&mut self, id: ResourceId, version: &StoredVersion, new: NewChange) {
        let NewChange { op, is_again, leaves, manager, reported } = new;
        let number = ChangeId::try_from(self.changes.len()).expect("fewer than 2³² changes fit in memory");
        let mut words: BTreeMap<WordId, f32> = BTreeMap::new();
        for (word, weight) in change_words(&leaves, op, is_again) {
            let word = self.words.id(&word);
            let w = words.entry(word).or_default();
            *w = w.max(weight);
        }
        let kind = Arc::clone(&self.resources[id as usize].key.kind);
        let paths: BTreeSet<String> = leaves.iter().map(|l| general_path(&kind, l)).collect();
        let paths: Box<[WordId]> = paths.iter().map(|p| self.words.id(p)).collect();
        for path in &paths {
            self.path_changes.entry(*path).or_default().push(number);
        }
        for (word, weight) in &words {
            if *weight >= 0.5 {
                self.worded.entry(*word).or_default().push(number);
            }
        }
        let namespace = Arc::clone(&self.resources[id as usize].key.namespace);
        self.within.entry(namespace).or_default().push(number);
        self.resources[id as usize].changes.push(number);
        self.changes.push(ChangeCard {
            id: version.id,
            resource: id,
            mark: version.mark(),
            op,
            is_again,
            leaves: leaves.into(),
            words: words.into_iter().collect(),
            paths,
            manager,
            user: version.user.clone(),
            is_owned: self.resources[id as usize].is_owned,
            reported,
        });
    }

    /// Takes whom an object names, selects and is selected by; only what is new in it is looked at.
    fn take_relations(
        &mut self,
        id: ResourceId,
        object: &Object,
        leaves: &Leaves,
        is_new: impl Fn(&LeafPath, &String) -> bool,
        at: LogPosition,
    ) {
        let key = self.resources[id as usize].key.clone();
        let root = object.root();
        let labels = root.at(&["metadata", "labels"]).into_iter().flat_map(Node::children);
        let labels = labels.filter_map(|l| Some(format!("{}={}", l.key(), l.as_str()?)));
        let mut all: BTreeSet<WordId> = BTreeSet::new();
        for label in labels.chain(template_labels_in(root)) {
            all.insert(self.words.id(label.split('=').next().unwrap_or_default()));
            all.insert(self.words.id(&label));
        }
        let labels = all;
        let known = self.resources[id as usize].labels.last();
        if known.map_or(!labels.is_empty(), |(known, _)| known.iter().ne(&labels)) {
            labels.iter().for_each(|label| hold(&mut self.labelled, *label, id, at));
            self.resources[id as usize].labels.push((labels.into_iter().collect(), at));
        }
        if let Some(uid) = root.str_at(&["metadata", "uid"]) {
            let word = self.words.id(uid);
            hold(&mut self.by_address, word, id, at);
        }
        if let Some(address) = root.str_at(&["spec", "clusterIP"]).filter(|a| *a != "None") {
            let word = self.words.id(address);
            hold(&mut self.by_address, word, id, at);
        }
        if is_made_for_others(&key) || &*key.kind == "CustomResourceDefinition" || &*key.kind == "APIService"
        {
            return;
        }
        let selectors = selectors_in(root);
        for key in &selectors.keys {
            let word = self.words.id(key);
            hold(&mut self.selecting, word, id, at);
        }
        for selector in selectors.labels {
            let words: Box<[WordId]> = selector.iter().map(|l| self.words.id(l)).collect();
            let card = &mut self.resources[id as usize];
            if !words.is_empty() && card.selectors.iter().all(|(s, _)| *s != words) {
                for word in &words {
                    hold(&mut self.selecting, *word, id, at);
                }
                self.resources[id as usize].selectors.push((words, at));
            }
        }
        for found in mentions_in(&key, leaves, &is_new) {
            let mention = found.interned(&mut |word| self.words.id(word));
            let card = &mut self.resources[id as usize];
            if card.mentions.len() < MAX_MENTIONS && card.mentions.iter().all(|(m, _)| *m != mention) {
                let number = u32::try_from(card.mentions.len()).unwrap_or(u32::MAX);
                self.mentioning.entry(mention.word).or_default().push((id, number));
                card.mentions.push((mention, at));
            }
        }
        if &*key.kind != "Job" {
            for (path, value) in leaves.iter().filter(|(p, v)| is_new(p, v)) {
                if let Some(value) =
                    exclusive_value(path, value).filter(|_| path.first().is_some_and(|p| &**p != "metadata"))
                {
                    let word = self.words.id(&value);
                    hold(&mut self.wanting, word, id, at);
                }
            }
        }
        for value in values_in(leaves, &is_new) {
            let word = self.words.id(&value);
            let card = &mut self.resources[id as usize];
            if card.values.len() < MAX_MENTIONS && card.values.iter().all(|(v, _)| *v != word) {
                card.values.push((word, at));
                self.by_value.entry(word).or_default().push((id, at));
            }
        }
    }

    fn take_status(
        &mut self,
        id: ResourceId,
        version: &StoredVersion,
        object: &Object,
        desired_differs: bool,
    ) {
        self.take_status_writers(id, object, version.at);
        let is_pod = matches!(self.resources[id as usize].key.group_kind(), ("", "Pod"));
        if is_pod {
            let is_ready =
                is_pod_ready(object.root()) && object.root().at(&["metadata", "deletionTimestamp"]).is_none();
            let card = &mut self.resources[id as usize];
            if card.ready.last().map_or(is_ready, |(_, last)| *last != is_ready) {
                card.ready.push((version.mark(), is_ready));
            }
            if let Some(address) = object.root().str_at(&["status", "podIP"]) {
                let word = self.words.id(address);
                hold(&mut self.by_address, word, id, version.at);
            }
        }
        let complaints = complaints_of(object);
        let card = &mut self.resources[id as usize];
        if complaints == card.current {
            return;
        }
        let new: Vec<Complaint> =
            complaints.iter().filter(|c| card.current.binary_search(c).is_err()).cloned().collect();
        let was_there =
            card.lives.len() == 1 && card.lives[0].1 == LifeStep::Seen && card.lives[0].0.at == version.at;
        card.current = complaints;
        for complaint in &new {
            let hash = hash_of(&complaint.message);
            if !was_there {
                self.complaining.entry(hash).or_default().push((id, version.mark()));
            }
            let card = &mut self.resources[id as usize];
            if card.complaints.len() < MAX_COMPLAINTS {
                let complaint = complaint.clone();
                card.complaints.push(SaidComplaint {
                    complaint,
                    mark: version.mark(),
                    component: None,
                    is_old: was_there,
                });
            }
        }
        // What happens to a node is no desired state, and yet what its pods die of.
        let is_node = matches!(self.resources[id as usize].key.group_kind(), ("", "Node"));
        if is_node && !new.is_empty() && !was_there && !desired_differs {
            let reported = new.into();
            self.add_change(
                id,
                version,
                NewChange { reported, ..NewChange::of(ResourceOp::Update, Vec::new()) },
            );
        }
    }

    fn take_status_writers(&mut self, id: ResourceId, object: &Object, at: LogPosition) {
        let entries = object.root().at(&["metadata", "managedFields"]).into_iter().flat_map(Node::children);
        for entry in entries {
            let is_status = entry.str_at(&["subresource"]) == Some("status")
                || entry.at(&["fieldsV1", "f:status"]).is_some();
            let Some(manager) = entry.str_at(&["manager"]).filter(|_| is_status) else { continue };
            let card = &mut self.resources[id as usize];
            if card.status_writers.iter().all(|(m, _)| &**m != manager) {
                let manager: Arc<str> = manager.into();
                card.status_writers.push((Arc::clone(&manager), at));
                self.status_writers.entry(manager).or_insert(at);
            }
        }
    }
}

fn hash_of(message: &str) -> u64 {
    let hash = blake3::hash(blanked(message).as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap_or_default())
}

fn hold(holders: &mut Holders, word: WordId, id: ResourceId, at: LogPosition) {
    let all = holders.entry(word).or_default();
    // One that holds it already and comes again is mostly among the last; another entry does no harm.
    if all.iter().rev().take(16).all(|(other, _)| *other != id) {
        all.push((id, at));
    }
}

/// Returns `true` for kinds that only report on others, many a second.
fn reports_on_others(key: &ResourceKey) -> bool {
    matches!(
        key.group_kind(),
        ("" | "events.k8s.io", "Event")
            | ("coordination.k8s.io", "Lease")
            | ("", "Endpoints")
            | ("discovery.k8s.io", "EndpointSlice")
            | ("apps", "ControllerRevision")
    )
}

/// Returns `true` for kinds that a controller makes from the template of another object.
pub(super) fn is_made_for_others(key: &ResourceKey) -> bool {
    matches!(key.group_kind(), ("", "Pod") | ("apps", "ReplicaSet"))
}

fn has_controller(object: &Object) -> bool {
    let owners = object.root().at(&["metadata", "ownerReferences"]).into_iter().flat_map(Node::children);
    owners.into_iter().any(|o| o.get("controller").and_then(Node::as_bool) == Some(true))
}

/// Returns who wrote a version: of the entries that the one before has not, the newest, and of those for status only if
/// there is no other.
fn writer(before: Option<&Object>, after: &Object) -> Option<Arc<str>> {
    let old: Vec<Node<'_>> = before.map(managed_fields).unwrap_or_default();
    let new = managed_fields(after).into_iter().filter(|e| !old.contains(e));
    let rank = |e: &Node<'_>| {
        (e.str_at(&["subresource"]) != Some("status"), e.str_at(&["time"]).unwrap_or("9").to_owned())
    };
    new.max_by_key(rank).and_then(|e| e.str_at(&["manager"])).map(Arc::from)
}

/// Adds the revision that a source fetched: what it declares comes from outside, and changes without a write of anybody.
fn with_revision(mut leaves: Leaves, key: &ResourceKey, object: &Object) -> Leaves {
    if let Some(revision) = source_revision(key, object) {
        leaves.insert(["status", "artifact", "revision"].map(Box::from).into(), revision.to_owned());
    }
    leaves
}

fn managed_fields(object: &Object) -> Vec<Node<'_>> {
    object.root().at(&["metadata", "managedFields"]).into_iter().flat_map(Node::children).collect()
}
