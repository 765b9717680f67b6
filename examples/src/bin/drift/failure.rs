//! Failures as people read them: what went wrong, why, and what to do about it.

use std::error::Error;
use std::fmt;

use drift_core::StoreError;
use drift_core::text::error_chain;
use drift_sources::estate::{EstateError, SearchedInput};

use crate::output::{self, printable_lines};

/// A failure that ends a command.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure from what went wrong: `cannot read `a``.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), hint: None }
    }

    /// Adds an error with its sources.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        self.causes.extend(error_chain(error));
        self
    }

    /// Adds a cause that is only known as text.
    #[must_use]
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the failure to standard error.
    pub(crate) fn print(&self) {
        use std::io::Write;
        // Nothing more can be done when standard error is closed.
        let text = self.to_string();
        let text = printable_lines(&output::secret_values().blank(&crate::clock::restyle(&text)));
        let _ = writeln!(anstream::stderr(), "{text}");
    }
}

impl From<EstateError> for Failure {
    /// Adds the options and commands that help, which only the command line can name.
    fn from(error: EstateError) -> Self {
        use EstateError as E;
        let hint = match &error {
            E::Store { name, source: StoreError::Corrupt { .. } } => Some(format!(
                "`drift verify --store {name}` says more, `drift repair` cuts out what is damaged"
            )),
            E::Store { source: StoreError::InUse { .. }, .. } => {
                Some("one `drift watch` at a time writes a store; reading needs no lock".to_owned())
            }
            E::NoCluster { .. } => Some(
                "--live, --tape and --store need no cluster; `drift demo` needs nothing at all".to_owned(),
            ),
            E::NeedsHistory { input: Some(_), .. } => {
                Some("a dump is of one moment; `drift record -o FILE` makes a tape, `drift watch --store DIR` a store".to_owned())
            }
            E::NeedsHistory { input: None, .. } => {
                Some("a cluster only knows how it is now: give --store DIR (`drift watch` makes one) or --tape FILE (`drift record`)".to_owned())
            }
            E::UnknownResource { name, searched, nearest } => {
                let lists = match searched {
                    SearchedInput::History => "`drift timeline` lists all there is".to_owned(),
                    SearchedInput::Cluster | SearchedInput::ClusterNamespace(_) => {
                        let kind = name.split('/').next().unwrap_or_default();
                        format!("`kubectl get {kind} -A` lists what is there now; --store or --tape knows what was")
                    }
                    _ => {
                        "a dump is of one moment; --store or --tape knows what was there before".to_owned()
                    }
                };
                let near = (!nearest.is_empty()).then(|| format!("nearest: {}; ", nearest.join(", ")));
                Some(near.unwrap_or_default() + &lists)
            }
            other => other.hint(),
        };
        let what = match &error {
            // The option has the name of the question.
            E::NeedsHistory { question: "at", .. } => format!("--{error}"),
            _ => error.to_string(),
        };
        let causes = error.source().map(error_chain).unwrap_or_default();
        Self { what, causes, hint }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        self.causes.iter().try_for_each(|cause| write!(f, "\n  cause: {}", cause.replace('\n', "\n    ")))?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let io = std::io::Error::other("disk on fire");
        let failure = Failure::new("cannot read `a`").because(&io).hint("buy another one");
        assert_eq!(
            failure.to_string(),
            "error: cannot read `a`\n  cause: disk on fire\n  hint: buy another one"
        );
    }
}
