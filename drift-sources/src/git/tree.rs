//! Looking up paths in trees, with bounds.

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::{Commit, GitError, GitRepo};

/// One entry of a tree; `name` may be any bytes but a slash or NUL in a sound repository, and any at all in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) id: ObjectId,
}

impl TreeEntry {
    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind, EntryKind::Blob | EntryKind::BlobExecutable)
    }

    /// The name as text, if it can stand in a path without changing what the path means or how it prints.
    pub(super) fn plain_name(&self) -> Option<&str> {
        let name = std::str::from_utf8(&self.name).ok()?;
        let plain = !name.is_empty()
            && name != "."
            && name != ".."
            && !name.contains(['/', '\\'])
            && !name.contains(char::is_control);
        plain.then_some(name)
    }
}

impl GitRepo {
    /// The entries of a tree, in its own order.
    pub(super) fn tree_entries(&self, tree: ObjectId) -> Result<Vec<TreeEntry>, GitError> {
        let most = self.limits.entries;
        let repo = self.handle();
        let read = || -> Result<Vec<TreeEntry>, gix::Error> {
            let object = repo.find_tree(tree)?;
            let mut entries = Vec::new();
            // One more than allowed is enough for the caller to see that it is too many.
            for entry in object.iter().take(most.saturating_add(1)) {
                let entry = entry?;
                entries.push(TreeEntry {
                    name: entry.filename().to_vec(),
                    kind: entry.mode().kind(),
                    id: entry.object_id(),
                });
            }
            Ok(entries)
        };
        read().map_err(|e| GitError::corrupt(format!("tree {tree}"), e))
    }

    /// What `path` is in `tree`, or `None`. Entries that are neither file nor folder count.
    pub(super) fn entry_at(&self, tree: ObjectId, path: &str) -> Result<Option<TreeEntry>, GitError> {
        let mut at = TreeEntry { name: Vec::new(), kind: EntryKind::Tree, id: tree };
        for name in path.split('/').filter(|n| !n.is_empty()) {
            if at.kind != EntryKind::Tree {
                return Ok(None);
            }
            match self.entry_named(at.id, name)? {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn entry_named(&self, tree: ObjectId, name: &str) -> Result<Option<TreeEntry>, GitError> {
        let repo = self.handle();
        let read = || -> Result<Option<TreeEntry>, gix::Error> {
            let object = repo.find_tree(tree)?;
            for entry in object.iter() {
                let entry = entry?;
                if entry.filename() == name {
                    return Ok(Some(TreeEntry {
                        name: name.into(),
                        kind: entry.mode().kind(),
                        id: entry.object_id(),
                    }));
                }
            }
            Ok(None)
        };
        read().map_err(|e| GitError::corrupt(format!("tree {tree}"), e))
    }

    /// The error for a path that is not there, with what is in the nearest folder.
    pub(super) fn no_such_path(&self, commit: &Commit, path: &str) -> GitError {
        let mut folder = path;
        let nearby = loop {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            match self.entry_at(commit.tree, folder) {
                Ok(Some(entry)) if entry.kind == EntryKind::Tree => break self.names_in(entry.id, folder),
                _ if folder.is_empty() => break Vec::new(),
                _ => {}
            }
        };
        GitError::NoSuchPath { path: path.to_owned(), commit: commit.id.short(), nearby }
    }

    fn names_in(&self, tree: ObjectId, folder: &str) -> Vec<String> {
        let entries = self.tree_entries(tree).unwrap_or_default();
        let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        entries.iter().filter_map(TreeEntry::plain_name).take(8).map(path).collect()
    }
}
