//! The same questions for callers without an async runtime.

use drift_core::cause::{Explanation, Incidents};
use drift_core::graph::DependencyGraph;
use drift_core::{ResourceKey, ResourceName};
use futures::executor::block_on;

use super::options::{EstateInput, EstateOptions};
use super::{
    AppsOverview, AttributedField, Comparison, Estate, EstateError, FieldContention, HealthSnapshot,
    InputNotes, TimelineEntry,
};

/// An [`Estate`] of a file or a store whose questions block until they are answered.
///
/// Not to be used in async code: open the [`Estate`] itself there. A store must not need a runtime to be read; the one in a folder
/// and the one in memory do not.
#[derive(Debug)]
pub struct BlockingEstate(Estate);

impl BlockingEstate {
    pub(super) fn open(options: EstateOptions) -> Result<Self, EstateError> {
        match &options.input {
            EstateInput::Dump(_) | EstateInput::Tape(_) | EstateInput::Store(_) => {}
            #[cfg(feature = "kubernetes")]
            EstateInput::Cluster(_) => {
                return Err(EstateError::Unreachable {
                    what: "a cluster cannot be asked without an async runtime".to_owned(),
                    source: "open the estate with `open` in a Tokio runtime".into(),
                });
            }
        }
        block_on(options.open()).map(Self)
    }

    /// Returns the estate, for questions that are only asked in async code.
    pub fn as_async(&self) -> &Estate {
        &self.0
    }

    /// Returns what a reader of the answers so far should know.
    pub fn notes(&self) -> InputNotes {
        self.0.notes()
    }

    /// Finds the one resource of a name; see [`Estate::find`].
    ///
    /// # Errors
    /// As there.
    pub fn find(&self, name: &ResourceName) -> Result<ResourceKey, EstateError> {
        block_on(self.0.find(name))
    }

    /// Compares what is declared with what is live; see [`Estate::diff`].
    ///
    /// # Errors
    /// As there.
    pub fn diff(&self) -> Result<Comparison, EstateError> {
        block_on(self.0.diff())
    }

    /// Explains why a resource is unhealthy; see [`Estate::why`].
    ///
    /// # Errors
    /// As there.
    pub fn why(&self, key: &ResourceKey) -> Result<Explanation, EstateError> {
        block_on(self.0.why(key))
    }

    /// Finds everything that is broken; see [`Estate::incidents`].
    ///
    /// # Errors
    /// As there.
    pub fn incidents(&self) -> Result<Incidents, EstateError> {
        block_on(self.0.incidents())
    }

    /// Returns who set each field of a resource; see [`Estate::blame`].
    ///
    /// # Errors
    /// As there.
    pub fn blame(&self, key: &ResourceKey) -> Result<Vec<AttributedField>, EstateError> {
        block_on(self.0.blame(key))
    }

    /// Finds fields that several writers contend for; see [`Estate::fights`].
    ///
    /// # Errors
    /// As there.
    pub fn fights(&self) -> Result<FieldContention, EstateError> {
        block_on(self.0.fights())
    }

    /// Returns how resources are doing; see [`Estate::health`].
    ///
    /// # Errors
    /// As there.
    pub fn health(&self) -> Result<HealthSnapshot, EstateError> {
        block_on(self.0.health())
    }

    /// Returns how every app is doing; see [`Estate::apps`].
    ///
    /// # Errors
    /// As there.
    pub fn apps(&self) -> Result<AppsOverview, EstateError> {
        block_on(self.0.apps())
    }

    /// Returns what depended on what; see [`Estate::graph`].
    ///
    /// # Errors
    /// As there.
    pub fn graph(&self) -> Result<DependencyGraph, EstateError> {
        block_on(self.0.graph())
    }

    /// Returns what happened; see [`Estate::timeline`].
    ///
    /// # Errors
    /// As there.
    pub fn timeline(&self) -> Result<Vec<TimelineEntry>, EstateError> {
        block_on(self.0.timeline())
    }
}
