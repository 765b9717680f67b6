//! Where observations and declarations come from. One feature each; nothing of a source leaks into `drift-core`.

#[cfg(feature = "argo")]
pub mod argo;
#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "cdevents")]
pub mod cdevents;
#[cfg(feature = "dump")]
pub mod dump;
#[cfg(feature = "estate")]
pub mod estate;
#[cfg(feature = "flux")]
pub mod flux;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "gitops")]
pub mod gitops;
#[cfg(feature = "helm")]
pub mod helm;
#[cfg(any(feature = "audit", feature = "cdevents", feature = "dump", feature = "tape"))]
mod input;
#[cfg(feature = "jq")]
pub mod jq;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(any(feature = "audit", feature = "cdevents", feature = "tape"))]
mod lines;
#[cfg(feature = "manifests")]
pub mod manifests;
#[cfg(feature = "receiver")]
pub mod receiver;
#[cfg(feature = "render")]
pub mod render;
#[cfg(feature = "tape")]
pub mod tape;
#[cfg(feature = "manifests")]
pub mod yaml;

/// The Rust in the README, so that the tests run it. Blocks in other languages are named as such there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
