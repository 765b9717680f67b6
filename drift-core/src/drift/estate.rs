//! All declared objects against all live ones.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::k8s::hooks;
use crate::key::ResourceKey;
use crate::object::Object;
use crate::ownership::OwnerView;
use crate::redact::Redactor;
use crate::schema::{SchemaSet, Scope};

use super::applier::{self, Applier};
use super::derived::{DerivedObjects, ObjectAuthor, author_of, is_event};
use super::report::{Declaration, DriftReport, ResourceDrift, Status};
use super::resource::{Context, compare_object, creator};

/// An object as somebody declares it.
#[derive(Clone, Debug)]
pub struct DesiredObject {
    /// The object.
    pub object: Arc<Object>,
    /// Where it is declared, if that is a place.
    pub declared: Option<Declaration>,
}

/// Whether live objects that nobody declares are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmanagedResources {
    /// Reported where they stand in a namespace that declared objects are in, unless a controller made them.
    #[default]
    InDeclaredNamespaces,
    /// Left out.
    Omit,
}

/// How an estate is compared.
#[derive(Clone, Debug, Default)]
pub struct DriftOptions {
    /// Name of the cluster, for the keys.
    pub cluster: Arc<str>,
    /// Namespace of declared objects that name none.
    pub default_namespace: Option<Arc<str>>,
    /// Whether live objects that nobody declares are reported.
    pub extras: UnmanagedResources,
    /// What hashed the secrets of both sides: a value that only one side has hashed is then compared by its hash.
    pub redactor: Option<Redactor>,
}

impl DriftOptions {
    pub(super) fn namespace(&self) -> &str {
        self.default_namespace.as_deref().unwrap_or("default")
    }
}

/// Namespaces of the platform: what is there beside the declared objects is the platform's.
const SYSTEM_NAMESPACES: &[&str] = &["kube-system", "kube-public", "kube-node-lease"];

/// Old groups of kinds that moved, so that an old manifest finds its object.
const MOVED: &[(&str, &str, &str)] = &[
    ("extensions", "Deployment", "apps"),
    ("extensions", "DaemonSet", "apps"),
    ("extensions", "ReplicaSet", "apps"),
    ("extensions", "Ingress", "networking.k8s.io"),
    ("extensions", "NetworkPolicy", "networking.k8s.io"),
];

pub(super) type Id<'a> = (&'a str, &'a str, &'a str, &'a str);

pub(super) fn id(object: &Object) -> Id<'_> {
    (group(object), object.kind(), object.namespace(), object.name())
}

fn group(object: &Object) -> &str {
    let group = object.group();
    let moved = MOVED.iter().find(|(g, k, _)| *g == group && *k == object.kind());
    moved.map_or(group, |m| m.2)
}

/// Compares declared objects with the live ones and reports every declared one, sorted by key.
///
/// Of two declarations of one resource the last counts, as it would when they are applied in order; a note tells.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use drift_core::{Object, drift::{DesiredObject, DriftOptions, Status, compare}, schema::SchemaSet};
/// let object = |json: &str| Arc::new(Object::from_json(json.as_bytes()).unwrap());
/// let desired = object(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"},"data":{"k":"1"}}"#);
/// let live = object(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n"},"data":{"k":"2"}}"#);
/// let desired = [DesiredObject { object: desired, declared: None }];
/// let report = compare(&desired, &[live], &SchemaSet::bundled(), &DriftOptions::default());
/// assert_eq!(report.resources[0].status, Status::Drifted);
/// assert_eq!(report.resources[0].changes[0].path.to_string(), ".data.k");
/// ```
pub fn compare(
    desired: &[DesiredObject],
    live: &[Arc<Object>],
    schemas: &SchemaSet,
    options: &DriftOptions,
) -> DriftReport {
    let estate = Estate::new(desired, live, schemas, options);
    let mut context = Context::new(schemas);
    let autoscaled = live.iter().filter_map(|o| Some(autoscaled_by(o)?.in_cluster(&options.cluster)));
    context.autoscaled = Arc::new(autoscaled.collect());
    context.applier = estate.applier();
    context.redactor.clone_from(&options.redactor);
    let mut report = DriftReport::default();
    for (key, (wanted, times)) in &estate.desired {
        let mut resource = estate.resource(key, wanted, &context);
        note_declaration(&mut resource, wanted, *times);
        report.resources.push(resource);
    }
    if options.extras == UnmanagedResources::InDeclaredNamespaces {
        report.resources.extend(estate.extras(live));
    }
    report.resources.sort_by(|a, b| a.key.cmp(&b.key));
    report
}

