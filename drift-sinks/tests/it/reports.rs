//! Every document of `drift/v1`: its bytes are those of its golden file, it fits its schema, and its text reads well.

use std::path::Path;
use std::sync::Arc;

use drift_core::coverage::{InputNotes, Unseen, UnseenReason};
use drift_core::drift::{Basis, ResourceDrift, Status};
use drift_core::{
    Doc, Event, EventBody, NewEvent, Object, Origin, Position, ResourceKey, Revision, Scope, StreamId,
};
use drift_sinks::report::{Colour, SCHEMAS, Styler, to_json};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::schema::violations;

mod apps;
mod blame;
mod causes;
mod checks;
mod drift;
mod fights;
mod graph;
mod health;
mod history;
mod rules;
#[cfg(feature = "embedded")]
mod store;

/// Compares a document with `schemas/examples/NAME.v1.json`, byte for byte, and with the schema of its kind.
///
/// With `UPDATE_GOLDEN=1` in the environment the file is written first; only a new document may need that.
#[track_caller]
fn check_golden(name: &str, document: &impl Serialize) {
    let json = to_json(document);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/examples/{name}.v1.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    assert_eq!(json, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["apiVersion"], "drift/v1");
    let (_, schema) = SCHEMAS.iter().find(|(kind, _)| value["kind"] == *kind).unwrap();
    assert_eq!(violations(&serde_json::from_str(schema).unwrap(), &value), Vec::<String>::new());
}

/// Notes of an answer to which a part is missing, with a remark besides.
fn partial(gap: &str) -> InputNotes {
    let mut notes = InputNotes::default();
    notes.add("a repository is a shallow clone");
    notes.add_unseen(Unseen::of_scope(UnseenReason::Denied, Scope::of_kind("", "Secret"), gap));
    notes.coverage_mut().set_as_of("2026-11-21T10:51:00Z".parse().unwrap());
    notes
}

#[test]
fn every_schema_names_its_kind_and_has_a_golden_document() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (kind, schema) in SCHEMAS {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(schema["title"], *kind);
        assert_eq!(schema["properties"]["kind"]["const"], *kind);
        let name = schema["$id"].as_str().unwrap().split(':').nth(3).unwrap();
        assert!(folder.join(format!("examples/{name}.v1.json")).is_file(), "{name}");
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let files = files.filter(|f| f.as_ref().unwrap().file_name().to_str().unwrap().ends_with(".schema.json"));
    assert_eq!(files.count(), SCHEMAS.len(), "every schema file is published in SCHEMAS");
    assert!(SCHEMAS.is_sorted());
}

/// A declared resource without differences.
fn plain_resource(text: &str) -> ResourceDrift {
    ResourceDrift {
        key: key(text),
        status: Status::InSync,
        changes: Vec::new(),
        basis: Basis::SchemaAndOwnership,
        applier: None,
        declared: None,
        creator: None,
        notes: Vec::new(),
        app: None,
        class: None,
        rule: None,
    }
}

/// A styler that leaves text plain.
fn plain() -> Styler {
    Styler::new(Colour::Never)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).unwrap()).unwrap())
}

/// Makes the event that a watch records: position and revision are `n`.
fn event(n: u64, at: &str, stream: StreamId, body: EventBody) -> Event {
    let new = NewEvent {
        uid: None,
        origin: Origin { source: "test".into(), ..Origin::default() },
        observed_at: time(at),
        occurred_at: None,
        body,
    };
    new.at(stream, Revision::new(n).unwrap(), Position::new(n))
}

fn applied(n: u64, at: &str, value: &Value) -> Event {
    let object = object(value);
    event(n, at, StreamId::live(object.key()), EventBody::Applied(object))
}
