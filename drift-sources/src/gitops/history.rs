//! Finds the commit that last changed what an app declares for a field.

use std::sync::Arc;

use drift_core::drift::{
    DeclarationError, DriftCause, DriftClass, DriftReport, ResourceDrift, VerdictRow, normalize_secret,
};
use drift_core::{Doc, FieldPath, ManagedFields, Object, ResourceKey};
use jiff::Timestamp;
use serde_json::Value;

use super::argo::Commits;
use super::flux::SourceCommit;
use super::{App, GitOps, Rendered};
use crate::flux::FluxRevision;
use crate::git::{Commit, GitRepo};

/// Most commits that are rendered for one answer.
const MAX_COMMITS: usize = 2_000;

/// The commit that last changed what is declared for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredCommit {
    /// URL of the repository, as the engine knows it.
    pub repository: String,
    /// Full commit id.
    pub id: String,
    /// Who wrote it, `Name <address>`.
    pub author: String,
    /// The first paragraph of its message.
    pub message: String,
    /// When it was made.
    pub committed_at: Timestamp,
    /// The declared value at the path; `None` if the commit removed the field.
    pub value: Option<Value>,
}

/// Why the commit cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// There is no such app.
    #[error("there is no app {0}")]
    NoApp(ResourceKey),
    /// The desired state cannot be rendered, or the repository is not available.
    #[error("{0}")]
    Unavailable(String),
    /// The search stopped after this many commits.
    #[error("none of the newest {0} commits changed it")]
    TooMany(usize),
}

impl GitOps<'_> {
    /// Finds the commit that last changed what `app` declares at `path` of `key` (the root path is the whole resource),
    /// looking back from the commits `from`, one for each source, else from where the app should be.
    ///
    /// `Ok(None)` where nothing of Git explains it: the value comes from the app's own spec or a variable, or there is no
    /// such field in all of the history. `until`, where given, is a commit at which to stop: what was declared there
    /// already was changed by no later commit.
    ///
    /// # Errors
    /// See [`HistoryError`]. Releases of Helm have no commits: `Ok(None)`.
    pub fn declared_history(
        &self,
        app: &ResourceKey,
        key: &ResourceKey,
        path: &FieldPath,
        from: &[String],
        until: Option<&str>,
    ) -> Result<Option<DeclaredCommit>, HistoryError> {
        let found = self.app(app).ok_or_else(|| HistoryError::NoApp(app.clone()))?;
        match found {
            App::Application(app) => {
                let heads = self.application_head(app).map_err(|e| unavailable_error(&e))?;
                // All sources at once: a commit of one beside the head of another was never declared together.
                let starts = app.sources.iter().zip(heads).enumerate();
                let commits: Commits = starts
                    .map(|(i, (s, head))| Some(self.start_commit(&s.repo_url, &head?, from, i)))
                    .collect();
                let mut newest: Option<DeclaredCommit> = None;
                for (i, source) in app.sources.iter().enumerate() {
                    let Some(start) = &commits[i] else { continue };
                    let repo = self.find_repository(&source.repo_url)?;
                    let render = |commit: &Commit| {
                        let mut commits = commits.clone();
                        commits[i] = Some(commit.clone());
                        self.application_at(app, &app.sources, &commits)
                    };
                    let default = &app.destination.namespace;
                    let walk = DeclarationWalk { repo, url: &source.repo_url, key, path, default, until };
                    let found = walk.walk_back(start.clone(), &render)?;
                    newest = newest.into_iter().chain(found).max_by_key(|c| c.committed_at);
                }
                Ok(newest)
            }
            App::Kustomization(app) => {
                let SourceCommit { url, commit: head } =
                    self.kustomization_head(app).map_err(|e| unavailable_error(&e))?;
                let (repo, start) = (self.find_repository(&url)?, self.start_commit(&url, &head, from, 0));
                let render = |commit: &Commit| {
                    let source = SourceCommit { url: url.clone(), commit: commit.clone() };
                    self.kustomization_at(app, &source, self.cluster.moment())
                };
                let default = app.target_namespace.as_deref().unwrap_or("default");
                DeclarationWalk { repo, url: &url, key, path, default, until }.walk_back(start, &render)
            }
            App::ApplicationSet(set) => {
                let mut newest: Option<DeclaredCommit> = None;
                for (place, (url, head)) in self.generator_commits(set).into_iter().enumerate() {
                    let (repo, start) =
                        (self.find_repository(&url)?, self.start_commit(&url, &head, from, place));
                    let render = |commit: &Commit| self.application_set_at(set, &url, commit);
                    let walk = DeclarationWalk { repo, url: &url, key, path, default: &set.namespace, until };
                    // What was so from the first commit on is in the ApplicationSet, not in what its generators read.
                    let found =
                        walk.walk_back(start, &render)?.filter(|c| !self.is_first_commit(&url, &c.id));
                    newest = newest.into_iter().chain(found).max_by_key(|c| c.committed_at);
                }
                Ok(newest)
            }
            App::HelmRelease(_) | App::Release { .. } => Ok(None),
        }
    }

    /// Finds the commit behind a change that waits for the cluster: the one that last changed what `app` declares at `path` of
    /// `key`, after what was applied in whole. A sync that failed or took only some resources has not brought the others.
    ///
    /// # Errors
    /// See [`Self::declared_history`].
    pub fn pending_commit(
        &self,
        app: &ResourceKey,
        key: &ResourceKey,
        path: &FieldPath,
    ) -> Result<Option<DeclaredCommit>, HistoryError> {
        let until = self.app(app).and_then(Self::wholly_applied);
        self.declared_history(app, key, path, &[], until.as_deref())
    }

    /// Returns the commit at which all that an app declares was applied last, if it has one source.
    fn wholly_applied(app: &App) -> Option<String> {
        match app {
            App::Application(app) => {
                let whole = app.operation.as_ref().filter(|o| o.is_whole() && !o.revisions.is_empty());
                let applied = whole.map(|o| &o.revisions).or(app.history.last().map(|h| &h.revisions))?;
                applied.first().filter(|_| applied.len() == 1).cloned()
            }
            App::Kustomization(app) => {
                let text = app.last_applied_origin.as_ref().or(app.last_applied.as_ref())?;
                FluxRevision::parse(text).ok()?.digest_hex().map(str::to_owned)
            }
            App::ApplicationSet(_) | App::HelmRelease(_) | App::Release { .. } => None,
        }
    }

    /// Corrects verdicts with earlier versions of the objects: a value that the engine owns now, but somebody else wrote.
    ///
    /// For example, Flux takes over the fields of kubectl, with the values still in place, before it applies its own.
    pub fn look_back(&self, report: &mut DriftReport) {
        report.resources.iter_mut().for_each(|resource| self.look_back_at(resource));
    }

    pub(super) fn look_back_at(&self, resource: &mut ResourceDrift) {
        let versions = self.cluster.versions(&resource.key);
        for change in resource.changes.iter_mut().filter(|c| c.class == DriftClass::Mutated) {
            let Some(own) = change.owner.as_ref().map(|o| &o.manager) else { continue };
            let wrote = |object: &Arc<Object>| {
                let same = object.root().at_path(&change.path).map(|n| n.to_value()) == change.live;
                let managed = ManagedFields::of(object);
                same && managed.owners(&change.path).any(|e| e.manager != *own)
            };
            if versions.iter().filter_map(|v| v.object.as_ref()).any(wrote) {
                change.class = DriftClass::Changed;
                change.row = VerdictRow::DifferentByOther;
                change.cause = DriftCause::ManualChange;
            }
        }
    }

    fn is_first_commit(&self, url: &str, id: &str) -> bool {
        self.repositories.commit(url, id).is_some_and(|c| c.parents.is_empty())
    }

    fn find_repository(&self, url: &str) -> Result<&GitRepo, HistoryError> {
        let missing = || HistoryError::Unavailable(format!("no repository is given for {url}"));
        self.repositories.find(url).ok_or_else(missing)
    }

    /// Returns the commit of `from` that is in this repository, else `head`. The one at the source's own index comes first,
    /// because two sources may be of one repository.
    fn start_commit(&self, url: &str, head: &Commit, from: &[String], place: usize) -> Commit {
        let all = from.get(place).into_iter().chain(from);
        all.filter_map(|id| self.repositories.commit(url, id)).next().unwrap_or_else(|| head.clone())
    }
}

