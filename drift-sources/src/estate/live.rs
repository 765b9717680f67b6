//! What is live: the objects of a dump, of a moment of recorded history, or of the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::Until;
use drift_core::redact::Redactor;
use drift_core::{Gap, Object};

use super::blocking::run_blocking;
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
    /// Kind and group of what is declared: that another kind could not be listed is only a remark.
    pub declared_kinds: BTreeSet<(String, String)>,
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
    #[cfg(feature = "kubernetes")]
    pub(super) fn concerns(&self, gap: &Gap) -> bool {
        let Some((group, kind)) = &gap.scope.kind else { return true };
        self.declared_kinds.iter().any(|(k, g)| *g == **group && (kind.is_empty() || *k == **kind))
    }
}

/// The live objects of a moment, and what is not known of it.
#[derive(Debug, Default)]
pub struct LiveState {
    /// All live objects that were read, in the order of their keys where they come from history.
    pub objects: Vec<Arc<Object>>,
    /// What is not known.
    pub gaps: Vec<Gap>,
    /// What could not be read.
    pub notes: InputNotes,
    /// What their Secrets were hashed with, if they were.
    pub redactor: Option<Redactor>,
    /// Namespace of the context, for a cluster.
    pub namespace: Option<String>,
}

impl LiveState {
    /// Reads a dump, or a tape as a dump of its end or of a moment.
    ///
    /// # Errors
    /// When the file cannot be read whole: what is not in a dump that is cut off would look missing. Also when a dump is asked
    /// about the past.
    pub async fn of_file(file: &InputFile, until: Until) -> Result<Self, EstateError> {
        if file.is_tape() {
            return Self::of_history(&RecordedHistory::play(file).await?, until).await;
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
        Ok(Self { objects: objects.into_iter().map(Arc::new).collect(), ..Self::default() })
    }

    /// Reads the live objects of recorded history at a point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_history(history: &RecordedHistory, until: Until) -> Result<Self, EstateError> {
        let state = history.state(until).await?;
        let failed = |e| EstateError::unreadable(format!("`{}`", history.name()), e);
        let objects = state.live().map(|(_, r)| r.object()).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok(Self {
            objects: objects.into_iter().flatten().collect(),
            gaps: state.gaps().cloned().collect(),
            notes: history.notes().clone(),
            redactor: Some(history.redactor().clone()),
            namespace: None,
        })
    }
}
