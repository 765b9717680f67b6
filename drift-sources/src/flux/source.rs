//! Sources of Flux: where files and charts come from.

use drift_core::{Node, Object, ResourceKey};
use jiff::Timestamp;

use super::{
    FluxCondition, ObjectReference, SOURCE_GROUP, flag_at, owned_text, parse_conditions, parse_reference,
};

/// Kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// `GitRepository`.
    GitRepository,
    /// `OCIRepository`: artifacts in a registry.
    OciRepository,
    /// `Bucket`: files in object storage.
    Bucket,
    /// `HelmRepository`: an index of charts.
    HelmRepository,
    /// `HelmChart`: one chart.
    HelmChart,
    /// `ExternalArtifact`: an artifact of another controller.
    ExternalArtifact,
}

/// The revision of a Git repository to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitReference {
    /// A commit by its id.
    Commit(String),
    /// A reference by its full name.
    Name(String),
    /// The newest tag in a version range.
    SemVer(String),
    /// A tag by its name.
    Tag(String),
    /// The head of a branch.
    Branch(String),
}

/// The artifact that a source provides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Revision of the artifact.
    pub revision: String,
    /// Digest of the artifact's bytes.
    pub digest: String,
    /// When the artifact was last updated.
    pub last_update: Option<Timestamp>,
    /// The Git revision it was built from, if annotated (`org.opencontainers.image.revision`).
    pub origin_revision: Option<String>,
    /// The repository it was built from (`org.opencontainers.image.source`).
    pub origin_source: Option<String>,
}

/// A source of Flux.
#[derive(Clone, Debug, PartialEq)]
pub struct FluxSource {
    /// Key of the object itself.
    pub key: ResourceKey,
    /// Kind of the source.
    pub kind: SourceKind,
    /// URL, or the bucket's endpoint.
    pub url: String,
    /// The revision to use, for a Git repository.
    pub git: Option<GitReference>,
    /// Patterns of ignored files, in the syntax of `.gitignore`.
    pub ignore: Option<String>,
    /// Repository of a chart.
    pub source: Option<ObjectReference>,
    /// Whether nothing is fetched.
    pub is_suspended: bool,
    /// The current artifact.
    pub artifact: Option<Artifact>,
    /// `status.conditions`.
    pub conditions: Vec<FluxCondition>,
}

impl FluxSource {
    /// Reads a source; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
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
        let text = |path: &[&str]| spec.and_then(|s| owned_text(s, path));
        Some(Self {
            key: object.key(),
            kind,
            url: text(&["url"]).or_else(|| text(&["endpoint"])).unwrap_or_default(),
            git: (kind == SourceKind::GitRepository).then(|| git_reference(spec.and_then(|s| s.get("ref")))),
            ignore: text(&["ignore"]),
            source: spec.and_then(|s| s.get("sourceRef")).map(|n| parse_reference(n, object.namespace())),
            is_suspended: spec.is_some_and(|s| flag_at(s, &["suspend"])),
            artifact: root.at(&["status", "artifact"]).filter(|a| !a.is_null()).map(parse_artifact),
            conditions: parse_conditions(object),
        })
    }
}

/// Reads `spec.ref` in the order of source-controller; the default is the branch `master`.
fn git_reference(node: Option<Node<'_>>) -> GitReference {
    let text = |name| node.and_then(|n| owned_text(n, &[name]));
    None.or_else(|| text("commit").map(GitReference::Commit))
        .or_else(|| text("name").map(GitReference::Name))
        .or_else(|| text("semver").map(GitReference::SemVer))
        .or_else(|| text("tag").map(GitReference::Tag))
        .or_else(|| text("branch").map(GitReference::Branch))
        .unwrap_or_else(|| GitReference::Branch("master".to_owned()))
}

fn parse_artifact(node: Node<'_>) -> Artifact {
    let meta = |name| owned_text(node, &["metadata", name]);
    Artifact {
        revision: owned_text(node, &["revision"]).unwrap_or_default(),
        digest: owned_text(node, &["digest"]).unwrap_or_default(),
        last_update: node.str_at(&["lastUpdateTime"]).and_then(|t| t.parse().ok()),
        origin_revision: meta("org.opencontainers.image.revision"),
        origin_source: meta("org.opencontainers.image.source"),
    }
}