fn unavailable_error(why: &DeclarationError) -> HistoryError {
    HistoryError::Unavailable(why.to_string())
}

struct DeclarationWalk<'a> {
    repo: &'a GitRepo,
    url: &'a str,
    key: &'a ResourceKey,
    path: &'a FieldPath,
    default: &'a str,
    until: Option<&'a str>,
}

impl DeclarationWalk<'_> {
    /// Follows parents that declare the same value, as long as there is one.
    fn walk_back(
        &self,
        start: Commit,
        render: &dyn Fn(&Commit) -> Rendered,
    ) -> Result<Option<DeclaredCommit>, HistoryError> {
        let wanted = self.declared_value(&render(&start).map_err(|e| unavailable_error(&e))?);
        let mut commit = start;
        for _ in 0..MAX_COMMITS {
            if self.until.is_some_and(|u| u == commit.id.to_string()) {
                return Ok(None);
            }
            let mut same = None;
            for id in &commit.parents {
                let Ok(parent) = self.repo.commit(*id) else { continue };
                // What cannot be rendered declares nothing; the commit that fixed it declares it again.
                let alike = parent.tree_id() == commit.tree_id()
                    || render(&parent).is_ok_and(|objects| self.declared_value(&objects) == wanted);
                if alike {
                    same = Some(parent);
                    break;
                }
            }
            match same {
                Some(parent) => commit = parent,
                // Never declared at all: no commit did it.
                None if commit.parents.is_empty() && wanted.is_none() => return Ok(None),
                None => return Ok(Some(self.declared_commit(&commit, wanted))),
            }
        }
        Err(HistoryError::TooMany(MAX_COMMITS))
    }

    fn declared_value(&self, objects: &[Arc<Object>]) -> Option<Value> {
        let is = |o: &&Arc<Object>| {
            let namespace = o.namespace();
            *self.key.group == *o.group()
                && *self.key.kind == *o.kind()
                && *self.key.name == *o.name()
                && (*self.key.namespace == *namespace
                    || namespace.is_empty() && *self.key.namespace == *self.default
                    || self.key.namespace.is_empty())
        };
        // Of two declarations the last one counts.
        let object = objects.iter().rev().find(is)?;
        // The API server knows no `stringData`: what a path of `data` asks for may stand there.
        let folded = normalize_secret(object);
        let root = folded.as_ref().map_or(object.root(), Doc::root);
        root.at_path(self.path).map(|n| n.to_value())
    }

    fn declared_commit(&self, commit: &Commit, value: Option<Value>) -> DeclaredCommit {
        DeclaredCommit {
            repository: self.url.to_owned(),
            id: commit.id.to_string(),
            author: format!("{} <{}>", commit.author.name, commit.author.email),
            message: commit.summary.clone(),
            committed_at: commit.committed_at,
            value,
        }
    }
}
