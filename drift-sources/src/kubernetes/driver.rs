//! Runs the state machine of one target against the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drift_core::{Observation, ResourceVersion, SourceError};
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::cursor::Mark;
use super::decode;
use super::machine::{Failure, Input, Listed, Machine, Next};
use super::request::{JSON, METADATA, Read, Requests, encode};
use super::target::Target;

/// Observations told at once at most.
const BATCH: usize = 256;
/// How long a watch of a removed kind may still say deletions.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all drivers of a source share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) requests: Requests,
    pub(crate) lists: Arc<Semaphore>,
    pub(crate) timing: Timing,
    pub(crate) out: mpsc::Sender<Message>,
    /// What is served may have changed.
    pub(crate) changed: Notify,
    /// Whether the last request of anyone was answered; an outage is told once.
    pub(crate) reachable: AtomicBool,
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

/// What a driver tells.
#[derive(Debug)]
pub(crate) enum Message {
    /// These kinds begin here, all at once.
    Begin(Vec<(String, Mark)>),
    /// Observations of one target, and how far it is after them where that changed.
    Told { id: Arc<str>, said: Vec<Observation>, mark: Option<Mark> },
    /// The target is gone.
    Forget(Arc<str>),
    /// Something failed that no observation tells.
    Failed(SourceError),
}

/// Names and versions at a version.
type Listing = (ResourceVersion, Vec<Listed>);

/// What is asked of a driver.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Follow the target, maybe under another version.
    Follow(Arc<Target>),
    /// It seems to be served no longer.
    Leave,
}

