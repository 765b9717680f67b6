//! Kubernetes quantities, exact.
//!
//! Source of the grammar and of the canonical form: `k8s.io/apimachinery/pkg/api/resource`. A quantity is held in
//! billionths, as the API server rounds up to them; every number it accepts without capping fits.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

const NANOS: u128 = 1_000_000_000;
/// Largest absolute value of a number that takes the API server's slow way, in billionths: 2⁶³−1.
const CAP: u128 = (i64::MAX as u128) * NANOS;
/// Digits that are looked at; what follows them only rounds up.
const MAX_DIGITS: usize = 37;

/// Which family of suffixes a quantity was written with; it is printed in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantityFormat {
    /// `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`.
    DecimalSi,
    /// `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`.
    BinarySi,
    /// `e3`, `E-6`.
    DecimalExponent,
}

/// An amount of something: `500m`, `1.5Gi`, `12e6`.
///
/// Compared, ordered and hashed by value; [`fmt::Display`] writes the canonical form.
///
/// # Example
/// ```
/// use drift_core::schema::Quantity;
/// let parse = |s: &str| s.parse::<Quantity>().unwrap();
/// assert_eq!(parse("1000m"), parse("1"));
/// assert_eq!(parse("1.5Gi").to_string(), "1536Mi");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: QuantityFormat,
}

/// A text that is not a quantity, or one beyond 10²⁹.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a quantity")]
pub struct ParseQuantityError;

impl Quantity {
    /// Returns the amount in billionths.
    pub fn nanos(self) -> i128 {
        self.nanos
    }

    /// Returns the family of suffixes it is printed with.
    pub fn format(self) -> QuantityFormat {
        self.format
    }

    /// Rounds up to whole thousandths, away from zero, as the API server does with resource lists of built-in kinds.
    #[must_use]
    pub fn ceil_milli(self) -> Self {
        let (whole, rest) = (self.nanos / 1_000_000, self.nanos % 1_000_000);
        Self { nanos: (whole + rest.signum()) * 1_000_000, ..self }
    }

    /// Returns `true` if two texts are quantities of the same amount.
    ///
    /// Texts that are no quantities are equal only if they are the same text.
    pub fn equal_texts(a: &str, b: &str) -> bool {
        a == b || matches!((a.parse::<Self>(), b.parse::<Self>()), (Ok(a), Ok(b)) if a == b)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl std::hash::Hash for Quantity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

/// Power of ten and power of two a suffix stands for.
fn suffix(text: &str) -> Option<(i32, u32, QuantityFormat)> {
    use QuantityFormat::{BinarySi, DecimalExponent, DecimalSi};
    Some(match text {
        "" => (0, 0, DecimalSi),
        "n" => (-9, 0, DecimalSi),
        "u" => (-6, 0, DecimalSi),
        "m" => (-3, 0, DecimalSi),
        "k" => (3, 0, DecimalSi),
        "M" => (6, 0, DecimalSi),
        "G" => (9, 0, DecimalSi),
        "T" => (12, 0, DecimalSi),
        "P" => (15, 0, DecimalSi),
        "E" => (18, 0, DecimalSi),
        "Ki" => (0, 10, BinarySi),
        "Mi" => (0, 20, BinarySi),
        "Gi" => (0, 30, BinarySi),
        "Ti" => (0, 40, BinarySi),
        "Pi" => (0, 50, BinarySi),
        "Ei" => (0, 60, BinarySi),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (exponent.parse().ok().filter(|e: &i32| e.abs() <= 1000)?, 0, DecimalExponent)
        }
    })
}

/// A number without sign: significant digits, power of ten, power of two.
struct Parts {
    digits: u128,
    /// Whether a digit that is not zero was left out of `digits`.
    more: bool,
    ten: i32,
    two: u32,
}

impl Parts {
    /// Returns the number in billionths, rounded up; `None` where it does not fit.
    fn nanos(&self) -> Option<u128> {
        let ten = self.ten + 9;
        if self.digits == 0 {
            return Some(u128::from(self.more));
        }
        if ten >= 0 {
            let scaled = self.digits.checked_mul(10u128.checked_pow(ten.unsigned_abs())?)?;
            return scaled.checked_mul(1 << self.two)?.checked_add(u128::from(self.more));
        }
        let Some(divisor) = 10u128.checked_pow(ten.unsigned_abs()).filter(|d| *d < 1 << 126) else {
            // Smaller than a billionth by far, whatever the binary suffix.
            return Some(1);
        };
        let (mut whole, mut rest) = (self.digits / divisor, self.digits % divisor);
        for _ in 0..self.two {
            rest *= 2;
            whole = whole.checked_mul(2)?.checked_add(u128::from(rest >= divisor))?;
            rest %= divisor;
        }
        whole.checked_add(u128::from(rest != 0 || self.more))
    }
}

/// Reads digits and fraction into significant digits and a power of ten.
fn significant(whole: &str, fraction: &str) -> (u128, bool, i32) {
    let (mut digits, mut seen, mut more) = (0u128, 0usize, false);
    let mut ten = 0i32;
    for (i, b) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let in_fraction = i >= whole.len();
        if seen < MAX_DIGITS {
            digits = digits * 10 + u128::from(b - b'0');
            seen += usize::from(digits != 0);
            ten -= i32::from(in_fraction);
        } else {
            more |= b != b'0';
            ten += i32::from(!in_fraction);
        }
    }
    (digits, more, ten)
}

