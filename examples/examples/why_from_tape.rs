//! Why is this broken? Answered from a tape, without a runtime: the program in the documentation of `drift_sources::estate`.
//!
//! `cargo run --example why_from_tape TAPE KEY`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use drift_sources::estate::Estate;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tape, key] = &arguments[..] else { return Err("usage: why_from_tape TAPE KEY".into()) };
    let estate = Estate::tape(tape).open_blocking()?;
    let why = estate.why(&key.parse()?)?;
    match why.causes.first().filter(|_| why.abstained_because.is_none()) {
        Some(cause) => println!("{} changed at {}", cause.root.key, cause.root.mark.at.time),
        None => println!("{}", why.abstained_because.unwrap_or_default()),
    }
    Ok(())
}
