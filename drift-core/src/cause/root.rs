//! From a change to its root: the earliest recorded change of desired state that it carries out.
//!
//! For example a commit changes a HelmRelease, the release changes a Deployment, and the Deployment a ReplicaSet: of a pod
//! that fails, the HelmRelease is the root.

use std::sync::Arc;

use crate::graph::Relation;
use crate::key::ResourceKey;

use super::change_kind::{ChangeKind, changed_fields};
use super::hop::Hop;
use super::investigation::Investigation;
use super::lineage::is_engine;
use super::mention::{mentions, scalar_texts};
use crate::history::{Change, ResourceOp};
use crate::k8s::managers;

/// The root of a change, with the steps in between.
#[derive(Clone, Debug)]
pub(super) struct RootChange {
    /// The root itself.
    pub change: Arc<Change>,
    /// From the change up to the root, without the former.
    pub via: Vec<Hop>,
    /// Resources of GitOps engines behind the change, nearest first: links of the chain, where they are not the root.
    pub engines: Vec<Hop>,
    /// Revision that an engine brought, before and after, where one did.
    pub revision: Option<RevisionChange>,
}

/// Revisions of a source of declared state around a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionChange {
    /// The one before, if known.
    pub before: Option<String>,
    /// The one that brought the change.
    pub after: String,
}

/// Finds the root behind a change.
pub(super) fn root_of(
    investigation: &Investigation<'_>,
    change: &Arc<Change>,
    kind: ChangeKind,
) -> RootChange {
    let mut root =
        RootChange { change: Arc::clone(change), via: Vec::new(), engines: Vec::new(), revision: None };
    // Of several fields that one write brought only those count that make the fault.
    let mut narrow = Arc::clone(change);
    if change.op == ResourceOp::Update {
        let fields = changed_fields(change).into_iter().filter(|c| c.kind == kind);
        let fields: Vec<_> = fields.filter_map(|c| c.field.cloned()).collect();
        if !fields.is_empty() && fields.len() < change.fields.len() {
            narrow = Arc::new(Change { fields, ..(**change).clone() });
        }
    }
    for _ in 0..6 {
        let Some(up) = derived_from(investigation, &narrow) else { break };
        narrow = Arc::clone(&up.change);
        root.via.extend(up.hops);
        root.change = up.change;
    }
    root.revision = source_revisions(&root.change);
    let by_engine = |c: &Change| c.manager.as_deref().is_some_and(managers::is_engine) || c.manager.is_none();
    if by_engine(&root.change) && !is_engine(&root.change.key) {
        engines(investigation, &mut root);
    }
    root
}

/// Reads the revisions out of the change of a source.
fn source_revisions(change: &Change) -> Option<RevisionChange> {
    let path = crate::path::FieldPath::of(&["status", "artifact", "revision"]);
    let field = change.fields.iter().find(|f| f.path == path)?;
    let commit = |v: &Option<serde_json::Value>| v.as_ref().and_then(|v| v.as_str()).and_then(commit_in);
    Some(RevisionChange { before: commit(&field.before), after: commit(&field.after)? })
}

