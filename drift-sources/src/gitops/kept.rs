//! What engines declare against what is live, kept: after a change only the apps and resources that it touches.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use drift_core::drift::rules::{RuleProblems, RuleSet};
use drift_core::drift::{DriftReport, IncrementalApps, ResourceDrift};
use drift_core::k8s::managers;
use drift_core::schema::SchemaSet;
use drift_core::{Object, ResourceKey};

use super::marks::{Mark, Marks};
use super::{App, Cluster, GitOps, Repositories, Version};
use crate::argo::{AppProject, Application, Settings};
use crate::flux::{FluxSource, HelmRelease, Kustomization};
use crate::jq::JqSandbox;
use crate::render::Renderer;

/// The apps of a cluster and how their resources stand, kept up to date change by change.
///
/// A change of a resource has that resource judged anew; one of an app has its resources judged of which the app says
/// something else; one of a source, a variable, a release or Argo CD's settings the apps that look at it.
#[derive(Debug)]
pub struct IncrementalGitOps<'a> {
    gitops: GitOps<'a>,
    /// Apps by the keys that they read besides what carries their mark.
    readers: HashMap<ResourceKey, BTreeSet<ResourceKey>>,
    /// Apps by their marks.
    marked: HashMap<Mark, BTreeSet<ResourceKey>>,
    kept: IncrementalApps,
    exceptions: RuleSet,
    jq: JqSandbox,
}

/// How a resource stands by one app.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Which resource.
    pub key: ResourceKey,
    /// By which app.
    pub app: ResourceKey,
    /// How; `None` where the app says nothing of it any more.
    pub drift: Option<ResourceDrift>,
}

impl<'a> IncrementalGitOps<'a> {
    /// Takes a cluster as it is; everything in it is judged once.
    pub fn new(
        cluster: Cluster,
        repositories: &'a Repositories,
        renderer: &'a Renderer,
        schemas: SchemaSet,
        exceptions: RuleSet,
    ) -> Self {
        let mut kept = IncrementalApps::new(schemas);
        cluster.live().iter().for_each(|object| kept.set_live(Arc::clone(object)));
        let mut this = Self {
            gitops: GitOps::of(Cow::Owned(cluster), repositories, renderer),
            readers: HashMap::new(),
            marked: HashMap::new(),
            kept,
            exceptions,
            jq: JqSandbox::default(),
        };
        let all: BTreeSet<ResourceKey> = this.gitops.apps.keys().cloned().collect();
        all.iter().for_each(|name| this.watch(name));
        this.declare(&all);
        this.kept.judge(&this.jq);
        this
    }

    /// Takes the next version of a resource, and returns how what it touched stands now; see [`Self::apply_all`].
    pub fn apply(&mut self, key: &ResourceKey, version: Version) -> Vec<Standing> {
        self.apply_all([(key.clone(), version)])
    }

    /// Takes the next versions of resources, and returns how what they touched stands now, where that is not as before.
    ///
    /// Where the cluster was given as of a moment, that moment moves on to the newest version: Git is looked at as it
    /// was then. Otherwise it is looked at as it is.
    pub fn apply_all(&mut self, versions: impl IntoIterator<Item = (ResourceKey, Version)>) -> Vec<Standing> {
        let mut touched = BTreeSet::new();
        for (key, version) in versions {
            touched.append(&mut self.take(&key, version));
        }
        if self.gitops.cluster.moment().is_some() && !self.gitops.repositories.is_empty() {
            // Any commit may have come by now.
            self.gitops.named = self.gitops.named_commits();
            touched = self.gitops.apps.keys().cloned().chain(touched).collect();
        }
        self.declare(&touched);
        let changed = self.kept.judge(&self.jq);
        let told = |(key, app): (ResourceKey, ResourceKey)| {
            let mut drift = self.kept.get(&key, &app).cloned();
            drift.iter_mut().for_each(|d| self.gitops.look_back_at(d));
            Standing { key, app, drift }
        };
        changed.into_iter().map(told).collect()
    }

    fn take(&mut self, key: &ResourceKey, version: Version) -> BTreeSet<ResourceKey> {
        let before = self.gitops.cluster.get(key).cloned();
        let now = version.object.clone();
        self.gitops.cluster.to_mut().apply(key, version);
        for engine in [managers::ARGO_CD, managers::FLUX_KUSTOMIZE].iter().filter_map(|m| m.first()) {
            self.gitops.remembered.forget(&(key.clone(), *engine));
        }
        let mut touched = self.readers.get(key).cloned().unwrap_or_default();
        for (object, came) in before.iter().map(|o| (o, false)).chain(now.iter().map(|o| (o, true))) {
            for mark in Mark::on(object, &self.gitops.settings) {
                touched.extend(self.marked.get(&mark).into_iter().flatten().cloned());
            }
            match came {
                true => self.gitops.marks.add(object, &self.gitops.settings),
                false => self.gitops.marks.remove(object, &self.gitops.settings),
            }
        }
        match &now {
            Some(object) => self.kept.set_live(Arc::clone(object)),
            None => self.kept.remove_live(key),
        }
        touched.append(&mut self.retake(key, before.as_ref(), now.as_ref()));
        touched
    }

    /// Returns what is the matter with rules, each said once.
    pub fn problems(&self) -> RuleProblems {
        self.kept.problems()
    }

    /// Returns how everything stands.
    pub fn report(&self) -> DriftReport {
        let mut report =
            DriftReport { resources: self.kept.verdicts().cloned().collect(), notes: Vec::new() };
        self.gitops.look_back(&mut report);
        report
    }

