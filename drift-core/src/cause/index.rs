//! An index of the log, updated event by event, from which any number of questions are answered.

use std::sync::Arc;

use crate::event::Event;
use crate::event::LogPosition;
use crate::event::Until;
use crate::graph::{AsOf, DependencyGraph, EdgeRules};
use crate::schema::SchemaSet;
use crate::stream::{Facet, StreamId};

use super::evidence::EvidenceIndex;
use super::investigation::Investigation;
use crate::history::{History, VersionStore};

/// Versions that stay unpacked; older ones are compressed.
const MAX_FRESH: usize = 16 << 10;

/// History and graph of all resources, fed event by event as [`crate::replay::State`] is.
///
/// Any number of questions can be asked of it, as of any moment; each is an [`Investigation`] that borrows it. It holds every
/// version of every resource, compressed to 0.29 to 0.32 of their JSON as measured, and the graph.
///
/// # Example
/// ```
/// use drift_core::cause::CauseIndex;
/// use drift_core::Until;
/// use drift_core::schema::SchemaSet;
/// use drift_core::{Event, ResourceKey};
///
/// # let events: Vec<Event> = Vec::new();
/// let schemas = SchemaSet::bundled();
/// let mut index = CauseIndex::default();
/// for event in &events {
///     index.apply(event);
/// }
/// let answer = index.investigation(Until::End, &schemas).why(&ResourceKey::new("", "Pod", "shop", "web-0"));
/// assert!(answer.abstained_because.is_some());
/// ```
#[derive(Clone, Debug)]
pub struct CauseIndex {
    versions: Arc<VersionStore>,
    graph: Arc<DependencyGraph>,
    evidence: Arc<EvidenceIndex>,
    rules: Arc<EdgeRules>,
}

impl Default for CauseIndex {
    fn default() -> Self {
        Self::new(EdgeRules::shared())
    }
}

impl CauseIndex {
    /// Makes an empty index with rules for the edges of custom kinds.
    pub fn new(rules: Arc<EdgeRules>) -> Self {
        let graph = Arc::new(DependencyGraph::new(Arc::clone(&rules)));
        Self { versions: Arc::default(), graph, evidence: Arc::default(), rules }
    }

    /// Makes an index of versions that the caller holds as well and of the graph of the same events.
    pub fn of(versions: Arc<VersionStore>, graph: DependencyGraph) -> Self {
        let rules = Arc::clone(graph.rules());
        let evidence = Arc::new(EvidenceIndex::of(&versions));
        Self { versions, graph: Arc::new(graph), evidence, rules }
    }

    /// Takes the next event; events come in order of position.
    pub fn apply(&mut self, event: &Event) {
        self.take(event);
        // No investigation is alive while this is borrowed for writing, so nothing is copied.
        Arc::make_mut(&mut self.versions).pack_all_but(MAX_FRESH);
    }

    /// Takes the next event without compressing its object, which the caller holds as well.
    pub(super) fn take(&mut self, event: &Event) {
        Arc::make_mut(&mut self.graph).apply(event);
        Arc::make_mut(&mut self.versions).apply(event);
        if let StreamId::Resource(Facet::Live, key) = &event.stream {
            Arc::make_mut(&mut self.evidence).apply(&self.versions, key);
        }
    }

    /// Compresses all versions, for an index that waits for questions.
    pub fn settle(&mut self) {
        Arc::make_mut(&mut self.versions).pack_all_but(0);
    }

    /// Returns the versions of all resources, for example to share them with [`crate::blame`] and [`crate::fights`].
    pub fn versions(&self) -> &Arc<VersionStore> {
        &self.versions
    }

    /// Returns the dependency graph over the whole history.
    pub fn graph(&self) -> &DependencyGraph {
        &self.graph
    }

    /// Returns the position of the last event.
    pub fn end(&self) -> Option<LogPosition> {
        self.versions.last(Until::End)
    }

    /// Returns how many events were taken.
    pub fn events(&self) -> usize {
        self.versions.event_count()
    }

    /// Returns the bytes that the versions of all resources take in memory; the graph comes on top.
    pub fn heap_size(&self) -> usize {
        self.versions.heap_size()
    }

    /// Looks at everything as it was known at a moment, to ask about any number of resources.
    ///
    /// What the questions look at is unpacked once and held until the case is dropped.
    pub fn investigation<'a>(&'a self, until: Until, schemas: &'a SchemaSet) -> Investigation<'a> {
        if matches!(until, Until::Time(_)) && self.versions.times_go_back() {
            return self.cut(until).into_investigation(schemas);
        }
        let graph = AsOf::new(Arc::clone(&self.graph), until);
        Investigation::new(
            History::new(Arc::clone(&self.versions), until),
            graph,
            Arc::clone(&self.evidence),
            schemas,
        )
    }

    /// Makes an investigation of the whole log, for a caller that asks once.
    pub(super) fn into_investigation(self, schemas: &SchemaSet) -> Investigation<'_> {
        let graph = AsOf::new(self.graph, Until::End);
        Investigation::new(History::new(self.versions, Until::End), graph, self.evidence, schemas)
    }

    /// Rebuilds the index as of a time, for a log whose times go back: there the events until a time are no prefix of it.
    fn cut(&self, until: Until) -> Self {
        let versions = self.versions.cut(until);
        let mut graph = DependencyGraph::new(Arc::clone(&self.rules));
        for (key, version) in versions.in_order() {
            match version.object() {
                Some(object) if !version.is_deletion => graph.put(key, &object, version.at),
                _ => graph.remove(key, version.at),
            }
        }
        let evidence = Arc::new(EvidenceIndex::of(&versions));
        Self {
            versions: Arc::new(versions),
            graph: Arc::new(graph),
            evidence,
            rules: Arc::clone(&self.rules),
        }
    }
}

impl<'s> Investigation<'s> {
    /// Takes the events up to a moment, for one who asks once; a [`CauseIndex`] answers often.
    pub fn from_events<'e>(
        events: impl IntoIterator<Item = &'e Event>,
        until: Until,
        schemas: &'s SchemaSet,
    ) -> Self {
        let mut index = CauseIndex::default();
        events.into_iter().filter(|e| until.includes(e)).for_each(|e| index.take(e));
        index.into_investigation(schemas)
    }
}
