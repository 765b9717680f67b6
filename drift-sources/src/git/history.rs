//! Which commits touched a path, and what differs between two commits.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::files::{abbreviated, join, over};
use super::tree::Entry;
use super::{BlobId, Commit, CommitId, GitError, GitRepo};

/// Which parents of a merge are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parents {
    /// As `git log -- PATH`: a merge that took the path as it was in one parent is passed through to that parent.
    #[default]
    All,
    /// Only the first, as `git log --first-parent`: a merge stands for all that it brought.
    First,
}

/// How a history is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Most commits returned.
    pub limit: usize,
    /// Which parents are followed.
    pub parents: Parents,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { limit: usize::MAX, parents: Parents::All }
    }
}

/// Why a history is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryStop {
    /// As many commits as were asked for were found.
    Limit,
    /// The clone is shallow: older commits exist but are not here, and its oldest commits seem to add everything.
    Shallow,
}

/// Commits that touched a path, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The commits.
    pub commits: Vec<Commit>,
    /// Why there can be more, if so.
    pub stopped: Option<HistoryStop>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content differs.
    Modified,
    /// It is gone. A renamed file is one deleted and one added: what a manifest declares does not depend on its file's name.
    Deleted,
}

/// A file that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Its content in the older commit.
    pub before: Option<BlobId>,
    /// Its content in the newer commit.
    pub after: Option<BlobId>,
}

/// Newest commit time first; ids only make the order total.
type Queue = BinaryHeap<(i64, std::cmp::Reverse<u64>, ObjectId)>;

/// Whether the commit has parents that are not here. The list of a shallow clone also names true roots.
pub(super) fn is_cut_off(boundary: &BTreeSet<ObjectId>, commit: &Commit) -> bool {
    boundary.contains(&commit.id.0) && !commit.parents.is_empty()
}

/// What a walk needs of a commit.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) parents: Vec<ObjectId>,
    pub(super) time: i64,
    pub(super) tree: ObjectId,
}

impl GitRepo {
    /// Commits that changed `path`, a file or folder ("" is everything), from `from` backwards.
    /// Renames are not followed. A path that never existed has an empty history.
    ///
    /// # Errors
    /// [`GitError::Corrupt`]; [`GitError::TooLarge`] past [`Limits::commits`](super::Limits::commits).
    pub fn history(&self, path: &str, from: CommitId, options: HistoryOptions) -> Result<History, GitError> {
        let boundary = self.shallow_boundary()?;
        let mut walk =
            Walk { repo: self, path, boundary: &boundary, nodes: HashMap::new(), at_path: HashMap::new() };
        let (mut queue, mut seen, mut order) = (Queue::new(), BTreeSet::from([from.0]), 0);
        queue.push((walk.node(from.0)?.time, std::cmp::Reverse(order), from.0));
        let mut out = History { commits: Vec::new(), stopped: None };
        while let Some((_, _, id)) = queue.pop() {
            if seen.len() > self.limits.commits {
                return Err(over("the number of commits", self.limits.commits as u64));
            }
            let (touched, follow) = walk.step(id, options.parents)?;
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

    /// Files that differ from commit `before` (nothing at all if `None`) to commit `after`, at or below `subdir`, by path.
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
        Comparison::run(self, subdir, old, new, Wanted::All)
    }

    /// Files of tree `old` with no file or link of that path in tree `new`, with their content, by path.
    pub(super) fn deleted_files(
        &self,
        old: ObjectId,
        new: ObjectId,
    ) -> Result<Vec<(String, ObjectId)>, GitError> {
        let root = |id| Some(Entry { name: Vec::new(), kind: EntryKind::Tree, id });
        let changes = Comparison::run(self, "", root(old), root(new), Wanted::Deleted)?;
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

    pub(super) fn node(&self, id: ObjectId, boundary: &BTreeSet<ObjectId>) -> Result<Node, GitError> {
        let repo = self.handle();
        let read = || -> Result<Node, gix::Error> {
            let object = repo.find_commit(id)?;
            let commit = object.decode()?;
            let parents = if boundary.contains(&id) { Vec::new() } else { commit.parents().collect() };
            Ok(Node { parents, time: commit.committer()?.seconds(), tree: commit.tree() })
        };
        read().map_err(|e| GitError::corrupt(format!("commit {id}"), e))
    }
}

struct Walk<'a> {
    repo: &'a GitRepo,
    path: &'a str,
    boundary: &'a BTreeSet<ObjectId>,
    nodes: HashMap<ObjectId, Node>,
    /// What the path is in a commit: kind and id.
    at_path: HashMap<ObjectId, Option<(EntryKind, ObjectId)>>,
}

impl Walk<'_> {
    fn node(&mut self, id: ObjectId) -> Result<Node, GitError> {
        if let Some(node) = self.nodes.get(&id) {
            return Ok(node.clone());
        }
        let node = self.repo.node(id, self.boundary)?;
        self.nodes.insert(id, node.clone());
        Ok(node)
    }

