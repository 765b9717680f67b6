//! Declared state of a branch, updated commit by commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::{Object, ResourceKey};

use super::super::files::is_manifest;
use super::super::{BlobId, Commit, GitError, GitRepo};
use super::{DecodedFile, FileDecoder};

/// An object whose declaration changed.
#[derive(Debug)]
pub(super) struct DeclaredChange {
    pub(super) key: ResourceKey,
    pub(super) before: Option<Arc<Object>>,
    pub(super) now: Option<Arc<Object>>,
}

/// The changes of one commit.
#[derive(Debug, Default)]
pub(super) struct CommitChanges {
    pub(super) changes: Vec<DeclaredChange>,
    pub(super) problems: Vec<String>,
}

/// Declarations by resource, each by file and place in it: of several the last one counts, as after `kubectl apply -f` of the folder.
pub(super) struct DeclaredState {
    subdir: Option<String>,
    decode: FileDecoder,
    declarations: BTreeMap<ResourceKey, BTreeMap<(String, usize), Arc<Object>>>,
    by_file: BTreeMap<String, BTreeSet<ResourceKey>>,
}

impl DeclaredState {
    pub(super) fn new(subdir: Option<String>, decode: FileDecoder) -> Self {
        Self { subdir, decode, declarations: BTreeMap::new(), by_file: BTreeMap::new() }
    }

    /// Updates the state from commit `last` to `commit`.
    pub(super) fn apply_commit(
        &mut self,
        repo: &GitRepo,
        last: Option<&Commit>,
        commit: &Commit,
    ) -> Result<CommitChanges, GitError> {
        let (mut step, mut before) = (CommitChanges::default(), BTreeMap::new());
        for file in repo.changed_files(last, commit, self.subdir.as_deref())? {
            if is_manifest(&file.path) {
                self.replace_file(repo, &file.path, file.after, &mut before, &mut step)?;
            }
        }
        for (key, before) in before {
            let now = self.effective_object(&key);
            if now != before {
                step.changes.push(DeclaredChange { key, before, now });
            }
        }
        Ok(step)
    }

    fn effective_object(&self, key: &ResourceKey) -> Option<Arc<Object>> {
        self.declarations.get(key)?.values().next_back().cloned()
    }

    /// Replaces what a file declares; `before` gets what counted for each resource that it concerns.
    fn replace_file(
        &mut self,
        repo: &GitRepo,
        path: &str,
        content: Option<BlobId>,
        before: &mut BTreeMap<ResourceKey, Option<Arc<Object>>>,
        step: &mut CommitChanges,
    ) -> Result<(), GitError> {
        let decoded = match content.map(|blob| repo.read_blob(blob, path)).transpose() {
            Ok(Some(bytes)) => (self.decode)(path, &bytes),
            Ok(None) => DecodedFile::default(),
            Err(GitError::TooLarge { what, limit }) => {
                let problem = GitError::TooLarge { what, limit }.to_string();
                DecodedFile { objects: Vec::new(), problems: vec![problem] }
            }
            Err(e) => return Err(e),
        };
        let readable = decoded.problems.is_empty();
        step.problems.extend(decoded.problems);
        let new: Vec<(ResourceKey, Arc<Object>)> =
            decoded.objects.into_iter().map(|o| (o.key(), Arc::new(o))).collect();
        let old = self.by_file.remove(path).unwrap_or_default();
        let mut keys: BTreeSet<ResourceKey> = new.iter().map(|(key, _)| key.clone()).collect();
        for key in old.union(&keys) {
            before.entry(key.clone()).or_insert_with(|| self.effective_object(key));
        }
        if readable {
            old.iter().for_each(|key| self.forget_file(key, path));
        } else {
            // What could not be read may still declare what it did.
            old.intersection(&keys).for_each(|key| self.forget_file(key, path));
            keys.extend(old);
        }
        for (place, (key, object)) in new.into_iter().enumerate() {
            self.declarations.entry(key).or_default().insert((path.to_owned(), place), object);
        }
        if !keys.is_empty() {
            self.by_file.insert(path.to_owned(), keys);
        }
        Ok(())
    }

    fn forget_file(&mut self, key: &ResourceKey, path: &str) {
        if let Some(places) = self.declarations.get_mut(key) {
            places.retain(|(file, _), _| file != path);
            if places.is_empty() {
                self.declarations.remove(key);
            }
        }
    }
}
