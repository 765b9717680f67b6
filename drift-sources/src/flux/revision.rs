//! Revisions, in all the forms that Flux has written them.

use std::fmt;

/// How a revision's digest was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-1: a commit of most Git repositories.
    Sha1,
    /// SHA-256: an artifact, or a commit of a Git repository of that kind.
    Sha256,
    /// Any other that is named.
    Other,
}

/// A revision at a source: a name, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FluxRevision {
    /// Branch, tag, full reference or version; empty for a detached commit or a plain digest.
    pub name: String,
    /// Algorithm and hexadecimal digits.
    pub digest: Option<(Algorithm, String)>,
}

/// A text that is no revision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no revision")]
pub struct RevisionError(pub String);

impl FluxRevision {
    /// Parses `main@sha1:…`, `sha1:…`, `v1@sha256:…`, `6.0.3`, and `main/…` as Flux wrote it before 2023.
    ///
    /// # Errors
    /// When it is empty, or a digest holds anything but hexadecimal digits of the right number.
    pub fn parse(text: &str) -> Result<Self, RevisionError> {
        let error = || RevisionError(text.chars().take(200).collect());
        if text.is_empty() || text.contains(char::is_control) {
            return Err(error());
        }
        if let Some((name, digest)) = text.rsplit_once('@') {
            return Ok(Self { name: name.to_owned(), digest: Some(parse_digest(digest).ok_or_else(error)?) });
        }
        if text.contains(':') {
            return Ok(Self { name: String::new(), digest: Some(parse_digest(text).ok_or_else(error)?) });
        }
        match text.rsplit_once('/') {
            Some((name, hex)) if is_hex(hex) && hex.len() == 40 => {
                let name = if name == "HEAD" { "" } else { name };
                Ok(Self { name: name.to_owned(), digest: Some((Algorithm::Sha1, hex.to_owned())) })
            }
            Some((name, hex)) if is_hex(hex) && hex.len() == 64 => {
                Ok(Self { name: name.to_owned(), digest: Some((Algorithm::Sha256, hex.to_owned())) })
            }
            _ if is_hex(text) && text.len() == 40 => {
                Ok(Self { name: String::new(), digest: Some((Algorithm::Sha1, text.to_owned())) })
            }
            _ => Ok(Self { name: text.to_owned(), digest: None }),
        }
    }

    /// Returns the digits of the digest, which of a Git source are the commit's id.
    pub fn hex(&self) -> Option<&str> {
        self.digest.as_ref().map(|(_, hex)| &**hex)
    }

    /// Returns the commit that the revision names, if it can be one.
    pub fn commit(&self) -> Option<&str> {
        self.digest.as_ref().filter(|(a, _)| *a == Algorithm::Sha1).map(|(_, hex)| &**hex)
    }
}

impl fmt::Display for FluxRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.digest {
            Some((algorithm, hex)) => {
                let at = if self.name.is_empty() { "" } else { "@" };
                let algorithm = match algorithm {
                    Algorithm::Sha1 => "sha1:",
                    Algorithm::Sha256 => "sha256:",
                    Algorithm::Other => "",
                };
                write!(f, "{at}{algorithm}{hex}")
            }
            None => Ok(()),
        }
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The algorithm is read and not guessed by the length: Git repositories of SHA-256 exist.
fn parse_digest(text: &str) -> Option<(Algorithm, String)> {
    let (algorithm, hex) = text.split_once(':')?;
    let (algorithm, length) = match algorithm {
        "sha1" => (Algorithm::Sha1, Some(40)),
        "sha256" => (Algorithm::Sha256, Some(64)),
        "" => return None,
        _ => return is_hex(hex).then(|| (Algorithm::Other, text.to_owned())),
    };
    (is_hex(hex) && length.is_none_or(|l| l == hex.len())).then(|| (algorithm, hex.to_owned()))
}
