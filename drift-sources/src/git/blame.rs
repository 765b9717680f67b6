//! Who last changed each line of a file.
//!
//! Written here, after `git blame`, rather than taken from gix-blame 0.20: that one panics or leaves lines without an
//! origin where a history has more than one root, knows no shallow clones, and has no bound.

mod rename;
mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Commit, CommitId, GitError, GitRepo};

/// What the origin of a line rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlameBasis {
    /// The history holds the change.
    History,
    /// The clone is shallow: the line is as old as its oldest commit or older.
    ShallowBoundary,
}

/// The origin of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlamedLine {
    /// The commit that gave the line its present text.
    pub commit: Arc<Commit>,
    /// The path that the file had in that commit.
    pub path: Arc<str>,
    /// The line's number in that commit, from 1.
    pub line: u32,
    /// Whether that commit is known to have written it.
    pub basis: BlameBasis,
}

/// The origin of every line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    lines: Vec<BlamedLine>,
}

impl Blame {
    /// Returns the origin of a line, counted from 1; `None` past the end.
    pub fn line(&self, number: usize) -> Option<&BlamedLine> {
        self.lines.get(number.checked_sub(1)?)
    }

    /// Returns the origins, from the first line on. A line ends after `\n`; a file that does not end in one has a last line all the same.
    pub fn lines(&self) -> &[BlamedLine] {
        &self.lines
    }
}

/// Most lines held by the cache of one repository; it is emptied when it is full.
const CACHED_LINES: usize = 2_000_000;

/// Blames already done, by commit and path.
#[derive(Debug, Default)]
pub(super) struct BlameCache {
    blames: BTreeMap<(CommitId, String), Arc<Blame>>,
    lines: usize,
}

impl BlameCache {
    fn insert_blame(&mut self, key: (CommitId, String), blame: Arc<Blame>) {
        if self.lines + blame.lines.len() > CACHED_LINES {
            *self = Self::default();
        }
        self.lines += blame.lines.len();
        self.blames.insert(key, blame);
    }
}

impl GitRepo {
    /// Returns who last changed each line of the file `path` in commit `at`. The result is cached.
    ///
    /// The result is that of `git blame` without options: renames of whole files are followed, line ends count.
    ///
    /// # Errors
    /// [`GitError::NoSuchPath`] if there is no such file; [`GitError::TooLarge`] past
    /// [`GitLimits::commits`](super::GitLimits::commits) or for a version of the file past the size limit; [`GitError::Corrupt`].
    pub fn blame_lines(&self, at: CommitId, path: &str) -> Result<Arc<Blame>, GitError> {
        let key = (at, path.to_owned());
        // A panic while holding the lock leaves the cache whole: it only holds finished blames.
        let cached = self.blames.lock().unwrap_or_else(PoisonError::into_inner).blames.get(&key).cloned();
        if let Some(blame) = cached {
            return Ok(blame);
        }
        let blame = Arc::new(Blame { lines: walk::blame_file(self, at, path)? });
        self.blames.lock().unwrap_or_else(PoisonError::into_inner).insert_blame(key, Arc::clone(&blame));
        Ok(blame)
    }
}
