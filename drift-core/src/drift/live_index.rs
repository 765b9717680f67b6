//! Live objects, found by the keys that declarations name them by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::key::ResourceKey;
use crate::object::Object;
use crate::schema::SchemaSet;

use super::estate;

/// Live objects by the keys that declarations find them by.
#[derive(Debug, Default)]
pub(super) struct LiveIndex {
    pub(super) by_key: HashMap<ResourceKey, Arc<Object>>,
    pub(super) autoscalers: Autoscalers,
}

impl LiveIndex {
    pub(super) fn get(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        self.by_key.get(key)
    }

    /// Names the resource of a declared object.
    pub(super) fn key(&self, object: &Object, schemas: &SchemaSet, namespace: &str) -> ResourceKey {
        let is_live = |(group, kind, namespace, name): estate::Id<'_>| {
            self.by_key.contains_key(&ResourceKey::new(group, kind, namespace, name))
        };
        estate::key(object, is_live, schemas, namespace)
    }
}

/// The key by which declarations find a live object.
pub(super) fn key_of(object: &Object) -> ResourceKey {
    let (group, kind, namespace, name) = estate::id(object);
    ResourceKey::new(group, kind, namespace, name)
}

/// What live autoscalers aim at.
#[derive(Debug, Default)]
pub(super) struct Autoscalers {
    targets: BTreeMap<ResourceKey, ResourceKey>,
    pub(super) all: Arc<BTreeSet<ResourceKey>>,
}

impl Autoscalers {
    /// Takes the object that is now live under a key, and returns the resources on which that bears.
    pub(super) fn set(&mut self, key: &ResourceKey, object: Option<&Object>) -> Vec<ResourceKey> {
        let now = object.and_then(estate::autoscaled_by);
        if now.as_ref() == self.targets.get(key) {
            return Vec::new();
        }
        let before = match now.clone() {
            Some(target) => self.targets.insert(key.clone(), target),
            None => self.targets.remove(key),
        };
        self.all = Arc::new(self.targets.values().cloned().collect());
        before.into_iter().chain(now).collect()
    }
}
