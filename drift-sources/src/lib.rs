//! Where observations and declarations come from. One feature each; nothing of a source leaks into `drift-core`.

#[cfg(feature = "dump")]
pub mod dump;
#[cfg(feature = "git")]
pub mod git;
#[cfg(any(feature = "dump", feature = "tape"))]
mod input;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "manifests")]
pub mod manifests;
#[cfg(feature = "tape")]
pub mod tape;
#[cfg(feature = "manifests")]
pub mod yaml;
