//! Labels and annotations in which a pipeline notes what it deployed, written with the tools of people: `kubectl annotate` after
//! `kubectl apply`.
//!
//! The name of the tool shows a person, so the mark itself has to show the pipeline: it says when it was written; or it names a
//! commit, and was written together with what was applied, or the object runs an image of that commit. Whatever else was written
//! in the same go under the same domain belongs to it. A key or a value alone proves nothing: a person may set the same.
//!
//! Tools that apply put marks of their own on everything, too: hashes, keys of what they applied, owners.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::object::{Node, Object};
use crate::ownership::OwnerEntry;
use crate::path::FieldPath;

use super::controllers::{is_copy, is_within, keys};

/// So far apart are the steps of one deployment at most.
const ONE_RUN: SignedDuration = SignedDuration::from_secs(60);

/// So far apart are the clocks of who writes down a time and of the API server at most.
const CLOCKS: SignedDuration = SignedDuration::from_secs(120);

/// Annotation of Kubernetes that says why a revision was made; nothing acts on it.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Returns `true` if what is live and not declared is no more than a record of the deployment, by whoever made that.
pub(super) fn is_deployment_record(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    live: Node<'_>,
    object: &Object,
    applied_at: Option<Timestamp>,
) -> bool {
    let is_mark = ["labels", "annotations"].iter().any(|map| path.starts_with_fields(&["metadata", map]));
    let Some(written_at) = entry.time().filter(|_| is_mark && entry.owns_only_marks()) else { return false };
    let in_run = applied_at.is_some_and(|at| written_at.duration_since(at).abs() <= ONE_RUN);
    let proves = |value: &str| {
        names_moment(value, written_at) || is_commit(value) && (in_run || runs_image_of(object, value))
    };
    let is_record = |key: &str, value: &str| {
        proves(value)
            || in_run && key == CHANGE_CAUSE && names_what_runs(object, value)
            || in_run
                && written_with(entry, object).any(|(other, proof)| {
                    let domain = domain(key);
                    domain == self::domain(other)
                        && proves(proof)
                        && (domain.is_some() || is_machine_made(value))
                })
    };
    keys(&path.elements()[2..], live).all(|(key, value)| value.as_str().is_some_and(|v| is_record(key, v)))
}

/// Returns `true` if what is live and not declared are marks that the applier itself put on what it applies: several under one domain,
/// of which none is declared and one shows that a program wrote it: a hash, a commit, an identifier, the time of its writing, a
/// copy of the object, or its kind and name.
pub(super) fn is_family_of_marks(
    entry: &OwnerEntry<'_>,
    path: &FieldPath,
    live: Node<'_>,
    (declared, object): (&Object, &Object),
) -> bool {
    let is_mark = ["labels", "annotations"].iter().any(|map| path.starts_with_fields(&["metadata", map]));
    if !is_mark {
        return false;
    }
    let names_itself = |value: &str| value.contains(object.kind()) && value.contains(object.name());
    let proves = |n: &Node<'_>| {
        n.as_str().is_some_and(|value| {
            is_hash(value)
                || is_commit(value)
                || is_identifier(value)
                || names_itself(value)
                || entry.time().is_some_and(|at| names_moment(value, at))
        }) || is_copy(*n, object)
    };
    let is_family = |domain: &str| {
        let is_declared = |map: &str| {
            let all = declared.root().at(&["metadata", map]).into_iter().flat_map(Node::children);
            all.filter_map(|n| self::domain(n.key())).any(|other| other == domain)
        };
        let own = || marks_of(entry, object).filter(|n| self::domain(n.key()) == Some(domain));
        !is_of_kubernetes(domain)
            && !is_declared("labels")
            && !is_declared("annotations")
            && own().count() > 1
            && own().any(|n| proves(&n))
    };
    keys(&path.elements()[2..], live).all(|(key, _)| domain(key).is_some_and(is_family))
}

fn is_of_kubernetes(domain: &str) -> bool {
    ["kubernetes.io", "k8s.io"].iter().any(|of| is_within(domain, of))
}

/// Returns `true` for `sha256:1f2e…` and the like.
fn is_hash(value: &str) -> bool {
    let is_hex = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    value.split_once([':', '-']).is_some_and(|(name, hash)| {
        matches!(name, "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "md5") && is_hex(hash)
    })
}

/// Returns `true` for a UUID.
fn is_identifier(value: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let lengths = [8, 4, 4, 4, 12];
    value.split('-').count() == lengths.len()
        && value.split('-').zip(lengths).all(|(part, len)| part.len() == len && is_hex(part))
}

/// Returns the labels and annotations of an object that an entry owns.
fn marks_of<'a>(entry: &OwnerEntry<'_>, object: &'a Object) -> impl Iterator<Item = Node<'a>> {
    let of = |map: &'static str| {
        let all = object.root().at(&["metadata", map]).into_iter().flat_map(Node::children);
        all.filter(move |n| entry.names(&FieldPath::of(&["metadata", map, n.key()])))
    };
    of("labels").chain(of("annotations"))
}

