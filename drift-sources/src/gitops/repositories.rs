//! Git repositories by the URLs that engines know them by, and where they stood at a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::memo::Memo;
use super::semver::{Range, Version};
use crate::flux::{Artifact, GitReference};
use crate::git::{Commit, CommitId, GitRepo, Reference};
use crate::render::Tree;

/// Longest way back along first parents.
const MAX_BACK: usize = 1_000_000;
/// Laid out trees that are kept.
const MAX_TREES: usize = 64;

/// Git repositories by URL.
#[derive(Debug, Default)]
pub struct Repositories {
    by_url: BTreeMap<String, GitRepo>,
    trees: Memo<(String, String, String), Arc<Tree>>,
    commits: Memo<(String, String), Option<Commit>>,
}

/// Spells a URL so that the ways of writing one repository are one.
fn normal(url: &str) -> String {
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
    /// Adds a repository under a URL; the empty URL stands for any that is not known.
    pub fn add(&mut self, url: &str, repo: GitRepo) {
        self.by_url.insert(normal(url), repo);
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_url.is_empty()
    }

    /// Finds the repository of a URL.
    pub fn find(&self, url: &str) -> Option<&GitRepo> {
        self.by_url.get(&normal(url)).or_else(|| self.by_url.get(""))
    }

    /// Finds a commit of a repository by its full id.
    pub fn commit(&self, url: &str, id: &str) -> Option<Commit> {
        let key = (normal(url), id.to_owned());
        self.commits
            .get_or_compute(key, || self.find(url).and_then(|r| r.commit(id.parse::<CommitId>().ok()?).ok()))
    }

    /// Lays out the files of a commit; `ignore` names the files that `wanted` leaves out.
    pub(super) fn tree(
        &self,
        url: &str,
        commit: &Commit,
        ignore: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Arc<Tree>, String> {
        let key = (normal(url), commit.tree_id(), ignore.to_owned());
        self.trees.get_or_try_compute(key, MAX_TREES, || {
            let repo = self.find(url).ok_or_else(|| format!("no repository is given for {url}"))?;
            Tree::of(repo, commit, wanted).map(Arc::new).map_err(|e| e.to_string())
        })
    }
}

/// A moment as Git knows it, whose times are in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    /// When; now, without it.
    pub(super) time: Option<Timestamp>,
    /// Texts by which engines had named commits by then: a commit of that very second was there if one of them did.
    pub(super) named: &'a BTreeSet<String>,
}

impl Moment<'_> {
    fn includes(self, made: Timestamp, id: &str) -> bool {
        let Some(time) = self.time else { return true };
        made.as_second() < time.as_second() || made <= time && self.named.contains(id)
    }
}

/// What a reference pointed to at a moment; now, without one.
pub(super) fn head(
    repo: &GitRepo,
    reference: &GitReference,
    at: Moment<'_>,
    seen: Option<&Artifact>,
) -> Result<Commit, String> {
    match reference {
        GitReference::Commit(id) => repo.resolve(id).map_err(|e| e.to_string()),
        GitReference::Branch(branch) => branch_at(repo, branch, at, seen),
        GitReference::Tag(tag) => {
            let name = format!("refs/tags/{tag}");
            let found = tags(repo, at).into_iter().find(|t| t.name == name);
            found.map(|t| t.commit).ok_or_else(|| format!("there is no tag `{tag}`"))
        }
        GitReference::Name(name) => match name.strip_prefix("refs/heads/") {
            Some(branch) => branch_at(repo, branch, at, seen),
            None => {
                let found =
                    repo.references(name).into_iter().filter(|r| was_there(r, at)).find(|r| r.name == *name);
                found.map(|r| r.commit).ok_or_else(|| format!("there is no reference `{name}`"))
            }
        },
        GitReference::SemVer(range) => newest(repo, range, at),
    }
}

