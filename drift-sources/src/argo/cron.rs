//! Cron expressions of sync windows: five fields, parsed as `robfig/cron` does.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

/// How far ahead to search; the 29th of February comes every eight years at the latest.
const MAX_YEARS: i16 = 8;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Times at which a sync window opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day of the month, or of the week, is left open; if neither is, one of them has to fit.
    any_day: bool,
    any_weekday: bool,
}

/// A text that is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid schedule `{text}`: {problem}")]
pub struct ScheduleError {
    text: String,
    problem: ScheduleProblem,
}

/// What is wrong with a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum ScheduleProblem {
    #[error("five fields expected, found {0}")]
    FieldCount(usize),
    #[error("`{part}` is not within {low} to {high}")]
    OutOfRange { part: String, low: u64, high: u64 },
    #[error("`{0}` has a step of 0")]
    ZeroStep(String),
    #[error("`{0}` is not a number")]
    NotANumber(String),
}

impl Schedule {
    /// Parses minute, hour, day of the month, month and day of the week.
    ///
    /// # Errors
    /// When a field is missing, out of range, or not a list of numbers, names, ranges and steps.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let error = |problem| ScheduleError { text: text.chars().take(200).collect(), problem };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(error(ScheduleProblem::FieldCount(fields.len())));
        };
        let field = |text, low, high, names| field(text, low, high, names).map_err(error);
        let (days, any_day) = field(day, 1, 31, &[])?;
        let (weekdays, any_weekday) = field(weekday, 0, 6, &DAYS)?;
        Ok(Self {
            minutes: field(minute, 0, 59, &[])?.0,
            hours: field(hour, 0, 23, &[])?.0,
            days,
            months: field(month, 1, 12, &MONTHS)?.0,
            weekdays,
            any_day,
            any_weekday,
        })
    }

    /// Returns the first time after `after`; `None` if there is none, for example on the 30th of February.
    pub fn next_after(&self, after: DateTime) -> Option<DateTime> {
        let mut date = after.date();
        let mut from = after.time().with().second(0).subsec_nanosecond(0).build().ok()?;
        match from.checked_add(1.minute()) {
            Ok(next) => from = next,
            Err(_) => (date, from) = (date.tomorrow().ok()?, Time::midnight()),
        }
        let last = after.date().year().saturating_add(MAX_YEARS);
        while date.year() <= last {
            if has_bit(self.months, date.month()) && self.matches_day(date) {
                if let Some(time) = self.first_time_from(from) {
                    return Some(date.to_datetime(time));
                }
                date = date.tomorrow().ok()?;
            } else if has_bit(self.months, date.month()) {
                date = date.tomorrow().ok()?;
            } else {
                date = date.last_of_month().tomorrow().ok()?;
            }
            from = Time::midnight();
        }
        None
    }

    fn matches_day(&self, date: Date) -> bool {
        let day = has_bit(self.days, date.day());
        let weekday = has_bit(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.any_day || self.any_weekday { day && weekday } else { day || weekday }
    }

    fn first_time_from(&self, from: Time) -> Option<Time> {
        let hour = (from.hour()..24).filter(|h| has_bit(self.hours, *h));
        let mut times = hour.flat_map(|h| {
            let first = if h == from.hour() { from.minute() } else { 0 };
            (first..60).filter(|m| has_bit(self.minutes, *m)).map(move |m| (h, m))
        });
        times.next().and_then(|(h, m)| Time::new(h, m, 0, 0).ok())
    }
}

fn has_bit(set: u64, n: i8) -> bool {
    set >> n & 1 == 1
}

/// Parses one field into a bit set; the flag is `true` if the field is `*`.
fn field(text: &str, low: u64, high: u64, names: &[&str]) -> Result<(u64, bool), ScheduleProblem> {
    let (mut set, mut open) = (0, false);
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(parse_number(step, &[], 0)?)),
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*" | "?", _) => {
                open |= step.is_none_or(|s| s == 1);
                (low, high)
            }
            (_, Some((first, last))) => (parse_number(first, names, low)?, parse_number(last, names, low)?),
            (one, None) => {
                let first = parse_number(one, names, low)?;
                (first, if step.is_some() { high } else { first })
            }
        };
        if first < low || last > high || first > last {
            return Err(ScheduleProblem::OutOfRange { part: part.to_owned(), low, high });
        }
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(ScheduleProblem::ZeroStep(part.to_owned()));
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        (first..=last).step_by(step).for_each(|n| set |= 1 << n);
    }
    Ok((set, open))
}

fn parse_number(text: &str, names: &[&str], low: u64) -> Result<u64, ScheduleProblem> {
    let named = names.iter().position(|n| text.eq_ignore_ascii_case(n));
    let named = named.and_then(|n| u64::try_from(n).ok()).map(|n| n + low);
    named.or_else(|| text.parse().ok()).ok_or_else(|| ScheduleProblem::NotANumber(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_beginning_is_after_the_given_time() {
        for (schedule, after, next) in [
            ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
            ("* * * * *", "2026-01-01T23:59:59", "2026-01-02T00:00:00"),
            ("10 1 * * *", "2026-01-01T01:10:00", "2026-01-02T01:10:00"),
            ("10 1 * * *", "2026-01-01T01:09:59", "2026-01-01T01:10:00"),
            ("*/15 * * * *", "2026-01-01T00:16:00", "2026-01-01T00:30:00"),
            ("5/20 * * * *", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
            ("0 22 * * FRI", "2026-01-01T00:00:00", "2026-01-02T22:00:00"),
            ("0 0 1 jan,Jul ?", "2026-01-02T00:00:00", "2026-07-01T00:00:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
            // Both days given: either fits. The 13th of January 2026 is a Tuesday, the 9th a Friday.
            ("0 0 13 * 5", "2026-01-03T00:00:00", "2026-01-09T00:00:00"),
            ("0 0 13 * 5", "2026-01-10T00:00:00", "2026-01-13T00:00:00"),
            // A step leaves the day not open: either fits here too.
            ("0 0 */10 * 5", "2026-01-09T00:00:00", "2026-01-11T00:00:00"),
            ("0 8-10/2,12 * * 1-5", "2026-01-02T10:00:00", "2026-01-02T12:00:00"),
        ] {
            let found = Schedule::parse(schedule).unwrap().next_after(after.parse().unwrap());
            assert_eq!(found, Some(next.parse().unwrap()), "{schedule} after {after}");
        }
        assert_eq!(
            Schedule::parse("0 0 30 2 *").unwrap().next_after("2026-01-01T00:00:00".parse().unwrap()),
            None
        );
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (schedule, why) in [
            ("", "five fields"),
            ("* * * *", "found 4"),
            ("@daily", "found 1"),
            ("60 * * * *", "within 0 to 59"),
            ("* * 0 * *", "within 1 to 31"),
            ("* * * * 7", "within 0 to 6"),
            ("5-1 * * * *", "within"),
            ("*/0 * * * *", "step of 0"),
            ("x * * * *", "is not a number"),
            ("-1 * * * *", "is not a number"),
            ("1,, * * * *", "is not a number"),
            ("99999999999999999999 * * * *", "is not a number"),
        ] {
            let error = Schedule::parse(schedule).unwrap_err().to_string();
            assert!(error.contains(why), "{error} for {schedule}");
        }
    }
}
