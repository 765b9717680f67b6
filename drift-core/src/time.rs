//! Times as people write and read them.
//!
//! Every text of this workspace writes a time as [`format_time`] does: to the second, in UTC. [`TimeReader`] takes that back, and the
//! other forms in which people name a moment. Neither reads a clock: now is an argument.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::event::{Until, UntilError};

/// Writes a time to the second, in UTC: `2026-11-21 01:31:39Z`.
pub fn format_time(time: Timestamp) -> String {
    format!("{time:.0}").replacen('T', " ", 1)
}

/// Writes how long ago a time was: `42s ago`, `3m ago`, `5h ago`, `12d ago`; `None` for a time to come.
pub fn format_age(time: Timestamp, now: Timestamp) -> Option<String> {
    let seconds = now.duration_since(time).as_secs();
    let (number, unit) = match seconds {
        ..0 => return None,
        0..120 => (seconds, 's'),
        120..7_200 => (seconds / 60, 'm'),
        7_200..172_800 => (seconds / 3_600, 'h'),
        _ => (seconds / 86_400, 'd'),
    };
    Some(format!("{number}{unit} ago"))
}

/// Reads moments as people name them.
///
/// | text | moment |
/// |---|---|
/// | `2026-11-21T01:31:39Z`, `2026-11-21T02:31:39+01:00` | that time |
/// | `2026-11-21 01:31:39Z`, `2026-11-21 01:31:39`, `2026-11-21` | that time in the zone, or the beginning of the day |
/// | `18:29`, `18:29:30` | the last time the clock showed that |
/// | `10m`, `1h30m`, `2d`, `-1h`, `10m ago` | so long ago |
/// | `now` | now |
/// | `@42` | a position |
///
/// # Example
/// ```
/// use drift_core::time::TimeReader;
/// use jiff::{Timestamp, tz::TimeZone};
///
/// let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
/// let reader = TimeReader::new(now, TimeZone::UTC);
/// assert_eq!(reader.read("10m").unwrap().to_string(), "2026-11-21 09:50:00Z");
/// assert_eq!(reader.read("18:29").unwrap().to_string(), "2026-11-20 18:29:00Z");
/// assert!(reader.read("soon").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct TimeReader {
    now: Timestamp,
    zone: TimeZone,
}

impl TimeReader {
    /// Makes a reader; times that name no zone are of `zone`.
    pub fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// Reads a moment.
    ///
    /// # Errors
    /// When the text has none of the forms.
    pub fn read(&self, text: &str) -> Result<Until, UntilError> {
        let text = text.trim();
        if text == "now" {
            return Ok(self.now.into());
        }
        let moment = text.parse::<Until>().ok().filter(|_| text.starts_with('@') || has_zone(text));
        let moment = moment.or_else(|| self.civil(text).map(Until::Time));
        let moment = moment.or_else(|| self.ago(text).map(Until::Time));
        moment.ok_or_else(|| UntilError { text: text.to_owned() })
    }

    /// Reads a time that names no zone, a date, or a time of day.
    fn civil(&self, text: &str) -> Option<Timestamp> {
        let of = |time: DateTime| Some(self.zone.to_timestamp(time).unwrap_or(Timestamp::MAX));
        if text.contains('-') {
            let date = text.parse::<Date>().ok().filter(|_| !text.contains(':')).map(|d| d.at(0, 0, 0, 0));
            return date.or_else(|| text.parse::<DateTime>().ok()).and_then(of);
        }
        let time = text.parse::<Time>().ok().filter(|_| text.contains(':'))?;
        let now = self.zone.to_datetime(self.now);
        let today = now.date().to_datetime(time);
        if today <= now { of(today) } else { of(now.date().yesterday().ok()?.to_datetime(time)) }
    }

    /// Reads how long ago something was.
    fn ago(&self, text: &str) -> Option<Timestamp> {
        let span: Span = text.parse().ok()?;
        let ago = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.abs();
        let is_some = ago > SignedDuration::ZERO;
        is_some.then(|| self.now.checked_sub(ago).unwrap_or(Timestamp::MIN))
    }
}

