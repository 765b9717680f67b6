//! Where events and findings come to rest. Every sink is a feature of its own.

#[cfg(feature = "report")]
pub mod report;
