//! Variable substitution as Flux does it (`${var:=default}` and similar expressions).

use std::collections::BTreeMap;

/// Why variables cannot be substituted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvsubstError {
    /// A `${` has no end.
    #[error("a `${{` has no `}}`")]
    Open,
    /// Not a valid variable name.
    #[error("`{0}` is not a variable name")]
    Name(String),
    /// A variable is not set and has no default.
    #[error("the variable `{0}` is not set")]
    Unset(String),
    /// An unsupported function.
    #[error("`${{{0}}}` is not understood")]
    Function(String),
}

/// What happens to a variable that is not set and has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// It is an error (`StrictPostBuildSubstitutions`, which newer controllers have on).
    Refused,
    /// It becomes the empty string.
    Empty,
}

/// Substitutes `${...}` as Flux does; `$${...}` becomes `${...}`.
///
/// # Errors
/// When a `${` is not closed, has no valid name or an unknown function, or names a variable that is not set.
pub fn envsubst(text: &str, vars: &BTreeMap<String, String>, unset: Unset) -> Result<String, EnvsubstError> {
    expand_variables(text, (vars, unset), 0)
}

type Variables<'a> = (&'a BTreeMap<String, String>, Unset);

fn expand_variables(text: &str, vars: Variables<'_>, depth: usize) -> Result<String, EnvsubstError> {
    // Defaults hold variables of their own; nobody means it deeper than this.
    if depth > 16 {
        return Err(EnvsubstError::Function("nested too deeply".to_owned()));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$${") {
            out.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let end = closing_brace(after).ok_or(EnvsubstError::Open)?;
            out.push_str(&expand_expression(&after[..end], vars, depth)?);
            rest = &after[end + 1..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Finds the brace that closes, passing over those of variables inside.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut depth, mut before) = (0usize, ' ');
    for (i, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(i),
            '}' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

fn expand_expression(
    inner: &str,
    (all, unset): Variables<'_>,
    depth: usize,
) -> Result<String, EnvsubstError> {
    let vars = (all, unset);
    let is_name = |name: &str| {
        let first = name.bytes().next();
        first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if let Some(name) = inner.strip_prefix('#').filter(|n| is_name(n)) {
        return Ok(value_of(name, vars)?.len().to_string());
    }
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, function) = inner.split_at(end);
    if !is_name(name) {
        return Err(EnvsubstError::Name(inner.chars().take(60).collect()));
    }
    // Whatever the operator, a default takes the place of a value that is empty or not there.
    let default = [":-", ":=", ":+", ":?", "-", "=", "+", "?"].into_iter().find(|o| function.starts_with(o));
    if let Some(operator) = default {
        return match all.get(name).filter(|v| !v.is_empty()) {
            Some(current) => Ok(current.clone()),
            None => expand_variables(&function[operator.len()..], vars, depth + 1),
        };
    }
    let current = value_of(name, vars)?;
    let argument = |skip: usize| expand_variables(&function[skip..], vars, depth + 1);
    let unknown = || EnvsubstError::Function(inner.chars().take(60).collect());
    Ok(match function {
        "" => current.to_owned(),
        "^" => change_first(current, char::to_uppercase),
        "," => change_first(current, char::to_lowercase),
        "^^" => current.to_uppercase(),
        ",," => current.to_lowercase(),
        f if f.starts_with(':') => substring(current, &argument(1)?).ok_or_else(unknown)?,
        f if f.starts_with("##") => trim_start(current, &argument(2)?, MatchLength::Longest),
        f if f.starts_with('#') => trim_start(current, &argument(1)?, MatchLength::Shortest),
        f if f.starts_with("%%") => trim_end(current, &argument(2)?, MatchLength::Longest),
        f if f.starts_with('%') => trim_end(current, &argument(1)?, MatchLength::Shortest),
        f if f.starts_with("/#") => {
            let (old, new) = split_replacement(&function[2..]);
            let (old, new) =
                (expand_variables(old, vars, depth + 1)?, expand_variables(new, vars, depth + 1)?);
            current.strip_prefix(&*old).map_or_else(|| current.to_owned(), |rest| new + rest)
        }
        f if f.starts_with("/%") => {
            let (old, new) = split_replacement(&function[2..]);
            let (old, new) =
                (expand_variables(old, vars, depth + 1)?, expand_variables(new, vars, depth + 1)?);
            current.strip_suffix(&*old).map_or_else(|| current.to_owned(), |rest| rest.to_owned() + &new)
        }
        f if f.starts_with("//") => {
            let (old, new) = split_replacement(&function[2..]);
            replace_times(
                current,
                &expand_variables(old, vars, depth + 1)?,
                &expand_variables(new, vars, depth + 1)?,
                usize::MAX,
            )
        }
        f if f.starts_with('/') => {
            let (old, new) = split_replacement(&function[1..]);
            replace_times(
                current,
                &expand_variables(old, vars, depth + 1)?,
                &expand_variables(new, vars, depth + 1)?,
                1,
            )
        }
        _ => return Err(unknown()),
    })
}

fn value_of<'a>(name: &str, (all, unset): Variables<'a>) -> Result<&'a str, EnvsubstError> {
    match (all.get(name), unset) {
        (Some(value), _) => Ok(value),
        (None, Unset::Empty) => Ok(""),
        (None, Unset::Refused) => Err(EnvsubstError::Unset(name.to_owned())),
    }
}

fn split_replacement(text: &str) -> (&str, &str) {
    text.split_once('/').unwrap_or((text, ""))
}

fn replace_times(text: &str, old: &str, new: &str, times: usize) -> String {
    if old.is_empty() { text.to_owned() } else { text.replacen(old, new, times) }
}

fn change_first<I: Iterator<Item = char>>(text: &str, change: impl Fn(char) -> I) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| change(c).chain(chars).collect()).unwrap_or_default()
}

