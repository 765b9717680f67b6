//! A tape as a source of observations.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use drift_core::{Applied, Cursor, Deleted, Gap, GapReason, Object, Observation, Scope, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use drift_core::schema::SchemaSet;
use drift_core::tape::{Bookmark, TapeEvent, TapeLine, WatchedResource};

use super::{DamageKind, TapeDamage, TapeOptions, TapeReader};

/// Lines between two checkpoints.
const CHECKPOINT: u64 = 1_000;

/// Observes a tape from its start or after a line; the cursor is the number of the last line that was read.
///
/// ```
/// use drift_core::{Observation, Source};
/// use drift_sources::tape::TapeSource;
/// use futures::StreamExt;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tape.jsonl");
/// # std::fs::write(&path, r#"{"ts":"2026-11-21T00:57:51Z","group":"","version":"v1","resource":"pods","type":"ADDED","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop"}}}"#)?;
/// let source = TapeSource::new(path, "east");
/// let observations: Vec<_> = futures::executor::block_on(source.observe(None).collect());
/// assert!(matches!(&observations[0], Ok(Observation::Applied(pod)) if &*pod.key.name == "web-0"));
/// assert!(matches!(&observations[1], Ok(Observation::Checkpoint(_))));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TapeSource {
    path: PathBuf,
    name: String,
    cluster: Arc<str>,
    options: TapeOptions,
}

impl TapeSource {
    /// Makes a source of a file; `cluster` is the name of the recorded cluster, empty for the unnamed one.
    pub fn new(path: PathBuf, cluster: &str) -> Self {
        let name = path.to_string_lossy().into_owned();
        Self { path, name, cluster: cluster.into(), options: TapeOptions::default() }
    }

    /// Sets limits on the size.
    #[must_use]
    pub fn with_options(mut self, options: TapeOptions) -> Self {
        self.options = options;
        self
    }
}

impl Source for TapeSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        let skip = match &after {
            None => 0,
            Some(cursor) => match cursor.as_str().strip_prefix("line:").and_then(|n| n.parse().ok()) {
                Some(line) => line,
                None => {
                    let cursor = cursor.clone();
                    return stream::iter([Err(SourceError::UnknownCursor { cursor })]).boxed();
                }
            },
        };
        match TapeReader::open(&self.path, self.options) {
            Ok(reader) => stream::iter(TapeReplay::new(reader, &self.name, &self.cluster, skip)).boxed(),
            Err(e) => {
                let error = SourceError::Unavailable { what: self.name.clone(), source: Some(Box::new(e)) };
                stream::iter([Err(error)]).boxed()
            }
        }
    }
}

/// A listing of one resource that has not ended.
struct TapeListing {
    scope: Scope,
    /// Time of its last line.
    last: Timestamp,
    /// Whether a line was lost meanwhile that may have belonged to it.
    is_damaged: bool,
    /// Listed objects while lines are skipped: a resumed listing is emitted again from its start.
    skipped: Vec<Applied>,
}

/// Lines that cannot be read, one after the other.
struct DamagedLines {
    first: u64,
    last: u64,
    problem: DamageKind,
}

struct TapeReplay<'a> {
    reader: TapeReader,
    name: &'a str,
    cluster: &'a Arc<str>,
    /// Last line that was emitted before, by the cursor.
    skip: u64,
    /// Whether the lines up to the cursor are still being read again.
    is_skipping: bool,
    /// Number of the line that was read last.
    number: u64,
    /// Line of the last checkpoint.
    checkpointed: u64,
    /// Time of the last line that could be read.
    last: Option<Timestamp>,
    listings: BTreeMap<Arc<WatchedResource>, TapeListing>,
    damage: Option<DamagedLines>,
    out: VecDeque<Result<Observation, SourceError>>,
    done: bool,
}

impl<'a> TapeReplay<'a> {
    fn new(reader: TapeReader, name: &'a str, cluster: &'a Arc<str>, skip: u64) -> Self {
        Self {
            reader,
            name,
            cluster,
            skip,
            is_skipping: skip > 0,
            number: 0,
            checkpointed: skip,
            last: None,
            listings: BTreeMap::new(),
            damage: None,
            out: VecDeque::new(),
            done: false,
        }
    }

    fn emit(&mut self, observation: Observation) {
        if !self.is_skipping {
            self.out.push_back(Ok(observation));
        }
    }

