//! The walk from a commit to the origins of a file's lines.
//!
//! Lines not yet explained ("spans") sit at a place, a path in a commit. The newest place hands each span that a parent
//! has unchanged to that parent; what no parent has originates in the place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use gix::ObjectId;
use gix::diff::blob::sources::byte_lines;
use gix::diff::blob::{Algorithm, Diff, InternedInput, TokenSource};

use super::super::files::limit_exceeded;
use super::super::history::{CommitNode, is_cut_off};
use super::super::{BlobId, Commit, CommitId, GitError, GitRepo};
use super::rename::renamed_from;
use super::{BlameBasis, BlamedLine};

/// Successive lines: from `asked` in the file asked about, from `here` in the place that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LineSpan {
    asked: u32,
    here: u32,
    len: u32,
}

/// A file as a commit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    commit: ObjectId,
    path: Arc<str>,
    blob: ObjectId,
}

/// Spans by path, and the blob at the path.
type PendingSpans = BTreeMap<Arc<str>, (ObjectId, Vec<LineSpan>)>;

struct BlameWalk<'a> {
    repo: &'a GitRepo,
    boundary: BTreeSet<ObjectId>,
    nodes: HashMap<ObjectId, CommitNode>,
    /// Newest first; of equal times the one that came first.
    queue: BinaryHeap<(i64, Reverse<u64>, ObjectId)>,
    pending: HashMap<ObjectId, PendingSpans>,
    origins: Vec<(FileVersion, Vec<LineSpan>)>,
}

pub(super) fn blame_file(repo: &GitRepo, at: CommitId, path: &str) -> Result<Vec<BlamedLine>, GitError> {
    let commit = repo.commit(at)?;
    let entry = repo.entry_at(commit.tree, path)?.filter(|e| e.is_file());
    let entry = entry.ok_or_else(|| repo.no_such_path(&commit, path))?;
    let lines = count_lines(&repo.read_blob(BlobId(entry.id), path)?);
    let mut walk = BlameWalk {
        repo,
        boundary: repo.shallow_boundary()?,
        nodes: HashMap::new(),
        queue: BinaryHeap::new(),
        pending: HashMap::new(),
        origins: Vec::new(),
    };
    let place = FileVersion { commit: at.0, path: path.into(), blob: entry.id };
    if lines > 0 {
        walk.hand_to(&place, vec![LineSpan { asked: 0, here: 0, len: lines }])?;
    }
    while let Some((_, _, commit)) = walk.queue.pop() {
        for (path, (blob, spans)) in walk.pending.remove(&commit).unwrap_or_default() {
            walk.assign_spans(&FileVersion { commit, path, blob }, spans)?;
        }
    }
    walk.into_lines(lines)
}

fn count_lines(bytes: &[u8]) -> u32 {
    u32::try_from(byte_lines(bytes).tokenize().count()).unwrap_or(u32::MAX)
}

