//! Integration tests of the sources.

#[cfg(feature = "git")]
mod git;
#[cfg(feature = "manifests")]
mod yaml;
