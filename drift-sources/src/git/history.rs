//! Which commits touched a path, and what differs between two commits.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::files::{abbreviate_path, join_path, limit_exceeded};
use super::tree::TreeEntry;
use super::{BlobId, Commit, CommitId, GitError, GitRepo};

/// Which parents of a merge are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParentChoice {
    /// As `git log -- PATH`: if a merge took the path unchanged from one parent, only that parent is followed.
    #[default]
    All,
    /// Only the first, as `git log --first-parent`: a merge counts as one change.
    First,
}

/// How a history is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Most commits to return.
    pub limit: usize,
    /// Which parents are followed.
    pub parents: ParentChoice,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { limit: usize::MAX, parents: ParentChoice::All }
    }
}

/// Why a history is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryStop {
    /// As many commits as were asked for were found.
    Limit,
    /// The clone is shallow: older commits are missing, and its oldest commits appear to add every file.
    Shallow,
}

/// Commits that touched a path, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathHistory {
    /// The commits that changed the path.
    pub commits: Vec<Commit>,
    /// Why there can be more, if so.
    pub stopped: Option<HistoryStop>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileChangeKind {
    /// The file is new.
    Added,
    /// The content differs.
    Modified,
    /// The file is gone. A rename is one deleted and one added file, since the content of a manifest does not depend on its name.
    Deleted,
}

/// A file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// What happened to it.
    pub kind: FileChangeKind,
    /// Its content in the older commit.
    pub before: Option<BlobId>,
    /// Its content in the newer commit.
    pub after: Option<BlobId>,
}

/// Newest commit time first; ids only make the order total.
type CommitQueue = BinaryHeap<(i64, std::cmp::Reverse<u64>, ObjectId)>;

/// Returns `true` if the commit has parents that are missing here. The list of a shallow clone also names true roots.
pub(super) fn is_cut_off(boundary: &BTreeSet<ObjectId>, commit: &Commit) -> bool {
    boundary.contains(&commit.id.0) && !commit.parents.is_empty()
}

/// What a walk needs of a commit.
#[derive(Debug, Clone)]
pub(super) struct CommitNode {
    pub(super) parents: Vec<ObjectId>,
    pub(super) time: i64,
    pub(super) tree: ObjectId,
}

impl GitRepo {
    /// Returns the commits that changed `path`, a file or folder ("" is everything), from `from` backwards.
    /// Renames are not followed. A path that never existed has an empty history.
    ///
    /// # Errors
    /// [`GitError::Corrupt`]; [`GitError::TooLarge`] past [`GitLimits::commits`](super::GitLimits::commits).
    pub fn history(
        &self,
        path: &str,
        from: CommitId,
        options: HistoryOptions,
    ) -> Result<PathHistory, GitError> {
        let boundary = self.shallow_boundary()?;
        let mut walk = HistoryWalk {
            repo: self,
            path,
            boundary: &boundary,
            nodes: HashMap::new(),
            at_path: HashMap::new(),
        };
        let (mut queue, mut seen, mut order) = (CommitQueue::new(), BTreeSet::from([from.0]), 0);
        queue.push((walk.node(from.0)?.time, std::cmp::Reverse(order), from.0));
        let mut out = PathHistory { commits: Vec::new(), stopped: None };
        while let Some((_, _, id)) = queue.pop() {
            if seen.len() > self.limits.commits {
                return Err(limit_exceeded("the number of commits", self.limits.commits as u64));
            }
            let (touched, follow) = walk.visit_commit(id, options.parents)?;
            if touched && out.commits.len() == options.limit {
                out.stopped = Some(HistoryStop::Limit);
                return Ok(out);
            }
            if touched {
                out.commits.push(self.commit(CommitId(id))?);
            }
            if boundary.contains(&id) && is_cut_off(&boundary, &self.commit(CommitId(id))?) {
                out.stopped = Some(HistoryStop::Shallow);
            }
            for parent in follow {
                if seen.insert(parent) {
                    order += 1;
                    queue.push((walk.node(parent)?.time, std::cmp::Reverse(order), parent));
                }
            }
        }
        Ok(out)
    }

