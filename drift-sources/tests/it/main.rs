//! Integration tests of the sources.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[cfg(feature = "dump")]
mod dump;
#[cfg(feature = "git")]
mod git;
#[cfg(feature = "manifests")]
mod manifests;
#[cfg(feature = "tape")]
mod tape;
#[cfg(feature = "manifests")]
mod yaml;
