//! The manifests of a commit.

use gix::objs::tree::EntryKind;

use super::tree::TreeEntry;
use super::{BlobId, Commit, GitError, GitRepo};

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its content's id.
    pub blob: BlobId,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why an entry below the folder asked for is not among the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SkipReason {
    /// A symbolic link, which is not followed, with what it points to.
    Symlink(String),
    /// Another repository at some commit of it.
    Submodule,
    /// A manifest larger than [`GitLimits::file_bytes`](super::GitLimits::file_bytes), with its size.
    TooLarge(u64),
    /// A name that is not UTF-8, holds control characters, or would leave its folder; nothing below it is read.
    UnsafeName,
}

/// An entry that is not among the files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkippedEntry {
    /// Its path from the root of the repository, with unprintable parts escaped.
    pub path: String,
    /// Why it was skipped.
    pub reason: SkipReason,
}

/// A file of a commit with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Where it is.
    pub file: GitFile,
    /// What it contains, as stored.
    pub bytes: Vec<u8>,
}

/// The manifests below a folder of a commit, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileListing {
    /// Files that end in `.yaml`, `.yml` or `.json`.
    pub files: Vec<GitFile>,
    /// Entries that a reader of a checkout might expect but that are not read. Other files are not listed.
    pub skipped: Vec<SkippedEntry>,
}

pub(super) fn is_manifest(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
}

/// A folder to visit.
struct PendingFolder {
    path: String,
    tree: gix::ObjectId,
    depth: usize,
}

struct FileWalk<'a> {
    repo: &'a GitRepo,
    out: FileListing,
    all: bool,
    todo: Vec<PendingFolder>,
    entries: usize,
    bytes: u64,
}

impl GitRepo {
    /// Lists the manifests at or below `subdir`, a folder or one file, without reading their content.
    ///
    /// # Errors
    /// [`GitError::NoSuchPath`]; [`GitError::TooLarge`] past a limit on entries, depth or total size; [`GitError::Corrupt`].
    pub fn list(&self, commit: &Commit, subdir: Option<&str>) -> Result<FileListing, GitError> {
        self.walk_tree(commit, subdir, false)
    }

    /// Lists every file of a commit, whatever its name, without reading any.
    ///
    /// # Errors
    /// As [`GitRepo::list`].
    pub fn every_file(&self, commit: &Commit) -> Result<FileListing, GitError> {
        self.walk_tree(commit, None, true)
    }

    fn walk_tree(&self, commit: &Commit, subdir: Option<&str>, all: bool) -> Result<FileListing, GitError> {
        let subdir = subdir.unwrap_or("");
        let top = self.entry_at(commit.tree, subdir)?.ok_or_else(|| self.no_such_path(commit, subdir))?;
        let mut walk =
            FileWalk { repo: self, out: FileListing::default(), all, todo: Vec::new(), entries: 0, bytes: 0 };
        if top.kind == EntryKind::Tree {
            walk.todo.push(PendingFolder { path: subdir.to_owned(), tree: top.id, depth: 0 });
        } else {
            walk.visit_entry(subdir.to_owned(), &top, 0)?;
        }
        while let Some(folder) = walk.todo.pop() {
            walk.visit_folder(&folder)?;
        }
        walk.out.files.sort();
        walk.out.skipped.sort();
        Ok(walk.out)
    }

    /// Reads the content of a file, as stored: neither line ends nor encodings are converted.
    ///
    /// # Errors
    /// [`GitError::Corrupt`] if it is missing or damaged; [`GitError::TooLarge`].
    pub fn read(&self, file: &GitFile) -> Result<Vec<u8>, GitError> {
        self.read_blob(file.blob, &file.path)
    }

    /// Reads the manifests at or below `subdir`, by path. [`GitRepo::list`] returns what is skipped.
    ///
    /// # Errors
    /// As [`GitRepo::list`], and each item as [`GitRepo::read`].
    pub fn read_files(
        &self,
        commit: &Commit,
        subdir: Option<&str>,
    ) -> Result<impl Iterator<Item = Result<FileContent, GitError>>, GitError> {
        let listing = self.list(commit, subdir)?;
        Ok(listing.files.into_iter().map(|file| self.read(&file).map(|bytes| FileContent { file, bytes })))
    }