    /// Returns the files that differ from commit `before` (`None` stands for no files) to commit `after`, at or below `subdir`, by path.
    ///
    /// # Errors
    /// [`GitError::TooLarge`] past a limit on entries or depth; [`GitError::Corrupt`].
    pub fn changed_files(
        &self,
        before: Option<&Commit>,
        after: &Commit,
        subdir: Option<&str>,
    ) -> Result<Vec<ChangedFile>, GitError> {
        let subdir = subdir.unwrap_or("");
        let old = before.map(|c| self.entry_at(c.tree, subdir)).transpose()?.flatten();
        let new = self.entry_at(after.tree, subdir)?;
        TreeComparison::compare(self, subdir, old, new, ComparisonScope::All)
    }

    /// Files of tree `old` with no file or link of that path in tree `new`, with their content, by path.
    pub(super) fn deleted_files(
        &self,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Vec<(String, ObjectId)>, GitError> {
        let root = |id| Some(TreeEntry { name: Vec::new(), kind: EntryKind::Tree, id });
        let changes = TreeComparison::compare(self, "", root(old), root(new), ComparisonScope::Deleted)?;
        Ok(changes.into_iter().filter_map(|c| Some((c.path, c.before?.0))).collect())
    }

    /// Commits whose parents are absent because the clone is shallow.
    pub(super) fn shallow_boundary(&self) -> Result<BTreeSet<ObjectId>, GitError> {
        let commits = self
            .handle()
            .shallow_commits()
            .map_err(|e| GitError::corrupt("the list of shallow commits", e))?;
        Ok(commits.iter().flat_map(|commits| commits.iter().copied()).collect())
    }

    pub(super) fn node(&self, id: ObjectId, boundary: &BTreeSet<ObjectId>) -> Result<CommitNode, GitError> {
        let repo = self.handle();
        let read = || -> Result<CommitNode, gix::Error> {
            let object = repo.find_commit(id)?;
            let commit = object.decode()?;
            let parents = if boundary.contains(&id) { Vec::new() } else { commit.parents().collect() };
            Ok(CommitNode { parents, time: commit.committer()?.seconds(), tree: commit.tree() })
        };
        read().map_err(|e| GitError::corrupt(format!("commit {id}"), e))
    }
}

struct HistoryWalk<'a> {
    repo: &'a GitRepo,
    path: &'a str,
    boundary: &'a BTreeSet<ObjectId>,
    nodes: HashMap<ObjectId, CommitNode>,
    /// What the path is in a commit: kind and id.
    at_path: HashMap<ObjectId, Option<(EntryKind, ObjectId)>>,
}

impl HistoryWalk<'_> {
    fn node(&mut self, id: ObjectId) -> Result<CommitNode, GitError> {
        if let Some(node) = self.nodes.get(&id) {
            return Ok(node.clone());
        }
        let node = self.repo.node(id, self.boundary)?;
        self.nodes.insert(id, node.clone());
        Ok(node)
    }

    fn cached_entry(&mut self, id: ObjectId) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
        if let Some(entry) = self.at_path.get(&id) {
            return Ok(*entry);
        }
        let tree = self.node(id)?.tree;
        let entry = self.repo.entry_at(tree, self.path)?.map(|e| (e.kind, e.id));
        self.at_path.insert(id, entry);
        Ok(entry)
    }

    /// Returns whether the commit changed the path, and which parents to follow.
    fn visit_commit(&mut self, id: ObjectId, which: ParentChoice) -> Result<(bool, Vec<ObjectId>), GitError> {
        let mut parents = self.node(id)?.parents;
        if which == ParentChoice::First {
            parents.truncate(1);
        }
        let own = self.cached_entry(id)?;
        for parent in &parents {
            if self.cached_entry(*parent)? == own {
                return Ok((false, vec![*parent]));
            }
        }
        // A root is compared with nothing.
        Ok((!parents.is_empty() || own.is_some(), parents))
    }
}

