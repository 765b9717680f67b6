//! Applications.

use std::sync::Arc;

use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;
use serde_json::Value;

use super::GROUP;

/// Who started a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Initiator {
    /// Auto-sync or self-heal.
    Automated,
    /// A user of Argo CD.
    User(Arc<str>),
    /// Nothing says.
    #[default]
    Unknown,
}

/// One source of an Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// URL of the repository.
    pub repo_url: String,
    /// Folder in it.
    pub path: Option<String>,
    /// Branch, tag, commit, version or range of versions.
    pub target_revision: Option<String>,
    /// Name of a chart, where the repository is one of charts.
    pub chart: Option<String>,
    /// Name by which other sources refer to its files.
    pub reference: Option<String>,
    /// The source as it stands, with the options of its tool.
    pub raw: Value,
}

/// Where an Application puts its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// URL of the cluster's API server.
    pub server: Option<String>,
    /// Name of the cluster.
    pub name: Option<String>,
    /// Namespace of resources that name none.
    pub namespace: String,
}

impl Destination {
    /// Tells whether it is the cluster that the Application itself is in.
    pub fn is_in_cluster(&self) -> bool {
        match (&self.server, &self.name) {
            (Some(server), _) => server.trim_end_matches('/') == "https://kubernetes.default.svc",
            (None, Some(name)) => name == "in-cluster",
            (None, None) => true,
        }
    }
}

/// A resource as `status.resources` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedResource {
    /// Which resource.
    pub key: ResourceKey,
    /// API version without the group.
    pub version: Arc<str>,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub status: Option<Arc<str>>,
    /// `Healthy`, `Degraded` and so on, where the object holds it.
    pub health: Option<Arc<str>>,
    /// Whether it is not declared any more, as far as Argo CD knows what is declared.
    pub requires_pruning: bool,
    /// Whether it is a hook.
    pub hook: bool,
}

