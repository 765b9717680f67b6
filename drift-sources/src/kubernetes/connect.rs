//! Connects to a cluster, as kubectl does.

use std::path::PathBuf;
use std::time::Duration;

use drift_core::SourceError;
use drift_core::redact::SecretValues;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use super::exec_plugin;
use super::machine::Failure;
use super::pool::ConnectionPool;
use super::request::{JSON, RequestLimits, Requests, describe_error};

/// Longest time that a credential plugin may take: somebody may have to log in with a browser.
const PLUGIN_TIME: Duration = Duration::from_secs(60);

/// Which cluster to connect to.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Kubeconfig file; without one `KUBECONFIG`, then `~/.kube/config`, then the service account of a pod.
    pub kubeconfig: Option<PathBuf>,
    /// Context in it; without one the current context.
    pub context: Option<String>,
    /// Longest time until the first response.
    pub timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { kubeconfig: None, context: None, timeout: Duration::from_secs(15) }
    }
}

/// A connection to a cluster that has responded.
#[derive(Clone)]
pub struct Connection {
    /// For [`super::KubernetesSource::new`].
    pub client: Client,
    /// The context in use; `None` in a pod.
    pub context: Option<String>,
    /// The namespace of the context; `default` if it names none.
    pub namespace: String,
    /// Address of the API server.
    pub server: String,
}

