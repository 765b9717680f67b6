//! Finds the apps of all engines in a snapshot, and collects what each declares.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use drift_core::drift::rules::RuleSet;
use drift_core::drift::{AppDeclaration, DeclarationError};
use drift_core::k8s::hooks::is_hook;
use drift_core::redact::SecretValues;
use drift_core::{Object, ResourceKey};

use super::memo::Memo;
use super::rendered::Rendered;
use super::repositories::Moment;
use super::tracking_index::{TrackingIndex, TrackingKey};
use super::{App, AppState, ClusterSnapshot, Repositories, last_applied, nondeterminism};
use crate::argo::answer::ApplicationAnswer;
use crate::argo::{
    AppProject, Application, ApplicationSet, ApplicationSetOptions, ArgoCluster, ArgoSettings,
};
use crate::flux::{FluxRevision, FluxSource, HelmRelease, Kustomization};
use crate::helm::StoredRelease;
use crate::render::Renderer;

/// An object, and the engine that applied it.
pub(super) type LastAppliedKey = (ResourceKey, &'static str);

/// The apps of a cluster.
#[derive(Debug)]
pub struct GitOps<'a> {
    pub(super) cluster: Cow<'a, ClusterSnapshot>,
    pub(super) repositories: &'a Repositories,
    pub(super) renderer: &'a Renderer,
    pub(super) apps: BTreeMap<ResourceKey, App>,
    pub(super) tracking: TrackingIndex,
    pub(super) settings: ArgoSettings,
    /// Options of the ApplicationSet controller.
    pub(super) set_options: ApplicationSetOptions,
    /// Clusters by their Secrets.
    pub(super) clusters: BTreeMap<ResourceKey, ArgoCluster>,
    pub(super) projects: BTreeMap<Arc<str>, AppProject>,
    pub(super) sources: BTreeMap<ResourceKey, FluxSource>,
    pub(super) releases: BTreeMap<(Arc<str>, Arc<str>), Vec<StoredRelease>>,
    /// What could not be read, by object.
    pub(super) notes: BTreeMap<ResourceKey, Vec<String>>,
    pub(super) named: BTreeSet<String>,
    /// What Argo CD's API reports about Applications whose repositories are not available.
    pub(super) answers: BTreeMap<ResourceKey, ApplicationAnswer>,
    pub(super) rendered: Memo<String, Rendered>,
    /// Values that releases were given out of Secrets which hold others now.
    pub(super) secrets: SecretValues,
    /// Fields on which two renders of an app do not agree.
    pub(super) unstable: Mutex<BTreeMap<ResourceKey, nondeterminism::UnstableFields>>,
    /// What was applied last according to the objects themselves.
    pub(super) remembered: Memo<LastAppliedKey, Option<Arc<Object>>>,
}

impl<'a> GitOps<'a> {
    /// Finds the apps in a snapshot.
    pub fn new(cluster: &'a ClusterSnapshot, repositories: &'a Repositories, renderer: &'a Renderer) -> Self {
        Self::with_snapshot(Cow::Borrowed(cluster), repositories, renderer)
    }

    pub(super) fn with_snapshot(
        cluster: Cow<'a, ClusterSnapshot>,
        repositories: &'a Repositories,
        renderer: &'a Renderer,
    ) -> Self {
        let settings = ArgoSettings::from_objects(cluster.live().iter().map(|o| &**o));
        let mut this = Self {
            cluster,
            repositories,
            renderer,
            apps: BTreeMap::new(),
            tracking: TrackingIndex::default(),
            settings,
            set_options: ApplicationSetOptions::default(),
            clusters: BTreeMap::new(),
            projects: BTreeMap::new(),
            sources: BTreeMap::new(),
            releases: BTreeMap::new(),
            notes: BTreeMap::new(),
            named: BTreeSet::new(),
            answers: BTreeMap::new(),
            rendered: Memo::default(),
            secrets: SecretValues::default(),
            unstable: Mutex::default(),
            remembered: Memo::default(),
        };
        for object in this.cluster.live().to_vec() {
            this.add_object(&object);
        }
        for object in this.cluster.live() {
            this.tracking.add(object, &this.settings);
        }
        this.sort_releases();
        this.named = this.named_commits();
        this.add_releases();
        this
    }

