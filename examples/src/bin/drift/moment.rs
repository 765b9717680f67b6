//! Moments, as people name them on the command line.

use std::fmt;
use std::str::FromStr;

use drift_core::{Event, Position};
use jiff::Timestamp;

/// A moment of recorded history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A time: everything observed at or before it.
    Time(Timestamp),
    /// A position of the store: everything up to and including it.
    Position(Position),
}

impl Moment {
    /// Tells whether an event lies at or before the moment.
    pub(crate) fn includes(self, event: &Event) -> bool {
        match self {
            Self::Time(time) => event.observed_at <= time,
            Self::Position(position) => event.position <= position,
        }
    }

    /// Tells whether an event lies at or after the moment.
    pub(crate) fn precedes(self, event: &Event) -> bool {
        match self {
            Self::Time(time) => event.at() >= time,
            Self::Position(position) => event.position >= position,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(position) = text.strip_prefix('@') {
            let n =
                position.parse().map_err(|_| format!("`{text}` is no position: @ and a number expected"))?;
            return Ok(Self::Position(Position::new(n)));
        }
        text.parse().map(Self::Time).map_err(|_| {
            format!("`{text}` is no moment: a time such as 2026-11-21T01:31:39Z, or a position such as @42, expected")
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "{time}"),
            Self::Position(position) => write!(f, "@{position}"),
        }
    }
}

/// Writes a time to the second, in UTC, so that `--at` takes it back.
pub(crate) fn short(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let got = text.parse::<Moment>().map_or_else(|e| e, |m| m.to_string());
        assert!(got.contains(expect), "{got}");
    }

    #[test]
    fn a_moment_is_a_time_or_a_position() {
        check("2026-11-21T01:31:39Z", "2026-11-21T01:31:39Z");
        check("2026-11-21 01:31:39Z", "2026-11-21T01:31:39Z");
        check("2026-11-21T02:31:39.5+01:00", "2026-11-21T01:31:39.5Z");
        check("@42", "@42");
        check("@x", "no position");
        check("5m ago", "no moment");
        check("2026-11-21", "no moment");
    }
}
