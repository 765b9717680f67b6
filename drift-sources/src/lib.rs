//! Where observations come from; each source is a feature of its own.

#[cfg(feature = "kubernetes")]
pub mod kubernetes;
