//! What engines declare, app by app, kept compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::coverage::Coverage;
use crate::drift::authority::{App, AppDeclaration, ComparisonContext};
use crate::drift::estate;
use crate::drift::report::{DriftReport, ResourceDrift};
use crate::drift::resource::Context;
use crate::drift::rules::{JqPaths, RuleProblems};
use crate::key::ResourceKey;
use crate::object::Object;
use crate::schema::SchemaSet;

use crate::drift::live_index::{LiveIndex, key_of};

/// What one app says of one resource: the resource, then the app.
type AppResource = (ResourceKey, ResourceKey);

#[derive(Debug)]
struct StoredVerdict {
    drift: ResourceDrift,
    problems: RuleProblems,
}

/// What apps declare and what is live, kept compared.
///
/// # Example
/// ```
/// use drift_core::{drift::IncrementalApps, drift::rules::NoJq, schema::SchemaSet};
/// let mut kept = IncrementalApps::new((*SchemaSet::bundled()).clone());
/// // `set_app` and `set_live` for all there is, then after each change:
/// let changed = kept.judge(&NoJq);
/// assert!(changed.is_empty());
/// ```
#[derive(Debug)]
pub struct IncrementalApps {
    schemas: SchemaSet,
    live: LiveIndex,
    apps: BTreeMap<ResourceKey, App>,
    /// Apps that have something to say of a key.
    by_key: HashMap<ResourceKey, BTreeSet<ResourceKey>>,
    /// Apps that declare something whose namespace depends on whether this key is live.
    bare: HashMap<ResourceKey, BTreeSet<ResourceKey>>,
    verdicts: BTreeMap<AppResource, StoredVerdict>,
    stale: BTreeSet<AppResource>,
}

impl IncrementalApps {
    /// Starts with nothing declared and nothing live.
    pub fn new(schemas: SchemaSet) -> Self {
        Self {
            schemas,
            live: LiveIndex::default(),
            apps: BTreeMap::new(),
            by_key: HashMap::new(),
            bare: HashMap::new(),
            verdicts: BTreeMap::new(),
            stale: BTreeSet::new(),
        }
    }

    /// Takes other schemas and compares everything again.
    pub fn set_schemas(&mut self, schemas: SchemaSet) {
        self.schemas = schemas;
        let apps: Vec<AppDeclaration> =
            std::mem::take(&mut self.apps).into_values().map(|a| a.declaration).collect();
        self.by_key.clear();
        self.bare.clear();
        self.stale.extend(self.verdicts.keys().cloned());
        apps.into_iter().for_each(|app| self.set_app(app));
    }

    /// Takes a live object, in place of the one of its key.
    pub fn set_live(&mut self, object: Arc<Object>) {
        let key = key_of(&object);
        self.touch_scaled(&key, Some(&object));
        let is_new = self.live.by_key.insert(key.clone(), object).is_none();
        self.touch(&key, is_new);
    }

    /// Takes away a live object.
    pub fn remove_live(&mut self, key: &ResourceKey) {
        self.touch_scaled(key, None);
        let was_there = self.live.by_key.remove(key).is_some();
        self.touch(key, was_there);
    }

    /// Takes what an app declares, in place of what it declared before.
    pub fn set_app(&mut self, declaration: AppDeclaration) {
        let name = declaration.app.clone();
        let app = App::new(declaration, &self.live, &self.schemas);
        let before = self.apps.remove(&name);
        if let Some(before) = &before {
            self.forget(&name, before);
        }
        let alike = before.as_ref().is_some_and(|b| b.is_alike(&app));
        let keys = app.keys().into_iter().chain(before.iter().flat_map(App::keys));
        let changed =
            |key: &&ResourceKey| !(alike && before.as_ref().is_some_and(|b| b.says_the_same(&app, key)));
        let changed: BTreeSet<ResourceKey> = keys.filter(changed).cloned().collect();
        for key in app.keys() {
            self.by_key.entry(key.clone()).or_default().insert(name.clone());
        }
        for wanted in app.declaration.desired.iter().flatten() {
            let namespace = &app.declaration.default_namespace;
            if let Some(key) = estate::bare_key(&wanted.object, &self.schemas, namespace) {
                self.bare.entry(key).or_default().insert(name.clone());
            }
        }
        self.apps.insert(name.clone(), app);
        for key in changed {
            // What another app declares of the same resource is looked at in its verdict.
            self.stale.insert((key.clone(), name.clone()));
            self.touch(&key, false);
        }
    }

    /// Takes away an app with all its verdicts.
    pub fn remove_app(&mut self, name: &ResourceKey) {
        let Some(before) = self.apps.remove(name) else { return };
        self.forget(name, &before);
        for key in before.keys() {
            self.stale.insert((key.clone(), name.clone()));
            self.touch(key, false);
        }
    }

