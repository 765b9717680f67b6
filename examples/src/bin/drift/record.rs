//! `drift record`: a cluster as a tape.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::schema::SchemaSet;
use drift_core::tape::{Bookmark, TapeEvent, TapeLine, WatchedResource};
use drift_core::text::error_line;
use drift_core::{Doc, Gap, GapReason, Object, Observation, ResourceVersion, Scope, Source};
use drift_sinks::tape::{TapeWriteError, TapeWriter};
use drift_sources::estate::{cluster_source, connect_cluster, learn_cluster, tape_key, tape_key_path};
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;

use crate::args::RecordArgs;
use crate::failure::Failure;
use crate::looked_at::{self, PrintedNotes};
use crate::output::{self, Outcome};
use crate::progress::Counter;

/// Group and kind.
type Kind = (String, String);

/// Runs the command.
pub(crate) async fn run(args: &RecordArgs) -> Result<Outcome, Failure> {
    let connection = connect_cluster(looked_at::connect_options(&args.cluster)).await?;
    let namespaces: Vec<String> = args.namespace.clone().into_iter().collect();
    let source = cluster_source(&connection, &namespaces);
    let mut recorder = Recorder::open(&args.output, args.namespace.as_deref())?;
    let mut notes = PrintedNotes::default();
    if args.once {
        let failed = |e| Failure::new(format!("cannot list what is in {}", connection.server)).because(&e);
        let snapshot = source.snapshot().await.map_err(failed)?;
        output::secret_values().learn(&snapshot.objects);
        let at = Timestamp::now();
        snapshot
            .gaps
            .iter()
            .for_each(|gap| notes.add_incomplete(&format!("not listed: {}: {}", gap.scope, gap.message)));
        recorder.snapshot(snapshot.objects, &snapshot.gaps, at).map_err(|e| recorder_failure(&e))?;
    } else {
        output::remark(&format!("recording {}; Ctrl-C ends it", connection.server));
        let mut stop = std::pin::pin!(crate::stop::after(args.duration)?);
        learn_cluster(&connection, &namespaces, output::secret_values()).await;
        let mut observations = source.observe(None);
        loop {
            let item = tokio::select! {
                () = &mut stop => break,
                item = observations.next() => item,
            };
            match item {
                None => break,
                Some(Err(e)) => recorder.counter.suspend(|| notes.add_incomplete(&error_line(&e))),
                Some(Ok(observation)) => recorder.take(observation).map_err(|e| recorder_failure(&e))?,
            }
        }
    }
    let lines = recorder.finish().map_err(|e| recorder_failure(&e))?;
    output::remark(&format!("{lines} lines in `{}`", args.output.display()));
    Ok(if notes.is_partial() { Outcome::Incomplete { found: false } } else { Outcome::Nothing })
}

fn recorder_failure(error: &TapeWriteError) -> Failure {
    Failure::new("cannot write the tape")
        .because(error)
        .hint("what was flushed before can be read, and recording to the same file goes on behind it")
}

/// Writes observations as lines of a tape.
struct Recorder {
    tape: TapeWriter,
    redactor: Redactor,
    /// Namespace that is recorded; empty for all.
    namespace: String,
    plurals: Plurals,
    /// Listings that go on, with the newest version that each kind has shown.
    listings: BTreeSet<Scope>,
    versions: BTreeMap<Kind, (String, String)>,
    lines: u64,
    counter: Counter,
}

impl Recorder {
    fn open(path: &Path, namespace: Option<&str>) -> Result<Self, Failure> {
        let options = RedactOptions::new(key(path)?);
        let redactor = Redactor::with_values(options, output::secret_values().clone());
        let tape = TapeWriter::append_to(path).map_err(|e| recorder_failure(&e))?;
        if tape.cut() > 0 {
            output::remark(&format!("note: cut {} bytes of a torn last line off the tape", tape.cut()));
        }
        Ok(Self {
            tape,
            redactor,
            namespace: namespace.unwrap_or_default().to_owned(),
            plurals: Plurals::default(),
            listings: BTreeSet::new(),
            versions: BTreeMap::new(),
            lines: 0,
            counter: Counter::new("lines"),
        })
    }

    fn snapshot(&mut self, objects: Vec<Object>, gaps: &[Gap], at: Timestamp) -> Result<(), TapeWriteError> {
        let mut kinds = BTreeSet::new();
        for object in objects {
            kinds.insert((object.group().to_owned(), object.kind().to_owned()));
            self.write(object, TapeEvent::Listed, at)?;
        }
        let namespace = self.namespace.clone();
        kinds.iter().try_for_each(|kind| self.end_of_list(kind, &namespace, at))?;
        gaps.iter().try_for_each(|gap| self.gap(gap))
    }

    fn take(&mut self, observation: Observation) -> Result<(), TapeWriteError> {
        match observation {
            Observation::Applied(applied) => {
                let listed = self.listings.iter().any(|s| s.contains(&applied.key));
                let event: fn(Object) -> TapeEvent =
                    if listed { TapeEvent::Listed } else { TapeEvent::Modified };
                self.write(Object::clone(&applied.object), event, applied.observed_at)
            }
            Observation::Deleted(deleted) => match deleted.last {
                Some(last) => self.write(Object::clone(&last), TapeEvent::Deleted, deleted.observed_at),
                // The listing shows what went unseen: it is not in it.
                None => Ok(()),
            },
            Observation::RelistStarted(scope) => {
                self.listings.insert(scope);
                Ok(())
            }
            Observation::RelistDone { scope, observed_at } => {
                self.listings.remove(&scope);
                let kind = scope.kind.as_ref().map(|(g, k)| (g.to_string(), k.to_string()));
                kind.map_or(Ok(()), |kind| self.end_of_list(&kind, &scope.namespace, observed_at))?;
                self.tape.flush()
            }
            Observation::Happened(occurrence) => {
                let event = occurrence.detail.as_ref().and_then(|d| Object::new(Doc::clone(d)).ok());
                event.map_or(Ok(()), |e| self.write(e, TapeEvent::Added, occurrence.at))
            }
            Observation::Gap(gap) => self.gap(&gap),
            Observation::Checkpoint(_) => self.tape.flush(),
            _ => Ok(()),
        }
    }

