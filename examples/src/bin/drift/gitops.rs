//! What Argo CD, Flux and Helm declare, against what is live.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::drift::rules::{Rule, RuleSet};
use drift_core::drift::{CommitRef, DriftChange, DriftReport, ResourceDrift, Status, compare_apps};
use drift_core::schema::SchemaSet;
use drift_core::tape::TapeEvent;
use drift_core::{EventBody, Facet, FieldPath, Object, ResourceKey, StreamId};
use drift_sources::argo::answer::ApplicationAnswer;
use drift_sources::git::{GitOptions, GitRepo, GitSpec};
use drift_sources::gitops::{ClusterSnapshot, GitOps, HistoryError, ObjectVersion, Repositories};
use drift_sources::jq::JqSandbox;
use drift_sources::render::{Program, RenderOptions, Renderer};
use drift_sources::tape::{TapeOptions, TapeReader};
use jiff::Timestamp;

use crate::argocd;
use crate::args::{ArgoArgs, ClusterArgs, RecordedArgs};
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::inputs::live::{Input, Live, LiveFrom, Wanted, is_tape};
use crate::inputs::schemas;
use crate::moment::Moment;
use crate::recorded::Recorded;
use crate::rules;
use crate::users;

/// Where to look for apps and for what they declare.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// A dump, or a tape taken as the live state.
    pub(crate) live: Option<&'a Path>,
    /// A store or a tape.
    pub(crate) recorded: &'a RecordedArgs,
    /// The cluster.
    pub(crate) cluster: &'a ClusterArgs,
    /// When; now without it.
    pub(crate) at: Option<Moment>,
    /// Repositories, as `URL=PLACE`.
    pub(crate) git: &'a [String],
    /// The API server of Argo CD.
    pub(crate) argocd: &'a ArgoArgs,
    /// Audit log.
    pub(crate) audit: Option<&'a Path>,
    /// Folder of OpenAPI documents.
    pub(crate) schemas: Option<&'a Path>,
    /// File of own exceptions.
    pub(crate) rules: Option<&'a Path>,
}

/// All that is at hand.
#[derive(Debug)]
pub(crate) struct Estate {
    /// The objects of the moment and before.
    pub(crate) cluster: ClusterSnapshot,
    /// Repositories by URL.
    pub(crate) repositories: Repositories,
    /// What Argo CD says of Applications whose repositories are not there.
    answers: BTreeMap<ResourceKey, ApplicationAnswer>,
    /// Runs kustomize and helm.
    pub(crate) renderer: Renderer,
    /// Schemas of the kinds.
    pub(crate) schemas: SchemaSet,
    /// Own exceptions.
    pub(crate) exceptions: RuleSet,
    /// What could not be read.
    pub(crate) notes: Notes,
}

impl Estate {
    /// Reads all that is named.
    pub(crate) async fn read(request: &Request<'_>) -> Result<Self, Failure> {
        let mut notes = Notes::default();
        let cluster = cluster(request, &mut notes).await?;
        let repositories = repositories(request.git)?;
        let renderer = Renderer::new(RenderOptions::in_folders(folders()));
        let live = cluster.live().iter().map(|o| &**o);
        let schemas = schemas::gather(request.schemas, std::iter::empty(), live, &mut notes)?;
        let exceptions = request.rules.map(rules::read).transpose()?.unwrap_or_default();
        // What has expired is judged by the moment that is looked at.
        let now = cluster.report_time().unwrap_or_else(Timestamp::now);
        let cluster = cluster.with_now(now);
        let exceptions = exceptions.at(now);
        let mut this = Self {
            cluster,
            repositories,
            answers: BTreeMap::new(),
            renderer,
            schemas,
            exceptions,
            notes: Notes::default(),
        };
        this.answers = argocd::ask(request.argocd, &this.gitops().without_source(), &mut notes).await?;
        this.notes = notes;
        Ok(this)
    }

