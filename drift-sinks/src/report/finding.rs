//! A finding as one line: text for people, or JSON for programs.

use drift_core::drift::DriftChange;
use drift_core::fights::{Fight, Revert};
use drift_core::{EventId, Finding, FindingBody, FindingId, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;

use super::{API_VERSION, ChangeV1, KeyV1, Painter, Shown, inline, redacted, value, words};

/// A finding as programs read it; its JSON Schema is [`super::FINDING_SCHEMA`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `Finding`.
    pub kind: &'static str,
    /// The same finding has the same id whenever it is seen.
    pub id: FindingId,
    /// What: `Drifted`, `Resolved`, `Missing`, `Unmanaged`, `TwoOwners`, `LatentBreak`, `Explained`, `Fight`,
    /// `Reverted`, `GapSeen`.
    pub what: &'static str,
    /// When, by the log's time.
    pub time: Timestamp,
    /// Which resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyV1>,
    /// Field that is resolved, fought over or put back, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_text: Option<String>,
    /// Field that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeV1>,
    /// What is not known and why, or who did what to the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<&Finding> for FindingV1 {
    fn from(finding: &Finding) -> Self {
        let key = finding.key.clone().unwrap_or_default();
        let (mut path_text, mut change, mut message) = (None, None, None);
        let what = match &finding.body {
            FindingBody::Drifted { change: found, .. } => {
                change = Some(ChangeV1::new(&key, found, Shown::default()));
                "Drifted"
            }
            FindingBody::Resolved { path } => {
                path_text = Some(path.to_string());
                "Resolved"
            }
            FindingBody::Missing => "Missing",
            FindingBody::Unmanaged => "Unmanaged",
            FindingBody::TwoOwners { apps } => {
                message = Some(declared_by(apps));
                "TwoOwners"
            }
            FindingBody::LatentBreak { check, message: text } => {
                message = Some(format!("{check}: {text}"));
                "LatentBreak"
            }
            FindingBody::Explained { root, change } => {
                message = Some(explained_by(root, *change));
                "Explained"
            }
            FindingBody::GapSeen(gap) => {
                message = Some(format!("{}: {}", gap.scope, gap.message));
                "GapSeen"
            }
            FindingBody::Fight(fight) => {
                (path_text, message) = (Some(fight.path.to_string()), Some(fought(fight)));
                "Fight"
            }
            FindingBody::Reverted(revert) => {
                (path_text, message) = (Some(revert.path.to_string()), Some(reverted(&key, revert)));
                "Reverted"
            }
            _ => "Other",
        };
        Self {
            api_version: API_VERSION,
            kind: "Finding",
            id: finding.id,
            what,
            time: finding.at,
            key: finding.key.as_ref().map(Into::into),
            path_text,
            change,
            message,
        }
    }
}

/// Writes a finding as one line without a line end.
pub fn finding_line(finding: &Finding, painter: Painter) -> String {
    let key = finding.key.as_ref().map_or_else(String::new, |k| value::printable(&k.to_string()));
    let subject = painter.heading(&key);
    let rest = match (&finding.body, &finding.key) {
        (FindingBody::Drifted { change, .. }, Some(key)) => {
            format!("{} {subject} {}", painter.alarm("drifted"), drifted(key, change))
        }
        (FindingBody::Resolved { path }, _) if path.is_empty() => {
            format!("{} {subject}", painter.good("resolved"))
        }
        (FindingBody::Resolved { path }, _) => {
            format!("{} {subject} {}", painter.good("resolved"), value::printable(&path.to_string()))
        }
        (FindingBody::Missing, _) => format!("{} {subject}", painter.removed("missing")),
        (FindingBody::Unmanaged, _) => format!("{} {subject}", painter.alarm("not declared")),
        (FindingBody::GapSeen(gap), _) => {
            let text = format!("{}: {}", gap.scope, gap.message);
            format!("{} {}", painter.alarm("gap"), value::printable(&text))
        }
        (FindingBody::Fight(fight), _) => {
            let text = format!("{} {}", fight.path, fought(fight));
            format!("{} {subject} {}", painter.alarm("fight"), value::printable(&text))
        }
        (FindingBody::Reverted(revert), Some(key)) => {
            let text = format!("{} {}", revert.path, reverted(key, revert));
            format!("{} {subject} {}", painter.alarm("put back"), value::printable(&text))
        }
        (FindingBody::TwoOwners { apps }, _) => {
            format!("two owners {subject} {}", super::value::printable(&declared_by(apps)))
        }
        (FindingBody::LatentBreak { check, message }, _) => {
            format!("latent break {subject} {}", super::value::printable(&format!("{check}: {message}")))
        }
        (FindingBody::Explained { root, change }, _) => {
            format!("explained {subject} {}", super::value::printable(&explained_by(root, *change)))
        }
        _ => subject,
    };
    format!("{}  {rest}", painter.dim(&words::moment(finding.at)))
}

fn declared_by(apps: &[ResourceKey]) -> String {
    let apps: Vec<String> = apps.iter().map(ToString::to_string).collect();
    format!("declared by {}", apps.join(" and "))
}

fn explained_by(root: &ResourceKey, change: EventId) -> String {
    format!("explained by the change of {root} in event {change}")
}

fn fought(fight: &Fight) -> String {
    let managers = fight.managers();
    let managers: Vec<&str> = managers.iter().map(|m| &**m).collect();
    let since = words::moment(fight.since);
    format!("{} changes by {} since {since}", fight.flips, managers.join(" and "))
}

fn reverted(key: &ResourceKey, revert: &Revert) -> String {
    let side = |v: &Option<serde_json::Value>| match v.as_ref().map(|v| redacted(key, &revert.path, v)) {
        None => "(absent)".to_owned(),
        Some(v) => inline(&v).unwrap_or_else(|| "(…)".to_owned()),
    };
    let by = revert.by.as_ref().map_or("somebody", |o| &*o.manager);
    let (hotfix, restored) = (side(&revert.hotfix), side(&revert.restored));
    let made = words::moment(revert.made.0);
    format!("{hotfix}, set by {by} at {made}, put back to {restored} by {}", revert.claim)
}

fn drifted(key: &ResourceKey, change: &DriftChange) -> String {
    let side = |v: &Option<serde_json::Value>| match v.as_ref().map(|v| redacted(key, &change.path, v)) {
        None => "(absent)".to_owned(),
        Some(v) => inline(&v).unwrap_or_else(|| "(…)".to_owned()),
    };
    let text = format!(
        "{} {} → {}, {}",
        change.path,
        side(&change.desired.clone().or_else(|| change.default.clone())),
        side(&change.live),
        words::attribution(change)
    );
    value::printable(&text)
}