/// Returns the labels and annotations of an object that an entry owns, as texts.
fn written_with<'a>(entry: &OwnerEntry<'_>, object: &'a Object) -> impl Iterator<Item = (&'a str, &'a str)> {
    marks_of(entry, object).filter_map(|n| Some((n.key(), n.as_str()?)))
}

fn domain(key: &str) -> Option<&str> {
    key.split_once('/').map(|(domain, _)| domain)
}

/// Returns `true` for an address, a number, or a commit: nobody calls a thing so.
fn is_machine_made(value: &str) -> bool {
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    is_number || value.starts_with("https://") || value.starts_with("http://") || is_commit(value)
}

/// Returns `true` for the id of a commit, whole or as it is shortened.
fn is_commit(value: &str) -> bool {
    let is_hex = value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_mixed =
        value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    is_hex && (matches!(value.len(), 40 | 64) || (7..=12).contains(&value.len()) && is_mixed)
}

/// Returns `true` for a text that names an address, or the tag of an image that the object runs.
fn names_what_runs(object: &Object, text: &str) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '=' | ':'));
    text.contains("://") || words.any(|word| !word.is_empty() && tags(object).any(|tag| tag == word))
}

/// Returns `true` if a container of the object, or of its template, runs an image whose tag names the commit.
fn runs_image_of(object: &Object, commit: &str) -> bool {
    /// Shortest form of a commit.
    const SHORT: usize = 7;
    tags(object).any(|tag| {
        let mut parts = tag.split(|c: char| !c.is_ascii_alphanumeric());
        parts.any(|part| part.len() >= SHORT && (commit.starts_with(part) || part.starts_with(commit)))
    })
}

/// Returns the tags of the images that the object, or its template, runs.
fn tags(object: &Object) -> impl Iterator<Item = &str> {
    let specs = [&["spec", "template", "spec"][..], &["spec"]].into_iter();
    let containers = specs.filter_map(|path| object.root().at(path)?.get("containers"));
    let images = containers.flat_map(Node::children).filter_map(|c| c.str_at(&["image"]));
    images.filter_map(|image| Some(image.split('@').next()?.rsplit_once(':')?.1))
}

/// Returns `true` if a text is a time, and that at which it was written.
fn names_moment(text: &str, written_at: Timestamp) -> bool {
    let is_near = |at: Timestamp| written_at.duration_since(at).abs() <= CLOCKS;
    text.parse().is_ok_and(is_near) || digits(text).is_some_and(is_near)
}

/// Reads a time of which the digits are left: seconds or milliseconds since 1970, or `20261121104914` as UTC.
fn digits(text: &str) -> Option<Timestamp> {
    const LONGEST: usize = 40;
    let numbers =
        (text.len() <= LONGEST).then(|| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>())?;
    let numbers = String::from_utf8(numbers).ok()?;
    match numbers.len() {
        10 if text.len() == 10 => Timestamp::from_second(numbers.parse().ok()?).ok(),
        13 if text.len() == 13 => Timestamp::from_millisecond(numbers.parse().ok()?).ok(),
        14.. => {
            let time = DateTime::strptime("%Y%m%d%H%M%S", &numbers[..14]).ok()?;
            TimeZone::UTC.to_timestamp(time).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_record_if_it_is_that_of_its_writing() {
        let written_at = "2026-11-21T10:49:14Z".parse().unwrap();
        for text in [
            "2026-11-21T10:49:13Z",
            "2026-11-21T11:49:13+01:00",
            "2026-11-21 10:49:12",
            "20261121-104800",
            "2026-11-21T10-49-13Z",
            "1795258154",
            "1795258154123",
        ] {
            assert!(names_moment(text, written_at), "{text}");
        }
        for text in
            ["2026-11-20T10:49:13Z", "2026", "10", "", "8080", "1795251154", "2026-11-21", "20269921104914"]
        {
            assert!(!names_moment(text, written_at), "{text}");
        }
    }

    #[test]
    fn a_commit_is_hexadecimal_and_no_number_or_word() {
        for text in ["0123456789abcdef0123456789abcdef01234567", "1f2e3d4", "1f2e3d4c5b"] {
            assert!(is_commit(text), "{text}");
        }
        for text in ["1234567", "defaced", "facade", "", "v1.2.3", "1F2E3D4", "payments"] {
            assert!(!is_commit(text), "{text}");
        }
    }
}
