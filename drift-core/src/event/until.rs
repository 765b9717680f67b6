//! The point up to which events count, as text.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::{Event, Until};
use crate::stream::Position;

impl Until {
    /// Returns `true` if an event happened at or after this point, for a list that begins there; none is after the end.
    pub fn precedes(self, event: &Event) -> bool {
        match self {
            Self::End => false,
            Self::Position(position) => event.position >= position,
            Self::Time(time) => event.at() >= time,
        }
    }
}

impl From<Timestamp> for Until {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<Position> for Until {
    fn from(position: Position) -> Self {
        Self::Position(position)
    }
}

/// A text that is neither a time nor a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a time such as 10m, 18:29, 2026-11-21 or 2026-11-21 01:31:39Z, or a position such as @42"
)]
pub struct UntilError {
    /// What was given.
    pub text: String,
}

impl FromStr for Until {
    type Err = UntilError;

    fn from_str(text: &str) -> Result<Self, UntilError> {
        let error = || UntilError { text: text.to_owned() };
        match text.strip_prefix('@') {
            Some(number) => Ok(Self::Position(Position::new(number.parse().map_err(|_| error())?))),
            None => read_time(text).map(Self::Time).ok_or_else(error),
        }
    }
}

/// Reads an RFC 3339 time; one that is later than any that can be written is the last of them.
fn read_time(text: &str) -> Option<Timestamp> {
    let last =
        || text.strip_suffix(['Z', 'z'])?.parse::<jiff::civil::DateTime>().ok().map(|_| Timestamp::MAX);
    text.parse().ok().or_else(last)
}

impl fmt::Display for Until {
    /// Writes a point so that parsing gives it again, as `2026-11-21 01:31:39Z` or `@42`, and the end as `the end`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the end"),
            Self::Position(position) => write!(f, "@{position}"),
            Self::Time(time) => f.write_str(&time.to_string().replacen('T', " ", 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let read = text.parse::<Until>().map_or_else(|e| e.to_string(), |until| until.to_string());
        assert!(read.contains(expect), "{read}");
    }

    #[test]
    fn a_point_is_a_time_or_a_position() {
        check("2026-11-21T01:31:39Z", "2026-11-21 01:31:39Z");
        check("2026-11-21 01:31:39Z", "2026-11-21 01:31:39Z");
        check("2026-11-21T02:31:39.5+01:00", "2026-11-21 01:31:39.5Z");
        check("9999-12-31T23:59:59Z", "9999-12-30 22:00:00");
        check("@42", "@42");
        check("@x", "`@x` is not a time");
        check("5m ago", "is not a time");
        check("2026-11-21", "is not a time");
    }
}
