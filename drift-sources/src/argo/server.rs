//! Argo CD's API server: what Applications declare, where their Git repositories are not at hand.
//!
//! **Invariant:** reads only, asks no other host than the one that is named, and the token is in no error and no `Debug`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use drift_core::ResourceKey;
use futures::StreamExt;
use http::header::{ACCEPT, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::Config;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;

use super::Application;
use super::answer::{self, Answer, AnswerError, Compared, Listed, Manifests, TreeNode};
use crate::kubernetes::{client, describe, encode};

/// Largest answer that says why a request is refused.
const MAX_REFUSAL: usize = 64 << 10;
/// Longest text of a refusal that is told.
const MAX_MESSAGE: usize = 300;
/// Applications that are asked for at a time: each has the server render.
const AT_A_TIME: usize = 4;

/// A bearer token of Argo CD.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token, with the line break that files end with; `None` where it can be none.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        is_token.then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// How long to wait and how much to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Longest time for one answer, to its end: the server may have to render first.
    pub time: Duration,
    /// Largest answer in bytes, unpacked.
    pub bytes: usize,
}

impl Default for ServerLimits {
    /// 90 s, 64 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(90), bytes: 64 << 20 }
    }
}

/// Which server, and by what right.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its address, with the root path if it has one: `https://argocd.example.com`.
    pub url: String,
    /// Token of an account that may `get` applications.
    pub token: Token,
    /// PEM file of certificate authorities, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Bounds of one request.
    pub limits: ServerLimits,
}

/// Why Argo CD says nothing, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is none of a server.
    #[error(
        "`{url}` is no address of an Argo CD server: https://HOST[:PORT][/ROOTPATH] expected, without a name or query"
    )]
    Address {
        /// What was given, without what stands before an `@`.
        url: String,
    },
    /// Certificates cannot be had.
    #[error("cannot talk to {url}: {why}; check the file of certificate authorities")]
    Setup {
        /// The server.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// No connection, a broken one, or a certificate that is not trusted.
    #[error(
        "GET {path}: {why}; is it Argo CD's address, and its certificate signed by an authority that is known here?"
    )]
    Unreachable {
        /// What was asked for.
        path: String,
        /// What happened.
        why: String,
    },
    /// No answer in time.
    #[error("GET {path}: no whole answer within {} s; is the repo server of Argo CD busy?", time.as_secs_f32())]
    Slow {
        /// What was asked for.
        path: String,
        /// How long was waited.
        time: Duration,
    },
    /// The token is not taken.
    #[error(
        "GET {path}: the token is not accepted (401); make a new one with `argocd account generate-token`"
    )]
    Unauthorized {
        /// What was asked for.
        path: String,
    },
    /// The token does not reach as far.
    #[error(
        "GET {path}: not allowed (403){message}; the account needs `applications, get` for it, and the Application must exist"
    )]
    Forbidden {
        /// What was asked for.
        path: String,
        /// What the server says, after a colon.
        message: String,
    },
    /// There is no such thing.
    #[error(
        "GET {path}: not found (404){message}; is it this server's Application, and does the address need a root path?"
    )]
    NotFound {
        /// What was asked for.
        path: String,
        /// What the server says, after a colon.
        message: String,
    },
    /// Any other refusal.
    #[error("GET {path}: HTTP {status}{message}")]
    Refused {
        /// What was asked for.
        path: String,
        /// Status of the answer.
        status: u16,
        /// What the server says, after a colon.
        message: String,
    },
    /// It points elsewhere, where the token is not sent.
    #[error("GET {path}: redirects{to}, which is not followed; give the address that it leads to")]
    Redirected {
        /// What was asked for.
        path: String,
        /// Where to, after a blank.
        to: String,
    },
    /// More than is taken.
    #[error("GET {path}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        path: String,
        /// How much is taken.
        limit: usize,
    },
    /// Something else than Argo CD answers.
    #[error(
        "GET {path}: the answer is no answer of Argo CD's API; is a login page before it, or a root path missing?"
    )]
    Unreadable {
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        #[source]
        source: AnswerError,
    },
    /// The server's Application is not the one of the cluster that is looked at.
    #[error("{app} of {url} is another one than that of the cluster that is looked at")]
    Other {
        /// Which Application.
        app: ResourceKey,
        /// The server.
        url: String,
    },
    /// The server has no such Application, or does not say.
    #[error("{url} lists no {app}; does the token's account see its project?")]
    NotListed {
        /// Which Application.
        app: ResourceKey,
        /// The server.
        url: String,
    },
}

/// An API server of Argo CD.
pub struct ArgoServer {
    client: kube::Client,
    url: String,
    token: Token,
    limits: ServerLimits,
}

