//! What a scalar means, by the rules of go-yaml v2.
//!
//! YAML 1.1 booleans (`yes`, `on`, `n`) and octals (`0777`), underscores in numbers, no sexagesimals, no timestamps.

use std::borrow::Cow;

use base64::Engine as _;
use granit_parser::{ScalarStyle, Tag};

use super::ErrorKind;

const CORE: &str = "tag:yaml.org,2002:";
/// Two to the 63rd: the first whole float that no `i64` holds.
const I64_END: f64 = 9_223_372_036_854_775_808.0;

/// A scalar after its type was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that only fits without a sign: a float as a value, an error as a key.
    Uint(u64),
    Float(f64),
    Str(Cow<'a, str>),
}

/// Decides the type of a scalar by its tag, its style and its text.
pub(super) fn resolve_scalar<'a>(
    text: Cow<'a, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Value<'a>, ErrorKind> {
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { resolve_plain(text) } else { Value::Str(text) });
    };
    // A tag that go-yaml does not know, a lone `!` included, makes the scalar a string.
    let Some(kind) = tag.suffix_in_namespace(CORE) else {
        return Ok(Value::Str(text));
    };
    match &*kind {
        "binary" => decode_binary(&text),
        "int" => expect_type(resolve_plain(text), "!!int", |v| matches!(v, Value::Int(_) | Value::Uint(_))),
        "float" => {
            expect_type(resolve_plain(text), "!!float", |v| matches!(v, Value::Int(_) | Value::Float(_)))
        }
        "bool" => expect_type(resolve_plain(text), "!!bool", |v| matches!(v, Value::Bool(_))),
        "null" => expect_type(resolve_plain(text), "!!null", |v| matches!(v, Value::Null)),
        _ => Ok(Value::Str(text)),
    }
}

fn expect_type<'a>(
    value: Value<'a>,
    tag: &'static str,
    fits: impl Fn(&Value<'a>) -> bool,
) -> Result<Value<'a>, ErrorKind> {
    if fits(&value) { Ok(value) } else { Err(ErrorKind::Tag { tag }) }
}

fn decode_binary(text: &str) -> Result<Value<'static>, ErrorKind> {
    let wrong = ErrorKind::Tag { tag: "!!binary" };
    // Go's decoder skips line breaks, and only those.
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| wrong)?;
    // Go puts any bytes into a string, and its JSON encoder replaces what is no UTF-8.
    Ok(Value::Str(String::from_utf8_lossy(&bytes).into_owned().into()))
}

/// Decides the type of an unquoted scalar.
pub(super) fn resolve_plain(text: Cow<'_, str>) -> Value<'_> {
    typed_value(&text).unwrap_or(Value::Str(text))
}

/// Returns `None` for what stays a string.
fn typed_value(text: &str) -> Option<Value<'static>> {
    match text.as_bytes().first() {
        None => Some(Value::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => parse_word(text),
        Some(b'.') => special_float(text).or_else(|| parse_dotted(text)).map(Value::Float),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            special_float(text).map(Value::Float).or_else(|| parse_number(text))
        }
        Some(_) => None,
    }
}

fn parse_word(text: &str) -> Option<Value<'static>> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

fn special_float(text: &str) -> Option<f64> {
    Some(match text {
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY,
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY,
        _ => return None,
    })
}

/// `.5`: Go's own float syntax, where an underscore stands between two digits.
fn parse_dotted(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let spaced = |i: usize| bytes[i] != b'_' || (digit(i.checked_sub(1)) && digit(Some(i + 1)));
    (0..bytes.len()).all(spaced).then(|| parse_decimal(&text.replace('_', "")))?
}

fn parse_number(text: &str) -> Option<Value<'static>> {
    let text: Cow<'_, str> =
        if text.contains('_') { text.replace('_', "").into() } else { Cow::Borrowed(text) };
    if let Some(value) = parse_whole(&text) {
        return Some(value);
    }
    parse_decimal(&text).map(Value::Float)
}

