//! The chart and the values in a stored release.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drift_core::Object;
use serde::Deserialize;
use serde_json::Value;

use super::{ReleaseError, decode_json};

/// What a stored release was rendered from: the files of its chart, and the values that were given. They may hold secrets, so this
/// is read where it is needed, and not held.
pub(crate) struct ReleaseChart {
    /// Files of the chart, by their paths in it.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The values that were given.
    pub(crate) config: Value,
}

#[derive(Deserialize)]
struct RecordJson {
    chart: ChartJson,
    #[serde(default)]
    config: Option<Value>,
}

#[derive(Deserialize)]
struct ChartJson {
    metadata: Value,
    #[serde(default)]
    values: Option<Value>,
    #[serde(default)]
    templates: Option<Vec<FileJson>>,
    #[serde(default)]
    files: Option<Vec<FileJson>>,
    #[serde(default)]
    schema: Option<String>,
}

#[derive(Deserialize)]
struct FileJson {
    name: String,
    #[serde(default)]
    data: Option<String>,
}

impl ReleaseChart {
    /// Reads the chart of a stored release.
    ///
    /// # Errors
    /// When the record cannot be decoded, or has not all of the chart: Helm stores no charts that a chart depends on.
    pub(crate) fn from_object(object: &Object) -> Result<Self, ReleaseError> {
        let RecordJson { chart, config } = decode_json(object)?;
        let depends = chart.metadata.get("dependencies").and_then(Value::as_array);
        if depends.is_some_and(|all| !all.is_empty()) {
            return Err(ReleaseError::NotRelease("depends on charts that are not stored with it".to_owned()));
        }
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| ReleaseError::Base64);
        let mut files = vec![("Chart.yaml".to_owned(), chart.metadata.to_string().into_bytes())];
        if let Some(values) = chart.values {
            files.push(("values.yaml".to_owned(), values.to_string().into_bytes()));
        }
        if let Some(schema) = chart.schema.filter(|s| !s.is_empty()) {
            files.push(("values.schema.json".to_owned(), decoded(&schema)?));
        }
        for file in chart.templates.into_iter().chain(chart.files).flatten() {
            files.push((file.name, decoded(file.data.as_deref().unwrap_or_default())?));
        }
        Ok(Self { files, config: config.unwrap_or_else(|| Value::Object(serde_json::Map::new())) })
    }
}