impl std::fmt::Debug for Connection {
    /// Leaves the client out: it holds credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("context", &self.context)
            .field("namespace", &self.namespace)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{problem}; {advice}")]
struct NoConnection {
    problem: String,
    advice: String,
}

/// Connects as kubectl does, and requests the server's version as a check.
///
/// # Errors
/// The message names the problem with the kubeconfig, the network or the credentials, and what to do. It contains no
/// credential.
pub async fn connect(options: ConnectOptions) -> Result<Connection, SourceError> {
    let (config, context) = load_config(&options).await?;
    if let Some(exec) = &config.auth_info.exec {
        exec_plugin::check(exec, PLUGIN_TIME).await.map_err(|e| {
            let advice =
                "it is what `users[].user.exec` of the kubeconfig names; run it by hand to see what it needs";
            unavailable_error("credentials".to_owned(), e.to_string(), advice)
        })?;
    }
    connect_to(config, context, options.timeout).await
}

/// Connects with a configuration of the caller's.
///
/// # Errors
/// As [`connect`].
pub async fn connect_to(
    config: Config,
    context: Option<String>,
    timeout: Duration,
) -> Result<Connection, SourceError> {
    let server = shown_url(&config.cluster_url);
    let namespace = config.default_namespace.clone();
    let client = build_client(config).map_err(|problem| {
        let advice = "check certificates, keys and credential plugin of the kubeconfig";
        unavailable_error(format!("cluster {server}"), problem, advice)
    })?;
    let requests = Requests::new(
        client.clone(),
        RequestLimits { silence: timeout, page_time: timeout, ..RequestLimits::default() },
    );
    match requests.get("/version", JSON).await {
        // Who may not ask for the version may still be allowed to list.
        Ok(_) => {}
        Err(Failure::Denied(message)) if !message.contains("Unauthorized") => {}
        Err(Failure::Denied(message)) => {
            let message = format!("{message}; log in again, or check the user of the context");
            return Err(SourceError::Denied { what: format!("access to cluster {server}"), message });
        }
        Err(failure) => {
            let problem = failure.message().to_owned();
            let advice = connection_advice(&problem, context.as_deref());
            return Err(unavailable_error(format!("cluster {server}"), problem, advice));
        }
    }
    Ok(Connection { client, context, namespace, server })
}

/// Writes a URL without its login, which is a password as a rule.
fn shown_url(url: &http::Uri) -> String {
    let text = url.to_string();
    let Some(authority) = url.authority().map(http::uri::Authority::as_str) else { return text };
    match authority.rsplit_once('@') {
        Some((_, host)) => text.replacen(authority, host, 1),
        None => text,
    }
}

/// Returns what to do about a connection that fails, by how TLS names the problem.
fn connection_advice(problem: &str, context: Option<&str>) -> String {
    let of_certificate = [
        (
            "UnknownIssuer",
            "the authority that signed the server's certificate is not trusted: is certificate-authority-data of the kubeconfig that of this cluster?",
        ),
        (
            "NotValidForName",
            "the certificate is of another name: check `server` and `tls-server-name` of the kubeconfig",
        ),
        ("Expired", "the server's certificate has expired: renew it, or check the clock of this machine"),
        ("NotValidYet", "the server's certificate is not valid yet: check the clock of this machine"),
        (
            "HandshakeFailure",
            "the server refuses the TLS connection: check the client certificate of the kubeconfig",
        ),
        (
            "InvalidContentType",
            "what answers does not speak TLS: check `server` of the kubeconfig, http or https",
        ),
    ];
    if let Some((_, advice)) = of_certificate.iter().find(|(name, _)| problem.contains(name)) {
        return (*advice).to_owned();
    }
    let context = context.map(|c| format!("--context {c} ")).unwrap_or_default();
    format!("is the cluster up? `kubectl {context}get --raw /readyz` asks the same")
}

fn unavailable_error(what: String, problem: String, advice: impl Into<String>) -> SourceError {
    SourceError::Unavailable { what, source: Some(Box::new(NoConnection { problem, advice: advice.into() })) }
}

async fn load_config(options: &ConnectOptions) -> Result<(Config, Option<String>), SourceError> {
    let path = options.kubeconfig.clone();
    let what = match &path {
        Some(path) => format!("kubeconfig {}", path.display()),
        None => "kubeconfig".to_owned(),
    };
    // Reading is a handful of small files, once.
    let read = match &path {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) if path.is_none() && options.context.is_none() && is_absent(&error) => {
            return match Config::incluster() {
                Ok(config) => Ok((config, None)),
                Err(_) => {
                    let advice = "set KUBECONFIG or pass a kubeconfig file";
                    Err(unavailable_error(what, "not found, and not running in a pod".to_owned(), advice))
                }
            };
        }
        Err(error) => return Err(unreadable_config(what, &error)),
    };
    let context = options.context.clone().or_else(|| kubeconfig.current_context.clone());
    let known: Vec<_> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
    let choice = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
    match Config::from_custom_kubeconfig(kubeconfig, &choice).await {
        Ok(config) => Ok((config, context)),
        Err(KubeconfigError::CurrentContextNotSet | KubeconfigError::LoadContext(_)) => {
            let problem = match &context {
                Some(context) => format!("it has no context `{context}`"),
                None => "it has no current context".to_owned(),
            };
            Err(unavailable_error(what, problem, format!("its contexts are: {}", known.join(", "))))
        }
        Err(error) => Err(unreadable_config(what, &error)),
    }
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(e, _) => e.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// A parser's error may quote the line that holds a token: it is named, not printed.
fn unreadable_config(what: String, error: &KubeconfigError) -> SourceError {
    let problem = match error {
        KubeconfigError::Parse(_) => "it is not valid YAML of a kubeconfig".to_owned(),
        KubeconfigError::ReadConfig(e, path) => format!("{} cannot be read: {e}", path.display()),
        KubeconfigError::LoadClientKey(_) => "the client key cannot be read".to_owned(),
        KubeconfigError::LoadClientCertificate(_) => "the client certificate cannot be read".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => "proxy-url is no address".to_owned(),
        // Such as an address that is none: it may hold a password all the same.
        other => SecretValues::default().blank(&other.to_string()).into_owned(),
    };
    unavailable_error(what, problem, "`kubectl config view` shows what kubectl makes of it")
}

/// Makes a client without retries of its own: the state machines decide when to try again.
pub(crate) fn build_client(mut config: Config) -> Result<Client, String> {
    // If both ring and aws-lc are linked into the program, rustls needs an explicit choice. An error means that one was made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.default_retry = false;
    if config.proxy_url.is_some() {
        // Through a proxy the stock stack: HTTP/1.1, one connection a watch.
        return Ok(ClientBuilder::try_from(config).map_err(|e| describe_error(&e))?.build());
    }
    let auth = config.auth_layer().map_err(|e| describe_error(&e))?;
    let headers = config.extra_headers_layer().map_err(|e| describe_error(&e))?;
    let tls = config.rustls_client_config().map_err(|e| describe_error(&e))?;
    let timeout = config.connect_timeout.unwrap_or(Duration::from_secs(30));
    let pool = ConnectionPool::new(tls, config.tls_server_name.clone(), timeout)?;
    let compressed = !config.disable_compression;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(tower_http::decompression::DecompressionLayer::new().gzip(compressed))
        .option_layer(auth)
        .layer(headers)
        .map_err(BoxError::from)
        .service(pool);
    Ok(Client::new::<_, _, String>(service, config.default_namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn message(options: ConnectOptions) -> String {
        let error = connect(options).await.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    fn kubeconfig(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_not_a_cluster_that_is_down() {
        let advice = |problem: &str| connection_advice(problem, Some("a"));
        assert!(advice("invalid peer certificate: UnknownIssuer").contains("certificate-authority-data"));
        assert!(
            advice("invalid peer certificate: certificate not valid for name: NotValidForName")
                .contains("tls-server-name")
        );
        assert!(
            advice("Connection refused (os error 111)").contains("kubectl --context a get --raw /readyz")
        );
    }

    const CONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
        clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n\
        users: [{name: u, user: {token: verysecret}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n";

    #[tokio::test]
    async fn errors_say_what_to_do_and_no_secret() {
        let options = |path: &std::path::Path, context: Option<&str>| ConnectOptions {
            kubeconfig: Some(path.to_owned()),
            context: context.map(str::to_owned),
            ..ConnectOptions::default()
        };
        let good = kubeconfig(CONFIG);
        let login = kubeconfig(&CONFIG.replace("//127", "//admin:verysecret@127"));
        let no_address = kubeconfig(&CONFIG.replace("//127.0.0.1", "//admin:verysecret@[127.0.0.1"));
        let bad = kubeconfig("users: [{name: u, user: {token: verysecret\n  x: [");
        for (options, expect) in [
            (options(std::path::Path::new("/nowhere/config"), None), "cannot be read"),
            (options(bad.path(), None), "not valid YAML"),
            (options(good.path(), Some("z")), "it has no context `z`; its contexts are: a"),
            (options(login.path(), None), "cluster http://127.0.0.1:1/ is unavailable"),
            (options(no_address.path(), None), "kubeconfig"),
            (options(good.path(), None), "is the cluster up? `kubectl --context a get --raw /readyz`"),
        ] {
            let message = message(options).await;
            assert!(message.contains(expect), "{message}");
            assert!(!message.contains("verysecret"), "{message}");
        }
    }
}
