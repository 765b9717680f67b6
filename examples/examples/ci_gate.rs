//! A gate for CI: what engines or manifests declare against a cluster, and an exit code of its own for each reason to stop.
//!
//! `cargo run --example ci_gate -- LIVE MANIFESTS`, or `LIVE URL=REPOSITORY` for what Argo CD and Flux declare. LIVE is a dump
//! (`kubectl get -o json --show-managed-fields`) or a tape. A gate that passes because nothing could be looked at is none.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::process::ExitCode;

use drift_core::coverage::{Coverage, UnseenReason};
use drift_core::drift::UnmanagedResources;
use drift_sinks::report::{Visibility, render_drift_markdown};
use drift_sources::estate::Estate;

/// Returns the exit code for what could not be looked at; the first reason counts.
fn code_of(coverage: &Coverage) -> Option<u8> {
    coverage.unseen().first().map(|unseen| match unseen.reason {
        UnseenReason::Denied => 10,      // The role has expired, or was never enough.
        UnseenReason::NotGiven => 11,    // A repository is missing.
        UnseenReason::NotRendered => 12, // What is declared is broken.
        _ => 3,
    })
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [live, declared] = &arguments[..] else {
        println!("usage: ci_gate LIVE MANIFESTS|URL=REPOSITORY");
        return Ok(ExitCode::from(2));
    };
    let options = Estate::dump(live).unmanaged(UnmanagedResources::Omit);
    let options = if declared.contains("://") { options.git(declared) } else { options.desired(declared) };
    let compared = options.open_blocking()?.diff()?;
    print!("{}", render_drift_markdown(&compared.report, Visibility::default()));
    Ok(match code_of(&compared.report.coverage) {
        Some(code) => ExitCode::from(code),
        None if compared.has_drift() => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}
