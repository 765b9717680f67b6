//! Follows a tape into a store and judges at its end; a live cluster is followed the same way, with another source.
//!
//! `cargo run --example follow_tape [TAPE MANIFESTS]`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::Until;
use drift_core::drift::{DesiredObject, DriftOptions, compare};
use drift_core::ingest::{Progress, RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::replay::State;
use drift_core::schema::SchemaSet;
use drift_core::{Ingest, MemoryStore, Object};
use drift_sinks::report::{DriftTextOptions, render_drift_text};
use drift_sources::manifests::Manifests;
use drift_sources::tape::TapeSource;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo");
    let argument = |n, default: &str| std::env::args_os().nth(n).map_or(demo.join(default), PathBuf::from);
    // Any EventStore does; EmbeddedStore::open(folder) keeps the history.
    let store = MemoryStore::default();
    // Values of Secrets are hashed before they are stored; the same key makes declared ones comparable.
    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    let source = TapeSource::new(argument(1, "shop.tape.jsonl.gz"), "");
    let mut ingest = Ingest::load("tape", redactor.clone(), &store).await?;
    let mut progress = |progress: Progress<'_>| {
        if let Progress::SourceFailed(e) = progress {
            println!("could not read: {e}");
        }
    };
    let summary = run(&source, &store, &mut ingest, &RunOptions::default(), &mut progress).await?;
    println!("{} events\n", summary.appended);

    let state = State::load(&store, Until::End).await?;
    let live = state.live().map(|(_, r)| r.object()).collect::<Result<Vec<_>, _>>()?;
    let live: Vec<Arc<Object>> = live.into_iter().flatten().collect();
    let declared = Manifests::read(&argument(2, "manifests"))?.declared.into_iter();
    let desired: Vec<_> = declared
        .map(|d| DesiredObject { object: Arc::new(redactor.redact(d.object)), declared: None })
        .collect();
    let report = compare(&desired, &live, &SchemaSet::bundled(), &DriftOptions::default());
    print!("{}", render_drift_text(&report, &DriftTextOptions::default()));
    Ok(())
}
