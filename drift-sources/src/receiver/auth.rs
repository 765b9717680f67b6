//! Authentication of senders.

use std::fmt;

use http::HeaderMap;
use ring::hmac;

use super::Sender;

/// How a sender proves that it knows the secret.
#[derive(Clone)]
pub enum SenderAuth {
    /// `Authorization: Bearer SECRET`, as the API server's webhook backend sends it.
    Token(Box<str>),
    /// HMAC-SHA256 of the body, in hexadecimal, in `X-Hub-Signature-256` or `X-Signature-256`, with or without `sha256=`.
    Signature(Box<[u8]>),
    /// A token or a signature with the same secret, for senders of several kinds.
    Secret(Box<str>),
    /// No authentication, for an address that only this machine can reach. Requests of browsers are rejected, since any open
    /// page could post.
    Open,
}

impl fmt::Debug for SenderAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Signature(_) => "Signature",
            Self::Secret(_) => "Secret",
            Self::Open => "Open",
        })
    }
}

impl SenderAuth {
    /// Returns `true` if the body of a request may be read: the token is valid, or there is a signature.
    pub(super) fn may_read(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Token(secret) => knows_secret(secret, headers),
            Self::Signature(_) => signature_of(headers).is_some(),
            Self::Secret(secret) => knows_secret(secret, headers) || signature_of(headers).is_some(),
            Self::Open => !headers.contains_key(http::header::ORIGIN),
        }
    }

    /// Returns `true` if the head of a request shows already that its sender is known.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Token(secret) | Self::Secret(secret) => knows_secret(secret, headers),
            Self::Signature(_) | Self::Open => false,
        }
    }

    /// Returns the number of bytes of the secret; `None` without one.
    pub(super) fn secret_length(&self) -> Option<usize> {
        match self {
            Self::Token(secret) | Self::Secret(secret) => Some(secret.len()),
            Self::Signature(secret) => Some(secret.len()),
            Self::Open => None,
        }
    }

    /// Returns what an accepted request shows about its sender.
    pub(super) fn sender(&self) -> Sender {
        match self {
            Self::Open => Sender::Anyone,
            _ => Sender::Authenticated,
        }
    }

    /// Returns `true` if the body is authentic.
    pub(super) fn is_valid(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        match self {
            Self::Token(_) | Self::Open => self.may_read(headers),
            Self::Signature(secret) => is_signed(secret, headers, body),
            Self::Secret(secret) => {
                knows_secret(secret, headers) || is_signed(secret.as_bytes(), headers, body)
            }
        }
    }
}

fn knows_secret(secret: &str, headers: &HeaderMap) -> bool {
    let given = headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|v| v.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
    given.is_some_and(|(_, token)| constant_time_eq(secret.as_bytes(), token.trim().as_bytes()))
}

fn is_signed(secret: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signature_of(headers).is_some_and(|given| hmac::verify(&key, body, &given).is_ok())
}

fn signature_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value =
        ["x-hub-signature-256", "x-signature-256"].iter().find_map(|n| headers.get(*n))?.to_str().ok()?;
    let hex = value.trim();
    let hex = hex.strip_prefix("sha256=").unwrap_or(hex).as_bytes();
    let digit = |b: u8| (b as char).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
    (hex.len() == 64).then(|| hex.chunks(2).map(byte).collect::<Option<Vec<u8>>>())?
}

/// Compares in a time that does not depend on where two secrets differ.
fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    let tag = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"drift");
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, a), b"drift", tag(b).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn only_who_knows_the_secret_is_let_in() {
        let token = SenderAuth::Token("yeast".into());
        for (value, expect) in [
            ("Bearer yeast", true),
            ("bearer yeast", true),
            ("Bearer yeas", false),
            ("yeast", false),
            ("Basic yeast", false),
        ] {
            assert_eq!(token.may_read(&headers("authorization", value)), expect, "{value}");
        }
        assert!(!token.may_read(&HeaderMap::new()));
    }

    #[test]
    fn a_signature_is_of_the_very_body() {
        // RFC 4231, test case 2.
        let auth = SenderAuth::Signature(b"Jefe".as_slice().into());
        let body = b"what do ya want for nothing?";
        let good = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(auth.is_valid(&headers("x-hub-signature-256", &format!("sha256={good}")), body));
        assert!(auth.is_valid(&headers("x-signature-256", good), body));
        assert!(!auth.is_valid(&headers("x-signature-256", good), b"what do ya want for something?"));
        assert!(!auth.is_valid(&headers("x-signature-256", &good[2..]), body));
        assert!(!auth.is_valid(&headers("x-signature-256", &"zz".repeat(32)), body));
        assert!(!auth.may_read(&HeaderMap::new()));
    }

    #[test]
    fn one_secret_lets_in_by_token_and_by_signature() {
        let auth = SenderAuth::Secret("Jefe".into());
        let body = b"what do ya want for nothing?";
        let good = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(auth.is_valid(&headers("authorization", "Bearer Jefe"), b"any"));
        assert!(auth.is_valid(&headers("x-signature-256", good), body));
        assert!(!auth.is_valid(&headers("x-signature-256", good), b"any"));
        assert!(!auth.is_valid(&headers("authorization", "Bearer jefe"), body));
        assert!(!auth.may_read(&HeaderMap::new()));
    }

    #[test]
    fn without_a_secret_browsers_are_turned_away() {
        assert!(SenderAuth::Open.may_read(&HeaderMap::new()));
        assert!(!SenderAuth::Open.may_read(&headers("origin", "http://elsewhere.example")));
    }
}
