//! What Kubernetes means by what it writes: one place for each fact, read by every judgement of this crate.
//!
//! Pure functions of objects. Each module names the file of `kubernetes/kubernetes`, or the KEP, that its rules come from.

pub mod conditions;
pub mod managers;
pub mod pod;
pub mod selector;
pub mod tracking;
