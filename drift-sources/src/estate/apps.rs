//! What Argo CD, Flux and Helm declare, compared with what is live.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use drift_core::coverage::{RecordedScope, Unseen, UnseenReason};
use drift_core::drift::rules::{Effect, Rule, RuleSet};
use drift_core::drift::{CommitRef, DriftChange, DriftReport, ResourceDrift, compare_apps};
use drift_core::redact::Redactor;
use drift_core::schema::SchemaSet;
use drift_core::{FieldPath, ResourceKey};

use super::comparison::{downgrade_unseen, note_left_out_owners};
use super::idle_rules::idle_rules;
use super::secrets::redact_report;
use crate::argo::answer::ApplicationAnswer;
use crate::gitops::{ClusterSnapshot, GitOps, HistoryError, Repositories};
use crate::jq::JqSandbox;
use crate::render::{Program, Renderer};

/// What the engines in a cluster declare is found from, read and ready to be compared: no IO but Git and rendering is left.
#[derive(Debug)]
pub struct DeclaredApps {
    pub(super) cluster: ClusterSnapshot,
    pub(super) repositories: Repositories,
    /// What Argo CD's API says of Applications whose repositories are not given.
    pub(super) answers: BTreeMap<ResourceKey, ApplicationAnswer>,
    pub(super) renderer: Renderer,
    pub(super) schemas: SchemaSet,
    pub(super) exceptions: RuleSet,
    /// What was listed of the cluster.
    pub(super) recorded: RecordedScope,
    /// Takes the values of Secrets out of reports.
    pub(super) redactor: Redactor,
}

/// A rule that was asked in a comparison.
#[derive(Clone, Debug)]
pub struct AppliedRule {
    /// App that it belongs to; `None` for an own exception.
    pub app: Option<ResourceKey>,
    /// The rule.
    pub rule: Rule,
}

/// A comparison of what apps declare with what is live.
#[derive(Clone, Debug)]
pub struct AppComparison {
    /// The verdicts, with notes.
    pub report: DriftReport,
    /// The rules that were asked, by app; own exceptions at the end.
    pub rules: Vec<AppliedRule>,
}

impl DeclaredApps {
    /// Finds the apps.
    pub fn gitops(&self) -> GitOps<'_> {
        GitOps::new(&self.cluster, &self.repositories, &self.renderer).with_answers(self.answers.clone())
    }

    /// Returns the objects of the moment and before.
    pub fn cluster(&self) -> &ClusterSnapshot {
        &self.cluster
    }

    /// Returns the repositories by URL.
    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }

    /// Returns what runs kustomize and helm.
    pub fn renderer(&self) -> &Renderer {
        &self.renderer
    }

    /// Returns the schemas of the kinds.
    pub fn schemas(&self) -> &SchemaSet {
        &self.schemas
    }

    /// Returns the versions of the programs that render, such as `kustomize v5.4.3`, for a report that rests on them.
    pub fn renderer_versions(&self) -> Vec<String> {
        let version = |p: Program, name: &str| self.renderer.version(p).map(|v| format!("{name} {v}"));
        let all = [version(Program::Kustomize, "kustomize"), version(Program::Helm, "helm")];
        all.into_iter().flatten().collect()
    }

    /// Compares what the apps declare with what is live, and names the commit behind every change that the cluster has yet to
    /// take up.
    pub fn compare(&self, gitops: &GitOps<'_>) -> AppComparison {
        let live = self.cluster.live();
        let mut declarations = gitops.declarations();
        let mut rules: Vec<AppliedRule> = Vec::new();
        for declaration in &mut declarations {
            let of_app = declaration.rules.rules.iter().filter(|r| is_stated(r)).cloned();
            rules.extend(of_app.map(|rule| AppliedRule { app: Some(declaration.app.clone()), rule }));
            declaration.rules.append(self.exceptions.clone());
        }
        rules.extend(self.exceptions.rules.iter().cloned().map(|rule| AppliedRule { app: None, rule }));
        let desired = declarations.iter().filter_map(|d| d.desired.as_ref().ok()).flatten();
        self.redactor.values().learn(desired.map(|d| &*d.object));
        self.redactor.values().absorb(gitops.secret_values());
        let mut report = compare_apps(&declarations, live, &self.schemas, &JqSandbox::default());
        if gitops.apps().len() == 0 {
            let where_it_ends = match self.recorded.open_gaps().next() {
                Some(_) => "was found in what could be listed",
                None => "is there",
            };
            let text = format!("no Application, Kustomization, HelmRelease or Helm release {where_it_ends}");
            report.notes.push(text);
        }
        let idle = idle_rules(&declarations, gitops.shared_rules(), (&report, &self.cluster));
        report.notes.extend(idle);
        for text in gitops.notes() {
            report.coverage.add(Unseen::other(UnseenReason::Unreadable, text));
        }
        downgrade_unseen(&mut report, &self.recorded);
        note_left_out_owners(&mut report, live);
        gitops.look_back(&mut report);
        self.name_commits(gitops, &mut report);
        redact_report(&mut report, &self.redactor);
        AppComparison { report, rules }
    }

    /// Names the commit behind every change that waits for the cluster.
    fn name_commits(&self, gitops: &GitOps<'_>, report: &mut DriftReport) {
        if self.repositories.is_empty() {
            return;
        }
        let mut problems: BTreeMap<ResourceKey, HistoryError> = BTreeMap::new();
        let is_pending = |r: &&mut ResourceDrift| r.changes.iter().any(DriftChange::is_pending);
        for resource in report.resources.iter_mut().filter(is_pending) {
            let Some(app) = resource.app.clone() else { continue };
            let key = resource.key.clone();
            for change in resource.changes.iter_mut().filter(|c| c.is_pending()) {
                match pending_commit(gitops, &app, &key, &change.path) {
                    Ok(commit) => change.commit = commit,
                    Err(e) => drop(problems.insert(app.clone(), e)),
                }
            }
        }
        report.notes.extend(problems.into_iter().map(|(app, e)| format!("{app}: {e}")));
    }
}

fn pending_commit(
    gitops: &GitOps<'_>,
    app: &ResourceKey,
    key: &ResourceKey,
    path: &FieldPath,
) -> Result<Option<Arc<CommitRef>>, HistoryError> {
    let found = gitops.pending_commit(app, key, path)?;
    Ok(found
        .map(|c| Arc::new(CommitRef { id: c.id.into(), author: c.author.into(), message: c.message.into() })))
}

/// Returns `true` if a rule is listed even if it hides nothing; those that every app has are not.
pub(super) fn is_stated(rule: &Rule) -> bool {
    matches!(rule.effect, Effect::Fields(_)) && rule.target.mark.is_none() || rule.because.is_some()
}

/// Returns the folders in which kustomize and helm are looked for: `KUBEBUILDER_ASSETS`, then `PATH`.
pub(super) fn renderer_folders() -> Vec<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    assets.into_iter().chain(std::env::split_paths(&path)).collect()
}
