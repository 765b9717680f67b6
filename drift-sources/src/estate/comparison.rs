//! One comparison from end to end: what is declared against what is live, with everything else that is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use drift_core::coverage::RecordedScope;
use drift_core::drift::{
    DesiredObject, DriftClass, DriftOptions, DriftReport, ResourceDrift, Status, UnmanagedResources, compare,
};
use drift_core::k8s::managers::is_platform;
use drift_core::k8s::selector::Selector;
use drift_core::schema::{SchemaSet, Scope};
use drift_core::{Object, ResourceKey};

use super::live::DefaultNamespace;
use super::{ClusterScope, DesiredState, LiveState};

/// How far a cluster is looked at when manifests are compared with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ComparedNamespaces {
    /// The namespaces of what is declared.
    #[default]
    Declared,
    /// All namespaces.
    All,
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The verdicts, with notes.
    pub report: DriftReport,
    /// What was declared, as it was compared; empty where apps declare.
    pub desired: Vec<DesiredObject>,
    /// Paths of the declaring files from the working folder, by the names that declarations have; for Git from the root of the
    /// repository.
    pub paths: BTreeMap<Arc<str>, PathBuf>,
    /// What was live.
    pub live: Vec<Arc<Object>>,
    /// The schemas that were compared by.
    pub schemas: SchemaSet,
}

impl Comparison {
    /// Returns `true` if something drifted that counts: what is in sync, unknown, or left to an engine or a rule does not.
    pub fn has_drift(&self) -> bool {
        let counts = |r: &ResourceDrift| match r.status {
            Status::InSync | Status::Unknown => false,
            Status::Missing | Status::Extra => r.class.is_none_or(DriftClass::counts),
            Status::Drifted => true,
        };
        self.report.resources.iter().any(counts)
    }
}

/// What of a comparison its caller decides.
#[derive(Clone, Debug, Default)]
pub(super) struct ComparisonOptions<'a> {
    /// Namespace of what names none.
    pub(super) namespace: Option<&'a str>,
    pub(super) selector: Option<&'a Selector>,
    pub(super) unmanaged: UnmanagedResources,
}

/// Compares declared objects with live ones.
pub(super) fn compare_desired(
    desired: &DesiredState,
    all: &[DesiredObject],
    live: LiveState,
    schemas: SchemaSet,
    options: &ComparisonOptions<'_>,
) -> Comparison {
    let (wanted, objects) = select(options.selector, all, live.objects);
    let drift_options = DriftOptions {
        default_namespace: options.namespace.map(Into::into),
        extras: options.unmanaged,
        redactor: live.redactor.clone(),
        ..DriftOptions::default()
    };
    let mut report = compare(&wanted, &objects, &schemas, &drift_options);
    desired.fill_lines(&mut report);
    downgrade_unseen(&mut report, &live.recorded);
    note_left_out_owners(&mut report, &objects);
    Comparison { report, desired: wanted, paths: desired.paths(), live: objects, schemas }
}

/// Returns which part of a cluster a comparison needs, to ask it for no more.
pub(super) fn needed_scope(
    desired: &DesiredState,
    namespace: Option<&str>,
    reach: ComparedNamespaces,
) -> ClusterScope {
    let schemas = SchemaSet::bundled();
    let scope = |o: &Object| schemas.scope(o.group(), o.kind());
    let kinds = |keep: &dyn Fn(&Object) -> bool| {
        desired.objects().filter(|o| keep(o)).map(|o| (o.kind().to_owned(), o.group().to_owned())).collect()
    };
    // A kind that nothing here knows may lie in a namespace or not: it is looked for in both.
    let is_bare = |o: &Object| o.namespace().is_empty() && scope(o) != Some(Scope::Cluster);
    let mut needed = ClusterScope {
        declared_kinds: Some(kinds(&|_| true)),
        cluster_kinds: kinds(&|o| o.namespace().is_empty() && scope(o) != Some(Scope::Namespaced)),
        ..ClusterScope::default()
    };
    if reach == ComparedNamespaces::Declared {
        let declared = desired.objects().map(|o| o.namespace().to_owned()).filter(|n| !n.is_empty());
        let named = namespace.map(str::to_owned).filter(|_| desired.objects().any(is_bare));
        needed.namespaces = declared.chain(named).collect::<BTreeSet<_>>().into_iter().collect();
        let has_default = namespace.is_none() && desired.objects().any(is_bare);
        // None at all would mean all of them.
        if has_default || needed.namespaces.is_empty() {
            needed.default_namespace = DefaultNamespace::Include;
        }
    }
    needed
}

