//! The files of a commit in a scratch folder.

mod local;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path};
use std::sync::{Mutex, PoisonError};

use super::FileEdit;
use crate::git::{Commit, GitError, GitRepo};
use crate::scratch::ScratchFolder;

/// The files of a commit in a scratch folder, which is removed when this is dropped.
#[derive(Debug)]
pub struct CommitFiles {
    folder: ScratchFolder,
    id: String,
    files: BTreeSet<String>,
    skipped: Vec<String>,
    /// Edits are in the folder while a program runs, so only one runs at a time.
    busy: Mutex<()>,
}

/// Returns `true` if a name stays in its folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0'])
        && Path::new(name).components().all(|c| matches!(c, Component::Normal(n) if n != ".git"))
}

/// Start of the name of a folder that is rendered in.
const SCRATCH_PREFIX: &str = "drift-render-";
/// Names under which kustomize looks for its file.
pub(crate) const KUSTOMIZATION_FILES: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Joins a folder of a tree and a path below it; `None` where that would leave the tree.
pub(crate) fn join_path(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    parts.retain(|p| !p.is_empty() && *p != ".");
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns `true` if kustomize takes a file of this name for a kustomization.
pub(crate) fn is_kustomization_name(name: &str) -> bool {
    KUSTOMIZATION_FILES.contains(&name)
}

/// Returns the paths at which kustomize looks for the kustomization of a folder.
pub(crate) fn kustomization_files(folder: &str) -> impl Iterator<Item = String> {
    KUSTOMIZATION_FILES.iter().filter_map(move |name| join_path(folder, name))
}

impl CommitFiles {
    /// Writes the files of a commit that `wanted` accepts to a scratch folder.
    ///
    /// Links and submodules are left out, and so are names that would leave the folder.
    ///
    /// # Errors
    /// When the repository cannot be read or the folder cannot be written.
    pub fn from_commit(
        repo: &GitRepo,
        commit: &Commit,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, GitError> {
        let unwritable =
            |e: io::Error| GitError::TooLarge { what: format!("a scratch folder ({e})"), limit: 0 };
        let folder = ScratchFolder::new(SCRATCH_PREFIX).map_err(unwritable)?;
        let listing = repo.every_file(commit)?;
        let mut skipped: Vec<String> = listing.skipped.iter().map(|s| s.path.clone()).collect();
        let mut files = BTreeSet::new();
        for file in listing.files {
            if !is_plain(&file.path) {
                skipped.push(file.path);
                continue;
            }
            if !wanted(&file.path) {
                continue;
            }
            write_file(folder.path(), &file.path, &repo.read(&file)?).map_err(unwritable)?;
            files.insert(file.path);
        }
        Ok(Self { folder, id: commit.tree_id(), files, skipped, busy: Mutex::default() })
    }

    /// Writes files that are in memory to a scratch folder; names that would leave it are left out.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn from_memory(given: &[FileEdit]) -> io::Result<Self> {
        let folder = ScratchFolder::new(SCRATCH_PREFIX)?;
        let (plain, other): (Vec<_>, Vec<_>) = given.iter().partition(|(name, _)| is_plain(name));
        let mut hasher = blake3::Hasher::new();
        for (name, bytes) in &plain {
            for part in [name.as_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            write_file(folder.path(), name, bytes)?;
        }
        Ok(Self {
            folder,
            id: hasher.finalize().to_hex().to_string(),
            files: plain.into_iter().map(|(name, _)| name.clone()).collect(),
            skipped: other.into_iter().map(|(name, _)| name.clone()).collect(),
            busy: Mutex::default(),
        })
    }

    /// Returns the id of the commit's tree, which identifies the content.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the files by their paths, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|f| &**f)
    }

    /// Returns `true` if there is a file with this path.
    pub fn has_file(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Returns `true` if there is a folder with this path that contains a file at any depth.
    pub fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || {
            let within = format!("{path}/");
            self.files.range(within.clone()..).next().is_some_and(|f| f.starts_with(&within))
        }
    }

    /// Returns the paths that were left out: links, submodules, unsafe names.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Reads a file; `None` if there is none with this path.
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.has_file(path).then(|| fs::read(self.folder.path().join(path)).ok()).flatten()
    }

    /// Returns the scratch folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs something while some files have another content, and restores them afterwards.
    pub(super) fn with_edits<T>(
        &self,
        edits: &[(String, Vec<u8>)],
        run: impl FnOnce(&Path) -> T,
    ) -> io::Result<T> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let root = self.folder.path();
        let edits: Vec<_> = edits.iter().filter(|(name, _)| is_plain(name)).collect();
        let before: Vec<_> = edits.iter().map(|(name, _)| self.read(name)).collect();
        for (name, bytes) in &edits {
            write_file(root, name, bytes)?;
        }
        let result = run(root);
        for ((name, _), before) in edits.iter().zip(before) {
            match before {
                Some(bytes) => write_file(root, name, &bytes)?,
                None => fs::remove_file(root.join(name))?,
            }
        }
        Ok(result)
    }
}

fn write_file(root: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = root.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_not_plain() {
        for (name, want) in [
            ("a/b.yaml", true),
            ("../b", false),
            ("/etc/passwd", false),
            ("a/../../b", false),
            (".git/config", false),
            ("a/.git/hooks/x", false),
            ("a\\b", false),
            ("", false),
            (".hidden", true),
        ] {
            assert_eq!(is_plain(name), want, "{name}");
        }
    }
}
