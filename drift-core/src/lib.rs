//! Model and judgements of `drift`: what changed in a cluster, who did it, and why is it broken.
//!
//! This crate does no IO, starts no thread and reads no clock: time is an argument, and the same log gives the same
//! bytes. Sources of observations live in `drift-sources`, stores and reports in `drift-sinks`.

pub mod blame;
pub mod cause;
pub mod checks;
mod diff;
pub mod drift;
mod event;
pub mod fault;
pub mod fights;
mod finding;
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
pub mod wire;

pub use diff::{Diff, FieldChange, PatchError, diff};
pub use event::{
    Actor, Applied, Deleted, Event, EventBody, EventId, Gap, GapReason, LogPosition, NewEvent, Observation,
    Occurrence, OccurrenceKind, Origin, Until,
};
pub use finding::{Finding, FindingBody, FindingId};
pub use ingest::Ingest;
pub use key::{Cursor, KeyError, ResourceKey, ResourceVersion, SourceRevision, Uid};
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
