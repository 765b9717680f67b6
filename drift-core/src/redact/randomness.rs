//! Whether a text is random enough to be a secret wherever it stands.
//!
//! A Secret holds passwords, and also user names, host names, ports and switches. Only what nobody would write by chance may be
//! looked for in other texts, or a Secret that holds `production` would blank the word everywhere. The measure counts bits that
//! do not come from words: `production`, `db-1.shop.svc` and `2026-11-28` have none, `k3J9x2pQ` has 33.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

/// Fewest bytes of a text that is looked for in other texts.
pub(super) const MIN_BYTES: usize = 8;

/// Fewest bits beyond words and numbers.
const MIN_BITS: f32 = 20.0;

/// Fewest different characters: `xxxxxxxx` is a placeholder.
const MIN_DISTINCT: usize = 5;

/// Bits of a letter, a digit and any other sign that nothing explains.
const LETTER_BITS: f32 = 4.7;
const DIGIT_BITS: f32 = 3.3;
const SIGN_BITS: f32 = 5.0;

/// Part of the letter pairs of a run that must be common for it to be a word.
const WORD_SHARE: f32 = 0.75;

/// Pairs of letters that are common in words and names of technology.
const COMMON_PAIRS: &str = "th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa \
    si ar ve ra ld ur ro ri io ic ne me co li ch ma om el ec us no la ta di ss ot ho tr be ce il ut ly pe ct ns ac ai rs em \
    ca pr po wa ee oo ll ff tt pp mm nn cc dd gg rr ab ad ag am ap au av aw ay ba bi bl bo br bu ci ck cl cr cu da do dr du ef \
    ei ep ev ew ex ey fa fe fi fl fo fr fu ga ge gh gi gl go gr gu gs hr hu ia ib id ie if ig im ip ir iv iz ke ki ks ku ky \
    kn lo lu ls lt lp lk mb mi mo mp mu my na nc nf ni nk nl nu ny oa ob oc od og oi ok ol op os ov ow ox oy pa ph pi pl ps \
    pt pu py qu rc rd rg rk rl rm rn rt ru rv ry sc sh sk sl sm sn so sp sq su sw sy ts tu tw ty ub uc ud ue ug ui ul um un \
    up va vi vo we wh wi wo wn xp xt ye yo ys yt ze ht tp ql ka af bb ak yp eb hn";

/// Returns `true` if a text is so random that it is a secret wherever it stands.
pub(super) fn is_random(text: &str) -> bool {
    text.len() >= MIN_BYTES
        && !is_written_form(text)
        && text.chars().collect::<std::collections::BTreeSet<_>>().len() >= MIN_DISTINCT
        && unexplained_bits(text) >= MIN_BITS
}

/// Returns `true` for numbers, times, addresses, versions and durations, which look random and are not.
fn is_written_form(text: &str) -> bool {
    let is_address = |t: &str| IpAddr::from_str(t).is_ok();
    text.parse::<f64>().is_ok()
        || jiff::Timestamp::from_str(text).is_ok()
        || is_address(text.split_once('/').map_or(text, |(address, _)| address))
        || is_version(text)
        || is_duration(text)
}

/// Returns `true` for `1.29.3`, `v1.29.3+k3s1` and `16.2-alpine3.19`.
fn is_version(text: &str) -> bool {
    let core = text.strip_prefix('v').unwrap_or(text);
    let end = core.find(['-', '+']).unwrap_or(core.len());
    let (numbers, rest) = core.split_at(end);
    let is_number = |n: &str| !n.is_empty() && n.len() <= 8 && n.bytes().all(|b| b.is_ascii_digit());
    numbers.contains('.')
        && numbers.split('.').all(is_number)
        && rest.len() <= 16
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b))
}

/// Returns `true` for `1h30m15s`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let after = unit.trim_start_matches(|c: char| c.is_ascii_lowercase());
        if unit.len() == rest.len()
            || !["ns", "us", "ms", "s", "m", "h", "d"].contains(&&unit[..unit.len() - after.len()])
        {
            return false;
        }
        rest = after;
    }
    true
}

/// What a character is, as far as words and numbers are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    /// Stands between words: `-`, `_`, `.`, `/`, `:`, white space.
    Separator,
    Sign,
    /// A letter of another alphabet.
    Foreign,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        '0'..='9' => Class::Digit,
        '-' | '_' | '.' | '/' | ':' => Class::Separator,
        c if c.is_whitespace() => Class::Separator,
        c if c.is_alphabetic() => Class::Foreign,
        _ => Class::Sign,
    }
}

/// A longest run of characters of one class; a capital belongs to the lower-case letters behind it.
struct Run<'a> {
    class: Class,
    text: &'a str,
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut start = 0;
    let mut previous: Option<Class> = None;
    for (at, c) in text.char_indices() {
        let class = class(c);
        if previous.is_some_and(|p| p != class) {
            runs.push(Run { class: previous.expect("just seen"), text: &text[start..at] });
            start = at;
        }
        previous = Some(class);
    }
    if let Some(class) = previous {
        runs.push(Run { class, text: &text[start..] });
    }
    join_capitals(text, runs)
}

