//! Semantic versions and ranges, as Flux and Argo CD use them to select tags.

use std::cmp::Ordering;

/// A semantic version; missing numbers are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SemVersion {
    numbers: [u64; 3],
    pre: Vec<String>,
}

impl SemVersion {
    /// Parses `1.2.3-rc.1+build`, with or without `v`, and with fewer numbers.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(t, _)| t);
        let (core, pre) = text.split_once('-').map_or((text, ""), |(c, p)| (c, p));
        let mut numbers = [0; 3];
        for (i, part) in core.split('.').enumerate() {
            *numbers.get_mut(i)? = part.parse().ok()?;
        }
        let pre = pre.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        Some(Self { numbers, pre })
    }

    /// Parses a version that has all three numbers, as Flux asks of tags: `v1` and `1.4` are names that move.
    pub(super) fn parse_whole(text: &str) -> Option<Self> {
        let core = text.trim().split(['-', '+']).next()?;
        (core.split('.').count() == 3).then(|| Self::parse(text)).flatten()
    }
}

impl Ord for SemVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let part = |a: &String, b: &String| match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => a.cmp(b),
        };
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let parts = self.pre.iter().zip(&other.pre).map(|(a, b)| part(a, b));
                parts.into_iter().find(|o| o.is_ne()).unwrap_or_else(|| self.pre.len().cmp(&other.pre.len()))
            }
        };
        self.numbers.cmp(&other.numbers).then_with(pre)
    }
}

impl PartialOrd for SemVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug)]
struct VersionBound {
    from: Option<(SemVersion, bool)>,
    to: Option<(SemVersion, bool)>,
    not: Option<SemVersion>,
    pre: bool,
}

/// A version range: alternatives, each a list of bounds that must all hold.
#[derive(Clone, Debug)]
pub(super) struct VersionRange(Vec<Vec<VersionBound>>);

impl VersionRange {
    /// Parses `>=1.2 <2`, `^1.2.3`, `~1.4`, `1.x`, `1.2 - 2`, `=1.2.3`, `a || b`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let alternatives = text.split("||").map(|part| {
            if let Some((from, to)) = part.split_once(" - ") {
                return Some(vec![parse_bound(">=", from)?, parse_bound("<=", to)?]);
            }
            // An operator may stand apart from its version.
            let mut bounds = Vec::new();
            let mut operator = String::new();
            for word in part.split([',', ' ']).filter(|w| !w.is_empty()) {
                let at = word.find(|c: char| !"<>=!~^".contains(c)).unwrap_or(word.len());
                operator.push_str(&word[..at]);
                if at < word.len() {
                    bounds.push(parse_bound(&operator, &word[at..])?);
                    operator.clear();
                }
            }
            (!bounds.is_empty() && operator.is_empty()).then_some(bounds)
        });
        alternatives.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Returns `true` if a version is in the range; a prerelease only if the range names one.
    pub(super) fn contains(&self, version: &SemVersion) -> bool {
        self.0.iter().any(|bounds| {
            (version.pre.is_empty() || bounds.iter().any(|b| b.pre))
                && bounds.iter().all(|b| b.contains(version))
        })
    }
}

impl VersionBound {
    fn contains(&self, v: &SemVersion) -> bool {
        self.from.as_ref().is_none_or(|(f, inclusive)| if *inclusive { v >= f } else { v > f })
            && self.to.as_ref().is_none_or(|(t, inclusive)| if *inclusive { v <= t } else { v < t })
            && self.not.as_ref() != Some(v)
    }
}

fn parse_bound(operator: &str, text: &str) -> Option<VersionBound> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    let pre = text.contains('-');
    let none = VersionBound { from: None, to: None, not: None, pre };
    let core = text.split(['-', '+']).next().unwrap_or(text);
    let parts: Vec<&str> = core.split('.').collect();
    let wild = |p: &&str| matches!(*p, "x" | "X" | "*");
    let known = parts.iter().take_while(|p| !wild(p)).count();
    if known == 0 {
        return Some(none);
    }
    let mut numbers = [0u64; 3];
    for (i, part) in parts.iter().take(known).enumerate() {
        *numbers.get_mut(i)? = part.parse().ok()?;
    }
    let lower = if pre { SemVersion::parse(text)? } else { SemVersion { numbers, pre: Vec::new() } };
    let after = |place: usize| {
        let mut upper = numbers;
        upper[place] += 1;
        upper[place + 1..].fill(0);
        SemVersion { numbers: upper, pre: Vec::new() }
    };
    let within = |upper| {
        Some(VersionBound { from: Some((lower.clone(), true)), to: Some((upper, false)), ..none.clone() })
    };
    match operator {
        "" | "=" | "==" if known < 3 => within(after(known - 1)),
        "" | "=" | "==" => {
            Some(VersionBound { from: Some((lower.clone(), true)), to: Some((lower, true)), ..none })
        }
        ">=" | "=>" => Some(VersionBound { from: Some((lower, true)), ..none }),
        ">" if known < 3 => Some(VersionBound { from: Some((after(known - 1), true)), ..none }),
        ">" => Some(VersionBound { from: Some((lower, false)), ..none }),
        "<" => Some(VersionBound { to: Some((lower, false)), ..none }),
        "<=" | "=<" if known < 3 => Some(VersionBound { to: Some((after(known - 1), false)), ..none }),
        "<=" | "=<" => Some(VersionBound { to: Some((lower, true)), ..none }),
        "!=" => Some(VersionBound { not: Some(lower), ..none }),
        "~" | "~>" => within(after(known.saturating_sub(1).min(1))),
        "^" => {
            let first = numbers.iter().take(known).position(|n| *n > 0).unwrap_or(known - 1);
            within(after(first))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, version: &str, expect: bool) {
        let range_ = VersionRange::parse(range).unwrap();
        assert_eq!(range_.contains(&SemVersion::parse(version).unwrap()), expect, "{range} {version}");
    }

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, version, expect) in [
            (">=1.0.0 <2.0.0", "v1.9.3", true),
            (">=1.0.0 <2.0.0", "2.0.0", false),
            ("^1.2.3", "1.9.0", true),
            ("^0.2.3", "0.3.0", false),
            ("~1.4", "1.4.9", true),
            ("~1.4", "1.5.0", false),
            ("1.x", "1.7.2", true),
            ("1.x", "2.0.0", false),
            ("*", "9.9.9", true),
            ("1.2.3", "1.2.4", false),
            ("1.0 - 1.2.0", "1.1.5", true),
            ("< 1.0 || >= 3", "3.1.0", true),
            (">=1.0.0", "1.1.0-rc.1", false),
            (">=1.0.0-0", "1.1.0-rc.1", true),
        ] {
            check(range, version, expect);
        }
        assert!(
            VersionRange::parse("main").is_none()
                && VersionRange::parse("").is_none()
                && VersionRange::parse("release-1").is_none()
        );
        assert!(SemVersion::parse_whole("v1.0.0-rc.1").is_some() && SemVersion::parse_whole("v1").is_none());
        assert!(SemVersion::parse("1.0.0-rc.10") > SemVersion::parse("1.0.0-rc.9"));
        assert!(SemVersion::parse("1.0.0") > SemVersion::parse("1.0.0-rc.9"));
    }
}
