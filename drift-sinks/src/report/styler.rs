//! Styles of text for a terminal.

use owo_colors::{OwoColorize, Style};

/// Whether text carries colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI escape sequences.
    Always,
}

/// How the two sides of a change are arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One below the other, as in a unified diff.
    #[default]
    Unified,
    /// Side by side: declared or older left, live or newer right.
    SideBySide,
}

/// Styles pieces of text by what they mean, or leaves them plain.
///
/// ```
/// # use drift_sinks::report::{Colour, Styler};
/// assert_eq!(Styler::new(Colour::Never).alarm("drifted"), "drifted");
/// assert_eq!(Styler::new(Colour::Always).removed("missing"), "\u{1b}[31mmissing\u{1b}[0m");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Styler(Colour);

impl Styler {
    /// Makes a styler that uses colours, or none.
    pub fn new(colour: Colour) -> Self {
        Self(colour)
    }

    fn apply(self, text: &str, style: Style) -> String {
        match self.0 {
            Colour::Never => text.to_owned(),
            Colour::Always => text.style(style).to_string(),
        }
    }

    /// Styles a heading.
    pub fn heading(self, text: &str) -> String {
        self.apply(text, Style::new().bold())
    }

    /// Styles what exists and was not declared, or did not exist before.
    pub fn added(self, text: &str) -> String {
        self.apply(text, Style::new().green())
    }

    /// Styles what was declared, or existed before, and does not exist.
    pub fn removed(self, text: &str) -> String {
        self.apply(text, Style::new().red())
    }

    /// Styles details that a reader may skip.
    pub fn dim(self, text: &str) -> String {
        self.apply(text, Style::new().dimmed())
    }

    /// Styles what needs attention.
    pub fn alarm(self, text: &str) -> String {
        self.apply(text, Style::new().yellow().bold())
    }

    /// Styles what is as it should be.
    pub fn good(self, text: &str) -> String {
        self.apply(text, Style::new().green().bold())
    }

    /// Styles a line of a hunk by its mark: `+`, `-`, `@` for lines that are left out, a space for context.
    pub fn hunk_line(self, mark: char, text: &str) -> String {
        let line = format!("{mark} {text}");
        match mark {
            '+' => self.added(&line),
            '-' => self.removed(&line),
            '@' => self.dim(text),
            _ => line,
        }
    }
}
