//! A client for the Argo CD API server: what Applications declare, for when their Git repositories are not available.
//!
//! **Invariant:** sends only GET requests, only to the given host; the token appears in no error and no `Debug` output.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use drift_core::ResourceKey;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use http::header::{ACCEPT, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::Config;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;

use super::answer::{
    self, AnswerError, ApplicationAnswer, ComparedResource, ListedApplication, RenderedManifests, TreeNode,
};
use super::{Application, AppliedRevisions};
use crate::kubernetes::{build_client, describe_error, encode_query};

/// Largest answer that says why a request is refused.
const MAX_REFUSAL: usize = 64 << 10;
/// Longest text of a server's error that goes into a message.
const MAX_MESSAGE: usize = 300;
/// Concurrent requests for Applications: each makes the server render.
const AT_A_TIME: usize = 4;

/// A bearer token of Argo CD.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Accepts the text of a token, with or without a trailing line break; `None` if it cannot be a token.
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

/// Limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Longest time until a response is complete; the server may have to render first.
    pub time: Duration,
    /// Largest response in bytes, decompressed.
    pub bytes: usize,
}

impl Default for ServerLimits {
    /// 90 s, 64 MiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(90), bytes: 64 << 20 }
    }
}

/// Which server to ask, and the token to ask with.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its address, with the root path if it has one: `https://argocd.example.com`.
    pub url: String,
    /// Token of an account that may `get` applications.
    pub token: Token,
    /// PEM file of certificate authorities, in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Limits of one request.
    pub limits: ServerLimits,
}

