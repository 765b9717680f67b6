//! Durations as Go writes them: `1h0m0s`, `90s`, `1.5h`.

use std::fmt;
use std::str::FromStr;

/// A length of time in nanoseconds, at most about 292 years; compared by length.
///
/// # Example
/// ```
/// use drift_core::schema::GoDuration;
/// assert_eq!("1h0m0s".parse::<GoDuration>(), "60m".parse());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// A text that is not a Go duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration")]
pub struct ParseDurationError;

impl GoDuration {
    /// Returns the length in nanoseconds.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Returns `true` if two texts are durations of the same length.
    ///
    /// Texts that are no durations are equal only if they are the same text.
    pub fn equal_texts(a: &str, b: &str) -> bool {
        a == b || matches!((a.parse::<Self>(), b.parse::<Self>()), (Ok(a), Ok(b)) if a == b)
    }
}

/// Nanoseconds of a unit at the beginning of a text, and the text after it.
fn unit(text: &str) -> Option<(i128, &str)> {
    const UNITS: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|(name, nanos)| Some((*nanos, text.strip_prefix(name)?)))
}

/// One number with its unit at the beginning of a text, and the text after it.
fn term(text: &str) -> Option<(i128, &str)> {
    let digits_end = |s: &str| s.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(s.len());
    let (whole, rest) = text.split_at(digits_end(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits_end(rest)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (nanos, rest) = unit(rest)?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    // A nanosecond is 10⁻¹³ of an hour and more, so digits after the 15th change nothing.
    let fraction = &fraction[..fraction.len().min(15)];
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((whole * nanos + parts * nanos / 10i128.pow(fraction.len() as u32), rest))
}

impl FromStr for GoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, ParseDurationError> {
        let (sign, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (-1, &text[1..]),
            Some(b'+') => (1, &text[1..]),
            _ => (1, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() || rest.len() > 256 {
            return Err(ParseDurationError);
        }
        let mut total = 0i128;
        while !rest.is_empty() {
            let (nanos, after) = term(rest).ok_or(ParseDurationError)?;
            total += nanos;
            rest = after;
        }
        i64::try_from(sign * total).map(Self).map_err(|_| ParseDurationError)
    }
}

/// Writes a number of nanoseconds as a decimal number of a unit.
fn decimal(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, name: &str) -> fmt::Result {
    write!(f, "{}", nanos / unit)?;
    if !nanos.is_multiple_of(unit) {
        let width = unit.ilog10() as usize;
        write!(f, ".{}", format!("{:0width$}", nanos % unit).trim_end_matches('0'))?;
    }
    f.write_str(name)
}

impl fmt::Display for GoDuration {
    /// Writes the form that Go writes: `1h0m0s`, `1.5s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000_000;
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => decimal(f, nanos, 1_000, "µs"),
            1_000_000..SECOND => decimal(f, nanos, 1_000_000, "ms"),
            _ => {
                let minutes = nanos / SECOND / 60;
                match (minutes / 60, minutes % 60) {
                    (0, 0) => {}
                    (0, m) => write!(f, "{m}m")?,
                    (h, m) => write!(f, "{h}h{m}m")?,
                }
                decimal(f, nanos % (60 * SECOND), SECOND, "s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_length_is_equal_in_any_notation() {
        for (a, b) in [
            ("1h0m0s", "60m"),
            ("90s", "1m30s"),
            ("1.5h", "1h30m"),
            ("1000ms", "1s"),
            ("0", "0s"),
            ("-1m", "-60s"),
            ("1us", "1µs"),
        ] {
            assert!(GoDuration::equal_texts(a, b), "{a} {b}");
        }
        for (a, b) in [("1m", "1ms"), ("1h", "1"), ("x", "y"), ("", "0s")] {
            assert!(!GoDuration::equal_texts(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "1", "-", "h", "1d", "1h ", ".s", "99999999999999999999h", "9999999h", "1h-1m"] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn printed_as_go_prints() {
        for (text, printed) in [
            ("60m", "1h0m0s"),
            ("1500ms", "1.5s"),
            ("1500us", "1.5ms"),
            ("90s", "1m30s"),
            ("3ns", "3ns"),
            ("0", "0s"),
        ] {
            assert_eq!(text.parse::<GoDuration>().unwrap().to_string(), printed);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same(nanos in any::<i64>().prop_filter("Go cannot read its own minimum", |n| *n != i64::MIN)) {
            prop_assert_eq!(GoDuration(nanos).to_string().parse(), Ok(GoDuration(nanos)));
        }
    }
}
