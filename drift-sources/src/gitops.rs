//! What Argo CD, Flux and Helm declare: their apps, found in a cluster's own objects, rendered from Git.
//!
//! [`Cluster`] holds the objects of a moment and what is known of them before; [`Repositories`] the Git repositories by
//! the URLs that the engines know them by. [`GitOps`] finds the apps and says for each what it declares, what it applied
//! last, what it tracks and which rules it has; comparing is for [`drift_core::drift::compare_apps`].
//!
//! **Invariant:** asks no engine and no cluster; what cannot be rendered here is said to be unknown.

mod argo;
mod cluster;
mod edit;
mod flux;
mod helm;
mod history;
mod ignore;
mod kept;
mod marks;
mod memo;
mod repositories;
mod semver;
mod transition;
mod unstable;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use drift_core::drift::{AppDeclaration, DeclarationError};
use drift_core::{Object, ResourceKey};

pub use cluster::Cluster;
pub use drift_core::history::Version;
pub use history::{DeclaredCommit, HistoryError};
pub use kept::{IncrementalGitOps, Standing};
pub use repositories::Repositories;
pub use transition::{Transition, transitions};

use marks::{Mark, Marks};
use memo::Memo;

use crate::argo::answer::Answer;
use crate::argo::{AppProject, Application, Settings};
use crate::flux::{FluxRevision, FluxSource, HelmRelease, Kustomization};
use crate::helm::StoredRelease;
use crate::manifests::{ManifestReader, ProblemKind};
use crate::render::Renderer;

/// An app of some engine.
#[derive(Clone, Debug)]
pub enum App {
    /// An Application of Argo CD.
    Application(Box<Application>),
    /// A Kustomization of Flux.
    Kustomization(Box<Kustomization>),
    /// A HelmRelease of Flux.
    HelmRelease(Box<HelmRelease>),
    /// A release that somebody keeps with Helm: namespace and name.
    Release(Arc<str>, Arc<str>),
}

impl App {
    /// Returns the key by which reports name the app.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Application(app) => app.key(),
            Self::Kustomization(app) => app.key.clone(),
            Self::HelmRelease(app) => app.key.clone(),
            Self::Release(namespace, name) => {
                ResourceKey::new(crate::helm::GROUP, "Release", namespace, name)
            }
        }
    }
}

/// How an app stands by its engine's own account, and where its source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppState {
    /// The engine's own verdict: `Synced`, `OutOfSync`, `Ready`, `NotReady`, `deployed` and so on.
    pub engine: String,
    /// The engine's reason or message.
    pub reason: Option<String>,
    /// Revisions that it applied last, one for each source.
    pub applied: Vec<String>,
    /// Revisions that it should apply, one for each source; empty where they are not known.
    pub head: Vec<String>,
    /// Whether its engine leaves it alone.
    pub suspended: bool,
    /// What holds its engine back from applying, such as a sync window.
    pub held_back: Option<String>,
    /// What it has not taken up yet, where nothing of that can be compared.
    pub waiting: Option<String>,
    /// Why it is not known what is declared.
    pub error: Option<String>,
}

/// An object, and the engine whose last application of it is meant.
type Remembered = (ResourceKey, &'static str);
type Rendered = Result<Arc<Vec<Arc<Object>>>, DeclarationError>;

/// The apps of a cluster.
#[derive(Debug)]
pub struct GitOps<'a> {
    cluster: Cow<'a, Cluster>,
    repositories: &'a Repositories,
    renderer: &'a Renderer,
    apps: BTreeMap<ResourceKey, App>,
    marks: Marks,
    settings: Settings,
    projects: BTreeMap<Arc<str>, AppProject>,
    sources: BTreeMap<ResourceKey, FluxSource>,
    releases: BTreeMap<(Arc<str>, Arc<str>), Vec<StoredRelease>>,
    /// What could not be read, by the object that it stands in.
    notes: BTreeMap<ResourceKey, Vec<String>>,
    named: BTreeSet<String>,
    /// What Argo CD's API says of Applications whose repositories are not at hand.
    answers: BTreeMap<ResourceKey, Answer>,
    rendered: Memo<String, Rendered>,
    /// What no two renders of an app agree on.
    unstable: Mutex<BTreeMap<ResourceKey, unstable::Unstable>>,
    /// What was applied last, as objects remember it, by object and engine.
    remembered: Memo<Remembered, Option<Arc<Object>>>,
}

