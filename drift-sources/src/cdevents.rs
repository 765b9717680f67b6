//! What happens outside of the cluster: CloudEvents and CDEvents of pipelines, registries, merges and feature flags.
//!
//! A CloudEvent in structured mode (one JSON document, or a batch of them), in binary mode (attributes in `ce-` headers,
//! data as the body) or a bare CDEvent becomes one [`drift_core::Occurrence`] for each resource that it names. Resources are named by
//! `subject` in the text form of a key, by `resource` or `resources` in the data or in `customData`, or as Flux's
//! notifications do by `involvedObject`. An event that names none is told all the same, about no resource.
//!
//! **Invariant:** nothing here decides what an event caused; it says what its sender said, redacted.

mod decode;
mod file;

pub use decode::{EventDecoder, EventError};
pub use file::EventFileSource;
