//! A live cluster: everything that can be listed and watched, for good or once.
//!
//! Each kind is followed by a state machine of its own that starts from a saved bookmark or a listing, and tells every
//! resourceVersion once or says a gap that it lies in. A full comparison of names and versions runs besides the watch
//! now and then, because a server may leave something out.

mod backoff;
mod connect;
mod cursor;
mod decode;
mod discovery;
mod driver;
mod known;
mod lines;
mod machine;
mod occurrence;
mod openapi;
mod pool;
mod request;
mod snapshot;
mod supervisor;
mod target;
mod telling;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{Cursor, Observation, Source, SourceError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

pub use backoff::Backoff;
pub use connect::{ConnectOptions, Connection, connect, connect_to};
pub use openapi::OpenApiDocuments;
pub use request::Limits;
pub use snapshot::Snapshot;
pub use target::{KindFilter, Reach, Target};
use telling::Telling;
#[cfg(feature = "argo-server")]
pub(crate) use {connect::client, request::describe, request::encode};

/// How first listings are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialLists {
    /// As the beginning of a watch, and in pages where the server does not do that.
    #[default]
    Streaming,
    /// In pages.
    Paged,
}

/// What is looked at, and how.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// Name of the cluster in all keys and scopes; empty where only one is looked at.
    pub cluster: Arc<str>,
    /// Namespaces that are looked at. With any given, cluster-scoped kinds are left out; with none, all are taken.
    pub namespaces: Vec<String>,
    /// Kinds that are looked at.
    pub kinds: KindFilter,
    /// How first listings are asked for.
    pub initial_lists: InitialLists,
    /// Objects in a page of a list.
    pub page_size: u32,
    /// Lists asked for at once.
    pub concurrent_lists: usize,
    /// Time between two comparisons of all names and versions with what the watch made known; `None` for never.
    pub full_comparison: Option<Duration>,
    /// After how much silence of a watch a difference is no longer a change that is still on its way.
    pub settle: Duration,
    /// How long a watch is asked to last.
    pub watch_time: Duration,
    /// Time between two checkpoints at least, except where one must come at once.
    pub checkpoint_interval: Duration,
    /// Time between two looks at what is served; changes of definitions are seen at once.
    pub rediscovery: Duration,
    /// How long to wait after failures.
    pub backoff: Backoff,
    /// How long to wait for answers and how much to take of them.
    pub limits: Limits,
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
            limits: Limits::default(),
        }
    }
}

/// A cluster as a source of observations.
///
/// Its cursor holds how far each kind has been told; resuming from it needs no listing as long as the server still has
/// the versions. Needs a Tokio runtime.
#[derive(Clone)]
pub struct KubernetesSource {
    client: kube::Client,
    options: Arc<KubernetesOptions>,
    name: Arc<str>,
}

impl KubernetesSource {
    /// Makes a source of a client, such as [`connect`] gives.
    pub fn new(client: kube::Client, options: KubernetesOptions) -> Self {
        let name = if options.cluster.is_empty() {
            "kubernetes".to_owned()
        } else {
            format!("kubernetes:{}", options.cluster)
        };
        Self { client, options: Arc::new(options), name: name.into() }
    }

    /// Returns the options.
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
        let telling = async move { Telling::start(self, after).await };
        stream::once(telling)
            .flat_map(|telling| {
                stream::unfold(telling, |mut telling| async {
                    let item = telling.next().await?;
                    Some((item, telling))
                })
            })
            .boxed()
    }
}
