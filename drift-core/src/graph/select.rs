//! Label selectors, and an index by which an object finds the selectors that match it and the other way round.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::k8s::selector::Selector;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

/// What an object selects, by its kind: the kind of the targets and the selector.
pub(super) fn selector_of(key: &ResourceKey, object: &Object) -> Option<(&'static str, Selector)> {
    let root = object.root();
    let (target, path): (_, &[&str]) = match (&*key.group, &*key.kind) {
        ("", "Service") => ("Pod", &["spec", "selector"]),
        ("policy", "PodDisruptionBudget") => ("Pod", &["spec", "selector"]),
        ("networking.k8s.io", "NetworkPolicy") => ("Pod", &["spec", "podSelector"]),
        ("monitoring.coreos.com", "PodMonitor") => ("Pod", &["spec", "selector"]),
        ("monitoring.coreos.com", "ServiceMonitor") => ("Service", &["spec", "selector"]),
        ("security.istio.io", "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication") => {
            ("Pod", &["spec", "selector"])
        }
        _ => return None,
    };
    let selector = Selector::read(root.at(path)?)?;
    // A Service without a selector picks nothing; an empty policy picks everything.
    (!(selector.is_empty() && &*key.kind == "Service")).then_some((target, selector))
}

#[derive(Clone, Debug)]
struct SelectorHolder {
    namespace: Arc<str>,
    target: &'static str,
    selector: Selector,
    text: Arc<str>,
    matched: BTreeSet<u32>,
}

#[derive(Clone, Debug)]
struct SelectionTarget {
    namespace: Arc<str>,
    kind: &'static str,
    labels: Vec<(String, String)>,
    object: crate::object::Doc,
    holders: BTreeSet<u32>,
}

