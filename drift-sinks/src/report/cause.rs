//! The document of `drift why RESOURCE`: the recorded change behind an unhealthy resource.

mod block;
mod changed;
mod markdown;
mod pointer;
mod reason;
mod text;
mod undo;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use pointer::{LookedAtV1, PointerV1};
pub use text::CauseDetail;
pub use undo::UndoV1;

use drift_core::cause::{Abstention, Cause, Explanation, Hop, THRESHOLD};
use drift_core::coverage::InputNotes;
use drift_core::fault::{Fault, OnsetBasis, VersionRef};
use drift_core::history::ResourceOp;
use drift_core::{FieldChange, ResourceKey};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{API_VERSION, CommitV1, CoverageV1, KeyV1, VersionChangeV1};
pub(super) use block::Block;
pub(super) use text::{because, cause_blocks, headline};

/// Least score of a change that is shown as likely, and not proven.
const LIKELY: f64 = 0.25;

/// Why a resource is unhealthy: its symptoms, and the recorded changes that may have caused them.
///
/// Its JSON Schema is [`super::CAUSE_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/cause-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `CauseReport`.
    pub kind: &'static str,
    /// The first of `symptoms`; of a resource without any, one whose `what` is `no fault`.
    pub symptom: SymptomV1,
    /// Everything that is wrong with the resource and with what it depends on, most significant first.
    pub symptoms: Vec<SymptomV1>,
    /// `explained` where the first cause explains the symptom, else `abstained`.
    pub verdict: &'static str,
    /// The first cause in one sentence, or the reason why none is named.
    pub because: String,
    /// Causes, best first; those with a score below [`drift_core::cause::THRESHOLD`] were considered and explain nothing.
    pub causes: Vec<CauseV1>,
    /// How likely it is, 0 to 1, that no recorded change is the cause.
    pub none_of_them: f64,
    /// What the error points at, where no change explains it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points_at: Vec<PointerV1>,
    /// What was looked at of a resource that shows no fault; what is not as it promises comes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<LookedAtV1>,
    /// Why no cause is named.
    #[serde(skip)]
    abstained: Option<Abstention>,
    /// Remarks about the input, for example that a part of history is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What the answer rests on, and what could not be looked at.
    pub coverage: CoverageV1,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct SymptomV1 {
    /// Resource that the question was about.
    pub key: KeyV1,
    /// Resource that shows the symptom: `key` itself, or one that it depends on.
    pub on: KeyV1,
    /// Kind of fault, such as `container crashes`, or `no fault`.
    pub what: &'static str,
    /// Reason as Kubernetes gives it, such as `CrashLoopBackOff`; may be empty.
    pub reason: String,
    /// Message as Kubernetes gives it; may be empty.
    pub message: String,
    /// Time at which it began: as it was recorded, or as the resource states it.
    pub onset: Option<Timestamp>,
    /// `atLeast` where the resource was first seen with it at `onset` and does not say since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset_is: Option<&'static str>,
    /// Since when, in words.
    #[serde(skip)]
    pub(super) since: String,
    /// Recorded version that shows it.
    pub evidence: Option<EvidenceV1>,
}

/// A recorded version of an object that shows a symptom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct EvidenceV1 {
    /// Id of the event that recorded it, 64 hexadecimal digits.
    pub id: String,
    /// The object.
    pub key: KeyV1,
    /// Its resourceVersion.
    pub resource_version: Option<String>,
}

/// A recorded change that may have caused a symptom.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct CauseV1 {
    /// Place in the list, from 1.
    pub rank: usize,
    /// How well it explains the symptom, 0 to 1 in steps of 0.001.
    pub score: f64,
    /// How likely it is the cause, 0 to 1, beside all others and "none of them"; the score is less where the answer is not sure.
    pub probability: f64,
    /// Places by each of the two views alone, from 1.
    pub ranks: RanksV1,
    /// What the rules think of it, in parts, each 0 to 1, by the names of [`drift_core::cause::Weights::NAMES`]; all zero where
    /// they do not list it.
    pub parts: BTreeMap<&'static str, f64>,
    /// What the evidence says, in nats, by the names of [`drift_core::cause::EvidenceKind`]; what says nothing is left out.
    pub evidence: BTreeMap<&'static str, f64>,
    /// Words of the symptom that the change has, those that tell most first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matched: Vec<String>,
    /// The root change: the earliest recorded one on the path to the symptom.
    pub event: CauseEventV1,
    /// Path from the root change to the symptom, both included.
    pub chain: Vec<HopV1>,
    /// Whether the symptom would go away without the change: `holds`, `fails` or `undecided`.
    pub counterfactual: &'static str,
    /// What that verdict compares, in words; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compared: String,
    /// Places in the list of symptoms, from 0, that have this root.
    pub explains: Vec<usize>,
    /// Commit that a GitOps engine applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitV1>,
    /// What speaks against it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub but: Vec<String>,
    /// Why it is thought to be the cause, or with a score below [`drift_core::cause::THRESHOLD`] why not, in one sentence.
    pub reason: String,
    /// How to undo it; of a change that is at least likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoV1>,
    /// How long before the symptom it was, in words.
    #[serde(skip)]
    pub(super) before: Option<String>,
    /// What speaks for it, and what is missing for it to be named, of a change that is likely and not proven.
    #[serde(skip)]
    unproven: Option<(String, &'static str)>,
    /// Whether it was deleted and made again.
    #[serde(skip)]
    is_remade: bool,
    /// Whether the error points at it by a name or a value.
    #[serde(skip)]
    is_pointed_at: bool,
    /// The change that carried the root change to what fails, with its fields.
    #[serde(skip)]
    carrier: Option<(KeyV1, Vec<VersionChangeV1>)>,
}

