//! Fetching a remote into a bare repository of ours.
//!
//! **Invariant:** credentials are neither written to disk nor shown, and nothing waits for a person or forever.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use gix::bstr::{BString, ByteSlice};
use gix::protocol::handshake::Ref;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit};
use gix::remote::fetch::Shallow;

use super::commit::OURS;
use super::open::{isolated_options, scratch_folder};
use super::spec::without_user_info;
use super::{Credentials, FetchDepth, GitError, GitOptions};
use crate::scratch::ScratchFolder;

/// Where the clone of `url` is or shall be.
pub(super) fn folder(url: &str, options: &GitOptions) -> Result<(PathBuf, Option<ScratchFolder>), GitError> {
    let Some(cache) = &options.cache else {
        let scratch = scratch_folder()?;
        return Ok((scratch.path().join("repository"), Some(scratch)));
    };
    // The hash of a blob serves as well as any; a shallow clone is not to be taken for a full one.
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(without_user_info(url).as_bytes());
    let name = hasher.try_finalize().map_err(|e| GitError::corrupt("the name of the clone", e))?;
    let kind = match options.depth {
        FetchDepth::Full => "full",
        FetchDepth::Tip => "tip",
    };
    Ok((cache.join(format!("{name}-{kind}.git")), None))
}

/// What a fetch brings.
struct FetchRequest {
    specs: Vec<String>,
    shallow: Shallow,
}

impl FetchRequest {
    fn all() -> Self {
        let specs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/drift/head"];
        Self { specs: specs.map(str::to_owned).to_vec(), shallow: Shallow::NoChange }
    }

    /// `None` where only the whole history can tell what is meant.
    fn tip(revision: &str) -> Option<Self> {
        let specs = if revision == "HEAD" {
            vec!["+HEAD:refs/drift/head".to_owned()]
        } else if gix::ObjectId::from_hex(revision.as_bytes()).is_ok() {
            vec![format!("{revision}:refs/drift/{revision}")]
        } else if revision.starts_with("refs/") && is_reference(revision) {
            vec![format!("+{revision}:{revision}")]
        } else if is_reference(&format!("refs/heads/{revision}")) {
            ["heads", "tags"].map(|kind| format!("+refs/{kind}/{revision}:refs/{kind}/{revision}")).to_vec()
        } else {
            return None;
        };
        let depth = std::num::NonZeroU32::MIN;
        Some(Self { specs, shallow: Shallow::DepthAtRemote(depth) })
    }
}

fn is_reference(name: &str) -> bool {
    gix::validate::reference::name(name.into()).is_ok()
}

/// Brings `folder` up to date with `url`, making it first if needed, within the time allowed.
pub(super) fn fetch_remote(
    url: &str,
    revision: Option<&str>,
    folder: &Path,
    options: &GitOptions,
) -> Result<gix::Repository, GitError> {
    install_tls();
    let revision = revision.unwrap_or("HEAD").to_owned();
    let (stop, (send, receive)) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let job = FetchJob {
        url: url.to_owned(),
        folder: folder.to_owned(),
        options: options.clone(),
        stop: Arc::clone(&stop),
    };
    // In a thread of its own because a silent peer can block a read for longer than we want to wait.
    std::thread::Builder::new()
        .name("drift-git-fetch".to_owned())
        .spawn(move || {
            // Nobody listens any more if the time ran out.
            let _ = send.send(job.run_fetch(&revision));
        })
        .map_err(|e| GitError::corrupt("a thread to fetch with", e))?;
    let limit = options.limits.remote_time;
    match receive.recv_timeout(limit) {
        Ok(outcome) => outcome?,
        Err(_) => {
            stop.store(true, Ordering::Relaxed);
            return Err(GitError::Unreachable {
                url: without_user_info(url),
                limit: Some(limit),
                source: None,
            });
        }
    }
    gix::open_opts(folder, isolated_options(&options.limits))
        .map_err(|e| GitError::corrupt(format!("clone {}", folder.display()), e))
}

/// rustls takes the provider of the process; a second call finds one installed, which is as good.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

struct FetchJob {
    url: String,
    folder: PathBuf,
    options: GitOptions,
    stop: Arc<AtomicBool>,
}

impl FetchJob {
    fn run_fetch(&self, revision: &str) -> Result<(), GitError> {
        let repo = self
            .open_clone()
            .map_err(|e| GitError::corrupt(format!("clone {}", self.folder.display()), e))?;
        if self.options.depth == FetchDepth::Tip
            && let Some(tip) = FetchRequest::tip(revision)
            && self.receive_pack(&repo, &tip).is_ok()
        {
            return Ok(());
        }
        // Remotes may refuse ids and depths; then, and for expressions, all is fetched, which answers the same.
        self.receive_pack(&repo, &FetchRequest::all()).map_err(|e| self.fetch_error(e))
    }

    fn open_clone(&self) -> Result<gix::Repository, gix::Error> {
        // Ours, so that its settings are effective: those of `isolated` are.
        let options = isolated_options(&self.options.limits).with(gix::sec::Trust::Full);
        if self.folder.join("HEAD").is_file() {
            return gix::open_opts(&self.folder, options);
        }
        let repo = gix::ThreadSafeRepository::init_opts(
            &self.folder,
            gix::create::Kind::Bare,
            gix::create::Options::default(),
            options,
        )?;
        Ok(repo.to_thread_local())
    }