type LabelEntry = (Arc<str>, &'static str, String, String);

/// Selectors and what they can select, each found by the other.
#[derive(Clone, Debug, Default)]
pub(super) struct SelectorIndex {
    holders: HashMap<u32, SelectorHolder>,
    targets: HashMap<u32, SelectionTarget>,
    /// Selectors by a label that all they match must have.
    anchored: BTreeMap<LabelEntry, BTreeSet<u32>>,
    /// Selectors without such a label, by namespace and kind.
    loose: BTreeMap<(Arc<str>, &'static str), BTreeSet<u32>>,
    /// Targets by each of their labels.
    labelled: BTreeMap<LabelEntry, BTreeSet<u32>>,
    /// Targets by namespace and kind.
    all: BTreeMap<(Arc<str>, &'static str), BTreeSet<u32>>,
}

/// Pairs of one that selects and one that is selected.
#[derive(Debug, Default)]
pub(super) struct SelectionChange {
    pub(super) won: Vec<(u32, u32)>,
    pub(super) lost: Vec<(u32, u32)>,
}

fn target_kind(key: &ResourceKey) -> Option<&'static str> {
    match (&*key.group, &*key.kind) {
        ("", "Pod") => Some("Pod"),
        ("", "Service") => Some("Service"),
        _ => None,
    }
}

impl SelectorIndex {
    pub(super) fn text_of(&self, holder: u32) -> Arc<str> {
        self.holders.get(&holder).map_or_else(|| "".into(), |h| Arc::clone(&h.text))
    }

    /// Brings an object in and returns which pairs came and went.
    pub(super) fn put(&mut self, id: u32, key: &ResourceKey, object: &Object) -> SelectionChange {
        let mut change = SelectionChange::default();
        self.put_target(id, key, object, &mut change);
        self.put_holder(id, key, object, &mut change);
        change
    }

    fn put_target(&mut self, id: u32, key: &ResourceKey, object: &Object, change: &mut SelectionChange) {
        let Some(kind) = target_kind(key) else { return };
        let labels_node = object.root().at(&["metadata", "labels"]);
        let labels: Vec<_> = labels_node
            .into_iter()
            .flat_map(Node::children)
            .map(|n| (n.key().to_owned(), n.as_str().unwrap_or_default().to_owned()))
            .collect();
        if self.targets.get(&id).is_some_and(|t| t.labels == labels) {
            return;
        }
        let old = self.take_target(id);
        let namespace = Arc::clone(&key.namespace);
        let doc = labels_node.map_or_else(empty, Node::to_doc);
        let mut target = SelectionTarget { namespace, kind, labels, object: doc, holders: BTreeSet::new() };
        for holder in self.holders_for(&target) {
            if self.holders[&holder].selector.matches(Some(target.object.root())) {
                target.holders.insert(holder);
            }
        }
        for holder in target.holders.difference(&old) {
            change.won.push((*holder, id));
        }
        for holder in old.difference(&target.holders) {
            change.lost.push((*holder, id));
        }
        for holder in &target.holders {
            if let Some(h) = self.holders.get_mut(holder) {
                h.matched.insert(id);
            }
        }
        for (k, v) in &target.labels {
            let place = (Arc::clone(&target.namespace), kind, k.clone(), v.clone());
            self.labelled.entry(place).or_default().insert(id);
        }
        self.all.entry((Arc::clone(&target.namespace), kind)).or_default().insert(id);
        self.targets.insert(id, target);
    }

    fn holders_for(&self, target: &SelectionTarget) -> BTreeSet<u32> {
        let mut out = BTreeSet::new();
        for (k, v) in &target.labels {
            let place = (Arc::clone(&target.namespace), target.kind, k.clone(), v.clone());
            out.extend(self.anchored.get(&place).into_iter().flatten());
        }
        out.extend(self.loose.get(&(Arc::clone(&target.namespace), target.kind)).into_iter().flatten());
        out
    }

    fn put_holder(&mut self, id: u32, key: &ResourceKey, object: &Object, change: &mut SelectionChange) {
        let new = selector_of(key, object);
        let same = match (&new, self.holders.get(&id)) {
            (None, None) => true,
            (Some((_, s)), Some(h)) => *s == h.selector,
            _ => false,
        };
        if same {
            return;
        }
        let old = self.take_holder(id);
        let mut matched = BTreeSet::new();
        if let Some((target, selector)) = new {
            matched = self.matching(&key.namespace, target, &selector);
            self.keep_holder(id, &key.namespace, target, selector, matched.clone());
        }
        change.won.extend(matched.difference(&old).map(|t| (id, *t)));
        change.lost.extend(old.difference(&matched).map(|t| (id, *t)));
    }

    fn keep_holder(
        &mut self,
        id: u32,
        namespace: &Arc<str>,
        target: &'static str,
        selector: Selector,
        matched: BTreeSet<u32>,
    ) {
        for t in &matched {
            if let Some(t) = self.targets.get_mut(t) {
                t.holders.insert(id);
            }
        }
        match selector.anchor() {
            Some((k, v)) => {
                let place = (Arc::clone(namespace), target, k.to_owned(), v.to_owned());
                self.anchored.entry(place).or_default().insert(id);
            }
            None => {
                self.loose.entry((Arc::clone(namespace), target)).or_default().insert(id);
            }
        }
        let text = selector.to_string().into();
        let namespace = Arc::clone(namespace);
        self.holders.insert(id, SelectorHolder { namespace, target, selector, text, matched });
    }

    fn matching(&self, namespace: &Arc<str>, kind: &'static str, selector: &Selector) -> BTreeSet<u32> {
        let candidates = match selector.anchor() {
            Some((k, v)) => self.labelled.get(&(Arc::clone(namespace), kind, k.to_owned(), v.to_owned())),
            None => self.all.get(&(Arc::clone(namespace), kind)),
        };
        let fits = |id: &&u32| selector.matches(Some(self.targets[*id].object.root()));
        candidates.into_iter().flatten().filter(fits).copied().collect()
    }

    fn take_holder(&mut self, id: u32) -> BTreeSet<u32> {
        let Some(old) = self.holders.remove(&id) else { return BTreeSet::new() };
        for t in &old.matched {
            if let Some(t) = self.targets.get_mut(t) {
                t.holders.remove(&id);
            }
        }
        match old.selector.anchor() {
            Some((k, v)) => {
                let place = (old.namespace, old.target, k.to_owned(), v.to_owned());
                take(&mut self.anchored, &place, id);
            }
            None => take(&mut self.loose, &(old.namespace, old.target), id),
        }
        old.matched
    }

    fn take_target(&mut self, id: u32) -> BTreeSet<u32> {
        let Some(old) = self.targets.remove(&id) else { return BTreeSet::new() };
        for h in &old.holders {
            if let Some(h) = self.holders.get_mut(h) {
                h.matched.remove(&id);
            }
        }
        for (k, v) in old.labels {
            take(&mut self.labelled, &(Arc::clone(&old.namespace), old.kind, k, v), id);
        }
        take(&mut self.all, &(old.namespace, old.kind), id);
        old.holders
    }

    /// Takes an object out; returns what it selected and what selected it.
    pub(super) fn remove(&mut self, id: u32) -> (BTreeSet<u32>, BTreeSet<u32>) {
        (self.take_holder(id), self.take_target(id))
    }
}

fn take<K: Ord>(map: &mut BTreeMap<K, BTreeSet<u32>>, place: &K, id: u32) {
    if let Some(set) = map.get_mut(place) {
        set.remove(&id);
        if set.is_empty() {
            map.remove(place);
        }
    }
}

fn empty() -> crate::object::Doc {
    crate::object::Doc::from_value(&serde_json::Value::Object(serde_json::Map::new()))
        .expect("an empty map is a document")
}
