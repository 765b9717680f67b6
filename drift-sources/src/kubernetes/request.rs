//! Requests to the API server, with limits on time and size.

use std::pin::Pin;
use std::time::Duration;

use drift_core::redact::SecretValues;
use futures::{Stream, StreamExt};
use http::header::{ACCEPT, ACCEPT_ENCODING, RETRY_AFTER};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::time::timeout;

use super::decode;
use super::line_buffer::LineBuffer;
use super::machine::Failure;

/// Largest error response that is read.
const MAX_REFUSAL: usize = 64 * 1024;

type Chunks = Pin<Box<dyn Stream<Item = Result<Vec<u8>, String>> + Send>>;

/// Limits on time and size of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Longest silence before a response begins, and between two parts of a list.
    pub silence: Duration,
    /// Longest time for one page of a list.
    pub page_time: Duration,
    /// Largest page of a list, in bytes.
    pub page_bytes: usize,
    /// Largest line of a watch, in bytes.
    pub line_bytes: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            page_time: Duration::from_secs(300),
            page_bytes: 256 << 20,
            line_bytes: 32 << 20,
        }
    }
}

/// Accepted content types.
pub(crate) const JSON: &str = "application/json";
/// Metadata only, or all of it from a server that cannot leave the rest out.
pub(crate) const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/// Sends requests to the API server, within limits.
#[derive(Clone)]
pub(crate) struct Requests {
    client: kube::Client,
    limits: RequestLimits,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Requests {
    pub(crate) fn new(client: kube::Client, limits: RequestLimits) -> Self {
        Self { client, limits }
    }

    /// Returns the whole response and its content type.
    pub(crate) async fn get(&self, path: &str, accept: &str) -> Result<(Vec<u8>, String), Failure> {
        let whole = async {
            let response = self.send_request(path, accept, None).await?;
            let media = content_type(response.headers());
            Ok((self.collect_body(response, self.limits.page_bytes).await?, media))
        };
        timeout(self.limits.page_time, whole)
            .await
            .unwrap_or_else(|_| Err(Failure::Unavailable(format!("GET {path} took too long"), None)))
    }

    /// Opens a watch and returns its lines.
    pub(crate) async fn watch(&self, path: &str) -> Result<WatchLines, Failure> {
        // Compressed watches come as one member per event, which decompressors read the first of only.
        let response = self.send_request(path, JSON, Some("identity")).await?;
        Ok(WatchLines { chunks: body_chunks(response), buffer: LineBuffer::new(self.limits.line_bytes) })
    }

    async fn send_request(
        &self,
        path: &str,
        accept: &str,
        encoding: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::get(path).header(ACCEPT, accept);
        if let Some(encoding) = encoding {
            request = request.header(ACCEPT_ENCODING, encoding);
        }
        let request = request.body(Body::empty()).map_err(|e| Failure::Corrupt(format!("{path}: {e}")))?;
        let response = timeout(self.limits.silence, self.client.send(request))
            .await
            .map_err(|_| Failure::Unavailable("no answer in time".to_owned(), None))?
            .map_err(|e| Failure::Unavailable(describe_error(&e), None))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let after = retry_after(response.headers());
        let body = self.collect_body(response, MAX_REFUSAL).await.unwrap_or_default();
        Err(decode::parse_refusal(code, &body, after))
    }

    async fn collect_body(&self, response: Response<Body>, max: usize) -> Result<Vec<u8>, Failure> {
        let mut chunks = body_chunks(response);
        let mut body = Vec::new();
        loop {
            match timeout(self.limits.silence, chunks.next()).await {
                Err(_) => return Err(Failure::Unavailable("the answer stalled".to_owned(), None)),
                Ok(None) => return Ok(body),
                Ok(Some(Err(message))) => return Err(Failure::Unavailable(message, None)),
                Ok(Some(Ok(chunk))) if body.len() + chunk.len() > max => {
                    return Err(Failure::TooLarge(format!("an answer is larger than {max} bytes")));
                }
                Ok(Some(Ok(chunk))) => body.extend_from_slice(&chunk),
            }
        }
    }
}

fn body_chunks(response: Response<Body>) -> Chunks {
    let stream = response.into_body().into_data_stream();
    Box::pin(stream.map(|chunk| chunk.map(|bytes| bytes.to_vec()).map_err(|e| describe_error(&e))))
}

fn content_type(headers: &HeaderMap) -> String {
    headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

/// Reads seconds; the date form is not what API servers send.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Describes an error with its causes, but without the output of a credential plugin, which may contain a token.
pub(crate) fn describe_error(error: &kube::Error) -> String {
    if let kube::Error::Auth(auth) = error {
        return describe_auth(auth);
    }
    let mut parts: Vec<String> = Vec::new();
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if let Some(auth) = error.downcast_ref::<kube::client::AuthError>() {
            return describe_auth(auth);
        }
        let part = error.to_string();
        // Some errors print their source, too.
        if !parts.iter().any(|p| p.contains(&part)) {
            parts.push(part);
        }
        source = error.source();
    }
    // What the layers in between are called helps nobody where there is a reason.
    let is_layer = |part: &str| part.starts_with("ServiceError: ") || part.starts_with("client error (");
    while parts.len() > 1 && is_layer(&parts[0]) {
        parts.remove(0);
    }
    SecretValues::default().blank(&parts.join(": ")).into_owned()
}

fn describe_auth(error: &kube::client::AuthError) -> String {
    use kube::client::AuthError;
    let what = match error {
        AuthError::AuthExecStart(e) => return format!("the credential plugin could not be started: {e}"),
        AuthError::AuthExecRun { cmd, out, .. } => {
            return format!("the credential plugin `{cmd}` failed with {}", out.status);
        }
        AuthError::ReadTokenFile(e, path) => {
            return format!("the token file {} cannot be read: {e}", path.display());
        }
        AuthError::MissingCommand => "the kubeconfig names no command for its credential plugin",
        _ => "no credentials could be had; log in again",
    };
    what.to_owned()
}

/// The lines of a watch.
pub(crate) struct WatchLines {
    chunks: Chunks,
    buffer: LineBuffer,
}

/// The next item of a watch.
pub(crate) enum WatchRead {
    /// A complete line.
    Line(Vec<u8>),
    /// The end; an incomplete line is dropped.
    End,
    /// A line over the limit.
    TooLong,
    /// The connection broke; the message is for people.
    Broken(String),
}

impl WatchLines {
    /// Returns the next line if it is here already.
    pub(crate) fn ready_line(&mut self) -> Option<WatchRead> {
        loop {
            return match self.buffer.next_line() {
                Ok(Some(line)) if line.iter().all(u8::is_ascii_whitespace) => continue,
                Ok(Some(line)) => Some(WatchRead::Line(line.to_vec())),
                Ok(None) => None,
                Err(_) => Some(WatchRead::TooLong),
            };
        }
    }

    /// Reads the next line. Cancel safe.
    pub(crate) async fn next(&mut self) -> WatchRead {
        loop {
            if let Some(read) = self.ready_line() {
                return read;
            }
            match self.chunks.next().await {
                None => return WatchRead::End,
                Some(Err(message)) => return WatchRead::Broken(message),
                Some(Ok(chunk)) => self.buffer.push_chunk(&chunk),
            }
        }
    }
}

/// Encodes a value of a query.
pub(crate) fn encode_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(encode_query("eyJ2.a_b-c~=+/&"), "eyJ2.a_b-c~%3D%2B%2F%26");
    }
}
