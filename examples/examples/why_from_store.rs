//! What is broken, and since which change? Asked of a store that `drift watch` keeps, or of one that a tape is played into.
//!
//! `cargo run --example why_from_store STORE [TAPE]`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::redact::{RedactOptions, Redactor};
use drift_sinks::store::embedded::EmbeddedStore;
use drift_sources::estate::{Estate, InputFile, play_tape};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let folder: &Path = arguments.first().ok_or("usage: why_from_store STORE [TAPE]")?;
    if let Some(tape) = arguments.get(1) {
        let store = EmbeddedStore::open(folder)?;
        // Values of Secrets are hashed before they are stored, with a key that the store keeps.
        let redactor = Redactor::new(RedactOptions::new(store.redaction_key()?));
        let notes = play_tape(&InputFile::open(tape)?, &store, redactor).await?;
        notes.texts().for_each(|note| println!("note: {note}"));
    }
    let store = EmbeddedStore::open_read_only(folder)?;
    let redactor = Redactor::new(RedactOptions::new(store.redaction_key()?));
    let estate = Estate::store(Arc::new(store), redactor).open().await?;
    let incidents = estate.incidents().await?;
    for incident in &incidents.explained {
        let root = &incident.cause.root;
        println!("{} changed at {} and broke:", root.key, root.mark.at.time);
        incident.symptoms.iter().for_each(|s| println!("  {}  {}", s.on, s.reason));
    }
    for symptom in &incidents.unexplained {
        println!("{}: {}", symptom.fault.on, symptom.because);
    }
    Ok(())
}
