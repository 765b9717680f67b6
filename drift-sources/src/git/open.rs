//! Opens repositories: local ones in place, bundles and remotes in a scratch folder or cache.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use super::blame::BlameCache;
use super::handles::{RepositoryHandle, RepositoryHandles};
use super::spec::normal_subdir;
use super::{GitError, GitLocation, GitSpec, bundle, remote};
use crate::scratch::ScratchFolder;

/// How much of a remote's history is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FetchDepth {
    /// The complete history: needed for blame, history and expressions such as `HEAD~2`.
    #[default]
    Full,
    /// The one commit asked for, where the remote allows it and a branch, tag, full id or `HEAD` is asked for; else all.
    Tip,
}

/// User name and password, or token, for a remote over HTTP. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; several hosts take any when the password is a token.
    pub username: String,
    /// Password, or an access token.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Limits for reading a repository. Exceeding one is an error, or the entry is listed as skipped; nothing is dropped silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLimits {
    /// Largest file that is read, in bytes.
    pub file_bytes: u64,
    /// Most bytes of all files of one listing together.
    pub total_bytes: u64,
    /// Most entries of trees visited for one listing or comparison, files and folders of any kind.
    pub entries: usize,
    /// Deepest nesting of folders.
    pub depth: usize,
    /// Most commits visited for one blame or history.
    pub commits: usize,
    /// Longest time a remote may take, fetching included.
    pub remote_time: Duration,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            total_bytes: 1 << 30,
            entries: 2_000_000,
            depth: 100,
            commits: 2_000_000,
            remote_time: Duration::from_secs(600),
        }
    }
}

impl GitLimits {
    /// Objects are decoded whole; trees and commits of a sound repository are far smaller than this too.
    pub(super) fn object_bytes_in_memory(&self) -> usize {
        usize::try_from(self.file_bytes.max(512 << 20)).unwrap_or(usize::MAX)
    }
}

/// How a repository is opened.
#[derive(Debug, Clone, Default)]
pub struct GitOptions {
    /// Folder for bare clones of remotes that are reused between runs; without it, a scratch folder that is removed with the [`GitRepo`].
    pub cache: Option<PathBuf>,
    /// How much of a remote is fetched.
    pub depth: FetchDepth,
    /// Credentials for remotes; those in the URL are the default. There is never a prompt on the terminal.
    pub credentials: Option<Credentials>,
    /// Limits for reading.
    pub limits: GitLimits,
}

/// A repository whose objects can be read, from any number of threads.
pub struct GitRepo {
    handles: RepositoryHandles,
    /// As it is named in messages.
    pub(super) place: String,
    /// The folder of the repository that the spec's path is, if it is one inside of it.
    inside: Option<String>,
    pub(super) limits: GitLimits,
    pub(super) blames: Mutex<BlameCache>,
    /// Removes the clone when this is dropped.
    _scratch: Option<ScratchFolder>,
}

impl fmt::Debug for GitRepo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitRepo({})", self.place)
    }
}

impl GitRepo {
    /// Opens the repository of `spec`; a remote is fetched first, a bundle unpacked.
    ///
    /// # Errors
    /// [`GitError::NotARepository`] with what was found; [`GitError::Unreachable`] and [`GitError::Denied`] for remotes;
    /// [`GitError::Unsupported`] for repositories of another hash and incomplete bundles. Whether the revision exists
    /// is for [`GitRepo::resolve`].
    pub fn open(spec: &GitSpec, options: &GitOptions) -> Result<Self, GitError> {
        let place = spec.location.to_string();
        match &spec.location {
            GitLocation::Remote(url) => {
                let (folder, scratch) = remote::folder(url, options)?;
                let repo = remote::fetch_remote(url, spec.revision.as_deref(), &folder, options)?;
                Ok(Self::new(repo, place, scratch, options))
            }
            GitLocation::Local(path) if path.is_file() => {
                if !bundle::is_bundle(path) {
                    return Err(not_a_repository(path, "a file that is no Git bundle"));
                }
                let scratch = scratch_folder()?;
                let repo = bundle::import_bundle(path, scratch.path(), &options.limits)?;
                Ok(Self::new(repo, place, Some(scratch), options))
            }
            GitLocation::Local(path) => {
                let (repo, inside) = open_local(path, &options.limits)?;
                let mut this = Self::new(repo, place, None, options);
                this.inside = inside;
                Ok(this)
            }
        }
    }

