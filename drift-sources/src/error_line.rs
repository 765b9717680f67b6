//! Errors for people: one line.

use std::error::Error;

/// Writes an error and its sources in one line, each once: some libraries repeat the source in their own text.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if out.last().is_none_or(|last| !last.contains(&text)) {
            out.push(text);
        }
        next = error.source();
    }
    out.join(": ")
}
