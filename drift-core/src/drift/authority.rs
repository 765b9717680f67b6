//! What engines declare, app by app, against what is live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::coverage::{Unseen, UnseenReason};
use crate::drift::rules::{JqPaths, ResourcePair, RuleContext, RuleProblems, RuleSet};
use crate::k8s::managers::is_platform;
use crate::key::ResourceKey;
use crate::object::Object;
use crate::ownership::{ManagedFields, ManagedFieldsEntry};
use crate::path::{FieldPath, PathElement};
use crate::schema::SchemaSet;

use super::estate::{self, DesiredObject};
use super::live_index::LiveIndex;
use super::report::{DriftChange, DriftClass, DriftReport, FieldOp, ResourceDrift, Status};
use super::resource::{Context, compare_known, creator};
use super::secret;
use super::verdict::EngineContext;

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
    pub desired: Result<Vec<DesiredObject>, DeclarationError>,
    /// What was declared when the engine last applied it, newest first; `None` where that is not known.
    pub applied: Option<Vec<Vec<Arc<Object>>>>,
    /// What the engine would have written otherwise, such as a failed revision of a release.
    pub others: Vec<Arc<Object>>,
    /// Resources that the engine's own inventory lists as applied.
    pub inventory: BTreeSet<ResourceKey>,
    /// Live resources that carry the engine's mark of this app.
    pub tracked: Vec<Tracked>,
    /// The engine's rules.
    pub rules: RuleSet,
    /// What the engine itself says of resources, such as `Synced`.
    pub verdicts: BTreeMap<ResourceKey, Arc<str>>,
    /// Fields in which the engine keeps records of its own: no change of them counts.
    pub own: Vec<FieldPath>,
    /// What holds its engine back from applying what is pending, in words.
    pub held_back: Option<Arc<str>>,
    /// What its engine does about drift, where that is a setting of the app.
    pub correction: Option<DriftCorrection>,
    /// What a reader should know of the verdicts on this app.
    pub notes: Vec<String>,
    /// Why what is declared now is not known, where [`desired`](Self::desired) is what was applied last.
    pub not_given: Option<String>,
}

/// What an engine does about drift of what it declares, as a note on each resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftCorrection {
    /// It puts back declared fields and missing resources, and nothing beside them; the note says when.
    PutBack(Arc<str>),
    /// It leaves them; the note says why.
    Left(Arc<str>),
}

/// Why it is not known what an app declares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// The declaration is broken or not there: there is nothing that anybody could compare, and nothing is listed.
    #[error("{0}")]
    Broken(String),
    /// The declaration is there, but it cannot be read here: what the engine lists is [`Status::Unknown`].
    #[error("{0}")]
    Unavailable(String),
    /// Its source is not available.
    #[error("{0}")]
    NotGiven(String),
}

/// A live resource that carries the mark of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Which resource.
    pub key: ResourceKey,
    /// Whether it was declared once; `None` where only its field managers tell.
    pub once_declared: Option<bool>,
    /// What keeps the engine from removing it.
    pub kept_by: Option<Arc<str>>,
}

type Keyed = BTreeMap<ResourceKey, Arc<Object>>;

/// One app with its objects by key.
#[derive(Debug)]
pub(super) struct App {
    pub(super) declaration: AppDeclaration,
    pub(super) desired: BTreeMap<ResourceKey, DesiredObject>,
    pub(super) tracked: BTreeMap<ResourceKey, Tracked>,
    applied: Option<Vec<Keyed>>,
    others: Keyed,
}

/// Compares what apps declare with what is live; a resource that two apps declare is listed once for each.
///
/// What is asked again after each change is better left to [`super::IncrementalApps`], of which this is the first answer.
pub fn compare_apps(
    apps: &[AppDeclaration],
    live: &[Arc<Object>],
    schemas: &SchemaSet,
    jq: &dyn JqPaths,
) -> DriftReport {
    let mut comparison = super::IncrementalApps::new(schemas.clone());
    live.iter().for_each(|object| comparison.set_live(Arc::clone(object)));
    apps.iter().for_each(|app| comparison.set_app(app.clone()));
    comparison.judge(jq);
    comparison.into_report()
}