impl fmt::Debug for ArgoServer {
    /// Leaves the client out: it holds the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgoServer")
            .field("url", &self.url)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl ArgoServer {
    /// Makes ready to ask a server; nothing is asked yet.
    ///
    /// # Errors
    /// When the address or the certificate authorities cannot be used.
    pub async fn new(options: ServerOptions) -> Result<Self, ServerError> {
        let url = address(&options.url)?;
        let setup = |why: String| ServerError::Setup { url: url.clone(), why };
        let authority = options.ca_file.map(|f| f.to_string_lossy().into_owned());
        let config = serde_json::from_value(serde_json::json!({"current-context": "argocd",
            "clusters": [{"name": "argocd", "cluster": {"server": url, "certificate-authority": authority}}],
            "users": [{"name": "argocd", "user": {"token": options.token.0}}],
            "contexts": [{"name": "argocd", "context": {"cluster": "argocd", "user": "argocd"}}]}));
        let config: Kubeconfig =
            config.map_err(|_| setup("its settings cannot be put together".to_owned()))?;
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
        let client = client(config.map_err(|e| setup(e.to_string()))?).map_err(setup)?;
        Ok(Self { client, url, token: options.token, limits: options.limits })
    }

    /// Returns the address without what is secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lists the Applications that the token's account sees.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn applications(&self) -> Result<Vec<Listed>, ServerError> {
        // All of every Application would be too much; of UIDs the server makes no choice.
        let fields = "fields=items.metadata.name,items.metadata.namespace";
        self.ask("/api/v1/applications", fields, answer::applications).await
    }

    /// Has the server render what an Application declares; at `revisions`, one for each source, if there are any.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn manifests(&self, app: &Application, revisions: &[String]) -> Result<Manifests, ServerError> {
        let mut query = query(app);
        match (app.sources.len(), revisions) {
            (_, []) => {}
            (1, [revision]) => query.push_str(&format!("&revision={}", encode(revision))),
            (_, all) => {
                for (i, revision) in all.iter().enumerate() {
                    query.push_str(&format!("&sourcePositions={}&revisions={}", i + 1, encode(revision)));
                }
            }
        }
        self.ask(&path(app, "/manifests"), &query, answer::manifests).await
    }

    /// Says what the controller compared last.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn managed_resources(&self, app: &Application) -> Result<Vec<Compared>, ServerError> {
        self.ask(&path(app, "/managed-resources"), &query(app), answer::managed_resources).await
    }

    /// Lists what an Application manages, and what came of it.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn resource_tree(&self, app: &Application) -> Result<Vec<TreeNode>, ServerError> {
        self.ask(&path(app, "/resource-tree"), &query(app), answer::resource_tree).await
    }

    /// Says for Applications what they declare, by their keys.
    ///
    /// # Errors
    /// When the server cannot be asked at all; what is the matter with one Application is said in its place.
    pub async fn answers(
        &self,
        apps: &[&Application],
    ) -> Result<BTreeMap<ResourceKey, Result<Answer, ServerError>>, ServerError> {
        let listed = self.applications().await?;
        let known: BTreeSet<(&str, &str)> = listed.iter().map(|l| (&*l.namespace, &*l.name)).collect();
        let known = &known;
        let asked = apps.iter().map(|app| async move {
            let answer = match known.contains(&(&*app.namespace, &*app.name)) {
                true => self.answer(app).await,
                false => Err(ServerError::NotListed { app: app.key(), url: self.url.clone() }),
            };
            (app.key(), answer)
        });
        Ok(futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await)
    }

    /// Says what one Application declares now, and what it declared when it was synced.
    async fn answer(&self, app: &Application) -> Result<Answer, ServerError> {
        let theirs = self.ask(&path(app, ""), &query(app), answer::application).await?;
        // A server of another cluster may well have one of the same name.
        if !theirs.uid.is_empty() && !app.uid.is_empty() && theirs.uid != *app.uid {
            return Err(ServerError::Other { app: app.key(), url: self.url.clone() });
        }
        let targets: Vec<&str> =
            app.sources.iter().map(|s| s.target_revision.as_deref().unwrap_or("HEAD")).collect();
        let targets = targets.join(", ");
        let (manifests, note) = match self.manifests(app, &[]).await {
            Ok(manifests) => {
                (manifests, format!("compared with what Argo CD at {} renders of {targets}", self.url))
            }
            // What it compared last stays known where it cannot render any more.
            Err(why @ (ServerError::Refused { .. } | ServerError::Slow { .. })) => {
                let compared = self.managed_resources(app).await.unwrap_or_default();
                let objects: Vec<_> =
                    compared.into_iter().filter(|c| !c.hook).filter_map(|c| c.target).collect();
                if objects.is_empty() {
                    return Err(why);
                }
                let revision = app.compared_revisions.first().filter(|_| app.compared_revisions.len() == 1);
                let note = format!("compared with what Argo CD at {} compared last: {why}", self.url);
                (Manifests { objects, revision: revision.cloned() }, note)
            }
            Err(why) => return Err(why),
        };
        let mut applied = BTreeMap::new();
        for (revisions, sources) in app.applied() {
            // The server renders today's sources, so only those can be asked for.
            let same = sources.len() == app.sources.len()
                && revisions.len() == sources.len()
                && sources.iter().zip(&app.sources).all(|(then, now)| is_same(then, now));
            if same && let Ok(then) = self.manifests(app, revisions).await {
                applied.insert(revisions.to_vec(), then.objects);
            }
        }
        Ok(Answer { manifests, applied, note })
    }

    async fn ask<T>(
        &self,
        path: &str,
        query: &str,
        read: impl FnOnce(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, ServerError> {
        let bytes = tokio::time::timeout(self.limits.time, self.get(path, query)).await;
        let slow = |_| ServerError::Slow { path: self.shown(path), time: self.limits.time };
        let bytes = bytes.map_err(slow)??;
        read(&bytes).map_err(|source| ServerError::Unreadable { path: self.shown(path), source })
    }

    async fn get(&self, path: &str, query: &str) -> Result<Vec<u8>, ServerError> {
        let unreachable =
            |why: String| ServerError::Unreachable { path: self.shown(path), why: self.clean(&why) };
        let request = Request::get(format!("{path}?{query}")).header(ACCEPT, "application/json");
        let request = request.body(Body::empty()).map_err(|e| unreachable(e.to_string()))?;
        let response = self.client.send(request).await.map_err(|e| unreachable(describe(&e)))?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|l| l.to_str().ok()).unwrap_or_default();
            let host = to.parse::<http::Uri>().ok().and_then(|u| u.host().map(str::to_owned));
            let to = host.map_or_else(String::new, |h| format!(" to {}", self.clean(&h)));
            return Err(ServerError::Redirected { path: self.shown(path), to });
        }
        if !status.is_success() {
            let body = collect(response, MAX_REFUSAL).await.unwrap_or_default();
            return Err(self.refusal(path, status, &body));
        }
        collect(response, self.limits.bytes).await.map_err(|why| match why {
            None => ServerError::TooLarge { path: self.shown(path), limit: self.limits.bytes },
            Some(why) => unreachable(format!("the answer broke off: {why}")),
        })
    }

    fn refusal(&self, path: &str, status: StatusCode, body: &[u8]) -> ServerError {
        #[derive(Default, Deserialize)]
        struct Wire {
            message: Option<String>,
            error: Option<String>,
        }
        let wire: Wire = serde_json::from_slice(body).unwrap_or_default();
        let message = wire.message.or(wire.error).filter(|m| !m.is_empty());
        let message = message.map_or_else(String::new, |m| format!(": {}", self.clean(&m)));
        let path = self.shown(path);
        match status.as_u16() {
            401 => ServerError::Unauthorized { path },
            403 => ServerError::Forbidden { path, message },
            404 => ServerError::NotFound { path, message },
            status => ServerError::Refused { path, status, message },
        }
    }

    /// A text of others in a message of ours: bounded, in one line, and without the token, should it be in there.
    fn clean(&self, text: &str) -> String {
        let text = text.replace(&self.token.0, "<token>");
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect()
    }

    fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Checks an address, and takes the slash off its end.