/// Reads a whole number with the prefixes Go knows: `0x`, `0b`, `0o` and a plain `0` for octal.
fn parse_whole(text: &str) -> Option<Value<'static>> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (Some('-'), &text[1..]),
        b'+' => (Some('+'), &text[1..]),
        _ => (None, text),
    };
    let lower = |i: usize| digits.as_bytes().get(i).map(u8::to_ascii_lowercase);
    let (radix, digits) = match (lower(0)?, lower(1)) {
        (b'0', Some(b'x')) => (16, &digits[2..]),
        (b'0', Some(b'b')) => (2, &digits[2..]),
        (b'0', Some(b'o')) => (8, &digits[2..]),
        (b'0', Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    // from_str_radix would take a second sign.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0i64.checked_sub_unsigned(magnitude).map(Value::Int),
        _ => match i64::try_from(magnitude) {
            Ok(value) => Some(Value::Int(value)),
            Err(_) if sign.is_none() => Some(Value::Uint(magnitude)),
            Err(_) => None,
        },
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`, finite.
fn parse_decimal(text: &str) -> Option<f64> {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = split_digits(rest);
    let (fraction, rest) = rest.strip_prefix('.').map_or((0, rest), split_digits);
    let exponent = match rest.strip_prefix(['e', 'E']) {
        Some(rest) => {
            let (count, rest) = split_digits(rest.strip_prefix(['-', '+']).unwrap_or(rest));
            count > 0 && rest.is_empty()
        }
        None => rest.is_empty(),
    };
    if whole + fraction == 0 || !exponent {
        return None;
    }
    text.parse().ok().filter(|f: &f64| f.is_finite())
}

fn split_digits(text: &str) -> (usize, &str) {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    (count, &text[count..])
}

impl Value<'_> {
    /// Returns the text this scalar has as a key of a map.
    pub(super) fn as_key(&self) -> Result<Cow<'_, str>, ErrorKind> {
        Ok(match self {
            Self::Str(text) => Cow::Borrowed(text),
            Self::Int(i) => i.to_string().into(),
            Self::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Self::Float(f) => float_key(*f).into(),
            Self::Null | Self::Uint(_) => return Err(ErrorKind::Key),
        })
    }
}

/// Returns the integer that a float turns into on its way through JSON text, if it does.
///
/// Go prints a whole float below 1e21 without a fraction, by its shortest digits, and reads it back as an integer.
pub(super) fn as_integer(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= I64_END).then(|| value.to_string().parse().ok())?
}

/// Go's `%g` with the fewest digits.
fn float_key(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf".to_owned() } else { "-.inf".to_owned() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // strconv decides between %e and %f as if the precision were 6 when it is "the shortest".
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &Value<'_>) {
        assert_eq!(&resolve_plain(text.into()), expect, "{text}");
    }

    #[test]
    fn words_have_three_casings() {
        for text in ["y", "Yes", "ON", "true"] {
            check(text, &Value::Bool(true));
        }
        check("tRue", &Value::Str("tRue".into()));
        check("nope", &Value::Str("nope".into()));
        check("=", &Value::Str("=".into()));
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        check("0777", &Value::Int(511));
        check("-0o17", &Value::Int(-15));
        check("08", &Value::Float(8.0));
        check("0x_1F", &Value::Int(31));
        check("-0x8000000000000000", &Value::Int(i64::MIN));
        check("18446744073709551615", &Value::Uint(u64::MAX));
        check("+18446744073709551615", &Value::Float(18_446_744_073_709_551_615.0));
        check(".1_5", &Value::Float(0.15));
        check("._5", &Value::Str("._5".into()));
        for text in ["-", "+", "0x", "--1", "+-1", "0x+1", "1e", "1e400", "1.2.3", "."] {
            check(text, &Value::Str(text.into()));
        }
    }

    #[test]
    fn float_keys_are_written_as_go_writes_them() {
        for (value, text) in [
            (2.5, "2.5"),
            (1e3, "1000"),
            (1e6, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (f64::NEG_INFINITY, "-.inf"),
        ] {
            assert_eq!(float_key(value), text);
        }
    }

    #[test]
    fn whole_floats_become_integers_by_their_digits() {
        assert_eq!(as_integer(1e3), Some(1000));
        assert_eq!(as_integer(-0.0), Some(0));
        assert_eq!(as_integer(4_611_686_018_427_387_904.0), Some(4_611_686_018_427_388_000));
        assert_eq!(as_integer(1e19), None);
        assert_eq!(as_integer(0.5), None);
    }
}