/// Places of a cause by each of the two views alone, from 1; left out where the view does not list it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct RanksV1 {
    /// By the rules, which know what change leads to what fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<usize>,
    /// By the evidence, which knows no mechanism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<usize>,
}

/// The event that recorded a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct CauseEventV1 {
    /// Id of the event, 64 hexadecimal digits.
    pub id: String,
    /// Resource that changed.
    pub key: KeyV1,
    /// resourceVersion that the change gave it; of a deletion its last one.
    pub resource_version: Option<String>,
    /// Time of the change.
    pub time: Timestamp,
    /// `create`, `update` or `delete`.
    pub op: &'static str,
    /// Who made the change.
    pub actor: ActorV1,
    /// Fields that changed, as text; empty for an object that was created or deleted.
    pub paths: Vec<String>,
    /// The same fields with their values before and after, leaf by leaf; [`super::REDACTED`] for a value of a Secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<VersionChangeV1>,
    /// Id of the commit that a GitOps engine applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Who made a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ActorV1 {
    /// Field manager, by `managedFields`.
    pub manager: Option<Arc<str>>,
    /// User, by the source of the event or the audit log.
    pub user: Option<Arc<str>>,
}

/// One resource on the path from a root change to a symptom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HopV1 {
    /// The resource; its members stand in the hop itself.
    #[serde(flatten)]
    pub key: KeyV1,
    /// Relation to the resource before, such as `uses`; empty for the first one.
    pub edge: String,
    /// Field, rule or record that the relation was read from; may be empty.
    pub evidence: String,
}

/// What sources outside the history say about a cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CauseAttribution {
    /// User who made the root change, by the audit log; used where the event names none.
    pub user: Option<Arc<str>>,
    /// Commit that brought the root change.
    pub commit: Option<CommitV1>,
}

impl CauseReportV1 {
    /// Makes the document of an explanation; `attribute` is asked once for each cause.
    pub fn new(
        explanation: &Explanation,
        attribute: &dyn Fn(&Cause) -> CauseAttribution,
        notes: &InputNotes,
    ) -> Self {
        let key = &explanation.key;
        let symptoms: Vec<_> = explanation.symptoms.iter().map(|s| SymptomV1::new(key, &s.fault)).collect();
        let causes = explanation.causes.iter().enumerate();
        let causes: Vec<_> =
            causes.map(|(i, c)| CauseV1::new(i, c, attribute(c), &faults_of(explanation, c))).collect();
        let because = match (&explanation.abstained_because, causes.first()) {
            (Some(reason), _) => reason.clone(),
            (None, Some(cause)) => because(cause),
            (None, None) => String::new(),
        };
        Self {
            api_version: API_VERSION,
            kind: "CauseReport",
            symptom: symptoms.first().cloned().unwrap_or_else(|| SymptomV1::no_fault(key)),
            symptoms,
            verdict: if explanation.abstained_because.is_none() { "explained" } else { "abstained" },
            because,
            causes,
            none_of_them: round_score(explanation.none_of_them),
            points_at: explanation.points_at.iter().map(Into::into).collect(),
            looked_at: explanation.looked_at.iter().map(Into::into).collect(),
            abstained: explanation.abstained,
            notes: notes.remarks().to_vec(),
            coverage: notes.coverage().into(),
        }
    }
}

/// Returns the faults that a cause explains; all of them where it is not known which.
fn faults_of<'e>(explanation: &'e Explanation, cause: &Cause) -> Vec<&'e Fault> {
    let explained = cause.explains.iter().filter_map(|i| explanation.symptoms.get(*i));
    let mut faults: Vec<_> = explained.map(|s| &s.fault).collect();
    if faults.is_empty() {
        faults.extend(explanation.symptoms.iter().map(|s| &s.fault));
    }
    faults
}

