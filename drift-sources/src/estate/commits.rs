//! Commits behind live values: what an app declared when it wrote them, and who had declared it.

use std::collections::BTreeSet;

use drift_core::blame::{FieldBlame, declares};
use drift_core::redact::Redactor;
use drift_core::{Doc, FieldPath, Node, Object, PathElement, ResourceKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::InputNotes;
use super::versions::{Versions, cluster_of};
use crate::gitops::{ClusterSnapshot, DeclaredCommit, GitOps, HistoryError, Repositories, Version};
use crate::manifests::ManifestReader;
use crate::render::Renderer;

/// How long after a write its engine may take to write down what it applied.
const STATUS_DELAY: SignedDuration = SignedDuration::from_secs(30);
/// Largest repository in which the place of a field is looked for.
const MAX_FILES: usize = 2_000;

/// A commit behind a value or a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitSource {
    /// Full id.
    pub id: String,
    /// Name and address of its author; empty where the repository is not given.
    pub author: String,
    /// First line of its message; empty where the repository is not given.
    pub message: String,
    /// File that declares the value, where exactly one does.
    pub file: Option<String>,
    /// Line of the value in it.
    pub line: Option<u32>,
}

/// A field of which the commit is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitQuestion<'a> {
    /// Through what it was written.
    pub(super) app: &'a ResourceKey,
    /// Of which resource.
    pub(super) key: &'a ResourceKey,
    /// The field.
    pub(super) field: &'a FieldBlame,
    /// Its live value.
    pub(super) value: Node<'a>,
}

/// Repositories, and the history of the engines' objects, which name what of them was applied when.
#[derive(Debug)]
pub(super) struct CommitFinder {
    pub(super) repositories: Repositories,
    pub(super) renderer: Renderer,
    pub(super) versions: Versions,
    pub(super) redactor: Redactor,
}

impl CommitFinder {
    /// Finds the commits behind fields that apps wrote. Fields of one time are asked together, as one render serves all.
    pub(super) fn find(
        &self,
        questions: &[CommitQuestion<'_>],
        notes: &mut InputNotes,
    ) -> Vec<Option<CommitSource>> {
        let mut found = vec![None; questions.len()];
        if self.repositories.is_empty() {
            return found;
        }
        let times: BTreeSet<Timestamp> = questions.iter().map(|q| self.time_of(q)).collect();
        let mut problems: BTreeSet<String> = BTreeSet::new();
        for time in times {
            let cluster = self.cluster_at(time);
            let engines = GitOps::new(&cluster, &self.repositories, &self.renderer);
            for (i, question) in questions.iter().enumerate().filter(|(_, q)| self.time_of(q) == time) {
                match self.answer(&engines, &cluster, question) {
                    Ok(commit) => found[i] = commit,
                    Err(e) => drop(problems.insert(format!("{}: {e}", question.app))),
                }
            }
        }
        problems.into_iter().for_each(|p| notes.add(p));
        found
    }

    /// Returns when the app is to be looked at: when it wrote, or when it was first seen.
    fn time_of(&self, question: &CommitQuestion<'_>) -> Timestamp {
        let first = self.versions.get(question.app).and_then(|v| v.first());
        first.map_or(question.field.at, |first| question.field.at.max(first.at))
    }

    fn cluster_at(&self, time: Timestamp) -> ClusterSnapshot {
        let until = |v: &Vec<Version>| v.iter().filter(|v| v.at <= time).cloned().collect::<Vec<_>>();
        let then = self.versions.iter().map(|(k, v)| (k.clone(), until(v))).filter(|(_, v)| !v.is_empty());
        cluster_of(then.collect(), Some(time))
    }

    fn answer(
        &self,
        engines: &GitOps<'_>,
        cluster: &ClusterSnapshot,
        question: &CommitQuestion<'_>,
    ) -> Result<Option<CommitSource>, HistoryError> {
        let path = &question.field.path;
        let revisions = self.revisions(question.app, cluster, self.time_of(question));
        let mut problem = None;
        // What the engine reports as applied is tried first, and the head of its branch last.
        for from in revisions.iter().map(|r| &**r).chain([&[][..]]) {
            match engines.declared_history(question.app, question.key, path, from, None) {
                Ok(Some(commit)) if self.is_live(&commit, question) => {
                    return Ok(Some(self.source_of(commit, question)));
                }
                Ok(_) => {}
                Err(e) => problem = Some(e),
            }
        }
        problem.map_or(Ok(None), Err)
    }

    /// Returns `true` if a commit declares the live value: what declares another one did not give it.
    fn is_live(&self, commit: &DeclaredCommit, question: &CommitQuestion<'_>) -> bool {
        let Some(value) = &commit.value else { return false };
        let hashed = match question.key.group_kind() {
            ("", "Secret") => self.hashed(&question.field.path, value),
            _ => Doc::from_value(value).ok(),
        };
        hashed.is_some_and(|doc| declares(doc.root(), question.value))
    }

    /// Hashes a declared value of a Secret as the live one is.
    fn hashed(&self, path: &FieldPath, value: &Value) -> Option<Doc> {
        let [PathElement::Field(part), PathElement::Field(name)] = path.elements() else {
            return Doc::from_value(value).ok();
        };
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "declared"}});
        secret[&**part] = json!({&**name: value});
        let secret = self.redactor.redact(Object::new(Doc::from_value(&secret).ok()?).ok()?);
        secret.root().at_path(path).map(Node::to_doc)
    }

    /// Returns the revisions that an engine had when it wrote, one for each source, the likeliest first.
    fn revisions(&self, app: &ResourceKey, cluster: &ClusterSnapshot, at: Timestamp) -> Vec<Vec<String>> {
        let then = cluster.get(app).map(|o| o.as_ref());
        let later =
            self.versions.get(app).into_iter().flatten().filter(|v| at < v.at && v.at <= at + STATUS_DELAY);
        let mut later = later.filter_map(|v| v.object.as_deref()).filter(|o| has_begun(o, at));
        // While it runs, the result of the operation before may still be in its state.
        let later = later.clone().find(|o| !is_running(o)).or_else(|| later.next());
        let source = then.and_then(source_ref).and_then(|key| cluster.get(&key)).map(|o| o.as_ref());
        let mut all: Vec<Vec<String>> = Vec::new();
        for object in [later.filter(|o| is_argo(o)), then, source, later].into_iter().flatten() {
            for revisions in named_revisions(object) {
                if !all.contains(&revisions) {
                    all.push(revisions);
                }
            }
        }
        all
    }

    fn source_of(&self, commit: DeclaredCommit, question: &CommitQuestion<'_>) -> CommitSource {
        let place = self.place(&commit, question);
        let (file, line) = place.map_or((None, None), |(file, line)| (Some(file), line));
        CommitSource { id: commit.id, author: commit.author, message: commit.message, file, line }
    }

    /// Finds the file and line that declare the field, if exactly one declares it as it is live.
    fn place(&self, commit: &DeclaredCommit, question: &CommitQuestion<'_>) -> Option<(String, Option<u32>)> {
        let repo = self.repositories.find(&commit.repository)?;
        let commit = self.repositories.commit(&commit.repository, &commit.id)?;
        let listing = repo.list(&commit, None).ok().filter(|l| l.files.len() <= MAX_FILES)?;
        let mut reader = ManifestReader::new();
        for file in listing.files {
            reader.add_file(&file.path, &repo.read(&file).ok()?);
        }
        let manifests = reader.finish();
        let mut places = manifests.declared.iter().filter(|d| {
            let key = d.object.key();
            key.group_kind() == question.key.group_kind()
                && key.name == question.key.name
                && (key.namespace.is_empty() || key.namespace == question.key.namespace)
                && d.object.root().at_path(&question.field.path).is_some_and(|n| declares(n, question.value))
        });
        let declared = places.next().filter(|_| places.next().is_none())?;
        let place = declared.locate(&question.field.path);
        Some((place.file.to_string(), place.position.map(|p| p.line)))
    }
}