/// What one judgement looks at besides the app.
pub(super) struct ComparisonContext<'a> {
    pub(super) live: &'a LiveIndex,
    pub(super) context: &'a Context<'a>,
    pub(super) jq: &'a dyn JqPaths,
}

impl App {
    /// Puts the objects of a declaration under their keys.
    pub(super) fn new(declaration: AppDeclaration, live: &LiveIndex, schemas: &SchemaSet) -> Self {
        let namespace = Arc::clone(&declaration.default_namespace);
        let key = |o: &Object| live.key(o, schemas, &namespace);
        let keyed = |all: &[Arc<Object>]| -> Keyed { all.iter().map(|o| (key(o), Arc::clone(o))).collect() };
        let desired = declaration.desired.as_deref().unwrap_or_default();
        Self {
            desired: desired.iter().map(|d| (key(&d.object), d.clone())).collect(),
            tracked: declaration.tracked.iter().map(|t| (t.key.clone(), t.clone())).collect(),
            applied: declaration.applied.as_ref().map(|all| all.iter().map(|o| keyed(o)).collect()),
            others: keyed(&declaration.others),
            declaration,
        }
    }

    /// Returns the keys on which there is, or may be, something to say.
    pub(super) fn keys(&self) -> BTreeSet<&ResourceKey> {
        match &self.declaration.desired {
            Ok(_) => self.desired.keys().chain(self.tracked.keys()).collect(),
            Err(DeclarationError::Broken(_)) => BTreeSet::new(),
            Err(_) => self.declaration.inventory.iter().collect(),
        }
    }