    fn new(
        repo: gix::Repository,
        place: String,
        scratch: Option<ScratchFolder>,
        options: &GitOptions,
    ) -> Self {
        Self {
            handles: RepositoryHandles::new(repo),
            place,
            inside: None,
            limits: options.limits.clone(),
            blames: Mutex::default(),
            _scratch: scratch,
        }
    }

    /// Returns the folder of the repository that `spec` names: its subdir, below the folder its path is in a work tree.
    pub fn subdir_of(&self, spec: &GitSpec) -> Option<String> {
        match (&self.inside, &spec.subdir) {
            (Some(inside), Some(subdir)) => Some(format!("{inside}/{subdir}")),
            (inside, subdir) => inside.clone().or_else(|| subdir.clone()),
        }
    }

    /// Returns `true` if the repository has only the newest part of its history.
    pub fn is_shallow(&self) -> bool {
        // An unreadable list of boundaries shows up as a missing commit where it matters.
        self.handle().is_shallow().unwrap_or(false)
    }

    /// Borrows the repository for one question.
    pub(super) fn handle(&self) -> RepositoryHandle<'_> {
        self.handles.borrow()
    }
}

pub(super) fn scratch_folder() -> Result<ScratchFolder, GitError> {
    ScratchFolder::new("drift-git-").map_err(|e| GitError::corrupt("a scratch folder", e))
}

fn not_a_repository(path: &Path, why: impl Into<String>) -> GitError {
    GitError::NotARepository { path: path.to_owned(), why: why.into() }
}

/// `HEAD`, `objects` and `refs` side by side, with no work tree around them.
pub(super) fn is_bare_repository(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

/// Options that read no configuration but what the format of the repository needs.
///
/// Reduced trust makes the repository's own configuration (drivers, commands, includes) ineffective whoever owns it.
pub(super) fn isolated_options(limits: &GitLimits) -> gix::open::Options {
    gix::open::Options::isolated().with(gix::sec::Trust::Reduced).config_overrides([
        "core.deltaBaseCacheLimit=96m".to_owned(),
        format!("gitoxide.objects.allocLimit={}", limits.object_bytes_in_memory()),
        // Written into the log of references when fetching; the user's own is not read.
        "gitoxide.committer.nameFallback=drift".to_owned(),
        "gitoxide.committer.emailFallback=drift@localhost".to_owned(),
        // Never a question on the terminal.
        "core.sshCommand=ssh -oBatchMode=yes -oConnectTimeout=30".to_owned(),
        "ssh.variant=ssh".to_owned(),
    ])
}

/// The repository at `path` or around it, and the folder in it that `path` is.
fn open_local(path: &Path, limits: &GitLimits) -> Result<(gix::Repository, Option<String>), GitError> {
    if !path.exists() {
        return Err(not_a_repository(path, "it does not exist"));
    }
    let (found, _) = gix::discover::upwards(path)
        .map_err(|_| not_a_repository(path, "neither it nor a folder above it holds one"))?;
    let (git_dir, work_tree) = found.into_repository_and_work_tree_directories();
    let repo = gix::open_opts(&git_dir, isolated_options(limits)).map_err(|e| {
        if e.is_unsupported() {
            GitError::unsupported(format!(
                "repository {} uses a format that is not read here: {e}",
                path.display()
            ))
        } else {
            GitError::corrupt(format!("repository {}", git_dir.display()), e)
        }
    })?;
    let inside = match work_tree {
        Some(root) => folder_in(&root, path)?,
        None => None,
    };
    Ok((repo, inside))
}

fn folder_in(root: &Path, path: &Path) -> Result<Option<String>, GitError> {
    let real =
        |p: &Path| p.canonicalize().map_err(|e| GitError::corrupt(format!("folder {}", p.display()), e));
    let (root, path) = (real(if root.as_os_str().is_empty() { Path::new(".") } else { root })?, real(path)?);
    let Ok(inside) = path.strip_prefix(&root) else { return Ok(None) };
    let names: Option<Vec<&str>> = inside.iter().map(|name| name.to_str()).collect();
    let names = names.ok_or_else(|| not_a_repository(&path, "its name is not UTF-8"))?;
    // A path into `.git` itself is the repository.
    if names.first() == Some(&".git") {
        return Ok(None);
    }
    Ok(normal_subdir(&names.join("/")).unwrap_or_default())
}
