//! What engines declare, app by app, against what is live.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::key::ResourceKey;
use crate::object::Object;
use crate::ownership::{ManagedFields, ManagedFieldsEntry};
use crate::path::{FieldPath, PathElement};
use crate::rules::{JqPaths, Problems, RuleSet, Sides};
use crate::schema::{SchemaSet, Scope};

use super::estate::{self, DesiredObject};
use super::report::{Class, DriftChange, DriftReport, Op, ResourceDrift, Status};
use super::resource::{Context, compare_known, creator};
use super::secret;
use super::verdict::Knowledge;

/// What one Application, Kustomization or release declares, and what is known of it besides.
#[derive(Clone, Debug)]
pub struct AppDeclaration {
    /// Which app.
    pub app: ResourceKey,
    /// Field managers under which its engine writes.
    pub appliers: Vec<Arc<str>>,
    /// Namespace of declared objects that name none.
    pub default_namespace: Arc<str>,
    /// What is declared now, or why that is not known.
    pub desired: Result<Vec<DesiredObject>, Undeclared>,
    /// What was declared when the engine last applied it, newest first; `None` where that is not known.
    pub applied: Option<Vec<Vec<Arc<Object>>>>,
    /// What the engine would have written otherwise, such as a failed revision of a release.
    pub others: Vec<Arc<Object>>,
    /// Resources that the engine's own books list as applied.
    pub inventory: BTreeSet<ResourceKey>,
    /// Live resources that carry the engine's mark of this app.
    pub tracked: Vec<Tracked>,
    /// The engine's rules.
    pub rules: RuleSet,
    /// What the engine itself says of resources, such as `Synced`.
    pub verdicts: BTreeMap<ResourceKey, Arc<str>>,
    /// Fields in which the engine keeps its own books: no change of them counts.
    pub own: Vec<FieldPath>,
    /// What a reader should know of the verdicts on this app.
    pub notes: Vec<String>,
}

/// Why it is not known what an app declares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undeclared {
    /// The declaration is broken or not there: there is nothing that anybody could compare, and nothing is listed.
    #[error("{0}")]
    Broken(String),
    /// The declaration is there, but it cannot be read here: what the engine lists is [`Status::Unknown`].
    #[error("{0}")]
    Unavailable(String),
    /// Where it comes from is not at hand.
    #[error("{0}")]
    NotGiven(String),
}

/// A live resource that carries the mark of an app.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// Which resource.
    pub key: ResourceKey,
    /// Whether it was declared once; `None` where only its field managers tell.
    pub once_declared: Option<bool>,
    /// What keeps the engine from removing it.
    pub kept_by: Option<Arc<str>>,
}

/// Live objects by key.
#[derive(Debug)]
pub struct LiveIndex<'a> {
    objects: &'a [Arc<Object>],
    by_id: HashMap<estate::Id<'a>, &'a Arc<Object>>,
    autoscaled: BTreeSet<ResourceKey>,
}

impl<'a> LiveIndex<'a> {
    /// Indexes live objects.
    pub fn new(objects: &'a [Arc<Object>]) -> Self {
        let by_id = objects.iter().map(|o| (estate::id(o), o)).collect();
        Self { objects, by_id, autoscaled: estate::autoscaled(objects, &Default::default()) }
    }

    /// Finds the live object of a key.
    pub fn get(&self, key: &ResourceKey) -> Option<&'a Arc<Object>> {
        self.by_id.get(&(&*key.group, &*key.kind, &*key.namespace, &*key.name)).copied()
    }

    /// Returns all live objects.
    pub fn objects(&self) -> &'a [Arc<Object>] {
        self.objects
    }

    /// Names the resource of a declared object.
    pub fn key(&self, object: &Object, schemas: &SchemaSet, default_namespace: &str) -> ResourceKey {
        let (group, kind, declared, name) = estate::id(object);
        let namespace = match schemas.scope(group, kind) {
            Some(Scope::Cluster) => "",
            Some(Scope::Namespaced) if declared.is_empty() => default_namespace,
            Some(Scope::Namespaced) => declared,
            // Nothing knows the kind: a live object of the name tells, else the manifest is taken at its word.
            None if declared.is_empty()
                && self.by_id.contains_key(&(group, kind, default_namespace, name)) =>
            {
                default_namespace
            }
            None => declared,
        };
        ResourceKey::new(group, kind, namespace, name)
    }
}

type Keyed<'a> = BTreeMap<ResourceKey, &'a Arc<Object>>;