    /// Returns `true` if two declarations of one app say the same of one key.
    pub(super) fn says_the_same(&self, other: &Self, key: &ResourceKey) -> bool {
        let same = |a: Option<&Arc<Object>>, b: Option<&Arc<Object>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let applied = match (&self.applied, &other.applied) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a.get(key), b.get(key)))
            }
            (None, None) => true,
            _ => false,
        };
        let wanted = |app: &Self| app.desired.get(key).map(|d| (Arc::clone(&d.object), d.declared.clone()));
        let (a, b) = (wanted(self), wanted(other));
        applied
            && same(a.as_ref().map(|a| &a.0), b.as_ref().map(|b| &b.0))
            && a.map(|a| a.1) == b.map(|b| b.1)
            && same(self.others.get(key), other.others.get(key))
            && self.tracked.get(key) == other.tracked.get(key)
            && self.declaration.inventory.contains(key) == other.declaration.inventory.contains(key)
            && self.declaration.verdicts.get(key) == other.declaration.verdicts.get(key)
    }

    /// Returns `true` if two declarations of one app are alike in what bears on all of their resources.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let (a, b) = (&self.declaration, &other.declaration);
        a.appliers == b.appliers
            && a.rules == b.rules
            && a.held_back == b.held_back
            && a.correction == b.correction
            && a.desired.as_ref().err() == b.desired.as_ref().err()
            && self.applied.is_some() == other.applied.is_some()
    }

    /// Judges one resource of the app; `others` are the objects of other apps that write under the same managers.
    pub(super) fn judge(
        &self,
        key: &ResourceKey,
        others: Vec<&Object>,
        around: &ComparisonContext<'_>,
        problems: &mut RuleProblems,
    ) -> Option<ResourceDrift> {
        if let Err(why) = &self.declaration.desired {
            let listed =
                !matches!(why, DeclarationError::Broken(_)) && self.declaration.inventory.contains(key);
            return listed.then(|| self.unknown(key, why));
        }
        match (self.desired.get(key), self.tracked.get(key)) {
            (Some(wanted), _) => {
                let others = others.into_iter().chain(self.others.get(key).map(|o| &**o)).collect();
                Some(self.resource(key, wanted, others, around, problems))
            }
            (None, Some(tracked)) => self.extra(tracked, around, problems),
            (None, None) => None,
        }
    }

    /// What a reader should know of the app as a whole.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let app = &self.declaration.app;
        self.declaration.notes.iter().map(move |n| format!("{app}: {n}"))
    }

    /// Why nothing is known of what the app declares; `None` if it is.
    pub(super) fn unseen(&self) -> Option<Unseen> {
        let app = &self.declaration.app;
        if let Some(why) = &self.declaration.not_given {
            let text = format!("{app}: {why}; compared with what was applied last");
            return Some(Unseen::other(UnseenReason::NotGiven, text));
        }
        let why = self.declaration.desired.as_ref().err()?;
        let reason = match why {
            DeclarationError::NotGiven(_) => UnseenReason::NotGiven,
            DeclarationError::Broken(_) | DeclarationError::Unavailable(_) => UnseenReason::NotRendered,
        };
        Some(Unseen::other(reason, format!("{app}: {why}; nothing is known of its resources")))
    }

    fn resource(
        &self,
        key: &ResourceKey,
        wanted: &DesiredObject,
        others: Vec<&Object>,
        around: &ComparisonContext<'_>,
        problems: &mut RuleProblems,
    ) -> ResourceDrift {
        let found = around.live.get(key);
        let applied: Option<Vec<Option<&Object>>> =
            self.applied.as_ref().map(|all| all.iter().map(|o| o.get(key).map(|o| &**o)).collect());
        // The API server knows no `stringData`, and neither do the paths of differences.
        let applied_secrets: Vec<_> =
            applied.iter().flatten().map(|o| o.and_then(secret::normalized_secret)).collect();
        let other_secrets: Vec<_> = others.iter().map(|o| secret::normalized_secret(o)).collect();
        let as_folded = applied_secrets.iter().map(Option::as_ref);
        let knowledge = EngineContext {
            appliers: &self.declaration.appliers,
            applied: applied.map(|all| all.into_iter().zip(as_folded).map(|(o, f)| f.or(o)).collect()),
            others: others.into_iter().zip(&other_secrets).map(|(o, f)| f.as_ref().unwrap_or(o)).collect(),
        };
        let compare = |desired: &Object, live: &Object| {
            let mut resource = compare_known(key, desired, live, around.context, Some(&knowledge));
            self.leave_out_records(desired, &mut resource);
            resource
        };
        let mut resource = match found {
            Some(found) => compare(&wanted.object, found),
            None => self.missing(key, wanted),
        };
        resource.app = Some(self.declaration.app.clone());
        resource.declared.clone_from(&wanted.declared);
        let sides = ResourcePair { key, desired: Some(&wanted.object), live: found.map(|o| &**o) };
        let rule_context = RuleContext { jq: around.jq, pair: &compare };
        self.declaration.rules.hide(&mut resource, sides, rule_context, problems);
        self.contradict(&mut resource);
        self.hold_back(&mut resource);
        resource.notes.extend(self.correction(&resource));
        resource
    }

    /// Leaves out of a comparison what an engine itself records in what it declares.
    fn leave_out_records(&self, desired: &Object, resource: &mut ResourceDrift) {
        let key = resource.key.clone();
        resource.changes.retain_mut(|c| {
            !c.is_bookkeeping() && !is_of_engine(&key, c) && leave_out(c, &self.declaration.own)
        });
        if resource.status == Status::Drifted && !resource.changes.iter().any(|c| c.class.counts()) {
            let is_sealed = secret::is_sealed(desired);
            resource.status = if is_sealed { Status::Unknown } else { Status::InSync };
        }
    }

    /// Notes what keeps the engine from doing what is pending.
    fn hold_back(&self, resource: &mut ResourceDrift) {
        let waits = |c: DriftClass| matches!(c, DriftClass::PendingSync | DriftClass::PendingRemoval);
        if resource.class.is_some_and(waits) || resource.changes.iter().any(DriftChange::is_pending) {
            resource.notes.extend(self.declaration.held_back.as_ref().map(ToString::to_string));
        }
    }

    /// Returns what becomes of drift that somebody else brought.
    fn correction(&self, resource: &ResourceDrift) -> Option<String> {
        const ADDED: &str = "stays: only what is declared is put back";
        let counts = |class: DriftClass| resource.changes.iter().any(|c| c.class == class);
        let is_gone = resource.status == Status::Missing && resource.class.is_none();
        let is_other = is_gone || counts(DriftClass::Changed) || counts(DriftClass::Removed);
        let is_more = counts(DriftClass::Added);
        match self.declaration.correction.as_ref()? {
            DriftCorrection::PutBack(note) if is_other => Some(note.to_string()),
            DriftCorrection::PutBack(_) if is_more => Some(ADDED.to_owned()),
            DriftCorrection::Left(note) if is_other || is_more => Some(note.to_string()),
            _ => None,
        }
    }

    /// Notes where the engine reports otherwise.
    fn contradict(&self, resource: &mut ResourceDrift) {
        let Some(verdict) = self.declaration.verdicts.get(&resource.key) else { return };
        let hidden = resource.changes.iter().any(|c| c.class == DriftClass::Managed);
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
    fn unknown(&self, key: &ResourceKey, why: &DeclarationError) -> ResourceDrift {
        ResourceDrift {
            status: Status::Unknown,
            app: Some(self.declaration.app.clone()),
            notes: vec![why.to_string()],
            ..ResourceDrift::in_sync(key)
        }
    }

    fn missing(&self, key: &ResourceKey, wanted: &DesiredObject) -> ResourceDrift {
        let mut resource = estate::missing(key, &wanted.object);
        let never = self.applied.as_ref().is_some_and(|all| !all.iter().any(|o| o.contains_key(key)));
        if never && !self.declaration.inventory.contains(key) {
            resource.class = Some(DriftClass::PendingSync);
        }
        resource
    }

    fn extra(
        &self,
        t: &Tracked,
        around: &ComparisonContext<'_>,
        problems: &mut RuleProblems,
    ) -> Option<ResourceDrift> {
        let found = around.live.get(&t.key)?;
        let managed = ManagedFields::of(found);
        let applied = || self.applied.iter().flatten().any(|o| o.contains_key(&t.key));
        let wrote = |e: &ManagedFieldsEntry| {
            e.subresource.is_empty() && self.declaration.appliers.contains(&e.manager)
        };
        let once = t.once_declared.unwrap_or_else(|| applied() || managed.entries().iter().any(wrote));
        // A mark is copied to what a controller makes: the labels of a StatefulSet to its claims, of a Service to its Endpoints.
        let creator = creator(found);
        if !once && creator.as_ref().is_some_and(|c| is_platform(&c.manager)) {
            return None;
        }
        let mut resource = ResourceDrift {
            status: Status::Extra,
            creator,
            app: Some(self.declaration.app.clone()),
            class: once.then_some(DriftClass::PendingRemoval),
            rule: t.kept_by.clone(),
            ..ResourceDrift::in_sync(&t.key)
        };
        let sides = ResourcePair { key: &t.key, desired: None, live: Some(found) };
        // There is no pair to compare.
        let pair = |_: &Object, _: &Object| ResourceDrift::in_sync(&t.key);
        let rule_context = RuleContext { jq: around.jq, pair: &pair };
        self.declaration.rules.hide(&mut resource, sides, rule_context, problems);
        self.hold_back(&mut resource);
        Some(resource)
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
        // Only of a part that is there on one side alone: a part that both have is reported field by field.
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

/// Returns `true` if a change in an engine's own object is none of its declaration: a sync that was asked for, or a value
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
        || change.op == FieldOp::Remove && change.desired.as_ref().is_some_and(empty))
}