pub(super) fn note_declaration(resource: &mut ResourceDrift, wanted: &DesiredObject, times: usize) {
    if times > 1 {
        resource.notes.push(format!("declared {times} times: the last declaration counts"));
    }
    resource.declared.clone_from(&wanted.declared);
}

struct Estate<'a> {
    desired: BTreeMap<ResourceKey, (&'a DesiredObject, usize)>,
    live: HashMap<Id<'a>, &'a Arc<Object>>,
    options: &'a DriftOptions,
}

impl<'a> Estate<'a> {
    fn new(
        desired: &'a [DesiredObject],
        live: &'a [Arc<Object>],
        schemas: &SchemaSet,
        options: &'a DriftOptions,
    ) -> Self {
        let live: HashMap<_, _> = live.iter().map(|o| (id(o), o)).collect();
        let mut all: BTreeMap<ResourceKey, (&DesiredObject, usize)> = BTreeMap::new();
        for wanted in desired.iter().filter(|d| !d.object.name().is_empty()) {
            let key = key(&wanted.object, |id| live.contains_key(&id), schemas, options.namespace());
            let key = key.in_cluster(&options.cluster);
            let slot = all.entry(key).or_insert((wanted, 0));
            *slot = (wanted, slot.1 + 1);
        }
        Self { desired: all, live, options }
    }

    fn find(&self, key: &ResourceKey) -> Option<&'a Arc<Object>> {
        self.live.get(&(&*key.group, &*key.kind, &*key.namespace, &*key.name)).copied()
    }

    /// Finds the manager that applies most of the estate.
    fn applier(&self) -> Option<Applier> {
        // One vote an object: a huge one counts no more than a small one.
        let of_one = |(key, (wanted, _)): (&ResourceKey, &(&DesiredObject, usize))| {
            let live = self.find(key)?;
            applier::of_object(&wanted.object, live, &OwnerView::of(live))?.known()
        };
        applier::of_most(self.desired.iter().filter_map(of_one))
    }

    fn resource(&self, key: &ResourceKey, wanted: &DesiredObject, context: &Context<'_>) -> ResourceDrift {
        match self.find(key) {
            Some(live) => compare_object(key, &wanted.object, live, context),
            None => missing(key, &wanted.object),
        }
    }

    fn extras(&self, live: &[Arc<Object>]) -> Vec<ResourceDrift> {
        let namespaces: BTreeSet<&str> =
            self.desired.keys().map(|k| &*k.namespace).filter(|n| !n.is_empty()).collect();
        let declared: HashSet<Id<'_>> =
            self.desired.keys().map(|k| (&*k.group, &*k.kind, &*k.namespace, &*k.name)).collect();
        let beside = live.iter().filter(|o| !is_event(o) && namespaces.contains(o.namespace()));
        let undeclared = beside.filter(|o| !declared.contains(&id(o)));
        let authors: Vec<_> = undeclared.map(|o| (o, unmanaged_author(o))).collect();
        let open: Vec<_> =
            authors.iter().filter(|(_, a)| *a == ObjectAuthor::Unknown).map(|(o, _)| *o).collect();
        // As many as a comparison that goes on holds.
        let is_held = |o: &&Arc<Object>| o.namespace().is_empty() || namespaces.contains(o.namespace());
        let held = live.iter().filter(is_held).map(|o| (&**o, o.namespace()));
        let named = self.desired.iter().map(|(key, (wanted, _))| (&*wanted.object, &*key.namespace));
        let derived = DerivedObjects::find(&open, held.chain(named));
        let is_extra = |(o, author): &(&Arc<Object>, ObjectAuthor)| match author {
            ObjectAuthor::Platform => false,
            ObjectAuthor::Applier => true,
            ObjectAuthor::Unknown => !derived.contains(o),
        };
        authors.iter().filter(|one| is_extra(one)).map(|(o, _)| extra(o, &self.options.cluster)).collect()
    }
}

