//! A gate for CI with a rule of its own: changes by hand block a deployment, everything else is only told.
//!
//! `cargo run --example ci_gate [MANIFESTS DUMP]`; a dump is what `kubectl get -o json --show-managed-fields` prints.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use drift_core::drift::{DesiredObject, DriftCause, DriftOptions, DriftReport, UnmanagedResources, compare};
use drift_core::schema::SchemaSet;
use drift_sinks::report::{Visibility, render_drift_markdown};
use drift_sources::dump::Dump;
use drift_sources::manifests::Manifests;

/// Tells whether somebody changed something by hand.
fn blocks(report: &DriftReport) -> bool {
    let changes = report.resources.iter().flat_map(|r| &r.changes);
    changes.filter(|c| c.class.counts()).any(|c| c.cause == DriftCause::ManualChange)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(manifests), Some(dump)) = (arguments.next(), arguments.next()) else {
        println!("usage: ci_gate MANIFESTS DUMP");
        return Ok(ExitCode::from(2));
    };
    let declared = Manifests::read(&manifests)?;
    declared.problems.iter().for_each(|p| println!("::warning::{p}"));
    let desired: Vec<_> = declared
        .declared
        .into_iter()
        .map(|d| DesiredObject { object: Arc::new(d.object), declared: None })
        .collect();
    let live: Vec<_> = Dump::read(&dump)?.into_iter().map(Arc::new).collect();
    let options = DriftOptions { extras: UnmanagedResources::Omit, ..DriftOptions::default() };
    let report = compare(&desired, &live, &SchemaSet::bundled(), &options);
    print!("{}", render_drift_markdown(&report, Visibility::default()));
    Ok(if blocks(&report) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