struct TreePair {
    path: String,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    depth: usize,
}

/// What a comparison looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ComparisonScope {
    All,
    /// Only files that are gone: folders that are new are not entered.
    Deleted,
}

struct TreeComparison<'a> {
    repo: &'a GitRepo,
    wanted: ComparisonScope,
    out: Vec<ChangedFile>,
    todo: Vec<TreePair>,
    entries: usize,
}

impl TreeComparison<'_> {
    fn compare(
        repo: &GitRepo,
        path: &str,
        old: Option<TreeEntry>,
        new: Option<TreeEntry>,
        wanted: ComparisonScope,
    ) -> Result<Vec<ChangedFile>, GitError> {
        let mut this = TreeComparison { repo, wanted, out: Vec::new(), todo: Vec::new(), entries: 0 };
        this.compare_entries(path.to_owned(), old, new, 0)?;
        while let Some(pair) = this.todo.pop() {
            this.visit_folder(pair)?;
        }
        this.out.sort();
        Ok(this.out)
    }

    fn visit_folder(&mut self, pair: TreePair) -> Result<(), GitError> {
        let mut sides: BTreeMap<Vec<u8>, (Option<TreeEntry>, Option<TreeEntry>)> = BTreeMap::new();
        for entry in self.entries_of(pair.old)? {
            let name = entry.name.clone();
            sides.entry(name).or_default().0 = Some(entry);
        }
        for entry in self.entries_of(pair.new)? {
            let name = entry.name.clone();
            sides.entry(name).or_default().1 = Some(entry);
        }
        for (name, (old, new)) in sides {
            let same = |a: &TreeEntry, b: &TreeEntry| a.id == b.id && a.kind == b.kind;
            if matches!((&old, &new), (Some(a), Some(b)) if same(a, b)) {
                continue;
            }
            let name = String::from_utf8_lossy(&name);
            self.compare_entries(join_path(&pair.path, &name), old, new, pair.depth + 1)?;
        }
        Ok(())
    }

    fn entries_of(&mut self, tree: Option<ObjectId>) -> Result<Vec<TreeEntry>, GitError> {
        let entries = tree.map(|t| self.repo.tree_entries(t)).transpose()?.unwrap_or_default();
        self.entries += entries.len();
        if self.entries > self.repo.limits.entries {
            return Err(limit_exceeded("the number of files and folders", self.repo.limits.entries as u64));
        }
        Ok(entries)
    }

    /// A file and a folder at one path are a file gone and files come, or the other way round.
    fn compare_entries(
        &mut self,
        path: String,
        old: Option<TreeEntry>,
        new: Option<TreeEntry>,
        depth: usize,
    ) -> Result<(), GitError> {
        let tree = |e: &Option<TreeEntry>| e.as_ref().filter(|e| e.kind == EntryKind::Tree).map(|e| e.id);
        let file = |e: &Option<TreeEntry>| e.as_ref().filter(|e| e.is_file()).map(|e| BlobId(e.id));
        let (before, after) = (file(&old), file(&new));
        let kind = match (before, after) {
            (None, Some(_)) => Some(FileChangeKind::Added),
            (Some(_), None) => Some(FileChangeKind::Deleted),
            (Some(a), Some(b)) if a != b => Some(FileChangeKind::Modified),
            _ => None,
        };
        if let Some(kind) = kind
            && (self.wanted == ComparisonScope::All || (kind == FileChangeKind::Deleted && new.is_none()))
        {
            self.out.push(ChangedFile { path: path.clone(), kind, before, after });
        }
        let (old, new) = (tree(&old), tree(&new));
        if old == new || (old.is_none() && self.wanted == ComparisonScope::Deleted) {
            return Ok(());
        }
        if depth > self.repo.limits.depth {
            return Err(limit_exceeded(
                &format!("the depth of folder {}", abbreviate_path(&path)),
                self.repo.limits.depth as u64,
            ));
        }
        self.todo.push(TreePair { path, old, new, depth });
        Ok(())
    }
}