/// One app with its objects by key.
struct App<'a> {
    declaration: &'a AppDeclaration,
    desired: BTreeMap<ResourceKey, &'a DesiredObject>,
    applied: Option<Vec<Keyed<'a>>>,
    others: Keyed<'a>,
}

/// Compares what apps declare with what is live; a resource that two apps declare is listed once for each.
pub fn compare_apps(
    apps: &[AppDeclaration],
    live: &LiveIndex<'_>,
    schemas: &SchemaSet,
    jq: &dyn JqPaths,
) -> DriftReport {
    let mut context = Context::new(schemas);
    context.autoscaled.clone_from(&live.autoscaled);
    let keyed = |objects: &'_ [Arc<Object>], namespace: &str| -> Vec<ResourceKey> {
        objects.iter().map(|o| live.key(o, schemas, namespace)).collect()
    };
    let apps: Vec<App<'_>> = apps
        .iter()
        .map(|declaration| {
            let namespace = &declaration.default_namespace;
            let index = |objects: &'_ [Arc<Object>]| keyed(objects, namespace);
            let desired = declaration.desired.as_deref().unwrap_or_default();
            App {
                declaration,
                desired: desired.iter().map(|d| (live.key(&d.object, schemas, namespace), d)).collect(),
                applied: declaration.applied.as_ref().map(|all| {
                    all.iter().map(|objects| index(objects).into_iter().zip(objects).collect()).collect()
                }),
                others: index(&declaration.others).into_iter().zip(&declaration.others).collect(),
            }
        })
        .collect();
    let mut declared_by: BTreeMap<&ResourceKey, Vec<usize>> = BTreeMap::new();
    for (i, app) in apps.iter().enumerate() {
        app.desired.keys().for_each(|key| declared_by.entry(key).or_default().push(i));
    }
    let mut report = DriftReport::default();
    let mut problems = Problems::new();
    for (i, app) in apps.iter().enumerate() {
        let notes = app.declaration.notes.iter();
        report.notes.extend(notes.map(|n| format!("{}: {n}", app.declaration.app)));
        if let Err(why) = &app.declaration.desired {
            report.notes.push(format!("{}: {why}; nothing is known of its resources", app.declaration.app));
            if !matches!(why, Undeclared::Broken(_)) {
                report.resources.extend(app.unknown(why));
            }
            continue;
        }
        for (key, wanted) in &app.desired {
            let others = declared_by.get(key).into_iter().flatten().filter(|o| **o != i);
            let others = others.filter(|o| apps[**o].declaration.appliers == app.declaration.appliers);
            let others = others.filter_map(|o| apps[*o].desired.get(key)).map(|d| &*d.object);
            let others = others.chain(app.others.get(key).map(|o| &***o)).collect();
            report.resources.push(app.resource(key, wanted, others, (live, &context), jq, &mut problems));
        }
        report.resources.extend(app.extras(live, jq, &mut problems));
        problems.extend(app.declaration.rules.problems.iter().cloned().map(|p| (p, ())));
    }
    report.notes.extend(problems.into_keys().map(|p| p.to_string()));
    report.resources.sort_by(|a, b| (&a.key, &a.app).cmp(&(&b.key, &b.app)));
    report
}

