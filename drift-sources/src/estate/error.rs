//! Why an estate cannot be opened, or a question about it not be answered.

use std::error::Error;
use std::fmt;

use drift_core::coverage::Unseen;
use drift_core::{SourceError, StoreError};

/// A failed read, with the cause as the reader reported it.
type Source = Box<dyn Error + Send + Sync>;

/// Why an estate cannot be opened, or a question about it not be answered at all.
///
/// What concerns only a part, such as one line of a tape or one file of a folder, is not an error but one of the
/// [`InputNotes`](super::InputNotes).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstateError {
    /// A file, folder, log or repository cannot be read: check that it is there and has the expected form.
    #[error("cannot read {what}")]
    Unreadable {
        /// What was to be read, such as ``the tape `incident.jsonl` ``.
        what: String,
        /// Adds the form that is expected. if it is likely to be another.
        expected: Option<&'static str>,
        /// Why.
        #[source]
        source: Source,
    },
    /// The recorded history cannot be read: repair the store, or end the process that holds it.
    #[error("cannot open the history in `{name}`")]
    Store {
        /// Name of the store.
        name: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// There is no cluster to connect to, or it does not answer: check the kubeconfig, the network and the credentials.
    #[error("no cluster to look at")]
    NoCluster {
        /// Why.
        #[source]
        source: SourceError,
    },
    /// The cluster or Argo CD does not answer a question, or refuses to: check the address and the rights.
    #[error("{what}")]
    Unreachable {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: Source,
    },
    /// The question is about the past: open a store or a tape, not a dump or a cluster.
    #[error("{question} needs recorded history{}", .input.as_ref().map_or_else(String::new, |i| format!(", and `{i}` is a dump")))]
    NeedsHistory {
        /// The question, or the option that asks about the past.
        question: &'static str,
        /// The file that has no history, if it is one.
        input: Option<String>,
    },
    /// There is nothing of that name: check the name and the namespace.
    #[error("`{name}` is not in {searched}")]
    UnknownResource {
        /// The name as it was given.
        name: String,
        /// Where it was looked for.
        searched: SearchedInput,
        /// Keys of that kind or name whose names are most similar, nearest first.
        nearest: Vec<String>,
    },
    /// What may be there under that name could not be looked at: ask with more rights, or of a wider recording.
    #[error("not known whether `{name}` exists: {unseen}")]
    UnseenResource {
        /// The name as it was given.
        name: String,
        /// Why.
        unseen: Box<Unseen>,
    },
    /// There is no such namespace: check its name.
    #[error("namespace `{namespace}` is not in {searched}")]
    UnknownNamespace {
        /// The name as it was given.
        namespace: String,
        /// Where it was looked for.
        searched: SearchedInput,
        /// The few namespaces whose names are most similar, nearest first.
        nearest: Vec<String>,
    },
    /// The name fits several resources: add the namespace or the group.
    #[error("`{name}` names several resources")]
    AmbiguousName {
        /// The name as it was given.
        name: String,
        /// The first few resources that it fits.
        candidates: Vec<String>,
    },
    /// The resource or field is known, but was not there at that time: ask about another time.
    #[error("{what}")]
    NotThere {
        /// What is not there, and since when if that is known.
        what: String,
        /// What to ask instead.
        advice: String,
    },
}

/// Where a name was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchedInput {
    /// Everything that a store or a tape ever recorded.
    History,
    /// A cluster as it is now.
    Cluster,
    /// One namespace of a cluster: nothing else was looked at.
    ClusterNamespace(String),
    /// A dump.
    Dump,
}

impl fmt::Display for SearchedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History => f.write_str("the recorded history"),
            Self::Cluster => f.write_str("the cluster"),
            Self::ClusterNamespace(namespace) => write!(f, "namespace `{namespace}` of the cluster"),
            Self::Dump => f.write_str("the dump"),
        }
    }
}

impl EstateError {
    /// Returns what to do about it, for a person, if more can be said than the error itself says.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { expected, .. } => expected.map(str::to_owned),
            Self::Store { source: StoreError::Corrupt { .. }, .. } => {
                Some("verify the store to see where, and repair it to cut out what is damaged".to_owned())
            }
            Self::Store { source: StoreError::InUse { .. }, .. } => {
                Some("one process at a time writes a store; reading needs no lock".to_owned())
            }
            Self::Store { .. }
            | Self::NoCluster { .. }
            | Self::Unreachable { .. }
            | Self::UnseenResource { .. } => None,
            Self::NeedsHistory { .. } => Some(
                "a dump or a cluster only knows how it is now; a store or a tape knows the past".to_owned(),
            ),
            Self::UnknownResource { nearest, .. } | Self::UnknownNamespace { nearest, .. } => {
                (!nearest.is_empty()).then(|| format!("nearest: {}", nearest.join(", ")))
            }
            Self::AmbiguousName { candidates, .. } => Some(format!("say which: {}", candidates.join(", "))),
            Self::NotThere { advice, .. } => (!advice.is_empty()).then(|| advice.clone()),
        }
    }

    pub(super) fn unreadable(what: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Unreadable { what: what.into(), expected: None, source: source.into() }
    }

    pub(super) fn store(name: &str, source: StoreError) -> Self {
        Self::Store { name: name.to_owned(), source }
    }

    /// Adds the form that is expected.
    pub(super) fn expecting(mut self, form: &'static str) -> Self {
        if let Self::Unreadable { expected, .. } = &mut self {
            *expected = Some(form);
        }
        self
    }
}
