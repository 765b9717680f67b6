//! A source with a fixed list of observations.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};

use crate::event::Observation;
use crate::key::Cursor;
use crate::source::{Source, SourceError};

/// A [`Source`] with a fixed list of observations. It resumes after the checkpoint that it is given.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    observations: Arc<[Observation]>,
}

impl Script {
    /// Makes a source of observations in which every checkpoint has another cursor.
    pub fn new(name: &str, observations: Vec<Observation>) -> Self {
        Self { name: name.to_owned(), observations: observations.into() }
    }

    fn after(&self, cursor: &Cursor) -> Option<usize> {
        let is_there = |o: &Observation| matches!(o, Observation::Checkpoint(c) if c == cursor);
        self.observations.iter().position(is_there).map(|at| at + 1)
    }
}

impl Source for Script {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        let from = after.as_ref().map_or(Some(0), |cursor| self.after(cursor));
        match (from, after) {
            (Some(from), _) => stream::iter(self.observations[from..].iter().cloned().map(Ok)).boxed(),
            (None, Some(cursor)) => stream::iter([Err(SourceError::UnknownCursor { cursor })]).boxed(),
            (None, None) => stream::empty().boxed(),
        }
    }
}
