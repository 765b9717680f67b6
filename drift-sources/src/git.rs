//! Reads any revision of a local or remote Git repository without a checkout.
//!
//! [`GitSpec`] says which repository, revision and folder; [`GitRepo::open`] makes its objects readable (in place, from a
//! bundle, or by fetching a remote); the rest are questions about commits: the manifests of a tree ([`GitRepo::list`],
//! [`GitDesired`]), who last changed a line ([`GitRepo::blame_lines`]), which commits touched a path
//! ([`GitRepo::history`]), and what differs between two of them ([`GitRepo::changed_files`]).
//!
//! **Invariant:** nothing that a repository says is executed or followed out of it. No hook, filter, textconv, credential
//! helper or include runs; configuration of the system, of the user and of the repository is not consulted; nothing is
//! checked out, so neither names nor symlinks in a tree reach the file system.
//!
//! ```no_run
//! use drift_sources::git::{GitOptions, GitRepo, GitSpec};
//!
//! let spec = GitSpec::parse("https://git.example.com/shop.git@main:deploy")?;
//! let repo = GitRepo::open(&spec, &GitOptions::default())?;
//! let commit = repo.resolve(spec.revision.as_deref().unwrap_or("HEAD"))?;
//! for file in repo.list(&commit, spec.subdir.as_deref())?.files {
//!     println!("{} was last changed by {}", file.path, repo.blame_lines(commit.id, &file.path)?.lines()[0].commit.author.name);
//! }
//! # Ok::<(), drift_sources::git::GitError>(())
//! ```

mod blame;
mod bundle;
mod commit;
mod desired;
mod error;
mod files;
mod handles;
mod history;
mod open;
mod remote;
mod source;
mod spec;
mod tree;

pub use blame::{Blame, BlameBasis, BlamedLine};
pub use commit::{BlobId, Commit, CommitId, GitRef, Person};
pub use desired::GitDesired;
pub use error::GitError;
pub use files::{FileContent, FileListing, GitFile, SkipReason, SkippedEntry};
pub use history::{ChangedFile, FileChangeKind, HistoryOptions, HistoryStop, ParentChoice, PathHistory};
pub use open::{Credentials, FetchDepth, GitLimits, GitOptions, GitRepo};
pub use source::{DecodedFile, FileDecoder, GitSource};
pub use spec::{GitLocation, GitSpec};
