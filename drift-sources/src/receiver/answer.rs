//! What a sender is answered: a status, and one line that says what to do.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::{ReceiverOptions, SenderAuth};

/// An answer. Its text contains no part of a request.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    header: Option<(HeaderName, &'static str)>,
    text: String,
}

impl Answer {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, header: None, text: text.into() }
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// Refuses a request by its head, before its body is read; `None` if the body may be.
    pub(super) fn to_head<B>(
        request: &Request<B>,
        options: &ReceiverOptions,
        auth: &SenderAuth,
    ) -> Option<Self> {
        let path = request.uri().path().trim_end_matches('/');
        if !options.paths.is_empty() && !options.paths.contains(&path) {
            let named: Vec<&str> = options.paths.iter().copied().filter(|p| !p.is_empty()).collect();
            let text = format!("nothing is taken here: POST to {}", named.join(" or "));
            return Some(Self::new(StatusCode::NOT_FOUND, text));
        }
        if request.method() != Method::POST {
            return Some(Self::new(StatusCode::METHOD_NOT_ALLOWED, "only POST is taken").with(ALLOW, "POST"));
        }
        if !auth.may_read(request.headers()) {
            return Some(Self::unauthorized());
        }
        wrong_type(request.headers())
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn accepted() -> Self {
        Self::new(StatusCode::ACCEPTED, "")
    }

    pub(super) fn malformed(problem: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, problem)
    }

    pub(super) fn unauthorized() -> Self {
        let text = "send the secret: `Authorization: Bearer SECRET`, or `X-Hub-Signature-256` over the body";
        Self::new(StatusCode::UNAUTHORIZED, text).with(WWW_AUTHENTICATE, "Bearer")
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more than {limit} bytes: send smaller batches"))
    }

    pub(super) fn too_slow(limit: Duration) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("not received and stored within {limit:?}: send it again"),
        )
    }

    pub(super) fn not_taken() -> Self {
        let text = "nobody takes it at the moment: send it again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text).with(RETRY_AFTER, "1")
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let text = if self.text.is_empty() { self.text } else { self.text + "\n" };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        }
        response
    }
}

/// Refuses a body that is compressed or no JSON by its own account.
fn wrong_type(headers: &HeaderMap) -> Option<Answer> {
    let text =
        |name: HeaderName| headers.get(name).map(|v| v.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    if text(CONTENT_ENCODING).is_some_and(|encoding| !encoding.is_empty() && encoding != "identity") {
        let text = "compressed bodies are not taken: send it without Content-Encoding";
        return Some(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).with(ACCEPT_ENCODING, "identity"));
    }
    let content_type = text(CONTENT_TYPE)?;
    let media = content_type.split(';').next().unwrap_or_default().trim();
    // Without a type it is JSON, which is all that the body could be.
    let is_json =
        media.is_empty() || matches!(media, "application/json" | "text/json") || media.ends_with("+json");
    let text = "only JSON is taken: send `Content-Type: application/json`";
    (!is_json).then(|| Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}
