//! Sources: where files and charts come from.

use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;

use super::{Condition, Reference, SOURCE_GROUP, conditions, flag, owned, reference};

/// What kind of source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A Git repository.
    GitRepository,
    /// Artifacts in a registry.
    OciRepository,
    /// Files in object storage.
    Bucket,
    /// An index of charts.
    HelmRepository,
    /// A chart.
    HelmChart,
    /// An artifact that somebody else makes.
    ExternalArtifact,
}

/// Which revision of a Git repository is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitReference {
    /// This commit.
    Commit(String),
    /// This reference by its full name.
    Name(String),
    /// The newest tag in a range of versions.
    SemVer(String),
    /// This tag.
    Tag(String),
    /// The head of this branch.
    Branch(String),
}

/// What a source has made ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Revision.
    pub revision: String,
    /// Digest of its bytes.
    pub digest: String,
    /// When it was made ready.
    pub last_update: Option<Timestamp>,
    /// The Git revision that it was made of, where it says (`org.opencontainers.image.revision`).
    pub origin_revision: Option<String>,
    /// The repository that it was made of (`org.opencontainers.image.source`).
    pub origin_source: Option<String>,
}

/// A source of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct FluxSource {
    /// Its key.
    pub key: ResourceKey,
    /// What kind it is.
    pub kind: SourceKind,
    /// URL, or the bucket's endpoint.
    pub url: String,
    /// Which revision is wanted, of a Git repository.
    pub git: Option<GitReference>,
    /// Patterns of files that are left out, as `.gitignore` writes them.
    pub ignore: Option<String>,
    /// Where a chart comes from.
    pub source: Option<Reference>,
    /// Whether nothing is fetched.
    pub is_suspended: bool,
    /// What is ready.
    pub artifact: Option<Artifact>,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

impl FluxSource {
    /// Reads a source; `None` for any other object.
    pub fn of(object: &Object) -> Option<Self> {
        if object.group() != SOURCE_GROUP {
            return None;
        }
        let kind = match object.kind() {
            "GitRepository" => SourceKind::GitRepository,
            "OCIRepository" => SourceKind::OciRepository,
            "Bucket" => SourceKind::Bucket,
            "HelmRepository" => SourceKind::HelmRepository,
            "HelmChart" => SourceKind::HelmChart,
            "ExternalArtifact" => SourceKind::ExternalArtifact,
            _ => return None,
        };
        let root = object.root();
        let spec = root.get("spec");
        let text = |path: &[&str]| spec.and_then(|s| owned(s, path));
        Some(Self {
            key: object.key(),
            kind,
            url: text(&["url"]).or_else(|| text(&["endpoint"])).unwrap_or_default(),
            git: (kind == SourceKind::GitRepository).then(|| git_reference(spec.and_then(|s| s.get("ref")))),
            ignore: text(&["ignore"]),
            source: spec.and_then(|s| s.get("sourceRef")).map(|n| reference(n, object.namespace())),
            is_suspended: spec.is_some_and(|s| flag(s, &["suspend"])),
            artifact: root.at(&["status", "artifact"]).filter(|a| !a.is_null()).map(artifact),
            conditions: conditions(object),
        })
    }
}

/// In the order in which source-controller asks; without any it is the branch `master`.
fn git_reference(node: Option<Node<'_>>) -> GitReference {
    let text = |name| node.and_then(|n| owned(n, &[name]));
    None.or_else(|| text("commit").map(GitReference::Commit))
        .or_else(|| text("name").map(GitReference::Name))
        .or_else(|| text("semver").map(GitReference::SemVer))
        .or_else(|| text("tag").map(GitReference::Tag))
        .or_else(|| text("branch").map(GitReference::Branch))
        .unwrap_or_else(|| GitReference::Branch("master".to_owned()))
}

fn artifact(node: Node<'_>) -> Artifact {
    let meta = |name| owned(node, &["metadata", name]);
    Artifact {
        revision: owned(node, &["revision"]).unwrap_or_default(),
        digest: owned(node, &["digest"]).unwrap_or_default(),
        last_update: node.str_at(&["lastUpdateTime"]).and_then(|t| t.parse().ok()),
        origin_revision: meta("org.opencontainers.image.revision"),
        origin_source: meta("org.opencontainers.image.source"),
    }
}
