//! A second opinion that knows no mechanism: what speaks for each recorded change, and for "none of them".
//!
//! The engine of rules knows which change leads to which fault. This one asks what differs between the last moment at which
//! the trouble was not there and its onset, in everything that the resource depends on, by any edge, mention or shared fate;
//! who changed it; whether it fits what is said; and whether those who share it fail and those who do not share it do not.
//!
//! ```text
//! EvidenceIndex   changes with their words, mentions, complaints, fed event by event       index, words, leaves, mentions, complaint
//!    │  a question
//! Question        the family, the episode, what is said, whom it names                     question
//!    │
//! Closure         how far everything else is                                               closure
//!    │  for each recorded change before the onset
//! EvidenceParts   pieces of evidence in nats                                               weigh, pods, competitors
//!    │
//! inputs          a write of automation hands what speaks for it to what it carries out    inputs
//!    │
//! EvidenceView    changes and "none of them", ranked; of others that fail as well          view
//!    │  with the opinion of the rules
//! join            probabilities, and which answer is sure                                  join
//! ```

mod closure;
mod competitors;
mod complaint;
mod index;
mod inputs;
mod join;
mod leaves;
mod mentions;
mod parts;
mod pods;
mod pointers;
mod question;
mod selectors;
mod view;
mod weigh;
mod words;

pub(super) use index::EvidenceIndex;
pub(super) use join::{JoinedChange, PlatformOpinion, join};
pub use parts::{EvidenceKind, EvidenceParts};
pub(super) use pointers::pointers;
pub use pointers::{ErrorTopic, PointedAt, Pointer};
pub(super) use view::{EvidenceView, evidence_view};
