//! What Kubernetes means by what it writes: one place for each fact, read by every judgement of this crate.
//!
//! Pure functions of objects. Each module names the file of `kubernetes/kubernetes`, or the KEP, that its rules come from.

pub mod annotations;
pub mod conditions;
pub(crate) mod conversion;
pub mod hooks;
#[cfg(test)]
mod laws;
pub mod managers;
pub mod metadata;
pub mod network_policy;
pub mod pod;
pub mod pod_security;
pub mod quota;
pub mod rbac;
pub mod records;
pub mod resources;
pub mod scheduling;
pub mod selector;
pub mod service;
pub mod status;
pub mod tracking;
pub mod webhooks;
