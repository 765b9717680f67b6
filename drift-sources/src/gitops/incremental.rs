//! Comparing what engines declare with what is live, again and again: only what a change affects is evaluated again.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use drift_core::drift::rules::{RuleProblems, RuleSet};
use drift_core::drift::{DriftReport, IncrementalApps, ResourceDrift};
use drift_core::k8s::managers;
use drift_core::schema::SchemaSet;
use drift_core::{Object, ResourceKey};

use super::tracking_index::{TrackingIndex, TrackingKey};
use super::{App, ClusterSnapshot, GitOps, Repositories, Version};
use crate::argo::{
    AppProject, Application, ApplicationSet, ApplicationSetOptions, ArgoCluster, ArgoSettings,
};
use crate::flux::{FluxSource, HelmRelease, Kustomization};
use crate::jq::JqSandbox;
use crate::render::Renderer;

/// The apps of a cluster and the drift of their resources, updated change by change.
///
/// Re-evaluates only what a change affects: a changed resource; the resources whose declaration changed when an app
/// changes; and the dependent apps when a source, a substituted variable, a Helm release or the Argo CD settings change.
#[derive(Debug)]
pub struct IncrementalGitOps<'a> {
    gitops: GitOps<'a>,
    /// Apps by the keys that they read besides the resources with their tracking mark.
    readers: HashMap<ResourceKey, BTreeSet<ResourceKey>>,
    /// Apps by their tracking marks.
    marked: HashMap<TrackingKey, BTreeSet<ResourceKey>>,
    comparison: IncrementalApps,
    exceptions: RuleSet,
    jq: JqSandbox,
}

/// The drift of a resource, as seen from one app.
#[derive(Clone, Debug, PartialEq)]
pub struct AppResourceDrift {
    /// Key of the resource.
    pub key: ResourceKey,
    /// Key of the app.
    pub app: ResourceKey,
    /// The drift; `None` if the app no longer declares or tracks the resource.
    pub drift: Option<ResourceDrift>,
}

impl<'a> IncrementalGitOps<'a> {
    /// Starts from a snapshot; everything in it is evaluated once.
    pub fn new(
        cluster: ClusterSnapshot,
        repositories: &'a Repositories,
        renderer: &'a Renderer,
        schemas: SchemaSet,
        exceptions: RuleSet,
    ) -> Self {
        let mut comparison = IncrementalApps::new(schemas);
        cluster.live().iter().for_each(|object| comparison.set_live(Arc::clone(object)));
        let mut this = Self {
            gitops: GitOps::with_snapshot(Cow::Owned(cluster), repositories, renderer),
            readers: HashMap::new(),
            marked: HashMap::new(),
            comparison,
            exceptions,
            jq: JqSandbox::default(),
        };
        let all: BTreeSet<ResourceKey> = this.gitops.apps.keys().cloned().collect();
        all.iter().for_each(|name| this.index_app(name));
        this.declare_apps(&all);
        this.comparison.judge(&this.jq);
        this
    }

    /// Applies the next version of a resource; see [`Self::apply_all`].
    pub fn apply(&mut self, key: &ResourceKey, version: Version) -> Vec<AppResourceDrift> {
        self.apply_all([(key.clone(), version)])
    }

    /// Applies the next versions of resources and returns the new status of every resource whose status changed.
    ///
    /// If the snapshot was taken at a moment, that moment advances to the newest version, and Git is read as of then.
    /// Otherwise Git is read as it is now.
    pub fn apply_all(
        &mut self,
        versions: impl IntoIterator<Item = (ResourceKey, Version)>,
    ) -> Vec<AppResourceDrift> {
        let mut touched = BTreeSet::new();
        for (key, version) in versions {
            touched.append(&mut self.take_version(&key, version));
        }
        if self.gitops.cluster.moment().is_some() && !self.gitops.repositories.is_empty() {
            // Any commit may have come by now.
            self.gitops.named = self.gitops.named_commits();
            touched = self.gitops.apps.keys().cloned().chain(touched).collect();
        }
        self.declare_apps(&touched);
        let changed = self.comparison.judge(&self.jq);
        let resource_drift = |(key, app): (ResourceKey, ResourceKey)| {
            let mut drift = self.comparison.get(&key, &app).cloned();
            drift.iter_mut().for_each(|d| self.gitops.look_back_at(d));
            AppResourceDrift { key, app, drift }
        };
        changed.into_iter().map(resource_drift).collect()
    }