    fn receive_pack(&self, repo: &gix::Repository, wanted: &FetchRequest) -> Result<(), gix::Error> {
        let (url, given) = self.url_and_credentials()?;
        let remote = repo
            .remote_at_without_url_rewrite(url)?
            .with_refspecs(wanted.specs.iter().map(String::as_str), gix::remote::Direction::Fetch)?
            .with_fetch_tags(gix::remote::fetch::Tags::None);
        let connection = remote
            .connect(gix::remote::Direction::Fetch)?
            .with_credentials(move |action| answer_credentials(action, given.as_ref()));
        let outcome = connection
            .prepare_fetch(gix::progress::Discard, Default::default())?
            .with_write_packed_refs_only(true)
            .with_shallow(wanted.shallow.clone())
            .receive(gix::progress::Discard, &self.stop)?;
        prune_references(repo, wanted, &outcome.ref_map)?;
        point_head(repo, &outcome.ref_map)
    }

    /// The URL without credentials, since a transport shows its URL in errors.
    fn url_and_credentials(&self) -> Result<(gix::Url, Option<Credentials>), gix::Error> {
        let mut url = gix::url::parse(gix::bstr::BStr::new(&self.url))?;
        let mut given = self.options.credentials.clone();
        if matches!(url.scheme, gix::url::Scheme::Http | gix::url::Scheme::Https) {
            let (user, password) = (url.user.take(), url.password.take());
            if given.is_none() && (user.is_some() || password.is_some()) {
                let text = |s: Option<_>| s.map(|s: String| s).unwrap_or_default();
                given = Some(Credentials { username: text(user), password: text(password) });
            }
        }
        Ok((url, given))
    }

    fn fetch_error(&self, error: gix::Error) -> GitError {
        let url = without_user_info(&self.url);
        let given = self.url_and_credentials().is_ok_and(|(_, given)| given.is_some());
        match refusal_reason(&error, given) {
            Some(why) => GitError::Denied { url, why },
            None => GitError::Unreachable { url, limit: None, source: Some(Box::new(error)) },
        }
    }
}

/// Why access was refused, if that is what happened. HTTP's 401 ends up as an `io::Error` in the chain.
fn refusal_reason(error: &gix::Error, given: bool) -> Option<&'static str> {
    use gix::protocol::transport::client::Error as Transport;
    let in_clear = |e: &Transport| matches!(e, Transport::AuthenticationRefused(_));
    if error.iter_errors().filter_map(|e| e.downcast_ref()).any(in_clear) {
        return Some("it asks for credentials, which are not sent in clear text; use https or ssh");
    }
    let denied = |e: &std::io::Error| e.kind() == std::io::ErrorKind::PermissionDenied;
    let denied = error.iter_errors().filter_map(|e| e.downcast_ref()).any(denied);
    if !denied && !error.is_unauthenticated() && !error.is_permission_denied() {
        return None;
    }
    Some(if given {
        "the credentials given were not accepted, or may not read it"
    } else {
        "no credentials were given; it may also not exist"
    })
}

fn answer_credentials(
    action: gix::credentials::helper::Action,
    given: Option<&Credentials>,
) -> Result<Option<gix::credentials::protocol::Outcome>, gix::Error> {
    let gix::credentials::helper::Action::Get(context) = action else { return Ok(None) };
    let Some(given) = given else { return Ok(None) };
    Ok(Some(gix::credentials::protocol::Outcome {
        identity: gix::sec::identity::Account {
            username: given.username.clone(),
            password: given.password.clone(),
            oauth_refresh_token: None,
        },
        next: context.into(),
    }))
}

/// Drops references that the remote has no longer, so that a deleted branch is unknown here too.
fn prune_references(
    repo: &gix::Repository,
    wanted: &FetchRequest,
    map: &gix::remote::fetch::RefMap,
) -> Result<(), gix::Error> {
    if wanted.shallow != Shallow::NoChange {
        return Ok(());
    }
    let there: std::collections::BTreeSet<&[u8]> =
        map.remote_refs.iter().map(|r| r.unpack().0.as_bytes()).collect();
    let mut edits = Vec::new();
    for reference in repo.references()?.all()?.filter_map(Result::ok) {
        let name = reference.name();
        if !name.as_bstr().starts_with(OURS) && !there.contains(name.as_bstr().as_bytes()) {
            let change = Change::Delete {
                expected: PreviousValue::Any,
                log: gix::refs::transaction::RefLog::AndReference,
            };
            edits.push(RefEdit { change, name: name.to_owned(), deref: false });
        }
    }
    repo.edit_references(edits)?;
    Ok(())
}

/// Makes our `HEAD` what the remote's is; its commit alone where its branch was not fetched.
fn point_head(repo: &gix::Repository, map: &gix::remote::fetch::RefMap) -> Result<(), gix::Error> {
    let Some(head) = map.remote_refs.iter().find(|r| r.unpack().0 == "HEAD") else { return Ok(()) };
    let new = match head {
        Ref::Symbolic { target, .. } if repo.try_find_reference(target.as_bstr())?.is_some() => {
            gix::refs::Target::Symbolic(symbolic_name(target.clone())?)
        }
        Ref::Symbolic { object, .. } | Ref::Direct { object, .. } | Ref::Peeled { object, .. } => {
            gix::refs::Target::Object(*object)
        }
        Ref::Unborn { target, .. } => gix::refs::Target::Symbolic(symbolic_name(target.clone())?),
    };
    let change = Change::Update { log: LogChange::default(), expected: PreviousValue::Any, new };
    repo.edit_reference(RefEdit { change, name: symbolic_name("HEAD".into())?, deref: false })?;
    Ok(())
}

fn symbolic_name(name: BString) -> Result<gix::refs::FullName, gix::Error> {
    gix::refs::FullName::try_from(name).map_err(gix::Error::from_error)
}
