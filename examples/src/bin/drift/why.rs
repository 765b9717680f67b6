//! `drift why`: the recorded change behind an unhealthy resource, ranked, with the evidence for every hop.

mod commit;
mod open;
mod text;

use std::sync::Arc;

use drift_core::Until;
use drift_core::cause::{Cause, Explanation, Hop, Weights, incidents};
use drift_core::fault::Fault;
use drift_core::history::{Change, ResourceOp};
use drift_core::schema::SchemaSet;
use drift_core::{FieldPath, ResourceKey, ResourceVersion};
use drift_sinks::report::{API_VERSION, KeyV1};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::WhyArgs;
use crate::failure::Failure;
use crate::inputs::Notes;
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};
use commit::{CommitV1, Repositories};

/// The answer, as programs read it; see `cause-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CauseReportV1 {
    api_version: &'static str,
    kind: &'static str,
    symptom: SymptomV1,
    /// Everything that is wrong with the resource and what it stands on.
    symptoms: Vec<SymptomV1>,
    verdict: &'static str,
    because: String,
    causes: Vec<CauseV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct SymptomV1 {
    key: KeyV1,
    /// The resource that shows it; the key itself or something that it stands on.
    on: KeyV1,
    what: &'static str,
    reason: String,
    message: String,
    onset: Option<Timestamp>,
    evidence: Option<EvidenceV1>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct EvidenceV1 {
    id: String,
    key: KeyV1,
    resource_version: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct CauseV1 {
    rank: usize,
    score: f64,
    /// Parts of the score, each 0 to 1, by the names of the documented weights.
    parts: std::collections::BTreeMap<&'static str, f64>,
    event: EventV1,
    chain: Vec<LinkV1>,
    counterfactual: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    compared: String,
    /// Places in the list of symptoms that have this root.
    explains: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<CommitV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    but: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
struct EventV1 {
    id: String,
    key: KeyV1,
    resource_version: Option<String>,
    time: Timestamp,
    op: &'static str,
    actor: ActorV1,
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
}

#[derive(Debug, Serialize)]
struct ActorV1 {
    manager: Option<Arc<str>>,
    user: Option<Arc<str>>,
}

#[derive(Debug, Serialize)]
struct LinkV1 {
    #[serde(flatten)]
    key: KeyV1,
    edge: String,
    evidence: String,
}

/// Runs the command.
pub(crate) async fn run(args: &WhyArgs, screen: Screen) -> Result<Outcome, Failure> {
    let recorded = Recorded::open(&args.recorded).await?;
    let mut notes = recorded.notes().clone();
    let key = match args.key.as_ref().or(args.resource.as_ref()) {
        Some(name) => {
            Some(recorded.find(name, args.namespace.as_deref()).await?.key().cloned().unwrap_or_default())
        }
        None => None,
    };
    let index = recorded.index(args.at, args.edges.rules()?).await?;
    let log = match &args.audit {
        Some(file) => Some(users::read(file, Some(recorded.redactor().clone()), &mut notes)?),
        None => None,
    };
    let repositories = Repositories::open(&args.git, &mut notes)?;
    let schemas = SchemaSet::bundled();
    let case = index.case(Until::End, &schemas).with_weights(weights(args)?);
    let reporter = Reporter { log: log.as_ref(), repositories: &repositories };
    let Some(key) = key else {
        let in_scope = |k: &ResourceKey| args.namespace.as_ref().is_none_or(|n| **n == *k.namespace);
        return open::print(&incidents(&case, in_scope), &reporter, &notes, args.output, screen);
    };
    let answer = case.why(&key);
    let report = reporter.report(&answer, &notes);
    output::document(args.output, &report, || text::text(&report, &answer, screen))?;
    Ok(Outcome::Nothing)
}

/// Reads `--weight PART=FACTOR`, for those who measure what each part is worth.
fn weights(args: &WhyArgs) -> Result<Weights, Failure> {
    let mut weights = Weights::default();
    for text in &args.weight {
        let read = text.split_once('=').and_then(|(name, factor)| {
            let part = Weights::NAMES.iter().position(|n| *n == name)?;
            Some((part, factor.parse::<f64>().ok().filter(|f| f.is_finite() && *f >= 0.0)?))
        });
        let (part, factor) = read.ok_or_else(|| {
            Failure::new(format!("`{text}` is no weight"))
                .hint(format!("PART=FACTOR expected, with a part of {}", Weights::NAMES.join(", ")))
        })?;
        weights = weights.scaled(part, factor);
    }
    Ok(weights)
}

struct Reporter<'a> {
    log: Option<&'a UserLog>,
    repositories: &'a Repositories,
}

impl Reporter<'_> {
    fn report(&self, answer: &Explanation, notes: &Notes) -> CauseReportV1 {
        let symptoms: Vec<_> = answer.symptoms.iter().map(|s| symptom_v1(&answer.key, &s.fault)).collect();
        let causes: Vec<_> = answer.causes.iter().enumerate().map(|(i, c)| self.cause(i, c)).collect();
        let because = match (&answer.abstained_because, causes.first()) {
            (Some(reason), _) => reason.clone(),
            (None, Some(cause)) => text::because(cause),
            (None, None) => String::new(),
        };
        CauseReportV1 {
            api_version: API_VERSION,
            kind: "CauseReport",
            symptom: answer
                .symptoms
                .first()
                .map_or_else(|| none(&answer.key), |s| symptom_v1(&answer.key, &s.fault)),
            symptoms,
            verdict: if answer.abstained_because.is_none() { "explained" } else { "abstained" },
            because,
            causes,
            notes: notes.texts().to_vec(),
        }
    }

    fn cause(&self, place: usize, cause: &Cause) -> CauseV1 {
        let root = &cause.root;
        let commit = self.repositories.commit(cause);
        CauseV1 {
            rank: place + 1,
            score: round(cause.score),
            parts: Weights::NAMES.into_iter().zip(cause.candidate.parts.map(round)).collect(),
            event: EventV1 {
                id: format!("{:#}", root.id),
                key: (&root.key).into(),
                resource_version: root.version().map(|v| v.as_str().to_owned()),
                time: root.mark.at.time,
                op: root.op.word(),
                actor: self.actor(root),
                paths: root.paths().iter().map(ToString::to_string).collect(),
                commit: commit.as_ref().map(|c| c.id.clone()),
            },
            chain: cause.chain.iter().map(link_v1).collect(),
            counterfactual: cause.candidate.proof.verdict.word(),
            compared: cause.candidate.proof.text.clone(),
            explains: cause.explains.iter().copied().collect(),
            commit,
            but: cause.candidate.notes.clone(),
        }
    }

    /// Names who did it: the manager by `managedFields`, the user by the audit log.
    fn actor(&self, change: &Change) -> ActorV1 {
        let user = change.user.clone().or_else(|| self.user(change));
        ActorV1 { manager: change.manager.clone(), user }
    }

    fn user(&self, change: &Change) -> Option<Arc<str>> {
        let index = &self.log?.index;
        let at = Some(change.mark.at.time);
        if change.op == ResourceOp::Delete {
            let uid = change.object().and_then(|o| o.uid());
            let entry = index.find_deleter(&change.key, uid.as_ref(), at)?;
            return Some(Arc::clone(&entry.user));
        }
        let path: Option<&FieldPath> = change.fields.first().map(|f| &f.path);
        let version: Option<&ResourceVersion> = change.version();
        index.actor_of(&change.key, version, at, path)?.user
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn link_v1(step: &Hop) -> LinkV1 {
    LinkV1 { key: (&step.key).into(), edge: step.edge.clone(), evidence: step.evidence.clone() }
}

fn symptom_v1(key: &ResourceKey, fault: &Fault) -> SymptomV1 {
    SymptomV1 {
        key: key.into(),
        on: (&fault.on).into(),
        what: fault.kind.word(),
        reason: fault.reason.clone(),
        message: fault.message.clone(),
        onset: Some(fault.onset.at.time),
        evidence: Some(EvidenceV1 {
            id: format!("{:#}", fault.evidence),
            key: (&fault.shown_by.0).into(),
            resource_version: fault.shown_by.1.as_ref().map(|v| v.as_str().to_owned()),
        }),
    }
}

fn none(key: &ResourceKey) -> SymptomV1 {
    SymptomV1 {
        key: key.into(),
        on: key.into(),
        what: "no fault",
        reason: String::new(),
        message: String::new(),
        onset: None,
        evidence: None,
    }
}
