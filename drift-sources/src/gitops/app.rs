//! An app of an engine, and its state as the engine reports it.

use std::sync::Arc;

use drift_core::ResourceKey;

use crate::argo::{Application, ApplicationSet};
use crate::flux::{HelmRelease, Kustomization};

/// An app of some engine.
#[derive(Clone, Debug)]
pub enum App {
    /// An Application of Argo CD.
    Application(Box<Application>),
    /// An ApplicationSet of Argo CD, which declares Applications.
    ApplicationSet(Box<ApplicationSet>),
    /// A Kustomization of Flux.
    Kustomization(Box<Kustomization>),
    /// A HelmRelease of Flux.
    HelmRelease(Box<HelmRelease>),
    /// A release that was installed with Helm itself.
    Release {
        /// Namespace of the release.
        namespace: Arc<str>,
        /// Name of the release.
        name: Arc<str>,
    },
}

impl App {
    /// Returns the key by which reports name the app.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Application(app) => app.key(),
            Self::ApplicationSet(set) => set.key(),
            Self::Kustomization(app) => app.key.clone(),
            Self::HelmRelease(app) => app.key.clone(),
            Self::Release { namespace, name } => {
                ResourceKey::new(crate::helm::GROUP, "Release", namespace, name)
            }
        }
    }

    /// Returns the namespace of what it declares without one; `None` where the app does not set it.
    pub fn target_namespace(&self) -> Option<&str> {
        let namespace: &str = match self {
            Self::Application(app) => &app.destination.namespace,
            Self::ApplicationSet(set) => &set.namespace,
            Self::Kustomization(app) => app.target_namespace.as_deref().unwrap_or_default(),
            Self::HelmRelease(app) => &app.target_namespace,
            Self::Release { namespace, .. } => namespace,
        };
        (!namespace.is_empty()).then_some(namespace)
    }
}

/// The state of an app as its engine reports it, and the revisions of its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppState {
    /// The engine's own verdict: `Synced`, `OutOfSync`, `Ready`, `NotReady`, `deployed` and so on.
    pub engine: String,
    /// The engine's reason or message.
    pub reason: Option<String>,
    /// Revisions that were applied last, one for each source.
    pub applied: Vec<String>,
    /// Revisions that should be applied, one for each source; empty if they are not known.
    pub head: Vec<String>,
    /// Whether the app is suspended or skipped.
    pub suspended: bool,
    /// What keeps the engine from applying, such as a sync window.
    pub held_back: Option<String>,
    /// A change that the engine has not reconciled yet and that therefore cannot be compared.
    pub waiting: Option<String>,
    /// Why the desired state is not known.
    pub error: Option<String>,
}