    fn entry(&mut self, id: ObjectId) -> Result<Option<(EntryKind, ObjectId)>, GitError> {
        if let Some(entry) = self.at_path.get(&id) {
            return Ok(*entry);
        }
        let tree = self.node(id)?.tree;
        let entry = self.repo.entry_at(tree, self.path)?.map(|e| (e.kind, e.id));
        self.at_path.insert(id, entry);
        Ok(entry)
    }

    /// Whether the commit changed the path, and which parents to go on with.
    fn step(&mut self, id: ObjectId, which: Parents) -> Result<(bool, Vec<ObjectId>), GitError> {
        let mut parents = self.node(id)?.parents;
        if which == Parents::First {
            parents.truncate(1);
        }
        let own = self.entry(id)?;
        for parent in &parents {
            if self.entry(*parent)? == own {
                return Ok((false, vec![*parent]));
            }
        }
        // A root is compared with nothing.
        Ok((!parents.is_empty() || own.is_some(), parents))
    }
}

struct Pair {
    path: String,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    depth: usize,
}

/// What a comparison looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// Only files that are gone: folders that are new are not entered.
    Deleted,
}

struct Comparison<'a> {
    repo: &'a GitRepo,
    wanted: Wanted,
    out: Vec<ChangedFile>,
    todo: Vec<Pair>,
    entries: usize,
}

impl Comparison<'_> {
    fn run(
        repo: &GitRepo,
        path: &str,
        old: Option<Entry>,
        new: Option<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<ChangedFile>, GitError> {
        let mut this = Comparison { repo, wanted, out: Vec::new(), todo: Vec::new(), entries: 0 };
        this.pair(path.to_owned(), old, new, 0)?;
        while let Some(pair) = this.todo.pop() {
            this.folder(pair)?;
        }
        this.out.sort();
        Ok(this.out)
    }

    fn folder(&mut self, pair: Pair) -> Result<(), GitError> {
        let mut sides: BTreeMap<Vec<u8>, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
        for entry in self.side(pair.old)? {
            let name = entry.name.clone();
            sides.entry(name).or_default().0 = Some(entry);
        }
        for entry in self.side(pair.new)? {
            let name = entry.name.clone();
            sides.entry(name).or_default().1 = Some(entry);
        }
        for (name, (old, new)) in sides {
            let same = |a: &Entry, b: &Entry| a.id == b.id && a.kind == b.kind;
            if matches!((&old, &new), (Some(a), Some(b)) if same(a, b)) {
                continue;
            }
            let name = String::from_utf8_lossy(&name);
            self.pair(join(&pair.path, &name), old, new, pair.depth + 1)?;
        }
        Ok(())
    }

    fn side(&mut self, tree: Option<ObjectId>) -> Result<Vec<Entry>, GitError> {
        let entries = tree.map(|t| self.repo.entries(t)).transpose()?.unwrap_or_default();
        self.entries += entries.len();
        if self.entries > self.repo.limits.entries {
            return Err(over("the number of files and folders", self.repo.limits.entries as u64));
        }
        Ok(entries)
    }

    /// A file and a folder at one path are a file gone and files come, or the other way round.
    fn pair(
        &mut self,
        path: String,
        old: Option<Entry>,
        new: Option<Entry>,
        depth: usize,
    ) -> Result<(), GitError> {
        let tree = |e: &Option<Entry>| e.as_ref().filter(|e| e.kind == EntryKind::Tree).map(|e| e.id);
        let file = |e: &Option<Entry>| e.as_ref().filter(|e| e.is_file()).map(|e| BlobId(e.id));
        let (before, after) = (file(&old), file(&new));
        let kind = match (before, after) {
            (None, Some(_)) => Some(ChangeKind::Added),
            (Some(_), None) => Some(ChangeKind::Deleted),
            (Some(a), Some(b)) if a != b => Some(ChangeKind::Modified),
            _ => None,
        };
        if let Some(kind) = kind
            && (self.wanted == Wanted::All || (kind == ChangeKind::Deleted && new.is_none()))
        {
            self.out.push(ChangedFile { path: path.clone(), kind, before, after });
        }
        let (old, new) = (tree(&old), tree(&new));
        if old == new || (old.is_none() && self.wanted == Wanted::Deleted) {
            return Ok(());
        }
        if depth > self.repo.limits.depth {
            return Err(over(
                &format!("the depth of folder {}", abbreviated(&path)),
                self.repo.limits.depth as u64,
            ));
        }
        self.todo.push(Pair { path, old, new, depth });
        Ok(())
    }
}
