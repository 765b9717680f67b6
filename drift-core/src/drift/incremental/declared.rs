//! What manifests declare, kept compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::drift::applier::{self, Applier};
use crate::drift::derived::{ObjectAuthor, OriginIndex, OriginSide};
use crate::drift::estate::{self, DesiredObject, DriftOptions, UnmanagedResources};
use crate::drift::report::{DriftReport, ResourceDrift, Status};
use crate::drift::resource::{Context, compare_object};
use crate::key::ResourceKey;
use crate::object::Object;
use crate::ownership::OwnerView;
use crate::schema::SchemaSet;

use crate::drift::live_index::{LiveIndex, key_of};

/// Declared objects and the live ones, kept compared.
///
/// Of the live ones those are held that are declared, and in the namespaces of these what others may follow from, with what may
/// follow from it.
#[derive(Debug)]
pub struct IncrementalComparison {
    schemas: SchemaSet,
    options: DriftOptions,
    /// As they were given, for the day on which a key depends on something else.
    given: Vec<DesiredObject>,
    desired: BTreeMap<ResourceKey, (DesiredObject, usize)>,
    namespaces: BTreeSet<Arc<str>>,
    /// Keys whose being live decides in which namespace a declared object is.
    bare: BTreeSet<ResourceKey>,
    live: LiveIndex,
    origins: OriginIndex,
    votes: HashMap<ResourceKey, Applier>,
    counts: BTreeMap<Applier, usize>,
    applier: Option<Applier>,
    verdicts: BTreeMap<ResourceKey, ResourceDrift>,
    stale: BTreeSet<ResourceKey>,
    /// Unmanaged resources that came, changed or went since the last judgement.
    moved: BTreeSet<ResourceKey>,
}

impl IncrementalComparison {
    /// Starts with nothing live.
    pub fn new(desired: Vec<DesiredObject>, schemas: SchemaSet, options: DriftOptions) -> Self {
        let mut this = Self {
            schemas,
            options,
            given: desired,
            desired: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            bare: BTreeSet::new(),
            live: LiveIndex::default(),
            origins: OriginIndex::default(),
            votes: HashMap::new(),
            counts: BTreeMap::new(),
            applier: None,
            verdicts: BTreeMap::new(),
            stale: BTreeSet::new(),
            moved: BTreeSet::new(),
        };
        this.index();
        this
    }

    /// Puts what is declared under its keys, and has all of it judged.
    fn index(&mut self) {
        let before = std::mem::take(&mut self.desired);
        for key in before.keys() {
            self.set_origin(key, OriginSide::Declared, None);
        }
        self.stale.extend(before.into_keys());
        self.bare.clear();
        let namespace = self.options.namespace().to_owned();
        for wanted in self.given.iter().filter(|d| !d.object.name().is_empty()) {
            self.bare.extend(estate::bare_key(&wanted.object, &self.schemas, &namespace));
            let key = self.live.key(&wanted.object, &self.schemas, &namespace);
            let times = self.desired.get(&key).map_or(1, |d| d.1 + 1);
            self.desired.insert(key, (wanted.clone(), times));
        }
        let named = self.desired.keys().map(|k| Arc::clone(&k.namespace));
        self.namespaces = named.filter(|n| !n.is_empty()).collect();
        self.stale.extend(self.desired.keys().cloned());
        let declared: Vec<_> =
            self.desired.iter().map(|(k, d)| (k.clone(), Arc::clone(&d.0.object))).collect();
        declared.iter().for_each(|(k, o)| self.set_origin(k, OriginSide::Declared, Some(o)));
        let live: Vec<_> = self.live.by_key.iter().map(|(k, o)| (k.clone(), Arc::clone(o))).collect();
        for (key, object) in live {
            self.set_origin(&key, OriginSide::Live, Some(&object));
            if self.desired.contains_key(&key) {
                self.origins.set_object(&key, None);
            } else {
                self.judge_extra(key, Some(&object));
            }
        }
    }

    /// Takes what others may follow from, and judges again what does or did.
    fn set_origin(&mut self, key: &ResourceKey, side: OriginSide, origin: Option<&Arc<Object>>) {
        let is_near = |o: &&Arc<Object>| {
            side == OriginSide::Declared
                || o.namespace().is_empty()
                || self.namespaces.contains(o.namespace())
        };
        let origin = origin.filter(is_near);
        for touched in self.origins.set_origin(key, side, origin) {
            if let Some(object) = self.origins.object(&touched).map(Arc::clone) {
                self.judge_extra(touched, Some(&object));
            }
        }
    }

    /// Takes a live object, in place of the one of its key.
    pub fn set_live(&mut self, object: &Arc<Object>) {
        let key = key_of(object);
        self.touch_scaled(&key, Some(object));
        let came = self.bare.contains(&key) && self.live.get(&key).is_none();
        // What may come to lie in a declared namespace is needed on the day on which it does.
        let may_count = !self.bare.is_empty() && *self.options.namespace() == *key.namespace;
        if came || may_count || self.desired.contains_key(&key) {
            self.live.by_key.insert(key.clone(), Arc::clone(object));
        }
        if came {
            self.index();
        }
        self.set_origin(&key, OriginSide::Live, Some(object));
        if self.desired.contains_key(&key) {
            self.stale.insert(key);
        } else {
            self.judge_extra(key, Some(object));
        }
    }

