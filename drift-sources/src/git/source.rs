//! Desired state over time: for every commit, the objects whose declaration it changed.

mod declared;

use std::fmt;
use std::sync::Arc;

use drift_core::{
    Actor, Applied, Authority, Cursor, Deleted, Facet, Gap, GapReason, Object, Observation, Occurrence,
    OccurrenceKind, Scope, Source, SourceError, SourceRevision,
};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::{
    Commit, CommitId, GitError, GitOptions, GitRepo, GitSpec, HistoryOptions, HistoryStop, ParentChoice,
};
use declared::{DeclaredChange, DeclaredState};

/// The decoded content of a file.
#[derive(Debug, Clone, Default)]
pub struct DecodedFile {
    /// The objects, in the file's order.
    pub objects: Vec<Object>,
    /// Parts that could not be read, with their lines. Objects that the file declared before are then not considered deleted.
    pub problems: Vec<String>,
}

/// Decodes a file from its path and content. Must depend on nothing else.
pub type FileDecoder = Arc<dyn Fn(&str, &[u8]) -> DecodedFile + Send + Sync>;

/// The plain manifests of one branch as a [`Source`]: from its first commit, or from a cursor, to where it is now; then it ends.
///
/// For each commit along first parents that touched the folder it emits the objects whose declaration changed
/// ([`Observation::Applied`], with the commit as source revision), those that are no longer declared, who committed
/// ([`OccurrenceKind::Commit`]), and a checkpoint. A merge counts as one change. Times are those of the commits.
/// To follow a branch, observe again from the last checkpoint. Kustomize and Helm are not rendered.
///
/// A cursor is a commit id. If the branch was rewritten since, there is a gap and then the difference.
pub struct GitSource {
    name: String,
    spec: GitSpec,
    options: GitOptions,
    decode: FileDecoder,
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitSource({})", self.name)
    }
}

impl GitSource {
    /// Makes a source that reads `spec`; its name is that of the repository and folder, without the revision.
    pub fn new(spec: GitSpec, options: GitOptions, decode: FileDecoder) -> Self {
        let name = GitSpec { revision: None, ..spec.clone() }.to_string();
        Self { name, spec, options, decode }
    }

    /// Makes a source of the plain manifests of `spec`, read as [`crate::manifests`] does.
    /// Namespaces are those in the manifests; a caller that knows the scope of kinds adds the missing ones.
    #[cfg(feature = "manifests")]
    pub fn manifests(spec: GitSpec, options: GitOptions) -> Self {
        Self::new(spec, options, Arc::new(decode_manifests))
    }
}

#[cfg(feature = "manifests")]
fn decode_manifests(path: &str, bytes: &[u8]) -> DecodedFile {
    let mut reader = crate::manifests::ManifestReader::new();
    reader.add_file(path, bytes);
    let read = reader.finish();
    DecodedFile {
        objects: read.declared.into_iter().map(|declared| declared.object).collect(),
        problems: read.problems.into_iter().filter(|p| p.kind.is_error()).map(|p| p.to_string()).collect(),
    }
}

/// Observations in the queue; few, since one can be an object of a megabyte.
const QUEUE: usize = 64;

impl Source for GitSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn observe(&self, after: Option<Cursor>) -> BoxStream<'_, Result<Observation, SourceError>> {
        let (send, mut receive) = mpsc::channel(QUEUE);
        let run = ObservationRun {
            spec: self.spec.clone(),
            options: self.options.clone(),
            decode: Arc::clone(&self.decode),
            facet: Facet::Desired(Authority::Manifests(self.name.as_str().into())),
            out: send,
        };
        // Reading packs and fetching block, so it is done in a thread of its own.
        let thread = std::thread::Builder::new()
            .name("drift-git-source".to_owned())
            .spawn(move || run.run_to_end(after));
        match thread {
            Ok(_) => stream::poll_fn(move |cx| receive.poll_recv(cx)).boxed(),
            Err(e) => {
                let what = "a thread to read Git in".to_owned();
                stream::iter([Err(SourceError::Unavailable { what, source: Some(Box::new(e)) })]).boxed()
            }
        }
    }
}

impl From<GitError> for SourceError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Denied { url, why } => {
                Self::Denied { what: format!("remote {url}"), message: why.to_owned() }
            }
            GitError::Unreachable { ref url, .. } => {
                Self::Unavailable { what: format!("remote {url}"), source: Some(Box::new(error)) }
            }
            _ => Self::Corrupt { what: "the Git repository".to_owned(), source: Some(Box::new(error)) },
        }
    }
}

/// Why a run ends early.
enum RunStop {
    Failed(SourceError),
    /// The stream was dropped.
    Dropped,
}

impl From<GitError> for RunStop {
    fn from(error: GitError) -> Self {
        Self::Failed(error.into())
    }
}

struct ObservationRun {
    spec: GitSpec,
    options: GitOptions,
    decode: FileDecoder,
    facet: Facet,
    out: mpsc::Sender<Result<Observation, SourceError>>,
}

impl ObservationRun {
    fn run_to_end(self, after: Option<Cursor>) {
        if let Err(RunStop::Failed(error)) = self.observe_commits(after) {
            // If the listener is gone by now the error is of no use to anyone.
            let _ = self.out.blocking_send(Err(error));
        }
    }