/// Returns what declares, owns, writes or scales a resource.
fn parents(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Hop> {
    let mut out: Vec<Hop> = investigation
        .graph
        .ever_from(key)
        .iter()
        .filter(|e| matches!(e.relation, Relation::OwnedBy | Relation::ManagedBy))
        .map(|e| Hop::from_edge(e, e.to))
        .collect();
    for e in investigation.graph.ever_to(key) {
        if matches!(e.relation, Relation::Writes | Relation::Scales) {
            out.push(Hop::from_edge(&e, e.from));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|s| investigation.history.knows(&s.key) && seen.insert(s.key.clone()));
    out
}

/// A change that another one carries out, with the path to it.
struct Derivation {
    change: Arc<Change>,
    hops: Vec<Hop>,
    strength: u8,
}

/// Finds the change that this one carries out, if any.
///
/// - The parent declares it: a HelmRelease is given another value, and the same value appears in the Deployment.
/// - The parent reads its values elsewhere: a ConfigMap of `valuesFrom` is edited.
/// - An operator writes it: the operator's own Deployment was changed, and this is the first that it wrote since.
///
/// A change by hand is nobody else's.
fn derived_from(investigation: &Investigation<'_>, change: &Arc<Change>) -> Option<Derivation> {
    let manager = change.manager.as_deref().unwrap_or_default();
    if managers::is_by_hand(manager) {
        return None;
    }
    let mut all = Vec::new();
    for hop in parents(investigation, &change.key) {
        let scales = matches!(&*hop.key.group, "autoscaling" | "keda.sh" | "autoscaling.k8s.io");
        if managers::is_platform(manager) && !scales && &*hop.key.group != "apps" {
            continue;
        }
        if change.op == ResourceOp::Delete
            && change.manager.is_none()
            && !deleted_before(investigation, &hop.key, change)
        {
            continue;
        }
        let values = from_values_of(investigation, &hop, change);
        all.extend(from_parent(investigation, hop, change));
        all.extend(values);
    }
    if !managers::is_platform(manager) && change.op != ResourceOp::Delete {
        all.extend(from_operator(investigation, manager, change));
    }
    // A value that can be followed says more than what came last; of equals the last decides.
    all.into_iter().reduce(|a, b| {
        let is_later = a.strength == b.strength && a.change.mark.is_before(&b.change.mark);
        if b.strength > a.strength || is_later { b } else { a }
    })
}

/// Finds the last change of a parent's specification, if this one carries it out.
fn from_parent(investigation: &Investigation<'_>, hop: Hop, change: &Change) -> Option<Derivation> {
    let changes = investigation.changes_of(&hop.key);
    let up = changes.iter().rev().find(|c| c.mark.is_before(&change.mark) && has_spec(c))?;
    let age = change.mark.at.time.duration_since(up.mark.at.time).as_secs_f64();
    let strength = if introduces_word_of(up, change) {
        3
    } else if value_flows_from(up, change) {
        2
    } else {
        let made = up.op == ResourceOp::Create && change.op == ResourceOp::Create && age < 120.0;
        let removed = change.op == ResourceOp::Delete && up.op == ResourceOp::Delete;
        u8::from(engine_carries(investigation, up, change) || made || removed)
    };
    (strength > 0).then(|| Derivation { change: Arc::clone(up), hops: vec![hop], strength })
}

/// Finds the last change of what a parent takes its values from: a ConfigMap or Secret that an engine or operator reads.
fn from_values_of(investigation: &Investigation<'_>, parent: &Hop, change: &Change) -> Vec<Derivation> {
    let mut out = Vec::new();
    for edge in investigation.graph.ever_from(&parent.key) {
        if edge.relation != Relation::Uses || !matches!(&*edge.to.kind, "ConfigMap" | "Secret") {
            continue;
        }
        let changes = investigation.changes_of(edge.to);
        let earlier = changes.iter().rev().find(|c| c.mark.is_before(&change.mark) && has_spec(c));
        let Some(up) = earlier.filter(|c| c.op != ResourceOp::Delete) else { continue };
        // Values of a Secret are not in the log: there the first write after it has to do.
        let hidden =
            &*edge.to.kind == "Secret" && is_engine(&parent.key) && is_first_after(investigation, up, change);
        let strength = if introduces_word_of(up, change) { 3 } else { u8::from(hidden) };
        if strength > 0 {
            let hop = Hop {
                key: edge.to.clone(),
                edge: "takes values from".into(),
                evidence: edge.evidence.to_string(),
            };
            out.push(Derivation { change: Arc::clone(up), hops: vec![parent.clone(), hop], strength });
        }
    }
    out
}

/// Finds the change of the workload that runs an operator after which the operator wrote this.
fn from_operator(investigation: &Investigation<'_>, manager: &str, change: &Change) -> Vec<Derivation> {
    let kinds = |group: &str, kind: &str| group == "apps" && matches!(kind, "Deployment" | "StatefulSet");
    // One that never changed wrote nothing new.
    let all = investigation
        .history
        .kinds_with_spec_changes(kinds, None)
        .filter(|k| &*k.name == manager && **k != change.key);
    let mut out = Vec::new();
    for key in all.cloned().collect::<Vec<_>>() {
        let hop = Hop {
            key: key.clone(),
            edge: "written by".into(),
            evidence: "field manager of the change".into(),
        };
        let changes = investigation.changes_of(&key);
        let up = changes.iter().rev().find(|c| c.mark.is_before(&change.mark) && has_spec(c));
        let is_template = |c: &&Arc<Change>| {
            c.op == ResourceOp::Update
                && c.fields.iter().any(|f| f.path.starts_with_fields(&["spec", "template", "spec"]))
        };
        out.extend(from_values_of(investigation, &hop, change));
        if let Some(up) = up.filter(is_template).filter(|c| is_first_after(investigation, c, change)) {
            out.push(Derivation { change: Arc::clone(up), hops: vec![hop], strength: 1 });
        }
    }
    out
}

/// Returns `true` if a change is the first write of its manager to the object since another change, soon after it.
fn is_first_after(investigation: &Investigation<'_>, up: &Change, change: &Change) -> bool {
    let age = change.mark.at.time.duration_since(up.mark.at.time).as_secs_f64();
    let between = investigation.changes_of(&change.key);
    let mut between = between.iter().filter(|c| up.mark.is_before(&c.mark) && c.mark.is_before(&change.mark));
    age < 300.0 && !between.any(|c| c.manager == change.manager)
}

/// Returns `true` if a word that is new in one change is new in the other too.
fn introduces_word_of(up: &Change, down: &Change) -> bool {
    let texts = |c: &Change, is_after: bool| {
        let mut out = Vec::new();
        for f in &c.fields {
            let side = if is_after { &f.after } else { &f.before };
            side.iter().for_each(|v| scalar_texts(v, &mut out));
        }
        out
    };
    let (to, had) = (texts(down, true), texts(down, false));
    let old = texts(up, false);
    let breaks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '=' | '{' | '}' | '[' | ']');
    let words = texts(up, true);
    let mut words = words.iter().flat_map(|t| t.split(breaks)).map(|w| w.trim_matches([':', '-', '.']));
    words.any(|w| {
        w.len() >= 3
            && !is_common(w)
            && !old.iter().any(|t| mentions(t, w))
            && to.iter().any(|t| mentions(t, w))
            && !had.iter().any(|t| mentions(t, w))
    })
}

/// Returns `true` if a change is the first thing that an engine wrote after its own specification was changed.
///
/// A chart's new version or another path brings values that stand nowhere in the specification.
fn engine_carries(investigation: &Investigation<'_>, up: &Change, change: &Change) -> bool {
    const DECIDES: &[&str] = &[
        "spec.values",
        "spec.chart",
        "spec.path",
        "spec.sourceRef",
        "spec.source",
        "spec.ref",
        "spec.postBuild",
        "spec.patches",
        "spec.images",
    ];
    let decides = up.fields.iter().any(|f| {
        let path = crate::history::plain_path(&f.path);
        DECIDES.iter().any(|d| path.starts_with(d))
    });
    is_engine(&up.key) && decides && is_first_after(investigation, up, change)
}

/// Returns `true` if the end of a parent takes its children along.
fn deleted_before(investigation: &Investigation<'_>, parent: &ResourceKey, change: &Change) -> bool {
    let changes = investigation.changes_of(parent);
    changes.iter().any(|c| c.op == ResourceOp::Delete && c.mark.is_before(&change.mark))
}

fn has_spec(change: &Change) -> bool {
    change.op != ResourceOp::Update
        || change
            .fields
            .iter()
            .any(|f| !f.path.starts_with_fields(&["metadata"]) && !f.path.starts_with_fields(&["status"]))
}

/// Returns `true` if a value that came with one change came with the other: learned from the values, not from the fields' names.
fn value_flows_from(up: &Change, down: &Change) -> bool {
    let collect = |c: &Change| {
        let mut out = Vec::new();
        for f in &c.fields {
            if let Some(after) = &f.after {
                scalar_texts(after, &mut out);
            }
        }
        out
    };
    let (from, to) = (collect(up), collect(down));
    if from.is_empty() || to.is_empty() {
        return false;
    }
    to.iter().any(|t| {
        from.iter().any(|f| {
            f == t
                || (f.len() >= 3
                    && t.len() >= 3
                    && !is_common(f)
                    && (t.contains(f.as_str()) || f.contains(t.as_str())))
        })
    })
}

/// Returns `true` if a value is so common that finding it twice says nothing.
fn is_common(value: &str) -> bool {
    matches!(
        value,
        "true"
            | "false"
            | "http"
            | "https"
            | "tcp"
            | "TCP"
            | "None"
            | "Always"
            | "IfNotPresent"
            | "info"
            | "debug"
    ) || value.len() < 3
}

/// Finds the engines behind a change, and the revision that they brought.
fn engines(investigation: &Investigation<'_>, root: &mut RootChange) {
    let change = Arc::clone(&root.change);
    let mut next = change.key.clone();
    for _ in 0..3 {
        let found = parents(investigation, &next).into_iter().chain(sources(investigation, &next));
        let manager = change.manager.as_deref().unwrap_or_default();
        let fits = |s: &Hop| {
            is_engine(&s.key)
                && root.engines.iter().all(|e| e.key != s.key)
                && match &*s.key.kind {
                    "Kustomization" => manager.is_empty() || manager.contains("kustomize"),
                    "HelmRelease" => manager.is_empty() || manager.contains("helm"),
                    "Application" => manager.is_empty() || manager.contains("argo"),
                    _ => true,
                }
        };
        let mut found: Vec<_> = found.filter(fits).collect();
        if found.is_empty() {
            break;
        }
        let hop = found.remove(0);
        if root.revision.is_none() {
            root.revision = revision(investigation, &hop.key, &change);
        }
        next = hop.key.clone();
        root.engines.push(hop);
    }
}

fn sources(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Hop> {
    let edges = investigation.graph.ever_from(key);
    let sources = edges.iter().filter(|e| e.relation == Relation::SourcedFrom);
    sources.map(|e| Hop::from_edge(e, e.to)).filter(|s| investigation.history.knows(&s.key)).collect()
}

/// Reads the revisions that an engine had applied before a change, and was applying at it.
fn revision(
    investigation: &Investigation<'_>,
    engine: &ResourceKey,
    change: &Change,
) -> Option<RevisionChange> {
    let mut seen: Vec<String> = Vec::new();
    for v in investigation.history.versions(engine) {
        let is_late = change.mark.is_before(&v.mark());
        let Some(object) = &v.object else { continue };
        let found = revisions(object.root());
        for r in found {
            if seen.last() != Some(&r) && (!is_late || seen.is_empty()) {
                seen.push(r);
            }
        }
    }
    if seen.is_empty() {
        return None;
    }
    let after = seen.pop()?;
    Some(RevisionChange { before: seen.into_iter().rev().find(|r| *r != after), after })
}

/// Finds commits in what an engine reports, the newest last.
fn revisions(object: crate::object::Node<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let mut put = |text: Option<&str>| {
        if let Some(sha) = text.and_then(commit_in)
            && out.last() != Some(&sha)
        {
            out.push(sha);
        }
    };
    for path in [
        &["status", "lastAppliedRevision"][..],
        &["status", "artifact", "revision"],
        &["status", "lastAttemptedRevision"],
        &["status", "sync", "revision"],
        &["status", "operationState", "syncResult", "revision"],
        &["status", "operationState", "operation", "sync", "revision"],
        &["operation", "sync", "revision"],
    ] {
        put(object.str_at(path));
    }
    for c in object.at(&["status", "conditions"]).into_iter().flat_map(crate::object::Node::children) {
        put(c.str_at(&["message"]));
    }
    out
}

/// Finds a commit id in a text: 40 hexadecimal digits in a row.
fn commit_in(text: &str) -> Option<String> {
    let mut parts = text.split(|c: char| !c.is_ascii_hexdigit());
    parts.find(|p| p.len() == 40).map(str::to_owned)
}

/// Returns `true` if a controller derived the change from another one, so that it is a link of a chain and not a root.
pub(super) fn is_derived(change: &Change) -> bool {
    let Some(object) = change.object() else { return false };
    let owners = object
        .root()
        .at(&["metadata", "ownerReferences"])
        .into_iter()
        .flat_map(crate::object::Node::children);
    let controlled = owners.into_iter().any(|o| {
        o.get("controller").and_then(crate::object::Node::as_bool) == Some(true)
            && matches!(
                o.str_at(&["kind"]),
                Some("ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "Node")
            )
    });
    let platform = change.manager.as_deref().is_some_and(managers::is_platform);
    let is_reported = matches!(
        (&*change.key.group, &*change.key.kind),
        ("discovery.k8s.io", _) | ("", "Endpoints" | "Event") | ("apps", "ControllerRevision")
    );
    // Claims that a set or a generic volume asked for by a template.
    let from_template = platform
        && change.op == ResourceOp::Create
        && (&*change.key.group, &*change.key.kind) == ("", "PersistentVolumeClaim");
    is_reported || from_template || (controlled && (platform || change.op != ResourceOp::Update || &*change.key.kind == "Pod" || change.manager.is_none()))
        || (&*change.key.kind == "ReplicaSet" && controlled)
        // Taints and the like that the node controller derives from what nodes report.
        || (platform && &*change.key.kind == "Node" && !change.fields.iter().any(|f| f.path.starts_with_fields(&["status"])))
}