    /// Judges what was touched since the last time, and returns what has another verdict now: resource and app.
    pub fn judge(&mut self, jq: &dyn JqPaths) -> Vec<(ResourceKey, ResourceKey)> {
        let mut context = Context::new(&self.schemas);
        context.autoscaled = Arc::clone(&self.live.autoscalers.all);
        let around = ComparisonContext { live: &self.live, context: &context, jq };
        let mut changed = Vec::new();
        for slot in std::mem::take(&mut self.stale) {
            let mut problems = RuleProblems::new();
            let app = self.apps.get(&slot.1);
            let others = app.map(|app| self.others(&slot, app)).unwrap_or_default();
            let drift = app.and_then(|app| app.judge(&slot.0, others, &around, &mut problems));
            let is_same = self.verdicts.get(&slot).map(|v| &v.drift) == drift.as_ref();
            match drift {
                Some(drift) => drop(self.verdicts.insert(slot.clone(), StoredVerdict { drift, problems })),
                None => drop(self.verdicts.remove(&slot)),
            }
            if !is_same {
                changed.push(slot);
            }
        }
        changed
    }

    /// Returns what an app says of a resource.
    pub fn get(&self, key: &ResourceKey, app: &ResourceKey) -> Option<&ResourceDrift> {
        self.verdicts.get(&(key.clone(), app.clone())).map(|v| &v.drift)
    }

    /// Returns all verdicts, by resource and app.
    pub fn verdicts(&self) -> impl Iterator<Item = &ResourceDrift> {
        self.verdicts.values().map(|v| &v.drift)
    }

    /// Returns what is the matter with rules, each said once.
    pub fn problems(&self) -> RuleProblems {
        let known = self.apps.values().filter(|a| a.declaration.desired.is_ok());
        let unread = known.flat_map(|a| &a.declaration.rules.problems).map(|p| (p.clone(), ()));
        let met = self.verdicts.values().flat_map(|v| v.problems.keys()).map(|p| (p.clone(), ()));
        unread.chain(met).collect()
    }

    /// Returns what [`compare_apps`](crate::drift::compare_apps) would say, without keeping any of it.
    pub fn into_report(self) -> DriftReport {
        let mut notes: Vec<String> = self.apps.values().flat_map(App::notes).collect();
        notes.extend(self.problems().into_keys().map(|p| p.to_string()));
        let mut coverage = Coverage::default();
        self.apps.values().filter_map(App::unseen).for_each(|unseen| coverage.add(unseen));
        let resources = self.verdicts.into_values().map(|v| v.drift).collect();
        DriftReport { resources, notes, coverage }
    }

    /// What other apps declare of a resource that write under the same managers.
    fn others(&self, (key, name): &AppResource, app: &App) -> Vec<&Object> {
        let others = self.by_key.get(key).into_iter().flatten().filter(|other| *other != name);
        let others = others.filter_map(|other| self.apps.get(other));
        let alike = others.filter(|o| o.declaration.appliers == app.declaration.appliers);
        alike.filter_map(|o| o.desired.get(key)).map(|d| &*d.object).collect()
    }

    fn forget(&mut self, name: &ResourceKey, app: &App) {
        let drop_from = |map: &mut HashMap<ResourceKey, BTreeSet<ResourceKey>>, key: &ResourceKey| {
            if let Some(apps) = map.get_mut(key) {
                apps.remove(name);
                if apps.is_empty() {
                    map.remove(key);
                }
            }
        };
        app.keys().into_iter().for_each(|key| drop_from(&mut self.by_key, key));
        for wanted in app.declaration.desired.iter().flatten() {
            let namespace = &app.declaration.default_namespace;
            if let Some(key) = estate::bare_key(&wanted.object, &self.schemas, namespace) {
                drop_from(&mut self.bare, &key);
            }
        }
    }

    fn touch(&mut self, key: &ResourceKey, came_or_went: bool) {
        if let Some(apps) = self.by_key.get(key) {
            self.stale.extend(apps.iter().map(|app| (key.clone(), app.clone())));
        }
        if came_or_went && let Some(apps) = self.bare.get(key) {
            for name in apps.clone() {
                let declaration = self.apps.get(&name).map(|a| a.declaration.clone());
                declaration.into_iter().for_each(|d| self.set_app(d));
            }
        }
    }

    fn touch_scaled(&mut self, key: &ResourceKey, object: Option<&Object>) {
        for target in self.live.autoscalers.set(key, object) {
            self.touch(&target, false);
        }
    }
}
