//! What the messages of controllers hint at.

use std::sync::LazyLock;

use crate::health::HealthStatus::{self, Degraded, Progressing, Suspended};

/// How much of a message is looked at.
pub(super) const MAX_MESSAGE: usize = 4096;

const TROUBLE: &str = "fail|error|cannot|could not|can't|unable|denied|not found|invalid|timed out|timeout|exceeded|\
    refused|forbidden|unhealthy|terminated|back-off|backoff|n't exist|\
    unauthorized|unreachable|conflict|not allowed|unknown|missing|unsupported|no such|rejected|\
    misconfigured|is required|must be|not permitted|not supported|not match|n't match|mismatch|\
    already exists|already in use|already used|no space|out of memory|crash|\
    expired|exit code|exit status|exited with|duplicate|malformed|violat|corrupt|aborted|\
    incompatible|no valid|not valid|no longer exist|unrecognized|not exist|too many|too large|\
    not reachable|unexpected|no suitable";
const WAITING: &str = "pending|in progress|progressing|creating|starting|initializ|provisioning|\
    not yet|not ready|not running|not up|yet to|installing|updating|being |scheduled|will be|\
    restoring|deploying|reconciling|wait|to be ready|become ready|rolling out|upgrading|scaling|\
    in process|ongoing|queued|retrying|will retry|started|synchroniz|migrating|downloading|pulling|\
    building|draining|shortly|currently";
const ASKED: &str = "wait|pending|requir|need";
const PERSON: &str = "user must|waiting for user|user action|user confirmation|waiting for confirmation";

static PHRASES: LazyLock<[Phrases; 4]> =
    LazyLock::new(|| [TROUBLE, WAITING, ASKED, PERSON].map(Phrases::new));

/// Phrases by their first letter, so that a message is read once, however many there are.
#[derive(Debug)]
struct Phrases([Vec<&'static [u8]>; 26]);

impl Phrases {
    fn new(list: &'static str) -> Self {
        let mut by_letter: [Vec<&'static [u8]>; 26] = Default::default();
        for phrase in list.split('|') {
            by_letter[usize::from(phrase.as_bytes()[0] - b'a')].push(phrase.as_bytes());
        }
        Self(by_letter)
    }

    /// Returns `true` if one of them is in a text, in whatever case.
    fn are_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| {
            let letter = text[at].to_ascii_lowercase().wrapping_sub(b'a');
            let begins = |p: &&[u8]| text[at..].get(..p.len()).is_some_and(|t| t.eq_ignore_ascii_case(p));
            self.0.get(usize::from(letter)).is_some_and(|phrases| phrases.iter().any(begins))
        })
    }
}

/// Returns what a message hints at where the reason does not: trouble, or waiting.
pub(crate) fn hint(message: &str) -> Option<HealthStatus> {
    let text = &message.as_bytes()[..MAX_MESSAGE.min(message.len())];
    let [trouble, waiting, asked, person] = &*PHRASES;
    if asked.are_in(text) && text.windows(8).any(|t| t.eq_ignore_ascii_case(b"approval")) {
        Some(Suspended)
    } else if trouble.are_in(text) {
        Some(Degraded)
    } else if person.are_in(text) {
        Some(Suspended)
    } else if waiting.are_in(text) || counts_some(text) {
        Some(Progressing)
    } else {
        None
    }
}

/// Returns `true` if a message counts fewer than there are to be: `1 of 2 nodes`, `1/2 pods`, but not `10.0.0.0/24`.
fn counts_some(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let words: Vec<&str> =
        text.split_ascii_whitespace().map(|w| w.trim_matches(['(', ')', ',', ':', '['])).collect();
    let fewer = |there: &str, wanted: &str| match (there.parse::<u32>(), wanted.parse::<u32>()) {
        (Ok(there), Ok(wanted)) => there < wanted,
        _ => false,
    };
    let ratio = words.iter().filter_map(|w| w.split_once('/')).any(|(there, wanted)| fewer(there, wanted));
    ratio
        || words.windows(3).any(|w| w[1] == "of" && fewer(w[0], w[2]))
        || words.windows(4).any(|w| w[1..3] == ["out", "of"] && fewer(w[0], w[3]))
}

/// Returns `true` if a message says that something it needs is not there: "no pools were found".
pub(in crate::health) fn says_not_found(message: &str) -> bool {
    let text = message.to_ascii_lowercase();
    let none = text.starts_with("no ") || text.contains(" no ");
    text.contains("not found") || text.contains("not exist") || (none && text.contains(" found"))
}