/// Leaves what has the labels that are asked for.
///
/// A declared resource finds its live object whatever labels that has by now, and a live object that is declared without the
/// labels is not taken for one that nobody declares.
fn select(
    selector: Option<&Selector>,
    all: &[DesiredObject],
    live: Vec<Arc<Object>>,
) -> (Vec<DesiredObject>, Vec<Arc<Object>>) {
    let Some(selector) = selector else { return (all.to_vec(), live) };
    // Namespaces may be missing on the declared side, so names without them are compared.
    let name = |o: &Object| ResourceKey::new(o.group(), o.kind(), "", o.name());
    let (wanted, others): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|d| selector.matches_object(&d.object));
    let names = |d: &[DesiredObject]| d.iter().map(|d| name(&d.object)).collect::<BTreeSet<_>>();
    let (wanted_names, other_names) = (names(&wanted), names(&others));
    let is_selected = |o: &Arc<Object>| {
        let name = name(o);
        wanted_names.contains(&name) || selector.matches_object(o) && !other_names.contains(&name)
    };
    (wanted, live.into_iter().filter(is_selected).collect())
}

/// Notes once that who changed something is not known because the dump leaves out `managedFields`, as kubectl does by default.
pub(super) fn note_left_out_owners(report: &mut DriftReport, live: &[Arc<Object>]) {
    let is_stripped = |o: &Arc<Object>| o.root().at(&["metadata", "managedFields"]).is_none();
    let matters = |r: &ResourceDrift| match r.status {
        Status::Drifted => r.changes.iter().any(|c| c.owner.is_none() && c.class.counts()),
        Status::Extra => r.creator.is_none(),
        Status::InSync | Status::Missing | Status::Unknown => false,
    };
    // An API server that tracks owners has some for nearly every object: with none at all they were left out.
    if !live.is_empty() && live.iter().all(is_stripped) && report.resources.iter().any(matters) {
        report.notes.push(LEFT_OUT_OWNERS.to_owned());
    }
}

/// Returns `true` for a stray claim that a StatefulSet may have made.
fn may_be_of_set(r: &ResourceDrift) -> bool {
    let ordinal = r.key.name.rsplit_once('-').map_or("", |(_, ordinal)| ordinal);
    r.status == Status::Extra
        && r.app.is_none()
        && &*r.key.kind == "PersistentVolumeClaim"
        && !ordinal.is_empty()
        && ordinal.bytes().all(|b| b.is_ascii_digit())
        && r.creator.as_ref().is_none_or(|c| is_platform(&c.manager))
}

/// What helps where the owners of fields are not in a dump.
const LEFT_OUT_OWNERS: &str = "who changed what is not in the dump: `kubectl get -o json --show-managed-fields` adds the owners of fields";

/// Takes back that a resource is missing if it was not looked at, and that one is a stray if what it would follow from was not.
pub(super) fn downgrade_unseen(report: &mut DriftReport, recorded: &RecordedScope) {
    report.resources.retain(|r| {
        let set = ResourceKey::new("apps", "StatefulSet", &r.key.namespace, "");
        !(may_be_of_set(r) && recorded.unseen(&set).is_some())
    });
    for resource in report.resources.iter_mut().filter(|r| r.status == Status::Missing) {
        let key = ResourceKey { cluster: "".into(), ..resource.key.clone() };
        if let Some(unseen) = recorded.unseen(&key) {
            resource.status = Status::Unknown;
            resource.notes.push(format!("not known whether it is live: {}", unseen.message));
            report.coverage.add(unseen);
        }
    }
}