/// Returns `true` if the API server takes a number as a 64-bit integer times a power of ten, without capping it.
fn is_short(whole: &str, fraction: &str, ten: i32, two: u32) -> bool {
    let whole_len = whole.trim_start_matches('0').len() as i64;
    let fraction_len = fraction.trim_end_matches('0').len() as i64;
    if two == 0 {
        whole_len + fraction_len <= 18 && i64::from(ten) - fraction_len >= -9
    } else {
        fraction.is_empty() && whole_len + i64::from(two * 3 / 10) <= 14
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        let error = ParseQuantityError;
        if text.len() > 256 {
            return Err(error);
        }
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let digits_end = |s: &str| s.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(s.len());
        let (whole, rest) = rest.split_at(digits_end(rest));
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(digits_end(rest)),
            None => ("", rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(error);
        }
        let (ten, two, format) = suffix(rest).ok_or(error)?;
        let (digits, more, places) = significant(whole, fraction);
        let parts = Parts { digits, more, ten: ten + places, two };
        let amount = match parts.nanos() {
            Some(n) if n <= CAP || is_short(whole, fraction, ten, two) => {
                i128::try_from(n).map_err(|_| error)?
            }
            None if is_short(whole, fraction, ten, two) => return Err(error),
            _ => CAP as i128,
        };
        Ok(Self { nanos: if negative { -amount } else { amount }, format })
    }
}

impl From<i64> for Quantity {
    fn from(value: i64) -> Self {
        Self { nanos: i128::from(value) * NANOS as i128, format: QuantityFormat::DecimalSi }
    }
}

impl Quantity {
    fn write_binary(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.nanos / NANOS as i128;
        let mut steps = 0;
        while amount % 1024 == 0 && steps < 6 {
            amount /= 1024;
            steps += 1;
        }
        write!(f, "{amount}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][steps])
    }

    fn write_decimal(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut amount, mut exponent) = (self.nanos, -9);
        // Suffixes stop at E; the exponent form goes on.
        let most = if self.format == QuantityFormat::DecimalExponent { i32::MAX } else { 18 };
        while amount % 1000 == 0 && exponent < most {
            amount /= 1000;
            exponent += 3;
        }
        if self.format == QuantityFormat::DecimalExponent {
            return if exponent == 0 { write!(f, "{amount}") } else { write!(f, "{amount}e{exponent}") };
        }
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][((exponent + 9) / 3) as usize];
        write!(f, "{amount}{suffix}")
    }
}

