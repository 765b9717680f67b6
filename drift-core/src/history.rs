//! The versions of every resource: who holds them, what differs between them, and how it was at a moment.

mod change;
mod fingerprint;
mod versions;
mod view;

pub use change::{Change, ResourceOp, changes_of, plain_path};
pub use view::{History, KubernetesEvent, Moment, Version};

pub(crate) use versions::Records;
