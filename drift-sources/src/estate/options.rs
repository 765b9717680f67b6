//! What is looked at: which input, as of when, and what is read besides.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drift_core::EventStore;
use drift_core::ResourceName;
use drift_core::Until;
use drift_core::cause::Weights;
use drift_core::drift::UnmanagedResources;
use drift_core::graph::EdgeRules;
use drift_core::health::HealthRules;
use drift_core::k8s::selector::Selector;
use drift_core::redact::{Redactor, SecretValues};

use crate::render::RemoteHosts;

use super::{BlockingEstate, ComparedNamespaces, DesiredPlace, Estate, EstateError, RecordedHistory};

/// Where the objects come from.
#[derive(Clone, Debug)]
pub(super) enum EstateInput {
    /// A dump, or a tape taken as one.
    Dump(PathBuf),
    /// Recorded history in a file.
    Tape(PathBuf),
    /// Recorded history in a store.
    Store(RecordedHistory),
    /// The cluster, as it is now.
    #[cfg(feature = "kubernetes")]
    Cluster(crate::kubernetes::ConnectOptions),
}

/// What is looked at. Made by [`Estate::tape`], [`Estate::dump`], [`Estate::store`] or `Estate::cluster`, and opened by
/// [`open`](Self::open) or [`open_blocking`](Self::open_blocking).
///
/// Everything but the input is optional; what is not given is left out of the answers: without an audit log no user is named,
/// without Git no commit.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `open`"]
pub struct EstateOptions {
    pub(super) input: EstateInput,
    pub(super) until: Until,
    pub(super) desired: Vec<DesiredPlace>,
    pub(super) only: Vec<ResourceName>,
    pub(super) git: Vec<String>,
    pub(super) audit: Option<PathBuf>,
    pub(super) schemas: Option<PathBuf>,
    pub(super) exceptions: Option<PathBuf>,
    pub(super) edge_rules: Option<Arc<EdgeRules>>,
    pub(super) health_rules: Option<Arc<HealthRules>>,
    pub(super) weights: Weights,
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<Selector>,
    pub(super) unmanaged: UnmanagedResources,
    pub(super) compared_namespaces: ComparedNamespaces,
    pub(super) remote_hosts: RemoteHosts,
    pub(super) render_time: Option<Duration>,
    pub(super) values: SecretValues,
    #[cfg(feature = "argo-server")]
    pub(super) argocd: Option<crate::argo::server::ServerOptions>,
}

impl EstateOptions {
    pub(super) fn new(input: EstateInput) -> Self {
        Self {
            input,
            until: Until::End,
            desired: Vec::new(),
            only: Vec::new(),
            git: Vec::new(),
            audit: None,
            schemas: None,
            exceptions: None,
            edge_rules: None,
            health_rules: None,
            weights: Weights::default(),
            namespace: None,
            selector: None,
            unmanaged: UnmanagedResources::default(),
            compared_namespaces: ComparedNamespaces::default(),
            remote_hosts: RemoteHosts::default(),
            render_time: None,
            values: SecretValues::default(),
            #[cfg(feature = "argo-server")]
            argocd: None,
        }
    }

    /// Looks at it as it was at a time or position; nothing later counts. Tapes and stores only.
    pub fn at(mut self, until: impl Into<Until>) -> Self {
        self.until = until.into();
        self
    }

    /// Adds what is declared: a folder, a file, `-`, or a Git repository as `PATH_OR_URL[@REV][:FOLDER]`, read without a
    /// checkout; a folder with a kustomization is rendered. Without any, what Argo CD, Flux and Helm declare is compared.
    /// See [`DesiredPlace`] for other forms.
    pub fn desired(mut self, place: impl Into<DesiredPlace>) -> Self {
        self.desired.push(place.into());
        self
    }

    /// Asks about this resource only; repeatable. See [`Estate::find`] for what a name means.
    pub fn only(mut self, name: ResourceName) -> Self {
        self.only.push(name);
        self
    }

    /// Adds a repository that engines read, as `URL=PLACE`: the URL that they know it by, and a folder, a bundle or another URL.
    /// A place alone is used for any URL.
    pub fn git(mut self, place: impl Into<String>) -> Self {
        self.git.push(place.into());
        self
    }

    /// Reads the API server's audit log, plain, gzip or zstd: it names the users.
    pub fn audit(mut self, log: impl Into<PathBuf>) -> Self {
        self.audit = Some(log.into());
        self
    }

    /// Reads the OpenAPI v3 documents of a folder (`*.json`, `*.json.gz`); those of built-in kinds are bundled.
    pub fn schemas(mut self, folder: impl Into<PathBuf>) -> Self {
        self.schemas = Some(folder.into());
        self
    }

