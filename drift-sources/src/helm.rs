//! Helm releases, as Helm stores them in Secrets and ConfigMaps.
//!
//! Every stored revision is a desired state: the rendered manifest without hooks, which Helm runs but does not manage.
//!
//! **Invariant:** stored releases are decoded within limits, and only a digest of a release's values is held.

use std::io::Read;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::{Object, ResourceKey};
use flate2::bufread::GzDecoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "gitops")]
mod chart;

#[cfg(feature = "gitops")]
pub(crate) use chart::ReleaseChart;

use crate::manifests::{ManifestProblem, ManifestReader};

/// API group of releases in reports; the API server has no such group.
pub const GROUP: &str = "helm.sh";

/// Largest release that is decoded, in bytes of JSON.
const MAX_SIZE: u64 = 64 << 20;

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];

/// A stored revision of a release.
#[derive(Clone, Debug)]
pub struct StoredRelease {
    /// Name of the release.
    pub name: Arc<str>,
    /// Namespace of the release.
    pub namespace: Arc<str>,
    /// Namespace of the Secret or ConfigMap.
    pub storage_namespace: Arc<str>,
    /// Number of the revision.
    pub version: i64,
    /// `deployed`, `superseded`, `failed`, `pending-upgrade` and so on.
    pub status: String,
    /// Helm's description of the revision.
    pub description: String,
    /// When the revision was deployed.
    pub last_deployed: Option<Timestamp>,
    /// The chart it was made of.
    pub chart: ChartVersion,
    /// BLAKE3 of the given values; the values themselves may contain secrets.
    pub values_digest: String,
    /// The objects of the manifest, without hooks.
    pub objects: Vec<Arc<Object>>,
    /// Names of the hooks.
    pub hooks: Vec<String>,
    /// Whether the record has no manifest at all, as opposed to an empty one.
    pub is_incomplete: bool,
    /// Parts of the manifest that cannot be read.
    pub problems: Vec<ManifestProblem>,
}

/// Name and version of a chart; empty where the record has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ChartVersion {
    /// Name of the chart.
    #[serde(default)]
    pub name: String,
    /// Version of the chart.
    #[serde(default)]
    pub version: String,
}

/// A release that cannot be decoded. No message contains a value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The object has no `data.release`.
    #[error("has no `data.release`")]
    Empty,
    /// The release was redacted before.
    #[error("is redacted")]
    Redacted,
    /// Not base64 where it must be.
    #[error("is not base64")]
    Base64,
    /// Not gzip, or damaged.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Larger than the limit.
    #[error("is larger than {0} bytes decompressed")]
    TooLarge(u64),
    /// Not the JSON of a release.
    #[error("is not a release: {0}")]
    NotRelease(String),
}

#[derive(Deserialize)]
struct ReleaseJson {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    info: Info,
    #[serde(default)]
    chart: Chart,
    #[serde(default)]
    config: Option<serde_json::Value>,
    #[serde(default)]
    manifest: Option<String>,
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
}

#[derive(Default, Deserialize)]
struct Info {
    #[serde(default)]
    last_deployed: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    status: String,
}

#[derive(Default, Deserialize)]
struct Chart {
    #[serde(default)]
    metadata: ChartVersion,
}

#[derive(Deserialize)]
struct Hook {
    #[serde(default)]
    name: String,
}

/// Returns `true` if an object is the Secret or ConfigMap of a release, by its type, labels and name.
pub fn is_storage(object: &Object) -> bool {
    let named = object.name().starts_with("sh.helm.release.v1.");
    let by_helm = object.label("owner") == Some("helm");
    match object.kind() {
        "Secret" if object.group().is_empty() => {
            named && (by_helm || object.root().str_at(&["type"]) == Some("helm.sh/release.v1"))
        }
        "ConfigMap" if object.group().is_empty() => named && by_helm,
        _ => false,
    }
}