    /// Takes away a live object.
    pub fn remove_live(&mut self, key: &ResourceKey) {
        let key = ResourceKey { cluster: "".into(), ..key.clone() };
        self.touch_scaled(&key, None);
        let was_there = self.live.by_key.remove(&key).is_some();
        if self.bare.contains(&key) && was_there {
            self.index();
        }
        self.set_origin(&key, OriginSide::Live, None);
        if self.desired.contains_key(&key) {
            self.stale.insert(key);
        } else {
            self.judge_extra(key, None);
        }
    }

    /// Judges what nobody declares.
    fn judge_extra(&mut self, key: ResourceKey, object: Option<&Arc<Object>>) {
        let wanted = self.options.extras == UnmanagedResources::InDeclaredNamespaces;
        let object = object.filter(|o| wanted && self.namespaces.contains(o.namespace()));
        let author = object.map_or(ObjectAuthor::Platform, |o| estate::unmanaged_author(o));
        self.origins.set_object(&key, object.filter(|_| author == ObjectAuthor::Unknown));
        let is_extra = |o: &&Arc<Object>| match author {
            ObjectAuthor::Platform => false,
            ObjectAuthor::Applier => true,
            ObjectAuthor::Unknown => !self.origins.follows(o),
        };
        let extra = object.filter(is_extra).map(|o| estate::extra(o, &self.options.cluster));
        if self.verdicts.get(&key) == extra.as_ref() {
            return;
        }
        match extra {
            Some(extra) => drop(self.verdicts.insert(key.clone(), extra)),
            None => drop(self.verdicts.remove(&key)),
        }
        self.moved.insert(key);
    }

    fn touch_scaled(&mut self, key: &ResourceKey, object: Option<&Object>) {
        let targets = self.live.autoscalers.set(key, object);
        self.stale.extend(targets.into_iter().filter(|t| self.desired.contains_key(t)));
    }

    /// Judges what was touched since the last time, and returns the keys that have another verdict now.
    pub fn judge(&mut self) -> Vec<ResourceKey> {
        if self.stale.is_empty() {
            return self.take_moved();
        }
        self.stale.iter().cloned().collect::<Vec<_>>().iter().for_each(|key| self.vote(key));
        let applier = applier::most(&self.counts);
        if applier != self.applier {
            // What another manager applies is judged otherwise everywhere.
            self.applier = applier;
            self.stale.extend(self.desired.keys().cloned());
        }
        let mut context = Context::new(&self.schemas);
        let cluster = &self.options.cluster;
        context.autoscaled = Arc::clone(&self.live.autoscalers.all);
        context.applier.clone_from(&self.applier);
        context.redactor.clone_from(&self.options.redactor);
        for key in std::mem::take(&mut self.stale) {
            let is_extra = |d: &ResourceDrift| d.status == Status::Extra;
            if !self.desired.contains_key(&key) && self.verdicts.get(&key).is_some_and(is_extra) {
                continue;
            }
            let drift = self.desired.get(&key).map(|(wanted, times)| {
                let mut drift = match self.live.get(&key) {
                    Some(live) => compare_object(&key, &wanted.object, live, &context),
                    None => estate::missing(&key, &wanted.object),
                };
                estate::note_declaration(&mut drift, wanted, *times);
                drift.key = drift.key.in_cluster(cluster);
                drift
            });
            if self.verdicts.get(&key) == drift.as_ref() {
                continue;
            }
            match drift {
                Some(drift) => drop(self.verdicts.insert(key.clone(), drift)),
                None => drop(self.verdicts.remove(&key)),
            }
            self.moved.insert(key);
        }
        self.take_moved()
    }

    fn take_moved(&mut self) -> Vec<ResourceKey> {
        let moved = std::mem::take(&mut self.moved);
        moved.into_iter().map(|k| k.in_cluster(&self.options.cluster)).collect()
    }

    /// One vote an object: a huge one counts no more than a small one.
    fn vote(&mut self, key: &ResourceKey) {
        let both = self.desired.get(key).zip(self.live.get(key));
        let now = both.and_then(|((wanted, _), live)| {
            applier::of_object(&wanted.object, live, &OwnerView::of(live))?.known()
        });
        let before = match now.clone() {
            Some(now) => self.votes.insert(key.clone(), now),
            None => self.votes.remove(key),
        };
        if now == before {
            return;
        }
        if let Some(before) = before
            && let Some(count) = self.counts.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&before);
            }
        }
        now.into_iter().for_each(|now| *self.counts.entry(now).or_default() += 1);
    }

    /// Returns the verdict on a resource.
    pub fn get(&self, key: &ResourceKey) -> Option<&ResourceDrift> {
        self.verdicts.get(&ResourceKey { cluster: "".into(), ..key.clone() })
    }

    /// Returns all verdicts, by key.
    pub fn verdicts(&self) -> impl Iterator<Item = &ResourceDrift> {
        self.verdicts.values()
    }

    /// Returns what [`compare`](crate::drift::compare) would say.
    pub fn report(&self) -> DriftReport {
        DriftReport { resources: self.verdicts.values().cloned().collect(), ..DriftReport::default() }
    }
}
