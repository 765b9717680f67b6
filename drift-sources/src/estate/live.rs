//! What is live: the objects of a dump, of a moment of recorded history, or of the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::Until;
use drift_core::coverage::RecordedScope;
use drift_core::ingest::recall_hashes;
use drift_core::redact::{Redactor, SecretValues};
use drift_core::{Object, Scope};

use super::blocking::run_blocking;
use super::coverage::note_uncovered;
use super::secrets::session_redactor;
use super::{EstateError, InputFile, InputNotes, RecordedHistory};
use crate::dump::Dump;

/// The form of a dump, for who gave something else.
const DUMP_FORM: &str = "what is live is read from what `kubectl get -o json` prints, or from a tape of `drift record`; plain, gzip or zstd";

/// Which part of a cluster a question needs, to ask it for no more.
#[derive(Clone, Debug, Default)]
pub struct ClusterScope {
    /// Namespaces; all if there are none.
    pub namespaces: Vec<String>,
    /// Whether the namespace of the context belongs to them.
    pub default_namespace: DefaultNamespace,
    /// Kind and group of what is declared: that another kind could not be listed is only a remark. `None` where the question
    /// is about all kinds.
    pub declared_kinds: Option<BTreeSet<(String, String)>>,
    /// Kind and group of those of them that may lie outside of namespaces.
    pub cluster_kinds: BTreeSet<(String, String)>,
}

/// Whether the namespace of the context is looked at besides those that are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultNamespace {
    /// Only what is named.
    #[default]
    Leave,
    /// Also that of the context.
    Include,
}

impl ClusterScope {
    /// Returns `true` if what could not be listed is, or may be, of a declared kind.
    pub(super) fn concerns(&self, scope: &Scope) -> bool {
        let (Some(declared), Some((group, kind))) = (&self.declared_kinds, &scope.kind) else { return true };
        declared.iter().any(|(k, g)| *g == **group && (kind.is_empty() || *k == **kind))
    }
}

/// The live objects of a moment, and what is not known of it.
#[derive(Debug, Default)]
pub struct LiveState {
    /// All live objects that were read, in the order of their keys where they come from history.
    pub objects: Vec<Arc<Object>>,
    /// What was listed, so that what is not there can be kept apart from what was not looked at.
    pub recorded: RecordedScope,
    /// What could not be read.
    pub notes: InputNotes,
    /// What their Secrets were hashed with, if they were.
    pub redactor: Option<Redactor>,
    /// Namespace of the context, for a cluster.
    pub namespace: Option<String>,
}

impl LiveState {
    /// Reads a dump, or a tape as a dump of its end or of a moment, for a question about some kinds.
    ///
    /// # Errors
    /// When the file cannot be read whole: what is not in a dump that is cut off would look missing. Also when a dump is asked
    /// about the past.
    pub async fn of_file(file: &InputFile, until: Until, needed: &ClusterScope) -> Result<Self, EstateError> {
        let redactor = session_redactor(SecretValues::default());
        Ok(Self::read(file, until, needed, redactor.values()).await?.redacted_by(&redactor))
    }

    /// Reads the same, and learns the values of its Secrets; those of a dump are still in it.
    pub(super) async fn read(
        file: &InputFile,
        until: Until,
        needed: &ClusterScope,
        values: SecretValues,
    ) -> Result<Self, EstateError> {
        if file.is_tape() {
            let history = RecordedHistory::play_with(file, values).await?;
            let mut live = Self::of_history(&history, until).await?;
            let recorded = history.recorded_scope(until).await?;
            note_uncovered(&history, &recorded, until, &|scope| needed.concerns(scope), &mut live.notes);
            return Ok(live);
        }
        if until != Until::End {
            let input = Some(file.name().into_owned());
            return Err(EstateError::NeedsHistory { question: "at", input });
        }
        let dump = file.clone();
        let read = run_blocking(move || Dump::read(dump.path())).await;
        let objects = read.map_err(|e| {
            EstateError::unreadable(format!("what is live in `{}`", file.name()), e).expecting(DUMP_FORM)
        })?;
        values.learn(&objects);
        let recorded = listed_in_dump(&objects);
        Ok(Self { objects: objects.into_iter().map(Arc::new).collect(), recorded, ..Self::default() })
    }

    /// Hashes Secrets that are not hashed yet.
    pub(super) fn redacted_by(mut self, redactor: &Redactor) -> Self {
        if self.redactor.is_none() {
            self.objects = self.objects.into_iter().map(|o| redactor.redact_foreign(o)).collect();
            self.redactor = Some(redactor.clone());
        }
        self
    }

    /// Reads the live objects of recorded history at a point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_history(history: &RecordedHistory, until: Until) -> Result<Self, EstateError> {
        let state = history.state(until).await?;
        let failed = |e| EstateError::unreadable(format!("`{}`", history.name()), e);
        let objects = state.live().map(|(_, r)| r.object()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        // What was stored before its Secret was seen is not hashed there, nor is what is declared.
        let known = history.redactor();
        recall_hashes(known, &**history.store()).await.map_err(|e| EstateError::store(history.name(), e))?;
        let is_complete = known.values().is_empty();
        let redacted = |o| if is_complete { o } else { known.redact_shared(o) };
        Ok(Self {
            objects: objects.into_iter().flatten().map(redacted).collect(),
            recorded: state.recorded_scope().clone(),
            notes: history.notes().clone(),
            redactor: Some(history.redactor().clone()),
            namespace: None,
        })
    }
}

/// Kinds that the API server itself makes objects of, and that nobody lists by name: a dump with both is one of everything
/// ([flow control](https://kubernetes.io/docs/concepts/cluster-administration/flow-control/), API aggregation).
const SERVER_KINDS: [(&str, &str); 2] =
    [("flowcontrol.apiserver.k8s.io", "FlowSchema"), ("apiregistration.k8s.io", "APIService")];

/// Returns what was listed into a dump: the kinds that it holds, in its one namespace if there is one.
///
/// `kubectl get all` leaves out most kinds, ConfigMaps for one: where no object of a kind is in the dump, it may not have been
/// listed. A dump of everything has no such doubt.
fn listed_in_dump(objects: &[Object]) -> RecordedScope {
    let mut recorded = RecordedScope::default();
    let has = |(group, kind): &(&str, &str)| objects.iter().any(|o| o.group() == *group && o.kind() == *kind);
    if SERVER_KINDS.iter().all(has) {
        recorded.add_listing(Scope::default());
        return recorded;
    }
    recorded.set_exhaustive();
    let namespaces: BTreeSet<&str> =
        objects.iter().map(Object::namespace).filter(|n| !n.is_empty()).collect();
    let only = namespaces.first().filter(|_| namespaces.len() == 1).copied().unwrap_or_default();
    for object in objects {
        let namespace = if object.namespace().is_empty() { "" } else { only };
        recorded.add_listing(Scope {
            namespace: namespace.into(),
            ..Scope::of_kind(object.group(), object.kind())
        });
    }
    recorded
}
