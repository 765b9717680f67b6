//! Event stores on disk.

#[cfg(feature = "embedded")]
pub mod embedded;
