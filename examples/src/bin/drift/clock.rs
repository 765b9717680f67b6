//! The clock of the machine and the zone in which times are read and written: the only place that asks for either.

use std::sync::OnceLock;

use drift_core::Until;
use drift_core::time::{TimeReader, format_age};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How times are written in text.
#[derive(Clone, Debug)]
pub(crate) struct TimeStyle {
    zone: TimeZone,
    ages: Ages,
}

/// Whether text also says how long ago something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ages {
    Shown,
    Hidden,
}

/// Older than this the day says more.
const OLDEST_AGE: i64 = 2 * 86_400;

static STYLE: OnceLock<TimeStyle> = OnceLock::new();

/// Reads the options about times before all others, since those that name a time are read in the zone.
pub(crate) fn choose_style(words: impl Iterator<Item = std::ffi::OsString>) {
    let words: Vec<_> = words.take_while(|w| w != "--").collect();
    let has = |option: &str| words.iter().any(|w| w == option);
    let zone = if has("--local") { TimeZone::system() } else { TimeZone::UTC };
    let ages = if has("--ages") { Ages::Shown } else { Ages::Hidden };
    let _ = STYLE.set(TimeStyle { zone, ages });
}

fn style() -> &'static TimeStyle {
    STYLE.get_or_init(|| TimeStyle { zone: TimeZone::UTC, ages: Ages::Hidden })
}

/// Reads a moment that an option names.
pub(crate) fn read_moment(text: &str) -> Result<Until, String> {
    TimeReader::new(Timestamp::now(), style().zone.clone()).read(text).map_err(|e| e.to_string())
}

/// Rewrites the times of a text as the options ask for.
pub(crate) fn restyle(text: &str) -> std::borrow::Cow<'_, str> {
    let style = style();
    if style.zone == TimeZone::UTC && style.ages == Ages::Hidden {
        return text.into();
    }
    style.rewrite(text, Timestamp::now()).into()
}

/// Length of `2026-11-21 01:31:39Z`.
const LENGTH: usize = 20;

impl TimeStyle {
    fn rewrite(&self, text: &str, now: Timestamp) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(end) = rest.find('Z') {
            let start = (end + 1).saturating_sub(LENGTH);
            match rest.get(start..=end).and_then(read_own_form) {
                Some(time) => {
                    out.push_str(&rest[..start]);
                    let is_first = out.is_empty() || out.ends_with('\n');
                    self.write(time, now, is_first, &mut out);
                }
                None => out.push_str(&rest[..=end]),
            }
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        out
    }

    /// A time that begins a line has others above and below it, which say as much as its age.
    fn write(&self, time: Timestamp, now: Timestamp, begins_line: bool, out: &mut String) {
        let local = time.to_zoned(self.zone.clone());
        let form = if self.zone == TimeZone::UTC { "%Y-%m-%d %H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S%:z" };
        out.push_str(&local.strftime(form).to_string());
        let is_recent = now.duration_since(time).as_secs() <= OLDEST_AGE;
        if self.ages == Ages::Shown
            && is_recent
            && !begins_line
            && let Some(age) = format_age(time, now)
        {
            out.push_str(&format!(" ({age})"));
        }
    }
}

/// Reads a time in the form in which all texts write it, and in no other.
fn read_own_form(text: &str) -> Option<Timestamp> {
    let is_own = text.len() == LENGTH && text.as_bytes().get(10) == Some(&b' ');
    text.parse().ok().filter(|_| is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_text_are_written_as_asked_for() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let east = TimeZone::fixed(jiff::tz::offset(1));
        let check = |zone: &TimeZone, ages, text: &str, expect: &str| {
            let style = TimeStyle { zone: zone.clone(), ages };
            assert_eq!(style.rewrite(text, now), expect);
        };
        let text = "since 2026-11-21 09:57:00Z, Zebra 2026-11-21T09:57:00Z\n2026-11-21 09:57:00Z é Z\n";
        check(&TimeZone::UTC, Ages::Hidden, text, text);
        check(
            &east,
            Ages::Hidden,
            text,
            "since 2026-11-21 10:57:00+01:00, Zebra 2026-11-21T09:57:00Z\n2026-11-21 10:57:00+01:00 é Z\n",
        );
        check(
            &TimeZone::UTC,
            Ages::Shown,
            text,
            "since 2026-11-21 09:57:00Z (3m ago), Zebra 2026-11-21T09:57:00Z\n2026-11-21 09:57:00Z é Z\n",
        );
        check(&TimeZone::UTC, Ages::Shown, "at 2026-01-01 00:00:00Z", "at 2026-01-01 00:00:00Z");
    }
}