    /// Reads a file of exceptions, for what apps declare: selector, paths, reason, owner, expiry.
    pub fn exceptions(mut self, file: impl Into<PathBuf>) -> Self {
        self.exceptions = Some(file.into());
        self
    }

    /// Takes rules for what custom resources refer to; the bundled ones without it. See [`read_edge_rules`](super::read_edge_rules).
    pub fn edge_rules(mut self, rules: impl Into<Arc<EdgeRules>>) -> Self {
        self.edge_rules = Some(rules.into());
        self
    }

    /// Takes rules for how custom resources are doing, by which `health` judges and `why` decides what to explain; the bundled
    /// ones without it. See [`read_health_rules`](super::read_health_rules).
    pub fn health_rules(mut self, rules: impl Into<Arc<HealthRules>>) -> Self {
        self.health_rules = Some(rules.into());
        self
    }

    /// Takes other weights for the parts of a cause's score, to measure what each is worth.
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Names the namespace of declared objects and of [names](Estate::find) that have none. Questions about everything are asked
    /// about this namespace only.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Leaves out what does not have these labels.
    pub fn selector(mut self, selector: Selector) -> Self {
        self.selector = Some(selector);
        self
    }

    /// Decides whether live resources that nobody declares are reported; they are by default, in the namespaces of declared ones.
    pub fn unmanaged(mut self, unmanaged: UnmanagedResources) -> Self {
        self.unmanaged = unmanaged;
        self
    }

    /// Decides whether a cluster is looked at beyond the namespaces in which something is declared, and whether a name means each
    /// resource that it fits.
    pub fn compared_namespaces(mut self, reach: ComparedNamespaces) -> Self {
        self.compared_namespaces = reach;
        self
    }

    /// Lets kustomize fetch bases and files from these hosts, with whatever their files refer to in turn; it fetches nothing by
    /// default, and refuses a kustomization that refers to another host.
    pub fn remote_hosts(mut self, hosts: RemoteHosts) -> Self {
        self.remote_hosts = hosts;
        self
    }

    /// Limits the time that kustomize and helm take for all sources together; five minutes without it.
    pub fn render_time(mut self, time: Duration) -> Self {
        self.render_time = Some(time);
        self
    }

    /// Shares the values of the Secrets that are read, so that what prints can [blank](SecretValues::blank) them.
    pub fn secret_values(mut self, values: SecretValues) -> Self {
        self.values = values;
        self
    }

    /// Asks the API server of Argo CD what Applications declare whose repositories are not given. Its answer is of now.
    #[cfg(feature = "argo-server")]
    pub fn argocd(mut self, server: crate::argo::server::ServerOptions) -> Self {
        self.argocd = Some(server);
        self
    }

    /// Opens the input. What a question needs is read when it is asked.
    ///
    /// # Errors
    /// When standard input cannot be read, or the cluster cannot be reached.
    pub async fn open(self) -> Result<Estate, EstateError> {
        Estate::open(self).await
    }

    /// Opens a file or a store for callers without an async runtime.
    ///
    /// # Errors
    /// As [`open`](Self::open); a cluster is refused, since following it needs a runtime.
    pub fn open_blocking(self) -> Result<BlockingEstate, EstateError> {
        BlockingEstate::open(self)
    }
}

impl Estate {
    /// Looks at a tape: recorded watch events as JSON lines, plain, gzip or zstd; `-` is standard input.
    pub fn tape(path: impl Into<PathBuf>) -> EstateOptions {
        EstateOptions::new(EstateInput::Tape(path.into()))
    }

    /// Looks at a dump, which is what `kubectl get -o json` or `-o yaml` prints, plain, gzip or zstd; `-` is standard input. A tape
    /// is taken as a dump of its end.
    ///
    /// A dump is of one moment: it answers everything but what happened (`timeline`, `fights`, `rollouts`).
    pub fn dump(path: impl Into<PathBuf>) -> EstateOptions {
        EstateOptions::new(EstateInput::Dump(path.into()))
    }

    /// Looks at a store, which may be written meanwhile; `redactor` has the key with which its Secrets are hashed.
    pub fn store(store: Arc<dyn EventStore>, redactor: Redactor) -> EstateOptions {
        Self::history(RecordedHistory::new(store, "store", redactor))
    }

    /// Looks at recorded history that has a name for people.
    pub fn history(history: RecordedHistory) -> EstateOptions {
        EstateOptions::new(EstateInput::Store(history))
    }

    /// Looks at a cluster as it is now, and lists it once for each question.
    ///
    /// A cluster is of one moment: it answers everything but what happened (`timeline`, `fights`, `rollouts`). Needs a Tokio runtime.
    #[cfg(feature = "kubernetes")]
    pub fn cluster(options: crate::kubernetes::ConnectOptions) -> EstateOptions {
        EstateOptions::new(EstateInput::Cluster(options))
    }
}