    /// Returns the apps.
    pub fn gitops(&self) -> &GitOps<'a> {
        &self.gitops
    }

    /// Takes other schemas; everything is judged anew.
    pub fn set_schemas(&mut self, schemas: SchemaSet) {
        self.kept.set_schemas(schemas);
        self.kept.judge(&self.jq);
    }

    /// Asks apps anew what they declare.
    fn declare(&mut self, apps: &BTreeSet<ResourceKey>) {
        for name in apps {
            match self.gitops.apps.get(name) {
                Some(app) => {
                    let mut declaration = self.gitops.declaration(app);
                    declaration.rules.append(self.exceptions.clone());
                    self.kept.set_app(declaration);
                }
                None => self.kept.remove_app(name),
            }
        }
    }

    /// Reads an object of an engine anew, and returns the apps on which that bears.
    fn retake(
        &mut self,
        key: &ResourceKey,
        before: Option<&Arc<Object>>,
        now: Option<&Arc<Object>>,
    ) -> BTreeSet<ResourceKey> {
        let Some(either) = now.or(before) else { return BTreeSet::new() };
        if Application::of(either).is_some() || Kustomization::of(either).is_some() {
            self.retake_app(key, now);
            return [key.clone()].into();
        }
        if HelmRelease::of(either).is_some() {
            self.retake_app(key, now);
            return self.retake_releases(&[]).into_iter().chain([key.clone()]).collect();
        }
        if let Some(project) = AppProject::of(either) {
            self.gitops.projects.remove(&project.name);
            now.into_iter().for_each(|object| self.gitops.take(object));
            let of_it = |app: &App| matches!(app, App::Application(app) if app.project == project.name);
            return self.gitops.apps.iter().filter(|(_, app)| of_it(app)).map(|(k, _)| k.clone()).collect();
        }
        if FluxSource::of(either).is_some() {
            self.gitops.sources.remove(key);
            now.into_iter().for_each(|object| self.gitops.take(object));
            // Who refers to it is a reader; what it was named by then bears on the moment only, which a kept one has not.
            return BTreeSet::new();
        }
        if Settings::is_settings(either) {
            return self.retake_settings(now);
        }
        if crate::helm::is_storage(either) {
            let touched: Vec<&Arc<Object>> = before.into_iter().chain(now).collect();
            touched.iter().for_each(|o| drop(self.gitops.notes.remove(&o.key())));
            return self.retake_releases(&touched);
        }
        BTreeSet::new()
    }

    fn retake_app(&mut self, key: &ResourceKey, now: Option<&Arc<Object>>) {
        self.unwatch(key);
        self.gitops.apps.remove(key);
        self.gitops.notes.remove(key);
        if let Some(object) = now {
            self.gitops.take(object);
            self.watch(key);
        }
    }

    /// How marks are read changes with the settings, so all of them are read anew.
    fn retake_settings(&mut self, now: Option<&Arc<Object>>) -> BTreeSet<ResourceKey> {
        self.gitops.settings = now.map_or_else(Settings::default, |o| Settings::of(o));
        self.gitops.marks = Marks::default();
        for object in self.gitops.cluster.live() {
            self.gitops.marks.add(object, &self.gitops.settings);
        }
        let all: BTreeSet<ResourceKey> = self.gitops.apps.keys().cloned().collect();
        self.marked.clear();
        self.readers.clear();
        all.iter().for_each(|name| self.watch(name));
        all
    }

    /// A release that is stored or removed may be an app of its own, or no longer.
    fn retake_releases(&mut self, touched: &[&Arc<Object>]) -> BTreeSet<ResourceKey> {
        let of_helm = |app: &App| matches!(app, App::Release(..) | App::HelmRelease(_));
        let keepers = |gitops: &GitOps<'_>| -> BTreeSet<ResourceKey> {
            gitops.apps.iter().filter(|(_, app)| of_helm(app)).map(|(k, _)| k.clone()).collect()
        };
        let before = keepers(&self.gitops);
        before.iter().for_each(|name| self.unwatch(name));
        // Of other releases nothing changed; decoding them again would cost the most.
        let of = |o: &Object| (Arc::from(o.namespace()), Arc::from(o.label("name").unwrap_or_default()));
        let names: BTreeSet<(Arc<str>, Arc<str>)> = touched.iter().map(|o| of(o)).collect();
        self.gitops.releases.retain(|name, _| !names.contains(name));
        let live = self.gitops.cluster.live().iter();
        let stored = live.filter(|o| crate::helm::is_storage(o) && names.contains(&of(o)));
        for object in stored.cloned().collect::<Vec<_>>() {
            self.gitops.take(&object);
        }
        self.gitops.sort_releases();
        self.gitops.add_releases();
        let after = keepers(&self.gitops);
        after.iter().for_each(|name| self.watch(name));
        before.into_iter().chain(after).collect()
    }

    fn watch(&mut self, name: &ResourceKey) {
        let Some(app) = self.gitops.apps.get(name) else { return };
        self.marked.entry(Mark::of(app, &self.gitops.settings)).or_default().insert(name.clone());
        for key in reads(app) {
            self.readers.entry(key).or_default().insert(name.clone());
        }
    }

    fn unwatch(&mut self, name: &ResourceKey) {
        let Some(app) = self.gitops.apps.get(name) else { return };
        if let Some(apps) = self.marked.get_mut(&Mark::of(app, &self.gitops.settings)) {
            apps.remove(name);
        }
        for key in reads(app) {
            if let Some(apps) = self.readers.get_mut(&key) {
                apps.remove(name);
            }
        }
    }
}

/// The keys that an app reads besides what carries its mark.
fn reads(app: &App) -> BTreeSet<ResourceKey> {
    match app {
        App::Application(app) => app.resources.iter().map(|r| r.key.clone()).collect(),
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
        App::HelmRelease(app) => app.inventory.clone(),
        App::Release(..) => BTreeSet::new(),
    }
}
