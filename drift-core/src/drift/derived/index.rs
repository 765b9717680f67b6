//! Finding what an object follows from: by the words that both have.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::key::ResourceKey;
use crate::object::Object;

use super::evidence::{Origin, follows_from, is_origin, offered_by, words_of};

/// Which live objects follow from others, found in one go.
#[derive(Debug, Default)]
pub(in crate::drift) struct DerivedObjects {
    keys: HashSet<ResourceKey>,
}

impl DerivedObjects {
    /// Looks among origins, each with its namespace, for what some objects follow from.
    pub(in crate::drift) fn find<'a>(
        objects: &[&'a Arc<Object>],
        origins: impl Iterator<Item = (&'a Object, &'a str)>,
    ) -> Self {
        let mut found = Self::default();
        let mut by_word: HashMap<&str, Vec<&Object>> = HashMap::new();
        for object in objects {
            words_of(object).for_each(|word| by_word.entry(word).or_default().push(object));
        }
        if by_word.is_empty() {
            return found;
        }
        for (object, namespace) in origins.filter(|(object, _)| is_origin(object)) {
            let origin = Origin { object, namespace };
            offered_by(object, &mut |word| {
                for derived in by_word.get(word).into_iter().flatten() {
                    let key = derived.key();
                    if !found.keys.contains(&key) && follows_from(derived, origin) {
                        found.keys.insert(key);
                    }
                }
            });
        }
        found
    }

    /// Returns `true` if an object follows from another one.
    pub(in crate::drift) fn contains(&self, object: &Object) -> bool {
        self.keys.contains(&object.key())
    }
}

/// From where an origin is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::drift) enum OriginSide {
    Declared,
    Live,
}

type OriginKey = (ResourceKey, OriginSide);

/// Origins and the objects that may follow from them, kept as they change.
#[derive(Debug, Default)]
pub(in crate::drift) struct OriginIndex {
    origins: HashMap<OriginKey, Arc<Object>>,
    offered: HashMap<Box<str>, BTreeSet<OriginKey>>,
    /// Objects of which it is not known who made them.
    objects: HashMap<ResourceKey, Arc<Object>>,
    words: HashMap<Box<str>, BTreeSet<ResourceKey>>,
}

impl OriginIndex {
    /// Takes an origin in place of the one of its key, or takes it away, and returns the objects on which that may bear.
    pub(in crate::drift) fn set_origin(
        &mut self,
        key: &ResourceKey,
        side: OriginSide,
        origin: Option<&Arc<Object>>,
    ) -> BTreeSet<ResourceKey> {
        let origin = origin.filter(|o| is_origin(o));
        let slot = (key.clone(), side);
        let before = match origin {
            Some(origin) => self.origins.insert(slot.clone(), Arc::clone(origin)),
            None => self.origins.remove(&slot),
        };
        let mut touched = BTreeSet::new();
        for (object, is_new) in before.iter().map(|o| (o, false)).chain(origin.map(|o| (o, true))) {
            offered_by(object, &mut |word| {
                touched.extend(self.words.get(word).into_iter().flatten().cloned());
                enter(&mut self.offered, word, &slot, is_new);
            });
        }
        touched
    }

    /// Takes an object that may follow from others, or takes it away.
    pub(in crate::drift) fn set_object(&mut self, key: &ResourceKey, object: Option<&Arc<Object>>) {
        let before = match object {
            Some(object) => self.objects.insert(key.clone(), Arc::clone(object)),
            None => self.objects.remove(key),
        };
        for (object, is_new) in before.iter().map(|o| (o, false)).chain(object.map(|o| (o, true))) {
            words_of(object).for_each(|word| enter(&mut self.words, word, key, is_new));
        }
    }

    /// Returns an object that may follow from others.
    pub(in crate::drift) fn object(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// Returns `true` if an object follows from an origin.
    pub(in crate::drift) fn follows(&self, object: &Object) -> bool {
        let origins = words_of(object).filter_map(|word| self.offered.get(word)).flatten();
        let mut origins = origins.filter_map(|slot| Some((&*slot.0.namespace, self.origins.get(slot)?)));
        origins.any(|(namespace, origin)| follows_from(object, Origin { object: origin, namespace }))
    }
}

/// Enters a key under a word, or strikes it out.
fn enter<K: Clone + Ord>(map: &mut HashMap<Box<str>, BTreeSet<K>>, word: &str, key: &K, is_new: bool) {
    if is_new {
        if let Some(keys) = map.get_mut(word) {
            keys.insert(key.clone());
        } else {
            map.insert(word.into(), BTreeSet::from([key.clone()]));
        }
    } else if let Some(keys) = map.get_mut(word) {
        keys.remove(key);
        if keys.is_empty() {
            map.remove(word);
        }
    }
}
