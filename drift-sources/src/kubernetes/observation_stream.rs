//! The stream of observations, with checkpoints between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{Cursor, Gap, GapReason, Observation, Scope, SourceError};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::KubernetesSource;
use super::cursor::{Progress, WatchProgress};
use super::driver::{Message, Shared, Timing};
use super::readiness::watch_readiness;
use super::request::Requests;
use super::supervisor::{Supervisor, cluster_identity};

type ObservationResult = Result<Observation, SourceError>;

/// The stream of observations: receives the messages of the drivers in order, and tracks the progress of each target.
///
/// Dropping it ends all tasks.
#[derive(Debug)]
pub(crate) struct ObservationStream {
    messages: mpsc::Receiver<Message>,
    _tasks: JoinSet<()>,
    progress: Progress,
    queue: VecDeque<ObservationResult>,
    interval: Duration,
    /// Emitted before anything else of a new history.
    beginning: Option<Observation>,
    /// When the next checkpoint is due, if there was progress.
    due: Option<Instant>,
    last: Option<Instant>,
}

/// Makes the state that drivers share, and the receiver of their messages.
pub(crate) fn make_shared(
    requests: Requests,
    source: &KubernetesSource,
) -> (Arc<Shared>, mpsc::Receiver<Message>) {
    let options = &source.options;
    // Messages are batches: a slow consumer holds up the drivers before much is held in memory.
    let (out, messages) = mpsc::channel(8);
    let timing = Timing {
        watch: options.watch_time,
        silence: options.limits.silence,
        comparison: options.full_comparison,
        settle: options.settle,
        page_size: options.page_size,
    };
    let shared = Shared {
        requests,
        lists: Arc::new(Semaphore::new(options.concurrent_lists.max(1))),
        timing,
        out,
        changed: Notify::new(),
        reachable: Arc::clone(&source.reachable),
        back: Notify::new(),
        backoff: options.backoff,
    };
    (Arc::new(shared), messages)
}

impl ObservationStream {
    /// Starts all tasks.
    pub(crate) async fn start(source: &KubernetesSource, after: Option<Cursor>) -> Self {
        let options = Arc::clone(&source.options);
        let requests = Requests::new(source.client.clone(), options.limits);
        let cluster = cluster_identity(&requests).await;
        let mut queue = VecDeque::new();
        let beginning = after.is_none().then(|| history_begins_gap(&options.cluster));
        let resume = match after.as_ref().map(Progress::from_cursor) {
            None => Some(Progress::default()),
            Some(Ok(progress))
                if progress.cluster.is_some() && cluster.is_some() && progress.cluster != cluster =>
            {
                queue.extend(after.map(|cursor| Err(SourceError::UnknownCursor { cursor })));
                None
            }
            Some(Ok(progress)) => Some(progress),
            Some(Err(error)) => {
                queue.push_back(Err(error));
                None
            }
        };
        let mut progress = resume.clone().unwrap_or_default();
        progress.cluster = cluster.or(progress.cluster);
        let (shared, messages) = make_shared(requests, source);
        let interval = options.checkpoint_interval;
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_readiness(Arc::clone(&shared)));
        tasks.spawn(Supervisor::new(shared, options, resume).run());
        Self { messages, _tasks: tasks, progress, queue, interval, beginning, due: None, last: None }
    }

    /// Returns the next observation. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<ObservationResult> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Some(item);
            }
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = sleep_until(due), if self.due.is_some() => self.push_checkpoint(),
                message = self.messages.recv() => self.take_message(message?),
            }
        }
    }

    fn take_message(&mut self, message: Message) {
        match message {
            Message::Begin(marks) => {
                self.queue.extend(self.beginning.take().map(Ok));
                self.progress.marks.extend(marks);
                self.push_checkpoint();
            }
            Message::Observed { id, observations, progress } => {
                self.queue.extend(observations.into_iter().map(Ok));
                match progress {
                    Some(WatchProgress::At(version)) => self.note_progress(&id, WatchProgress::At(version)),
                    // A loss must be on record before anything of the listing that follows it.
                    Some(lost) if self.progress.marks.get(&*id) != Some(&lost) => {
                        self.progress.marks.insert(id.to_string(), lost);
                        self.push_checkpoint();
                    }
                    _ => {}
                }
            }
            Message::Forget(id) => {
                self.progress.marks.remove(&*id);
                self.push_checkpoint();
            }
            Message::Failed(error) => self.queue.push_back(Err(error)),
        }
    }

    fn note_progress(&mut self, id: &str, progress: WatchProgress) {
        match self.progress.marks.get_mut(id) {
            Some(old) => *old = progress,
            None => {
                self.progress.marks.insert(id.to_owned(), progress);
            }
        }
        if self.due.is_none() {
            self.due = Some(self.last.map_or_else(Instant::now, |last| last + self.interval));
        }
    }

    fn push_checkpoint(&mut self) {
        self.progress.seen = Some(Timestamp::now());
        self.queue.push_back(Ok(Observation::Checkpoint(self.progress.to_cursor())));
        (self.due, self.last) = (None, Some(Instant::now()));
    }
}

/// Returns the gap before the history: nothing is known about the time before.
///
/// It also makes a store keep the checkpoint that follows, which shows that a first list was interrupted by a kill: a store
/// ignores checkpoints of a source that emitted nothing.
fn history_begins_gap(cluster: &Arc<str>) -> Observation {
    Observation::Gap(Gap {
        scope: Scope { cluster: Arc::clone(cluster), ..Scope::default() },
        from: None,
        to: Timestamp::now(),
        from_version: None,
        to_version: None,
        reason: GapReason::SourceDown,
        message: "history begins here; what was before is not known".into(),
    })
}