    pub(super) fn add_object(&mut self, object: &Arc<Object>) {
        let key = object.key();
        if let Some(app) = Application::from_object(object) {
            self.apps.insert(key, App::Application(Box::new(app)));
        } else if let Some(set) = ApplicationSet::from_object(object) {
            self.apps.insert(key, App::ApplicationSet(Box::new(set)));
        } else if let Some(app) = Kustomization::from_object(object) {
            let notes: Vec<_> = app.unreadable.iter().map(|why| format!("{}: {why}", app.key)).collect();
            if !notes.is_empty() {
                self.notes.insert(key.clone(), notes);
            }
            self.apps.insert(key, App::Kustomization(Box::new(app)));
        } else if let Some(app) = HelmRelease::from_object(object) {
            self.apps.insert(key, App::HelmRelease(Box::new(app)));
        } else if let Some(project) = AppProject::from_object(object) {
            self.projects.insert(Arc::clone(&project.name), project);
        } else if let Some(source) = FluxSource::from_object(object) {
            self.sources.insert(key, source);
        } else if ApplicationSetOptions::is_options(object) {
            self.set_options = ApplicationSetOptions::from_object(object);
        } else if let Some(cluster) = ArgoCluster::from_object(object) {
            self.clusters.insert(key, cluster);
        } else if let Some(stored) = StoredRelease::from_object(object) {
            match stored {
                Ok(stored) => {
                    let key = (Arc::clone(&stored.storage_namespace), Arc::clone(&stored.name));
                    self.releases.entry(key).or_default().push(stored);
                }
                Err(why) => drop(self.notes.insert(key.clone(), vec![format!("{key} {why}")])),
            }
        }
    }

    pub(super) fn sort_releases(&mut self) {
        for releases in self.releases.values_mut() {
            releases.sort_by_key(|r| std::cmp::Reverse(r.version));
        }
    }

    pub(super) fn named_commits(&self) -> BTreeSet<String> {
        let mut texts: Vec<&String> = Vec::new();
        for app in self.apps.values() {
            match app {
                App::Application(app) => {
                    texts.extend(&app.compared_revisions);
                    texts.extend(app.operation.iter().flat_map(|o| &o.revisions));
                }
                App::Kustomization(app) => texts.extend(app.last_attempted.iter().chain(&app.last_applied)),
                App::ApplicationSet(_) | App::HelmRelease(_) | App::Release { .. } => {}
            }
        }
        texts.extend(self.sources.values().filter_map(|s| s.artifact.as_ref()).map(|a| &a.revision));
        let commit = |text: &String| FluxRevision::parse(text).ok()?.digest_hex().map(str::to_owned);
        texts.into_iter().filter_map(commit).collect()
    }

    /// Adds the releases that belong to no HelmRelease as apps of their own.
    pub(super) fn add_releases(&mut self) {
        self.apps.retain(|_, app| !matches!(app, App::Release { .. }));
        let kept: BTreeSet<(&str, &str)> = self
            .apps
            .values()
            .filter_map(|app| match app {
                App::HelmRelease(app) => Some((&*app.storage_namespace, &*app.release_name)),
                _ => None,
            })
            .collect();
        let free: Vec<App> = self
            .releases
            .iter()
            .filter(|((namespace, name), _)| !kept.contains(&(&**namespace, &**name)))
            .filter_map(|(_, revisions)| revisions.first())
            .map(|r| App::Release { namespace: Arc::clone(&r.namespace), name: Arc::clone(&r.name) })
            .collect();
        self.apps.extend(free.into_iter().map(|app| (app.key(), app)));
    }

    /// Returns the apps, by key.
    pub fn apps(&self) -> impl ExactSizeIterator<Item = &App> {
        self.apps.values()
    }

    /// Finds an app by its key.
    pub fn app(&self, key: &ResourceKey) -> Option<&App> {
        self.apps.get(key)
    }

    /// Returns the Applications whose sources are not available, for [`Self::with_answers`].
    pub fn without_source(&self) -> Vec<&Application> {
        let applications = self.apps.values().filter_map(|app| match app {
            App::Application(app) => Some(&**app),
            _ => None,
        });
        let lacks =
            |app: &&Application| matches!(self.application_head(app), Err(DeclarationError::NotGiven(_)));
        applications.filter(lacks).collect()
    }

    /// Adds what Argo CD's API reports about Applications; it is used if their sources are not available, and is of now.
    #[must_use]
    pub fn with_answers(mut self, answers: BTreeMap<ResourceKey, ApplicationAnswer>) -> Self {
        self.answers = answers;
        self
    }