impl<'a> GitOps<'a> {
    /// Finds the apps.
    pub fn new(cluster: &'a Cluster, repositories: &'a Repositories, renderer: &'a Renderer) -> Self {
        Self::of(Cow::Borrowed(cluster), repositories, renderer)
    }

    fn of(cluster: Cow<'a, Cluster>, repositories: &'a Repositories, renderer: &'a Renderer) -> Self {
        let mut this = Self {
            cluster,
            repositories,
            renderer,
            apps: BTreeMap::new(),
            marks: Marks::default(),
            settings: Settings::default(),
            projects: BTreeMap::new(),
            sources: BTreeMap::new(),
            releases: BTreeMap::new(),
            notes: BTreeMap::new(),
            named: BTreeSet::new(),
            answers: BTreeMap::new(),
            rendered: Memo::default(),
            unstable: Mutex::default(),
            remembered: Memo::default(),
        };
        for object in this.cluster.live().to_vec() {
            this.take(&object);
        }
        for object in this.cluster.live() {
            this.marks.add(object, &this.settings);
        }
        this.sort_releases();
        this.named = this.named_commits();
        this.add_releases();
        this
    }

    fn take(&mut self, object: &Arc<Object>) {
        let key = object.key();
        if let Some(app) = Application::of(object) {
            self.apps.insert(key, App::Application(Box::new(app)));
        } else if let Some(app) = Kustomization::of(object) {
            let notes: Vec<_> = app.unreadable.iter().map(|why| format!("{}: {why}", app.key)).collect();
            if !notes.is_empty() {
                self.notes.insert(key.clone(), notes);
            }
            self.apps.insert(key, App::Kustomization(Box::new(app)));
        } else if let Some(app) = HelmRelease::of(object) {
            self.apps.insert(key, App::HelmRelease(Box::new(app)));
        } else if let Some(project) = AppProject::of(object) {
            self.projects.insert(Arc::clone(&project.name), project);
        } else if let Some(source) = FluxSource::of(object) {
            self.sources.insert(key, source);
        } else if Settings::is_settings(object) {
            self.settings = Settings::of(object);
        } else if let Some(stored) = StoredRelease::of(object) {
            match stored {
                Ok(stored) => {
                    let key = (Arc::clone(&stored.storage_namespace), Arc::clone(&stored.name));
                    self.releases.entry(key).or_default().push(stored);
                }
                Err(why) => drop(self.notes.insert(key.clone(), vec![format!("{key} {why}")])),
            }
        }
    }

    fn sort_releases(&mut self) {
        for releases in self.releases.values_mut() {
            releases.sort_by_key(|r| std::cmp::Reverse(r.version));
        }
    }

    fn named_commits(&self) -> BTreeSet<String> {
        let mut texts: Vec<&String> = Vec::new();
        for app in self.apps.values() {
            match app {
                App::Application(app) => {
                    texts.extend(&app.compared_revisions);
                    texts.extend(app.operation.iter().flat_map(|o| &o.revisions));
                }
                App::Kustomization(app) => texts.extend(app.last_attempted.iter().chain(&app.last_applied)),
                App::HelmRelease(_) | App::Release(..) => {}
            }
        }
        texts.extend(self.sources.values().filter_map(|s| s.artifact.as_ref()).map(|a| &a.revision));
        let commit = |text: &String| FluxRevision::parse(text).ok()?.hex().map(str::to_owned);
        texts.into_iter().filter_map(commit).collect()
    }

    /// Releases that no HelmRelease keeps are apps of their own.
    fn add_releases(&mut self) {
        self.apps.retain(|_, app| !matches!(app, App::Release(..)));
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
            .map(|r| App::Release(Arc::clone(&r.namespace), Arc::clone(&r.name)))
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

    /// Returns the Applications whose sources are not at hand, for [`Self::with_answers`].
    pub fn without_source(&self) -> Vec<&Application> {
        let applications = self.apps.values().filter_map(|app| match app {
            App::Application(app) => Some(&**app),
            _ => None,
        });
        let lacks =
            |app: &&Application| matches!(self.application_head(app), Err(DeclarationError::NotGiven(_)));
        applications.filter(lacks).collect()
    }

    /// Takes what Argo CD's API says of Applications; it counts where their sources are not at hand, and is of now.
    #[must_use]
    pub fn with_answers(mut self, answers: BTreeMap<ResourceKey, Answer>) -> Self {
        self.answers = answers;
        self
    }

    /// Returns what could not be read of the engines' objects.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.notes.values().flatten()
    }

