//! What goes wrong with a repository, by what the caller can do about it.

use std::path::PathBuf;
use std::time::Duration;

/// A failure to read a Git repository. No variant carries a password: URLs are shown without their user information.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// The text given is not `PATH_OR_URL[@REV][:SUBDIR]`.
    #[error("`{spec}` names no repository: {why}")]
    InvalidSpec {
        /// What was given, without credentials.
        spec: String,
        /// Which rule it breaks.
        why: String,
    },
    /// There is a path, but no repository or bundle that can be read there.
    #[error("`{}` is not a Git repository: {why}", path.display())]
    NotARepository {
        /// What was tried.
        path: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// The repository has no such revision.
    #[error("{repository} has no revision `{revision}`{}", suggestions_text(suggestions))]
    UnknownRevision {
        /// The revision asked for.
        revision: String,
        /// The repository, as given.
        repository: String,
        /// References that exist, nearest first.
        suggestions: Vec<String>,
    },
    /// The revision has no such file or folder.
    #[error("`{path}` does not exist at commit {commit}{}", suggestions_text(nearby))]
    NoSuchPath {
        /// The path asked for.
        path: String,
        /// Abbreviated id of the commit.
        commit: String,
        /// Names in the nearest folder that does exist.
        nearby: Vec<String>,
    },
    /// The remote could not be reached, or not within the time allowed.
    #[error("remote {url} cannot be reached{}", limit.map(|d| format!(" within {} s", d.as_secs())).unwrap_or_default())]
    Unreachable {
        /// The remote, without credentials.
        url: String,
        /// The time that ran out, if that was the reason.
        limit: Option<Duration>,
        /// What the transport said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The remote wants other credentials, or any at all.
    #[error("remote {url} refused access: {why}")]
    Denied {
        /// The remote, without credentials.
        url: String,
        /// What became of the credentials.
        why: &'static str,
    },
    /// The repository is sound but uses something not read here.
    #[error("{what}")]
    Unsupported {
        /// What it is and what to do about it.
        what: String,
    },
    /// A limit of [`GitLimits`](super::GitLimits) was reached: more is not read.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit that was exceeded.
        limit: u64,
    },
    /// An object or file of the repository is missing, damaged, or cannot be read.
    #[error("cannot read {what}")]
    Corrupt {
        /// What was being read.
        what: String,
        /// The underlying error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl GitError {
    pub(super) fn corrupt(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Corrupt { what: what.into(), source: source.into() }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}

fn suggestions_text(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = names.iter().map(|n| format!("`{}`", n.escape_debug())).collect();
    format!(" (there is {})", quoted.join(", "))
}
