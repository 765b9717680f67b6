//! Where observations and desired state come from: files, Git, a live cluster, Argo CD, Flux and Helm.
//!
//! Each module is behind a feature of the same name, so that an embedder compiles only what it reads. The judgements
//! themselves ([`drift_core`]) know none of these modules.
//!
//! | I want to … | use … | feature |
//! |---|---|---|
//! | read manifests from a folder, a file or standard input | [`manifests::Manifests`] | `manifests` (default) |
//! | read the output of `kubectl get -o json` or `-o yaml` | [`dump::Dump`] | `dump` (default) |
//! | read or replay recorded watch events | [`tape::TapeReader`], [`tape::TapeSource`] | `tape` (default) |
//! | parse YAML as kubectl does, with the position of each field | [`yaml::read`] | `manifests` (default) |
//! | list and watch a live cluster | [`kubernetes::KubernetesSource`] | `kubernetes` |
//! | find out who made a change | [`audit::AuditIndex`] | `audit` |
//! | take in events of pipelines, registries and merges | [`cdevents::EventDecoder`] | `cdevents` |
//! | receive such events and audit logs by HTTP | [`receiver::Receiver`] | `receiver` |
//! | read any revision of a Git repository, or blame a line | [`git::GitRepo`] | `git` |
//! | know what Argo CD, Flux and Helm declare, and by which commit | [`gitops::GitOps`] | `gitops` |
//! | do so again after each change of a cluster | [`gitops::IncrementalGitOps`] | `gitops` |
//! | let Argo CD's API render what is declared | [`argo::server::ArgoServer`] | `argo-server` |
//! | parse single objects of an engine | [`argo`], [`flux`], [`helm`] | `argo`, `flux`, `helm` |
//! | run `kustomize` or `helm template` on a commit | [`render::Renderer`] | `render` |
//! | evaluate jq expressions of ignore rules | [`jq::JqSandbox`] | `jq` |
//!
//! # Manifests against a dump
//!
//! ```
//! use std::sync::Arc;
//!
//! use drift_core::drift::{DesiredObject, DriftOptions, Status, compare};
//! use drift_core::schema::SchemaSet;
//! use drift_sources::dump::{Dump, DumpOptions};
//! use drift_sources::manifests::ManifestReader;
//!
//! let mut reader = ManifestReader::new();
//! reader.add_file("a.yaml", b"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, data: {k: '1'}}");
//! let desired: Vec<_> = reader.finish().declared.into_iter().map(|d| DesiredObject { object: Arc::new(d.object), declared: None }).collect();
//!
//! let live = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop"},"data":{"k":"2"}}"#;
//! let live = Dump::from_stream("live.json", live.as_bytes(), DumpOptions::default())?.map(|o| o.map(Arc::new));
//! let live = live.collect::<Result<Vec<_>, _>>()?;
//!
//! let report = compare(&desired, &live, &SchemaSet::bundled(), &DriftOptions::default());
//! assert_eq!(report.resources[0].status, Status::Drifted);
//! # Ok::<(), drift_sources::dump::DumpError>(())
//! ```
//!
//! # Any source, one stream
//!
//! Dumps, tapes, audit logs, Git and clusters implement [`drift_core::Source`]: a stream of observations that resumes from
//! a cursor. [`tape::TapeSource`] has an example that runs, [`kubernetes`] one for a cluster.
//!
//! # Threads
//!
//! Results are `Send + Sync`. Readers, which hold a stream and are used through `&mut`, are `Send`.

// Readers: files and bytes in, objects out.
#[cfg(feature = "dump")]
pub mod dump;
#[cfg(feature = "manifests")]
pub mod manifests;
#[cfg(feature = "tape")]
pub mod tape;
#[cfg(feature = "manifests")]
pub mod yaml;

// Sources that observe: a cluster, a repository, and what happens around them.
#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "cdevents")]
pub mod cdevents;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "receiver")]
pub mod receiver;

// GitOps engines: what their objects declare, and what is rendered from that.
#[cfg(feature = "argo")]
pub mod argo;
#[cfg(feature = "flux")]
pub mod flux;
#[cfg(feature = "gitops")]
pub mod gitops;
#[cfg(feature = "helm")]
pub mod helm;
#[cfg(feature = "jq")]
pub mod jq;
#[cfg(feature = "render")]
pub mod render;
#[cfg(feature = "git")]
pub mod scratch;

// All of it together: what a question is asked about.
#[cfg(feature = "estate")]
pub mod estate;

#[cfg(feature = "manifests")]
mod special_file;

// Shared by the readers: compressed input, and lines with a limit.
#[cfg(any(feature = "audit", feature = "cdevents", feature = "dump", feature = "tape"))]
mod input;
#[cfg(any(feature = "audit", feature = "cdevents", feature = "tape"))]
mod lines;

/// The Rust in the README, so that the tests run it. Blocks in other languages are named as such there.
#[cfg(all(doctest, feature = "estate"))]
#[doc = include_str!("../../README.md")]
struct Readme;
