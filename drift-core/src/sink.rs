//! The contract of sinks of findings.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::finding::Finding;

/// Why a sink did not take findings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It may pass: deliver the same batch again later.
    #[error("{what} is unavailable")]
    Unavailable {
        /// What was tried.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It will not pass: rights or settings are wrong.
    #[error("{what} is refused: {message}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the other side said.
        message: String,
    },
}

/// A place where findings come to rest. Object safe.
///
/// At least once, in batches, ordered per resource: a batch may come again after an error, and [`Finding::id`] tells.
#[async_trait]
pub trait Sink: Send + Sync + Debug {
    /// Returns a name for messages about it.
    fn name(&self) -> &str;

    /// Takes a batch; on an error all of it counts as not delivered.
    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError>;
}
