//! Accepts posts and emits their observations.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drift_core::{Cursor, Observation, Source, SourceError};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

use super::SenderAuth;
use super::answer::Answer;
use super::places::{Place, PlaceLimits, Places, Stage};

/// Limits for senders.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Bytes of one body.
    pub max_body: usize,
    /// Requests of senders that are known, or turn out to be, that are received at the same time; more get 503. A quarter of them
    /// may be of senders of which that is not known yet.
    pub max_connections: usize,
    /// Connections that have not sent the head of a request, of which the oldest is ended for one more.
    pub max_waiting: usize,
    /// The same of one address.
    pub max_waiting_per_address: usize,
    /// Observations in the queue; when it is full, senders get 503 and should retry.
    pub queue: usize,
    /// Time for the head of a request to arrive.
    pub header_timeout: Duration,
    /// Time for one request to arrive and be taken.
    pub timeout: Duration,
    /// Paths that are served, without a slash at the end; all if there are none.
    pub paths: &'static [&'static str],
    /// When a request is accepted.
    pub acceptance: Acceptance,
}

impl Default for ReceiverOptions {
    /// 16 MiB, 64 requests, 512 waiting connections of which 64 from one address, 4,096 observations, 2 s for a head and 10 s in all,
    /// any path; accepted once queued.
    fn default() -> Self {
        Self {
            max_body: 16 << 20,
            max_connections: 64,
            max_waiting: 512,
            max_waiting_per_address: 64,
            queue: 4_096,
            header_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(10),
            paths: &[],
            acceptance: Acceptance::Queued,
        }
    }
}

/// When a sender is answered that its request was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// Once its observations are in the queue: they are lost if the process is killed.
    Queued,
    /// Once [`Receiver::confirm`] was called for its observations: nothing that was accepted is lost.
    Confirmed,
}

/// A receiver that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The address is not available.
    #[error("cannot listen on {address}")]
    Unavailable {
        /// The address to listen on.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The secret could be guessed.
    #[error("the secret has {length} bytes; at least {MIN_SECRET} are needed")]
    ShortSecret {
        /// Bytes of the secret.
        length: usize,
    },
}

/// Bytes of the shortest secret.
pub const MIN_SECRET: usize = 16;

/// A request that was posted.
#[derive(Clone, Copy, Debug)]
pub struct PostedRequest<'a> {
    /// Path of the request, without the query.
    pub path: &'a str,
    /// `Content-Type`, empty without one.
    pub content_type: &'a str,
    /// Headers that begin with `ce-`, by their names without that prefix.
    pub attributes: &'a BTreeMap<String, String>,
    /// Body of the request.
    pub body: &'a [u8],
    /// Whether the sender is known.
    pub sender: Sender,
}

/// Whether the sender of a request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// It knew the secret.
    Authenticated,
    /// No secret is asked for: it may be anybody who reaches the address.
    Anyone,
}

/// Decodes a request; an error is sent to the sender with 400, so it must not contain a part of the body.
pub type PostDecoder = Arc<dyn Fn(PostedRequest<'_>) -> Result<Vec<Observation>, String> + Send + Sync>;

/// An HTTP receiver as a source. It has no cursor: senders have to repeat what they could not post.
///
/// See the example of the [module](super).
pub struct Receiver {
    name: String,
    listener: Mutex<Option<TcpListener>>,
    address: SocketAddr,
    gate: Arc<Gate>,
    options: ReceiverOptions,
    accepting: Mutex<Option<tokio::task::AbortHandle>>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.address)
    }
}

struct Gate {
    auth: SenderAuth,
    decode: PostDecoder,
    options: ReceiverOptions,
    refused: Mutex<BTreeMap<u16, u64>>,
    places: Places,
    /// Requests whose bodies may be received.
    bodies: Semaphore,
    /// Observations that were queued so far; held while they are, so that their numbers are in the order of the queue.
    queued: Mutex<u64>,
    /// Observations that were confirmed so far.
    confirmed: watch::Sender<u64>,
}

