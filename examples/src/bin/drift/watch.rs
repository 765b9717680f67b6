//! `drift watch`: keeps the history of a cluster in a store, and says what drifts, who fights and what is put back as it
//! happens.

mod listen;
mod session;
mod state;
mod users;

use std::time::Duration;

use drift_core::ingest::{Progress, RunOptions, RunSummary, recall_hashes, run as ingest_all};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::text::error_line;
use drift_core::{Ingest, Source, StoreError};
use drift_sinks::report::count_things;
use drift_sinks::store::embedded::EmbeddedStore;
use drift_sources::estate::{InputFile, cluster_source, connect_cluster, learn_cluster, learn_tape};
use drift_sources::kubernetes::KubernetesSource;
use drift_sources::receiver::Receiver;
use drift_sources::tape::TapeSource;
use futures::StreamExt;
use futures::channel::mpsc;

use crate::args::{LineFormat, WatchArgs};
use crate::failure::Failure;
use crate::looked_at::{self, store_failure};
use crate::output::{self, Outcome, Screen};
use listen::RefusedRequests;
use session::{IngestMessage, WatchSession};

/// How often collected events are judged, fights are looked for and refused requests are reported.
const JUDGE_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) async fn run(args: &WatchArgs, screen: Screen) -> Result<Outcome, Failure> {
    if args.audit.is_some() {
        return Err(Failure::new("watch takes audit entries as they come, and --audit names a file that ends").hint(
            "have the API server post them (--listen ADDR, its audit webhook at /audit), or give the file to the question: why, blame, history, timeline, fights and diff take --audit",
        ));
    }
    let name = args.store.display().to_string();
    let store = EmbeddedStore::open(&args.store).map_err(|e| store_failure(&name, e))?;
    if let Some(recovered) = store.recovered() {
        output::remark(&format!("note: {recovered}"));
    }
    if store.is_open_to_others() {
        output::remark(&format!(
            "note: other users can look into `{name}`; `chmod -R go= {name}` forbids it"
        ));
    }
    let key = store.redaction_key().map_err(|e| store_failure(&name, e))?;
    let redactor = Redactor::with_values(RedactOptions::new(key), output::secret_values().clone());
    let receiver = listen::open(&args.listen, &redactor).await?;
    let input = args.tape.as_deref().map(InputFile::open).transpose()?;
    let mut cluster = None;
    let (source, namespace): (Box<dyn Source>, String) = match &input {
        Some(tape) => {
            learn_tape(tape, &redactor.values());
            (Box::new(TapeSource::new(tape.path().to_owned(), "")), "default".to_owned())
        }
        None => {
            let connection = connect_cluster(looked_at::connect_options(&args.cluster)).await?;
            let namespaces: Vec<String> = args.namespace.clone().into_iter().collect();
            learn_cluster(&connection, &namespaces, &redactor.values()).await;
            output::remark(&format!("watching {}; Ctrl-C ends it", connection.server));
            let source = cluster.insert(cluster_source(&connection, &namespaces)).clone();
            (Box::new(source), connection.namespace)
        }
    };
    let namespace = args.namespace.clone().unwrap_or(namespace);
    if !args.declared.places(args.namespace.as_deref()).is_empty() {
        // What is declared is hashed as it was in earlier runs.
        recall_hashes(&redactor, &store).await.map_err(|e| store_failure(&name, e))?;
    }
    let mut session = WatchSession::open(args, &namespace, &redactor, screen).await?;
    session.load(&store).await.map_err(|e| store_failure(&name, e))?;
    let stop = crate::stop::after(args.duration)?;
    let inflow = Inflow { source: &*source, cluster, receiver: receiver.as_ref(), store: &store, redactor };
    let summary = follow(args, &inflow, &mut session, stop).await.map_err(|e| disk_failure(&name, e))?;
    let read = summary.map_or_else(String::new, |s| {
        format!(" from {}", count_things(s.observations as usize, "observation"))
    });
    let total = format!("{}{read}", count_things(session.appended() as usize, "new event"));
    // Findings go to standard output; in text the count may follow them there.
    match args.output {
        LineFormat::Text => output::print(&format!("{total}\n"))?,
        LineFormat::Json => output::remark(&total),
    }
    session.finish()
}