/// What a revision of Argo CD means: `HEAD`, a branch, a tag, a range of versions or a commit.
pub(super) fn revision(repo: &GitRepo, text: &str, at: Moment<'_>) -> Result<Commit, String> {
    if text.is_empty() || text == "HEAD" {
        return head_of(repo, at);
    }
    let text = text.strip_prefix("refs/heads/").unwrap_or(text);
    let is_commit = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_commit {
        return repo.resolve(text).map_err(|e| e.to_string());
    }
    if !repo.references(&format!("refs/heads/{text}")).is_empty()
        && let Ok(commit) = branch_at(repo, text, at, None)
    {
        return Ok(commit);
    }
    let tag = text.strip_prefix("refs/tags/").unwrap_or(text);
    if let Ok(commit) = head(repo, &GitReference::Tag(tag.to_owned()), at, None) {
        return Ok(commit);
    }
    if Range::parse(text).is_some()
        && let Ok(commit) = newest(repo, text, at)
    {
        return Ok(commit);
    }
    let short = text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let missing = || format!("there is no revision `{text}`");
    if short { repo.resolve(text).map_err(|_| missing()) } else { Err(missing()) }
}

fn head_of(repo: &GitRepo, at: Moment<'_>) -> Result<Commit, String> {
    let tip = repo.resolve("HEAD").or_else(|_| repo.resolve("main")).or_else(|_| repo.resolve("master"));
    let tip = tip.map_err(|e| e.to_string())?;
    back(repo, tip, at).ok_or_else(|| "HEAD did not exist then".to_owned())
}

fn was_there(reference: &Reference, at: Moment<'_>) -> bool {
    let made = reference.tagged_at.unwrap_or(reference.commit.committed_at);
    at.includes(made, &reference.commit.id.to_string())
}

fn tags(repo: &GitRepo, at: Moment<'_>) -> Vec<Reference> {
    repo.references("refs/tags/").into_iter().filter(|t| was_there(t, at)).collect()
}

fn newest(repo: &GitRepo, range: &str, at: Moment<'_>) -> Result<Commit, String> {
    let parsed = Range::parse(range).ok_or_else(|| format!("`{range}` is no range of versions"))?;
    let version =
        |t: &Reference| Version::parse(t.name.strip_prefix("refs/tags/")?).filter(|v| parsed.holds(v));
    let found = tags(repo, at).into_iter().filter_map(|t| Some((version(&t)?, t)));
    let best = found.max_by(|a, b| a.0.cmp(&b.0).then(a.1.commit.committed_at.cmp(&b.1.commit.committed_at)));
    best.map(|(_, t)| t.commit).ok_or_else(|| format!("no tag is in the range `{range}`"))
}

/// The newest commit on the way of first parents that was made by then.
fn back(repo: &GitRepo, tip: Commit, at: Moment<'_>) -> Option<Commit> {
    let mut commit = tip;
    for _ in 0..MAX_BACK {
        if at.includes(commit.committed_at, &commit.id.to_string()) {
            return Some(commit);
        }
        commit = repo.commit(*commit.parents.first()?).ok()?;
    }
    None
}

/// What a branch pointed to. A branch that was pushed by force leaves what it lost under `refs/lost/`.
fn branch_at(
    repo: &GitRepo,
    branch: &str,
    at: Moment<'_>,
    seen: Option<&Artifact>,
) -> Result<Commit, String> {
    let name = format!("refs/heads/{branch}");
    let mut tips =
        repo.references(&name).into_iter().chain(repo.references(&format!("refs/remotes/origin/{branch}")));
    let tip = tips.find(|r| r.name.ends_with(&format!("/{branch}"))).map(|r| r.commit);
    let now = tip.as_ref().and_then(|t| back(repo, t.clone(), at));
    if at.time.is_none() {
        return now.ok_or_else(|| format!("there is no branch `{branch}`"));
    }
    let lost: Vec<Reference> = repo.references("refs/lost/");
    let named = lost.iter().any(|r| r.name.contains(branch));
    let lost = lost.iter().filter(|r| !named || r.name.contains(branch));
    let lost = lost.filter_map(|r| back(repo, r.commit.clone(), at));
    let newer = |c: &Commit| now.as_ref().is_none_or(|n| c.committed_at > n.committed_at);
    let candidate = lost.filter(newer).filter(|c| !is_superseded(c, seen)).max_by_key(|c| c.committed_at);
    candidate.or(now).ok_or_else(|| format!("there is no branch `{branch}`"))
}

/// A lost commit did not stand any more once the engine, later, fetched another.
fn is_superseded(lost: &Commit, seen: Option<&Artifact>) -> bool {
    seen.is_some_and(|artifact| {
        !artifact.revision.ends_with(&lost.id.to_string())
            && artifact.last_update.is_some_and(|t| t.as_second() > lost.committed_at.as_second())
    })
}