    fn take_version(&mut self, key: &ResourceKey, version: Version) -> BTreeSet<ResourceKey> {
        let before = self.gitops.cluster.get(key).cloned();
        let now = version.object.clone();
        self.gitops.cluster.to_mut().apply(key, version);
        for engine in [managers::ARGO_CD, managers::FLUX_KUSTOMIZE].iter().filter_map(|m| m.first()) {
            self.gitops.remembered.forget(&(key.clone(), *engine));
        }
        let mut touched = self.readers.get(key).cloned().unwrap_or_default();
        if self.bears_on_sets(before.as_deref(), now.as_deref()) {
            let namespace = &*key.namespace;
            let reads = |app: &App| matches!(app, App::ApplicationSet(set) if set.reads_resources || *set.namespace == *namespace);
            let sets = self.gitops.apps.iter().filter(|(_, app)| reads(app));
            touched.extend(sets.map(|(key, _)| key.clone()));
        }
        for (object, came) in before.iter().map(|o| (o, false)).chain(now.iter().map(|o| (o, true))) {
            let marks = TrackingKey::on_object(object, &self.gitops.settings);
            for mark in marks.into_iter().filter(|mark| !mark.is_of_set()) {
                touched.extend(self.marked.get(&mark).into_iter().flatten().cloned());
            }
            match came {
                true => self.gitops.tracking.add(object, &self.gitops.settings),
                false => self.gitops.tracking.remove(object, &self.gitops.settings),
            }
        }
        match &now {
            Some(object) => self.comparison.set_live(Arc::clone(object)),
            None => self.comparison.remove_live(key),
        }
        touched.append(&mut self.reload_object(key, before.as_ref(), now.as_ref()));
        touched
    }

    /// Returns `true` if a change may bear on what ApplicationSets declare: that of an Application but for its status, that a Secret
    /// came or went, and of what one reads clusters from.
    fn bears_on_sets(&self, before: Option<&Object>, now: Option<&Object>) -> bool {
        let Some(either) = now.or(before) else { return false };
        match (either.group(), either.kind()) {
            (crate::argo::GROUP, "Application") => {
                const PARTS: [&[&str]; 3] =
                    [&["spec"], &["metadata", "finalizers"], &["metadata", "ownerReferences"]];
                let (Some(before), Some(now)) = (before, now) else { return true };
                PARTS.iter().any(|part| before.root().at(part) != now.root().at(part))
            }
            ("", "Secret") => before.is_some() != now.is_some(),
            _ => {
                *either.namespace() == *self.gitops.settings.namespace
                    && self
                        .gitops
                        .apps
                        .values()
                        .any(|app| matches!(app, App::ApplicationSet(set) if set.reads_resources))
            }
        }
    }

    /// Returns the problems of rules, each once.
    pub fn problems(&self) -> RuleProblems {
        self.comparison.problems()
    }

    /// Returns the drift of all resources.
    pub fn report(&self) -> DriftReport {
        let mut report = DriftReport {
            resources: self.comparison.verdicts().cloned().collect(),
            ..DriftReport::default()
        };
        self.gitops.look_back(&mut report);
        report
    }