impl Gate {
    fn new(auth: SenderAuth, decode: PostDecoder, options: ReceiverOptions) -> Self {
        let bodies = options.max_connections.max(1);
        let limits = PlaceLimits {
            heads: options.max_waiting.max(1),
            heads_per_address: options.max_waiting_per_address.max(1),
            unproven_bodies: bodies.div_ceil(4),
        };
        Self {
            auth,
            decode,
            options,
            refused: Mutex::default(),
            places: Places::new(limits),
            bodies: Semaphore::new(bodies),
            queued: Mutex::default(),
            confirmed: watch::Sender::new(0),
        }
    }

    fn note_refusal(&self, status: StatusCode) {
        if !status.is_success() {
            // A panic while holding the lock leaves at most one request uncounted.
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused.entry(status.as_u16()).or_default() += 1;
        }
    }
}

impl Receiver {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is not available, or the secret is too short.
    pub async fn bind(
        address: SocketAddr,
        auth: SenderAuth,
        decode: PostDecoder,
        options: ReceiverOptions,
    ) -> Result<Self, ReceiverError> {
        let unavailable = |source| ReceiverError::Unavailable { address, source };
        if let Some(length) = auth.secret_length().filter(|length| *length < MIN_SECRET) {
            return Err(ReceiverError::ShortSecret { length });
        }
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            name: format!("receiver:{address}"),
            listener: Mutex::new(Some(listener)),
            address,
            gate: Arc::new(Gate::new(auth, decode, options)),
            options,
            accepting: Mutex::default(),
        })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of rejected requests, by HTTP status.
    pub fn refusal_counts(&self) -> BTreeMap<u16, u64> {
        self.gate.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Confirms that so many more observations, in the order in which they were emitted, are where they cannot be lost.
    ///
    /// Needed for [`Acceptance::Confirmed`]; [`Progress::Taken`](drift_core::ingest::Progress::Taken) reports the number.
    pub fn confirm(&self, observations: u64) {
        self.gate.confirmed.send_modify(|confirmed| *confirmed += observations);
    }

    /// Stops listening; queued observations are still emitted, then the stream ends.
    pub fn close(&self) {
        drop(self.listener.lock().unwrap_or_else(PoisonError::into_inner).take());
        // With the task go its connections, and with them all that could queue more.
        let task = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Source for Receiver {
    fn name(&self) -> &str {
        &self.name
    }

    /// Observes until it is dropped; a receiver can be observed once.
    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        if let Some(cursor) = after {
            return stream::iter([Err(SourceError::UnknownCursor { cursor })]).boxed();
        }
        // A panic while holding the lock leaves the listener where it was.
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(listener) = listener else {
            let what = format!("{}, which is observed already,", self.name);
            return stream::iter([Err(SourceError::Unavailable { what, source: None })]).boxed();
        };
        let (sender, receiver) = mpsc::channel(self.options.queue.max(1));
        let task = tokio::spawn(accept_connections(sender, Arc::clone(&self.gate), listener));
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        *accepting = Some(task.abort_handle());
        // The task ends with the stream: nobody would take what comes.
        let guard = Abort(task);
        stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
            receiver.recv().await.map(|o| (Ok(o), (receiver, guard)))
        })
        .boxed()
    }
}

struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The listener is the last argument and so the first that goes when the task is aborted.
async fn accept_connections(sender: mpsc::Sender<Observation>, gate: Arc<Gate>, listener: TcpListener) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, address)) = listener.accept().await else {
            // Out of file descriptors, for one: it may pass.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let place = loop {
            match gate.places.take(address.ip()) {
                Ok(place) => break Arc::new(place),
                // What comes meanwhile waits in the system's queue.
                Err(wait) => tokio::time::sleep(wait).await,
            }
        };
        let id = place.id();
        let task = connections.spawn(serve_connection(stream, place, Arc::clone(&gate), sender.clone()));
        Place::set_task(&gate.places, id, task);
    }
}