impl StoredRelease {
    /// Decodes a stored revision; `None` for any other object.
    ///
    /// # Errors
    /// When the release cannot be decoded within the limits.
    pub fn from_object(object: &Object) -> Option<Result<Self, ReleaseError>> {
        is_storage(object).then(|| Self::decode_object(object))
    }

    fn decode_object(object: &Object) -> Result<Self, ReleaseError> {
        let wire: ReleaseJson = decode_json(object)?;
        let mut reader = ManifestReader::new();
        reader.add_file("manifest.yaml", wire.manifest.as_deref().unwrap_or_default().as_bytes());
        let manifests = reader.finish();
        let values = wire.config.as_ref().map(ToString::to_string).unwrap_or_default();
        let own = object.namespace();
        let hooks = wire.hooks.unwrap_or_default().into_iter().map(|h| h.name).collect();
        Ok(Self {
            name: wire.name.into(),
            namespace: if wire.namespace.is_empty() { own.into() } else { wire.namespace.into() },
            storage_namespace: own.into(),
            version: wire.version,
            // The label is what Helm itself asks by; the body may be of before a change of status.
            status: object.label("status").map_or(wire.info.status, str::to_owned),
            description: wire.info.description,
            last_deployed: wire.info.last_deployed.parse().ok(),
            chart: wire.chart.metadata,
            values_digest: blake3::hash(values.as_bytes()).to_hex().to_string(),
            objects: manifests.declared.into_iter().map(|d| Arc::new(d.object)).collect(),
            hooks,
            is_incomplete: wire.manifest.is_none(),
            problems: manifests.problems,
        })
    }

    /// Returns the key by which reports name the release.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::new(GROUP, "Release", &self.namespace, &self.name)
    }
}

/// Decodes the record of a release that an object holds.
fn decode_json<T: DeserializeOwned>(object: &Object) -> Result<T, ReleaseError> {
    let text = object.root().str_at(&["data", "release"]).ok_or(ReleaseError::Empty)?;
    if text.starts_with("redacted:") {
        return Err(ReleaseError::Redacted);
    }
    // The API adds one base64 to the data of a Secret; Helm's own is below it in both.
    let text =
        if object.kind() == "Secret" { decode_base64(text.as_bytes())? } else { text.as_bytes().to_vec() };
    serde_json::from_slice(&decode_release(&text, MAX_SIZE)?)
        .map_err(|e| ReleaseError::NotRelease(format!("line {}, column {}", e.line(), e.column())))
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>, ReleaseError> {
    STANDARD.decode(text.trim_ascii()).map_err(|_| ReleaseError::Base64)
}

/// Decodes base64 of gzip of JSON, or base64 of JSON, as old versions of Helm stored it.
fn decode_release(text: &[u8], limit: u64) -> Result<Vec<u8>, ReleaseError> {
    // From before there was even that: plain JSON.
    if text.trim_ascii().starts_with(b"{") {
        return Ok(text.to_vec());
    }
    let bytes = decode_base64(text)?;
    if !bytes.starts_with(GZIP) {
        return Ok(bytes);
    }
    let mut json = Vec::new();
    let read = GzDecoder::new(&bytes[..]).take(limit + 1).read_to_end(&mut json);
    read.map_err(|e| ReleaseError::Damaged(e.to_string()))?;
    if json.len() as u64 > limit { Err(ReleaseError::TooLarge(limit)) } else { Ok(json) }
}

/// Returns `true` if a live object has the annotations and label of a release.
pub fn belongs_to_release(object: &Object, namespace: &str, name: &str) -> bool {
    object.annotation("meta.helm.sh/release-name") == Some(name)
        && object.annotation("meta.helm.sh/release-namespace").unwrap_or(object.namespace()) == namespace
        && object.label("app.kubernetes.io/managed-by") == Some("Helm")
}

/// Returns the annotation that keeps Helm from deleting an object, if it has one.
pub fn resource_policy(object: &Object) -> Option<Arc<str>> {
    (object.annotation("helm.sh/resource-policy").is_some_and(|p| p.eq_ignore_ascii_case("keep")))
        .then(|| "helm.sh/resource-policy: keep".into())
}