/// The driver of one target.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    target: Arc<Target>,
    id: Arc<str>,
    machine: Machine,
    orders: watch::Receiver<Order>,
    lines: Option<super::request::Lines>,
    mark: Option<Mark>,
    permit: Option<OwnedSemaphorePermit>,
    comparison: Option<BoxFuture<'static, Result<Listing, Failure>>>,
    compare_at: Option<Instant>,
    settle_at: Option<Instant>,
    leaving: bool,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        target: Arc<Target>,
        machine: Machine,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let compare_at = shared.timing.comparison.map(|interval| Instant::now() + interval);
        let id = target.id().into();
        Self {
            shared,
            target,
            id,
            machine,
            orders,
            lines: None,
            mark: None,
            permit: None,
            comparison: None,
            compare_at,
            settle_at: None,
            leaving: false,
        }
    }

    /// Runs until the machine stops or no one listens any more.
    pub(crate) async fn run(mut self) {
        let mut input = Input::Proceed;
        let mut said = Vec::new();
        loop {
            let next = self.machine.step(input, Timestamp::now(), &mut said);
            if next == Next::Read
                && said.len() < BATCH
                && let Some(read) = self.lines.as_mut().and_then(super::request::Lines::ready)
            {
                input = self.read_input(read);
                continue;
            }
            if !self.tell(std::mem::take(&mut said)).await {
                return;
            }
            // Silence, not time, settles: a watch that lags still says something.
            self.settle_at = self.machine.is_settling().then(|| Instant::now() + self.shared.timing.settle);
            input = match self.perform(next).await {
                Some(input) => input,
                None => return,
            };
        }
    }

    /// Sends what was said, and how far the target is after it.
    async fn tell(&mut self, said: Vec<Observation>) -> bool {
        let mark = self.machine.mark();
        let moved = self.mark.as_ref() != Some(&mark);
        if !moved && said.is_empty() {
            return true;
        }
        let changes = self.target.is_definition() && !said.is_empty();
        let told = Message::Told { id: Arc::clone(&self.id), said, mark: moved.then(|| mark.clone()) };
        self.mark = Some(mark);
        let sent = self.shared.out.send(told).await.is_ok();
        if changes {
            self.shared.changed.notify_one();
        }
        sent
    }

    async fn perform(&mut self, next: Next) -> Option<Input> {
        if self.machine.is_watching() {
            self.permit = None;
        }
        match next {
            Next::Read => Some(self.read().await),
            Next::Wait(delay) => {
                (self.lines, self.permit) = (None, None);
                Some(self.wait(delay).await)
            }
            Next::List { limit, token } => {
                (self.lines, self.comparison) = (None, None);
                self.permit().await;
                Some(self.list(limit, token).await)
            }
            Next::StreamList => {
                self.comparison = None;
                self.permit().await;
                let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
                Some(self.open(query).await)
            }
            Next::Watch { from } => {
                let query = format!("resourceVersion={}", encode(from.as_str()));
                Some(self.open(&query).await)
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

    async fn permit(&mut self) {
        if self.permit.is_none() {
            self.permit = Arc::clone(&self.shared.lists).acquire_owned().await.ok();
        }
    }

    async fn list(&mut self, limit: u32, token: Option<String>) -> Input {
        match list_page(&self.shared.requests, &self.target, limit, token.as_deref(), JSON).await {
            Ok(body) => {
                self.answered();
                match decode::page(&body, &self.target) {
                    Ok(page) => Input::Page(page),
                    Err(message) => Input::Failed(Failure::Corrupt(message)),
                }
            }
            Err(failure) => self.failed(failure).await,
        }
    }

    async fn open(&mut self, query: &str) -> Input {
        let seconds = self.shared.timing.watch.as_secs().max(1);
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&{query}",
            self.target.path()
        );
        self.lines = None;
        match self.shared.requests.watch(&path).await {
            Ok(lines) => {
                self.answered();
                self.lines = Some(lines);
                Input::Opened
            }
            Err(failure) => self.failed(failure).await,
        }
    }

    fn answered(&self) {
        self.shared.reachable.store(true, Ordering::Relaxed);
    }

    /// Tells an outage once for all targets, and asks what is served where a collection is not found.
    async fn failed(&mut self, failure: Failure) -> Input {
        match &failure {
            Failure::Unavailable(message, _) if self.shared.reachable.swap(false, Ordering::Relaxed) => {
                let what = format!("the API server ({})", self.target.path());
                let error = SourceError::Unavailable { what, source: Some(message.clone().into()) };
                // Nobody listening is no failure of ours.
                let _ = self.shared.out.send(Message::Failed(error)).await;
            }
            Failure::Missing(_) => self.shared.changed.notify_one(),
            _ => {}
        }
        Input::Failed(failure)
    }

    async fn wait(&mut self, delay: Duration) -> Input {
        tokio::select! {
            () = sleep(delay) => {}
            order = self.orders.changed() => match order {
                Ok(()) => self.ordered(),
                // The supervisor is gone and so is everyone who listens.
                Err(_) => sleep(delay).await,
            },
        }
        if self.leaving && self.is_gone().await { Input::Removed } else { Input::Proceed }
    }

    /// Takes an order; a new version of the kind needs a new watch.
    fn ordered(&mut self) {
        match self.orders.borrow_and_update().clone() {
            Order::Follow(target) => {
                self.leaving = false;
                if target != self.target {
                    self.machine.retarget(Arc::clone(&target));
                    self.target = target;
                    self.lines = None;
                }
            }
            Order::Leave => self.leaving = true,
        }
    }

    /// Asks the collection itself: a server that has just started may not list all it serves.
    async fn is_gone(&mut self) -> bool {
        let answer = list_page(&self.shared.requests, &self.target, 1, None, METADATA).await;
        let gone = matches!(answer, Err(Failure::Missing(_)));
        self.leaving = gone;
        gone
    }

    /// Reads on from the watch, or does what falls due besides it.
    async fn read(&mut self) -> Input {
        let Some(lines) = self.lines.as_mut() else { return Input::Closed };
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
            order = self.orders.changed() => {
                if order.is_err() {
                    return Input::Closed;
                }
                self.ordered();
                if self.lines.is_none() { Input::Closed } else { Box::pin(self.read()).await }
            }
            read = timeout(silence, lines.next()) => match read {
                Ok(Read::End) if self.leaving && self.is_gone().await => Input::Removed,
                Ok(read) => self.read_input(read),
                Err(_) => self.silent().await,
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
                    Ok((version, entries)) => Input::Compared { version, entries },
                    Err(_) => Input::ComparisonEnds,
                }
            }
            () = sleep_until(self.compare_at.unwrap_or(far)), if compare && self.compare_at.is_some() => {
                let (shared, target) = (Arc::clone(&self.shared), Arc::clone(&self.target));
                self.comparison = Some(Box::pin(async move { list_metadata(&shared, &target).await }));
                Input::ComparisonBegun
            }
            () = sleep_until(self.settle_at.unwrap_or(far)), if self.settle_at.is_some() => Input::ComparisonEnds,
        }
    }

    async fn silent(&mut self) -> Input {
        if self.leaving {
            let gone = self.is_gone().await;
            return if gone { Input::Removed } else { Input::Closed };
        }
        self.lines = None;
        if self.machine.is_watching() {
            return Input::Closed;
        }
        // Servers before streaming lists ignore the parameters and never say that the list is over.
        Input::Failed(Failure::Unsupported("the initial list did not end".to_owned()))
    }

    fn read_input(&mut self, read: Read) -> Input {
        let input = match read {
            Read::Line(line) => match decode::line(&line, &self.target) {
                Ok(line) => Input::Line(line),
                Err(message) => Input::Failed(Failure::Corrupt(message)),
            },
            Read::End => Input::Closed,
            Read::Broken(message) => {
                tracing::debug!(target = %self.id, message, "watch broke");
                Input::Closed
            }
            Read::TooLong => {
                Input::Failed(Failure::TooLarge("a line of the watch is over the limit".to_owned()))
            }
        };
        if !matches!(input, Input::Line(_)) {
            self.lines = None;
        }
        input
    }
}

async fn list_page(
    requests: &Requests,
    target: &Target,
    limit: u32,
    token: Option<&str>,
    accept: &str,
) -> Result<Vec<u8>, Failure> {
    let token = token.map(|token| format!("&continue={}", encode(token))).unwrap_or_default();
    let path = format!("{}?limit={limit}{token}", target.path());
    requests.get(&path, accept).await.map(|(body, _)| body)
}

/// Lists names and versions of all objects of a target.
async fn list_metadata(shared: &Shared, target: &Target) -> Result<Listing, Failure> {
    let _permit = shared.lists.acquire().await.map_err(|e| Failure::Corrupt(e.to_string()))?;
    let (mut token, mut version, mut entries) = (None, None, Vec::new());
    loop {
        let limit = shared.timing.page_size;
        let body = list_page(&shared.requests, target, limit, token.as_deref(), METADATA).await?;
        let page = decode::metadata_page(&body).map_err(Failure::Corrupt)?;
        entries.extend(page.entries);
        let version = version.get_or_insert(page.version);
        token = page.token;
        if token.is_none() {
            return Ok((version.clone(), entries));
        }
    }
}