impl BlameWalk<'_> {
    fn cached_node(&mut self, id: ObjectId) -> Result<CommitNode, GitError> {
        if let Some(node) = self.nodes.get(&id) {
            return Ok(node.clone());
        }
        if self.nodes.len() >= self.repo.limits.commits {
            return Err(limit_exceeded("the number of commits", self.repo.limits.commits as u64));
        }
        let node = self.repo.node(id, &self.boundary)?;
        self.nodes.insert(id, node.clone());
        Ok(node)
    }

    fn hand_to(&mut self, place: &FileVersion, spans: Vec<LineSpan>) -> Result<(), GitError> {
        if spans.is_empty() {
            return Ok(());
        }
        let time = self.cached_node(place.commit)?.time;
        let order = Reverse(self.queue.len() as u64 + self.origins.len() as u64);
        let pending = self.pending.entry(place.commit).or_insert_with(|| {
            self.queue.push((time, order, place.commit));
            PendingSpans::new()
        });
        pending.entry(Arc::clone(&place.path)).or_insert((place.blob, Vec::new())).1.extend(spans);
        Ok(())
    }

    /// Hands the spans of `place` to the parents that have them; keeps the rest as its own.
    fn assign_spans(&mut self, place: &FileVersion, mut spans: Vec<LineSpan>) -> Result<(), GitError> {
        let mut parents: Vec<FileVersion> = Vec::new();
        for find in [Self::same_path_in, Self::renamed_in] {
            let all = self.cached_node(place.commit)?.parents;
            for parent in all {
                if parents.iter().any(|p| p.commit == parent) {
                    continue;
                }
                let Some(found) = find(self, place, parent)? else { continue };
                if found.blob == place.blob {
                    return self.hand_to(&found, spans);
                }
                if parents.iter().all(|p| p.blob != found.blob) {
                    parents.push(found);
                }
            }
        }
        // Parents are tried in the order that the commit has them, however they were found.
        let order = self.cached_node(place.commit)?.parents;
        parents.sort_by_key(|p| order.iter().position(|id| *id == p.commit));
        for parent in parents {
            if spans.is_empty() {
                return Ok(());
            }
            let same = self.unchanged_ranges(&parent, place)?;
            let (theirs, rest) = divide_spans(spans, &same);
            self.hand_to(&parent, theirs)?;
            spans = rest;
        }
        if !spans.is_empty() {
            self.origins.push((place.clone(), spans));
        }
        Ok(())
    }

    fn same_path_in(
        &mut self,
        place: &FileVersion,
        parent: ObjectId,
    ) -> Result<Option<FileVersion>, GitError> {
        let tree = self.cached_node(parent)?.tree;
        let entry = self.repo.entry_at(tree, &place.path)?.filter(|e| e.is_file());
        Ok(entry.map(|e| FileVersion { commit: parent, path: Arc::clone(&place.path), blob: e.id }))
    }

    fn renamed_in(&mut self, place: &FileVersion, parent: ObjectId) -> Result<Option<FileVersion>, GitError> {
        let (old, new) = (self.cached_node(parent)?.tree, self.cached_node(place.commit)?.tree);
        // What is something else in the parent under this name is not renamed.
        if self.repo.entry_at(old, &place.path)?.is_some() {
            return Ok(None);
        }
        let found = renamed_from(self.repo, old, new, &place.path, place.blob)?;
        Ok(found.map(|(path, blob)| FileVersion { commit: parent, path: path.into(), blob }))
    }

    /// Ranges of lines of `child` that `parent` has too, with where they begin there; in order.
    fn unchanged_ranges(
        &self,
        parent: &FileVersion,
        child: &FileVersion,
    ) -> Result<Vec<(Range<u32>, u32)>, GitError> {
        let before = self.repo.read_blob(BlobId(parent.blob), &parent.path)?;
        let after = self.repo.read_blob(BlobId(child.blob), &child.path)?;
        let input = InternedInput::new(byte_lines(&before), byte_lines(&after));
        let mut diff = Diff::compute(Algorithm::Myers, &input);
        // Slides hunks as git does: blame depends on which of two equal lines counts as the new one.
        diff.postprocess_lines(&input);
        let (mut same, mut old, mut new) = (Vec::new(), 0, 0);
        for hunk in diff.hunks() {
            same.push((new..hunk.after.start, old));
            (old, new) = (hunk.before.end, hunk.after.end);
        }
        same.push((new..input.after.len() as u32, old));
        Ok(same)
    }

    fn into_lines(self, lines: u32) -> Result<Vec<BlamedLine>, GitError> {
        let mut out: Vec<Option<BlamedLine>> = vec![None; lines as usize];
        let mut commits = HashMap::new();
        for (place, spans) in self.origins {
            let commit: Arc<Commit> = match commits.get(&place.commit) {
                Some(commit) => Arc::clone(commit),
                None => Arc::new(self.repo.commit(CommitId(place.commit))?),
            };
            commits.insert(place.commit, Arc::clone(&commit));
            let cut_off = is_cut_off(&self.boundary, &commit);
            let basis = if cut_off { BlameBasis::ShallowBoundary } else { BlameBasis::History };
            for (span, n) in spans.iter().flat_map(|s| (0..s.len).map(move |n| (s, n))) {
                let (commit, path) = (Arc::clone(&commit), Arc::clone(&place.path));
                out[(span.asked + n) as usize] =
                    Some(BlamedLine { commit, path, line: span.here + n + 1, basis });
            }
        }
        let whole: Option<Vec<BlamedLine>> = out.into_iter().collect();
        Ok(whole.expect("spans are only ever handed on or kept, so every line has an origin"))
    }
}

/// Parts the spans into what lies in `same`, ranges in order, as lines of the parent, and the rest.
fn divide_spans(mut spans: Vec<LineSpan>, same: &[(Range<u32>, u32)]) -> (Vec<LineSpan>, Vec<LineSpan>) {
    let (mut theirs, mut rest) = (Vec::new(), Vec::new());
    // Spans can overlap here, where a merge has doubled lines; so what is left of them need not be in order.
    spans.sort_by_key(|s| s.here);
    let mut first = 0;
    for span in spans {
        let end = span.here + span.len;
        let part = |from: u32, to: u32| LineSpan {
            asked: span.asked + (from - span.here),
            here: from,
            len: to - from,
        };
        while first < same.len() && same[first].0.end <= span.here {
            first += 1;
        }
        let mut at = span.here;
        for (range, old) in same[first..].iter().take_while(|(range, _)| range.start < end) {
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from >= to {
                continue;
            }
            if at < from {
                rest.push(part(at, from));
            }
            theirs.push(LineSpan { here: old + (from - range.start), ..part(from, to) });
            at = to;
        }
        if at < end {
            rest.push(part(at, end));
        }
    }
    (theirs, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_divided_at_the_edges_of_what_is_unchanged() {
        let span = |asked, here, len| LineSpan { asked, here, len };
        let same = [(0..3, 0), (5..9, 4), (9..9, 12)];
        for (spans, theirs, rest) in [
            (vec![span(0, 0, 9)], vec![span(0, 0, 3), span(5, 4, 4)], vec![span(3, 3, 2)]),
            (vec![span(10, 3, 2)], vec![], vec![span(10, 3, 2)]),
            (vec![span(1, 1, 1), span(7, 4, 3)], vec![span(1, 1, 1), span(8, 4, 2)], vec![span(7, 4, 1)]),
            (
                vec![span(0, 4, 9), span(20, 1, 1)],
                vec![span(20, 1, 1), span(1, 4, 4)],
                vec![span(0, 4, 1), span(5, 9, 4)],
            ),
            (vec![span(0, 8, 4)], vec![span(0, 7, 1)], vec![span(1, 9, 3)]),
        ] {
            assert_eq!(divide_spans(spans.clone(), &same), (theirs, rest), "{spans:?}");
        }
    }
}
