//! Integration tests of the sources.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "the soaks say what they saw, and not all features have one")]

#[cfg(feature = "gitops")]
mod application_sets;
#[cfg(all(feature = "argo-server", feature = "gitops"))]
mod argo_server;
#[cfg(feature = "audit")]
mod audit;
#[cfg(feature = "cdevents")]
mod cdevents;
#[cfg(feature = "dump")]
mod dump;
#[cfg(feature = "estate")]
mod estate;
#[cfg(feature = "gitops")]
mod formats;
#[cfg(feature = "git")]
mod git;
#[cfg(feature = "gitops")]
mod gitops;
#[cfg(feature = "gitops")]
mod gitops_options;
#[cfg(feature = "gitops")]
mod gitops_seen;
#[cfg(feature = "gitops")]
mod gitops_sources;
#[cfg(feature = "gitops")]
mod helm_drift;
#[cfg(feature = "gitops")]
mod incremental;
#[cfg(feature = "manifests")]
mod manifests;
#[cfg(all(feature = "receiver", feature = "cdevents", feature = "audit"))]
mod receiver;
#[cfg(feature = "estate")]
mod removals;
mod send_sync;
#[cfg(feature = "tape")]
mod tape;
#[cfg(feature = "manifests")]
mod yaml;

#[cfg(feature = "kubernetes")]
mod fake_apiserver;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(feature = "kubernetes")]
mod kubernetes_soak;
#[cfg(feature = "kubernetes")]
mod kubernetes_store;
#[cfg(feature = "kubernetes")]
#[path = "../shared/ledger.rs"]
mod ledger;
