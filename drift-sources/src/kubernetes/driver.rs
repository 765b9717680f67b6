//! Runs the state machine of one target against the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drift_core::{Observation, ResourceVersion, SourceError};
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::Backoff;
use super::cursor::WatchProgress;
use super::decode;
use super::machine::{Failure, ListedVersion, MachineInput, Next, WatchMachine};
use super::request::{JSON, METADATA, Requests, WatchRead, encode_query};
use super::target::WatchTarget;

/// Most observations in one message.
const BATCH: usize = 256;
/// How long a watch of a removed kind may still deliver deletions.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all drivers of a source share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) requests: Requests,
    pub(crate) lists: Arc<Semaphore>,
    pub(crate) timing: Timing,
    pub(crate) out: mpsc::Sender<Message>,
    /// Notified when the served resource types may have changed.
    pub(crate) changed: Notify,
    /// Whether the last request of any driver got a response; an outage is reported once.
    pub(crate) reachable: Arc<AtomicBool>,
    /// Notified when the server is back after an outage.
    pub(crate) back: Notify,
    /// Delays after failures.
    pub(crate) backoff: Backoff,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) watch: Duration,
    pub(crate) silence: Duration,
    pub(crate) comparison: Option<Duration>,
    pub(crate) settle: Duration,
    pub(crate) page_size: u32,
}

/// A message of a driver.
#[derive(Debug)]
pub(crate) enum Message {
    /// These kinds begin here, all at once.
    Begin(Vec<(String, WatchProgress)>),
    /// Observations of one target, and how far it is after them where that changed.
    Observed { id: Arc<str>, observations: Vec<Observation>, progress: Option<WatchProgress> },
    /// The target is gone.
    Forget(Arc<str>),
    /// A failure that is not covered by an observation.
    Failed(SourceError),
}

/// Names and versions at a version.
type VersionListing = (ResourceVersion, Vec<ListedVersion>);

/// A command to a driver.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Watch the target, maybe under another version.
    Watch(Arc<WatchTarget>),
    /// Stop once it is certain that the target is no longer served.
    Stop,
}