/// Returns `true` if a time ends in `Z` or an offset.
fn has_zone(text: &str) -> bool {
    let time = text.split_once([' ', 'T', 't']).map_or("", |(_, time)| time);
    time.contains(['Z', 'z', '+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_in(zone: TimeZone, text: &str, expect: &str) {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let read = TimeReader::new(now, zone).read(text);
        let read = read.map_or_else(|_| "none".to_owned(), |until| until.to_string());
        assert_eq!(read, expect, "{text}");
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        for (text, expect) in [
            ("2026-11-21T01:31:39Z", "2026-11-21 01:31:39Z"),
            ("2026-11-21T02:31:39+01:00", "2026-11-21 01:31:39Z"),
            ("2026-11-21 01:31:39Z", "2026-11-21 01:31:39Z"),
            ("2026-11-21 01:31:39.25Z", "2026-11-21 01:31:39.25Z"),
            ("2026-11-21 01:31:39", "2026-11-21 01:31:39Z"),
            ("2026-11-21 01:31", "2026-11-21 01:31:00Z"),
            ("2026-11-21T01:31", "2026-11-21 01:31:00Z"),
            ("2026-11-21", "2026-11-21 00:00:00Z"),
            ("18:29", "2026-11-20 18:29:00Z"),
            ("09:30:15", "2026-11-21 09:30:15Z"),
            ("10m", "2026-11-21 09:50:00Z"),
            ("-1h", "2026-11-21 09:00:00Z"),
            ("1h30m", "2026-11-21 08:30:00Z"),
            ("90s ago", "2026-11-21 09:58:30Z"),
            ("2d", "2026-11-19 10:00:00Z"),
            ("now", "2026-11-21 10:00:00Z"),
            ("@42", "@42"),
            ("9999-12-31T23:59:59Z", "9999-12-30 22:00:00.999999999Z"),
            ("soon", "none"),
            ("5", "none"),
            ("@x", "none"),
            ("2026-13-01", "none"),
            ("25:00", "none"),
            ("", "none"),
        ] {
            check_in(TimeZone::UTC, text, expect);
        }
        let east = TimeZone::fixed(jiff::tz::offset(1));
        check_in(east.clone(), "2026-11-21 01:31:39", "2026-11-21 00:31:39Z");
        check_in(east.clone(), "2026-11-21", "2026-11-20 23:00:00Z");
        check_in(east.clone(), "10:30", "2026-11-21 09:30:00Z");
        check_in(east, "2026-11-21 01:31:39Z", "2026-11-21 01:31:39Z");
    }

    #[test]
    fn a_time_that_was_written_is_read_however_far_it_is() {
        let reader = TimeReader::new("2026-11-21T10:00:00Z".parse().unwrap(), TimeZone::UTC);
        let Ok(Until::Time(ago)) = reader.read("909551516616s") else { panic!("it is long ago") };
        for (time, expect) in [
            (ago, "-009999-01-02 01:59:59Z"),
            (Timestamp::MAX, "9999-12-30 22:00:00Z"),
            ("0000-03-01T00:00:00Z".parse().unwrap(), "0000-03-01 00:00:00Z"),
            ("2026-11-21T01:31:39.99Z".parse().unwrap(), "2026-11-21 01:31:39Z"),
        ] {
            assert_eq!(format_time(time), expect);
            assert!(reader.read(expect).is_ok(), "{expect}");
        }
    }

    #[test]
    fn ages_have_one_unit() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        for (seconds, expect) in [
            (-1, None),
            (0, Some("0s ago")),
            (119, Some("119s ago")),
            (180, Some("3m ago")),
            (7_200, Some("2h ago")),
            (1_000_000, Some("11d ago")),
        ] {
            let age = format_age(now - SignedDuration::from_secs(seconds), now);
            assert_eq!(age.as_deref(), expect);
        }
    }
}
