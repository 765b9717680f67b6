//! Declared state at one revision: the whole of what the rest of the program needs from Git to compare.

use super::{Commit, GitError, GitFile, GitOptions, GitRepo, GitSpec, Skipped};

/// The manifests of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitDesired {
    /// The commit that the revision names.
    pub commit: Commit,
    /// The folder or file that was read, from the root of the repository.
    pub subdir: Option<String>,
    /// The manifests with their content, by path from the root of the repository.
    pub files: Vec<(GitFile, Vec<u8>)>,
    /// What a checkout would have held but was not read.
    pub skipped: Vec<Skipped>,
}

impl GitDesired {
    /// Opens the repository of `spec` and reads its manifests; the repository is given back for blame and history.
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
        let read = |file: GitFile| repo.read(&file).map(|bytes| (file, bytes));
        let files = listing.files.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { commit, subdir, files, skipped: listing.skipped })
    }

    /// Path and content of each manifest.
    pub fn into_files(self) -> Vec<(String, Vec<u8>)> {
        self.files.into_iter().map(|(file, bytes)| (file.path, bytes)).collect()
    }
}
