//! What an error points at: the names in it, and what the record knows of each; and what it speaks of as a whole.
//!
//! Where no recorded change explains a symptom, this is what a reader goes on with: that the Service in the error is there and
//! unchanged, that the host in it is not of the cluster, that it speaks of something that expired. Nothing here weighs a change.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::fault::FaultKind;
use crate::key::ResourceKey;

use super::super::investigation::Investigation;
use super::super::mention::{blames_outside, outside_hosts};
use super::index::{ResourceId, is_made_for_others};
use super::mentions::name_words;
use super::question::Question;
use super::words::{holds_whole, is_common};

/// Most pointers of an answer.
const MAX_POINTERS: usize = 6;

/// Most Secrets that are named beside a complaint about credentials.
const MAX_SECRETS: usize = 2;

/// What one word of an error, or the whole of it, points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The word as it stands there; for a topic the word that shows it. Empty for a Secret that no word names, and that is used
    /// by what complains of credentials or of time.
    pub word: String,
    /// Whose text it is.
    pub said_by: ResourceKey,
    /// What it points at.
    pub at: PointedAt,
}

/// What an error points at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PointedAt {
    /// A resource that is there.
    Present {
        /// The resource.
        key: ResourceKey,
        /// Its last recorded change; `None` where it is as it was when the record began.
        changed: Option<Timestamp>,
        /// What is wrong with it itself.
        fault: Option<FaultKind>,
    },
    /// A resource that was there.
    Gone {
        /// The resource.
        key: ResourceKey,
        /// When it went.
        at: Timestamp,
    },
    /// Something that the error does not find, and that was never recorded.
    NeverSeen,
    /// A host that is not of the cluster.
    Outside,
    /// The text as a whole speaks of something that needs no change in the cluster.
    Topic(ErrorTopic),
}

/// What an error speaks of that needs no change in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorTopic {
    /// Something expired, or is not valid yet.
    Time,
    /// Whoever is asked limits requests.
    RateLimit,
    /// More is asked of something than it can do.
    Load,
    /// Whoever is asked refuses the credentials.
    Credentials,
    /// A disk, or input and output of a machine.
    Machine,
    /// The program itself: it panicked, or ran into a wrong address.
    Program,
    /// Whoever is asked does not answer, or answers that it cannot.
    OtherSide,
}

/// Words by topic; the first topic that has one counts.
const TOPICS: [(ErrorTopic, &[&str]); 7] = [
    (
        ErrorTopic::Credentials,
        &[
            "authentication required",
            "authentication failed",
            "invalid credentials",
            "bad credentials",
            "401 unauthorized",
        ],
    ),
    (ErrorTopic::Time, &["has expired", "is expired", "expired", "not yet valid"]),
    (ErrorTopic::RateLimit, &["too many requests", "rate limit", "ratelimit", "rate-limit", "throttl"]),
    (
        ErrorTopic::Machine,
        &["input/output error", "i/o error", "io error", "no space left", "read-only file system", "corrupt"],
    ),
    (
        ErrorTopic::Program,
        &["segmentation fault", "segfault", "sigsegv", "panic", "nil pointer", "assertion", "deadlock"],
    ),
    (
        ErrorTopic::Load,
        &[
            "queue full",
            "overload",
            "too many connections",
            "too many open files",
            "pool exhausted",
            "pool timeout",
        ],
    ),
    (
        ErrorTopic::OtherSide,
        &[
            "503 service unavailable",
            "502 bad gateway",
            "504 gateway",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "i/o timeout",
            "timed out",
            "deadline exceeded",
            "host is down",
            "tls handshake timeout",
        ],
    ),
];

/// Words by which a text says that it does not find something.
const NOT_FOUND: [&str; 6] =
    ["not found", "no such host", "does not exist", "doesn't exist", "could not find", "couldn't find"];

