//! A finding as one line: text for people, or a document for programs.

use std::collections::BTreeSet;

use drift_core::drift::DriftChange;
use drift_core::fights::{Fight, Revert};
use drift_core::text::printable;
use drift_core::{EventId, Finding, FindingBody, FindingId, Gap, ResourceKey};
use jiff::Timestamp;
use serde::Serialize;

use super::{API_VERSION, DriftChangeV1, KeyV1, Styler, Visibility, format, inline_value, redacted};

/// Gaps with the same reason are written one by one up to this many.
const MAX_GAPS_ALIKE: usize = 3;

/// One finding of `drift watch`; with `-o json` it prints one a line.
///
/// Its JSON Schema is [`super::FINDING_SCHEMA`]. Example, indented:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/finding.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `Finding`.
    pub kind: &'static str,
    /// Identity of the finding, 32 hexadecimal digits: the same finding has the same id in every run.
    pub id: FindingId,
    /// Kind of finding: `Drifted`, `Resolved`, `Missing`, `Unmanaged`, `TwoOwners`, `LatentBreak`, `Explained`, `Fight`,
    /// `Reverted`, `GapSeen`.
    pub what: &'static str,
    /// Time of the event that it was found with.
    pub time: Timestamp,
    /// Resource that it is about; absent for a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyV1>,
    /// Path of the field that is resolved, fought over or reverted, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_text: Option<String>,
    /// Field that differs, for `Drifted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<DriftChangeV1>,
    /// Scope and reason of a gap, or who did what to the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<&Finding> for FindingV1 {
    fn from(finding: &Finding) -> Self {
        let key = finding.key.clone().unwrap_or_default();
        let (mut path_text, mut change, mut message) = (None, None, None);
        let what = match &finding.body {
            FindingBody::Drifted { change: found, .. } => {
                change = Some(DriftChangeV1::new(&key, found, Visibility::default()));
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

/// Writes a finding as one line of text, without a line end.
pub fn render_finding_line(finding: &Finding, styler: Styler) -> String {
    let key = finding.key.as_ref().map_or_else(String::new, |k| printable(&k.to_string()));
    let subject = styler.heading(&key);
    let rest = match (&finding.body, &finding.key) {
        (FindingBody::Drifted { change, .. }, Some(key)) => {
            format!("{} {subject} {}", styler.alarm("drifted"), drifted(key, change))
        }
        (FindingBody::Resolved { path }, _) if path.is_empty() => {
            format!("{} {subject}", styler.good("resolved"))
        }
        (FindingBody::Resolved { path }, _) => {
            format!("{} {subject} {}", styler.good("resolved"), printable(&path.to_string()))
        }
        (FindingBody::Missing, _) => format!("{} {subject}", styler.removed("missing")),
        (FindingBody::Unmanaged, _) => format!("{} {subject}", styler.alarm("not declared")),
        (FindingBody::GapSeen(gap), _) => {
            let scope = if gap.scope.kind.is_none() && gap.scope.namespace.is_empty() {
                String::new()
            } else {
                format!("{}: ", gap.scope)
            };
            format!("{} {}", styler.alarm("gap"), printable(&format!("{scope}{}", gap.message)))
        }
        (FindingBody::Fight(fight), _) => {
            let text = format!("{} {}", fight.path, fought(fight));
            format!("{} {subject} {}", styler.alarm("fight"), printable(&text))
        }
        (FindingBody::Reverted(revert), Some(key)) => {
            let text = format!("{} {}", revert.path, reverted(key, revert));
            format!("{} {subject} {}", styler.alarm("reverted"), printable(&text))
        }
        (FindingBody::TwoOwners { apps }, _) => {
            format!("two owners {subject} {}", printable(&declared_by(apps)))
        }
        (FindingBody::LatentBreak { check, message }, _) => {
            format!("latent break {subject} {}", printable(&format!("{check}: {message}")))
        }
        (FindingBody::Explained { root, change }, _) => {
            format!("explained {subject} {}", printable(&explained_by(root, *change)))
        }
        _ => subject,
    };
    format!("{}  {rest}", styler.dim(&format::format_time(finding.at)))
}

/// Writes findings about gaps, each on a line; more than three for the same reason are one, as when a server goes away or an account
/// may list nothing.
pub fn render_gap_lines(findings: &[Finding], styler: Styler) -> String {
    let gap_of = |f: &Finding| match &f.body {
        FindingBody::GapSeen(gap) => gap.scope.kind.is_some().then_some(gap.reason),
        _ => None,
    };
    let mut out = String::new();
    let mut written = BTreeSet::new();
    for finding in findings {
        let reason = gap_of(finding);
        let alike: Vec<&Finding> =
            findings.iter().filter(|f| reason.is_some() && gap_of(f) == reason).collect();
        if alike.len() <= MAX_GAPS_ALIKE {
            out.push_str(&format!("{}\n", render_finding_line(finding, styler)));
        } else if written.insert(reason) {
            out.push_str(&format!("{}\n", merged_gap_line(&alike, styler)));
        }
    }
    out
}

fn merged_gap_line(alike: &[&Finding], styler: Styler) -> String {
    let gaps: Vec<&Gap> = alike
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::GapSeen(gap) => Some(gap),
            _ => None,
        })
        .collect();
    let kinds: BTreeSet<&str> =
        gaps.iter().filter_map(|g| g.scope.kind.as_ref()).map(|(_, kind)| &**kind).collect();
    let named: Vec<&str> = kinds.iter().take(MAX_GAPS_ALIKE).copied().collect();
    let more = match kinds.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = gaps.first().map_or("", |g| &*g.message);
    let text = format!("{} kinds ({}{more}): {first}", kinds.len(), named.join(", "));
    let at = alike.iter().map(|f| f.at).min().unwrap_or_default();
    format!("{}  {} {}", styler.dim(&format::format_time(at)), styler.alarm("gap"), printable(&text))
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
    let since = format::format_time(fight.since);
    format!("{} changes by {} since {since}", fight.flips, managers.join(" and "))
}

fn reverted(key: &ResourceKey, revert: &Revert) -> String {
    let side = |v: &Option<serde_json::Value>| match v.as_ref().map(|v| redacted(key, &revert.path, v)) {
        None => "(absent)".to_owned(),
        Some(v) => inline_value(&v).unwrap_or_else(|| "(…)".to_owned()),
    };
    let by = revert.by.as_ref().map_or("somebody", |o| &*o.manager);
    let (hotfix, restored) = (side(&revert.hotfix), side(&revert.restored));
    let made = format::format_time(revert.made.at);
    format!("{hotfix}, set by {by} at {made}, put back to {restored} by {}", revert.claim)
}

fn drifted(key: &ResourceKey, change: &DriftChange) -> String {
    let side = |v: &Option<serde_json::Value>| match v.as_ref().map(|v| redacted(key, &change.path, v)) {
        None => "(absent)".to_owned(),
        Some(v) => inline_value(&v).unwrap_or_else(|| "(…)".to_owned()),
    };
    let text = format!(
        "{} {} → {}, {}",
        change.path,
        side(&change.desired.clone().or_else(|| change.default.clone())),
        side(&change.live),
        format::describe_attribution(change)
    );
    printable(&text)
}
