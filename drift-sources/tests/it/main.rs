//! Integration tests of the sources.

#[cfg(feature = "manifests")]
mod yaml;
