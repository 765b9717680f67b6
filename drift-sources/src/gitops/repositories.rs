//! Git repositories by the URLs that engines use, and what their references pointed to at a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::drift::DeclarationError;
use jiff::Timestamp;

use super::memo::Memo;
use super::semver::{SemVersion, VersionRange};
use crate::flux::{Artifact, GitReference};
use crate::git::{Commit, CommitId, GitError, GitRef, GitRepo};
use crate::render::CommitFiles;

/// Most commits that are followed along first parents.
const MAX_BACK: usize = 1_000_000;
/// Checked-out trees that are cached.
const MAX_TREES: usize = 64;

/// Git repositories by URL.
///
/// Spellings of one URL are one: `.git` at the end, a trailing slash, the case of the host and a user name do not matter.
#[derive(Debug, Default)]
pub struct Repositories {
    by_url: BTreeMap<String, GitRepo>,
    trees: Memo<(String, String, String), Arc<CommitFiles>>,
    commits: Memo<(String, String), Option<Commit>>,
}

/// Normalizes a URL, so that all spellings of one repository are equal.
fn normalize_url(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            // A name before the host does not make it another repository.
            let rest = rest.split_once('@').filter(|(u, _)| !u.contains('/')).map_or(rest, |(_, r)| r);
            let scheme = scheme.to_ascii_lowercase();
            match rest.split_once('/') {
                Some((host, path)) => format!("{scheme}://{}/{path}", host.to_ascii_lowercase()),
                None => format!("{scheme}://{}", rest.to_ascii_lowercase()),
            }
        }
        None => url.to_owned(),
    }
}

impl Repositories {
    /// Adds a repository under a URL; the empty URL stands for every unknown one.
    pub fn add(&mut self, url: &str, repo: GitRepo) {
        self.by_url.insert(normalize_url(url), repo);
    }

    /// Returns `true` if there are no repositories.
    pub fn is_empty(&self) -> bool {
        self.by_url.is_empty()
    }

    /// Finds the repository of a URL.
    pub fn find(&self, url: &str) -> Option<&GitRepo> {
        self.by_url.get(&normalize_url(url)).or_else(|| self.by_url.get(""))
    }

    /// Finds a commit of a repository by its full id.
    pub fn commit(&self, url: &str, id: &str) -> Option<Commit> {
        let key = (normalize_url(url), id.to_owned());
        self.commits
            .get_or_compute(key, || self.find(url).and_then(|r| r.commit(id.parse::<CommitId>().ok()?).ok()))
    }

    /// Checks out the files of a commit that `wanted` accepts; `ignore` identifies `wanted` in the cache.
    pub(super) fn tree(
        &self,
        url: &str,
        commit: &Commit,
        ignore: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Arc<CommitFiles>, String> {
        let key = (normalize_url(url), commit.tree_id(), ignore.to_owned());
        self.trees.get_or_try_compute(key, MAX_TREES, || {
            let repo = self.find(url).ok_or_else(|| format!("no repository is given for {url}"))?;
            CommitFiles::from_commit(repo, commit, wanted).map(Arc::new).map_err(|e| e.to_string())
        })
    }
}

/// Why a revision cannot be resolved to a commit.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("there is no branch `{0}`")]
    NoBranch(String),
    #[error("there is no tag `{0}`")]
    NoTag(String),
    #[error("there is no reference `{0}`")]
    NoReference(String),
    #[error("there is no revision `{0}`")]
    NoRevision(String),
    #[error("`{0}` is not a version range")]
    NotARange(String),
    #[error("no tag is in the range `{0}`")]
    NoTagInRange(String),
    #[error("HEAD did not exist then")]
    NoHead,
}

/// A moment in Git, whose times are in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// The time; `None` stands for now.
    pub(super) time: Option<Timestamp>,
    /// Commits that engines had named by then: a commit of that very second counts only if it is among them.
    pub(super) named: &'a BTreeSet<String>,
}

impl ResolveError {
    /// Returns why nothing is known of what is declared: a commit that an engine has read is there, if not here.
    pub(super) fn into_declaration_error(self, named: &BTreeSet<String>, revision: &str) -> DeclarationError {
        match self {
            Self::Git(e) if named.contains(revision) => DeclarationError::Unavailable(e.to_string()),
            other => DeclarationError::Broken(other.to_string()),
        }
    }
}

impl Moment<'_> {
    fn includes_commit(self, made: Timestamp, id: &str) -> bool {
        let Some(time) = self.time else { return true };
        made.as_second() < time.as_second() || made <= time && self.named.contains(id)
    }
}

/// Returns the commit that a reference pointed to at a moment.
pub(super) fn head_at(
    repo: &GitRepo,
    reference: &GitReference,
    at: Moment<'_>,
    seen: Option<&Artifact>,
) -> Result<Commit, ResolveError> {
    match reference {
        GitReference::Commit(id) => Ok(repo.resolve(id)?),
        GitReference::Branch(branch) => branch_at(repo, branch, at, seen),
        GitReference::Tag(tag) => {
            let name = format!("refs/tags/{tag}");
            let found = tags_at(repo, at).into_iter().find(|t| t.name == name);
            found.map(|t| t.commit).ok_or_else(|| ResolveError::NoTag(tag.clone()))
        }
        GitReference::Name(name) => match name.strip_prefix("refs/heads/") {
            Some(branch) => branch_at(repo, branch, at, seen),
            None => {
                let found = repo
                    .references_with_prefix(name)
                    .into_iter()
                    .filter(|r| was_there(r, at))
                    .find(|r| r.name == *name);
                found.map(|r| r.commit).ok_or_else(|| ResolveError::NoReference(name.clone()))
            }
        },
        GitReference::SemVer(range) => newest_in_range(repo, range, at, SemVersion::parse_whole),
    }
}

