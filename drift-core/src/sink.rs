//! The contract of sinks of findings.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::finding::Finding;

/// Why a sink did not accept findings, by what the caller should do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A failure that may pass: deliver the same batch again later.
    #[error("{what} is unavailable")]
    Unavailable {
        /// What was tried.
        what: String,
        /// What failed.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A failure that stays: permissions or settings are wrong.
    #[error("{what} is refused: {message}")]
    Refused {
        /// What was tried.
        what: String,
        /// Answer of the other side.
        message: String,
    },
}

/// A receiver of findings, such as a chat, a pager or a file. Object safe.
///
/// Findings are delivered at least once, in batches, in order for each resource. After an error the same batch may be
/// delivered again; [`Finding::id`] identifies a finding that was delivered before.
///
/// Check an implementation with `testing::sink` (feature `testing`).
#[async_trait]
pub trait Sink: Send + Sync + Debug {
    /// Returns the name of the sink, for messages about it.
    fn name(&self) -> &str;

    /// Delivers a batch; after an error, all of it counts as not delivered.
    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError>;
}
