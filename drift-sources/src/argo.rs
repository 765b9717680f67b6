//! Argo CD, read from its own objects: Applications, ApplicationSets, projects, clusters, settings, sync windows, and tracking
//! marks.
//!
//! Everything here is a function of the objects that are passed in. Only [`server`] talks to an Argo CD API server;
//! its responses are parsed by [`answer`].
//!
//! ```
//! use drift_core::Object;
//! use drift_sources::argo::Application;
//!
//! let object = Object::from_json(br#"{
//!     "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
//!     "metadata": {"name": "shop", "namespace": "argocd"},
//!     "spec": {
//!         "source": {"repoURL": "https://git.example.com/shop.git", "path": "deploy", "targetRevision": "main"},
//!         "syncPolicy": {"automated": {"selfHeal": true}}
//!     }
//! }"#)?;
//! let app = Application::from_object(&object).expect("the object is an Application");
//! assert_eq!(app.sources[0].path.as_deref(), Some("deploy"));
//! assert!(app.heals_itself);
//! # Ok::<(), drift_core::DecodeError>(())
//! ```

pub mod answer;
mod application;
mod application_set;
mod cluster;
mod cron;
mod project;
#[cfg(feature = "argo-server")]
pub mod server;
mod settings;
mod tracking;
mod window;

pub use application::{
    Application, ApplicationCondition, ApplicationDestination, ApplicationSource, AppliedRevisions,
    ManagedResource, RevisionHistory, SyncInitiator, SyncOperation, SyncedResource,
};
#[cfg(feature = "gitops")]
pub(crate) use application_set::application_key;
pub use application_set::{ApplicationSet, ApplicationSetOptions, ApplicationsSync};
pub use cluster::{ArgoCluster, IN_CLUSTER_NAME, IN_CLUSTER_SERVER};
pub use cron::{Schedule, ScheduleError};
pub use project::{AppProject, SyncWindow, WindowKind};
pub use settings::{ArgoSettings, KindExclusion, TrackingMethod, parse_ignore_differences};
pub use tracking::{TrackingError, TrackingId, belongs_to_app, instance_label};
pub use window::{SyncBlock, WindowError, sync_blocked_by};

/// API group of Argo CD's objects.
pub const GROUP: &str = "argoproj.io";

/// Annotation that holds a [`TrackingId`].
pub const TRACKING_ANNOTATION: &str = "argocd.argoproj.io/tracking-id";

/// Annotation that distinguishes several installations of Argo CD on one cluster.
pub const INSTALLATION_ANNOTATION: &str = "argocd.argoproj.io/installation-id";

/// Label with the name of the app, where tracking is by label.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
