//! The API server's audit log: which user made which request, and which change of which resource that was.
//!
//! A log is JSON lines of `audit.k8s.io` Events, plain, gzip or zstd; a line may also be an `EventList`, as the webhook
//! backend posts them. Reads, failed requests, dry runs and all stages except the last change nothing and are left out of
//! the [`AuditIndex`]. Bodies are redacted while they are read; no error contains a body.
//!
//! **Invariant:** the user of an entry is the effective one, that is the impersonated user if there is one; a match that
//! does not rest on the resourceVersion of the response says so by its [`JoinBasis`]. An entry from a sender that is not known
//! is no evidence, and neither are entries that contradict each other.
//!
//! ```
//! use drift_core::{FieldPath, ResourceKey};
//! use drift_core::redact::{RedactOptions, Redactor};
//! use drift_sources::audit::{AuditIndex, AuditOptions, AuditReader, AuditedChange};
//!
//! let log = r#"{"kind":"Event","stage":"ResponseComplete","verb":"patch","requestURI":"/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=kubectl-edit","user":{"username":"dana"},"objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"shop","name":"web"},"responseStatus":{"code":200},"requestObject":{"spec":{"replicas":5}},"requestReceivedTimestamp":"2026-11-21T00:57:51Z","stageTimestamp":"2026-11-21T00:57:51Z"}"#;
//! let redactor = Redactor::new(RedactOptions::new([0; 32]));
//! let index = AuditIndex::new(AuditReader::from_stream(log.as_bytes(), redactor, AuditOptions::default())?);
//! let (web, replicas) = (ResourceKey::new("apps", "Deployment", "shop", "web"), FieldPath::parse("spec.replicas")?);
//! let change = AuditedChange { path: Some(&replicas), ..AuditedChange::new(&web) };
//! let found = index.join(&change).expect("one request set the replicas");
//! assert_eq!(&*found.entry.user, "dana");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod field_evidence;
mod index;
mod kinds;
mod occurrence;
mod reader;
mod sent_value;
mod source;

pub use entry::{AuditEntry, AuditSender, AuditTarget, AuditVerb};
pub use index::{AuditContradiction, AuditIndex, AuditJoin, AuditedChange, JoinBasis, LiveValue};
pub use reader::{AuditDamage, AuditOpenError, AuditOptions, AuditReader};
pub use source::AuditSource;
#[cfg(feature = "receiver")]
pub use source::webhook_decoder;
