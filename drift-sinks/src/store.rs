//! Event stores that outlive the process.

#[cfg(feature = "embedded")]
pub mod embedded;
