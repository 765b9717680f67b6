//! Revisions, in all formats that Flux has used.

use std::fmt;

/// Hash algorithm of a revision's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlgorithm {
    /// SHA-1: a commit of most Git repositories.
    Sha1,
    /// SHA-256: an artifact, or a commit of a Git repository of that kind.
    Sha256,
    /// Any other algorithm.
    Other,
}

/// A revision at a source: a name, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FluxRevision {
    /// Branch, tag, full reference or version; empty for a detached commit or a plain digest.
    pub name: String,
    /// The digest, if the revision has one.
    pub digest: Option<RevisionDigest>,
}

/// The digest in a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionDigest {
    /// The algorithm.
    pub algorithm: DigestAlgorithm,
    /// The hexadecimal digits; with another algorithm the whole text, algorithm included.
    pub hex: String,
}

impl RevisionDigest {
    fn new(algorithm: DigestAlgorithm, hex: &str) -> Self {
        Self { algorithm, hex: hex.to_owned() }
    }
}

/// A text that is not a revision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid revision `{0}`")]
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
                Ok(Self {
                    name: name.to_owned(),
                    digest: Some(RevisionDigest::new(DigestAlgorithm::Sha1, hex)),
                })
            }
            Some((name, hex)) if is_hex(hex) && hex.len() == 64 => Ok(Self {
                name: name.to_owned(),
                digest: Some(RevisionDigest::new(DigestAlgorithm::Sha256, hex)),
            }),
            _ if is_hex(text) && text.len() == 40 => Ok(Self {
                name: String::new(),
                digest: Some(RevisionDigest::new(DigestAlgorithm::Sha1, text)),
            }),
            _ => Ok(Self { name: text.to_owned(), digest: None }),
        }
    }

    /// Returns the digest in hexadecimal; for a Git source that is the commit id.
    pub fn digest_hex(&self) -> Option<&str> {
        self.digest.as_ref().map(|d| &*d.hex)
    }

    /// Returns the commit id, if the digest can be one.
    pub fn commit(&self) -> Option<&str> {
        self.digest.as_ref().filter(|d| d.algorithm == DigestAlgorithm::Sha1).map(|d| &*d.hex)
    }
}

impl fmt::Display for FluxRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.digest {
            Some(RevisionDigest { algorithm, hex }) => {
                let at = if self.name.is_empty() { "" } else { "@" };
                let algorithm = match algorithm {
                    DigestAlgorithm::Sha1 => "sha1:",
                    DigestAlgorithm::Sha256 => "sha256:",
                    DigestAlgorithm::Other => "",
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
fn parse_digest(text: &str) -> Option<RevisionDigest> {
    let (algorithm, hex) = text.split_once(':')?;
    let (algorithm, length) = match algorithm {
        "sha1" => (DigestAlgorithm::Sha1, Some(40)),
        "sha256" => (DigestAlgorithm::Sha256, Some(64)),
        "" => return None,
        _ => return is_hex(hex).then(|| RevisionDigest::new(DigestAlgorithm::Other, text)),
    };
    (is_hex(hex) && length.is_none_or(|l| l == hex.len())).then(|| RevisionDigest::new(algorithm, hex))
}
