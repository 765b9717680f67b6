//! Progress on standard error, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A number that grows.
#[derive(Clone, Debug)]
pub(crate) struct Counter(ProgressBar);

impl Counter {
    /// Makes a counter of something; it draws nothing when standard error is no terminal.
    pub(crate) fn new(what: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {pos} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// Sets the number.
    pub(crate) fn set(&self, number: u64) {
        self.0.set_position(number);
    }

    /// Prints something else without tearing the line.
    pub(crate) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