/// `pos` or `pos:len`.
fn substring(text: &str, argument: &str) -> Option<String> {
    let (from, length) = argument.split_once(':').map_or((argument, None), |(f, l)| (f, Some(l)));
    let from: usize = from.trim().parse().ok()?;
    let length = match length {
        Some(l) => l.trim().parse().ok()?,
        None => usize::MAX,
    };
    Some(text.chars().skip(from).take(length).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MatchLength {
    Shortest,
    Longest,
}

/// Cuts what a glob matches off one end: `cut(i)` is the part up to or from byte `i`.
fn trim_start(text: &str, pattern: &str, reach: MatchLength) -> String {
    let mut ends = text.char_indices().map(|(i, _)| i).chain([text.len()]);
    let hit = |i: &usize| drift_core::drift::rules::Pattern::glob(pattern).matches(&text[..*i]);
    let end = match reach {
        MatchLength::Shortest => ends.find(hit),
        MatchLength::Longest => ends.rev().find(hit),
    };
    text[end.unwrap_or(0)..].to_owned()
}

fn trim_end(text: &str, pattern: &str, reach: MatchLength) -> String {
    let starts = text.char_indices().map(|(i, _)| i).chain([text.len()]);
    let hit = |i: &usize| drift_core::drift::rules::Pattern::glob(pattern).matches(&text[*i..]);
    let start = match reach {
        MatchLength::Shortest => starts.rev().find(hit),
        MatchLength::Longest => starts.into_iter().find(hit),
    };
    text[..start.unwrap_or(text.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, &str>) {
        let vars = [("region", "eu-west"), ("empty", ""), ("Name", "oRders"), ("file", "a.tar.gz")];
        let vars = vars.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let got = envsubst(text, &vars, Unset::Empty).map_err(|e| e.to_string());
        match expect {
            Ok(text) => assert_eq!(got.as_deref(), Ok(text)),
            Err(why) => assert!(got.as_ref().is_err_and(|e| e.contains(why)), "{text}: {got:?}"),
        }
    }

    #[test]
    fn variables_are_replaced_as_flux_does() {
        check("a ${region} b", Ok("a eu-west b"));
        check("$region ${missing}|", Ok("$region |"));
        check("$${region}", Ok("${region}"));
        check("${missing:-x} ${empty:-y} ${empty-z} ${missing:=${region}}", Ok("x y z eu-west"));
        // The library knows of one kind of default only.
        check("${missing:+x} ${region:+x} ${empty+x} ${missing?x}", Ok("x eu-west x x"));
        check("${region/#eu/us} ${region/%west/east} ${region/#west/us}", Ok("us-west eu-east eu-west"));
        check("${missing=d}", Ok("d"));
        check("${#region}", Ok("7"));
        check("${Name^} ${Name,,} ${Name^^}", Ok("ORders orders ORDERS"));
        check("${region:3} ${region:0:2}", Ok("west eu"));
        check("${file%.*} ${file%%.*} ${file#*.} ${file##*.}", Ok("a.tar a tar.gz gz"));
        check("${region/-/_} ${file//./-}", Ok("eu_west a-tar-gz"));
        check("cost: 5$", Ok("cost: 5$"));
        let refused =
            |text: &str| envsubst(text, &BTreeMap::new(), Unset::Refused).map_err(|e| e.to_string());
        assert_eq!(refused("${a}"), Err("the variable `a` is not set".to_owned()));
        assert_eq!(refused("${#a}"), Err("the variable `a` is not set".to_owned()));
        assert_eq!(refused("${a:=x} ${a-}"), Ok("x ".to_owned()));
        check("${region", Err("has no"));
        check("${1x}", Err("is not a variable name"));
        check("${a.b}", Err("not understood"));
    }
}
