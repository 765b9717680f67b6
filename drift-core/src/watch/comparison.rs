//! What is declared against a cluster that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::drift::{DesiredObject, DriftOptions, DriftReport, IncrementalComparison, ResourceDrift};
use crate::event::{Event, EventBody, OccurrenceKind};
use crate::key::ResourceKey;
use crate::object::Object;
use crate::replay::State;
use crate::schema::{SchemaSet, is_definition};
use crate::stream::{Facet, Scope, StreamId};

use super::removals::SeenRemovals;

/// Group, kind and name.
type BareName = (Arc<str>, Arc<str>, Arc<str>);

fn bare_name(key: &ResourceKey) -> BareName {
    (Arc::clone(&key.group), Arc::clone(&key.kind), Arc::clone(&key.name))
}

/// Declared objects, the state of the cluster, and the comparison of the two.
///
/// The state is what the comparison starts again from when a definition of a kind changes: the schema of a kind bears on
/// every object of it.
#[derive(Debug)]
pub(super) struct LiveComparison {
    desired: Vec<DesiredObject>,
    /// Schemas that win over those of definitions.
    schemas: Option<SchemaSet>,
    options: DriftOptions,
    state: State,
    /// `None` before the first judgement, and after a definition has changed.
    current: Option<IncrementalComparison>,
    /// What had a verdict before a definition changed.
    before: Vec<ResourceKey>,
    /// Namespaces in which something lies of the kind and name of what is declared without one.
    bare: BTreeMap<BareName, BTreeSet<Arc<str>>>,
    /// Those of them that were seen in the namespace that is assumed: it is theirs.
    placed: BTreeSet<BareName>,
    /// Resources of which a request was reported since the last judgement: who made a change may become known after the change, so
    /// `annotate` is asked again.
    audited: BTreeSet<ResourceKey>,
    /// Group, kind and name of what is declared, wherever that is.
    declared: BTreeSet<BareName>,
    removals: SeenRemovals,
}

