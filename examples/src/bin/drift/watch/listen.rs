//! What is posted to `drift watch`: events of the outside, and batches of the audit log.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drift_core::redact::Redactor;
use drift_sources::audit;
use drift_sources::cdevents::EventDecoder;
use drift_sources::receiver::{
    Acceptance, MIN_SECRET, PostDecoder, PostedRequest, Receiver, ReceiverOptions, SenderAuth,
};

use crate::args::ListenArgs;
use crate::failure::Failure;
use crate::output;

/// Environment variable with the secret, where no file is given.
const SECRET_VARIABLE: &str = "DRIFT_LISTEN_SECRET";

/// Largest secret, in bytes.
const MAX_SECRET_BYTES: u64 = 4 << 10;

/// Where something is taken; the root is for senders that know no path.
const PATHS: &[&str] = &["", "/events", "/audit"];

/// How long refused requests are collected before they are reported again.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Opens the receiver that the arguments ask for.
pub(super) async fn open(args: &ListenArgs, redactor: &Redactor) -> Result<Option<Receiver>, Failure> {
    let Some(address) = args.listen else { return Ok(None) };
    let auth = match secret(args.listen_secret_file.as_deref())? {
        Some(secret) => SenderAuth::Secret(secret),
        None if address.ip().is_loopback() => SenderAuth::Open,
        None => {
            return Err(Failure::new(format!("will not listen on {address} without a secret"))
                .cause("others than this machine reach it, and whoever does could write into the history")
                .hint(format!(
                    "give --listen-secret-file FILE or {SECRET_VARIABLE}, or listen on 127.0.0.1:{}",
                    address.port()
                )));
        }
    };
    let is_open = matches!(auth, SenderAuth::Open);
    let options =
        ReceiverOptions { paths: PATHS, acceptance: Acceptance::Confirmed, ..ReceiverOptions::default() };
    let opened = Receiver::bind(address, auth, decoder(redactor), options).await;
    let receiver = opened.map_err(|e| {
        Failure::new("cannot take events from outside").because(&e).hint("is another `drift watch` there?")
    })?;
    let address = receiver.address();
    output::remark(&format!("listening on http://{address}: events at /events, audit batches at /audit"));
    if is_open {
        output::remark(
            "note: audit entries name nobody, since without a secret anybody on this machine can post them; give --listen-secret-file FILE",
        );
    }
    Ok(Some(receiver))
}

/// Chooses the decoder by the path of the request; events may also come to the root, as some senders know no other.
fn decoder(redactor: &Redactor) -> PostDecoder {
    let events = EventDecoder::new("", redactor.clone()).webhook_decoder();
    let entries = audit::webhook_decoder("", redactor.clone());
    Arc::new(move |posted: PostedRequest<'_>| match posted.path.trim_end_matches('/') {
        "" | "/events" => events(posted),
        "/audit" => entries(posted),
        path => Err(format!("nothing is taken at {path}")),
    })
}

fn secret(file: Option<&Path>) -> Result<Option<Box<str>>, Failure> {
    let (name, text) = match file {
        Some(path) => (format!("`{}`", path.display()), read(path)?),
        None => match std::env::var(SECRET_VARIABLE) {
            Ok(text) => (SECRET_VARIABLE.to_owned(), text),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Failure::new(format!("the secret in {SECRET_VARIABLE} is not UTF-8")));
            }
        },
    };
    match text.trim() {
        "" => Err(Failure::new(format!("the secret in {name} is empty"))
            .hint("make one, such as with `openssl rand -hex 32`")),
        text if text.len() < MIN_SECRET => Err(Failure::new(format!("the secret in {name} is too short"))
            .cause(format!(
                "it has {} bytes; at least {MIN_SECRET} are needed, so that nobody guesses it",
                text.len()
            ))
            .hint("make one, such as with `openssl rand -hex 32`")),
        text => Ok(Some(text.into())),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot read the secret in `{}`", path.display())).because(&e)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let read = file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MAX_SECRET_BYTES {
        let failure = Failure::new(format!("the secret in `{}` is too long", path.display()));
        return Err(failure.cause(format!("more than {MAX_SECRET_BYTES} bytes")));
    }
    Ok(text)
}

/// Counts refused requests for a message: the first at once, later ones once a minute at most.
#[derive(Debug, Default)]
pub(super) struct RefusedRequests {
    reported: BTreeMap<u16, u64>,
    last: Option<Instant>,
}

impl RefusedRequests {
    /// Returns a message about the requests refused since the last one, unless that was less than a minute ago.
    pub(super) fn message_if_due(&mut self, counts: BTreeMap<u16, u64>) -> Option<String> {
        if self.last.is_some_and(|last| last.elapsed() < REPORT_INTERVAL) {
            return None;
        }
        self.message(counts)
    }

    /// Returns a message about the requests refused since the last one; `None` if there are none.
    pub(super) fn message(&mut self, counts: BTreeMap<u16, u64>) -> Option<String> {
        let new = |(status, n): (&u16, &u64)| {
            let new = n - self.reported.get(status).copied().unwrap_or(0);
            (new > 0).then(|| format!("{new} {}", refusal_reason(*status)))
        };
        let parts: Vec<String> = counts.iter().filter_map(new).collect();
        if parts.is_empty() {
            return None;
        }
        self.reported = counts;
        self.last = Some(Instant::now());
        Some(format!("refused requests: {}", parts.join(", ")))
    }
}

fn refusal_reason(status: u16) -> String {
    let why = match status {
        400 => "could not be read",
        401 => "did not know the secret",
        404 => "were for another path",
        405 => "were no POST",
        408 => "took too long",
        413 => "were too large",
        415 => "were compressed or no JSON",
        503 => "came at the end",
        _ => "for another reason",
    };
    format!("{why} ({status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_reported_once_and_not_all_the_time() {
        let mut refused = RefusedRequests::default();
        let seen = |n| BTreeMap::from([(401, n)]);
        assert_eq!(refused.message_if_due(BTreeMap::new()), None);
        assert_eq!(
            refused.message_if_due(seen(2)).as_deref(),
            Some("refused requests: 2 did not know the secret (401)")
        );
        assert_eq!(refused.message_if_due(seen(5)), None);
        assert_eq!(
            refused.message(seen(5)).as_deref(),
            Some("refused requests: 3 did not know the secret (401)")
        );
        assert_eq!(refused.message(seen(5)), None);
    }
}
