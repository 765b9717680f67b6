//! The versions of every resource: who holds them, what differs between them, and how it was at a moment.
//!
//! - [`VersionStore`] holds every version of every live resource, compressed, and is fed event by event.
//! - [`History`] reads a store as of a moment and decompresses only what a question looks at.
//! - [`changes_of`] lists the [`Change`]s of a resource: who changed which fields in which version.
//! - [`differs_beyond_status`] says whether two versions differ in anything but status.
//!
//! # Example
//! ```
//! use drift_core::history::{History, changes_of};
//! use drift_core::schema::SchemaSet;
//! use drift_core::{Event, ResourceKey, Until};
//!
//! # let events: Vec<Event> = Vec::new();
//! let history = History::from_events(&events, Until::End);
//! let web = ResourceKey::new("apps", "Deployment", "shop", "web");
//! for change in changes_of(&history, &web, &SchemaSet::bundled()) {
//!     println!("{:?} changed {:?}", change.manager, change.paths());
//! }
//! ```
//!
//! **Invariant:** a version is stored in one place, and "did anything but status change?" has one answer.

mod change;
mod fingerprint;
mod payload;
mod pod_requests;
mod spec_difference;
mod status_facts;
mod store;
mod version;
mod view;

pub use change::{Change, ResourceOp, changes_of, plain_path};
pub use spec_difference::{differs_beyond_status, is_status_write};
pub use store::VersionStore;
pub use version::{KubernetesEvent, Moment, RecordedVersion, Version};
pub use view::History;

pub(crate) use payload::{PackQueue, Payload, Payloads};
pub(crate) use status_facts::source_revision;
pub(crate) use store::StoredVersion;
pub(crate) use version::VersionList;

#[cfg(test)]
mod tests;
