//! Applications of Argo CD: the spec, the status, and what syncs applied.

use std::sync::Arc;

use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;
use serde_json::Value;

use super::GROUP;

/// Who started a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SyncInitiator {
    /// Auto-sync or self-heal.
    Automated,
    /// A user of Argo CD.
    User(Arc<str>),
    /// The object does not say.
    #[default]
    Unknown,
}

/// One source of an Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationSource {
    /// URL of the repository.
    pub repo_url: String,
    /// Folder in the repository.
    pub path: Option<String>,
    /// Branch, tag, commit, version or range of versions.
    pub target_revision: Option<String>,
    /// Name of the chart, if the repository is a Helm repository.
    pub chart: Option<String>,
    /// Name by which other sources refer to its files.
    pub reference: Option<String>,
    /// The source as written, with the options of its tool.
    pub raw: Value,
}

/// Where an Application creates its resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationDestination {
    /// URL of the cluster's API server.
    pub server: Option<String>,
    /// Name of the cluster.
    pub name: Option<String>,
    /// Namespace of resources that do not name one.
    pub namespace: String,
}

impl ApplicationDestination {
    /// Returns `true` if the destination is the cluster that the Application itself is in.
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
    /// Key of the resource.
    pub key: ResourceKey,
    /// API version without the group.
    pub version: Arc<str>,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub status: Option<Arc<str>>,
    /// `Healthy`, `Degraded` and so on, where the status has it.
    pub health: Option<Arc<str>>,
    /// Whether the resource is no longer declared, as far as Argo CD knows.
    pub requires_pruning: bool,
    /// Whether the resource is a hook.
    pub hook: bool,
}