fn address(text: &str) -> Result<String, ServerError> {
    let text = text.trim().trim_end_matches('/');
    let uri = text.parse::<http::Uri>().ok().filter(|u| {
        matches!(u.scheme_str(), Some("http" | "https"))
            && u.host().is_some_and(|h| !h.is_empty())
            && u.query().is_none()
            && !text.contains(['@', '#'])
    });
    // A password may stand before the host.
    let shown = || text.rsplit_once('@').map_or(text, |(_, rest)| rest).to_owned();
    uri.map(|_| text.to_owned()).ok_or_else(|| ServerError::Address { url: shown() })
}

fn path(app: &Application, what: &str) -> String {
    format!("/api/v1/applications/{}{what}", encode(&app.name))
}

fn query(app: &Application) -> String {
    format!("appNamespace={}&project={}", encode(&app.namespace), encode(&app.project))
}

/// Tells whether two sources are one but for the revision.
fn is_same(one: &super::Source, two: &super::Source) -> bool {
    let rest = |s: &super::Source| {
        let mut raw = s.raw.clone();
        if let Some(map) = raw.as_object_mut() {
            map.remove("targetRevision");
        }
        raw
    };
    rest(one) == rest(two)
}

/// Reads an answer to its end; `None` for one that is too large, else why it broke off.
async fn collect(response: Response<Body>, max: usize) -> Result<Vec<u8>, Option<String>> {
    match Limited::new(response.into_body(), max).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => Err(None),
        Err(e) => Err(Some(deepest(&*e))),
    }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