    fn read_line(&mut self) {
        let Some(item) = self.reader.next() else {
            return self.finish_tape();
        };
        self.number = self.reader.line_number();
        if self.is_skipping && self.number > self.skip {
            self.resume_listings();
        }
        match item {
            Err(damage) => self.note_damage(damage),
            Ok(line) => {
                self.close_gap(line.at);
                self.last = Some(line.at);
                self.handle_line(line);
            }
        }
        // A checkpoint after a damaged line comes once its gap was emitted.
        if self.damage.is_none() && self.number >= self.checkpointed + CHECKPOINT {
            self.checkpoint();
        }
    }

    fn checkpoint(&mut self) {
        self.checkpointed = self.number;
        self.emit(Observation::Checkpoint(cursor_at(self.number)));
    }

    /// Emits the listings again that were incomplete at the cursor: a part of one would delete the other objects.
    fn resume_listings(&mut self) {
        self.is_skipping = false;
        self.damage = None;
        for listing in self.listings.values_mut() {
            self.out.push_back(Ok(Observation::RelistStarted(listing.scope.clone())));
            let objects = std::mem::take(&mut listing.skipped);
            self.out.extend(objects.into_iter().map(|applied| Ok(Observation::Applied(applied))));
        }
    }

    fn handle_line(&mut self, line: TapeLine) {
        let TapeLine { at, resource, event } = line;
        let number = self.number;
        match event {
            TapeEvent::Listed(object) => self.handle_listed(resource, object, number, at),
            TapeEvent::Added(object) | TapeEvent::Modified(object) => {
                self.end_listing(&resource, at);
                let applied = self.to_applied(object, number, at);
                self.emit(Observation::Applied(applied));
            }
            TapeEvent::Deleted(object) => {
                self.end_listing(&resource, at);
                let Applied { facet, key, object, observed_at, actor, .. } =
                    self.to_applied(object, number, at);
                self.emit(Observation::Deleted(Deleted {
                    facet,
                    key,
                    last: Some(object),
                    observed_at,
                    actor,
                }));
            }
            TapeEvent::Bookmark(mark) => self.handle_bookmark(&resource, &mark, at),
            TapeEvent::Error(status) => self.handle_error(&resource, &status, number, at),
        }
    }

    fn to_applied(&self, object: Object, number: u64, at: Timestamp) -> Applied {
        Applied { cursor: Some(cursor_at(number)), ..Applied::live(object, self.cluster, at) }
    }

    fn handle_listed(&mut self, resource: Arc<WatchedResource>, object: Object, number: u64, at: Timestamp) {
        let applied = self.to_applied(object, number, at);
        let is_skipping = self.is_skipping;
        if !self.listings.contains_key(&resource) {
            let kind = Some((Arc::clone(&applied.key.group), Arc::clone(&applied.key.kind)));
            let namespace = resource.namespace.as_str().into();
            let scope = Scope { cluster: Arc::clone(self.cluster), kind, namespace };
            self.emit(Observation::RelistStarted(scope.clone()));
            let listing = TapeListing { scope, last: at, is_damaged: false, skipped: Vec::new() };
            self.listings.insert(Arc::clone(&resource), listing);
        }
        if let Some(listing) = self.listings.get_mut(&resource) {
            listing.last = at;
            if is_skipping {
                listing.skipped.push(applied);
                return;
            }
        }
        self.emit(Observation::Applied(applied));
    }

    /// The first change after a listing ends it.
    fn end_listing(&mut self, resource: &WatchedResource, at: Timestamp) {
        if let Some(listing) = self.listings.remove(resource)
            && !listing.is_damaged
        {
            self.emit(Observation::RelistDone { scope: listing.scope, observed_at: at });
        }
    }

    fn handle_bookmark(&mut self, resource: &WatchedResource, mark: &Bookmark, at: Timestamp) {
        if self.listings.contains_key(resource) {
            self.end_listing(resource, at);
        } else if mark.ends_listing {
            // A listing without a single object.
            let scope = self.scope_of(resource, &mark.kind);
            self.emit(Observation::RelistStarted(scope.clone()));
            self.emit(Observation::RelistDone { scope, observed_at: at });
        }
    }

    /// Returns the scope of a resource; of all kinds of its group where nothing has named its kind yet.
    fn scope_of(&self, resource: &WatchedResource, named: &str) -> Scope {
        let bundled = SchemaSet::bundled();
        let kind = self.reader.parser().kind_of(resource).or((!named.is_empty()).then_some(named));
        let kind =
            kind.or_else(|| bundled.resource(&resource.group, &resource.resource).map(|kind| kind.kind()));
        // A recorder writes neither where it could not find out what the server has.
        let is_named = !resource.group.is_empty() || !resource.resource.is_empty();
        let kind = is_named.then(|| (resource.group.as_str().into(), kind.unwrap_or_default().into()));
        Scope { cluster: Arc::clone(self.cluster), kind, namespace: resource.namespace.as_str().into() }
    }

