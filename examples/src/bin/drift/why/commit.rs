//! The commit behind what a GitOps engine wrote.

use drift_core::ResourceKey;
use drift_core::cause::{Cause, classes_of};
use drift_sinks::report::CommitV1;
use drift_sources::git::{ChangedFile, Commit, GitFile, GitOptions, GitRepo, GitSpec, HistoryOptions};

use crate::failure::{Failure, one_line};
use crate::inputs::Notes;

/// Repositories in which commits are looked up.
#[derive(Debug)]
pub(crate) struct Repositories(Vec<GitRepo>);

/// Commits that one revision brought at most, as far as they are looked at.
const MAX_COMMITS: usize = 200;

impl Repositories {
    /// Opens what `--git` names; the URL that engines know it by may stand before it.
    pub(crate) fn open(places: &[String], notes: &mut Notes) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for place in places {
            let local = place
                .split_once('=')
                .filter(|(url, _)| url.contains(['/', ':']))
                .map_or(&**place, |(_, p)| p);
            let failed = |e: &dyn std::error::Error| {
                Failure::new(format!("cannot read the repository `{local}`")).because(e)
            };
            let spec = GitSpec::parse(local).map_err(|e| failed(&e))?;
            all.push(GitRepo::open(&spec, &GitOptions::default()).map_err(|e| failed(&e))?);
        }
        if all.iter().any(GitRepo::is_shallow) {
            notes.add("a repository is a shallow clone: older commits are not in it");
        }
        Ok(Self(all))
    }

    /// Finds the commit behind a cause; without a repository the revision that the engine names.
    pub(crate) fn commit(&self, cause: &Cause) -> Option<CommitV1> {
        let revision = cause.revision.as_ref()?;
        for repo in &self.0 {
            let Ok(newest) = repo.resolve(&revision.after) else { continue };
            let before = revision.before.as_deref().and_then(|b| repo.resolve(b).ok());
            return Some(find(repo, &newest, before.as_ref(), cause).unwrap_or_else(|e| CommitV1 {
                message: format!("cannot be read: {e}"),
                ..bare(&revision.after)
            }));
        }
        Some(bare(&revision.after))
    }
}

fn bare(id: &str) -> CommitV1 {
    CommitV1 { id: id.to_owned(), ..CommitV1::default() }
}

/// One revision can bring several commits: the one that counts touched a file that declares the object, and best the value.
fn find(repo: &GitRepo, newest: &Commit, before: Option<&Commit>, cause: &Cause) -> Result<CommitV1, String> {
    let options = HistoryOptions { limit: MAX_COMMITS, ..HistoryOptions::default() };
    let history = repo.history("", newest.id, options).map_err(|e| one_line(&e))?;
    let mut declared: Option<CommitV1> = None;
    for commit in &history.commits {
        if before.is_some_and(|b| b.id == commit.id) {
            break;
        }
        let parent = commit.parents.first().map(|p| repo.commit(*p)).transpose().map_err(|e| one_line(&e))?;
        let files = repo.changed_files(parent.as_ref(), commit, None).map_err(|e| one_line(&e))?;
        for file in &files {
            match touches(repo, file, cause) {
                Touch::Value => return Ok(told(commit, Some(&file.path))),
                Touch::Object => {
                    declared.get_or_insert_with(|| told(commit, Some(&file.path)));
                }
                Touch::Nothing => {}
            }
        }
    }
    Ok(declared.unwrap_or_else(|| told(newest, None)))
}

fn told(commit: &Commit, file: Option<&str>) -> CommitV1 {
    CommitV1 {
        id: commit.id.to_string(),
        author: format!("{} <{}>", commit.author.name, commit.author.email),
        message: commit.summary.clone(),
        file: file.map(str::to_owned),
        line: None,
    }
}

enum Touch {
    /// The file declares the object, and the value came or went.
    Value,
    /// The file declares the object.
    Object,
    Nothing,
}

fn touches(repo: &GitRepo, file: &ChangedFile, cause: &Cause) -> Touch {
    let read = |blob: Option<drift_sources::git::BlobId>| {
        let blob = blob?;
        let file = GitFile { path: file.path.clone(), blob, bytes: 0 };
        repo.read(&file).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    let (old, new) = (read(file.before), read(file.after));
    let key: &ResourceKey = &cause.candidate.change.key;
    let declares = |text: &Option<String>| {
        text.as_ref().is_some_and(|t| t.contains(&*key.name) && t.contains(&*key.kind))
    };
    if !declares(&old) && !declares(&new) {
        return Touch::Nothing;
    }
    // Of several fields that one sync brought those count that make the fault.
    let of_class = classes_of(&cause.candidate.change).into_iter();
    let guilty: Vec<_> =
        of_class.filter(|(c, _)| *c == cause.candidate.class).filter_map(|(_, f)| f).collect();
    let all = || cause.candidate.change.fields.iter().collect();
    let fields = if guilty.is_empty() { all() } else { guilty };
    let came = fields.iter().filter_map(|f| f.after.as_ref()).any(|v| {
        let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        new.as_ref().is_some_and(|t| t.contains(&text)) && !old.as_ref().is_some_and(|t| t.contains(&text))
    });
    if came { Touch::Value } else { Touch::Object }
}
