//! A live cluster: lists and watches every resource type, continuously or once.
//!
//! Each resource type has a state machine of its own that resumes from a bookmark or starts with a list. Each
//! resourceVersion is emitted exactly once or is covered by an emitted gap. Besides the watch, all names and versions are
//! compared from time to time, because a server may miss an event.
//!
//! ```no_run
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! use drift_core::{Observation, Source};
//! use drift_sources::kubernetes::{ConnectOptions, KubernetesOptions, KubernetesSource, connect};
//! use futures::StreamExt;
//!
//! let connection = connect(ConnectOptions::default()).await?;
//! let source = KubernetesSource::new(connection.client, KubernetesOptions::default());
//! let mut observations = source.observe(None);
//! while let Some(observation) = observations.next().await {
//!     if let Observation::Applied(applied) = observation? {
//!         println!("{} is at {:?}", applied.key, applied.object.resource_version());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod backoff;
mod connect;
mod cursor;
mod decode;
mod discovery;
mod driver;
mod exec_plugin;
mod line_buffer;
mod machine;
mod observation_stream;
mod occurrence;
mod openapi;
mod pool;
mod readiness;
mod request;
mod seen_versions;
mod snapshot;
mod supervisor;
mod target;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drift_core::{Cursor, Observation, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

pub use backoff::Backoff;
pub use connect::{ConnectOptions, Connection, connect, connect_to};
use observation_stream::ObservationStream;
pub use openapi::OpenApiDocuments;
pub use request::RequestLimits;
pub use snapshot::Snapshot;
pub use target::{KindFilter, Reach, WatchTarget};
#[cfg(feature = "argo-server")]
pub(crate) use {connect::build_client, request::describe_error, request::encode_query};

/// How initial lists are requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialLists {
    /// As the start of a watch (streaming lists), and in pages if the server does not support that.
    #[default]
    Streaming,
    /// In pages of [`KubernetesOptions::page_size`] objects.
    Paged,
}

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// Name of the cluster in all keys and scopes; may be empty if there is only one.
    pub cluster: Arc<str>,
    /// Namespaces to watch. Empty means all namespaces and cluster-scoped kinds; otherwise cluster-scoped kinds are left out.
    pub namespaces: Vec<String>,
    /// Kinds to watch.
    pub kinds: KindFilter,
    /// How initial lists are requested.
    pub initial_lists: InitialLists,
    /// Objects in a page of a list.
    pub page_size: u32,
    /// Concurrent lists.
    pub concurrent_lists: usize,
    /// Time between two comparisons of all names and versions with what was emitted; `None` for never.
    pub full_comparison: Option<Duration>,
    /// After this time without watch events, a difference found by a comparison is a missed event.
    pub settle: Duration,
    /// Requested duration of a watch.
    pub watch_time: Duration,
    /// Least time between two checkpoints, except where one must be emitted at once.
    pub checkpoint_interval: Duration,
    /// Time between two discoveries; a change of a CustomResourceDefinition triggers one at once.
    pub rediscovery: Duration,
    /// Delays after failures.
    pub backoff: Backoff,
    /// Limits on time and size of responses.
    pub limits: RequestLimits,
}

impl Default for KubernetesOptions {
    fn default() -> Self {
        Self {
            cluster: "".into(),
            namespaces: Vec::new(),
            kinds: KindFilter::default(),
            initial_lists: InitialLists::default(),
            page_size: 500,
            concurrent_lists: 8,
            full_comparison: Some(Duration::from_secs(600)),
            settle: Duration::from_secs(90),
            watch_time: Duration::from_secs(290),
            checkpoint_interval: Duration::from_secs(2),
            rediscovery: Duration::from_secs(60),
            backoff: Backoff::default(),
            limits: RequestLimits::default(),
        }
    }
}

/// A cluster as a source of observations.
///
/// Its cursor holds the last emitted version of each kind; resuming needs no list as long as the server still has the
/// versions after it. Needs a Tokio runtime. See the example of the [module](self).
#[derive(Clone)]
pub struct KubernetesSource {
    client: kube::Client,
    options: Arc<KubernetesOptions>,
    name: Arc<str>,
    /// Whether the last request got a response.
    reachable: Arc<AtomicBool>,
}

impl KubernetesSource {
    /// Makes a source from a client, such as that of [`connect`].
    pub fn new(client: kube::Client, options: KubernetesOptions) -> Self {
        let name = if options.cluster.is_empty() {
            "kubernetes".to_owned()
        } else {
            format!("kubernetes:{}", options.cluster)
        };
        let reachable = Arc::new(AtomicBool::new(true));
        Self { client, options: Arc::new(options), name: name.into(), reachable }
    }

    /// Returns `false` while the API server does not answer; a clone of the source knows it as well.
    ///
    /// That it has gone is also an error in the stream; that it is back shows only here, since nothing may have changed meanwhile.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Returns the options of the source.
    pub fn options(&self) -> &KubernetesOptions {
        &self.options
    }
}

impl fmt::Debug for KubernetesSource {
    /// Leaves the client out: it holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesSource").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source for KubernetesSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        let stream = async move { ObservationStream::start(self, after).await };
        stream::once(stream)
            .flat_map(|stream| {
                stream::unfold(stream, |mut stream| async {
                    let item = stream.next().await?;
                    Some((item, stream))
                })
            })
            .boxed()
    }
}
