//! From a change to the root behind it: the earliest recorded change of desired state on the way.

use std::rc::Rc;

use crate::graph::Relation;
use crate::key::ResourceKey;

use super::Case;
use super::change::{Change, Op};
use super::rank::{is_platform, leaves};
use super::way::{Step, is_engine};

/// A change with what it was derived from.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// The root itself.
    pub change: Rc<Change>,
    /// Steps from the change that was found up to the root, without the first.
    pub via: Vec<Step>,
    /// Resources of GitOps engines behind the change, nearest first: links of the chain, where they are not the root.
    pub engines: Vec<Step>,
    /// Revision that an engine brought, before and after, where one did.
    pub revision: Option<Revision>,
}

/// Revisions of a source of declared state around a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The one before, if known.
    pub before: Option<String>,
    /// The one that brought the change.
    pub after: String,
}

/// Finds the root behind a change.
pub(super) fn root_of(case: &Case<'_>, change: &Rc<Change>) -> Root {
    let mut root = Root { change: Rc::clone(change), via: Vec::new(), engines: Vec::new(), revision: None };
    for _ in 0..6 {
        let Some((up, step)) = lift(case, &root.change) else { break };
        root.via.push(step);
        root.change = up;
    }
    let by_engine = |c: &Change| c.manager.as_deref().is_some_and(is_engine_manager) || c.manager.is_none();
    if by_engine(&root.change) && !is_engine(&root.change.key) {
        engines(case, &mut root);
    }
    root
}

fn is_engine_manager(manager: &str) -> bool {
    manager.contains("kustomize")
        || manager.starts_with("argocd")
        || manager.contains("helm")
        || manager.contains("flux")
}

/// What declares or owns a resource.
fn parents(case: &Case<'_>, key: &ResourceKey) -> Vec<Step> {
    let step = |to: &ResourceKey, edge: &crate::graph::Edge<'_>| Step {
        key: to.clone(),
        edge: edge.relation.word().into(),
        evidence: edge.evidence.to_string(),
    };
    let mut out: Vec<Step> = case
        .graph
        .ever_from(key)
        .iter()
        .filter(|e| matches!(e.relation, Relation::OwnedBy | Relation::ManagedBy))
        .map(|e| step(e.to, e))
        .collect();
    for e in case.graph.ever_to(key) {
        if matches!(e.relation, Relation::Writes | Relation::Scales) {
            out.push(step(e.from, &e));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|s| case.history.knows(&s.key) && seen.insert(s.key.clone()));
    out
}

/// Finds the change of a parent that this change carries out.
fn lift(case: &Case<'_>, change: &Rc<Change>) -> Option<(Rc<Change>, Step)> {
    let manager = change.manager.as_deref().unwrap_or_default();
    if is_by_hand(manager) {
        return None;
    }
    let mut best: Option<(Rc<Change>, Step)> = None;
    for step in parents(case, &change.key) {
        let scales = matches!(&*step.key.group, "autoscaling" | "keda.sh" | "autoscaling.k8s.io");
        if is_platform(manager) && !scales && &*step.key.group != "apps" {
            continue;
        }
        if change.op == Op::Delete && change.manager.is_none() && !deletes(case, &step.key, change) {
            continue;
        }
        let changes = case.changes_of(&step.key);
        let earlier = changes.iter().rev().find(|c| c.mark.is_before(&change.mark) && has_spec(c));
        let Some(up) = earlier else { continue };
        let age = change.mark.at.time.duration_since(up.mark.at.time).as_secs_f64();
        let carried = flows(up, change)
            || engine_carries(case, up, change)
            || (up.op == Op::Create && change.op == Op::Create && age < 120.0);
        let removed = change.op == Op::Delete && up.op == Op::Delete;
        if (carried || removed) && best.as_ref().is_none_or(|(b, _)| b.mark.is_before(&up.mark)) {
            best = Some((Rc::clone(up), step));
        }
    }
    best
}

/// Tells whether a change is the first thing that an engine wrote after its own specification was changed.
///
/// A chart's new version or another path brings values that stand nowhere in the specification.
fn engine_carries(case: &Case<'_>, up: &Change, change: &Change) -> bool {
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
        let path = super::change::plain_path(&f.path);
        DECIDES.iter().any(|d| path.starts_with(d))
    });
    let age = change.mark.at.time.duration_since(up.mark.at.time).as_secs_f64();
    let between = case.changes_of(&change.key);
    let mut between = between.iter().filter(|c| up.mark.is_before(&c.mark) && c.mark.is_before(&change.mark));
    is_engine(&up.key) && decides && age < 300.0 && !between.any(|c| c.manager == change.manager)
}

/// Tells whether the end of a parent takes its children along.
fn deletes(case: &Case<'_>, parent: &ResourceKey, change: &Change) -> bool {
    let changes = case.changes_of(parent);
    changes.iter().any(|c| c.op == Op::Delete && c.mark.is_before(&change.mark))
}

fn is_by_hand(manager: &str) -> bool {
    manager.starts_with("kubectl") || matches!(manager, "k9s" | "lens" | "node-fetch" | "Mozilla")
}

fn has_spec(change: &Change) -> bool {
    change.op != Op::Update
        || change
            .fields
            .iter()
            .any(|f| !f.path.starts_with_fields(&["metadata"]) && !f.path.starts_with_fields(&["status"]))
}

/// Tells whether a value that came with one change came with the other: learned from the values, not from the fields' names.
fn flows(up: &Change, down: &Change) -> bool {
    let collect = |c: &Change| {
        let mut out = Vec::new();
        for f in &c.fields {
            if let Some(after) = &f.after {
                leaves(after, &mut out);
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

/// Tells whether a value is so common that finding it twice says nothing.
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
fn engines(case: &Case<'_>, root: &mut Root) {
    let change = Rc::clone(&root.change);
    let mut next = change.key.clone();
    for _ in 0..3 {
        let found = parents(case, &next).into_iter().chain(sources(case, &next));
        let manager = change.manager.as_deref().unwrap_or_default();
        let fits = |s: &Step| {
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
        let step = found.remove(0);
        if root.revision.is_none() {
            root.revision = revision(case, &step.key, &change);
        }
        next = step.key.clone();
        root.engines.push(step);
    }
}

fn sources(case: &Case<'_>, key: &ResourceKey) -> Vec<Step> {
    let edges = case.graph.ever_from(key);
    let sources = edges.iter().filter(|e| e.relation == Relation::SourcedFrom);
    let step = |e: &crate::graph::Edge<'_>| Step {
        key: e.to.clone(),
        edge: e.relation.word().into(),
        evidence: e.evidence.to_string(),
    };
    sources.map(step).filter(|s| case.history.knows(&s.key)).collect()
}

/// Reads the revisions that an engine had applied before a change, and was applying at it.
fn revision(case: &Case<'_>, engine: &ResourceKey, change: &Change) -> Option<Revision> {
    let mut seen: Vec<String> = Vec::new();
    for v in case.history.versions(engine) {
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
    Some(Revision { before: seen.into_iter().rev().find(|r| *r != after), after })
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
