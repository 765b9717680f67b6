//! Where observations and declarations come from. One feature each; nothing of a source leaks into `drift-core`.

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "dump")]
pub mod dump;
#[cfg(feature = "git")]
pub mod git;
#[cfg(any(feature = "audit", feature = "dump", feature = "tape"))]
mod input;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "audit")]
mod lines;
#[cfg(feature = "manifests")]
pub mod manifests;
#[cfg(feature = "tape")]
pub mod tape;
#[cfg(feature = "manifests")]
pub mod yaml;