    fn emit(&self, observation: Observation) -> Result<(), RunStop> {
        self.out.blocking_send(Ok(observation)).map_err(|_| RunStop::Dropped)
    }

    fn observe_commits(&self, after: Option<Cursor>) -> Result<(), RunStop> {
        let repo = GitRepo::open(&self.spec, &self.options)?;
        let head = repo.resolve(self.spec.revision.as_deref().unwrap_or("HEAD"))?;
        let subdir = repo.subdir_of(&self.spec);
        let mut state = DeclaredState::new(subdir.clone(), Arc::clone(&self.decode));
        let options = HistoryOptions { parents: ParentChoice::First, ..Default::default() };
        let history = repo.history(subdir.as_deref().unwrap_or(""), head.id, options)?;
        let shallow = history.stopped == Some(HistoryStop::Shallow);
        let (mut commits, mut last) = (history.commits, None);
        if let Some(cursor) = after {
            let from = known_commit(&repo, &cursor)?;
            state = self.state_at(&repo, &from)?;
            match commits.iter().position(|c| c.id == from.id) {
                Some(at) => commits.truncate(at),
                None if from.id == head.id => commits.clear(),
                None => {
                    self.emit(gap_at(
                        &head,
                        GapReason::WatchLost,
                        format!("{} is not in the history of {} any more", from.id, head.id),
                    ))?;
                    commits = vec![head];
                }
            }
            last = Some(from);
        } else if shallow && let Some(oldest) = commits.last() {
            self.emit(gap_at(
                oldest,
                GapReason::Expired,
                "older commits are not in the shallow clone".to_owned(),
            ))?;
        }
        for commit in commits.into_iter().rev() {
            self.observe_commit(&repo, &mut state, last.as_ref(), &commit)?;
            last = Some(commit);
        }
        Ok(())
    }

    /// Returns the declared state after `commit`, without emitting it.
    fn state_at(&self, repo: &GitRepo, commit: &Commit) -> Result<DeclaredState, GitError> {
        let subdir = repo.subdir_of(&self.spec);
        let new = || DeclaredState::new(subdir.clone(), Arc::clone(&self.decode));
        let mut state = new();
        if state.apply_commit(repo, None, commit)?.problems.is_empty() {
            return Ok(state);
        }
        // What an unreadable file still counts as declaring is what it declared before: that takes the history.
        let options = HistoryOptions { parents: ParentChoice::First, ..Default::default() };
        let commits = repo.history(subdir.as_deref().unwrap_or(""), commit.id, options)?.commits;
        let (mut state, mut last) = (new(), None);
        for commit in commits.iter().rev() {
            state.apply_commit(repo, last, commit)?;
            last = Some(commit);
        }
        Ok(state)
    }

    fn observe_commit(
        &self,
        repo: &GitRepo,
        state: &mut DeclaredState,
        last: Option<&Commit>,
        commit: &Commit,
    ) -> Result<(), RunStop> {
        let step = state.apply_commit(repo, last, commit)?;
        self.emit(Observation::Happened(Occurrence {
            kind: OccurrenceKind::Commit,
            about: None,
            at: commit.committed_at,
            reason: commit.id.to_string().into(),
            message: commit.summary.as_str().into(),
            actor: author_of(commit),
            detail: None,
        }))?;
        for problem in step.problems {
            self.emit(gap_at(commit, GapReason::Corrupt, problem))?;
        }
        for change in step.changes {
            self.emit(self.to_observation(commit, change))?;
        }
        self.emit(Observation::Checkpoint(Cursor::new(commit.id.to_string())))
    }

    fn to_observation(&self, commit: &Commit, change: DeclaredChange) -> Observation {
        let (facet, observed_at, actor) = (self.facet.clone(), commit.committed_at, author_of(commit));
        match change.now {
            Some(object) => Observation::Applied(Applied {
                facet,
                key: change.key,
                object,
                observed_at,
                actor,
                cursor: None,
                source_revision: Some(SourceRevision::new(commit.id.to_string())),
            }),
            None => Observation::Deleted(Deleted {
                facet,
                key: change.key,
                last: change.before,
                observed_at,
                actor,
            }),
        }
    }
}

fn known_commit(repo: &GitRepo, cursor: &Cursor) -> Result<Commit, RunStop> {
    let unknown = || RunStop::Failed(SourceError::UnknownCursor { cursor: cursor.clone() });
    let id: CommitId = cursor.as_str().parse().map_err(|_| unknown())?;
    repo.commit(id).map_err(|_| unknown())
}

/// Returns the author, since the committer is often a merge button.
fn author_of(commit: &Commit) -> Actor {
    let author = format!("{} <{}>", commit.author.name, commit.author.email);
    Actor { manager: None, user: Some(author.into()) }
}

fn gap_at(commit: &Commit, reason: GapReason, message: String) -> Observation {
    Observation::Gap(Gap {
        scope: Scope::default(),
        from: None,
        to: commit.committed_at,
        from_version: None,
        to_version: None,
        reason,
        message: message.into(),
    })
}
