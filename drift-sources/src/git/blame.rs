//! Who last changed each line of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Commit, CommitId, GitError, GitRepo};

/// The origin of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlamedLine {
    /// The commit that gave the line its present text.
    pub commit: Arc<Commit>,
    /// The path that the file had in that commit.
    pub path: Arc<str>,
    /// The line's number in that commit, from 1.
    pub line: u32,
}

/// The origin of every line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    lines: Vec<BlamedLine>,
}

impl Blame {
    /// The origin of a line, counted from 1; `None` past the end.
    pub fn line(&self, number: usize) -> Option<&BlamedLine> {
        self.lines.get(number.checked_sub(1)?)
    }

    /// The origins, from the first line on.
    pub fn lines(&self) -> &[BlamedLine] {
        &self.lines
    }
}

impl GitRepo {
    /// Who last changed each line of the file `path` as it is in commit `at`.
    pub fn blame_lines(&self, at: CommitId, path: &str) -> Result<Arc<Blame>, GitError> {
        let err = |e| GitError::corrupt(format!("blame {path}"), e);
        let o = self.repo.blame_file(path.into(), at.0, gix::repository::blame_file::Options { rewrites: Some(gix::diff::Rewrites::default()), ..Default::default() }).map_err(err)?;
        let n = gix::diff::blob::sources::byte_lines(&o.blob).count();
        let mut lines: Vec<Option<BlamedLine>> = vec![None; n];
        let mut commits = BTreeMap::new();
        for e in &o.entries {
            if !commits.contains_key(&e.commit_id) { commits.insert(e.commit_id, Arc::new(self.commit(CommitId(e.commit_id))?)); }
            for (i, j) in e.range_in_blamed_file().zip(e.range_in_source_file()) {
                lines[i] = Some(BlamedLine { commit: Arc::clone(&commits[&e.commit_id]), path: e.source_file_name.as_ref().map_or(path.into(), |p| p.to_string().into()), line: j as u32 + 1 });
            }
        }
        let lines: Option<Vec<_>> = lines.into_iter().collect();
        Ok(Arc::new(Blame { lines: lines.ok_or_else(|| GitError::unsupported("hole in blame"))? }))
    }
}
