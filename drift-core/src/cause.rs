//! Causes: the recorded change behind an unhealthy resource, ranked, with the evidence for every hop.
//!
//! A question runs through a pipe. Each stage is a file, which uses only those above it and what they share (`lineage`,
//! `mention`, `suspicion`):
//!
//! ```text
//! CauseIndex       the log, event by event                               index
//!    │  investigation(until)
//! Investigation    history, graph and schemas as of a moment             investigation
//!    │  why(key)
//! symptom          its faults, and those of its dependencies             symptom, crate::fault
//!    │  for each fault
//! candidates       changes of all that may be behind it, with the path   reach, candidates
//!    │  for each changed field: a Suspicion
//! evidence         did it reach the fault, would undoing it help,        relevance, counterfactual,
//!    │             does the text name it, when, by whom, how rare        score
//! score            weighted parts, and what is taken off                 weights, score
//!    │
//! root             the change that this one only carried out             root
//!    │
//! explanation      causes by root with their chains, or why there is     explanation, incident
//!                  none
//! ```
//!
//! | to add | write |
//! |---|---|
//! | a fault that a change leads to | a row of `EFFECTS` in `effects` |
//! | a counterfactual check | one function and one row of `CHECKS` in `counterfactual` |
//! | a kind of evidence | a part of [`ScoreParts`] with its weight, and one function in `score` |
//! | a relation over which causes are found | one function in `reach` |
//!
//! All that the rules think of a change goes through one function, `score::assess`. A second opinion that knows no rules is
//! asked beside it, of the same candidates and of others, and joined with it where [`Investigation::why`] collects them.
//!
//! **Invariant:** no clock, no randomness, no trained weights; the same log and question give the same answer. A cause is
//! never later than its effect. Where nothing explains a symptom the answer abstains and gives the reason.
//!
//! # Example
//!
//! Somebody removes a key of a ConfigMap, and the next pod cannot start:
//!
//! ```
//! # use std::sync::Arc;
//! # use drift_core::{Event, EventBody, NewEvent, Object, Origin, Position, Revision, StreamId};
//! # let objects = [
//! #     r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"shop"},"data":{"MODE":"fast"}}"#,
//! #     r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"shop"},"data":{}}"#,
//! #     r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"},"spec":{"containers":[{"name":"app","image":"web:1",
//! #         "env":[{"name":"MODE","valueFrom":{"configMapKeyRef":{"name":"conf","key":"MODE"}}}]}]},
//! #         "status":{"phase":"Pending","containerStatuses":[{"name":"app","ready":false,"restartCount":0,"state":{"waiting":
//! #         {"reason":"CreateContainerConfigError","message":"couldn't find key MODE in ConfigMap shop/conf"}}}]}}"#,
//! # ];
//! # let events: Vec<Event> = (1..).zip(objects).map(|(n, json)| {
//! #     let object = Arc::new(Object::from_json(json.as_bytes()).unwrap());
//! #     let (stream, observed_at) = (StreamId::live(object.key()), jiff::Timestamp::from_second(1_700_000_000 + n as i64).unwrap());
//! #     let body = EventBody::Applied(object);
//! #     let event = NewEvent { uid: None, origin: Origin::default(), observed_at, occurred_at: None, body };
//! #     event.at(stream, Revision::new(n).unwrap(), Position::new(n))
//! # }).collect();
//! use drift_core::cause::{CounterfactualVerdict, Investigation};
//! use drift_core::schema::SchemaSet;
//! use drift_core::{ResourceKey, Until};
//!
//! let schemas = SchemaSet::bundled();
//! let investigation = Investigation::from_events(&events, Until::End, &schemas);
//! let answer = investigation.why(&ResourceKey::new("", "Pod", "shop", "web"));
//!
//! let cause = answer.explaining().next().expect("a key that is read was removed");
//! assert_eq!(cause.root.key, ResourceKey::new("", "ConfigMap", "shop", "conf"));
//! assert_eq!(cause.candidate.counterfactual.verdict, CounterfactualVerdict::Holds);
//! ```

mod candidate;
mod candidates;
mod change_kind;
mod counterfactual;
mod effects;
mod evidence;
mod explanation;
mod hop;
mod incident;
mod index;
mod investigation;
mod lineage;
mod looked_at;
mod mention;
mod reach;
mod relevance;
mod role;
mod root;
mod scheduler_message;
mod score;
mod surroundings;
mod suspicion;
mod symptom;
#[cfg(test)]
mod tests;
mod verdict;
mod weights;

pub use candidate::Candidate;
pub use change_kind::{ChangeKind, ChangedField, changed_fields};
pub use effects::{fit, usual_delay};
pub use evidence::{ErrorTopic, EvidenceKind, EvidenceParts, PointedAt, Pointer};
pub use explanation::{Abstention, Cause, Explanation, Opinions};
pub use hop::Hop;
pub use incident::{Incident, Incidents, Unexplained, incidents};
pub use index::CauseIndex;
pub use investigation::{Investigation, RecordedWrite};
pub use looked_at::{LookedAt, LookedAtSubject};
pub use role::CandidateRole;
pub use root::RevisionChange;
pub use surroundings::Surroundings;
pub use symptom::{Symptom, symptoms};
pub use verdict::{Counterfactual, CounterfactualVerdict};
pub use weights::{ScoreParts, THRESHOLD, Weights};