    /// Returns the apps.
    pub fn gitops(&self) -> &GitOps<'a> {
        &self.gitops
    }

    /// Replaces the schemas; everything is evaluated again.
    pub fn set_schemas(&mut self, schemas: SchemaSet) {
        self.comparison.set_schemas(schemas);
        self.comparison.judge(&self.jq);
    }

    /// Updates the declarations of apps.
    fn declare_apps(&mut self, apps: &BTreeSet<ResourceKey>) {
        for name in apps {
            match self.gitops.apps.get(name) {
                Some(app) => {
                    let mut declaration = self.gitops.declaration(app);
                    declaration.rules.append(self.exceptions.clone());
                    self.comparison.set_app(declaration);
                }
                None => self.comparison.remove_app(name),
            }
        }
    }

    /// Reads an object of an engine again and returns the apps that it affects.
    fn reload_object(
        &mut self,
        key: &ResourceKey,
        before: Option<&Arc<Object>>,
        now: Option<&Arc<Object>>,
    ) -> BTreeSet<ResourceKey> {
        let Some(either) = now.or(before) else { return BTreeSet::new() };
        if Application::from_object(either).is_some() || Kustomization::from_object(either).is_some() {
            self.reload_app(key, now);
            return [key.clone()].into();
        }
        if ApplicationSet::from_object(either).is_some() {
            self.reload_app(key, now);
            return [key.clone()].into();
        }
        // A Secret that was a cluster's may have become another's.
        let is_cluster = |o: &Arc<Object>| ArgoCluster::from_object(o).is_some();
        if ApplicationSetOptions::is_options(either) || before.into_iter().chain(now).any(is_cluster) {
            let mut touched = self.reload_for_sets(key, either, now);
            // The same ConfigMap has options of both controllers.
            if ArgoSettings::is_settings(either) {
                touched.extend(self.reload_settings());
            }
            return touched;
        }
        if HelmRelease::from_object(either).is_some() {
            self.reload_app(key, now);
            return self.reload_releases(&[]).into_iter().chain([key.clone()]).collect();
        }
        if let Some(project) = AppProject::from_object(either) {
            self.gitops.projects.remove(&project.name);
            now.into_iter().for_each(|object| self.gitops.add_object(object));
            let of_it = |app: &App| matches!(app, App::Application(app) if app.project == project.name);
            return self.gitops.apps.iter().filter(|(_, app)| of_it(app)).map(|(k, _)| k.clone()).collect();
        }
        if FluxSource::from_object(either).is_some() {
            self.gitops.sources.remove(key);
            now.into_iter().for_each(|object| self.gitops.add_object(object));
            // Who refers to it is a reader; the revisions that it named matter only for a moment in the past.
            return BTreeSet::new();
        }
        if ArgoSettings::is_settings(either) {
            return self.reload_settings();
        }
        if crate::helm::is_storage(either) {
            let touched: Vec<&Arc<Object>> = before.into_iter().chain(now).collect();
            touched.iter().for_each(|o| drop(self.gitops.notes.remove(&o.key())));
            return self.reload_releases(&touched);
        }
        BTreeSet::new()
    }

    fn reload_app(&mut self, key: &ResourceKey, now: Option<&Arc<Object>>) {
        self.unindex_app(key);
        self.gitops.apps.remove(key);
        self.gitops.notes.remove(key);
        if let Some(object) = now {
            self.gitops.add_object(object);
            self.index_app(key);
        }
    }

    /// Reads a cluster's Secret or the options of the ApplicationSet controller again, and returns all ApplicationSets.
    fn reload_for_sets(
        &mut self,
        key: &ResourceKey,
        either: &Object,
        now: Option<&Arc<Object>>,
    ) -> BTreeSet<ResourceKey> {
        self.gitops.clusters.remove(key);
        if ApplicationSetOptions::is_options(either) {
            self.gitops.set_options = ApplicationSetOptions::default();
        }
        now.into_iter().for_each(|object| self.gitops.add_object(object));
        let sets = self.gitops.apps.iter().filter(|(_, app)| matches!(app, App::ApplicationSet(_)));
        sets.map(|(key, _)| key.clone()).collect()
    }

    /// Reads all tracking marks again, because the settings decide how they are read.
    fn reload_settings(&mut self) -> BTreeSet<ResourceKey> {
        self.gitops.settings = ArgoSettings::from_objects(self.gitops.cluster.live().iter().map(|o| &**o));
        self.gitops.tracking = TrackingIndex::default();
        for object in self.gitops.cluster.live() {
            self.gitops.tracking.add(object, &self.gitops.settings);
        }
        let all: BTreeSet<ResourceKey> = self.gitops.apps.keys().cloned().collect();
        self.marked.clear();
        self.readers.clear();
        all.iter().for_each(|name| self.index_app(name));
        all
    }

    /// Updates the releases that are apps of their own.
    fn reload_releases(&mut self, touched: &[&Arc<Object>]) -> BTreeSet<ResourceKey> {
        let of_helm = |app: &App| matches!(app, App::Release { .. } | App::HelmRelease(_));
        let keepers = |gitops: &GitOps<'_>| -> BTreeSet<ResourceKey> {
            gitops.apps.iter().filter(|(_, app)| of_helm(app)).map(|(k, _)| k.clone()).collect()
        };
        let before = keepers(&self.gitops);
        before.iter().for_each(|name| self.unindex_app(name));
        // Of other releases nothing changed; decoding them again would cost the most.
        let of = |o: &Object| (Arc::from(o.namespace()), Arc::from(o.label("name").unwrap_or_default()));
        let names: BTreeSet<(Arc<str>, Arc<str>)> = touched.iter().map(|o| of(o)).collect();
        self.gitops.releases.retain(|name, _| !names.contains(name));
        let live = self.gitops.cluster.live().iter();
        let stored = live.filter(|o| crate::helm::is_storage(o) && names.contains(&of(o)));
        for object in stored.cloned().collect::<Vec<_>>() {
            self.gitops.add_object(&object);
        }
        self.gitops.sort_releases();
        self.gitops.add_releases();
        let after = keepers(&self.gitops);
        after.iter().for_each(|name| self.index_app(name));
        before.into_iter().chain(after).collect()
    }

    fn index_app(&mut self, name: &ResourceKey) {
        let Some(app) = self.gitops.apps.get(name) else { return };
        self.marked.entry(TrackingKey::of_app(app, &self.gitops.settings)).or_default().insert(name.clone());
        for key in keys_read_by(app) {
            self.readers.entry(key).or_default().insert(name.clone());
        }
    }

    fn unindex_app(&mut self, name: &ResourceKey) {
        let Some(app) = self.gitops.apps.get(name) else { return };
        if let Some(apps) = self.marked.get_mut(&TrackingKey::of_app(app, &self.gitops.settings)) {
            apps.remove(name);
        }
        for key in keys_read_by(app) {
            if let Some(apps) = self.readers.get_mut(&key) {
                apps.remove(name);
            }
        }
    }
}

/// Returns the keys that an app reads besides the resources with its tracking mark.
fn keys_read_by(app: &App) -> BTreeSet<ResourceKey> {
    match app {
        App::Application(app) => app.resources.iter().map(|r| r.key.clone()).collect(),
        App::ApplicationSet(set) => set.resources.iter().cloned().collect(),
        App::Kustomization(app) => {
            let source = ResourceKey::new(
                crate::flux::SOURCE_GROUP,
                &app.source.kind,
                &app.source.namespace,
                &app.source.name,
            );
            let variables = app.substitute_from.iter().map(|from| from.key.clone());
            app.inventory.iter().cloned().chain(variables).chain([source]).collect()
        }
        App::HelmRelease(app) => {
            app.inventory.iter().cloned().chain(app.values_from.iter().map(|from| from.key.clone())).collect()
        }
        App::Release { .. } => BTreeSet::new(),
    }
}