/// Returns who made a live object that nobody declares, in a namespace in which something is declared.
pub(super) fn unmanaged_author(object: &Object) -> ObjectAuthor {
    match SYSTEM_NAMESPACES.contains(&object.namespace()) {
        true => ObjectAuthor::Platform,
        false => author_of(object),
    }
}

/// The verdict on a live object that nobody declares, and that follows from nothing.
pub(super) fn extra(object: &Object, cluster: &str) -> ResourceDrift {
    ResourceDrift {
        status: Status::Extra,
        creator: creator(object),
        ..ResourceDrift::in_sync(&object.key().in_cluster(cluster))
    }
}

/// Names the resource of a declared object: the namespace may have to be filled in, and the scope of its kind tells.
pub(super) fn key(
    object: &Object,
    is_live: impl Fn(Id<'_>) -> bool,
    schemas: &SchemaSet,
    default: &str,
) -> ResourceKey {
    let (group, kind, declared, name) = id(object);
    let namespace = match schemas.scope(group, kind) {
        Some(Scope::Cluster) => "",
        Some(Scope::Namespaced) if declared.is_empty() => default,
        Some(Scope::Namespaced) => declared,
        // Nothing knows the kind: a live object of the name tells, else the manifest is taken at its word.
        None if declared.is_empty() && is_live((group, kind, default, name)) => default,
        // A kind has a scope, whatever the manifest says.
        None if is_live((group, kind, "", name)) => "",
        None => declared,
    };
    ResourceKey::new(group, kind, namespace, name)
}

/// The other key that a declared object may have, if its scope is not known: in the default namespace where it names none, in
/// none where it names one.
pub(super) fn bare_key(object: &Object, schemas: &SchemaSet, default: &str) -> Option<ResourceKey> {
    let (group, kind, declared, name) = id(object);
    let other = if declared.is_empty() { default } else { "" };
    schemas.scope(group, kind).is_none().then(|| ResourceKey::new(group, kind, other, name))
}

pub(super) fn missing(key: &ResourceKey, wanted: &Object) -> ResourceDrift {
    let mut resource = ResourceDrift { status: Status::Missing, ..ResourceDrift::in_sync(key) };
    let ttl = wanted.root().at(&["spec", "ttlSecondsAfterFinished"]).and_then(|n| n.as_i64());
    if let (true, Some(ttl)) = (wanted.kind() == "Job", ttl) {
        // That it is gone is what it declares; that it was ever there only history can tell.
        resource.status = Status::InSync;
        resource
            .notes
            .push(format!("not live: a finished Job goes away {ttl} s after it finished, as declared"));
    }
    if let Some(why) = hooks::why_not_applied(wanted) {
        resource.status = Status::InSync;
        resource.notes.push(format!("not live: {why}"));
    }
    resource
}

/// Returns what an autoscaler aims at.
pub(super) fn autoscaled_by(object: &Object) -> Option<ResourceKey> {
    let target = match (object.group(), object.kind()) {
        ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject") => {
            object.root().at(&["spec", "scaleTargetRef"])?
        }
        _ => return None,
    };
    let version = target.str_at(&["apiVersion"]).unwrap_or("apps/v1");
    let group = version.rsplit_once('/').map_or("", |(g, _)| g);
    let kind = target.str_at(&["kind"]).unwrap_or("Deployment");
    Some(ResourceKey::new(group, kind, object.namespace(), target.str_at(&["name"])?))
}