fn is_argo(object: &Object) -> bool {
    object.group() == "argoproj.io"
}

/// Returns `true` if the last run that an engine's object reports began before a time.
fn has_begun(object: &Object, at: Timestamp) -> bool {
    let started = object.root().str_at(&["status", "operationState", "startedAt"]);
    match started.and_then(|t| t.parse::<Timestamp>().ok()) {
        Some(started) => started <= at + SignedDuration::from_secs(1),
        None => !is_argo(object),
    }
}

fn source_ref(object: &Object) -> Option<ResourceKey> {
    let reference = object.root().at(&["spec", "sourceRef"])?;
    let namespace = reference.str_at(&["namespace"]).unwrap_or(object.namespace());
    let (kind, name) = (reference.str_at(&["kind"])?, reference.str_at(&["name"])?);
    Some(ResourceKey::new("source.toolkit.fluxcd.io", kind, namespace, name))
}

/// Returns `true` if an operation of Argo CD is under way.
fn is_running(object: &Object) -> bool {
    object.root().str_at(&["status", "operationState", "phase"]).is_some_and(|p| p == "Running")
}

/// Returns the commits that an engine's object names, as full ids, one for each source if there are several.
fn named_revisions(object: &Object) -> Vec<Vec<String>> {
    const PLACES: [&[&str]; 6] = [
        &["status", "operationState", "syncResult"],
        &["status", "operationState", "operation", "sync"],
        &["status", "sync"],
        &["status", "artifact"],
        &["status", "lastAttemptedRevision"],
        &["status", "lastAppliedRevision"],
    ];
    let texts = |node: Node<'_>| match node.as_str() {
        Some(text) => vec![text.to_owned()],
        None => {
            let list = node.get("revisions").into_iter().flat_map(Node::children).filter_map(Node::as_str);
            let several: Vec<String> = list.map(str::to_owned).collect();
            let one = || node.str_at(&["revision"]).map(str::to_owned).into_iter().collect();
            if several.is_empty() { one() } else { several }
        }
    };
    let id = |text: &String| text.rsplit([':', '/', '@']).next().unwrap_or_default().to_owned();
    let is_id = |id: &String| id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let nodes = PLACES.iter().filter_map(|p| object.root().at(p));
    // A version of a chart among them stays in its place.
    let groups = nodes.map(|n| texts(n).iter().map(id).collect::<Vec<_>>());
    groups.filter(|g| g.iter().any(is_id)).collect()
}