    fn handle_error(
        &mut self,
        resource: &WatchedResource,
        status: &drift_core::Doc,
        number: u64,
        at: Timestamp,
    ) {
        let code = status.root().get("code").and_then(drift_core::Node::as_i64).unwrap_or_default();
        let reason = match code {
            410 => GapReason::Expired,
            401 | 403 => GapReason::Denied,
            429 | 500..=599 => GapReason::Throttled,
            _ => GapReason::WatchLost,
        };
        // A watch that failed while it was listing has not listed everything.
        self.listings.remove(resource);
        let was_watched = self.reader.parser().kind_of(resource).is_some();
        let name = match (&*resource.resource, &*resource.group) {
            ("", "") => "all kinds".to_owned(),
            ("", group) => group.to_owned(),
            (plural, "") => plural.to_owned(),
            (plural, group) => format!("{plural}.{group}"),
        };
        let why = status.root().str_at(&["message"]).filter(|m| !m.is_empty());
        let why = why.map_or_else(String::new, |m| format!(": {m}"));
        let message =
            format!("{} line {number}: the watch of {name} failed with {code}{why}", self.name).into();
        let scope = self.scope_of(resource, "");
        self.emit(Observation::Gap(Gap {
            scope,
            from: was_watched.then_some(at),
            to: at,
            from_version: None,
            to_version: None,
            reason,
            message,
        }));
    }

    fn note_damage(&mut self, TapeDamage { number, problem }: TapeDamage) {
        // The lost line may have been one of any listing: what it did not list is not known to be gone.
        self.listings.values_mut().for_each(|l| l.is_damaged = true);
        match &mut self.damage {
            Some(run) if run.last + 1 == number && run.problem == problem => run.last = number,
            _ => {
                if let Some(at) = self.last {
                    self.close_gap(at);
                }
                // Before the first readable line, the first damage stands for all.
                let first = self.damage.as_ref().map_or(number, |d| d.first);
                self.damage = Some(DamagedLines { first, last: number, problem });
            }
        }
    }

    /// Emits the gap before the next readable line.
    fn close_gap(&mut self, to: Timestamp) {
        let Some(DamagedLines { first, last, problem }) = self.damage.take() else {
            return;
        };
        let reason =
            if matches!(problem, DamageKind::TooLong(_)) { GapReason::TooLarge } else { GapReason::Corrupt };
        let message = format!("{} {}: {problem}", self.name, line_range(first, last)).into();
        let scope = Scope { cluster: Arc::clone(self.cluster), ..Scope::default() };
        let from = self.last;
        self.emit(Observation::Gap(Gap {
            scope,
            from,
            to,
            from_version: None,
            to_version: None,
            reason,
            message,
        }));
    }

    fn finish_tape(&mut self) {
        self.done = true;
        if self.is_skipping {
            // Nothing is new. A tape that has become shorter is another tape.
            if self.number < self.skip {
                self.out.push_back(Err(SourceError::UnknownCursor { cursor: cursor_at(self.skip) }));
            }
            return;
        }
        let is_cut = matches!(&self.damage, Some(DamagedLines { problem: DamageKind::Cut(_), .. }));
        match (self.last, &self.damage) {
            (Some(at), _) => self.close_gap(at),
            // Nothing at all could be read, so there is no time to put a gap at.
            (None, Some(DamagedLines { first, last, problem })) => {
                let what = format!("{} {}", self.name, line_range(*first, *last));
                let source = Some(problem.to_string().into());
                return self.out.push_back(Err(SourceError::Corrupt { what, source }));
            }
            (None, None) => {}
        }
        for listing in std::mem::take(&mut self.listings).into_values() {
            if !is_cut && !listing.is_damaged {
                self.emit(Observation::RelistDone { scope: listing.scope, observed_at: listing.last });
            }
        }
        if !is_cut && self.number > self.checkpointed {
            self.checkpoint();
        }
    }
}

fn cursor_at(line: u64) -> Cursor {
    Cursor::new(format!("line:{line}"))
}

fn line_range(first: u64, last: u64) -> String {
    if first == last { format!("line {first}") } else { format!("lines {first} to {last}") }
}

impl Iterator for TapeReplay<'_> {
    type Item = Result<Observation, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(observation) = self.out.pop_front() {
                return Some(observation);
            }
            if self.done {
                return None;
            }
            self.read_line();
        }
    }
}
