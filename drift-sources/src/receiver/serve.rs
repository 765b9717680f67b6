//! Accepts posts and emits their observations.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use drift_core::{Cursor, Observation, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

use super::SenderAuth;

/// Limits for senders.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverOptions {
    /// Bytes of one body.
    pub max_body: usize,
    /// Concurrent connections; more have to wait.
    pub max_connections: usize,
    /// Observations in the queue; when it is full, senders get 503 and should retry.
    pub queue: usize,
    /// Time for one request to arrive and be queued.
    pub timeout: Duration,
}

impl Default for ReceiverOptions {
    /// 16 MiB, 64 connections, 4,096 observations, 10 s.
    fn default() -> Self {
        Self { max_body: 16 << 20, max_connections: 64, queue: 4_096, timeout: Duration::from_secs(10) }
    }
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
}

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

/// Decodes a request; an error is sent to the sender, so it must not contain a part of the body.
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
}

impl Gate {
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
    /// When the address is not available.
    pub async fn bind(
        address: SocketAddr,
        auth: SenderAuth,
        decode: PostDecoder,
        options: ReceiverOptions,
    ) -> Result<Self, ReceiverError> {
        let unavailable = |source| ReceiverError::Unavailable { address, source };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            name: format!("receiver:{address}"),
            listener: Mutex::new(Some(listener)),
            address,
            gate: Arc::new(Gate { auth, decode, options, refused: Mutex::default() }),
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
        let task = tokio::spawn(accept_connections(listener, Arc::clone(&self.gate), sender));
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

async fn accept_connections(listener: TcpListener, gate: Arc<Gate>, sender: mpsc::Sender<Observation>) {
    let seats = Arc::new(Semaphore::new(gate.options.max_connections.max(1)));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, for one: it may pass.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (gate, sender) = (Arc::clone(&gate), sender.clone());
        connections.spawn(async move {
            let timeout = gate.options.timeout;
            let watcher = Arc::clone(&gate);
            let service = hyper::service::service_fn(move |request| {
                let (gate, sender) = (Arc::clone(&gate), sender.clone());
                async move {
                    let answer =
                        tokio::time::timeout(gate.options.timeout, handle_request(request, &gate, &sender))
                            .await;
                    let (status, text) = answer.unwrap_or((StatusCode::REQUEST_TIMEOUT, String::new()));
                    gate.note_refusal(status);
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    *response.status_mut() = status;
                    Ok::<_, std::convert::Infallible>(response)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(timeout)
                .max_buf_size(64 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // What else goes wrong on a connection is its sender's to see.
            if connection.await.is_err_and(|e| e.is_parse()) {
                watcher.note_refusal(StatusCode::BAD_REQUEST);
            }
            drop(seat);
        });
    }
}

async fn handle_request(
    request: Request<Incoming>,
    gate: &Gate,
    sender: &mpsc::Sender<Observation>,
) -> (StatusCode, String) {
    let refuse = |status: StatusCode| (status, String::new());
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !gate.auth.may_read(request.headers()) {
        return refuse(StatusCode::UNAUTHORIZED);
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, gate.options.max_body).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<http_body_util::LengthLimitError>() => return refuse(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return refuse(StatusCode::BAD_REQUEST),
    };
    if !gate.auth.is_valid(&parts.headers, &body) {
        return refuse(StatusCode::UNAUTHORIZED);
    }
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
        Err(problem) => return (StatusCode::BAD_REQUEST, problem + "\n"),
    };
    // A batch is queued completely if it fits at all, so that a sender that retries repeats no part of it.
    let mut rest = observations.into_iter().peekable();
    while rest.peek().is_some() {
        let part: Vec<_> = rest.by_ref().take(gate.options.queue.max(1)).collect();
        let Ok(places) = sender.reserve_many(part.len()).await else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        };
        places.zip(part).for_each(|(place, observation)| place.send(observation));
    }
    refuse(StatusCode::ACCEPTED)
}

fn event_attributes(headers: &HeaderMap) -> BTreeMap<String, String> {
    let attribute = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().strip_prefix("ce-")?.to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(attribute).collect()
}
