//! The OpenAPI v3 documents of a cluster.

use std::collections::BTreeMap;

use drift_core::SourceError;
use futures::StreamExt;
use futures::stream;
use serde::Deserialize;

use super::KubernetesSource;
use super::request::{JSON, Requests};

/// Concurrent requests.
const CONCURRENT: usize = 8;
/// More documents than any cluster has group versions.
const MAX_DOCUMENTS: usize = 5_000;

/// OpenAPI v3 documents by their path in the index, such as `apis/apps/v1`.
#[derive(Debug, Default)]
pub struct OpenApiDocuments {
    /// JSON text by path.
    pub documents: BTreeMap<String, Vec<u8>>,
    /// Documents that could not be fetched, by path, with the reason.
    pub missing: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct OpenApiIndex {
    paths: BTreeMap<String, IndexEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexEntry {
    #[serde(rename = "serverRelativeURL")]
    url: String,
}

impl KubernetesSource {
    /// Fetches all OpenAPI v3 documents. A failed one is in [`OpenApiDocuments::missing`] and does not affect the others.
    ///
    /// # Errors
    /// When the index cannot be fetched.
    pub async fn openapi_v3(&self) -> Result<OpenApiDocuments, SourceError> {
        let requests = Requests::new(self.client.clone(), self.options.limits);
        let what = || "the API server's index of schemas (/openapi/v3)".to_owned();
        let (body, _) = requests.get("/openapi/v3", JSON).await.map_err(|f| f.into_error(what()))?;
        let index: OpenApiIndex = serde_json::from_slice(&body)
            .map_err(|e| SourceError::Corrupt { what: what(), source: Some(e.into()) })?;
        let mut found = OpenApiDocuments::default();
        // Only documents of group versions describe resources.
        let wanted =
            index.paths.into_iter().filter(|(path, _)| path.starts_with("api/") || path.starts_with("apis/"));
        let mut answers = stream::iter(wanted.take(MAX_DOCUMENTS))
            .map(|(path, entry)| {
                let requests = &requests;
                async move {
                    // The address comes from the server; only a path of its own is asked for.
                    let answer = if entry.url.starts_with('/') && !entry.url.starts_with("//") {
                        requests.get(&entry.url, JSON).await.map_err(|f| f.message().to_owned())
                    } else {
                        Err(format!("the index names `{}`, which is not a path of this server", entry.url))
                    };
                    (path, answer)
                }
            })
            .buffer_unordered(CONCURRENT);
        while let Some((path, answer)) = answers.next().await {
            match answer {
                Ok((document, _)) => drop(found.documents.insert(path, document)),
                Err(message) => drop(found.missing.insert(path, message)),
            }
        }
        Ok(found)
    }
}
