//! The API server's audit log: which user made which request, and which change of which resource that was.
//!
//! A log is JSON lines of `audit.k8s.io` Events, plain, gzip or zstd; a line may also be an `EventList`, as the webhook
//! backend posts them. Reads, refused requests, dry runs and all stages but the last are no changes and are left out of
//! the [`AuditIndex`]. Bodies are redacted on the way in; no body ever shows in an error.
//!
//! **Invariant:** the effective user counts, which is the impersonated one if there is one; a join that does not rest
//! on the version that a request left behind says so by its [`JoinBasis`].

mod agree;
mod entry;
mod index;
mod kinds;
mod reader;
mod source;
mod told;

pub use entry::{AuditEntry, AuditTarget, AuditVerb};
pub use index::{AuditIndex, Change, Join, JoinBasis, LiveValue};
pub use reader::{AuditDamage, AuditError, AuditOptions, AuditReader};
pub use source::AuditSource;
#[cfg(feature = "receiver")]
pub use source::posts;
