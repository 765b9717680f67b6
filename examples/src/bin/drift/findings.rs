//! Findings as they come and go, and where they are printed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use drift_core::drift::{ResourceDrift, Status};
use drift_core::{FieldPath, Finding, FindingBody, FindingId, ResourceKey, Sink, SinkError};
use drift_sinks::report::{FindingV1, render_finding_line};
use jiff::Timestamp;

use crate::args::LineFormat;
use crate::output::{self, Screen};
use crate::progress::Counter;

/// What is found at the moment, to tell what is new of it and what is gone.
#[derive(Debug, Default)]
pub(crate) struct Findings(BTreeMap<ResourceKey, BTreeMap<FindingId, Finding>>);

impl Findings {
    /// Takes how a resource stands now and returns what came, changed or went since the last time.
    pub(crate) fn take(
        &mut self,
        key: &ResourceKey,
        drift: Option<&ResourceDrift>,
        at: Timestamp,
    ) -> Vec<Finding> {
        let now: BTreeMap<_, _> = drift.map(|d| of(d, at)).into_iter().flatten().map(|f| (f.id, f)).collect();
        let before = self.0.remove(key).unwrap_or_default();
        let gone = before.iter().filter(|(id, _)| !now.contains_key(id)).map(|(_, f)| resolved(f, at));
        let came = now.values().filter(|f| before.get(&f.id).is_none_or(|b| b.body != f.body)).cloned();
        let mut told: Vec<_> = gone.chain(came).collect();
        told.sort_by_key(path);
        if !now.is_empty() {
            self.0.insert(key.clone(), now);
        }
        told
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

fn path(finding: &Finding) -> FieldPath {
    match &finding.body {
        FindingBody::Drifted { path, .. } | FindingBody::Resolved { path } => path.clone(),
        _ => FieldPath::ROOT,
    }
}

fn resolved(finding: &Finding, at: Timestamp) -> Finding {
    Finding { at, body: FindingBody::Resolved { path: path(finding) }, ..finding.clone() }
}

/// Returns the findings about a resource.
fn of(resource: &ResourceDrift, at: Timestamp) -> Vec<Finding> {
    let mut out = Vec::new();
    let make = |what: &str, path: &FieldPath, body| Finding {
        id: id(what, &resource.key, path),
        key: Some(resource.key.clone()),
        at,
        body,
    };
    match resource.status {
        Status::Missing => out.push(make("missing", &FieldPath::ROOT, FindingBody::Missing)),
        Status::Extra => out.push(make("unmanaged", &FieldPath::ROOT, FindingBody::Unmanaged)),
        _ => {}
    }
    for change in resource.changes.iter().filter(|c| c.class.counts()) {
        let body = FindingBody::Drifted { path: change.path.clone(), change: Box::new(change.clone()) };
        out.push(make("drifted", &change.path, body));
    }
    out
}

/// The value is not part of it: a field that drifts further is the same finding, told again.
fn id(what: &str, key: &ResourceKey, path: &FieldPath) -> FindingId {
    FindingId::derive(&[what, &key.cluster, &key.to_string(), &path.to_string()])
}

/// Prints findings to standard output, one a line.
#[derive(Debug)]
pub(crate) struct Printer {
    format: LineFormat,
    screen: Screen,
    counter: Counter,
}

impl Printer {
    /// Makes a printer that does not tear the line of a counter.
    pub(crate) fn new(format: LineFormat, screen: Screen, counter: Counter) -> Self {
        Self { format, screen, counter }
    }
}

#[async_trait]
impl Sink for Printer {
    fn name(&self) -> &str {
        "standard output"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError> {
        let mut text = String::new();
        for finding in findings {
            match self.format {
                LineFormat::Text => text.push_str(&render_finding_line(finding, self.screen.styler())),
                LineFormat::Json => text.push_str(
                    &serde_json::to_string(&FindingV1::from(finding))
                        .expect("a finding is plain data with text keys"),
                ),
            }
            text.push('\n');
        }
        self.counter
            .suspend(|| output::print(&text))
            .map_err(|e| SinkError::Refused { what: "printing".to_owned(), message: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use drift_core::drift::Basis;

    use super::*;

    fn drift(status: Status) -> ResourceDrift {
        ResourceDrift {
            key: ResourceKey::new("", "ConfigMap", "a", "b"),
            status,
            changes: Vec::new(),
            basis: Basis::Structure,
            applier: None,
            declared: None,
            creator: None,
            notes: Vec::new(),
            app: None,
            class: None,
            rule: None,
        }
    }

    #[test]
    fn a_finding_is_told_when_it_comes_and_when_it_goes() {
        let mut findings = Findings::default();
        let at = Timestamp::UNIX_EPOCH;
        let mut told = |s| {
            let drift = drift(s);
            findings.take(&drift.key, Some(&drift), at).into_iter().map(|f| f.body).collect::<Vec<_>>()
        };
        assert_eq!(told(Status::InSync), []);
        assert_eq!(told(Status::Missing), [FindingBody::Missing]);
        assert_eq!(told(Status::Missing), []);
        assert_eq!(told(Status::InSync), [FindingBody::Resolved { path: FieldPath::ROOT }]);
    }
}