/// Resolves a target revision of Argo CD: `HEAD`, a branch, a tag, a version range or a commit.
pub(super) fn resolve_revision(repo: &GitRepo, text: &str, at: Moment<'_>) -> Result<Commit, ResolveError> {
    if text.is_empty() || text == "HEAD" {
        return head_of(repo, at);
    }
    let text = text.strip_prefix("refs/heads/").unwrap_or(text);
    let is_commit = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit {
        return Ok(repo.resolve(text)?);
    }
    // A version by itself is a name; a range goes before a branch of that name.
    if SemVersion::parse(text).is_none()
        && VersionRange::parse(text).is_some()
        && let Ok(commit) = newest_in_range(repo, text, at, SemVersion::parse)
    {
        return Ok(commit);
    }
    if !repo.references_with_prefix(&format!("refs/heads/{text}")).is_empty()
        && let Ok(commit) = branch_at(repo, text, at, None)
    {
        return Ok(commit);
    }
    let tag = text.strip_prefix("refs/tags/").unwrap_or(text);
    if let Ok(commit) = head_at(repo, &GitReference::Tag(tag.to_owned()), at, None) {
        return Ok(commit);
    }
    let short = text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let missing = || ResolveError::NoRevision(text.to_owned());
    if short { repo.resolve(text).map_err(|_| missing()) } else { Err(missing()) }
}

fn head_of(repo: &GitRepo, at: Moment<'_>) -> Result<Commit, ResolveError> {
    let tip = repo.resolve("HEAD").or_else(|_| repo.resolve("main")).or_else(|_| repo.resolve("master"));
    walk_back_to(repo, tip?, at).ok_or(ResolveError::NoHead)
}

fn was_there(reference: &GitRef, at: Moment<'_>) -> bool {
    let made = reference.tagged_at.unwrap_or(reference.commit.committed_at);
    at.includes_commit(made, &reference.commit.id.to_string())
}

fn tags_at(repo: &GitRepo, at: Moment<'_>) -> Vec<GitRef> {
    repo.references_with_prefix("refs/tags/").into_iter().filter(|t| was_there(t, at)).collect()
}

/// Returns the commit of the newest tag in a range, of the tags that `read` takes for versions.
fn newest_in_range(
    repo: &GitRepo,
    range: &str,
    at: Moment<'_>,
    read: fn(&str) -> Option<SemVersion>,
) -> Result<Commit, ResolveError> {
    let parsed = VersionRange::parse(range).ok_or_else(|| ResolveError::NotARange(range.to_owned()))?;
    let version = |t: &GitRef| read(t.name.strip_prefix("refs/tags/")?).filter(|v| parsed.contains(v));
    let found = tags_at(repo, at).into_iter().filter_map(|t| Some((version(&t)?, t)));
    let best = found.max_by(|a, b| a.0.cmp(&b.0).then(a.1.commit.committed_at.cmp(&b.1.commit.committed_at)));
    best.map(|(_, t)| t.commit).ok_or_else(|| ResolveError::NoTagInRange(range.to_owned()))
}

/// Follows first parents to the newest commit that existed at the moment.
fn walk_back_to(repo: &GitRepo, tip: Commit, at: Moment<'_>) -> Option<Commit> {
    let mut commit = tip;
    for _ in 0..MAX_BACK {
        if at.includes_commit(commit.committed_at, &commit.id.to_string()) {
            return Some(commit);
        }
        commit = repo.commit(*commit.parents.first()?).ok()?;
    }
    None
}

/// Returns the commit that a branch pointed to. Commits that a force push removed are under `refs/lost/`.
fn branch_at(
    repo: &GitRepo,
    branch: &str,
    at: Moment<'_>,
    seen: Option<&Artifact>,
) -> Result<Commit, ResolveError> {
    let name = format!("refs/heads/{branch}");
    let mut tips = repo
        .references_with_prefix(&name)
        .into_iter()
        .chain(repo.references_with_prefix(&format!("refs/remotes/origin/{branch}")));
    let tip = tips.find(|r| r.name.ends_with(&format!("/{branch}"))).map(|r| r.commit);
    let now = tip.as_ref().and_then(|t| walk_back_to(repo, t.clone(), at));
    if at.time.is_none() {
        return now.ok_or_else(|| ResolveError::NoBranch(branch.to_owned()));
    }
    let lost: Vec<GitRef> = repo.references_with_prefix("refs/lost/");
    let named = lost.iter().any(|r| r.name.contains(branch));
    let lost = lost.iter().filter(|r| !named || r.name.contains(branch));
    let lost = lost.filter_map(|r| walk_back_to(repo, r.commit.clone(), at));
    let newer = |c: &Commit| now.as_ref().is_none_or(|n| c.committed_at > n.committed_at);
    let candidate = lost.filter(newer).filter(|c| !is_superseded(c, seen)).max_by_key(|c| c.committed_at);
    candidate.or(now).ok_or_else(|| ResolveError::NoBranch(branch.to_owned()))
}

/// Returns `true` if the engine later fetched another commit than a lost one.
fn is_superseded(lost: &Commit, seen: Option<&Artifact>) -> bool {
    seen.is_some_and(|artifact| {
        !artifact.revision.ends_with(&lost.id.to_string())
            && artifact.last_update.is_some_and(|t| t.as_second() > lost.committed_at.as_second())
    })
}