    /// Finds the apps.
    pub(crate) fn gitops(&self) -> GitOps<'_> {
        GitOps::new(&self.cluster, &self.repositories, &self.renderer).with_answers(self.answers.clone())
    }

    /// Compares what the apps declare with what is live.
    pub(crate) fn compare(&self, gitops: &GitOps<'_>) -> DriftReport {
        self.compare_with_rules(gitops).0
    }

    /// Compares what the apps declare with what is live, and returns the rules that were asked, by app.
    pub(crate) fn compare_with_rules(
        &self,
        gitops: &GitOps<'_>,
    ) -> (DriftReport, Vec<(Option<String>, Rule)>) {
        let live = self.cluster.live();
        let mut declarations = gitops.declarations();
        let mut stated: Vec<(Option<String>, Rule)> = Vec::new();
        for declaration in &mut declarations {
            let app = declaration.app.to_string();
            let of_app = declaration.rules.rules.iter().filter(|r| rules::is_stated(r)).cloned();
            stated.extend(of_app.map(|r| (Some(app.clone()), r)));
            declaration.rules.append(self.exceptions.clone());
        }
        stated.extend(self.exceptions.rules.iter().cloned().map(|r| (None, r)));
        let mut report = compare_apps(&declarations, live, &self.schemas, &JqSandbox::default());
        if gitops.apps().len() == 0 {
            report
                .notes
                .push("no Application, Kustomization, HelmRelease or Helm release is there".to_owned());
        }
        report.notes.extend(gitops.notes().cloned());
        gitops.look_back(&mut report);
        self.commits(gitops, &mut report);
        (report, stated)
    }

    /// Names the commit behind every change that waits for the cluster.
    fn commits(&self, gitops: &GitOps<'_>, report: &mut DriftReport) {
        if self.repositories.is_empty() {
            return;
        }
        let mut problems: BTreeMap<ResourceKey, HistoryError> = BTreeMap::new();
        let mut applied: BTreeMap<ResourceKey, Vec<String>> = BTreeMap::new();
        let pending = |r: &&mut ResourceDrift| r.changes.iter().any(DriftChange::is_pending);
        for resource in report.resources.iter_mut().filter(pending) {
            let Some(app) = resource.app.clone() else { continue };
            let until = applied
                .entry(app.clone())
                .or_insert_with_key(|key| {
                    gitops.app(key).map(|a| gitops.state(a).applied).unwrap_or_default()
                })
                .clone();
            let key = resource.key.clone();
            for change in resource.changes.iter_mut().filter(|c| c.is_pending()) {
                let found = commit(gitops, &app, &key, &change.path, &until);
                match found {
                    Ok(commit) => change.commit = commit,
                    Err(e) => drop(problems.insert(app.clone(), e)),
                }
            }
        }
        report.notes.extend(problems.into_iter().map(|(app, e)| format!("{app}: {e}")));
    }

    /// Returns what the programs say of their versions, for a report that rests on them.
    pub(crate) fn versions(&self) -> Vec<String> {
        let version = |p: Program, name: &str| self.renderer.version(p).map(|v| format!("{name} {v}"));
        [version(Program::Kustomize, "kustomize"), version(Program::Helm, "helm")]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn commit(
    gitops: &GitOps<'_>,
    app: &ResourceKey,
    key: &ResourceKey,
    path: &FieldPath,
    until: &[String],
) -> Result<Option<Arc<CommitRef>>, HistoryError> {
    let until = until.first().filter(|_| until.len() == 1).map(|u| &**u);
    let found = gitops.declared_history(app, key, path, &[], until)?;
    Ok(found
        .map(|c| Arc::new(CommitRef { id: c.id.into(), author: c.author.into(), message: c.message.into() })))
}

/// What one comparison came to.
#[derive(Debug)]
pub(crate) struct Found {
    /// The verdicts.
    pub(crate) report: DriftReport,
    /// Whether a part was not looked at.
    pub(crate) is_partial: bool,
}

/// Compares everything that apps declare.
pub(crate) async fn compare(
    request: Request<'_>,
    keep: impl Fn(&ResourceDrift) -> bool,
) -> Result<Found, Failure> {
    let mut estate = Estate::read(&request).await?;
    let mut report = {
        let gitops = estate.gitops();
        estate.compare(&gitops)
    };
    report.resources.retain(keep);
    if let Some(audit) = request.audit {
        let log = users::read_until(audit, None, estate.cluster.moment(), &mut estate.notes)?;
        users::attribute(&mut report, estate.cluster.live(), &log);
    }
    report.notes.extend(estate.notes.texts().iter().cloned());
    let is_partial =
        estate.notes.is_partial() || report.resources.iter().any(|r| r.status == Status::Unknown);
    Ok(Found { report, is_partial })
}

/// Folders in which kustomize and helm are looked for.
pub(crate) fn folders() -> Vec<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    assets.into_iter().chain(std::env::split_paths(&path)).collect()
}

/// Splits `URL=PLACE`; without a URL the place stands for any.
fn split(text: &str) -> (&str, &str) {
    match text.rsplit_once('=') {
        Some((url, place)) if url.contains("://") || url.contains('@') => (url, place),
        _ => ("", text),
    }
}