/// Why the server gave no usable response. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is not the URL of a server.
    #[error(
        "`{url}` is not the URL of an Argo CD server; write https://HOST[:PORT][/ROOTPATH] without user name or query"
    )]
    Address {
        /// The given address, without anything before an `@`.
        url: String,
    },
    /// The certificate authorities cannot be used.
    #[error("cannot connect to {url}: {why}; check the CA file")]
    Setup {
        /// Address of the server.
        url: String,
        /// What failed.
        why: String,
    },
    /// No connection, a broken one, or an untrusted certificate.
    #[error(
        "GET {path}: {why}; check that this is the address of Argo CD and that its certificate is signed by a trusted CA"
    )]
    Unreachable {
        /// URL of the request.
        path: String,
        /// What failed.
        why: String,
    },
    /// No complete response in time.
    #[error("GET {path}: no complete response within {} s; check whether the repo server of Argo CD is overloaded", time.as_secs_f32())]
    Slow {
        /// URL of the request.
        path: String,
        /// How long the client waited.
        time: Duration,
    },
    /// The token is invalid or expired.
    #[error(
        "GET {path}: the token was rejected (401); create a new one with `argocd account generate-token`"
    )]
    Unauthorized {
        /// URL of the request.
        path: String,
    },
    /// The token's account lacks a permission.
    #[error(
        "GET {path}: forbidden (403){message}; grant the account `applications, get`, and check that the Application exists"
    )]
    Forbidden {
        /// URL of the request.
        path: String,
        /// The server's message, after a colon.
        message: String,
    },
    /// The server does not know the path.
    #[error(
        "GET {path}: not found (404){message}; check that the Application belongs to this server and whether the address needs a root path"
    )]
    NotFound {
        /// URL of the request.
        path: String,
        /// The server's message, after a colon.
        message: String,
    },
    /// Any other error status.
    #[error("GET {path}: HTTP {status}{message}")]
    Refused {
        /// URL of the request.
        path: String,
        /// HTTP status of the response.
        status: u16,
        /// The server's message, after a colon.
        message: String,
    },
    /// The server redirects to another address, to which the token is not sent.
    #[error("GET {path}: redirects{to}, which is not followed; use the address that it redirects to")]
    Redirected {
        /// URL of the request.
        path: String,
        /// The target of the redirect, after a space.
        to: String,
    },
    /// The response exceeds the limit.
    #[error("GET {path}: the response is larger than {limit} bytes")]
    TooLarge {
        /// URL of the request.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The response is not one of Argo CD's API.
    #[error(
        "GET {path}: the response is not one of Argo CD's API; check for a login page in front of it or a missing root path"
    )]
    Unreadable {
        /// URL of the request.
        path: String,
        /// What is wrong with it.
        #[source]
        source: AnswerError,
    },
    /// The server's Application is not the one in the cluster.
    #[error("{app} on {url} has another UID than in the cluster; use the Argo CD server of this cluster")]
    Other {
        /// Key of the Application.
        app: ResourceKey,
        /// Address of the server.
        url: String,
    },
    /// The server does not list the Application.
    #[error("{url} does not list {app}; check that the token's account may see its project")]
    NotListed {
        /// Key of the Application.
        app: ResourceKey,
        /// Address of the server.
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
    /// Creates a client; no request is sent yet.
    ///
    /// # Errors
    /// When the address or the certificate authorities cannot be used.
    pub async fn new(options: ServerOptions) -> Result<Self, ServerError> {
        let url = parse_address(&options.url)?;
        let setup = |why: String| ServerError::Setup { url: url.clone(), why };
        let authority = options.ca_file.map(|f| f.to_string_lossy().into_owned());
        let config = serde_json::from_value(serde_json::json!({"current-context": "argocd",
            "clusters": [{"name": "argocd", "cluster": {"server": url, "certificate-authority": authority}}],
            "users": [{"name": "argocd", "user": {"token": options.token.0}}],
            "contexts": [{"name": "argocd", "context": {"cluster": "argocd", "user": "argocd"}}]}));
        let config: Kubeconfig =
            config.map_err(|_| setup("its settings cannot be put together".to_owned()))?;
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
        let client = build_client(config.map_err(|e| setup(e.to_string()))?).map_err(setup)?;
        Ok(Self { client, url, token: options.token, limits: options.limits })
    }

    /// Returns the address of the server, which contains no secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lists the Applications that the token's account sees.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn list_applications(&self) -> Result<Vec<ListedApplication>, ServerError> {
        // All of every Application would be too much; of UIDs the server makes no choice.
        let fields = "fields=items.metadata.name,items.metadata.namespace";
        self.get_parsed("/api/v1/applications", fields, answer::parse_applications).await
    }

    /// Lets the server render the manifests of an Application, at the target revisions or, if any are given, at `revisions`, one for each source.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn render_manifests(
        &self,
        app: &Application,
        revisions: &[String],
    ) -> Result<RenderedManifests, ServerError> {
        let mut query = application_query(app);
        match (app.sources.len(), revisions) {
            (_, []) => {}
            (1, [revision]) => query.push_str(&format!("&revision={}", encode_query(revision))),
            (_, all) => {
                for (i, revision) in all.iter().enumerate() {
                    query.push_str(&format!(
                        "&sourcePositions={}&revisions={}",
                        i + 1,
                        encode_query(revision)
                    ));
                }
            }
        }
        self.get_parsed(&application_path(app, "/manifests"), &query, answer::parse_manifests).await
    }

    /// Returns the resources as the controller compared them last.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn managed_resources(&self, app: &Application) -> Result<Vec<ComparedResource>, ServerError> {
        self.get_parsed(
            &application_path(app, "/managed-resources"),
            &application_query(app),
            answer::parse_managed_resources,
        )
        .await
    }

    /// Lists the resources of an Application and what was created from them, such as the Pods of a Deployment.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn resource_tree(&self, app: &Application) -> Result<Vec<TreeNode>, ServerError> {
        self.get_parsed(
            &application_path(app, "/resource-tree"),
            &application_query(app),
            answer::parse_resource_tree,
        )
        .await
    }

    /// Fetches what Applications declare, by their keys.
    ///
    /// # Errors
    /// When the Applications cannot be listed; an error of one Application is in its own entry.
    pub async fn fetch_answers(
        &self,
        apps: &[&Application],
    ) -> Result<BTreeMap<ResourceKey, Result<ApplicationAnswer, ServerError>>, ServerError> {
        let listed = self.list_applications().await?;
        let known: BTreeSet<(&str, &str)> = listed.iter().map(|l| (&*l.namespace, &*l.name)).collect();
        let known = &known;
        // Boxed one by one: the compiler cannot see that a stream of a closure's futures may cross threads.
        let mut asked: Vec<BoxFuture<'_, _>> = Vec::new();
        for app in apps.iter().copied() {
            let answer = async move {
                let answer = match known.contains(&(&*app.namespace, &*app.name)) {
                    true => self.fetch_answer(app).await,
                    false => Err(ServerError::NotListed { app: app.key(), url: self.url.clone() }),
                };
                (app.key(), answer)
            };
            asked.push(answer.boxed());
        }
        Ok(futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await)
    }

    /// Fetches what one Application declares now and what it declared when it was last synced.
    async fn fetch_answer(&self, app: &Application) -> Result<ApplicationAnswer, ServerError> {
        let theirs = self
            .get_parsed(&application_path(app, ""), &application_query(app), answer::parse_application)
            .await?;
        // A server of another cluster may well have one of the same name.
        if !theirs.uid.is_empty() && !app.uid.is_empty() && theirs.uid != *app.uid {
            return Err(ServerError::Other { app: app.key(), url: self.url.clone() });
        }
        let targets: Vec<&str> =
            app.sources.iter().map(|s| s.target_revision.as_deref().unwrap_or("HEAD")).collect();
        let targets = targets.join(", ");
        let (manifests, note) = match self.render_manifests(app, &[]).await {
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
                (RenderedManifests { objects, revision: revision.cloned() }, note)
            }
            Err(why) => return Err(why),
        };
        let mut applied = BTreeMap::new();
        for AppliedRevisions { revisions, sources } in app.applied_revisions() {
            // The server renders today's sources, so only those can be asked for.
            let same = sources.len() == app.sources.len()
                && revisions.len() == sources.len()
                && sources.iter().zip(&app.sources).all(|(then, now)| same_but_revision(then, now));
            if same && let Ok(then) = self.render_manifests(app, revisions).await {
                applied.insert(revisions.to_vec(), then.objects);
            }
        }
        Ok(ApplicationAnswer { manifests, applied, note })
    }

    async fn get_parsed<T>(
        &self,
        path: &str,
        query: &str,
        read: impl FnOnce(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, ServerError> {
        let bytes = tokio::time::timeout(self.limits.time, self.get_bytes(path, query)).await;
        let slow = |_| ServerError::Slow { path: self.full_url(path), time: self.limits.time };
        let bytes = bytes.map_err(slow)??;
        read(&bytes).map_err(|source| ServerError::Unreadable { path: self.full_url(path), source })
    }

    async fn get_bytes(&self, path: &str, query: &str) -> Result<Vec<u8>, ServerError> {
        let unreachable =
            |why: String| ServerError::Unreachable { path: self.full_url(path), why: self.sanitized(&why) };
        let request = Request::get(format!("{path}?{query}")).header(ACCEPT, "application/json");
        let request = request.body(Body::empty()).map_err(|e| unreachable(e.to_string()))?;
        let response = self.client.send(request).await.map_err(|e| unreachable(describe_error(&e)))?;
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|l| l.to_str().ok()).unwrap_or_default();
            let host = to.parse::<http::Uri>().ok().and_then(|u| u.host().map(str::to_owned));
            let to = host.map_or_else(String::new, |h| format!(" to {}", self.sanitized(&h)));
            return Err(ServerError::Redirected { path: self.full_url(path), to });
        }
        if !status.is_success() {
            let body = collect_body(response, MAX_REFUSAL).await.unwrap_or_default();
            return Err(self.refusal_error(path, status, &body));
        }
        collect_body(response, self.limits.bytes).await.map_err(|why| match why {
            None => ServerError::TooLarge { path: self.full_url(path), limit: self.limits.bytes },
            Some(why) => unreachable(format!("the answer broke off: {why}")),
        })
    }

    fn refusal_error(&self, path: &str, status: StatusCode, body: &[u8]) -> ServerError {
        #[derive(Default, Deserialize)]
        struct ErrorBody {
            message: Option<String>,
            error: Option<String>,
        }
        let wire: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let message = wire.message.or(wire.error).filter(|m| !m.is_empty());
        let message = message.map_or_else(String::new, |m| format!(": {}", self.sanitized(&m)));
        let path = self.full_url(path);
        match status.as_u16() {
            401 => ServerError::Unauthorized { path },
            403 => ServerError::Forbidden { path, message },
            404 => ServerError::NotFound { path, message },
            status => ServerError::Refused { path, status, message },
        }
    }

    /// Prepares a text of the server for a message: shortened, on one line, and without the token.
    fn sanitized(&self, text: &str) -> String {
        let text = text.replace(&self.token.0, "<token>");
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect()
    }

    fn full_url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Checks an address, and takes the slash off its end.
fn parse_address(text: &str) -> Result<String, ServerError> {
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

fn application_path(app: &Application, what: &str) -> String {
    format!("/api/v1/applications/{}{what}", encode_query(&app.name))
}

fn application_query(app: &Application) -> String {
    format!("appNamespace={}&project={}", encode_query(&app.namespace), encode_query(&app.project))
}

/// Returns `true` if two sources differ in nothing but the target revision.
fn same_but_revision(one: &super::ApplicationSource, two: &super::ApplicationSource) -> bool {
    let rest = |s: &super::ApplicationSource| {
        let mut raw = s.raw.clone();
        if let Some(map) = raw.as_object_mut() {
            map.remove("targetRevision");
        }
        raw
    };
    rest(one) == rest(two)
}

/// Reads a response to its end; the error is `None` if it is too large, else why it ended early.
async fn collect_body(response: Response<Body>, max: usize) -> Result<Vec<u8>, Option<String>> {
    match Limited::new(response.into_body(), max).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => Err(None),
        Err(e) => Err(Some(root_cause(&*e))),
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