fn disk_failure(name: &str, error: StoreError) -> Failure {
    match error {
        StoreError::Unavailable { .. } => {
            Failure::new(format!("cannot write the history in `{name}`")).because(&error).hint(
                "is the disk full? what was acknowledged before is safe, and the next run goes on from there",
            )
        }
        _ => store_failure(name, error),
    }
}

/// Where things come from, and where they go.
struct Inflow<'a> {
    source: &'a dyn Source,
    /// The source, if it is a cluster, to know whether that answers.
    cluster: Option<KubernetesSource>,
    receiver: Option<&'a Receiver>,
    store: &'a EmbeddedStore,
    redactor: Redactor,
}

impl Inflow<'_> {
    /// Takes one source into the store until it ends.
    async fn take(
        &self,
        source: &dyn Source,
        sender: mpsc::UnboundedSender<IngestMessage>,
        mut is_stored: impl FnMut(u64) + Send,
    ) -> Result<RunSummary, StoreError> {
        let mut ingest = Ingest::load(source.name(), self.redactor.clone(), self.store).await?;
        let mut progress = move |progress: Progress<'_>| {
            let message = match progress {
                Progress::Appended(events) => IngestMessage::Appended(events.to_vec()),
                Progress::SourceFailed(error) => IngestMessage::SourceFailed(error_line(error)),
                Progress::Taken(observations) => return is_stored(observations),
                _ => return,
            };
            // The receiver is only dropped together with this loop.
            let _ = sender.unbounded_send(message);
        };
        ingest_all(source, self.store, &mut ingest, &RunOptions::default(), &mut progress).await
    }

    /// Takes what is posted until the receiver is closed; for ever where there is none.
    async fn take_posts(
        &self,
        sender: mpsc::UnboundedSender<IngestMessage>,
    ) -> Result<RunSummary, StoreError> {
        match self.receiver {
            Some(receiver) => {
                self.take(receiver, sender, |observations| receiver.confirm(observations)).await
            }
            None => std::future::pending().await,
        }
    }
}

/// Takes the source into the store until it ends, time is up, or Ctrl-C; the judge is given everything that is appended.
///
/// What is posted is a source of its own: a gap in it says nothing of what the cluster lists. While there is a receiver,
/// the end of a tape is not the end.
async fn follow(
    args: &WatchArgs,
    inflow: &Inflow<'_>,
    session: &mut WatchSession,
    stop: impl Future<Output = ()>,
) -> Result<Option<RunSummary>, StoreError> {
    let (sender, mut messages) = mpsc::unbounded();
    let mut watching = std::pin::pin!(inflow.take(inflow.source, sender.clone(), |_| ()));
    let mut listening = std::pin::pin!(inflow.take_posts(sender));
    let mut stop = std::pin::pin!(stop);
    let mut tick = tokio::time::interval(JUDGE_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut refused = RefusedRequests::default();
    let mut ended = None;
    let mut is_listening = inflow.receiver.is_some();
    let is_tape = args.tape.is_some();
    loop {
        tokio::select! {
            summary = &mut watching, if ended.is_none() => {
                ended = Some(summary?);
                if inflow.receiver.is_none() {
                    break;
                }
                session.drain(None, &mut messages, inflow.store).await?;
            }
            summary = &mut listening, if is_listening => {
                summary?;
                is_listening = false;
                session.note(Some("error: no longer listening".to_owned()));
            }
            () = &mut stop => break,
            Some(first) = messages.next() => {
                session.drain(Some(first), &mut messages, inflow.store).await?;
                if !is_tape {
                    session.judge_if_due().await;
                }
            }
            // A tape plays faster than any clock: only its end is judged, so that the same tape gives the same findings.
            _ = tick.tick() => {
                if !is_tape || ended.is_some() {
                    session.judge().await;
                    session.scan_conflicts(inflow.store).await?;
                }
                let is_reachable = inflow.cluster.as_ref().is_none_or(KubernetesSource::is_reachable);
                session.report_state(is_reachable);
                session.note(inflow.receiver.and_then(|r| refused.message_if_due(r.refusal_counts())));
            }
        }
    }
    if let Some(receiver) = inflow.receiver {
        // A sender whose request was accepted relies on it.
        receiver.close();
        if is_listening {
            listening.await?;
        }
        session.note(refused.message(receiver.refusal_counts()));
    }
    session.drain(None, &mut messages, inflow.store).await?;
    session.judge().await;
    session.scan_conflicts(inflow.store).await?;
    Ok(ended)
}