pub(crate) fn repositories(places: &[String]) -> Result<Repositories, Failure> {
    let mut repositories = Repositories::default();
    for text in places {
        let (url, place) = split(text);
        let failed = |e: &dyn std::error::Error| {
            Failure::new(format!("cannot read the repository `{place}`")).because(e)
        };
        let spec = GitSpec::parse(place).map_err(|e| failed(&e))?;
        repositories.add(url, GitRepo::open(&spec, &GitOptions::default()).map_err(|e| failed(&e))?);
    }
    Ok(repositories)
}

async fn cluster(request: &Request<'_>, notes: &mut Notes) -> Result<ClusterSnapshot, Failure> {
    let time = match request.at {
        Some(Moment::Time(time)) => Some(time),
        _ => None,
    };
    let tape = request.live.or(request.recorded.tape.as_deref());
    if let (Some(path), None | Some(Moment::Time(_))) = (tape, request.at) {
        let input = Input::open(path)?;
        // Read as it is: a release of Helm and variables in Secrets are of no use hashed, and none of them is kept.
        if is_tape(input.path()) {
            let name = input.name().into_owned();
            return Ok(settle(tape_versions(&name, input.path(), time, notes)?, time));
        }
        let live = Live::read(LiveFrom::File(input.path()), request.at, &Wanted::default()).await?;
        notes.append(live.notes);
        return Ok(ClusterSnapshot::now(live.objects));
    }
    if request.recorded.store.is_some() || tape.is_some() {
        let recorded = match tape {
            Some(tape) => Recorded::tape(Input::open(tape)?).await?,
            None => Recorded::open(request.recorded).await?,
        };
        return recorded_cluster(&recorded, request.at, notes).await;
    }
    let live = Live::read(LiveFrom::Cluster(request.cluster), request.at, &Wanted::default()).await?;
    notes.append(live.notes);
    Ok(ClusterSnapshot::now(live.objects))
}

/// Reads a tape as it is, up to a time.
pub(crate) fn tape_versions(
    name: &str,
    path: &Path,
    at: Option<jiff::Timestamp>,
    notes: &mut Notes,
) -> Result<BTreeMap<ResourceKey, Vec<ObjectVersion>>, Failure> {
    let failed =
        |e: &dyn std::error::Error| Failure::new(format!("cannot read the tape `{name}`")).because(e);
    let reader = TapeReader::open(path, TapeOptions::default()).map_err(|e| failed(&e))?;
    let mut versions: BTreeMap<ResourceKey, Vec<ObjectVersion>> = BTreeMap::new();
    for line in reader {
        let line = match line {
            Ok(line) => line,
            Err(e) => {
                notes.miss(e.to_string());
                continue;
            }
        };
        if at.is_some_and(|at| line.at > at) {
            continue;
        }
        let (object, key) = match line.event {
            TapeEvent::Listed(o) | TapeEvent::Added(o) | TapeEvent::Modified(o) => {
                let key = o.key();
                (Some(Arc::new(o)), key)
            }
            TapeEvent::Deleted(o) => (None, o.key()),
            _ => continue,
        };
        versions.entry(key).or_default().push(ObjectVersion { at: line.at, object });
    }
    Ok(versions)
}

/// What is live is the newest version of everything that is not gone.
pub(crate) fn settle(
    mut versions: BTreeMap<ResourceKey, Vec<ObjectVersion>>,
    at: Option<jiff::Timestamp>,
) -> ClusterSnapshot {
    versions.values_mut().for_each(|v| v.sort_by_key(|v| v.at));
    let live = versions.values().filter_map(|v| v.last()?.object.clone()).collect();
    // A record is of its own time, and not of the day on which it is read.
    let last = versions.values().flatten().map(|v| v.at).max();
    let cluster = ClusterSnapshot::at(live, versions, at);
    match last {
        Some(last) => cluster.with_now(last),
        None => cluster,
    }
}

async fn recorded_cluster(
    recorded: &Recorded,
    at: Option<Moment>,
    notes: &mut Notes,
) -> Result<ClusterSnapshot, Failure> {
    let mut versions: BTreeMap<ResourceKey, Vec<ObjectVersion>> = BTreeMap::new();
    let mut last = None;
    for event in recorded.all().await?.iter().filter(|e| at.is_none_or(|m| m.includes(e))) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { continue };
        let object: Option<Arc<Object>> = match &event.body {
            EventBody::Applied(object) => Some(Arc::clone(object)),
            EventBody::Deleted(_) => None,
            _ => continue,
        };
        last = Some(event.observed_at);
        versions.entry(key.clone()).or_default().push(ObjectVersion { at: event.observed_at, object });
    }
    notes.append(recorded.notes().clone());
    let time = match at {
        Some(Moment::Time(time)) => Some(time),
        Some(Moment::Position(_)) => last,
        None => None,
    };
    Ok(settle(versions, time))
}
