//! Commits and the ids of objects.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{GitError, GitRepo};

/// The id of a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub(super) gix::ObjectId);

/// The id of a file's content; equal ids mean equal bytes, so a parsed manifest can be cached by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub(super) gix::ObjectId);

macro_rules! object_id {
    ($name:ident) => {
        impl $name {
            /// Returns the first ten digits: enough to find the object again, short enough to print.
            pub fn short(&self) -> String {
                self.0.to_hex_with_len(10).to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.to_hex().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = GitError;

            /// Takes all forty hexadecimal digits; an abbreviation needs a repository to resolve it.
            fn from_str(text: &str) -> Result<Self, GitError> {
                gix::ObjectId::from_hex(text.as_bytes()).map(Self).map_err(|_| GitError::InvalidSpec {
                    spec: text.chars().take(80).collect(),
                    why: "it is not a full object id".to_owned(),
                })
            }
        }
    };
}
object_id!(CommitId);
object_id!(BlobId);

/// An author or committer, as written in the commit: `.mailmap` is not applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The name, possibly empty. Bytes that are not UTF-8 are replaced.
    pub name: String,
    /// The address, without the angle brackets.
    pub email: String,
}

/// A commit without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Id of the commit.
    pub id: CommitId,
    /// Who wrote the change.
    pub author: Person,
    /// When the change was written. Like all times in Git a claim of the writer; a malformed one reads as 1970, as Git has it.
    pub authored_at: Timestamp,
    /// Who made the commit, for example a merge button or a rebase.
    pub committer: Person,
    /// When the commit was made.
    pub committed_at: Timestamp,
    /// The first paragraph of the message, on one line.
    pub summary: String,
    /// The commits it builds on, the first one being the branch it was made on. As written: in a shallow clone they can be absent.
    pub parents: Vec<CommitId>,
    pub(super) tree: gix::ObjectId,
}

impl Commit {
    fn read(repo: &gix::Repository, id: gix::ObjectId) -> Result<Self, gix::Error> {
        let object = repo.find_commit(id)?;
        let commit = object.decode()?;
        let (author, committer) = (commit.author()?, commit.committer()?);
        Ok(Self {
            id: CommitId(id),
            authored_at: to_timestamp(author.seconds()),
            author: parse_person(author),
            committed_at: to_timestamp(committer.seconds()),
            committer: parse_person(committer),
            summary: commit.message().summary().to_string(),
            parents: commit.parents().map(CommitId).collect(),
            tree: commit.tree(),
        })
    }
}

fn parse_person(signature: gix::actor::SignatureRef<'_>) -> Person {
    let signature = signature.trim();
    Person { name: signature.name.to_string(), email: signature.email.to_string() }
}

fn to_timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Prefix of references that fetching creates for itself.
pub(super) const OURS: &[u8] = b"refs/drift/";
/// Most references that a message suggests.
const SUGGESTIONS: usize = 5;
/// Most references that are considered for that: a repository can have millions.
const LOOKED_AT: usize = 20_000;

impl Commit {
    /// Returns the id of the commit's tree; equal ids mean equal files.
    pub fn tree_id(&self) -> String {
        self.tree.to_string()
    }
}

/// A reference and the commit that it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRef {
    /// Its full name, such as `refs/heads/main`.
    pub name: String,
    /// The commit that the reference points to.
    pub commit: Commit,
    /// When the tag was created, for an annotated tag.
    pub tagged_at: Option<Timestamp>,
}