/// The driver of one target.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    target: Arc<WatchTarget>,
    id: Arc<str>,
    machine: WatchMachine,
    commands: watch::Receiver<Command>,
    lines: Option<super::request::WatchLines>,
    progress: Option<WatchProgress>,
    permit: Option<OwnedSemaphorePermit>,
    comparison: Option<BoxFuture<'static, Result<VersionListing, Failure>>>,
    compare_at: Option<Instant>,
    settle_at: Option<Instant>,
    leaving: bool,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        target: Arc<WatchTarget>,
        machine: WatchMachine,
        commands: watch::Receiver<Command>,
    ) -> Self {
        let compare_at = shared.timing.comparison.map(|interval| Instant::now() + interval);
        let id = target.id().into();
        Self {
            shared,
            target,
            id,
            machine,
            commands,
            lines: None,
            progress: None,
            permit: None,
            comparison: None,
            compare_at,
            settle_at: None,
            leaving: false,
        }
    }

    /// Runs until the machine stops or the stream is dropped.
    pub(crate) async fn run(mut self) {
        let mut input = MachineInput::Proceed;
        let mut observations = Vec::new();
        loop {
            let next = self.machine.step(input, Timestamp::now(), &mut observations);
            if next == Next::Read
                && observations.len() < BATCH
                && let Some(read) = self.lines.as_mut().and_then(super::request::WatchLines::ready_line)
            {
                input = self.read_input(read);
                continue;
            }
            if !self.emit(std::mem::take(&mut observations)).await {
                return;
            }
            // Silence decides, not time alone: a watch that lags still delivers something.
            self.settle_at =
                self.machine.has_unresolved().then(|| Instant::now() + self.shared.timing.settle);
            input = match self.perform_step(next).await {
                Some(input) => input,
                None => return,
            };
        }
    }

    /// Sends observations and the progress after them; returns `false` if the stream was dropped.
    async fn emit(&mut self, observations: Vec<Observation>) -> bool {
        let progress = self.machine.watch_progress();
        let moved = self.progress.as_ref() != Some(&progress);
        if !moved && observations.is_empty() {
            return true;
        }
        let changes = self.target.is_definition() && !observations.is_empty();
        let message = Message::Observed {
            id: Arc::clone(&self.id),
            observations,
            progress: moved.then(|| progress.clone()),
        };
        self.progress = Some(progress);
        let sent = self.shared.out.send(message).await.is_ok();
        if changes {
            self.shared.changed.notify_one();
        }
        sent
    }

    async fn perform_step(&mut self, next: Next) -> Option<MachineInput> {
        if self.machine.is_watching() {
            self.permit = None;
        }
        match next {
            Next::Read => Some(self.read_watch().await),
            Next::Wait(delay) => {
                (self.lines, self.permit) = (None, None);
                Some(self.wait_for_command(delay).await)
            }
            Next::List { limit, token } => {
                (self.lines, self.comparison) = (None, None);
                self.acquire_permit().await;
                Some(self.request_page(limit, token).await)
            }
            Next::StreamList => {
                self.comparison = None;
                self.acquire_permit().await;
                let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
                Some(self.open_watch(query).await)
            }
            Next::Watch { from } => {
                let query = format!("resourceVersion={}", encode_query(from.as_str()));
                Some(self.open_watch(&query).await)
            }
            Next::Stop(ending) => {
                if ending == super::machine::Ending::Removed {
                    // Nobody listening is no failure of ours.
                    let _ = self.shared.out.send(Message::Forget(Arc::clone(&self.id))).await;
                }
                None
            }
        }
    }

    async fn acquire_permit(&mut self) {
        if self.permit.is_none() {
            self.permit = Arc::clone(&self.shared.lists).acquire_owned().await.ok();
        }
    }

    async fn request_page(&mut self, limit: u32, token: Option<String>) -> MachineInput {
        match list_page(&self.shared.requests, &self.target, limit, token.as_deref(), JSON).await {
            Ok(body) => {
                self.note_answer();
                match decode::parse_page(&body, &self.target) {
                    Ok(page) => MachineInput::Page(page),
                    Err(error) => MachineInput::Failed(error.into()),
                }
            }
            Err(failure) => self.note_failure(failure).await,
        }
    }

    async fn open_watch(&mut self, query: &str) -> MachineInput {
        let seconds = self.shared.timing.watch.as_secs().max(1);
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&{query}",
            self.target.collection_path()
        );
        self.lines = None;
        match self.shared.requests.watch(&path).await {
            Ok(lines) => {
                self.note_answer();
                self.lines = Some(lines);
                MachineInput::Opened
            }
            Err(failure) => self.note_failure(failure).await,
        }
    }

    fn note_answer(&self) {
        self.shared.reachable.store(true, Ordering::Relaxed);
    }

    /// Reports an outage once for all targets, and triggers a discovery if a collection is not found.
    async fn note_failure(&mut self, failure: Failure) -> MachineInput {
        match &failure {
            Failure::Unavailable(message, _) if self.shared.reachable.swap(false, Ordering::Relaxed) => {
                let what = format!("the API server ({})", self.target.collection_path());
                let error = SourceError::Unavailable { what, source: Some(message.clone().into()) };
                // Nobody listening is no failure of ours.
                let _ = self.shared.out.send(Message::Failed(error)).await;
            }
            Failure::Missing(_) => self.shared.changed.notify_one(),
            _ => {}
        }
        MachineInput::Failed(failure)
    }

    async fn wait_for_command(&mut self, delay: Duration) -> MachineInput {
        tokio::select! {
            () = sleep(delay) => {}
            // As after a first failure: what it waits for may have been the outage, and 200 watches do not come at once.
            () = self.shared.back.notified() => sleep(self.shared.backoff.delay_after(1, &self.id).min(delay)).await,
            order = self.commands.changed() => match order {
                Ok(()) => self.take_command(),
                // The supervisor is gone and so is everyone who listens.
                Err(_) => sleep(delay).await,
            },
        }
        if self.leaving && self.is_gone().await { MachineInput::Removed } else { MachineInput::Proceed }
    }

    /// Takes a command; a new version of the kind needs a new watch.
    fn take_command(&mut self) {
        match self.commands.borrow_and_update().clone() {
            Command::Watch(target) => {
                self.leaving = false;
                if target != self.target {
                    self.machine.set_target(Arc::clone(&target));
                    self.target = target;
                    self.lines = None;
                }
            }
            Command::Stop => self.leaving = true,
        }
    }

    /// Requests the collection itself: a server that has just started may not list everything it serves.
    async fn is_gone(&mut self) -> bool {
        let answer = list_page(&self.shared.requests, &self.target, 1, None, METADATA).await;
        let gone = matches!(answer, Err(Failure::Missing(_)));
        self.leaving = gone;
        gone
    }

    /// Reads on from the watch, or does what is due besides it.
    async fn read_watch(&mut self) -> MachineInput {
        let Some(lines) = self.lines.as_mut() else { return MachineInput::Closed };
        let timing = self.shared.timing;
        let silence = match (self.leaving, self.machine.is_watching()) {
            (true, _) => LAST_WORDS,
            (false, true) => timing.watch + timing.silence,
            (false, false) => timing.silence,
        };
        let compare = self.machine.may_compare() && self.comparison.is_none();
        let far = Instant::now() + Duration::from_secs(86_400);
        tokio::select! {
            biased;
            order = self.commands.changed() => {
                if order.is_err() {
                    return MachineInput::Closed;
                }
                self.take_command();
                if self.lines.is_none() { MachineInput::Closed } else { Box::pin(self.read_watch()).await }
            }
            read = timeout(silence, lines.next()) => match read {
                Ok(WatchRead::End) if self.leaving && self.is_gone().await => MachineInput::Removed,
                Ok(read) => self.read_input(read),
                Err(_) => self.handle_silence().await,
            },
            listed = async {
                match &mut self.comparison {
                    Some(comparison) => comparison.await,
                    None => std::future::pending().await,
                }
            } => {
                self.comparison = None;
                self.compare_at = timing.comparison.map(|interval| Instant::now() + interval);
                match listed {
                    Ok((version, entries)) => MachineInput::Compared { version, entries },
                    Err(_) => MachineInput::ComparisonEnds,
                }
            }
            () = sleep_until(self.compare_at.unwrap_or(far)), if compare && self.compare_at.is_some() => {
                let (shared, target) = (Arc::clone(&self.shared), Arc::clone(&self.target));
                self.comparison = Some(Box::pin(async move { list_metadata(&shared, &target).await }));
                MachineInput::ComparisonBegun
            }
            () = sleep_until(self.settle_at.unwrap_or(far)), if self.settle_at.is_some() => MachineInput::ComparisonEnds,
        }
    }

    async fn handle_silence(&mut self) -> MachineInput {
        if self.leaving {
            let gone = self.is_gone().await;
            return if gone { MachineInput::Removed } else { MachineInput::Closed };
        }
        self.lines = None;
        if self.machine.is_watching() {
            return MachineInput::Closed;
        }
        // Servers before streaming lists ignore the parameters and never say that the list is over.
        MachineInput::Failed(Failure::Unsupported("the initial list did not end".to_owned()))
    }

    fn read_input(&mut self, read: WatchRead) -> MachineInput {
        let input = match read {
            WatchRead::Line(line) => match decode::parse_line(&line, &self.target) {
                Ok(line) => MachineInput::Line(line),
                Err(error) => MachineInput::Failed(error.into()),
            },
            WatchRead::End => MachineInput::Closed,
            WatchRead::Broken(message) => {
                tracing::debug!(target = %self.id, message, "watch broke");
                MachineInput::Closed
            }
            WatchRead::TooLong => {
                MachineInput::Failed(Failure::TooLarge("a line of the watch is over the limit".to_owned()))
            }
        };
        if !matches!(input, MachineInput::Line(_)) {
            self.lines = None;
        }
        input
    }
}

async fn list_page(
    requests: &Requests,
    target: &WatchTarget,
    limit: u32,
    token: Option<&str>,
    accept: &str,
) -> Result<Vec<u8>, Failure> {
    let token = token.map(|token| format!("&continue={}", encode_query(token))).unwrap_or_default();
    let path = format!("{}?limit={limit}{token}", target.collection_path());
    requests.get(&path, accept).await.map(|(body, _)| body)
}

/// Lists names and versions of all objects of a target.
async fn list_metadata(shared: &Shared, target: &WatchTarget) -> Result<VersionListing, Failure> {
    let _permit = shared.lists.acquire().await.map_err(|e| Failure::Corrupt(e.to_string()))?;
    let (mut token, mut version, mut entries) = (None, None, Vec::new());
    loop {
        let limit = shared.timing.page_size;
        let body = list_page(&shared.requests, target, limit, token.as_deref(), METADATA).await?;
        let page = decode::metadata_page(&body)?;
        entries.extend(page.entries);
        let version = version.get_or_insert(page.version);
        token = page.token;
        if token.is_none() {
            return Ok((version.clone(), entries));
        }
    }
}