/// Writes a length of time as people do: `40 s`, `12 min`, `5 h`, `3 days`.
fn duration(length: SignedDuration) -> String {
    match length.as_secs() {
        ..1 => "less than a second".to_owned(),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

impl CauseReportV1 {
    /// Adds the options that say where the record is to the commands that the report names, so that they can be copied.
    #[must_use]
    pub fn with_record(mut self, options: &str) -> Self {
        let undone = self.causes.iter_mut().filter_map(|c| c.undo.as_mut());
        undone.filter_map(|u| u.show.as_mut()).for_each(|show| *show = format!("{show} {options}"));
        self
    }
}

impl SymptomV1 {
    pub(super) fn new(key: &ResourceKey, fault: &Fault) -> Self {
        let VersionRef { key: shown_by, version } = &fault.shown_by;
        Self {
            key: key.into(),
            on: (&fault.on).into(),
            what: fault.kind.as_str(),
            reason: fault.reason.clone(),
            message: fault.message.clone(),
            onset: Some(fault.since()),
            onset_is: (fault.onset_basis == OnsetBasis::FirstSeen).then_some("atLeast"),
            since: format!(" {}", fault.describe_since()),
            evidence: Some(EvidenceV1 {
                id: format!("{:#}", fault.evidence),
                key: shown_by.into(),
                resource_version: version.as_ref().map(|v| v.as_str().to_owned()),
            }),
        }
    }

    fn no_fault(key: &ResourceKey) -> Self {
        Self {
            key: key.into(),
            on: key.into(),
            what: "no fault",
            reason: String::new(),
            message: String::new(),
            onset: None,
            onset_is: None,
            since: String::new(),
            evidence: None,
        }
    }
}

impl CauseV1 {
    pub(super) fn new(place: usize, cause: &Cause, attribution: CauseAttribution, faults: &[&Fault]) -> Self {
        let CauseAttribution { user, commit } = attribution;
        let root = &cause.root;
        // Annotations of what was made again tell who made it, and not what it does.
        let is_written = |f: &&FieldChange| !f.path.starts_with_fields(&["metadata", "annotations"]);
        let remade: Vec<FieldChange> = cause.remade.iter().filter(is_written).cloned().collect();
        let fields = if remade.is_empty() { &root.fields } else { &remade };
        let changes = changed::changed_leaves(&root.key, fields);
        let is_named = cause.score >= THRESHOLD;
        // That what fails was made at all is no explanation.
        let is_itself = root.op == ResourceOp::Create && faults.iter().any(|f| f.on == root.key);
        let is_likely = !is_named && !is_itself && cause.score >= LIKELY;
        let carried = &cause.candidate.change;
        let carrier = (carried.id != root.id && carried.key != root.key)
            .then(|| ((&carried.key).into(), changed::changed_leaves(&carried.key, &carried.fields)));
        Self {
            rank: place + 1,
            score: round_score(cause.score),
            probability: round_score(cause.opinions.probability),
            ranks: RanksV1 { rules: cause.opinions.rank_by_rules, evidence: cause.opinions.rank_by_evidence },
            evidence: cause
                .opinions
                .evidence
                .weighed()
                .map(|(name, nats)| (name, round_score(nats)))
                .collect(),
            matched: cause.opinions.matched.clone(),
            parts: cause
                .candidate
                .parts
                .named()
                .into_iter()
                .map(|(name, part)| (name, round_score(part)))
                .collect(),
            event: CauseEventV1 {
                id: format!("{:#}", root.id),
                key: (&root.key).into(),
                resource_version: root.version().map(|v| v.as_str().to_owned()),
                time: root.mark.at.time,
                op: root.op.word(),
                actor: ActorV1 { manager: root.manager.clone(), user: root.user.clone().or(user) },
                paths: root.paths().iter().map(ToString::to_string).collect(),
                changes: changes.clone(),
                commit: commit.as_ref().map(|c| c.id.clone()),
            },
            chain: cause.chain.iter().map(HopV1::from).collect(),
            counterfactual: cause.candidate.counterfactual.verdict.as_str(),
            compared: cause.candidate.counterfactual.text.clone(),
            explains: cause.explains.iter().copied().collect(),
            undo: (is_named || is_likely).then(|| undo::undo(cause, &changes, commit.as_ref())).flatten(),
            commit,
            but: cause.candidate.notes.clone(),
            reason: if is_named { reason::why(cause, faults) } else { reason::why_not(cause, faults) },
            before: reason::since(cause, faults),
            is_remade: !remade.is_empty(),
            is_pointed_at: reason::is_pointed_at(cause, faults),
            unproven: is_likely.then(|| (reason::why(cause, faults), reason::what_is_missing(cause))),
            carrier: carrier.filter(|(_, changes): &(KeyV1, Vec<_>)| !changes.is_empty()),
        }
    }
}

impl From<&Hop> for HopV1 {
    fn from(hop: &Hop) -> Self {
        Self { key: (&hop.key).into(), edge: hop.edge.clone(), evidence: hop.evidence.clone() }
    }
}

/// Rounds to three digits: more would suggest a precision that scores do not have.
fn round_score(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
