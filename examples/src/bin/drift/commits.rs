//! Commits behind live values: what an app declared when it wrote them, and who had declared it.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::blame::{FieldBlame, declares};
use drift_core::redact::Redactor;
use drift_core::{Doc, FieldPath, Node, Object, PathElement, ResourceKey};
use drift_sources::gitops::{
    ClusterSnapshot, DeclaredCommit, GitOps, HistoryError, ObjectVersion, Repositories,
};
use drift_sources::manifests::ManifestReader;
use drift_sources::render::{RenderOptions, Renderer};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::gitops;
use crate::inputs::Notes;

/// How long after a write its engine may take to write down what it applied.
const SOON: SignedDuration = SignedDuration::from_secs(30);
/// Largest repository in which the place of a field is looked for.
const MAX_FILES: usize = 2_000;

/// A commit, as programs read it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CommitV1 {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
}

impl CommitV1 {
    /// Says it in one line.
    pub(crate) fn text(&self) -> String {
        let id = self.id.get(..10).unwrap_or(&self.id);
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("  {file}:{line}"),
            (Some(file), None) => format!("  {file}"),
            _ => String::new(),
        };
        format!("commit {id} {}  {}{place}", self.author, self.message)
    }
}

/// Repositories, and the history of the engines' objects that say what of them was applied when.
#[derive(Debug)]
pub(crate) struct Commits {
    repositories: Repositories,
    renderer: Renderer,
    versions: BTreeMap<ResourceKey, Vec<ObjectVersion>>,
    redactor: Redactor,
}

impl Commits {
    /// Opens what `--git URL=PLACE` names.
    pub(crate) fn open(
        places: &[String],
        versions: BTreeMap<ResourceKey, Vec<ObjectVersion>>,
        redactor: Redactor,
    ) -> Result<Self, Failure> {
        let repositories = gitops::repositories(places)?;
        let renderer = Renderer::new(RenderOptions::in_folders(gitops::folders()));
        Ok(Self { repositories, renderer, versions, redactor })
    }

