//! A gate for CI with a rule of its own: changes by hand block a deployment, everything else is only reported.
//!
//! `cargo run --example ci_gate MANIFESTS DUMP`; a dump is what `kubectl get -o json --show-managed-fields` prints.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::process::ExitCode;

use drift_core::drift::{DriftCause, DriftReport, UnmanagedResources};
use drift_sinks::report::{Visibility, render_drift_markdown};
use drift_sources::estate::Estate;

/// Returns `true` if somebody changed something by hand.
fn blocks(report: &DriftReport) -> bool {
    let changes = report.resources.iter().flat_map(|r| &r.changes);
    changes.filter(|c| c.class.counts()).any(|c| c.cause == DriftCause::ManualChange)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [manifests, dump] = &arguments[..] else {
        println!("usage: ci_gate MANIFESTS DUMP");
        return Ok(ExitCode::from(2));
    };
    let estate = Estate::dump(dump).desired(manifests).unmanaged(UnmanagedResources::Omit);
    let compared = estate.open_blocking()?.diff()?;
    compared.report.notes.iter().for_each(|note| println!("::warning::{note}"));
    print!("{}", render_drift_markdown(&compared.report, Visibility::default()));
    Ok(if blocks(&compared.report) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
