//! The commit behind a cause that a GitOps engine brought.

use drift_core::ResourceKey;
use drift_core::cause::{Cause, changed_fields};
use drift_core::text::error_line;

use super::repositories::open_repository;
use super::{CommitSource, EstateError, InputNotes};
use crate::git::{BlobId, ChangedFile, Commit, GitError, GitFile, GitRepo, HistoryOptions};

/// Commits that one revision brought at most, as far as they are looked at.
const MAX_COMMITS: usize = 200;

/// Repositories in which the commits behind causes are looked up.
#[derive(Debug)]
pub struct CauseCommits(Vec<GitRepo>);

impl CauseCommits {
    /// Opens repositories, each named as `URL=PLACE` or as a place alone.
    ///
    /// # Errors
    /// Names the first one that cannot be opened.
    pub fn open(places: &[String], notes: &mut InputNotes) -> Result<Self, EstateError> {
        let all = places.iter().map(|p| open_repository(p).map(|(_, repo)| repo));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        if all.iter().any(GitRepo::is_shallow) {
            notes.add("a repository is a shallow clone: older commits are not in it");
        }
        Ok(Self(all))
    }

    /// Finds the commit behind a cause; without a repository the revision that the engine names. `None` if no engine brought it.
    pub fn find(&self, cause: &Cause) -> Option<CommitSource> {
        let revision = cause.revision.as_ref()?;
        for repo in &self.0 {
            let Ok(newest) = repo.resolve(&revision.after) else { continue };
            let before = revision.before.as_deref().and_then(|b| repo.resolve(b).ok());
            let found = find(repo, &newest, before.as_ref(), cause);
            return Some(found.unwrap_or_else(|e| CommitSource {
                id: revision.after.clone(),
                message: format!("cannot be read: {}", error_line(&e)),
                ..CommitSource::default()
            }));
        }
        Some(CommitSource { id: revision.after.clone(), ..CommitSource::default() })
    }
}

/// Finds the commit of a revision that counts: one revision can bring several, of which one touched a file that declares the
/// object, and best the value.
fn find(
    repo: &GitRepo,
    newest: &Commit,
    before: Option<&Commit>,
    cause: &Cause,
) -> Result<CommitSource, GitError> {
    let options = HistoryOptions { limit: MAX_COMMITS, ..HistoryOptions::default() };
    let history = repo.history("", newest.id, options)?;
    let mut declared: Option<CommitSource> = None;
    for commit in &history.commits {
        if before.is_some_and(|b| b.id == commit.id) {
            break;
        }
        let parent = commit.parents.first().map(|p| repo.commit(*p)).transpose()?;
        let files = repo.changed_files(parent.as_ref(), commit, None)?;
        for file in &files {
            match touch_of(repo, file, cause) {
                FileTouch::Value => return Ok(source_of(commit, Some(&file.path))),
                FileTouch::Object => {
                    declared.get_or_insert_with(|| source_of(commit, Some(&file.path)));
                }
                FileTouch::Nothing => {}
            }
        }
    }
    Ok(declared.unwrap_or_else(|| source_of(newest, None)))
}

fn source_of(commit: &Commit, file: Option<&str>) -> CommitSource {
    CommitSource {
        id: commit.id.to_string(),
        author: format!("{} <{}>", commit.author.name, commit.author.email),
        message: commit.summary.clone(),
        file: file.map(str::to_owned),
        line: None,
    }
}

/// What a change of a file has to do with a cause.
enum FileTouch {
    /// The file declares the object, and the value was added to it.
    Value,
    /// The file declares the object.
    Object,
    Nothing,
}

fn touch_of(repo: &GitRepo, file: &ChangedFile, cause: &Cause) -> FileTouch {
    let read = |blob: Option<BlobId>| {
        let file = GitFile { path: file.path.clone(), blob: blob?, bytes: 0 };
        repo.read(&file).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    let (old, new) = (read(file.before), read(file.after));
    let key: &ResourceKey = &cause.candidate.change.key;
    let declares = |text: &Option<String>| {
        text.as_ref().is_some_and(|t| t.contains(&*key.name) && t.contains(&*key.kind))
    };
    if !declares(&old) && !declares(&new) {
        return FileTouch::Nothing;
    }
    // Of several fields that one sync brought those count that make the fault.
    let of_kind = changed_fields(&cause.candidate.change).into_iter();
    let guilty: Vec<_> = of_kind.filter(|c| c.kind == cause.candidate.kind).filter_map(|c| c.field).collect();
    let all = || cause.candidate.change.fields.iter().collect();
    let fields = if guilty.is_empty() { all() } else { guilty };
    let is_added = fields.iter().filter_map(|f| f.after.as_ref()).any(|v| {
        let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        new.as_ref().is_some_and(|t| t.contains(&text)) && !old.as_ref().is_some_and(|t| t.contains(&text))
    });
    if is_added { FileTouch::Value } else { FileTouch::Object }
}