    /// Says for every app what it declares and what is known besides.
    pub fn declarations(&self) -> Vec<AppDeclaration> {
        self.apps.values().map(|app| self.declaration(app)).collect()
    }

    /// Says what an app declares and what is known besides.
    fn declaration(&self, app: &App) -> AppDeclaration {
        let tracked = self.tracked(app);
        match app {
            App::Application(app) => self.application(app, &tracked),
            App::Kustomization(app) => self.kustomization(app, &tracked),
            App::HelmRelease(app) => self.helm_release(app, &tracked),
            App::Release(namespace, name) => self.release(namespace, name, &tracked),
        }
    }

    /// Says how an app stands by its engine's own account.
    pub fn state(&self, app: &App) -> AppState {
        match app {
            App::Application(app) => self.application_state(app),
            App::Kustomization(app) => self.kustomization_state(app),
            App::HelmRelease(app) => self.helm_release_state(app),
            App::Release(namespace, name) => self.release_state(namespace, name),
        }
    }

    /// Finds what carries the mark of an app.
    fn tracked(&self, app: &App) -> Vec<&Arc<Object>> {
        let marked = self.marks.of(&Mark::of(app, &self.settings));
        let objects = marked.filter_map(|key| self.cluster.get(key));
        objects.filter(|object| self.is_tracked(app, object)).collect()
    }

    fn is_tracked(&self, app: &App, object: &Object) -> bool {
        match app {
            App::Application(app) => {
                let name = app.instance_name(&self.settings.namespace);
                crate::argo::tracks(object, &name, &self.settings) && !crate::argo::is_hook(object)
            }
            App::Kustomization(app) => app.tracks(object),
            App::HelmRelease(app) => {
                // The chart that the controller asks for carries its labels, too, and is in no release.
                let chart = object.group() == crate::flux::SOURCE_GROUP;
                app.tracks(object) && !chart && object.annotation("helm.sh/hook").is_none()
            }
            App::Release(namespace, name) => {
                crate::helm::tracks(object, namespace, name) && object.annotation("helm.sh/hook").is_none()
            }
        }
    }

    /// The moment, and the commits that engines had named by then.
    fn git_moment(&self) -> repositories::Moment<'_> {
        repositories::Moment { time: self.cluster.moment(), named: &self.named }
    }

    /// What an engine applied last, as the object itself remembers it.
    fn remembered(&self, key: &ResourceKey, managers: &[&'static str]) -> Option<Arc<Object>> {
        let slot = (key.clone(), managers.first().copied().unwrap_or_default());
        self.remembered.get_or_compute(slot, || history::remembered(&self.cluster, key, managers))
    }

    /// Keeps what a rendering gave, by what it was of.
    fn kept(
        &self,
        key: String,
        render: impl FnOnce() -> Result<Vec<Arc<Object>>, DeclarationError>,
    ) -> Rendered {
        self.rendered.get_or_compute(key, || render().map(Arc::new))
    }

    /// Returns the fields of an app on which no two renders agree.
    fn unstable_of(&self, app: &ResourceKey) -> Option<unstable::Unstable> {
        self.unstable.lock().unwrap_or_else(PoisonError::into_inner).get(app).cloned()
    }

    /// Adds to the fields of an app on which no two renders agree.
    fn add_unstable(&self, app: ResourceKey, found: unstable::Unstable) {
        let mut all = self.unstable.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(app).or_default();
        found.into_iter().for_each(|(key, paths)| known.entry(key).or_default().extend(paths));
    }
}

/// Reads what a program printed, or a file that must hold nothing but objects.
fn objects_of(name: &str, bytes: &[u8]) -> Result<Vec<Arc<Object>>, String> {
    let mut reader = ManifestReader::new();
    reader.add_file(name, bytes);
    let manifests = reader.finish();
    let broken = manifests
        .problems
        .iter()
        .find(|p| p.kind.is_error() || matches!(p.kind, ProblemKind::NotManifest(_)));
    match broken {
        Some(problem) => Err(problem.to_string()),
        None => Ok(manifests.declared.into_iter().map(|d| Arc::new(d.object)).collect()),
    }
}