async fn serve_connection(
    stream: tokio::net::TcpStream,
    place: Arc<Place>,
    gate: Arc<Gate>,
    sender: mpsc::Sender<Observation>,
) {
    let options = gate.options;
    let watcher = Arc::clone(&gate);
    let service = hyper::service::service_fn(move |request| {
        let (gate, sender, place) = (Arc::clone(&gate), sender.clone(), Arc::clone(&place));
        async move {
            let answer = handle_request(request, &gate, &sender, &place);
            let answer = tokio::time::timeout(gate.options.timeout, answer).await;
            let answer = answer.unwrap_or_else(|_| Answer::too_slow(gate.options.timeout));
            place.set_stage(Stage::Head);
            gate.note_refusal(answer.status());
            Ok::<_, std::convert::Infallible>(answer.into_response())
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    // What else goes wrong on a connection is its sender's to see.
    if connection.await.is_err_and(|e| e.is_parse()) {
        watcher.note_refusal(StatusCode::BAD_REQUEST);
    }
}

async fn handle_request(
    request: Request<Incoming>,
    gate: &Gate,
    sender: &mpsc::Sender<Observation>,
    place: &Place,
) -> Answer {
    if let Some(refusal) = Answer::to_head(&request, &gate.options, &gate.auth) {
        return refusal;
    }
    let (parts, body) = request.into_parts();
    let mut collecting = std::pin::pin!(Limited::new(body, gate.options.max_body).collect());
    let (body, _permit) = match (&mut collecting).now_or_never() {
        // A body that came with its head needs no place.
        Some(body) => (body, None),
        None => {
            match gate.auth.is_known(&parts.headers) {
                true => place.set_stage(Stage::Known),
                false => place.wait_for_body().await,
            }
            let Ok(permit) = gate.bodies.acquire().await else { return Answer::not_taken() };
            (collecting.await, Some(permit))
        }
    };
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => {
            return Answer::too_large(gate.options.max_body);
        }
        Err(_) => return Answer::malformed("the body ended early".to_owned()),
    };
    if !gate.auth.is_valid(&parts.headers, &body) {
        return Answer::unauthorized();
    }
    place.set_stage(Stage::Known);
    let attributes = event_attributes(&parts.headers);
    let content_type = parts.headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let posted = PostedRequest {
        path: parts.uri.path(),
        content_type: content_type.unwrap_or_default(),
        attributes: &attributes,
        body: &body,
        sender: gate.auth.sender(),
    };
    let observations = match (gate.decode)(posted) {
        Ok(observations) => observations,
        Err(problem) => return Answer::malformed(problem),
    };
    match queue_all(observations, gate, sender).await {
        Some(last) if gate.options.acceptance == Acceptance::Confirmed => {
            let mut confirmed = gate.confirmed.subscribe();
            match confirmed.wait_for(|confirmed| *confirmed >= last).await {
                Ok(_) => Answer::accepted(),
                Err(_) => Answer::not_taken(),
            }
        }
        Some(_) => Answer::accepted(),
        None => Answer::not_taken(),
    }
}

/// Queues observations and returns the number of the last one; `None` if nobody takes them any more.
async fn queue_all(
    observations: Vec<Observation>,
    gate: &Gate,
    sender: &mpsc::Sender<Observation>,
) -> Option<u64> {
    let mut last = *gate.queued.lock().unwrap_or_else(PoisonError::into_inner);
    // A batch is queued completely if it fits at all, so that a sender that retries repeats no part of it.
    let mut rest = observations.into_iter().peekable();
    while rest.peek().is_some() {
        let part: Vec<_> = rest.by_ref().take(gate.options.queue.max(1)).collect();
        let places = sender.reserve_many(part.len()).await.ok()?;
        let mut queued = gate.queued.lock().unwrap_or_else(PoisonError::into_inner);
        *queued += part.len() as u64;
        last = *queued;
        places.zip(part).for_each(|(place, observation)| place.send(observation));
    }
    Some(last)
}

fn event_attributes(headers: &HeaderMap) -> BTreeMap<String, String> {
    let attribute = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().strip_prefix("ce-")?.to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(attribute).collect()
}
