//! Edges of the graph: what they mean, and what they rest on.

use std::fmt;
use std::sync::Arc;

use crate::event::LogPosition;
use crate::key::ResourceKey;
use crate::path::FieldPath;

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// Names its owner in `metadata.ownerReferences`: a ReplicaSet its Deployment.
    OwnedBy,
    /// Picks objects by their labels: a Service its pods.
    Selects,
    /// Reads configuration, credentials or storage: a pod its ConfigMaps, Secrets and claims.
    Uses,
    /// Runs on a node.
    RunsOn,
    /// Sets the number of replicas: an autoscaler its Deployment.
    Scales,
    /// Sends traffic to: an Ingress its Service.
    Routes,
    /// Takes permissions from, or gives them to: a RoleBinding its Role and subjects.
    Grants,
    /// Is called by the API server over the network: a webhook configuration its Service.
    Calls,
    /// Lies in a namespace, whose quota, policies and labels apply to it.
    Within,
    /// Is declared by a GitOps engine or an operator: a Deployment its Kustomization.
    ManagedBy,
    /// Takes what it declares from: a Kustomization its GitRepository.
    SourcedFrom,
    /// Waits for another one to be ready: `dependsOn` of a Kustomization.
    DependsOn,
    /// Reports on: an EndpointSlice its Service.
    Reports,
    /// Is backed by: a claim its PersistentVolume.
    BackedBy,
    /// Is defined by: a custom resource its CustomResourceDefinition.
    DefinedBy,
    /// Writes: a Certificate its Secret.
    Writes,
    /// Talks to a Service, by a host name in its configuration.
    TalksTo,
}

impl Relation {
    /// Names the relation as reports do.
    pub fn word(self) -> &'static str {
        match self {
            Self::OwnedBy => "owned by",
            Self::Selects => "selects",
            Self::Uses => "uses",
            Self::RunsOn => "runs on",
            Self::Scales => "scales",
            Self::Routes => "routes to",
            Self::Grants => "grants",
            Self::Calls => "calls",
            Self::Within => "within",
            Self::ManagedBy => "managed by",
            Self::SourcedFrom => "sourced from",
            Self::DependsOn => "depends on",
            Self::Reports => "reports on",
            Self::BackedBy => "backed by",
            Self::DefinedBy => "defined by",
            Self::Writes => "writes",
            Self::TalksTo => "talks to",
        }
    }
}

/// Why an edge is believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// `metadata.ownerReferences`.
    OwnerReference,
    /// Labels match a selector, given as text.
    Selector(Arc<str>),
    /// A field names the target.
    FieldReference(FieldPath),
    /// An engine lists the target as its own.
    Inventory,
    /// An annotation names the target.
    Annotation(Arc<str>),
    /// A label or annotation by which an engine marks what it manages.
    Tracking(Arc<str>),
    /// No field says so: a named rule concludes it.
    Inferred(Arc<str>),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerReference => f.write_str("owner reference"),
            Self::Selector(s) => write!(f, "selector {s}"),
            Self::FieldReference(p) => write!(f, "field {p}"),
            Self::Inventory => f.write_str("inventory"),
            Self::Annotation(a) => write!(f, "annotation {a}"),
            Self::Tracking(t) => write!(f, "tracking mark {t}"),
            Self::Inferred(rule) => write!(f, "inferred: {rule}"),
        }
    }
}

/// An edge as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// The one that depends.
    pub from: &'a ResourceKey,
    /// The one it depends on.
    pub to: &'a ResourceKey,
    /// What it means.
    pub relation: Relation,
    /// Why it is believed.
    pub evidence: &'a Evidence,
    /// Since when.
    pub since: LogPosition,
    /// Until when, if it is over.
    pub until: Option<LogPosition>,
    /// Whether the target is not there at the time asked for.
    pub is_dangling: bool,
}