impl GitRepo {
    /// Returns the references that begin with `prefix` and lead to a commit, by name; others are left out.
    pub fn references_with_prefix(&self, prefix: &str) -> Vec<GitRef> {
        let repo = self.handle();
        let Ok(platform) = repo.references() else { return Vec::new() };
        let Ok(all) = platform.prefixed(prefix) else { return Vec::new() };
        let mut found: Vec<GitRef> =
            all.filter_map(Result::ok).take(LOOKED_AT).filter_map(|r| self.resolve_reference(r)).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn resolve_reference(&self, reference: gix::Reference<'_>) -> Option<GitRef> {
        let repo = self.handle();
        let name = reference.name().as_bstr().to_string();
        let object = reference.target().try_id().and_then(|id| repo.find_object(id).ok())?;
        let tagged_at = match object.kind {
            gix::object::Kind::Tag => {
                let tag = object.clone().try_into_tag().ok()?;
                let tagger = tag.tagger().ok().flatten();
                tagger.map(|t| to_timestamp(t.seconds()))
            }
            _ => None,
        };
        Some(GitRef { name, commit: self.commit(peel(&repo, object)?).ok()?, tagged_at })
    }

    /// Returns the commit that `revision` names: `HEAD`, a branch, a tag, a full or abbreviated id, `refs/...`, `HEAD~2`, `v1^`.
    ///
    /// # Errors
    /// [`GitError::UnknownRevision`] with the nearest references; [`GitError::Corrupt`] if the commit cannot be read.
    pub fn resolve(&self, revision: &str) -> Result<Commit, GitError> {
        // `..` names two commits, `:` a path or a message to search for.
        let unknown = || self.unknown_revision(revision);
        if revision.is_empty()
            || revision.contains("..")
            || revision.contains(':')
            || revision.starts_with('-')
        {
            return Err(unknown());
        }
        // `^{tree}` and the like lead to no commit.
        if revision.split("^{").skip(1).any(|end| !end.starts_with('}') && !end.starts_with("commit}")) {
            return Err(unknown());
        }
        let repo = self.handle();
        // What goes on from a name (`v1^`) goes on from a commit.
        let base = revision.split(['^', '~']).next().unwrap_or_default();
        let start = repo.rev_parse_single(base).ok().and_then(|id| id.object().ok());
        if base != revision && start.and_then(|object| peel(&repo, object)).is_none() {
            return Err(unknown());
        }
        let id = repo.rev_parse_single(revision).map_err(|_| unknown())?;
        let object = id.object().map_err(|e| GitError::corrupt(format!("revision `{revision}`"), e))?;
        self.commit(peel(&repo, object).ok_or_else(unknown)?)
    }

    /// Returns the commit with this id.
    ///
    /// # Errors
    /// [`GitError::Corrupt`] if there is none or it cannot be decoded.
    pub fn commit(&self, id: CommitId) -> Result<Commit, GitError> {
        Commit::read(&self.handle(), id.0).map_err(|e| GitError::corrupt(format!("commit {id}"), e))
    }

    fn unknown_revision(&self, revision: &str) -> GitError {
        let mut names: Vec<(usize, String)> =
            self.reference_names().into_iter().map(|name| (edit_distance(revision, &name), name)).collect();
        names.sort();
        GitError::UnknownRevision {
            revision: revision.to_owned(),
            repository: self.place.clone(),
            suggestions: names.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect(),
        }
    }

    /// Short names of branches and tags; what cannot be read is left out, since it only feeds a message.
    fn reference_names(&self) -> Vec<String> {
        let repo = self.handle();
        let Ok(platform) = repo.references() else { return Vec::new() };
        let Ok(all) = platform.all() else { return Vec::new() };
        let known =
            all.take(LOOKED_AT).filter_map(Result::ok).filter(|r| !r.name().as_bstr().starts_with(OURS));
        let mut names: Vec<String> = known.map(|r| r.name().shorten().to_string()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Follows tags to a commit; `None` where they lead to none.
///
/// The library's own function panics at a tag that cannot be read.
fn peel<'r>(repo: &'r gix::Repository, mut object: gix::Object<'r>) -> Option<CommitId> {
    /// Tags of tags are rare, and a row of them can be as long as somebody likes.
    const MAX_TAGS: usize = 32;
    for _ in 0..MAX_TAGS {
        match object.kind {
            gix::object::Kind::Commit => return Some(CommitId(object.id)),
            gix::object::Kind::Tag => {
                let target = object.to_tag_ref_iter().target_id().ok()?;
                object = repo.find_object(target).ok()?;
            }
            gix::object::Kind::Tree | gix::object::Kind::Blob => return None,
        }
    }
    None
}

/// Edit distance, with names that hold the asked one first.
fn edit_distance(asked: &str, name: &str) -> usize {
    if name.contains(asked) || asked.contains(name) {
        return 0;
    }
    let name: Vec<char> = name.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in asked.chars().take(100).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in name.iter().enumerate() {
            let cost = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_reference_is_named_first() {
        for (asked, name, expect) in [
            ("main", "main", 0),
            ("mian", "main", 2),
            ("v1", "v1.2", 0),
            ("prod", "staging", 7),
            ("a", "b", 1),
        ] {
            assert_eq!(edit_distance(asked, name), expect, "{asked} {name}");
        }
    }
}