    fn write(
        &mut self,
        object: Object,
        event: fn(Object) -> TapeEvent,
        at: Timestamp,
    ) -> Result<(), TapeWriteError> {
        self.plurals.learn(&object);
        let object = self.redactor.redact(object);
        let kind = (object.group().to_owned(), object.kind().to_owned());
        let namespace = if object.namespace().is_empty() { "" } else { &*self.namespace };
        let resource = self.plurals.resource(&kind, object.version(), namespace);
        let version = object.resource_version().map_or_else(String::new, |v| v.as_str().to_owned());
        self.versions.insert(kind, (object.version().to_owned(), version));
        self.line(&TapeLine { at, resource, event: event(object) })
    }

    /// Writes the bookmark with which the server ends a streamed list, also for a list that was empty: that the kind was
    /// listed is known by it.
    fn end_of_list(&mut self, kind: &Kind, namespace: &str, at: Timestamp) -> Result<(), TapeWriteError> {
        let known = self.versions.get(kind).cloned();
        let bundled = SchemaSet::bundled();
        let served =
            || bundled.versions(&kind.0, &kind.1).next().map(|k| (k.version().to_owned(), String::new()));
        let Some((version, resource_version)) = known.or_else(served) else { return Ok(()) };
        let api_version = if kind.0.is_empty() { version.clone() } else { format!("{}/{version}", kind.0) };
        let bookmark = Bookmark {
            api_version,
            kind: kind.1.clone(),
            version: (!resource_version.is_empty()).then(|| ResourceVersion::new(resource_version)),
            ends_listing: true,
        };
        let resource = self.plurals.resource(kind, &version, namespace);
        self.line(&TapeLine { at, resource, event: TapeEvent::Bookmark(bookmark) })
    }

    /// Writes a gap as the failure of a watch, as the server would report it.
    fn gap(&mut self, gap: &Gap) -> Result<(), TapeWriteError> {
        let code = match gap.reason {
            GapReason::Expired => 410,
            GapReason::Denied => 403,
            GapReason::Throttled => 429,
            _ => 500,
        };
        let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": self.redactor.redact_text(&gap.message)});
        let status = Doc::from_value(&status).expect("a small document is whole and shallow");
        let kind = gap.scope.kind.as_ref().map(|(g, k)| (g.to_string(), k.to_string())).unwrap_or_default();
        let version = self.versions.get(&kind).map_or_else(|| "v1".to_owned(), |v| v.0.clone());
        let resource = self.plurals.resource(&kind, &version, &gap.scope.namespace);
        self.line(&TapeLine { at: gap.to, resource, event: TapeEvent::Error(status) })
    }

    fn line(&mut self, line: &TapeLine) -> Result<(), TapeWriteError> {
        self.tape.write(line)?;
        self.lines += 1;
        self.counter.set(self.lines);
        Ok(())
    }

    fn finish(self) -> Result<u64, TapeWriteError> {
        self.counter.finish();
        self.tape.finish()?;
        Ok(self.lines)
    }
}

/// Names of resources in URLs, which objects do not carry.
#[derive(Default)]
struct Plurals(BTreeMap<Kind, String>);

impl Plurals {
    /// Takes the name from a definition.
    fn learn(&mut self, object: &Object) {
        if object.kind() != "CustomResourceDefinition" {
            return;
        }
        let text = |path: &[&str]| object.root().str_at(path).map(str::to_owned);
        let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
        if let (Some(group), Some(kind), Some(plural)) = (group, kind, text(&["spec", "names", "plural"])) {
            self.0.insert((group, kind), plural);
        }
    }

    /// Returns the resource type of a kind in a version.
    fn resource(&mut self, kind: &Kind, version: &str, namespace: &str) -> Arc<WatchedResource> {
        let (resource, version, namespace) = (self.plural(kind), version.to_owned(), namespace.to_owned());
        Arc::new(WatchedResource { group: kind.0.clone(), version, resource, namespace })
    }

    fn plural(&mut self, kind: &Kind) -> String {
        let named = || SchemaSet::bundled().versions(&kind.0, &kind.1).next().map(|k| k.plural().to_owned());
        // A kind whose definition may not be read: its name is only a label in the tape.
        let made = || if kind.1.is_empty() { String::new() } else { format!("{}s", kind.1.to_lowercase()) };
        self.0.entry(kind.clone()).or_insert_with(|| named().unwrap_or_else(made)).clone()
    }
}

/// Returns the key of a tape's Secrets; makes one beside it, for its owner only, where there is none.
fn key(tape: &Path) -> Result<[u8; 32], Failure> {
    let path: PathBuf = tape_key_path(tape);
    let failed =
        |e: &dyn std::error::Error| Failure::new(format!("cannot make `{}`", path.display())).because(e);
    if path.exists() {
        return Ok(tape_key(tape)?);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| failed(&e))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut f| std::io::Write::write_all(&mut f, &key));
    written.map_err(|e| failed(&e))?;
    Ok(key)
}