/// What a sync did to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedResource {
    /// Which resource.
    pub key: ResourceKey,
    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`.
    pub status: Option<Arc<str>>,
    /// What Argo CD says about it.
    pub message: Option<Arc<str>>,
}

/// The last operation of an Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncOperation {
    /// `Running`, `Terminating`, `Failed`, `Error` or `Succeeded`.
    pub phase: Arc<str>,
    /// What Argo CD says about it.
    pub message: Option<Arc<str>>,
    /// Who started it.
    pub initiated_by: Initiator,
    /// Revision of every source.
    pub revisions: Vec<String>,
    /// The sources as they were then.
    pub sources: Vec<Source>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Whether it was about chosen resources only, as self-heal is.
    pub is_partial: bool,
    /// How often self-heal has tried.
    pub heal_attempts: i64,
    /// What it did.
    pub resources: Vec<SyncedResource>,
}

impl SyncOperation {
    /// Tells whether everything that its revision declared was applied.
    pub fn is_whole(&self) -> bool {
        &*self.phase == "Succeeded" && !self.is_partial
    }

    /// Tells whether it applied a resource; a manifest may leave the namespace open.
    pub fn applied(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        self.resources.iter().filter(|r| r.status.as_deref() == Some("Synced")).any(|r| {
            let key = &r.key;
            *key.group == *group
                && *key.kind == *kind
                && *key.name == *name
                && (namespace.is_empty() || key.namespace.is_empty() || *key.namespace == *namespace)
        })
    }
}

/// An entry of `status.history`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
    /// Its number.
    pub id: i64,
    /// Revision of every source.
    pub revisions: Vec<String>,
    /// The sources as they were then.
    pub sources: Vec<Source>,
    /// Who started it.
    pub initiated_by: Initiator,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub deployed_at: Option<Timestamp>,
}

/// An entry of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `ComparisonError`.
    pub kind: Arc<str>,
    /// What Argo CD says.
    pub message: Arc<str>,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// An Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Namespace that it is in.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its UID, empty where the object has none.
    pub uid: Arc<str>,
    /// Project.
    pub project: Arc<str>,
    /// Sources, one or several.
    pub sources: Vec<Source>,
    /// Where it puts its resources.
    pub destination: Destination,
    /// `spec.ignoreDifferences` as it stands.
    pub ignore_differences: Vec<Value>,
    /// `spec.syncPolicy.syncOptions`.
    pub sync_options: Vec<String>,
    /// Labels and annotations of a namespace that Argo CD makes.
    pub managed_namespace: Option<Value>,
    /// Whether it syncs by itself.
    pub is_automated: bool,
    /// Whether it takes back changes of the cluster by itself.
    pub heals_itself: bool,
    /// Whether the controller leaves it alone (`argocd.argoproj.io/skip-reconcile`).
    pub is_skipped: bool,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync_status: Option<Arc<str>>,
    /// Revision of every source that the last comparison was with.
    pub compared_revisions: Vec<String>,
    /// `Healthy`, `Degraded` and so on.
    pub health: Option<Arc<str>>,
    /// When it was compared last.
    pub reconciled_at: Option<Timestamp>,
    /// What it manages, by its own account.
    pub resources: Vec<ManagedResource>,
    /// The last operation.
    pub operation: Option<SyncOperation>,
    /// Deployments, oldest first.
    pub history: Vec<Deployment>,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

impl Application {
    /// Reads an Application; `None` for any other object.
    pub fn of(object: &Object) -> Option<Self> {
        if object.group() != GROUP || object.kind() != "Application" {
            return None;
        }
        let root = object.root();
        let spec = root.get("spec");
        let status = root.get("status");
        let policy = spec.and_then(|s| s.get("syncPolicy"));
        let automated = policy.and_then(|p| p.get("automated")).filter(|a| !a.is_null());
        // `enabled: false` switches off what is written beside it.
        let automated = automated.filter(|a| a.get("enabled").and_then(Node::as_bool) != Some(false));
        Some(Self {
            namespace: object.namespace().into(),
            name: object.name().into(),
            uid: text(Some(root), &["metadata", "uid"]).unwrap_or_default(),
            project: text(spec, &["project"]).unwrap_or_else(|| "default".into()),
            sources: sources(spec),
            destination: destination(spec),
            ignore_differences: list(spec, &["ignoreDifferences"]).map(Node::to_value).collect(),
            sync_options: list(policy, &["syncOptions"])
                .filter_map(|o| o.as_str().map(str::to_owned))
                .collect(),
            managed_namespace: policy
                .and_then(|p| p.get("managedNamespaceMetadata"))
                .filter(|m| !m.is_null())
                .map(Node::to_value),
            is_automated: automated.is_some(),
            heals_itself: automated.and_then(|a| a.get("selfHeal")).and_then(Node::as_bool) == Some(true),
            is_skipped: object.annotation("argocd.argoproj.io/skip-reconcile") == Some("true"),
            sync_status: text(status, &["sync", "status"]),
            compared_revisions: revisions(status.and_then(|s| s.get("sync"))),
            health: text(status, &["health", "status"]),
            reconciled_at: time(status, &["reconciledAt"]),
            resources: list(status, &["resources"]).filter_map(resource).collect(),
            operation: status.and_then(|s| s.get("operationState")).filter(|o| !o.is_null()).map(operation),
            history: list(status, &["history"]).map(deployment).collect(),
            conditions: list(status, &["conditions"]).filter_map(condition).collect(),
        })
    }

    /// Returns the key of the Application itself.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::new(GROUP, "Application", &self.namespace, &self.name)
    }

    /// Returns the name that tracking goes by: with its namespace where that is not Argo CD's own.
    pub fn instance_name(&self, control_namespace: &str) -> String {
        if self.namespace.is_empty() || *self.namespace == *control_namespace {
            self.name.to_string()
        } else {
            format!("{}_{}", self.namespace, self.name)
        }
    }

    /// Tells whether a sync option is set, such as `CreateNamespace=true`.
    pub fn has_option(&self, option: &str) -> bool {
        self.sync_options.iter().any(|o| o == option)
    }

    /// Returns the newest revisions that a sync applied, whole or in part, with the sources of that time, newest first.
    pub fn applied(&self) -> Vec<(&[String], &[Source])> {
        let operation = self.operation.as_ref().filter(|o| !o.revisions.is_empty());
        let last = self.history.last().map(|d| (&d.revisions[..], &d.sources[..]));
        let mut all: Vec<_> = operation.map(|o| (&o.revisions[..], &o.sources[..])).into_iter().collect();
        if !operation.is_some_and(SyncOperation::is_whole) {
            all.extend(last.filter(|l| all.first() != Some(l)));
        }
        all
    }
}

fn text(node: Option<Node<'_>>, path: &[&str]) -> Option<Arc<str>> {
    node?.str_at(path).filter(|s| !s.is_empty()).map(Into::into)
}

fn time(node: Option<Node<'_>>, path: &[&str]) -> Option<Timestamp> {
    node?.str_at(path)?.parse().ok()
}

fn list<'a>(node: Option<Node<'a>>, path: &[&str]) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.and_then(|n| n.at(path))
        .filter(|n| n.kind() == drift_core::Kind::List)
        .into_iter()
        .flat_map(Node::children)
}

/// `sources` wins over `source`, even beside it.
fn sources(node: Option<Node<'_>>) -> Vec<Source> {
    let several: Vec<_> = list(node, &["sources"]).map(source).collect();
    if !several.is_empty() {
        return several;
    }
    node.and_then(|n| n.get("source"))
        .filter(|s| !s.is_empty() && !s.is_null())
        .map(source)
        .into_iter()
        .collect()
}

fn source(node: Node<'_>) -> Source {
    let text = |name| node.str_at(&[name]).filter(|s| !s.is_empty()).map(str::to_owned);
    Source {
        repo_url: text("repoURL").unwrap_or_default(),
        path: text("path"),
        target_revision: text("targetRevision"),
        chart: text("chart"),
        reference: text("ref"),
        raw: node.to_value(),
    }
}

fn destination(spec: Option<Node<'_>>) -> Destination {
    let node = spec.and_then(|s| s.get("destination"));
    let owned = |name| text(node, &[name]).map(|s| s.to_string());
    Destination {
        server: owned("server"),
        name: owned("name"),
        namespace: owned("namespace").unwrap_or_default(),
    }
}

/// `revisions` of several sources, else the one `revision`.
fn revisions(node: Option<Node<'_>>) -> Vec<String> {
    let several: Vec<String> =
        list(node, &["revisions"]).map(|r| r.as_str().unwrap_or_default().to_owned()).collect();
    if !several.is_empty() {
        return several;
    }
    text(node, &["revision"]).map(|r| r.to_string()).into_iter().collect()
}

fn key(node: Node<'_>) -> Option<ResourceKey> {
    let text = |name| node.str_at(&[name]).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    (!kind.is_empty() && !name.is_empty())
        .then(|| ResourceKey::new(text("group"), kind, text("namespace"), name))
}

fn resource(node: Node<'_>) -> Option<ManagedResource> {
    let flag = |name| node.get(name).and_then(Node::as_bool) == Some(true);
    let status = text(Some(node), &["status"]);
    // A comparison that failed knows of no declaration, and says of everything that it had to go.
    let is_known = status.as_deref() != Some("Unknown");
    Some(ManagedResource {
        key: key(node)?,
        version: text(Some(node), &["version"]).unwrap_or_default(),
        status,
        health: text(Some(node), &["health", "status"]),
        requires_pruning: is_known && flag("requiresPruning"),
        hook: flag("hook"),
    })
}

fn initiator(node: Option<Node<'_>>) -> Initiator {
    match (node.and_then(|n| n.get("automated")).and_then(Node::as_bool), text(node, &["username"])) {
        (Some(true), _) => Initiator::Automated,
        (_, Some(user)) => Initiator::User(user),
        _ => Initiator::Unknown,
    }
}

fn operation(node: Node<'_>) -> SyncOperation {
    let result = node.get("syncResult");
    let sync = node.at(&["operation", "sync"]);
    let or_asked = |found: Vec<String>| if found.is_empty() { revisions(sync) } else { found };
    let or_asked_sources = |found: Vec<Source>| if found.is_empty() { sources(sync) } else { found };
    SyncOperation {
        phase: text(Some(node), &["phase"]).unwrap_or_default(),
        message: text(Some(node), &["message"]),
        initiated_by: initiator(node.at(&["operation", "initiatedBy"])),
        revisions: or_asked(revisions(result)),
        sources: or_asked_sources(sources(result)),
        started_at: time(Some(node), &["startedAt"]),
        finished_at: time(Some(node), &["finishedAt"]),
        is_partial: list(sync, &["resources"]).next().is_some(),
        heal_attempts: sync.and_then(|s| s.get("autoHealAttemptsCount")).and_then(Node::as_i64).unwrap_or(0),
        resources: list(result, &["resources"])
            .filter_map(|r| {
                Some(SyncedResource {
                    key: key(r)?,
                    status: text(Some(r), &["status"]),
                    message: text(Some(r), &["message"]),
                })
            })
            .collect(),
    }
}

fn deployment(node: Node<'_>) -> Deployment {
    Deployment {
        id: node.get("id").and_then(Node::as_i64).unwrap_or(0),
        revisions: revisions(Some(node)),
        sources: sources(Some(node)),
        initiated_by: initiator(node.get("initiatedBy")),
        started_at: time(Some(node), &["deployStartedAt"]),
        deployed_at: time(Some(node), &["deployedAt"]),
    }
}

fn condition(node: Node<'_>) -> Option<Condition> {
    Some(Condition {
        kind: text(Some(node), &["type"])?,
        message: text(Some(node), &["message"]).unwrap_or_default(),
        since: time(Some(node), &["lastTransitionTime"]),
    })
}