    /// Tells whether there is no repository.
    pub(crate) fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// Finds the commits behind fields that apps wrote. Fields of one time are asked together, as one render serves all.
    pub(crate) fn of(&self, questions: &[Question<'_>], notes: &mut Notes) -> Vec<Option<CommitV1>> {
        let mut found = vec![None; questions.len()];
        if self.is_empty() {
            return found;
        }
        let times: BTreeSet<Timestamp> = questions.iter().map(|q| self.time(q)).collect();
        let mut problems: BTreeSet<String> = BTreeSet::new();
        for time in times {
            let cluster = self.cluster(time);
            let engines = GitOps::new(&cluster, &self.repositories, &self.renderer);
            for (i, question) in questions.iter().enumerate().filter(|(_, q)| self.time(q) == time) {
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
    fn time(&self, question: &Question<'_>) -> Timestamp {
        let first = self.versions.get(question.app).and_then(|v| v.first());
        first.map_or(question.field.at, |first| question.field.at.max(first.at))
    }

    fn cluster(&self, time: Timestamp) -> ClusterSnapshot {
        let until = |v: &Vec<ObjectVersion>| v.iter().filter(|v| v.at <= time).cloned().collect::<Vec<_>>();
        let then = self.versions.iter().map(|(k, v)| (k.clone(), until(v))).filter(|(_, v)| !v.is_empty());
        gitops::settle(then.collect(), Some(time))
    }

    fn answer(
        &self,
        engines: &GitOps<'_>,
        cluster: &ClusterSnapshot,
        question: &Question<'_>,
    ) -> Result<Option<CommitV1>, HistoryError> {
        let path = &question.field.path;
        let revisions = self.revisions(question.app, cluster, self.time(question));
        let mut problem = None;
        // What the engine says that it applied comes first, and where its branch stood last.
        for from in revisions.iter().map(|r| &**r).chain([&[][..]]) {
            match engines.declared_history(question.app, question.key, path, from, None) {
                Ok(Some(commit)) if self.is_live(&commit, question) => {
                    return Ok(Some(self.commit(commit, question)));
                }
                Ok(_) => {}
                Err(e) => problem = Some(e),
            }
        }
        problem.map_or(Ok(None), Err)
    }

    /// Tells whether a commit declares the live value: what declares another one did not give it.
    fn is_live(&self, commit: &DeclaredCommit, question: &Question<'_>) -> bool {
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

    /// Returns the revisions that an engine had at hand when it wrote, one for each source, the likeliest first.
    fn revisions(&self, app: &ResourceKey, cluster: &ClusterSnapshot, at: Timestamp) -> Vec<Vec<String>> {
        let then = cluster.get(app).map(|o| o.as_ref());
        let later = self.versions.get(app).into_iter().flatten().filter(|v| at < v.at && v.at <= at + SOON);
        let mut later = later.filter_map(|v| v.object.as_deref()).filter(|o| has_begun(o, at));
        // While it runs, what the operation before came to may still stand in its state.
        let later = later.clone().find(|o| !is_running(o)).or_else(|| later.next());
        let source = then.and_then(source_of).and_then(|key| cluster.get(&key)).map(|o| o.as_ref());
        let mut all: Vec<Vec<String>> = Vec::new();
        for object in [later.filter(|o| is_argo(o)), then, source, later].into_iter().flatten() {
            for revisions in told(object) {
                if !all.contains(&revisions) {
                    all.push(revisions);
                }
            }
        }
        all
    }

    fn commit(&self, commit: DeclaredCommit, question: &Question<'_>) -> CommitV1 {
        let place = self.place(&commit, question);
        let (file, line) = place.map_or((None, None), |(file, line)| (Some(file), line));
        CommitV1 { id: commit.id, author: commit.author, message: commit.message, file, line }
    }

    /// Finds the file and line that declare the field, where it stands in exactly one as it is live.
    fn place(&self, commit: &DeclaredCommit, question: &Question<'_>) -> Option<(String, Option<u32>)> {
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

/// A field of which the commit is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Through what it was written.
    pub(crate) app: &'a ResourceKey,
    /// Of which resource.
    pub(crate) key: &'a ResourceKey,
    /// The field.
    pub(crate) field: &'a FieldBlame,
    /// Its live value.
    pub(crate) value: Node<'a>,
}

fn is_argo(object: &Object) -> bool {
    object.group() == "argoproj.io"
}

/// Tells whether what an engine's object says of its last run began before a time.
fn has_begun(object: &Object, at: Timestamp) -> bool {
    let started = object.root().str_at(&["status", "operationState", "startedAt"]);
    match started.and_then(|t| t.parse::<Timestamp>().ok()) {
        Some(started) => started <= at + SignedDuration::from_secs(1),
        None => !is_argo(object),
    }
}

fn source_of(object: &Object) -> Option<ResourceKey> {
    let reference = object.root().at(&["spec", "sourceRef"])?;
    let namespace = reference.str_at(&["namespace"]).unwrap_or(object.namespace());
    let (kind, name) = (reference.str_at(&["kind"])?, reference.str_at(&["name"])?);
    Some(ResourceKey::new("source.toolkit.fluxcd.io", kind, namespace, name))
}

/// Tells whether an operation of Argo CD is under way.
fn is_running(object: &Object) -> bool {
    object.root().str_at(&["status", "operationState", "phase"]).is_some_and(|p| p == "Running")
}

/// Returns the commits that an engine's object names, as full ids, one for each source where there are several.
fn told(object: &Object) -> Vec<Vec<String>> {
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
    // A version of a chart among them keeps its place.
    let groups = nodes.map(|n| texts(n).iter().map(id).collect::<Vec<_>>());
    groups.filter(|g| g.iter().any(is_id)).collect()
}
