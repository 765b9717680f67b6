//! Model and judgements of `drift`: what changed in a cluster, who did it, and why is it broken?
//!
//! This crate does no IO, starts no thread and reads no clock: time is an argument, and the same log gives the same
//! bytes. Sources of observations live in `drift-sources`, stores and reports in `drift-sinks`.
//!
//! ```text
//! Observation ─► redact ─► Ingest ─► EventStore ─► Event ─► replay · drift · blame · graph · health · cause ─► Finding
//! ```
//!
//! | I want to … | use |
//! |---|---|
//! | compare what is declared with what is live | [`drift::compare`], [`drift::compare_apps`] |
//! | compare again after each change, for what it affects | [`drift::IncrementalComparison`], [`drift::IncrementalApps`] |
//! | find every difference between two documents | [`diff()`] |
//! | keep history | [`Ingest`] and an [`EventStore`] |
//! | know how everything was at a moment | [`replay::State`] |
//! | know who set a field, and who overwrites whom | [`blame`], [`fights`] |
//! | know how an object is doing | [`health::assess`] |
//! | know what depends on what | [`graph::DependencyGraph`] |
//! | know why something is broken | [`cause::CauseIndex`] |
//! | know what will break | [`checks`], [`impact`] |
//! | know what an answer could not look at | [`coverage`] |
//! | decide what the scheduler, RBAC or a NetworkPolicy would | [`k8s`] |
//! | write a source, a sink or a store of my own | [`Source`], [`Sink`], [`EventStore`], with the suites in `testing` |
//!
//! # Compare
//!
//! ```
//! use std::sync::Arc;
//!
//! use drift_core::Object;
//! use drift_core::drift::{DesiredObject, DriftOptions, Status, compare};
//! use drift_core::schema::SchemaSet;
//!
//! let object = |cpu: &str| {
//!     let json = format!(
//!         r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"web","namespace":"shop"}},"spec":{{"containers":[
//!             {{"name":"web","image":"web:1","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}"#
//!     );
//!     Arc::new(Object::from_json(json.as_bytes()).unwrap())
//! };
//! let status = |desired: &str, live: &str| {
//!     let desired = DesiredObject { object: object(desired), declared: None };
//!     let options = DriftOptions::default();
//!     compare(&[desired], &[object(live)], &SchemaSet::bundled(), &options).resources[0].status
//! };
//! assert_eq!(status("1000m", "1"), Status::InSync);
//! assert_eq!(status("500m", "1"), Status::Drifted);
//! ```
//!
//! # Ask why
//!
//! ```
//! use drift_core::cause::CauseIndex;
//! use drift_core::schema::SchemaSet;
//! use drift_core::{Event, ResourceKey, Until};
//!
//! # let events: Vec<Event> = Vec::new();
//! let mut index = CauseIndex::default();
//! events.iter().for_each(|event| index.apply(event));
//! let schemas = SchemaSet::bundled();
//! let answer = index.investigation(Until::End, &schemas).why(&ResourceKey::parse("Pod/shop/web-0").unwrap());
//! println!("{}", answer.abstained_because.unwrap_or_default());
//! ```

pub mod blame;
pub mod cause;
pub mod checks;
pub mod coverage;
mod diff;
pub mod drift;
mod event;
pub mod fault;
pub mod fights;
pub mod finding;
pub mod graph;
pub mod health;
pub mod history;
pub mod impact;
pub mod ingest;
pub mod k8s;
mod key;
mod object;
mod ownership;
mod path;
pub mod redact;
pub mod replay;
pub mod schema;
mod sink;
mod source;
mod store;
mod stream;
pub mod tape;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod timeline;
pub mod watch;
pub mod wire;

pub use diff::{Diff, FieldChange, PatchError, diff};
pub use event::{
    Actor, Applied, Deleted, Event, EventBody, EventId, Gap, GapReason, LogPosition, NewEvent, Observation,
    Occurrence, OccurrenceKind, Origin, Until, UntilError,
};
pub use finding::{Finding, FindingBody, FindingId, FindingState, FindingTracker, FindingUpdate};
pub use ingest::Ingest;
pub use key::{
    Cursor, KeyError, KindName, ResourceKey, ResourceName, ResourceNameError, ResourceVersion,
    SourceRevision, Uid,
};
pub use object::{
    BuildError, Children, DecodeError, Doc, DocBuilder, Kind, Node, Object, ObjectError, PackError, Packed,
    Packer,
};
pub use ownership::{FieldSet, FieldSetError, ManagedFields, ManagedFieldsEntry, Operation};
pub use path::{FieldPath, PathElement, PathError, Scalar};
pub use sink::{Sink, SinkError};
pub use source::{Source, SourceError};
pub use store::{Append, EventStore, EventStoreExt, ExpectedRevision, MemoryStore, StoreError};
pub use stream::{Authority, Facet, Position, Revision, Scope, StreamId};

/// The Rust in the page about Kubernetes decided offline, so that the tests run it.
#[cfg(doctest)]
#[doc = include_str!("../../docs/kubernetes.md")]
struct KubernetesPage;