/// Returns what the complaints about a resource point at, those of its own text first.
pub(in crate::cause) fn pointers(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<Pointer> {
    let Some(question) = Question::new(investigation, &investigation.evidence, key) else {
        return Vec::new();
    };
    let texts = texts(&question);
    let mut out: Vec<Pointer> = Vec::new();
    let mut put = |pointer: Pointer| {
        let is_same_word = |p: &Pointer| !p.word.is_empty() && p.word.eq_ignore_ascii_case(&pointer.word);
        let is_same = |p: &Pointer| is_same_word(p) || same_target(&p.at, &pointer.at);
        if out.len() < MAX_POINTERS && !out.iter().any(is_same) {
            out.push(pointer);
        }
    };
    for (by, text) in &texts {
        let Some((topic, word)) = topic(text) else { continue };
        put(pointer(&question, *by, word, PointedAt::Topic(topic)));
        if matches!(topic, ErrorTopic::Credentials | ErrorTopic::Time) {
            secrets(&question)
                .into_iter()
                .for_each(|id| put(pointer(&question, *by, "", state_of(&question, id))));
        }
    }
    for (by, text) in &texts {
        resources(&question, text).into_iter().for_each(|(word, at)| put(pointer(&question, *by, &word, at)));
        let is_host = |h: &&str| blames_outside(text) || text.contains(&format!("://{h}"));
        let hosts = outside_hosts(text).filter(is_host).filter(|h| !is_served(&question, h));
        hosts.for_each(|host| put(pointer(&question, *by, host, PointedAt::Outside)));
    }
    out
}

fn pointer(question: &Question<'_>, by: ResourceId, word: &str, at: PointedAt) -> Pointer {
    Pointer { word: word.to_owned(), said_by: question.key(by).clone(), at }
}

fn same_target(a: &PointedAt, b: &PointedAt) -> bool {
    let key = |at: &PointedAt| match at {
        PointedAt::Present { key, .. } | PointedAt::Gone { key, .. } => Some(key.clone()),
        _ => None,
    };
    key(a).is_some() && key(a) == key(b)
}

/// Returns the texts of the complaints, each once: those of the resource itself first, without what only repeats that something
/// restarts, unless nothing else is said.
fn texts(question: &Question<'_>) -> Vec<(ResourceId, Arc<str>)> {
    let mut said: Vec<_> = question.said.iter().collect();
    said.sort_by_key(|s| (s.what.complaint.is_generic(), s.by != question.symptom));
    let mut seen = BTreeSet::new();
    let is_new = |s: &&super::question::Said| {
        let text = &s.what.complaint.message;
        !text.is_empty() && seen.insert(Arc::clone(text))
    };
    let all: Vec<_> = said.into_iter().filter(is_new).collect();
    let has_own = all.iter().any(|s| !s.what.complaint.is_generic());
    let counts = |s: &&super::question::Said| !has_own || !s.what.complaint.is_generic();
    all.into_iter().filter(counts).map(|s| (s.by, Arc::clone(&s.what.complaint.message))).collect()
}

/// Returns the Secrets that the symptom, or what makes it, uses.
fn secrets(question: &Question<'_>) -> Vec<ResourceId> {
    let mut out = Vec::new();
    for id in std::iter::once(question.symptom).chain(question.owners(question.symptom)) {
        for edge in question.investigation.graph.ever_from(question.key(id)) {
            let secret =
                (edge.to.group_kind() == ("", "Secret")).then(|| question.index.id_of(edge.to)).flatten();
            out.extend(secret.filter(|s| !out.contains(s)));
        }
    }
    out.truncate(MAX_SECRETS);
    out
}

fn topic(text: &str) -> Option<(ErrorTopic, &'static str)> {
    let lower = text.to_ascii_lowercase();
    let is_whole = |word: &&&str| lower.contains(**word);
    TOPICS.iter().find_map(|(topic, words)| Some((*topic, *words.iter().find(is_whole)?)))
}

/// Returns the words of a text that name a resource, and those that it says it does not find, in the order of the text.
fn resources(question: &Question<'_>, text: &str) -> Vec<(String, PointedAt)> {
    let lower = text.to_ascii_lowercase();
    let finds_nothing = NOT_FOUND.iter().any(|w| lower.contains(w));
    let quoted: BTreeSet<&str> = quoted(text).collect();
    let mut out = Vec::new();
    for word in name_words(text) {
        let first = word.split('.').next().unwrap_or(word);
        let mut hits: Vec<ResourceId> = question
            .index
            .named(word, question.until)
            .chain(question.index.named(first, question.until))
            .filter(|id| is_pointed_at(question, *id, word, text, quoted.contains(word)))
            .collect();
        // The kind that the text names, what is there, what is near.
        let own = &question.key(question.symptom).namespace;
        hits.sort_by_key(|id| {
            let key = question.key(*id);
            let is_named = lower.contains(&key.kind.to_ascii_lowercase());
            (
                !is_named,
                !question.index.is_there(*id, question.until),
                key.namespace != *own,
                &*key.kind != "Service",
                key,
            )
        });
        if let Some(id) = hits.first() {
            out.push((word.to_owned(), state_of(question, *id)));
        }
    }
    if finds_nothing {
        let is_name = |w: &&&str| w.len() >= 3 && name_words(w).next() == Some(**w) && !is_common(w);
        let is_unknown = |w: &&&str| question.index.named(w, question.until).next().is_none();
        let missing = quoted.iter().filter(|w| w.contains('-') || is_after_kind(text, w));
        out.extend(
            missing.filter(is_name).filter(is_unknown).map(|w| ((*w).to_owned(), PointedAt::NeverSeen)),
        );
    }
    out
}

/// Returns `true` if a word of a text stands for a resource, and not for anything that happens to be called so.
fn is_pointed_at(question: &Question<'_>, id: ResourceId, word: &str, text: &str, is_quoted: bool) -> bool {
    let key = question.key(id);
    if question.family.contains(&id) || key.name.len() < 3 || is_made_for_others(key) {
        return false;
    }
    let joined = text.to_ascii_lowercase().replace(' ', "");
    let has_kind = joined.contains(&key.kind.to_ascii_lowercase());
    let is_specific = is_quoted || has_kind || word.contains(['-', '.']);
    // Of a host name with dots only the first part may name a Service, if the second is its namespace.
    let is_host = !key.name.eq_ignore_ascii_case(word) && word.contains('.');
    if is_host && word.split('.').nth(1) != Some(&*key.namespace) {
        return false;
    }
    let is_in_reach = key.namespace.is_empty()
        || key.namespace == question.key(question.symptom).namespace
        || holds_whole(text, &key.namespace);
    // A namespace stands in nearly every text, as a part of other names.
    is_specific && is_in_reach && (&*key.kind != "Namespace" || has_kind) && holds_whole(text, &key.name)
}

fn state_of(question: &Question<'_>, id: ResourceId) -> PointedAt {
    let key = question.key(id).clone();
    let card = question.index.card(id);
    if !question.index.is_there(id, question.until) {
        let last = card.lives.iter().rev().find(|(mark, _)| mark.at.is_within(question.until));
        return match last {
            Some((mark, _)) => PointedAt::Gone { key, at: mark.at.time },
            None => PointedAt::NeverSeen,
        };
    }
    let changes = card.changes.iter().rev().map(|c| &question.index.change(*c).mark.at);
    let changed = changes.into_iter().find(|at| at.is_within(question.until)).map(|at| at.time);
    let fault = question.investigation.faults_of(&key).first().map(|f| f.kind);
    PointedAt::Present { key, changed, fault }
}

/// Returns `true` if a host is one that the cluster serves by itself, as that of an Ingress, or no host but the group of a kind.
fn is_served(question: &Question<'_>, host: &str) -> bool {
    const SERVERS: [&str; 5] = ["Ingress", "Route", "Gateway", "VirtualService", "Certificate"];
    let name = host.to_ascii_lowercase();
    let holders: Vec<ResourceId> = question.index.holding(&name, question.until).collect();
    let is_part =
        |group: &str| group == name || name.strip_suffix(group).is_some_and(|rest| rest.ends_with('.'));
    question.index.groups(question.until).any(|group| !group.is_empty() && is_part(group))
        || holders.iter().any(|id| SERVERS.iter().any(|s| question.key(*id).kind.contains(s)))
}

/// Returns what stands in quotation marks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['"', '\'', '`'].into_iter().flat_map(move |mark| text.split(mark).skip(1).step_by(2))
}

/// Returns `true` if the word before a quoted one begins with a letter and stands directly before it: `secret "x"`.
fn is_after_kind(text: &str, word: &str) -> bool {
    let before = text.find(word).map(|at| text[..at].trim_end_matches(['"', '\'', '`']));
    let before = before.filter(|b| b.ends_with(' ')).and_then(|b| b.split_whitespace().next_back());
    before.is_some_and(|kind| kind.len() > 2 && kind.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.'))
}