    /// Returns notes on what could not be read in the engines' objects.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.notes.values().flatten()
    }

    /// Returns for every app what it declares and the context of the comparison.
    pub fn declarations(&self) -> Vec<AppDeclaration> {
        self.apps.values().map(|app| self.declaration(app)).collect()
    }

    /// Returns secret values that came to light while declarations were made, and that no Secret holds any more.
    pub(crate) fn secret_values(&self) -> &SecretValues {
        &self.secrets
    }

    /// Returns the rules that all Applications share, by the settings of the installation.
    pub(crate) fn shared_rules(&self) -> &RuleSet {
        &self.settings.rules
    }

    /// Returns what an app declares and the context of the comparison.
    pub(super) fn declaration(&self, app: &App) -> AppDeclaration {
        let tracked = self.tracked_objects(app);
        match app {
            App::Application(app) => self.application_declaration(app, &tracked),
            App::ApplicationSet(set) => self.application_set_declaration(set, &tracked),
            App::Kustomization(app) => self.kustomization_declaration(app, &tracked),
            App::HelmRelease(app) => self.helm_release_declaration(app, &tracked),
            App::Release { namespace, name } => self.release_declaration(namespace, name, &tracked),
        }
    }

    /// Returns the state of an app as its engine reports it.
    pub fn state(&self, app: &App) -> AppState {
        match app {
            App::Application(app) => self.application_state(app),
            App::ApplicationSet(set) => self.application_set_state(set),
            App::Kustomization(app) => self.kustomization_state(app),
            App::HelmRelease(app) => self.helm_release_state(app),
            App::Release { namespace, name } => self.release_state(namespace, name),
        }
    }

    /// Finds the live objects with the tracking mark of an app.
    pub(super) fn tracked_objects(&self, app: &App) -> Vec<&Arc<Object>> {
        let marked = self.tracking.keys_of(&TrackingKey::of_app(app, &self.settings));
        let objects = marked.filter_map(|key| self.cluster.get(key));
        objects.filter(|object| self.is_tracked(app, object)).collect()
    }

    pub(super) fn is_tracked(&self, app: &App, object: &Object) -> bool {
        match app {
            App::Application(app) => {
                let name = app.instance_name(&self.settings.namespace);
                crate::argo::belongs_to_app(object, &name, &self.settings) && !is_hook(object)
            }
            App::ApplicationSet(set) => set.owns(object),
            App::Kustomization(app) => app.tracks_object(object),
            App::HelmRelease(app) => {
                // The chart that the controller asks for carries its labels, too, and is in no release.
                let chart = object.group() == crate::flux::SOURCE_GROUP;
                app.tracks_object(object) && !chart && object.annotation("helm.sh/hook").is_none()
            }
            App::Release { namespace, name } => {
                crate::helm::belongs_to_release(object, namespace, name)
                    && object.annotation("helm.sh/hook").is_none()
            }
        }
    }

    /// Returns the moment, and the commits that engines had named by then.
    pub(super) fn git_moment(&self) -> Moment<'_> {
        Moment { time: self.cluster.moment(), named: &self.named }
    }

    /// Returns what an engine applied last, according to the object itself.
    pub(super) fn last_applied(&self, key: &ResourceKey, managers: &[&'static str]) -> Option<Arc<Object>> {
        let slot = (key.clone(), managers.first().copied().unwrap_or_default());
        self.remembered.get_or_compute(slot, || last_applied::last_applied(&self.cluster, key, managers))
    }

    /// Renders once for each key and remembers the result.
    pub(super) fn render_once(
        &self,
        key: String,
        render: impl FnOnce() -> Result<Vec<Arc<Object>>, DeclarationError>,
    ) -> Rendered {
        self.rendered.get_or_compute(key, || render().map(Arc::new))
    }

    /// Returns the fields of an app on which no two renders agree.
    pub(super) fn unstable_of(&self, app: &ResourceKey) -> Option<nondeterminism::UnstableFields> {
        self.unstable.lock().unwrap_or_else(PoisonError::into_inner).get(app).cloned()
    }

    /// Adds to the fields of an app on which no two renders agree.
    pub(super) fn add_unstable(&self, app: ResourceKey, found: nondeterminism::UnstableFields) {
        let mut all = self.unstable.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(app).or_default();
        found.into_iter().for_each(|(key, paths)| known.entry(key).or_default().extend(paths));
    }
}
