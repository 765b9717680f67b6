//! Connections to one API server: HTTP/2 where it speaks that, so that two hundred watches do not need two hundred
//! connections.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use tower::{BoxError, Service};

/// Requests on one connection before the next is opened. API servers allow 100 streams and more; a watch that waits
/// for a free stream would wait for ever.
const STREAMS: usize = 80;
/// Most connections to one server.
const CONNECTIONS: usize = 16;

type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;
type Https = hyper_rustls::HttpsConnector<HttpConnector>;

/// Clients with one HTTP/2 connection each; the first with a free stream is used.
#[derive(Clone)]
pub(crate) struct ConnectionPool {
    connections: Arc<[PooledConnection]>,
}

struct PooledConnection {
    client: legacy::Client<Https, Body>,
    /// Requests whose answers are not read to their end.
    streams: Arc<AtomicUsize>,
}

/// A request in progress; counts until its response was read.
struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionPool {
    /// Makes a pool that connects by TLS, or in the clear where the address says so.
    pub(crate) fn new(
        tls: rustls::ClientConfig,
        server_name: Option<String>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout));
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let mut builder = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        if let Some(name) = server_name {
            let name =
                name.try_into().map_err(|_| "tls-server-name is not a valid server name".to_owned())?;
            builder = builder.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(name));
        }
        let https = builder.enable_all_versions().wrap_connector(tcp);
        let connection = |_| PooledConnection {
            client: legacy::Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .http2_keep_alive_interval(Duration::from_secs(30))
                .http2_keep_alive_timeout(Duration::from_secs(20))
                .http2_keep_alive_while_idle(true)
                .http2_adaptive_window(true)
                .build(https.clone()),
            streams: Arc::new(AtomicUsize::new(0)),
        };
        Ok(Self { connections: (0..CONNECTIONS).map(connection).collect() })
    }

    fn pick_connection(&self) -> &PooledConnection {
        let load = |c: &&PooledConnection| c.streams.load(Ordering::Relaxed);
        let roomy = self.connections.iter().find(|c| load(c) < STREAMS);
        roomy.or_else(|| self.connections.iter().min_by_key(load)).expect("a pool has connections")
    }
}

impl Service<Request<Body>> for ConnectionPool {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let connection = self.pick_connection();
        connection.streams.fetch_add(1, Ordering::Relaxed);
        let stream = OpenStream(Arc::clone(&connection.streams));
        let answer = connection.client.request(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| {
                // The stream counts as long as its body lives.
                let counted = body.map_frame(move |frame| {
                    let _held = &stream;
                    frame
                });
                counted.map_err(BoxError::from).boxed_unsync()
            }))
        })
    }
}
