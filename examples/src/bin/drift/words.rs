//! Text that comes from elsewhere, made safe to print.

/// Makes control characters visible: what comes from a cluster must not drive the reader's terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}
