//! CloudEvents and CDEvents: what happens outside of the cluster, in pipelines, registries, merges and feature flags.
//!
//! A CloudEvent in structured mode (one JSON document, or a batch of them), in binary mode (attributes in `ce-` headers,
//! data as the body) or a bare CDEvent becomes one [`drift_core::Occurrence`] for each resource that it names. Resources are named by
//! `subject` in the text form of a key, by `resource` or `resources` in the data or in `customData`, or as Flux's
//! notifications do by `involvedObject`. An event that names none becomes an occurrence about no resource.
//!
//! **Invariant:** nothing here decides what an event caused; it passes on what the sender reported, redacted.
//!
//! ```
//! use drift_core::redact::{RedactOptions, Redactor};
//! use drift_sources::cdevents::EventDecoder;
//!
//! let decoder = EventDecoder::new("", Redactor::new(RedactOptions::new([0; 32])));
//! let occurrences = decoder.decode_structured(br#"{
//!     "specversion": "1.0", "id": "1", "type": "dev.cdevents.service.deployed.0.2.0", "source": "/ci/shop",
//!     "time": "2026-11-21T00:57:51Z", "subject": "Deployment.apps/shop/web"
//! }"#)?;
//! assert_eq!(&*occurrences[0].reason, "service.deployed");
//! assert_eq!(occurrences[0].about.as_ref().map(|key| &*key.name), Some("web"));
//! # Ok::<(), drift_sources::cdevents::EventError>(())
//! ```

mod decode;
mod file;

pub use decode::{EventDecoder, EventError};
pub use file::EventFileSource;
