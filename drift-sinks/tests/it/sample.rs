//! Events for tests.

use std::sync::Arc;

use drift_core::{
    Actor, Append, Cursor, Doc, Event, EventBody, ExpectedRevision, NewEvent, Object, Origin, ResourceKey,
    StreamId, Uid,
};
use drift_sinks::store::embedded::EmbeddedOptions;
use serde_json::json;

/// The stream of a Deployment.
pub(crate) fn stream(name: &str) -> StreamId {
    StreamId::live(ResourceKey::new("apps", "Deployment", "shop", name).in_cluster("one"))
}

/// A version of a Deployment; versions of one name differ in a few fields.
pub(crate) fn event(name: &str, version: u64) -> NewEvent {
    let value = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "generation": version / 3,
            "labels": {"app": name, "team": "blue"},
        },
        "spec": {
            "replicas": version % 7,
            "template": {"spec": {"containers": [
                {"name": "web", "image": format!("registry.example/shop/{name}:{}", version / 5), "args": ["--port", "8080"]},
                {"name": "log", "image": "registry.example/log:1"},
            ]}},
        },
        "status": {"observedGeneration": version / 3, "readyReplicas": version % 5},
    });
    let object = Object::new(Doc::from_value(&value).unwrap()).unwrap();
    NewEvent {
        uid: Some(Uid::new(format!("uid-{name}"))),
        origin: Origin {
            source: "test".into(),
            actor: Actor { manager: Some("kubectl".into()), user: None },
            ..Origin::default()
        },
        observed_at: jiff::Timestamp::from_second(1_700_000_000 + version as i64).unwrap(),
        occurred_at: None,
        body: EventBody::Applied(Arc::new(object)),
    }
}

/// A batch of one event to one stream.
pub(crate) fn one(name: &str, version: u64) -> Vec<Append> {
    vec![Append { stream: stream(name), expected: ExpectedRevision::Any, events: vec![event(name, version)] }]
}

/// A batch of one event that does not pack well.
pub(crate) fn noisy(name: &str, version: u64) -> Vec<Append> {
    let mut batch = one(name, version);
    let mut n = version.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = String::new();
    for _ in 0..16 {
        n ^= n << 13;
        n ^= n >> 7;
        n ^= n << 17;
        noise += &format!("{n:016x}");
    }
    batch[0].events[0].origin.cursor = Some(Cursor::new(noise));
    batch
}

/// Options that make many small segments and forget what they can.
pub(crate) fn small() -> EmbeddedOptions {
    let mut options = EmbeddedOptions::default();
    (options.segment_bytes, options.memory_bytes) = (16 << 10, 64 << 10);
    options
}

/// Where events stand, and that they are what they are.
pub(crate) fn places(events: &[Event]) -> Vec<(u64, u64, String)> {
    events.iter().map(|e| (e.position.get(), e.revision.get(), format!("{:#}", e.id))).collect()
}
