//! Live objects by the tracking marks of engines, so that each app looks at few of them.

use std::collections::{BTreeSet, HashMap};

use drift_core::k8s::tracking::owning_application_set;
use drift_core::{Object, ResourceKey};

use super::App;
use crate::argo::ArgoSettings;

/// The text by which an engine marks the resources of an app: engine and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TrackingKey(&'static str, String);

impl TrackingKey {
    /// Returns the key of an app. Apps may share one, so each object is still checked.
    pub(super) fn of_app(app: &App, settings: &ArgoSettings) -> Self {
        match app {
            App::Application(app) => Self("argo", app.instance_name(&settings.namespace)),
            App::ApplicationSet(set) => Self("set", set.name.to_string()),
            App::Kustomization(app) => Self("flux", app.key.name.to_string()),
            App::HelmRelease(app) => Self("hr", app.key.name.to_string()),
            App::Release { name, .. } => Self("helm", name.to_string()),
        }
    }

    /// Returns `true` for the key of an ApplicationSet.
    pub(super) fn is_of_set(&self) -> bool {
        self.0 == "set"
    }

    /// Returns the keys that an object carries.
    pub(super) fn on_object(object: &Object, settings: &ArgoSettings) -> Vec<Self> {
        if object.kind() == "Application"
            && let Some((set, _)) = owning_application_set(object)
        {
            return vec![Self("set", set.to_owned())];
        }
        // What a controller makes of a declared object, it marks with a copy of its labels.
        let owned = object.root().at(&["metadata", "ownerReferences"]).is_some_and(|o| !o.is_empty());
        if owned || matches!(object.kind(), "Endpoints" | "EndpointSlice" | "Event" | "ControllerRevision") {
            return Vec::new();
        }
        let id = object.annotation(crate::argo::TRACKING_ANNOTATION).and_then(|t| t.split(':').next());
        let label = object.label(&settings.instance_label);
        let texts = [
            ("argo", id),
            ("argo", label.filter(|l| Some(*l) != id)),
            ("flux", object.label("kustomize.toolkit.fluxcd.io/name")),
            ("hr", object.label("helm.toolkit.fluxcd.io/name")),
            ("helm", object.annotation("meta.helm.sh/release-name")),
        ];
        texts.into_iter().filter_map(|(engine, text)| Some(Self(engine, text?.to_owned()))).collect()
    }
}

/// Keys of live objects by their tracking marks.
#[derive(Clone, Debug, Default)]
pub(super) struct TrackingIndex(HashMap<TrackingKey, BTreeSet<ResourceKey>>);

impl TrackingIndex {
    /// Adds an object.
    pub(super) fn add(&mut self, object: &Object, settings: &ArgoSettings) {
        for mark in TrackingKey::on_object(object, settings) {
            self.0.entry(mark).or_default().insert(object.key());
        }
    }

    /// Removes an object, given as it was when it was added.
    pub(super) fn remove(&mut self, object: &Object, settings: &ArgoSettings) {
        for mark in TrackingKey::on_object(object, settings) {
            if let Some(keys) = self.0.get_mut(&mark) {
                keys.remove(&object.key());
            }
        }
    }

    /// Returns the keys of the objects with a tracking mark.
    pub(super) fn keys_of(&self, mark: &TrackingKey) -> impl Iterator<Item = &ResourceKey> + use<'_> {
        self.0.get(mark).into_iter().flatten()
    }
}
