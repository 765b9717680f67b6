//! Random histories from a seed, for laws and tests of stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::event::{Actor, Applied, Deleted, Gap, GapReason, Observation, Occurrence, OccurrenceKind};
use crate::key::{Cursor, ResourceKey};
use crate::object::{Doc, Object};
use crate::stream::{Facet, Scope};

/// Random numbers that are the same for the same seed on every platform.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Makes dice from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number below `n`, 0 for an `n` of 0.
    pub fn below(&mut self, n: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014): short, and good enough to make things up.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % (n.max(1) as u64)) as usize
    }
}

/// Size of a random tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeOptions {
    /// Approximate number of observations.
    pub observations: usize,
    /// Number of different resources.
    pub resources: usize,
}

impl Default for TapeOptions {
    fn default() -> Self {
        Self { observations: 200, resources: 8 }
    }
}

/// Makes the random observations of a watch of one cluster: changes, deletions, new incarnations, repeats, listings, gaps,
/// occurrences and checkpoints. They are consistent: an object that a listing does not contain was deleted.
pub fn tape(seed: u64, options: &TapeOptions) -> Vec<Observation> {
    let mut cluster = Cluster {
        dice: Dice::new(seed),
        now: "2026-03-01T10:00:00.25Z".parse().expect("a constant that is a time"),
        version: 100,
        live: BTreeMap::new(),
        observations: Vec::new(),
    };
    while cluster.observations.len() < options.observations {
        cluster.step(options.resources);
    }
    cluster.observations
}

struct Cluster {
    dice: Dice,
    now: Timestamp,
    version: u64,
    live: BTreeMap<ResourceKey, Value>,
    observations: Vec<Observation>,
}

const KINDS: [(&str, &str); 3] = [("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "Secret")];

impl Cluster {
    fn step(&mut self, resources: usize) {
        let pass = self.dice.below(4000) as i64;
        self.now = self.now.checked_add(SignedDuration::from_millis(pass)).unwrap_or(self.now);
        let which = self.dice.below(resources);
        let (api_version, kind) = KINDS[which % KINDS.len()];
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let key = ResourceKey::new(group, kind, "shop", &format!("thing-{which}")).in_cluster("north");
        match self.dice.below(24) {
            0 | 1 => self.delete(&key),
            2 => self.relist(group, kind),
            3 => self.gap(group, kind),
            4 => self.happened(key),
            5 | 6 => self
                .observations
                .push(Observation::Checkpoint(Cursor::new(format!("at {}", self.observations.len())))),
            7 => self.repeat(&key),
            _ => self.change(key, api_version),
        }
    }

    fn version(&mut self) -> u64 {
        self.version += 1 + self.dice.below(5) as u64;
        self.version
    }

    fn change(&mut self, key: ResourceKey, api_version: &str) {
        let version = self.version();
        let mut object = self.live.remove(&key).unwrap_or_else(|| {
            json!({"apiVersion": api_version, "kind": *key.kind, "metadata": {
                "name": *key.name, "namespace": *key.namespace, "uid": format!("uid-{version}"),
                "labels": {"app": *key.name, "größe": "L"}, "managedFields": []}})
        });
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let manager = ["kubectl-edit", "kustomize-controller"][self.dice.below(2)];
        object["metadata"]["managedFields"] =
            json!([{"manager": manager, "operation": "Update", "time": at}]);
        let (field, value) = (format!("f{}", self.dice.below(6)), self.dice.below(1000));
        match self.dice.below(6) {
            0 => drop(object["spec"].as_object_mut().and_then(|m| m.remove(&field))),
            1 => {
                object["spec"]["list"] =
                    (0..value % 6).map(|n| json!({"name": n, "value": value % (n + 1)})).collect()
            }
            2 => object["data"][field] = format!("c2VjcmV0{}", value * 10_000_000).into(),
            3 => object["spec"][field] = json!(value as f64 / 8.0),
            _ => object["spec"][field] = json!({"value": value, "text": "x".repeat(value % 90), "no": null}),
        }
        self.live.insert(key.clone(), object);
        self.apply(&key);
    }

    fn object(value: &Value) -> Arc<Object> {
        let doc = Doc::from_value(value).expect("a made-up object is shallow");
        Arc::new(Object::new(doc).expect("a made-up object has kind and name"))
    }

    fn apply(&mut self, key: &ResourceKey) {
        if let Some(value) = self.live.get(key) {
            let applied = Applied {
                facet: Facet::Live,
                key: key.clone(),
                object: Self::object(value),
                observed_at: self.now,
                actor: Actor::default(),
                cursor: None,
                source_revision: None,
            };
            self.observations.push(Observation::Applied(applied));
        }
    }

    /// Repeats an earlier observation, as a source does after resuming.
    fn repeat(&mut self, key: &ResourceKey) {
        self.apply(key);
        let at = self.dice.below(self.observations.len());
        if let Some(Observation::Applied(_)) = self.observations.get(at) {
            self.observations.push(self.observations[at].clone());
        }
    }

    fn delete(&mut self, key: &ResourceKey) {
        let version = self.version();
        let Some(mut object) = self.live.remove(key) else { return };
        object["metadata"]["resourceVersion"] = version.to_string().into();
        self.observations.push(Observation::Deleted(Deleted {
            facet: Facet::Live,
            key: key.clone(),
            last: Some(Self::object(&object)),
            observed_at: self.now,
            actor: Actor { manager: None, user: Some("alice".into()) },
        }));
    }

    /// Lists a kind; some objects went unseen since the last time.
    fn relist(&mut self, group: &str, kind: &str) {
        let scope = Scope { cluster: "north".into(), ..Scope::of_kind(group, kind) };
        self.observations.push(Observation::RelistStarted(scope.clone()));
        let keys: Vec<_> = self.live.keys().filter(|k| scope.contains(k)).cloned().collect();
        for key in keys {
            match self.dice.below(4) {
                0 => drop(self.live.remove(&key)),
                _ => self.apply(&key),
            }
        }
        self.observations.push(Observation::RelistDone { scope, observed_at: self.now });
    }

    fn gap(&mut self, group: &str, kind: &str) {
        let scope = Scope { cluster: "north".into(), ..Scope::of_kind(group, kind) };
        let message = format!("gap {}", self.observations.len()).into();
        self.observations.push(Observation::Gap(Gap {
            scope,
            from: None,
            to: self.now,
            from_version: None,
            to_version: None,
            reason: GapReason::WatchLost,
            message,
        }));
    }

    fn happened(&mut self, key: ResourceKey) {
        let occurrence = Occurrence {
            kind: OccurrenceKind::KubernetesEvent,
            about: (self.dice.below(4) > 0).then_some(key),
            at: self.now,
            reason: "BackOff".into(),
            message: format!("occurrence {}", self.observations.len()).into(),
            actor: Actor::default(),
            detail: Doc::from_value(&json!({"count": self.dice.below(9)})).ok().map(Arc::new),
        };
        self.observations.push(Observation::Happened(occurrence));
    }
}
