//! Streams: which history an event belongs to, and its place in it.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::key::ResourceKey;

/// Who declares a desired state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Authority {
    /// Manifests in a folder or at a path of a Git repository, by a name for it.
    Manifests(Arc<str>),
    /// An Argo CD Application.
    ArgoApplication(ResourceKey),
    /// A Flux Kustomization.
    FluxKustomization(ResourceKey),
    /// A Flux HelmRelease.
    FluxHelmRelease(ResourceKey),
    /// A Helm release by namespace and name.
    HelmRelease(Arc<str>, Arc<str>),
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifests(name) => write!(f, "manifests {name}"),
            Self::ArgoApplication(k) | Self::FluxKustomization(k) | Self::FluxHelmRelease(k) => {
                write!(f, "{k}")
            }
            Self::HelmRelease(namespace, name) => write!(f, "release {namespace}/{name}"),
        }
    }
}

/// Which side of a resource a stream is the history of: what is there, or what somebody declares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Facet {
    /// The object in the cluster.
    Live,
    /// The object as an authority declares it.
    Desired(Authority),
}

/// The part of a cluster that an observation concerns: all of it, the objects of a kind, those of a namespace.
///
/// An empty field means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Cluster, as in [`ResourceKey::cluster`].
    #[serde(default)]
    pub cluster: Arc<str>,
    /// API group and kind; `None` for all kinds, an empty kind for all kinds of the group.
    #[serde(default)]
    pub kind: Option<(Arc<str>, Arc<str>)>,
    /// Namespace; empty for all, cluster-scoped resources included.
    #[serde(default)]
    pub namespace: Arc<str>,
}

impl Scope {
    /// Makes the scope of one kind in the unnamed cluster.
    pub fn of_kind(group: &str, kind: &str) -> Self {
        Self { kind: Some((group.into(), kind.into())), ..Self::default() }
    }

    /// Returns `true` if a resource is in the scope.
    pub fn contains(&self, key: &ResourceKey) -> bool {
        self.cluster == key.cluster
            && self.kind.as_ref().is_none_or(|(g, k)| *g == key.group && (k.is_empty() || *k == key.kind))
            && (self.namespace.is_empty() || self.namespace == key.namespace)
    }

    /// Returns `true` if everything that can be in the other scope is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        let kinds = match (&self.kind, &other.kind) {
            (None, _) => true,
            (Some((g, k)), Some((h, l))) => g == h && (k.is_empty() || k == l),
            (Some(_), None) => false,
        };
        self.cluster == other.cluster
            && kinds
            && (self.namespace.is_empty() || self.namespace == other.namespace)
    }

    /// Returns `true` if a resource can be in both scopes.
    pub fn meets(&self, other: &Self) -> bool {
        let kinds = match (&self.kind, &other.kind) {
            (Some((g, k)), Some((h, l))) => g == h && (k == l || k.is_empty() || l.is_empty()),
            _ => true,
        };
        self.cluster == other.cluster
            && kinds
            && (self.namespace.is_empty() || other.namespace.is_empty() || self.namespace == other.namespace)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            None => f.write_str("all kinds")?,
            Some((g, k)) if k.is_empty() && g.is_empty() => f.write_str("all kinds of the core group")?,
            Some((g, k)) if k.is_empty() => write!(f, "all kinds of {g}")?,
            Some((g, k)) if g.is_empty() => f.write_str(k)?,
            Some((g, k)) => write!(f, "{k}.{g}")?,
        }
        if self.namespace.is_empty() { Ok(()) } else { write!(f, " in {}", self.namespace) }
    }
}

/// Names one append-only stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamId {
    /// The history of one side of one resource.
    Resource(Facet, ResourceKey),
    /// What a source reported about itself (gaps, relists, checkpoints), by the name of the source.
    Source(Arc<str>),
}

impl StreamId {
    /// Names the stream of a live resource.
    pub fn live(key: ResourceKey) -> Self {
        Self::Resource(Facet::Live, key)
    }

    /// Returns the resource, if the stream is that of one.
    pub fn key(&self) -> Option<&ResourceKey> {
        match self {
            Self::Resource(_, key) => Some(key),
            Self::Source(_) => None,
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(Facet::Live, key) => write!(f, "live {key}"),
            Self::Resource(Facet::Desired(authority), key) => write!(f, "desired {key} by {authority}"),
            Self::Source(name) => write!(f, "source {name}"),
        }
    }
}

/// Place of an event in its stream, dense from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(NonZeroU64);

/// Place of an event in its store, increasing from 1 over all streams. It orders events of different streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Revision {
    /// The first revision of any stream.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Makes a revision; `None` for 0.
    pub fn new(n: u64) -> Option<Self> {
        NonZeroU64::new(n).map(Self)
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the revision that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Position {
    /// The position before the first event.
    pub const START: Self = Self(0);

    /// Makes a position.
    pub fn new(n: u64) -> Self {
        Self(n)
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the position that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
