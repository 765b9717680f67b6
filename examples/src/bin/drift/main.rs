//! `drift`: what changed in a Kubernetes cluster, who changed it, and why something is broken.
//!
//! The reference application of the library: it reads arguments, opens what they name, and prints documents of
//! [`drift_sinks::report`]. All judgements are those of `drift-core`.

mod apps;
mod args;
mod blame;
mod check;
mod clock;
mod defaults;
mod demo;
mod diff;
mod external;
mod failure;
mod fights;
mod findings;
mod graph;
mod health;
mod history;
mod impact;
mod looked_at;
mod manual;
mod output;
mod progress;
mod record;
mod results;
mod rules;
mod show;
mod stop;
mod timeline;
mod verify;
mod watch;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use futures::future::LocalBoxFuture;

use args::{Cli, Command};
use defaults::Defaults;
use failure::Failure;
use output::{Outcome, Screen};

fn main() -> ExitCode {
    clock::choose_style(std::env::args_os());
    let defaults = match Defaults::load() {
        Ok(defaults) => defaults,
        Err(failure) => {
            failure.print();
            return ExitCode::from(2);
        }
    };
    let command = defaults.apply(Cli::command());
    let cli = match command.try_get_matches().and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version were asked for; everything else is a failure, and 1 would mean "something found".
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let codes = cli.exit_codes();
    match run(&cli) {
        Ok(outcome) => codes.code_of(outcome),
        Err(failure) => {
            failure.print();
            codes.code_of(Outcome::Failed)
        }
    }
}

/// Runs the command on a runtime of its own.
fn run(cli: &Cli) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new("cannot start").because(&e))?;
    let screen = Screen::new(cli.color);
    // These go on until a signal, and end in order.
    if !matches!(cli.command, Command::Watch(_) | Command::Record(_)) {
        let _context = runtime.enter();
        stop::exit_on_signal();
    }
    match &cli.command {
        Command::Demo(args) => runtime.block_on(demo::run(args, screen)),
        command => runtime.block_on(dispatch(command, screen)),
    }
}

/// Runs any command but the demo, which runs others.
///
/// Boxed: the runtime has several loops that poll a future, and each would hold a copy of all commands.
fn dispatch(command: &Command, screen: Screen) -> LocalBoxFuture<'_, Result<Outcome, Failure>> {
    Box::pin(run_command(command, screen))
}

async fn run_command(command: &Command, screen: Screen) -> Result<Outcome, Failure> {
    match command {
        Command::Demo(_) => Err(Failure::new("the demo cannot run itself")),
        Command::Diff(args) => diff::run(args, screen).await,
        Command::Apps(args) => apps::run(args).await,
        Command::Rules(args) => rules::run(args).await,
        Command::Record(args) => record::run(args).await,
        Command::Watch(args) => watch::run(args, screen).await,
        Command::Timeline(args) => timeline::run(args, screen).await,
        Command::Show(args) => show::run(args).await,
        Command::History(args) => history::run(args, screen).await,
        Command::Health(args) => health::run(args, screen).await,
        Command::Blame(args) => blame::run(args, screen).await,
        Command::Fights(args) => fights::run(args, screen).await,
        Command::Why(args) => why::run(args, screen).await,
        Command::Check(args) => check::run(args, screen).await,
        Command::Impact(args) => impact::run(args, screen).await,
        Command::Graph(args) => graph::run(args).await,
        Command::Version => {
            output::print(&format!("drift {}\n", env!("CARGO_PKG_VERSION"))).map(|()| Outcome::Nothing)
        }
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
        Command::Verify(args) => verify::run(args, screen),
        Command::Repair(args) => verify::repair(args, screen),
    }
}
