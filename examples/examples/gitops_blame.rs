//! Who set this field, through which Application, from which commit? Asked of a tape and a Git bundle.
//!
//! `cargo run --example gitops_blame TAPE URL=BUNDLE KEY`; the URL is the one by which the engine knows the repository.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use drift_core::ResourceKey;
use drift_sources::estate::Estate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tape, git, key] = &arguments[..] else {
        return Err("usage: gitops_blame TAPE URL=BUNDLE KEY".into());
    };
    let estate = Estate::tape(tape).git(git).open().await?;
    for blamed in estate.blame(&ResourceKey::parse(key)?).await? {
        let manager = blamed.field.writer.as_ref().map_or("somebody", |writer| &*writer.manager);
        println!("{} = {} by {manager}", blamed.field.path, blamed.field.value);
        if let Some(app) = &blamed.via {
            println!("  through {app}");
        }
        if let Some(commit) = &blamed.commit {
            println!("  from {} by {}: {}", commit.id, commit.author, commit.message);
        }
    }
    estate.notes().texts().for_each(|note| println!("note: {note}"));
    Ok(())
}