/// What a sync did to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedResource {
    /// Key of the resource.
    pub key: ResourceKey,
    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`.
    pub status: Option<Arc<str>>,
    /// Argo CD's message about it.
    pub message: Option<Arc<str>>,
}

/// The last operation of an Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncOperation {
    /// `Running`, `Terminating`, `Failed`, `Error` or `Succeeded`.
    pub phase: Arc<str>,
    /// Argo CD's message about it.
    pub message: Option<Arc<str>>,
    /// Who started the sync.
    pub initiated_by: SyncInitiator,
    /// Revision of every source.
    pub revisions: Vec<String>,
    /// The sources as they were then.
    pub sources: Vec<ApplicationSource>,
    /// When the sync began.
    pub started_at: Option<Timestamp>,
    /// When the sync ended.
    pub finished_at: Option<Timestamp>,
    /// Whether only selected resources were synced, as self-heal does.
    pub is_partial: bool,
    /// Number of attempts of self-heal.
    pub heal_attempts: i64,
    /// The result for each resource.
    pub resources: Vec<SyncedResource>,
}

impl SyncOperation {
    /// Returns `true` if everything in the revision was applied: the sync succeeded and was not partial.
    pub fn is_whole(&self) -> bool {
        &*self.phase == "Succeeded" && !self.is_partial
    }

    /// Returns `true` if the sync applied a resource; the namespace may be empty, as in a manifest without one.
    pub fn has_applied(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
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
pub struct RevisionHistory {
    /// Number of the entry.
    pub id: i64,
    /// Revision of every source.
    pub revisions: Vec<String>,
    /// The sources as they were then.
    pub sources: Vec<ApplicationSource>,
    /// Who started the sync.
    pub initiated_by: SyncInitiator,
    /// When the sync began.
    pub started_at: Option<Timestamp>,
    /// When the sync ended.
    pub deployed_at: Option<Timestamp>,
}

/// An entry of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationCondition {
    /// Type of the condition, such as `ComparisonError`.
    pub kind: Arc<str>,
    /// Argo CD's message.
    pub message: Arc<str>,
    /// Last transition of the condition.
    pub since: Option<Timestamp>,
}

/// What one sync of an Application applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppliedRevisions<'a> {
    /// Revision of every source.
    pub revisions: &'a [String],
    /// The sources as they were then.
    pub sources: &'a [ApplicationSource],
}

/// An Application: spec and status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Namespace of the Application itself.
    pub namespace: Arc<str>,
    /// Name of the Application.
    pub name: Arc<str>,
    /// UID of the Application; empty if the object has none.
    pub uid: Arc<str>,
    /// Name of the project.
    pub project: Arc<str>,
    /// Sources, one or several.
    pub sources: Vec<ApplicationSource>,
    /// Where the resources are created.
    pub destination: ApplicationDestination,
    /// Options of `argocd.argoproj.io/compare-options`, such as `ServerSideDiff=true`.
    pub compare_options: Vec<String>,
    /// `spec.ignoreDifferences` as written.
    pub ignore_differences: Vec<Value>,
    /// `spec.syncPolicy.syncOptions`.
    pub sync_options: Vec<String>,
    /// Labels and annotations of the namespace that Argo CD creates.
    pub managed_namespace: Option<Value>,
    /// Whether auto-sync is on.
    pub is_automated: bool,
    /// Whether self-heal is on: changes in the cluster are reverted.
    pub heals_itself: bool,
    /// Whether the controller skips it (`argocd.argoproj.io/skip-reconcile`).
    pub is_skipped: bool,
    /// `Synced`, `OutOfSync` or `Unknown`.
    pub sync_status: Option<Arc<str>>,
    /// Revision of every source in the last comparison.
    pub compared_revisions: Vec<String>,
    /// `Healthy`, `Degraded` and so on.
    pub health: Option<Arc<str>>,
    /// Time of the last comparison.
    pub reconciled_at: Option<Timestamp>,
    /// The managed resources, as `status.resources` lists them.
    pub resources: Vec<ManagedResource>,
    /// The last sync operation.
    pub operation: Option<SyncOperation>,
    /// `status.history`, oldest first.
    pub history: Vec<RevisionHistory>,
    /// `status.conditions`.
    pub conditions: Vec<ApplicationCondition>,
}

impl Application {
    /// Reads an Application; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
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
            sources: parse_sources(spec),
            destination: parse_destination(spec),
            compare_options: object
                .annotation("argocd.argoproj.io/compare-options")
                .map(|text| text.split(',').map(|o| o.trim().to_owned()).collect())
                .unwrap_or_default(),
            ignore_differences: list_at(spec, &["ignoreDifferences"]).map(Node::to_value).collect(),
            sync_options: list_at(policy, &["syncOptions"])
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
            compared_revisions: parse_revisions(status.and_then(|s| s.get("sync"))),
            health: text(status, &["health", "status"]),
            reconciled_at: time_at(status, &["reconciledAt"]),
            resources: list_at(status, &["resources"]).filter_map(parse_resource).collect(),
            operation: status
                .and_then(|s| s.get("operationState"))
                .filter(|o| !o.is_null())
                .map(parse_operation),
            history: list_at(status, &["history"]).map(parse_history).collect(),
            conditions: list_at(status, &["conditions"]).filter_map(parse_condition).collect(),
        })
    }

    /// Returns the key of the Application itself.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::new(GROUP, "Application", &self.namespace, &self.name)
    }

    /// Returns the name that tracking uses: with the namespace in front unless that is Argo CD's own.
    pub fn instance_name(&self, control_namespace: &str) -> String {
        if self.namespace.is_empty() || *self.namespace == *control_namespace {
            self.name.to_string()
        } else {
            format!("{}_{}", self.namespace, self.name)
        }
    }

    /// Returns `true` if a sync option is set, such as `CreateNamespace=true`.
    pub fn has_option(&self, option: &str) -> bool {
        self.sync_options.iter().any(|o| o == option)
    }

    /// Returns the newest revisions that a sync applied, whole or in part, newest first.
    pub fn applied_revisions(&self) -> Vec<AppliedRevisions<'_>> {
        let operation = self.operation.as_ref().filter(|o| !o.revisions.is_empty());
        let last =
            self.history.last().map(|d| AppliedRevisions { revisions: &d.revisions, sources: &d.sources });
        let own = operation.map(|o| AppliedRevisions { revisions: &o.revisions, sources: &o.sources });
        let mut all: Vec<_> = own.into_iter().collect();
        if !operation.is_some_and(SyncOperation::is_whole) {
            all.extend(last.filter(|l| all.first() != Some(l)));
        }
        all
    }
}

pub(super) fn text(node: Option<Node<'_>>, path: &[&str]) -> Option<Arc<str>> {
    node?.str_at(path).filter(|s| !s.is_empty()).map(Into::into)
}

fn time_at(node: Option<Node<'_>>, path: &[&str]) -> Option<Timestamp> {
    node?.str_at(path)?.parse().ok()
}

pub(super) fn list_at<'a>(node: Option<Node<'a>>, path: &[&str]) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.and_then(|n| n.at(path))
        .filter(|n| n.kind() == drift_core::Kind::List)
        .into_iter()
        .flat_map(Node::children)
}

/// `sources` wins over `source`, even beside it.
fn parse_sources(node: Option<Node<'_>>) -> Vec<ApplicationSource> {
    let several: Vec<_> = list_at(node, &["sources"]).map(parse_source).collect();
    if !several.is_empty() {
        return several;
    }
    node.and_then(|n| n.get("source"))
        .filter(|s| !s.is_empty() && !s.is_null())
        .map(parse_source)
        .into_iter()
        .collect()
}

fn parse_source(node: Node<'_>) -> ApplicationSource {
    let text = |name| node.str_at(&[name]).filter(|s| !s.is_empty()).map(str::to_owned);
    ApplicationSource {
        repo_url: text("repoURL").unwrap_or_default(),
        path: text("path"),
        target_revision: text("targetRevision"),
        chart: text("chart"),
        reference: text("ref"),
        raw: node.to_value(),
    }
}

fn parse_destination(spec: Option<Node<'_>>) -> ApplicationDestination {
    let node = spec.and_then(|s| s.get("destination"));
    let owned = |name| text(node, &[name]).map(|s| s.to_string());
    ApplicationDestination {
        server: owned("server"),
        name: owned("name"),
        namespace: owned("namespace").unwrap_or_default(),
    }
}

/// `revisions` of several sources, else the one `revision`.
fn parse_revisions(node: Option<Node<'_>>) -> Vec<String> {
    let several: Vec<String> =
        list_at(node, &["revisions"]).map(|r| r.as_str().unwrap_or_default().to_owned()).collect();
    if !several.is_empty() {
        return several;
    }
    text(node, &["revision"]).map(|r| r.to_string()).into_iter().collect()
}

fn parse_key(node: Node<'_>) -> Option<ResourceKey> {
    let text = |name| node.str_at(&[name]).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    (!kind.is_empty() && !name.is_empty())
        .then(|| ResourceKey::new(text("group"), kind, text("namespace"), name))
}

fn parse_resource(node: Node<'_>) -> Option<ManagedResource> {
    let flag = |name| node.get(name).and_then(Node::as_bool) == Some(true);
    let status = text(Some(node), &["status"]);
    // A comparison that failed knows of no declaration, and says of everything that it had to go.
    let is_known = status.as_deref() != Some("Unknown");
    Some(ManagedResource {
        key: parse_key(node)?,
        version: text(Some(node), &["version"]).unwrap_or_default(),
        status,
        health: text(Some(node), &["health", "status"]),
        requires_pruning: is_known && flag("requiresPruning"),
        hook: flag("hook"),
    })
}

fn parse_initiator(node: Option<Node<'_>>) -> SyncInitiator {
    match (node.and_then(|n| n.get("automated")).and_then(Node::as_bool), text(node, &["username"])) {
        (Some(true), _) => SyncInitiator::Automated,
        (_, Some(user)) => SyncInitiator::User(user),
        _ => SyncInitiator::Unknown,
    }
}

fn parse_operation(node: Node<'_>) -> SyncOperation {
    let result = node.get("syncResult");
    let sync = node.at(&["operation", "sync"]);
    let or_asked = |found: Vec<String>| if found.is_empty() { parse_revisions(sync) } else { found };
    let or_asked_sources =
        |found: Vec<ApplicationSource>| if found.is_empty() { parse_sources(sync) } else { found };
    SyncOperation {
        phase: text(Some(node), &["phase"]).unwrap_or_default(),
        message: text(Some(node), &["message"]),
        initiated_by: parse_initiator(node.at(&["operation", "initiatedBy"])),
        revisions: or_asked(parse_revisions(result)),
        sources: or_asked_sources(parse_sources(result)),
        started_at: time_at(Some(node), &["startedAt"]),
        finished_at: time_at(Some(node), &["finishedAt"]),
        is_partial: list_at(sync, &["resources"]).next().is_some(),
        heal_attempts: sync.and_then(|s| s.get("autoHealAttemptsCount")).and_then(Node::as_i64).unwrap_or(0),
        resources: list_at(result, &["resources"])
            .filter_map(|r| {
                Some(SyncedResource {
                    key: parse_key(r)?,
                    status: text(Some(r), &["status"]),
                    message: text(Some(r), &["message"]),
                })
            })
            .collect(),
    }
}

fn parse_history(node: Node<'_>) -> RevisionHistory {
    RevisionHistory {
        id: node.get("id").and_then(Node::as_i64).unwrap_or(0),
        revisions: parse_revisions(Some(node)),
        sources: parse_sources(Some(node)),
        initiated_by: parse_initiator(node.get("initiatedBy")),
        started_at: time_at(Some(node), &["deployStartedAt"]),
        deployed_at: time_at(Some(node), &["deployedAt"]),
    }
}

pub(super) fn parse_condition(node: Node<'_>) -> Option<ApplicationCondition> {
    Some(ApplicationCondition {
        kind: text(Some(node), &["type"])?,
        message: text(Some(node), &["message"]).unwrap_or_default(),
        since: time_at(Some(node), &["lastTransitionTime"]),
    })
}
