//! The benchmark harness: ratios, each against a named peer in the same run.
//!
//! `cargo run --release -p drift-benches -- [--corpus DIR] [--argo-diff PROGRAM] [--tapes DIR] [--events N] [--apps N]
//! [pairs|memory|store|graph|why|gitops]...`
//!
//! Without `--corpus` the recorded demo cluster of this repository is measured. `--argo-diff` names a program that runs
//! Argo CD's diff engine on the same cases and prints one JSON line for each. `--tapes` is a folder of recordings
//! (`DIR/*/tape.jsonl.gz`) on which the graph is measured as well.
#![expect(clippy::print_stdout, reason = "a harness prints what it measures")]

mod estate;
mod fleet;
mod gitops;
mod graph;
mod measure;
mod memory;
mod pairs;
mod store;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

/// What can be measured.
const CHAPTERS: [&str; 6] = ["pairs", "memory", "store", "graph", "why", "gitops"];

/// What to measure, and on what.
pub(crate) struct Settings {
    corpus: Option<PathBuf>,
    argo_diff: Option<PathBuf>,
    tapes: Option<PathBuf>,
    events: usize,
    apps: usize,
    chapters: Vec<String>,
}

fn settings() -> Result<Settings, Failure> {
    let mut settings = Settings {
        corpus: None,
        argo_diff: None,
        tapes: None,
        events: 1_000_000,
        apps: 1_000,
        chapters: Vec::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--corpus" => settings.corpus = Some(value()?.into()),
            "--argo-diff" => settings.argo_diff = Some(value()?.into()),
            "--tapes" => settings.tapes = Some(value()?.into()),
            "--events" => settings.events = value()?.parse()?,
            "--apps" => settings.apps = value()?.parse()?,
            chapter if CHAPTERS.contains(&chapter) => settings.chapters.push(arg),
            other => {
                let all = CHAPTERS.join(", ");
                return Err(format!(
                    "`{other}` is none of --corpus, --argo-diff, --tapes, --events, --apps, {all}"
                )
                .into());
            }
        }
    }
    if settings.chapters.is_empty() {
        settings.chapters = CHAPTERS.map(String::from).into();
    }
    Ok(settings)
}

fn run() -> Result<(), Failure> {
    let settings = settings()?;
    let gitops_only = settings.chapters.iter().all(|c| c == "gitops");
    let cases = if gitops_only { Vec::new() } else { estate::load(settings.corpus.as_deref())? };
    for chapter in &settings.chapters {
        println!("\n== {chapter}");
        match chapter.as_str() {
            "pairs" => pairs::run(&cases, settings.argo_diff.as_deref())?,
            "memory" => memory::run(&cases)?,
            "graph" => graph::run(settings.tapes.as_deref())?,
            "why" => why::run(settings.events)?,
            "gitops" => gitops::run(settings.apps)?,
            _ => store::run(&cases, settings.events)?,
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::from(2)
        }
    }
}
