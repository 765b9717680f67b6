//! `drift completions` and `drift man`: what shells and `man` know of the command line.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Failure;
use crate::output::{self, Outcome};

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drift", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Nothing)
}

/// Writes a page for each command.
pub(crate) fn man(args: &ManArgs) -> Result<Outcome, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot write manual pages to `{}`", args.folder.display())).because(&e)
    };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    Ok(Outcome::Nothing)
}
