//! drift-sources

#[cfg(feature = "git")]
pub mod git;
