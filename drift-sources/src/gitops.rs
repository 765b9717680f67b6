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
mod repositories;
mod semver;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use drift_core::drift::{AppDeclaration, LiveIndex, Undeclared};
use drift_core::schema::SchemaSet;
use drift_core::{Object, ResourceKey};

pub use cluster::{Cluster, Version};
pub use history::{DeclaredCommit, HistoryError};
pub use repositories::Repositories;

use crate::argo::{Application, Settings};
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
    /// Why it is not known what is declared.
    pub error: Option<String>,
}

type Rendered = Result<Rc<Vec<Arc<Object>>>, Undeclared>;

/// The apps of a cluster.
#[derive(Debug)]
pub struct GitOps<'a> {
    cluster: &'a Cluster,
    repositories: &'a Repositories,
    renderer: &'a Renderer,
    apps: Vec<App>,
    settings: Settings,
    sources: BTreeMap<ResourceKey, FluxSource>,
    releases: BTreeMap<(Arc<str>, Arc<str>), Vec<StoredRelease>>,
    notes: Vec<String>,
    named: BTreeSet<String>,
    rendered: RefCell<HashMap<String, Rendered>>,
}

impl<'a> GitOps<'a> {
    /// Finds the apps.
    pub fn new(cluster: &'a Cluster, repositories: &'a Repositories, renderer: &'a Renderer) -> Self {
        let mut this = Self {
            cluster,
            repositories,
            renderer,
            apps: Vec::new(),
            settings: Settings::default(),
            sources: BTreeMap::new(),
            releases: BTreeMap::new(),
            notes: Vec::new(),
            named: BTreeSet::new(),
            rendered: RefCell::default(),
        };
        for object in cluster.live() {
            this.take(object);
        }
        for releases in this.releases.values_mut() {
            releases.sort_by_key(|r| std::cmp::Reverse(r.version));
        }
        this.named = this.named_commits();
        this.add_releases();
        this.apps.sort_by_key(App::key);
        this
    }

    fn take(&mut self, object: &Arc<Object>) {
        if let Some(app) = Application::of(object) {
            self.apps.push(App::Application(Box::new(app)));
        } else if let Some(app) = Kustomization::of(object) {
            self.notes.extend(app.unreadable.iter().map(|why| format!("{}: {why}", app.key)));
            self.apps.push(App::Kustomization(Box::new(app)));
        } else if let Some(app) = HelmRelease::of(object) {
            self.apps.push(App::HelmRelease(Box::new(app)));
        } else if let Some(source) = FluxSource::of(object) {
            self.sources.insert(source.key.clone(), source);
        } else if Settings::is_settings(object) {
            self.settings = Settings::of(object);
        } else if let Some(stored) = StoredRelease::of(object) {
            match stored {
                Ok(stored) => {
                    let key = (Arc::clone(&stored.storage_namespace), Arc::clone(&stored.name));
                    self.releases.entry(key).or_default().push(stored);
                }
                Err(why) => self.notes.push(format!("{} {why}", object.key())),
            }
        }
    }

    fn named_commits(&self) -> BTreeSet<String> {
        let mut texts: Vec<&String> = Vec::new();
        for app in &self.apps {
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
        let kept = |namespace: &str, name: &str| {
            self.apps.iter().any(|app| match app {
                App::HelmRelease(app) => app.storage_namespace == *namespace && app.release_name == *name,
                _ => false,
            })
        };
        let free: Vec<App> = self
            .releases
            .iter()
            .filter(|((namespace, name), _)| !kept(namespace, name))
            .filter_map(|(_, revisions)| revisions.first())
            .map(|r| App::Release(Arc::clone(&r.namespace), Arc::clone(&r.name)))
            .collect();
        self.apps.extend(free);
    }

    /// Returns the apps, by key.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// Finds an app by its key.
    pub fn app(&self, key: &ResourceKey) -> Option<&App> {
        self.apps.iter().find(|app| app.key() == *key)
    }

    /// Returns what could not be read of the engines' objects.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says for every app what it declares and what is known besides.
    pub fn declarations(&self, live: &LiveIndex<'_>, schemas: &SchemaSet) -> Vec<AppDeclaration> {
        let tracked = self.tracked(live);
        let declaration = |(i, app): (usize, &App)| {
            let tracked = tracked.get(&i).map_or(&[][..], |t| t);
            match app {
                App::Application(app) => self.application(app, tracked),
                App::Kustomization(app) => self.kustomization(app, tracked),
                App::HelmRelease(app) => self.helm_release(app, tracked),
                App::Release(namespace, name) => self.release(namespace, name, tracked),
            }
        };
        let _ = schemas;
        self.apps.iter().enumerate().map(declaration).collect()
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

    /// Finds what carries the mark of which app, in one pass over all that is live.
    fn tracked<'l>(&self, live: &LiveIndex<'l>) -> HashMap<usize, Vec<&'l Arc<Object>>> {
        let marks = Marks::of(&self.apps, &self.settings);
        let mut tracked: HashMap<usize, Vec<&Arc<Object>>> = HashMap::new();
        for object in live.objects() {
            // What a controller makes of a declared object, it marks with a copy of its labels.
            let owned = object.root().at(&["metadata", "ownerReferences"]).is_some_and(|o| !o.is_empty());
            if owned
                || matches!(object.kind(), "Endpoints" | "EndpointSlice" | "Event" | "ControllerRevision")
            {
                continue;
            }
            for i in marks.find(object) {
                if self.is_tracked(&self.apps[i], object) {
                    tracked.entry(i).or_default().push(object);
                }
            }
        }
        tracked
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

    /// Keeps what a rendering gave, by what it was of.
    fn kept(&self, key: String, render: impl FnOnce() -> Result<Vec<Arc<Object>>, Undeclared>) -> Rendered {
        if let Some(kept) = self.rendered.borrow().get(&key) {
            return kept.clone();
        }
        let rendered = render().map(Rc::new);
        self.rendered.borrow_mut().insert(key, rendered.clone());
        rendered
    }
}

/// Apps by the texts that their marks hold, so that an object is asked about few of them.
struct Marks {
    by_text: HashMap<(&'static str, String), Vec<usize>>,
    label: String,
}

impl Marks {
    fn of(apps: &[App], settings: &Settings) -> Self {
        let mut by_text: HashMap<(&'static str, String), Vec<usize>> = HashMap::new();
        for (i, app) in apps.iter().enumerate() {
            let mark = match app {
                App::Application(app) => ("argo", app.instance_name(&settings.namespace)),
                App::Kustomization(app) => ("flux", app.key.name.to_string()),
                App::HelmRelease(app) => ("hr", app.key.name.to_string()),
                App::Release(_, name) => ("helm", name.to_string()),
            };
            by_text.entry(mark).or_default().push(i);
        }
        Self { by_text, label: settings.instance_label.clone() }
    }

    fn find(&self, object: &Object) -> Vec<usize> {
        let id = object.annotation(crate::argo::TRACKING_ANNOTATION).and_then(|t| t.split(':').next());
        let texts = [
            ("argo", id.or_else(|| object.label(&self.label))),
            ("argo", object.label(&self.label)),
            ("flux", object.label("kustomize.toolkit.fluxcd.io/name")),
            ("hr", object.label("helm.toolkit.fluxcd.io/name")),
            ("helm", object.annotation("meta.helm.sh/release-name")),
        ];
        let found = texts.into_iter().filter_map(|(kind, text)| self.by_text.get(&(kind, text?.to_owned())));
        let mut found: Vec<usize> = found.flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
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
