//! The stream of observations, with checkpoints between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use drift_core::{Cursor, Gap, GapReason, Observation, Scope, SourceError};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::cursor::{Mark, Progress};
use super::driver::{Message, Shared, Timing};
use super::request::Requests;
use super::supervisor::{Supervisor, identity};
use super::{KubernetesOptions, KubernetesSource};

type Item = Result<Observation, SourceError>;

/// The observing end: takes what drivers tell, in order, and knows how far each target is.
///
/// Dropping it ends all tasks.
#[derive(Debug)]
pub(crate) struct Telling {
    messages: mpsc::Receiver<Message>,
    _tasks: JoinSet<()>,
    progress: Progress,
    queue: VecDeque<Item>,
    interval: Duration,
    /// Said before anything else of a history that begins.
    beginning: Option<Observation>,
    /// When the next checkpoint is due, if anything moved.
    due: Option<Instant>,
    last: Option<Instant>,
}

/// Makes what drivers share, and the end they tell to.
pub(crate) fn shared(
    requests: Requests,
    options: &KubernetesOptions,
) -> (Arc<Shared>, mpsc::Receiver<Message>) {
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
        reachable: AtomicBool::new(true),
    };
    (Arc::new(shared), messages)
}

impl Telling {
    /// Starts to observe.
    pub(crate) async fn start(source: &KubernetesSource, after: Option<Cursor>) -> Self {
        let options = Arc::clone(&source.options);
        let requests = Requests::new(source.client.clone(), options.limits);
        let cluster = identity(&requests).await;
        let mut queue = VecDeque::new();
        let beginning = after.is_none().then(|| beginning(&options.cluster));
        let resume = match after.as_ref().map(Progress::of_cursor) {
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
        let (shared, messages) = shared(requests, &options);
        let interval = options.checkpoint_interval;
        let mut tasks = JoinSet::new();
        tasks.spawn(Supervisor::new(shared, options, resume).run());
        Self { messages, _tasks: tasks, progress, queue, interval, beginning, due: None, last: None }
    }

    /// Returns the next observation. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Some(item);
            }
            let due = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = sleep_until(due), if self.due.is_some() => self.checkpoint(),
                message = self.messages.recv() => self.take(message?),
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Begin(marks) => {
                self.queue.extend(self.beginning.take().map(Ok));
                self.progress.marks.extend(marks);
                self.checkpoint();
            }
            Message::Told { id, said, mark } => {
                self.queue.extend(said.into_iter().map(Ok));
                match mark {
                    Some(Mark::At(version)) => self.moved(&id, Mark::At(version)),
                    // A loss must be on record before anything of the listing that follows it.
                    Some(lost) if self.progress.marks.get(&*id) != Some(&lost) => {
                        self.progress.marks.insert(id.to_string(), lost);
                        self.checkpoint();
                    }
                    _ => {}
                }
            }
            Message::Forget(id) => {
                self.progress.marks.remove(&*id);
                self.checkpoint();
            }
            Message::Failed(error) => self.queue.push_back(Err(error)),
        }
    }

    fn moved(&mut self, id: &str, mark: Mark) {
        match self.progress.marks.get_mut(id) {
            Some(old) => *old = mark,
            None => {
                self.progress.marks.insert(id.to_owned(), mark);
            }
        }
        if self.due.is_none() {
            self.due = Some(self.last.map_or_else(Instant::now, |last| last + self.interval));
        }
    }

    fn checkpoint(&mut self) {
        self.progress.seen = Some(Timestamp::now());
        self.queue.push_back(Ok(Observation::Checkpoint(self.progress.to_cursor())));
        (self.due, self.last) = (None, Some(Instant::now()));
    }
}

/// Says that nothing is known of what was before.
///
/// It also makes a store keep the checkpoint that follows, which is what tells of a first listing that a kill cut off:
/// a store has no use for checkpoints of a source that said nothing.
fn beginning(cluster: &Arc<str>) -> Observation {
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
