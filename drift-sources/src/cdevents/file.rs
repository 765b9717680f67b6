//! A file of events as a source.

use std::path::PathBuf;
use std::sync::Arc;

use drift_core::redact::Redactor;
use drift_core::{Cursor, Gap, GapReason, Observation, Scope, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::EventDecoder;
use crate::lines::{LineFault, Lines};

/// Bytes of a line and of the whole file, decompressed.
const MAX_LINE: usize = 16 << 20;
const MAX_SIZE: u64 = 16 << 30;

/// Observes a file of JSON lines, plain, gzip or zstd: each an event, a batch, or a request in binary mode as
/// `{"headers": …, "body": …}`. The cursor is the number of the last line that was read.
#[derive(Clone, Debug)]
pub struct EventFileSource {
    path: PathBuf,
    name: String,
    cluster: Arc<str>,
    decoder: EventDecoder,
}

impl EventFileSource {
    /// Makes a source of a file; `cluster` is the name of the cluster, empty for the unnamed one.
    pub fn new(path: PathBuf, cluster: &str, redactor: Redactor) -> Self {
        let name = path.to_string_lossy().into_owned();
        Self { path, name, cluster: cluster.into(), decoder: EventDecoder::new(cluster, redactor) }
    }

    fn gap_at(&self, line: u64, problem: &str, (from, to): (Option<Timestamp>, Timestamp)) -> Observation {
        Observation::Gap(Gap {
            scope: Scope { cluster: Arc::clone(&self.cluster), ..Scope::default() },
            from,
            to,
            from_version: None,
            to_version: None,
            reason: GapReason::Corrupt,
            message: format!("{} line {line}: {problem}", self.name).into(),
        })
    }

    fn read_observations(&self, skip: u64) -> Result<Vec<Result<Observation, SourceError>>, SourceError> {
        let unavailable = |e| SourceError::Unavailable { what: self.name.clone(), source: Some(Box::new(e)) };
        let file = std::fs::File::open(&self.path).map_err(unavailable)?;
        let mut lines = Lines::new(file, MAX_LINE, MAX_SIZE).map_err(unavailable)?;
        let mut out = Vec::new();
        let (mut last, mut broken): (Option<Timestamp>, Option<(u64, String)>) = (None, None);
        while let Some((number, read)) = lines.next() {
            let events = match read {
                Ok(text) => self.decoder.decode_structured(text).map_err(|e| e.to_string()),
                Err(LineFault::TooLong(limit)) => Err(format!("longer than {limit} bytes")),
                Err(LineFault::Cut(problem)) => Err(problem),
            };
            let events = match events {
                Ok(events) => events,
                Err(problem) => {
                    // The first of several damages stands for all.
                    broken.get_or_insert((number, problem));
                    continue;
                }
            };
            let first = events.iter().map(|o| o.at).min();
            if let Some(to) = first
                && let Some((line, problem)) = broken.take()
                && line > skip
            {
                out.push(Ok(self.gap_at(line, &problem, (last, to))));
            }
            last = events.iter().map(|o| o.at).max().max(last);
            if number > skip {
                out.extend(events.into_iter().map(|o| Ok(Observation::Happened(o))));
                out.push(Ok(Observation::Checkpoint(Cursor::new(format!("line:{number}")))));
            }
        }
        if let Some((line, problem)) = broken.filter(|(line, _)| *line > skip) {
            out.push(match last {
                Some(last) => Ok(self.gap_at(line, &problem, (Some(last), last))),
                // Nothing at all could be read, so there is no time to put a gap at.
                None => Err(SourceError::Corrupt {
                    what: format!("{} line {line}: {problem}", self.name),
                    source: None,
                }),
            });
        }
        Ok(out)
    }
}

impl Source for EventFileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        let skip = match &after {
            None => 0,
            Some(cursor) => match cursor.as_str().strip_prefix("line:").and_then(|n| n.parse().ok()) {
                Some(line) => line,
                None => {
                    return stream::iter([Err(SourceError::UnknownCursor { cursor: cursor.clone() })])
                        .boxed();
                }
            },
        };
        stream::iter(self.read_observations(skip).unwrap_or_else(|e| vec![Err(e)])).boxed()
    }
}