impl LiveComparison {
    pub(super) fn new(
        desired: Vec<DesiredObject>,
        schemas: Option<SchemaSet>,
        options: DriftOptions,
    ) -> Self {
        let bare = desired.iter().map(|d| d.object.key()).filter(|key| key.namespace.is_empty());
        Self {
            placed: BTreeSet::new(),
            declared: desired.iter().map(|d| bare_name(&d.object.key())).collect(),
            removals: SeenRemovals::default(),
            bare: bare.map(|key| (bare_name(&key), BTreeSet::new())).collect(),
            desired,
            schemas,
            options,
            state: State::default(),
            current: None,
            before: Vec::new(),
            audited: BTreeSet::new(),
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        self.note_removals(event);
        self.state.apply(event);
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        if is_definition(key) {
            let outdated = self.current.take();
            let verdicts = outdated.iter().flat_map(IncrementalComparison::verdicts);
            self.before.extend(verdicts.map(|drift| drift.key.clone()));
        }
        if let Some(places) = self.bare.get_mut(&bare_name(key)) {
            match &event.body {
                EventBody::Applied(_) => {
                    if *key.namespace == *self.options.default_namespace.as_deref().unwrap_or("default") {
                        self.placed.insert(bare_name(key));
                    }
                    places.insert(Arc::clone(&key.namespace));
                }
                EventBody::Deleted(_) => drop(places.remove(&key.namespace)),
                _ => {}
            }
        }
        let Some(current) = &mut self.current else { return };
        match &event.body {
            EventBody::Applied(object) => current.set_live(object),
            EventBody::Deleted(_) => current.remove_live(key),
            EventBody::Happened(occurrence) if occurrence.kind == OccurrenceKind::Audit => {
                self.audited.insert(key.clone());
            }
            _ => {}
        }
    }

    /// Notes what an event takes away from something that is declared; asked before the state moves on.
    fn note_removals(&mut self, event: &Event) {
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        if self.declared.contains(&bare_name(key)) {
            let before = self.state.get(&event.stream).and_then(|r| r.object().ok().flatten());
            let bundled = SchemaSet::bundled();
            let schemas = self.schemas.as_ref().unwrap_or(&bundled);
            self.removals.apply(key, before, event, schemas);
        }
    }

    /// Judges what was touched, and returns the verdicts that may have changed; `None` for a resource without one.
    pub(super) fn judge(
        &mut self,
        annotate: &mut dyn FnMut(&mut DriftReport),
    ) -> BTreeMap<ResourceKey, Option<ResourceDrift>> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.start(),
        };
        let current = self.current.insert(current);
        let mut changed: BTreeSet<ResourceKey> = current.judge().into_iter().collect();
        let audited = std::mem::take(&mut self.audited);
        changed.extend(audited.into_iter().filter(|key| current.get(key).is_some()));
        let resources = changed.iter().filter_map(|key| current.get(key)).cloned().collect();
        let mut report = DriftReport { resources, ..DriftReport::default() };
        report.resources.iter_mut().for_each(|drift| self.removals.name(drift));
        if report.resources.iter().any(|r| !r.changes.is_empty()) {
            annotate(&mut report);
        }
        let touched = std::mem::take(&mut self.before).into_iter().chain(changed);
        let mut verdicts: BTreeMap<_, _> = touched.map(|key| (key, None)).collect();
        for drift in report.resources {
            verdicts.insert(drift.key.clone(), Some(drift));
        }
        verdicts
    }

    /// Returns the verdict on a resource as it was last judged.
    pub(super) fn verdict(&self, key: &ResourceKey) -> Option<ResourceDrift> {
        self.current.as_ref()?.get(key).cloned()
    }

    /// Returns another namespace in which something of that kind and name lies, if the namespace of the key is only that of what is
    /// declared without one.
    pub(super) fn elsewhere(&self, key: &ResourceKey) -> Option<Arc<str>> {
        let (name, default) =
            (bare_name(key), self.options.default_namespace.as_deref().unwrap_or("default"));
        if *key.namespace != *default || self.placed.contains(&name) {
            return None;
        }
        self.bare.get(&name)?.iter().find(|place| !place.is_empty() && **place != key.namespace).cloned()
    }

    /// Returns all verdicts as they were last judged.
    pub(super) fn verdicts(&self) -> Vec<ResourceDrift> {
        self.current.iter().flat_map(IncrementalComparison::verdicts).cloned().collect()
    }

    /// Returns how many resources are live.
    pub(super) fn live_count(&self) -> usize {
        self.state.live().count()
    }

    /// Returns `true` if something that is declared is, or may be, in a scope.
    pub(super) fn concerns(&self, scope: &Scope) -> bool {
        self.desired.iter().any(|d| {
            let key = d.object.key();
            let any_namespace = Scope { namespace: "".into(), ..scope.clone() };
            if key.namespace.is_empty() { any_namespace.contains(&key) } else { scope.contains(&key) }
        })
    }

    fn start(&self) -> IncrementalComparison {
        let live = |(_, resource): (_, &crate::replay::Resource)| resource.object().ok().flatten();
        let definitions: Vec<Arc<Object>> =
            self.state.live().filter(|(key, _)| is_definition(key)).filter_map(live).collect();
        // What is live comes last and wins: the cluster serves it, whatever is declared.
        let declared = self.desired.iter().map(|d| &*d.object);
        let mut schemas = SchemaSet::with_definitions(declared.chain(definitions.iter().map(|o| &**o)));
        if let Some(over) = &self.schemas {
            schemas = SchemaSet::layered(&schemas, over);
        }
        let mut current = IncrementalComparison::new(self.desired.clone(), schemas, self.options.clone());
        self.state.live().filter_map(live).for_each(|object| current.set_live(&object));
        current
    }
}
