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
pub use commit::{BlobId, Commit, CommitId, Person, Reference};
pub use desired::GitDesired;
pub use error::GitError;
pub use files::{GitFile, Listing, SkipReason, Skipped};
pub use history::{ChangeKind, ChangedFile, History, HistoryOptions, HistoryStop, Parents};
pub use open::{Credentials, Depth, GitOptions, GitRepo, Limits};
pub use source::{DecodedFile, FileDecoder, GitSource};
pub use spec::{GitLocation, GitSpec};
