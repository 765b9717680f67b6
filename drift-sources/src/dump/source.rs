//! A dump as a source of observations: one full listing.

use std::path::PathBuf;

use drift_core::{Applied, Cursor, Observation, Scope, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::{Dump, DumpOptions};

/// Cursor after the end of a dump.
const END: &str = "dump:end";

/// Observes a dump as one full listing at one time.
#[derive(Clone, Debug)]
pub struct DumpSource {
    path: PathBuf,
    name: String,
    scope: Scope,
    taken_at: Timestamp,
    options: DumpOptions,
}

impl DumpSource {
    /// Makes a source of a file that holds the state of `scope` at a time.
    ///
    /// Objects in the scope that are not in the dump count as deleted.
    pub fn new(path: PathBuf, scope: Scope, taken_at: Timestamp) -> Self {
        let name = path.to_string_lossy().into_owned();
        Self { path, name, scope, taken_at, options: DumpOptions::default() }
    }

    /// Sets limits on the size.
    #[must_use]
    pub fn with_options(mut self, options: DumpOptions) -> Self {
        self.options = options;
        self
    }

    fn to_observation(&self, object: drift_core::Object) -> Observation {
        Observation::Applied(Applied::live(object, &self.scope.cluster, self.taken_at))
    }

    fn read_observations(&self) -> impl Iterator<Item = Result<Observation, SourceError>> {
        let corrupt = |e| SourceError::Corrupt { what: self.name.clone(), source: Some(Box::new(e)) };
        let (mut objects, mut failed) = match Dump::open(&self.path, self.options) {
            Ok(dump) => (Some(dump), None),
            Err(e) => (None, Some(corrupt(e))),
        };
        let start = objects.is_some().then(|| Ok(Observation::RelistStarted(self.scope.clone())));
        let mut end = vec![
            Observation::Checkpoint(Cursor::new(END)),
            Observation::RelistDone { scope: self.scope.clone(), observed_at: self.taken_at },
        ];
        start.into_iter().chain(std::iter::from_fn(move || {
            if let Some(e) = failed.take() {
                return Some(Err(e));
            }
            match objects.as_mut()?.next() {
                Some(Ok(object)) => Some(Ok(self.to_observation(object))),
                // Without the rest nothing may count as deleted, so the listing never ends.
                Some(Err(e)) => {
                    objects = None;
                    Some(Err(corrupt(e)))
                }
                None => end.pop().map(Ok),
            }
        }))
    }
}

impl Source for DumpSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        match after {
            None => stream::iter(self.read_observations()).boxed(),
            Some(cursor) if cursor.as_str() == END => stream::empty().boxed(),
            Some(cursor) => stream::iter([Err(SourceError::UnknownCursor { cursor })]).boxed(),
        }
    }
}