impl fmt::Display for Quantity {
    /// Writes the canonical form: no fraction, the largest suffix that loses nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nanos % NANOS as i128 == 0;
        let large = self.nanos.unsigned_abs() >= 1024 * NANOS;
        match self.format {
            _ if self.nanos == 0 => f.write_str("0"),
            QuantityFormat::BinarySi if whole && large => self.write_binary(f),
            _ => self.write_decimal(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Quantity {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn canonical_form_is_the_api_servers() {
        for (text, canonical) in [
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("0Gi", "0"),
            ("-0", "0"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("100Ki", "100Ki"),
            ("0.5Ki", "512"),
            ("1.1Ki", "1126400m"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("12e6", "12e6"),
            ("1e-3", "1e-3"),
            ("100000e-3", "100"),
            (".5", "500m"),
            ("5.", "5"),
            ("+3", "3"),
            ("-3M", "-3M"),
            ("0.1m", "100u"),
            ("0.0000000001", "1n"),
            ("-0.0000000001", "-1n"),
            ("1n", "1n"),
            ("123456789u", "123456789u"),
            ("8Ei", "9223372036854775807"),
            ("7Ei", "7Ei"),
            ("9E", "9E"),
            ("10E", "10E"),
            ("99999999999999999999", "9223372036854775807"),
            ("1024", "1024"),
            ("2Ki", "2Ki"),
        ] {
            assert_eq!(parse(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn the_same_amount_is_equal_in_any_notation() {
        for (a, b) in [
            ("1000m", "1"),
            ("1Gi", "1024Mi"),
            ("1k", "1e3"),
            ("0.5", "500m"),
            ("1", "1.0"),
            ("128974848", "123Mi"),
        ] {
            assert!(Quantity::equal_texts(a, b), "{a} {b}");
        }
        for (a, b) in [("1G", "1Gi"), ("1", "1001m"), ("x", "y"), ("1", "x"), ("100m", "0.1001")] {
            assert!(!Quantity::equal_texts(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        let long = "1".repeat(300);
        for text in [
            "",
            "+",
            "-",
            ".",
            "m",
            "1x",
            "1 ",
            " 1",
            "1Kib",
            "1e",
            "1e+",
            "1.2.3",
            "0x10",
            "1i",
            "--1",
            "1e99999999999",
            &long,
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn resource_lists_are_rounded_up_to_thousandths() {
        assert_eq!(parse("0.1m").ceil_milli().to_string(), "1m");
        assert_eq!(parse("-1.5m").ceil_milli().to_string(), "-2m");
        assert_eq!(parse("250m").ceil_milli().to_string(), "250m");
    }

    proptest! {
        #[test]
        fn canonical_form_reads_back_as_the_same(n in -10_000_000_000i64..10_000_000_000, frac in 0u32..1_000_000,
            s in prop::sample::select(vec!["", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "E-2"])) {
            let q = parse(&format!("{n}.{frac}{s}"));
            let canonical = q.to_string();
            prop_assert_eq!(parse(&canonical), q);
            prop_assert_eq!(parse(&canonical).to_string(), canonical);
        }

        #[test]
        fn any_text_is_read_or_refused_and_reads_back(text in "[+-]?[0-9]{0,45}(\\.[0-9]{0,45})?(Ki|Mi|Ei|E|n|m|e-?[0-9]{1,4}|)") {
            if let Ok(q) = text.parse::<Quantity>() {
                let _ = q.ceil_milli();
                let again = parse(&q.to_string());
                // Above 2⁶³-1 the API server keeps a short text exact and caps a long one; the canonical text of an
                // exact one can be long.
                let capped = q.nanos.unsigned_abs() > CAP && again.nanos.unsigned_abs() == CAP;
                prop_assert!(again == q || capped, "{again:?} {q:?}");
            }
        }

        #[test]
        fn order_is_that_of_the_numbers(a in any::<i32>(), b in any::<i32>()) {
            let (x, y) = (parse(&format!("{a}m")), parse(&format!("{b}m")));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }
    }
}
