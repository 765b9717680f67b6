//! Desired state at one revision.

use super::files::FileContent;
use super::{Commit, GitError, GitFile, GitOptions, GitRepo, GitSpec, SkippedEntry};

/// The manifests of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitDesired {
    /// The commit that the revision names.
    pub commit: Commit,
    /// The folder or file that was read, from the root of the repository.
    pub subdir: Option<String>,
    /// The manifests with their content, by path from the root of the repository.
    pub files: Vec<FileContent>,
    /// Entries that a checkout would contain but that were not read.
    pub skipped: Vec<SkippedEntry>,
}

impl GitDesired {
    /// Opens the repository of `spec` and reads its manifests; the repository is returned too, for blame and history.
    ///
    /// # Errors
    /// As [`GitRepo::open`], [`GitRepo::resolve`] and [`GitRepo::list`].
    pub fn load(spec: &GitSpec, options: &GitOptions) -> Result<(GitRepo, Self), GitError> {
        let repo = GitRepo::open(spec, options)?;
        let commit = repo.resolve(spec.revision.as_deref().unwrap_or("HEAD"))?;
        let desired = Self::read(&repo, commit, repo.subdir_of(spec))?;
        Ok((repo, desired))
    }

    /// Reads the manifests of a commit at or below `subdir`.
    ///
    /// # Errors
    /// As [`GitRepo::list`] and [`GitRepo::read`].
    pub fn read(repo: &GitRepo, commit: Commit, subdir: Option<String>) -> Result<Self, GitError> {
        let listing = repo.list(&commit, subdir.as_deref())?;
        let read = |file: GitFile| repo.read(&file).map(|bytes| FileContent { file, bytes });
        let files = listing.files.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { commit, subdir, files, skipped: listing.skipped })
    }

    /// Returns path and content of each manifest.
    pub fn into_files(self) -> Vec<(String, Vec<u8>)> {
        self.files.into_iter().map(|f| (f.file.path, f.bytes)).collect()
    }
}
