//! Integration tests of the sources.

#[cfg(feature = "kubernetes")]
mod fake_apiserver;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(feature = "kubernetes")]
mod kubernetes_soak;
#[cfg(feature = "kubernetes")]
#[path = "../shared/ledger.rs"]
mod ledger;
