//! Argo CD, from its own objects: Applications, projects, settings, and the marks that it leaves on what it manages.
//!
//! **Invariant:** reads objects that somebody hands in; asks neither a cluster nor Argo CD. Only [`server`] does, and what
//! it gives is read by [`answer`].

pub mod answer;
mod application;
mod cron;
mod project;
#[cfg(feature = "argo-server")]
pub mod server;
mod settings;
mod tracking;
mod window;

pub use application::{
    Application, Condition, Deployment, Destination, Initiator, ManagedResource, Source, SyncOperation,
    SyncedResource,
};
pub use cron::{Schedule, ScheduleError};
pub use project::{AppProject, SyncWindow, WindowKind};
pub use settings::{Settings, TrackingMethod, ignore_differences};
pub use tracking::{TrackingError, TrackingId, instance_label, tracks};
pub use window::{Held, WindowError, held};

/// API group of Argo CD's objects.
pub const GROUP: &str = "argoproj.io";

/// Annotation that holds a [`TrackingId`].
pub const TRACKING_ANNOTATION: &str = "argocd.argoproj.io/tracking-id";

/// Annotation that tells installations on one cluster apart.
pub const INSTALLATION_ANNOTATION: &str = "argocd.argoproj.io/installation-id";

/// Label that names the app where tracking goes by label.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// Tells whether an object is a hook: run at a sync, and declared by nobody.
pub fn is_hook(object: &drift_core::Object) -> bool {
    let helm = object.annotation("helm.sh/hook");
    // Argo CD keeps `crd-install` as a plain resource.
    let by_helm = helm.is_some_and(|h| h.split(',').any(|h| h.trim() != "crd-install"));
    object.annotation("argocd.argoproj.io/hook").is_some_and(|h| !h.trim().is_empty()) || by_helm
}
