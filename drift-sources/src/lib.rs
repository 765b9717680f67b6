//! Where observations and declarations come from. One feature each; nothing of a source leaks into `drift-core`.

#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "manifests")]
pub mod yaml;
