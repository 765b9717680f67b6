//! What Argo CD, Flux and Helm declare: their apps are found in a cluster's own objects and rendered from Git.
//!
//! [`ClusterSnapshot`] holds the objects of a moment and their earlier versions; [`Repositories`] the Git repositories by
//! the URLs that the engines use. [`GitOps`] finds the apps and returns for each what it declares, what it applied last,
//! what it tracks and which ignore rules it has; [`drift_core::drift::compare_apps`] compares that with what is live.
//!
//! **Invariant:** sends no request to an engine or a cluster; what cannot be rendered here is reported as unknown.
//!
//! ```
//! use std::sync::Arc;
//!
//! use drift_core::Object;
//! use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories};
//! use drift_sources::render::{RenderOptions, Renderer};
//!
//! let app = Object::from_json(br#"{
//!     "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
//!     "metadata": {"name": "shop", "namespace": "flux-system"},
//!     "spec": {"path": "./deploy", "sourceRef": {"kind": "GitRepository", "name": "shop"}}
//! }"#)?;
//! let cluster = ClusterSnapshot::now(vec![Arc::new(app)]);
//! let (repositories, renderer) = (Repositories::default(), Renderer::new(RenderOptions::in_folders(Vec::new())));
//! let gitops = GitOps::new(&cluster, &repositories, &renderer);
//! assert_eq!(gitops.apps().len(), 1);
//! // Its source is not in the cluster, so what it declares is unknown, and the reason is stated.
//! assert!(gitops.declarations()[0].desired.is_err());
//! # Ok::<(), drift_core::DecodeError>(())
//! ```

mod app;
mod application_set;
mod apps;
mod argo;
mod cluster_snapshot;
mod flux;
mod helm;
mod helm_pending;
mod helm_values;
mod history;
mod ignore;
mod incremental;
pub(crate) mod kustomize_edit;
mod last_applied;
mod memo;
mod nondeterminism;
mod rendered;
mod repositories;
mod semver;
mod tracking_index;
mod transition;

pub use app::{App, AppState};
pub use apps::GitOps;
pub use cluster_snapshot::ClusterSnapshot;
pub use drift_core::history::Version;
pub use history::{DeclaredCommit, HistoryError};
pub use incremental::{AppResourceDrift, IncrementalGitOps};
pub use repositories::Repositories;
pub use transition::transitions;

use rendered::{Rendered, objects_of};