    pub(super) fn read_blob(&self, id: BlobId, path: &str) -> Result<Vec<u8>, GitError> {
        let corrupt = |e| GitError::corrupt(format!("file {path} (blob {})", id.short()), e);
        if self.blob_size(id, path)? > self.limits.file_bytes {
            return Err(GitError::TooLarge { what: format!("file {path}"), limit: self.limits.file_bytes });
        }
        Ok(self.handle().find_blob(id.0).map_err(corrupt)?.take_data())
    }

    pub(super) fn blob_size(&self, id: BlobId, path: &str) -> Result<u64, GitError> {
        let header = self.handle().find_header(id.0);
        Ok(header.map_err(|e| GitError::corrupt(format!("file {path} (blob {})", id.short()), e))?.size())
    }
}

impl FileWalk<'_> {
    fn visit_folder(&mut self, folder: &PendingFolder) -> Result<(), GitError> {
        for entry in self.repo.tree_entries(folder.tree)? {
            self.entries += 1;
            if self.entries > self.repo.limits.entries {
                return Err(limit_exceeded(
                    "the number of files and folders",
                    self.repo.limits.entries as u64,
                ));
            }
            let Some(name) = entry.plain_name() else {
                let name = entry.name.escape_ascii().to_string();
                self.skip_entry(join_path(&folder.path, &name), SkipReason::UnsafeName);
                continue;
            };
            self.visit_entry(join_path(&folder.path, name), &entry, folder.depth + 1)?;
        }
        Ok(())
    }

    fn visit_entry(&mut self, path: String, entry: &TreeEntry, depth: usize) -> Result<(), GitError> {
        match entry.kind {
            EntryKind::Tree if depth > self.repo.limits.depth => {
                return Err(limit_exceeded(
                    &format!("the depth of folder {}", abbreviate_path(&path)),
                    self.repo.limits.depth as u64,
                ));
            }
            EntryKind::Tree => self.todo.push(PendingFolder { path, tree: entry.id, depth }),
            EntryKind::Commit => self.skip_entry(path, SkipReason::Submodule),
            EntryKind::Link => {
                let target = self.repo.read_blob(BlobId(entry.id), &path)?;
                let target = String::from_utf8_lossy(&target).chars().take(200).collect();
                self.skip_entry(path, SkipReason::Symlink(target));
            }
            EntryKind::Blob | EntryKind::BlobExecutable if self.all || is_manifest(&path) => {
                self.add_file(path, entry)?
            }
            EntryKind::Blob | EntryKind::BlobExecutable => {}
        }
        Ok(())
    }

    fn add_file(&mut self, path: String, entry: &TreeEntry) -> Result<(), GitError> {
        let bytes = self.repo.blob_size(BlobId(entry.id), &path)?;
        if bytes > self.repo.limits.file_bytes {
            self.skip_entry(path, SkipReason::TooLarge(bytes));
            return Ok(());
        }
        self.bytes += bytes;
        if self.bytes > self.repo.limits.total_bytes {
            return Err(limit_exceeded("the size of all manifests together", self.repo.limits.total_bytes));
        }
        self.out.files.push(GitFile { path, blob: BlobId(entry.id), bytes });
        Ok(())
    }

    fn skip_entry(&mut self, path: String, reason: SkipReason) {
        self.out.skipped.push(SkippedEntry { path, reason });
    }
}

pub(super) fn join_path(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

pub(super) fn limit_exceeded(what: &str, limit: u64) -> GitError {
    GitError::TooLarge { what: what.to_owned(), limit }
}

pub(super) fn abbreviate_path(path: &str) -> String {
    let mut start: String = path.chars().take(60).collect();
    if start.len() < path.len() {
        start.push_str("...");
    }
    start
}
