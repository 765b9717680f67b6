//! Files of this machine in a scratch folder, so that they are rendered as those of a commit are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{CommitFiles, SCRATCH_PREFIX, is_plain, write_file};
use crate::scratch::ScratchFolder;

/// Most files that are copied, and most bytes.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 256 << 20;

impl CommitFiles {
    /// Copies files, and folders with all below them, to a scratch folder; paths in it are relative to the nearest folder that
    /// holds them all, which is returned with it.
    ///
    /// Symbolic links and Git's own files are left out.
    ///
    /// # Errors
    /// When something cannot be read or written, or there is too much of it.
    pub fn from_disk(parts: &BTreeSet<PathBuf>) -> io::Result<(Self, PathBuf)> {
        let root = common_folder(parts);
        let folder = ScratchFolder::new(SCRATCH_PREFIX)?;
        let mut copy = Copy {
            from: &root,
            to: folder.path(),
            files: BTreeSet::new(),
            skipped: Vec::new(),
            bytes: 0,
            hasher: blake3::Hasher::new(),
        };
        parts.iter().try_for_each(|part| copy.take(part))?;
        let Copy { files, skipped, hasher, .. } = copy;
        let id = hasher.finalize().to_hex().to_string();
        Ok((Self { folder, id, files, skipped, busy: Mutex::default() }, root))
    }
}

/// Returns the nearest folder that holds all paths.
fn common_folder(parts: &BTreeSet<PathBuf>) -> PathBuf {
    let folder = |p: &PathBuf| if p.is_dir() { p.clone() } else { p.parent().unwrap_or(p).to_owned() };
    let mut folders = parts.iter().map(folder);
    let mut common = folders.next().unwrap_or_default();
    for folder in folders {
        while !folder.starts_with(&common) {
            common.pop();
        }
    }
    common
}

struct Copy<'a> {
    from: &'a Path,
    to: &'a Path,
    files: BTreeSet<String>,
    skipped: Vec<String>,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl Copy<'_> {
    fn take(&mut self, path: &Path) -> io::Result<()> {
        let kind = fs::symlink_metadata(path)?.file_type();
        if kind.is_dir() {
            let mut found = fs::read_dir(path)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
            found.sort();
            let is_git = |p: &Path| p.file_name().is_some_and(|n| n == ".git");
            return found.iter().filter(|p| !is_git(p)).try_for_each(|p| self.take(p));
        }
        let name = path.strip_prefix(self.from).unwrap_or(path).to_string_lossy().into_owned();
        if !kind.is_file() || !is_plain(&name) {
            self.skipped.push(name);
            return Ok(());
        }
        self.bytes += fs::metadata(path)?.len();
        if self.files.len() >= MAX_FILES || self.bytes > MAX_BYTES {
            let most = format!(
                "more than {MAX_FILES} files or {} MiB below {}",
                MAX_BYTES >> 20,
                self.from.display()
            );
            return Err(io::Error::other(most));
        }
        let bytes = fs::read(path)?;
        for part in [name.as_bytes(), &bytes] {
            self.hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        write_file(self.to, &name, &bytes)?;
        self.files.insert(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_their_places_and_links_stay_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (name, text) in
            [("a/base/x.yaml", "1"), ("a/over/y.yaml", "2"), ("a/other/z.yaml", "3"), ("a/.git/c", "")]
        {
            write_file(&root, name, text.as_bytes()).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hostname", root.join("a/over/link.yaml")).unwrap();
        let parts = ["a/base", "a/over/y.yaml", "a/over/link.yaml"].map(|p| root.join(p));
        let (files, from) = CommitFiles::from_disk(&BTreeSet::from(parts)).unwrap();
        assert_eq!(from, root.join("a"));
        assert_eq!(files.files().collect::<Vec<_>>(), ["base/x.yaml", "over/y.yaml"]);
        assert_eq!(files.read("over/y.yaml").as_deref(), Some(&b"2"[..]));
        assert_eq!(files.skipped(), ["over/link.yaml"]);
    }
}