impl App<'_> {
    fn resource(
        &self,
        key: &ResourceKey,
        wanted: &DesiredObject,
        others: Vec<&Object>,
        (live, context): (&LiveIndex<'_>, &Context<'_>),
        jq: &dyn JqPaths,
        problems: &mut Problems,
    ) -> ResourceDrift {
        let found = live.get(key);
        let mut resource = match found {
            Some(found) => {
                let applied: Option<Vec<Option<&Object>>> =
                    self.applied.as_ref().map(|all| all.iter().map(|o| o.get(key).map(|o| &***o)).collect());
                // The API server knows no `stringData`, and neither do the paths of differences.
                let applied_secrets: Vec<_> =
                    applied.iter().flatten().map(|o| o.and_then(secret::folded_object)).collect();
                let other_secrets: Vec<_> = others.iter().map(|o| secret::folded_object(o)).collect();
                let as_folded = applied_secrets.iter().map(Option::as_ref);
                let knowledge = Knowledge {
                    appliers: &self.declaration.appliers,
                    applied: applied
                        .map(|all| all.into_iter().zip(as_folded).map(|(o, f)| f.or(o)).collect()),
                    others: others
                        .into_iter()
                        .zip(&other_secrets)
                        .map(|(o, f)| f.as_ref().unwrap_or(o))
                        .collect(),
                };
                compare_known(key, &wanted.object, found, context, Some(&knowledge))
            }
            None => self.missing(key, wanted),
        };
        resource.changes.retain_mut(|c| {
            !c.is_bookkeeping() && !is_of_engine(key, c) && leave_out(c, &self.declaration.own)
        });
        if resource.status == Status::Drifted && !resource.changes.iter().any(|c| c.class.counts()) {
            resource.status = Status::InSync;
        }
        resource.app = Some(self.declaration.app.clone());
        resource.declared.clone_from(&wanted.declared);
        let sides = Sides { key, desired: Some(&wanted.object), live: found.map(|o| &**o) };
        self.declaration.rules.hide(&mut resource, sides, jq, problems);
        self.contradict(&mut resource);
        resource
    }

    /// Notes where the engine says otherwise.
    fn contradict(&self, resource: &mut ResourceDrift) {
        let Some(verdict) = self.declaration.verdicts.get(&resource.key) else { return };
        let hidden = resource.changes.iter().any(|c| c.class == Class::Managed);
        let why = match (&**verdict, resource.status) {
            ("Synced", Status::Drifted) => "although fields differ",
            ("Synced", Status::Missing) => "although it is not live",
            ("OutOfSync", Status::InSync) if hidden => "for fields that a controller holds as its own",
            ("OutOfSync", Status::InSync) => "although no field is known to differ",
            _ => return,
        };
        resource.notes.push(format!("the engine says {verdict} {why}"));
    }

    /// What the engine lists, where it cannot be compared.
    fn unknown<'s>(&'s self, why: &'s Undeclared) -> impl Iterator<Item = ResourceDrift> + 's {
        self.declaration.inventory.iter().map(move |key| ResourceDrift {
            status: Status::Unknown,
            app: Some(self.declaration.app.clone()),
            notes: vec![why.to_string()],
            ..estate::plain(key)
        })
    }

    fn missing(&self, key: &ResourceKey, wanted: &DesiredObject) -> ResourceDrift {
        let mut resource = estate::missing(key, &wanted.object);
        let never = self.applied.as_ref().is_some_and(|all| !all.iter().any(|o| o.contains_key(key)));
        if never && !self.declaration.inventory.contains(key) {
            resource.class = Some(Class::PendingSync);
        }
        resource
    }

    fn extras(&self, live: &LiveIndex<'_>, jq: &dyn JqPaths, problems: &mut Problems) -> Vec<ResourceDrift> {
        let undeclared = self.declaration.tracked.iter().filter(|t| !self.desired.contains_key(&t.key));
        let extra = |t: &Tracked| {
            let found = live.get(&t.key)?;
            let managed = ManagedFields::of(found);
            let applied = || self.applied.iter().flatten().any(|o| o.contains_key(&t.key));
            let wrote = |e: &ManagedFieldsEntry| {
                e.subresource.is_empty() && self.declaration.appliers.contains(&e.manager)
            };
            let once = t.once_declared.unwrap_or_else(|| applied() || managed.entries().iter().any(wrote));
            let mut resource = ResourceDrift {
                status: Status::Extra,
                creator: creator(found),
                app: Some(self.declaration.app.clone()),
                class: once.then_some(Class::PendingRemoval),
                rule: t.kept_by.clone(),
                ..estate::plain(&t.key)
            };
            let sides = Sides { key: &t.key, desired: None, live: Some(found) };
            self.declaration.rules.hide(&mut resource, sides, jq, problems);
            Some(resource)
        };
        undeclared.filter_map(extra).collect()
    }
}

/// Takes out of a change what lies in some fields; false where nothing is left of it.
fn leave_out(change: &mut DriftChange, own: &[FieldPath]) -> bool {
    for path in own {
        if change.path.starts_with(path) {
            return false;
        }
        let Some([PathElement::Field(name)]) = path.elements().strip_prefix(change.path.elements()) else {
            continue;
        };
        // Only of a part that is there on one side alone: a part that both have is told field by field.
        let side = match (&mut change.desired, &mut change.live) {
            (Some(side), None) | (None, Some(side)) => side.as_object_mut(),
            _ => None,
        };
        if side.is_some_and(|map| map.remove(&**name).is_some() && map.is_empty()) {
            return false;
        }
    }
    true
}

/// Tells whether a change in an engine's own object is none of its declaration: a sync that was asked for, or a value
/// that Go leaves out when the engine writes the object back.
fn is_of_engine(key: &ResourceKey, change: &DriftChange) -> bool {
    let own = &*key.group == "argoproj.io" || key.group.ends_with(".toolkit.fluxcd.io");
    let empty = |v: &Value| match v {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.is_empty(),
    };
    own && (change.path.starts_with_fields(&["operation"])
        || change.op == Op::Remove && change.desired.as_ref().is_some_and(empty))
}
