//! Live objects by the marks that engines leave on them, so that an app is asked about few of them.

use std::collections::{BTreeSet, HashMap};

use drift_core::{Object, ResourceKey};

use super::App;
use crate::argo::Settings;

/// A text by which an engine marks what it manages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mark(&'static str, String);

impl Mark {
    /// Returns the mark of an app; others may share it, so that an object is looked at before it is believed.
    pub(super) fn of(app: &App, settings: &Settings) -> Self {
        match app {
            App::Application(app) => Self("argo", app.instance_name(&settings.namespace)),
            App::Kustomization(app) => Self("flux", app.key.name.to_string()),
            App::HelmRelease(app) => Self("hr", app.key.name.to_string()),
            App::Release(_, name) => Self("helm", name.to_string()),
        }
    }

    /// Returns the marks that an object carries.
    pub(super) fn on(object: &Object, settings: &Settings) -> Vec<Self> {
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

/// Keys of live objects by the marks that they carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(HashMap<Mark, BTreeSet<ResourceKey>>);

impl Marks {
    /// Takes an object.
    pub(super) fn add(&mut self, object: &Object, settings: &Settings) {
        for mark in Mark::on(object, settings) {
            self.0.entry(mark).or_default().insert(object.key());
        }
    }

    /// Takes an object away, which carries the marks that it had when it was taken.
    pub(super) fn remove(&mut self, object: &Object, settings: &Settings) {
        for mark in Mark::on(object, settings) {
            if let Some(keys) = self.0.get_mut(&mark) {
                keys.remove(&object.key());
            }
        }
    }

    /// Returns the keys of what carries a mark.
    pub(super) fn of(&self, mark: &Mark) -> impl Iterator<Item = &ResourceKey> + use<'_> {
        self.0.get(mark).into_iter().flatten()
    }
}
