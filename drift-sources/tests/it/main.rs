//! Integration tests of the sources.

#[cfg(feature = "dump")]
mod dump;
#[cfg(feature = "manifests")]
mod manifests;
#[cfg(feature = "tape")]
mod tape;
#[cfg(feature = "manifests")]
mod yaml;
