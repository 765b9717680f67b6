//! Printing to the terminal, and how a command ends.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use drift_core::coverage::Coverage;
use drift_core::redact::SecretValues;
use drift_core::text::printable;
use drift_sinks::report::{Colour, Styler, to_json, to_yaml};
use serde::Serialize;

use crate::args::{ColorWhen, DataFormat};
use crate::clock;
use crate::failure::Failure;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Complete, and nothing was found.
    Nothing,
    /// Complete, and something was found.
    Found,
    /// Not all that the question is about could be looked at; whether something was found in the rest.
    Incomplete {
        /// Something was found in what was looked at.
        found: bool,
    },
    /// Nothing of it could be looked at: no option makes that a success.
    Unseen,
    /// Failed: there is no answer.
    Failed,
}

impl Outcome {
    /// Returns how a command ends that looks for something.
    pub(crate) fn of(found: bool, coverage: &Coverage) -> Self {
        match (coverage.is_complete(), found) {
            (false, found) => Self::Incomplete { found },
            (true, true) => Self::Found,
            (true, false) => Self::Nothing,
        }
    }

    /// Returns how a command ends that answers a question about what was named: an answer is nothing that was found.
    pub(crate) fn answered(coverage: &Coverage) -> Self {
        Self::of(false, coverage)
    }
}

/// The convention of exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitConvention {
    /// 0, 1, 2 for nothing, found, failed.
    Kubectl,
    /// 0, 2, 1 for the same, as `terraform plan -detailed-exitcode` has them.
    Detailed,
}

/// Exit codes as they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitCodes {
    /// What each outcome is called.
    pub(crate) convention: ExitConvention,
    /// What an incomplete answer counts as.
    pub(crate) incomplete: IncompleteAnswers,
}

/// What an incomplete answer counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncompleteAnswers {
    /// An outcome of its own: 3.
    Stated,
    /// What was found in the part that was looked at.
    Allowed,
}

impl ExitCodes {
    /// Returns the exit code of an outcome.
    pub(crate) fn code_of(self, outcome: Outcome) -> ExitCode {
        use ExitConvention::{Detailed, Kubectl};
        let outcome = match (outcome, self.incomplete) {
            (Outcome::Incomplete { found: true }, IncompleteAnswers::Allowed) => Outcome::Found,
            (Outcome::Incomplete { found: false }, IncompleteAnswers::Allowed) => Outcome::Nothing,
            (outcome, _) => outcome,
        };
        ExitCode::from(match (self.convention, outcome) {
            (_, Outcome::Nothing) => 0,
            (Kubectl, Outcome::Found) | (Detailed, Outcome::Failed) => 1,
            (Kubectl, Outcome::Failed) | (Detailed, Outcome::Found) => 2,
            (_, Outcome::Incomplete { .. } | Outcome::Unseen) => 3,
        })
    }
}

/// The terminal that a command prints to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether text carries colours.
    pub(crate) colour: Colour,
    /// Width in columns; 100 if standard output is not a terminal.
    pub(crate) width: usize,
}

impl Screen {
    /// Reads the properties of standard output and the environment.
    pub(crate) fn new(when: ColorWhen) -> Self {
        let coloured = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            // NO_COLOR, CLICOLOR_FORCE, TERM=dumb and whether it is a terminal.
            ColorWhen::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
        };
        let colour = if coloured { Colour::Always } else { Colour::Never };
        let terminal = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        Self { colour, width: terminal.map_or(100, |(w, _)| usize::from(w.0)).max(40) }
    }

    /// Returns a styler that uses colours if the screen does.
    pub(crate) fn styler(self) -> Styler {
        Styler::new(self.colour)
    }
}

/// Returns the values of the Secrets that were read so far: they are blanked in all that is printed.
pub(crate) fn secret_values() -> &'static SecretValues {
    static VALUES: OnceLock<SecretValues> = OnceLock::new();
    VALUES.get_or_init(SecretValues::default)
}

/// Prints text for people to standard output, with its times as the options ask for.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    print(&clock::restyle(text))
}

/// Prints to standard output.
///
/// A reader that stops reading (`| head`) is not a failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let text = secret_values().blank(text);
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(Failure::new("cannot write to standard output").because(&e)),
        Ok(()) => Ok(()),
    }
}

/// Prints a note to standard error.
pub(crate) fn remark(text: &str) {
    // Nothing more can be done when standard error is closed.
    let text = clock::restyle(text);
    let _ = writeln!(anstream::stderr(), "{}", printable_lines(&secret_values().blank(&text)));
}

/// Returns lines with what could mislead a reader or drive a terminal as escapes.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Prints a document as JSON or YAML, or as the text that `text` returns.
pub(crate) fn document<T: Serialize>(
    format: DataFormat,
    document: &T,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    match format {
        DataFormat::Text => print_text(&text()),
        DataFormat::Json => print(&to_json(document)),
        DataFormat::Yaml => print(&to_yaml(document)),
    }
}
