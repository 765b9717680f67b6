//! An audit log as a source of occurrences.

use std::path::PathBuf;
use std::sync::Arc;

use drift_core::redact::Redactor;
use drift_core::{Cursor, Gap, GapReason, Observation, Scope, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::entry::AuditEntry;
#[cfg(feature = "receiver")]
use super::entry::AuditSender;
use super::kinds::Kinds;
use super::occurrence::to_occurrence;
use super::reader::{AuditDamage, AuditOptions, AuditReader};

/// Observes an audit log: each change is an [`Occurrence`](drift_core::Occurrence) about its resource, each unreadable part is a gap.
///
/// The cursor is the number of the last line that was read.
#[derive(Clone, Debug)]
pub struct AuditSource {
    path: PathBuf,
    name: String,
    cluster: Arc<str>,
    redactor: Redactor,
    options: AuditOptions,
}

impl AuditSource {
    /// Makes a source of a file; `cluster` is the name of the cluster, empty for the unnamed one.
    pub fn new(path: PathBuf, cluster: &str, redactor: Redactor) -> Self {
        let name = path.to_string_lossy().into_owned();
        Self { path, name, cluster: cluster.into(), redactor, options: AuditOptions::default() }
    }
}

impl Source for AuditSource {
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
        match AuditReader::open(&self.path, self.redactor.clone(), self.options) {
            Ok(reader) => stream::iter(AuditStream {
                source: self,
                reader,
                skip,
                last: None,
                cut: None,
                last_line: 0,
                is_done: false,
                kinds: Kinds::default(),
            })
            .flatten()
            .boxed(),
            Err(e) => {
                let error = SourceError::Unavailable { what: self.name.clone(), source: Some(Box::new(e)) };
                stream::iter([Err(error)]).boxed()
            }
        }
    }
}

struct AuditStream<'a> {
    source: &'a AuditSource,
    reader: AuditReader,
    skip: u64,
    last: Option<Timestamp>,
    /// Damage whose gap is emitted once the next readable line shows when it ends.
    cut: Option<AuditDamage>,
    /// Line of the last emitted entry.
    last_line: u64,
    is_done: bool,
    kinds: Kinds,
}

impl AuditStream<'_> {
    fn gap_until(&self, damage: &AuditDamage, to: Timestamp) -> Observation {
        let reason =
            if damage.problem.starts_with("longer") { GapReason::TooLarge } else { GapReason::Corrupt };
        Observation::Gap(Gap {
            scope: Scope { cluster: Arc::clone(&self.source.cluster), ..Scope::default() },
            from: self.last,
            to,
            from_version: None,
            to_version: None,
            reason,
            message: format!("{} {damage}", self.source.name).into(),
        })
    }

    fn observe_entry(&mut self, entry: &AuditEntry) -> Vec<Result<Observation, SourceError>> {
        let mut out = Vec::new();
        if let Some(damage) = self.cut.take() {
            out.push(Ok(self.gap_until(&damage, entry.at)));
        }
        self.last = Some(self.last.map_or(entry.at, |last| last.max(entry.at)));
        // A line can hold a list of entries: it is done when the next one begins.
        if self.last_line < entry.line && self.last_line > self.skip {
            out.push(Ok(self.checkpoint()));
        }
        self.last_line = entry.line;
        out.push(Ok(Observation::Happened(to_occurrence(entry, &self.source.cluster))));
        out
    }

    fn checkpoint(&self) -> Observation {
        Observation::Checkpoint(Cursor::new(format!("line:{}", self.last_line)))
    }

    fn finish(&mut self) -> Vec<Result<Observation, SourceError>> {
        self.is_done = true;
        let mut out = Vec::new();
        let is_whole = self.cut.is_none();
        if let Some(damage) = self.cut.take() {
            out.push(match self.last {
                Some(last) => Ok(self.gap_until(&damage, last)),
                // Nothing at all could be read, so there is no time to put a gap at.
                None => {
                    Err(SourceError::Corrupt { what: format!("{} {damage}", self.source.name), source: None })
                }
            });
        }
        if is_whole && self.last_line > self.skip {
            out.push(Ok(self.checkpoint()));
        }
        out
    }

    fn next_batch(&mut self) -> Option<Vec<Result<Observation, SourceError>>> {
        match self.reader.next() {
            Some(Ok(entry)) if entry.line <= self.skip => {
                self.last = Some(entry.at);
                Some(Vec::new())
            }
            Some(Ok(mut entry)) => {
                self.kinds.learn_kind(&entry.target);
                self.kinds.fill_kind(&mut entry.target);
                Some(self.observe_entry(&entry))
            }
            Some(Err(damage)) if damage.line <= self.skip => Some(Vec::new()),
            Some(Err(damage)) => {
                // The first of several damages stands for all.
                self.cut.get_or_insert(damage);
                Some(Vec::new())
            }
            None if self.is_done => None,
            None => Some(self.finish()),
        }
    }
}

impl Iterator for AuditStream<'_> {
    type Item = stream::Iter<std::vec::IntoIter<Result<Observation, SourceError>>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().map(stream::iter)
    }
}

/// Returns the decoder with which a [`crate::receiver::Receiver`] reads posts of the audit log's webhook backend.
#[cfg(feature = "receiver")]
pub fn webhook_decoder(cluster: &str, redactor: Redactor) -> crate::receiver::PostDecoder {
    let cluster: Arc<str> = cluster.into();
    Arc::new(move |posted: crate::receiver::PostedRequest<'_>| {
        let mut entries = std::collections::VecDeque::new();
        super::reader::parse_line(posted.body, 1, &redactor, &mut entries);
        let mut kinds = Kinds::default();
        let sender = match posted.sender {
            crate::receiver::Sender::Authenticated => AuditSender::Authenticated,
            crate::receiver::Sender::Anyone => AuditSender::Anyone,
        };
        let (mut out, mut damages): (Vec<Observation>, Vec<AuditDamage>) = (Vec::new(), Vec::new());
        let mut last = None;
        for entry in entries {
            match entry {
                Ok(mut entry) => {
                    entry.sender = sender;
                    kinds.learn_kind(&entry.target);
                    kinds.fill_kind(&mut entry.target);
                    last = Some(entry.at);
                    out.push(Observation::Happened(to_occurrence(&entry, &cluster)));
                }
                Err(damage) => damages.push(damage),
            }
        }
        match (last, damages.first()) {
            (None, Some(damage)) => return Err(damage.problem.clone()),
            (Some(to), Some(damage)) => out.push(Observation::Gap(Gap {
                scope: Scope { cluster: Arc::clone(&cluster), ..Scope::default() },
                from: None,
                to,
                from_version: None,
                to_version: None,
                reason: GapReason::Corrupt,
                message: format!("{} audit entries of a post, the first: {}", damages.len(), damage.problem)
                    .into(),
            })),
            _ => {}
        }
        Ok(out)
    })
}