/// Makes one run of `P` and `assword`; of `ID` and `s` too, but not of `KEY` and `value`.
fn join_capitals<'a>(text: &'a str, runs: Vec<Run<'a>>) -> Vec<Run<'a>> {
    let mut joined: Vec<Run<'a>> = Vec::new();
    let mut at = 0;
    for run in runs {
        let start = at;
        at += run.text.len();
        match joined.last_mut() {
            Some(last) if last.class == Class::Upper && run.class == Class::Lower && last.text.len() == 1 => {
                *last = Run { class: Class::Lower, text: &text[start - 1..at] };
            }
            _ => joined.push(run),
        }
    }
    joined
}

fn unexplained_bits(text: &str) -> f32 {
    let runs = runs(text);
    let is_separator = |run: &Run<'_>| run.class == Class::Separator;
    runs.split(is_separator).map(token_bits).sum()
}

/// Returns the bits of a part between separators.
fn token_bits(runs: &[Run<'_>]) -> f32 {
    let is_letters = |run: &Run<'_>| matches!(run.class, Class::Lower | Class::Upper | Class::Foreign);
    // A word or an abbreviation with a number: `db`, `http2`, `node12`, `2xlarge`.
    let is_numbered_word = match runs {
        [a] => is_letters(a) || a.class == Class::Digit,
        [a, b] => is_letters(a) && b.class == Class::Digit || is_letters(b) && a.class == Class::Digit,
        _ => false,
    };
    let bits = |(i, run): (usize, &Run<'_>)| {
        let length = run.text.chars().count() as f32;
        let is_beside_digit = [i.checked_sub(1), Some(i + 1)]
            .into_iter()
            .flatten()
            .any(|i| runs.get(i).is_some_and(|r| r.class == Class::Digit));
        match run.class {
            Class::Separator | Class::Foreign => 0.0,
            Class::Sign => SIGN_BITS * length,
            // A number of its own, and one behind a word: a port, a year, an account.
            Class::Digit if runs.len() == 1 || is_numbered_word && length <= 4.0 => 0.0,
            Class::Digit => DIGIT_BITS * length,
            _ if is_numbered_word && length <= 4.0 => 0.0,
            _ if is_word(run.text) => 0.0,
            // A short word between others: `Per` in `maxConnectionsPerHost`.
            _ if run.text.len() == 3 && !is_beside_digit && common_pairs(run.text) == 2 => 0.0,
            _ => LETTER_BITS * length,
        }
    };
    runs.iter().enumerate().map(bits).sum()
}

/// Returns `true` if nearly all pairs of letters are common; two or three letters are not enough to be sure.
fn is_word(letters: &str) -> bool {
    let pairs = letters.len().saturating_sub(1);
    pairs >= 3 && common_pairs(letters) as f32 >= WORD_SHARE * pairs as f32
}

fn common_pairs(letters: &str) -> usize {
    static IS_COMMON: LazyLock<[[bool; 26]; 26]> = LazyLock::new(|| {
        let mut table = [[false; 26]; 26];
        for pair in COMMON_PAIRS.split_ascii_whitespace() {
            let [a, b] = [0, 1].map(|i| usize::from(pair.as_bytes()[i] - b'a'));
            table[a][b] = true;
        }
        table
    });
    let number = |byte: u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'));
    let is_common = |pair: &&[u8]| match (number(pair[0]), number(pair[1])) {
        (Some(a), Some(b)) => IS_COMMON[a][b],
        _ => false,
    };
    letters.as_bytes().windows(2).filter(is_common).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_names_and_numbers_are_not_random() {
        for text in [
            "production",
            "web",
            "default",
            "kube-system",
            "postgres",
            "postgresql",
            "administrator",
            "hunter22",
            "true",
            "5432",
            "123456789012",
            "192.168.100.200",
            "10.96.0.0/12",
            "fe80::1ff:fe23:4567:890a",
            "db-1.shop.svc.cluster.local",
            "ip-10-0-1-23.eu-west-1.compute.internal",
            "https://login.example.com:8443/oauth2/authorize",
            "admin@example.com",
            "registry.example.com/team/web-server:1.4.2",
            "arn:aws:iam::123456789012:role/eks-node-role",
            "2026-11-28T10:00:00Z",
            "2026-11-28 10:00:00",
            "v1.29.3+k3s1",
            "1h30m15s",
            "1500m",
            "correct horse battery staple",
            "correcthorsebatterystaple",
            "SERVICE_ACCOUNT_TOKEN",
            "xxxxxxxxxxxxxxxx",
            "****************",
            "maxConnectionsPerHost",
            "kubernetes.io/service-account-token",
            "bookinfo-ratings-v2",
            "us-east-1a",
            "i3en.2xlarge",
            "my-k8s-s3-bucket",
            "apps/v1beta1",
            "http2-only",
            "ec2-user",
            "postgres14",
            "SuperSecret123",
        ] {
            assert!(!is_random(text), "{text} has {} bits", unexplained_bits(text));
        }
    }

    #[test]
    fn passwords_tokens_and_keys_are_random() {
        for text in [
            "k3J9x2pQ",
            "ZZ34l-eq",
            "q8#Lw9!2z",
            "hT7-pW2-kX9-vB4",
            "S3cr3t-P4ssw0rd",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "d2f4a1b39c7e",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "xkqjzpwvbmhtrgnd",
            "AKIAZXQWERTY7PLMOKNB",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzz",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
        ] {
            assert!(is_random(text), "{text} has {} bits", unexplained_bits(text));
        }
    }
}
