//! Functions of texts.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gotmpl::{TemplateError, Value};

use super::super::go_values::{integer_of, text_of};
use super::super::parameters::normalize_name;
use super::{Function, Result, argument, built_in, check_size, list_at, text, text_at};

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("b64dec", |a| {
        let bytes = STANDARD.decode(text_at(a, 0)?);
        text(String::from_utf8_lossy(&bytes.map_err(|e| TemplateError::Exec(e.to_string()))?))
    }),
    ("b64enc", |a| text(STANDARD.encode(text_at(a, 0)?))),
    ("cat", |a| {
        let shown = a.iter().filter(|v| !matches!(v, Value::Nil)).map(text_of);
        text(shown.collect::<Vec<_>>().join(" "))
    }),
    ("contains", |a| Ok(Value::Bool(text_at(a, 1)?.contains(&*text_at(a, 0)?)))),
    ("fail", |a| Err(TemplateError::Exec(text_at(a, 0)?))),
    ("hasPrefix", |a| Ok(Value::Bool(text_at(a, 1)?.starts_with(&*text_at(a, 0)?)))),
    ("hasSuffix", |a| Ok(Value::Bool(text_at(a, 1)?.ends_with(&*text_at(a, 0)?)))),
    ("indent", |a| indent(a, "")),
    ("join", |a| {
        let separator = text_at(a, 0)?;
        let parts: Vec<String> = match argument(a, 1)? {
            Value::List(list) => list.iter().filter(|v| !matches!(v, Value::Nil)).map(text_of).collect(),
            Value::Nil => Vec::new(),
            one => vec![text_of(one)],
        };
        check_size(parts.len().saturating_mul(separator.len()))?;
        text(parts.join(&separator))
    }),
    ("lower", |a| text(text_at(a, 0)?.to_lowercase())),
    ("nindent", |a| indent(a, "\n")),
    ("normalize", |a| text(normalize_name(&text_at(a, 0)?))),
    ("nospace", |a| text(text_at(a, 0)?.split_whitespace().collect::<String>())),
    ("quote", |a| {
        let quoted = a.iter().filter(|v| !matches!(v, Value::Nil)).map(|v| {
            built_in("printf", &["%q".into(), text_of(v).as_str().into()]).map(|quoted| text_of(&quoted))
        });
        text(quoted.collect::<Result<Vec<_>>>()?.join(" "))
    }),
    ("regexFind", |a| {
        let (pattern, subject) = (regex(a, 0)?, text_at(a, 1)?);
        text(pattern.find(&subject).map_or("", |m| m.as_str()))
    }),
    ("regexMatch", |a| Ok(Value::Bool(regex(a, 0)?.is_match(&text_at(a, 1)?)))),
    ("regexReplaceAll", |a| replace_pattern(a, expand_go)),
    ("regexReplaceAllLiteral", |a| replace_pattern(a, |_, with, out| out.push_str(with))),
    ("repeat", |a| {
        let (times, subject) = (integer_of(argument(a, 0)?), text_at(a, 1)?);
        let times = usize::try_from(times).map_err(|_| TemplateError::Exec("a negative count".to_owned()))?;
        check_size(times.saturating_mul(subject.len()))?;
        text(subject.repeat(times))
    }),
    ("replace", |a| {
        let (old, new, subject) = (text_at(a, 0)?, text_at(a, 1)?, text_at(a, 2)?);
        let found = subject.matches(&*old).count();
        check_size(subject.len().saturating_add(found.saturating_mul(new.len())))?;
        text(subject.replace(&old, &new))
    }),
    ("slugify", slugify),
    ("split", |a| {
        let (separator, subject) = (text_at(a, 0)?, text_at(a, 1)?);
        let parts = subject.split(&*separator).enumerate().map(|(i, p)| (format!("_{i}").into(), p.into()));
        Ok(Value::Map(Arc::new(parts.collect())))
    }),
    ("splitList", |a| {
        let (separator, subject) = (text_at(a, 0)?, text_at(a, 1)?);
        if separator.is_empty() {
            return Ok(Value::List(subject.chars().map(|c| Value::from(c.to_string())).collect()));
        }
        Ok(Value::List(subject.split(&*separator).map(Value::from).collect()))
    }),
    ("squote", |a| {
        let shown = a.iter().filter(|v| !matches!(v, Value::Nil)).map(|v| format!("'{}'", text_of(v)));
        text(shown.collect::<Vec<_>>().join(" "))
    }),
    ("substr", |a| {
        let (start, end, subject) =
            (integer_of(argument(a, 0)?), integer_of(argument(a, 1)?), text_at(a, 2)?);
        let start = usize::try_from(start).unwrap_or(0);
        let end = usize::try_from(end).unwrap_or(subject.len()).min(subject.len());
        text(subject.get(start.min(end)..end).unwrap_or_default())
    }),
    ("title", |a| text(title(&text_at(a, 0)?))),
    ("toString", |a| text(text_at(a, 0)?)),
    ("toStrings", |a| Ok(Value::List(list_at(a, 0)?.iter().map(|v| Value::from(text_of(v))).collect()))),
    ("trim", |a| text(text_at(a, 0)?.trim())),
    ("trimAll", |a| {
        let (cut, subject) = (text_at(a, 0)?, text_at(a, 1)?);
        text(subject.trim_matches(|c| cut.contains(c)))
    }),
    ("trimPrefix", |a| {
        let (prefix, subject) = (text_at(a, 0)?, text_at(a, 1)?);
        text(subject.strip_prefix(&*prefix).unwrap_or(&subject))
    }),
    ("trimSuffix", |a| {
        let (suffix, subject) = (text_at(a, 0)?, text_at(a, 1)?);
        text(subject.strip_suffix(&*suffix).unwrap_or(&subject))
    }),
    ("trunc", |a| {
        let (most, subject) = (integer_of(argument(a, 0)?), text_at(a, 1)?);
        let length = usize::try_from(most.unsigned_abs()).unwrap_or(usize::MAX);
        let whole = subject.len() <= length;
        // Counted in bytes; in the middle of a character Go leaves half of it.
        let part = match (whole, most >= 0) {
            (true, _) => Some(&*subject),
            (false, true) => subject.get(..length),
            (false, false) => subject.get(subject.len() - length..),
        };
        text(part.ok_or_else(|| TemplateError::Exec("a text cut within a character".to_owned()))?)
    }),
    ("untitle", |a| {
        let subject = text_at(a, 0)?;
        let mut chars = subject.chars();
        text(chars.next().map(|c| c.to_lowercase().collect::<String>() + chars.as_str()).unwrap_or_default())
    }),
    ("upper", |a| text(text_at(a, 0)?.to_uppercase())),
];

fn indent(arguments: &[Value], before: &str) -> Result<Value> {
    let (width, subject) = (integer_of(argument(arguments, 0)?), text_at(arguments, 1)?);
    let width = usize::try_from(width).map_err(|_| TemplateError::Exec("a negative width".to_owned()))?;
    check_size(width.saturating_mul(subject.matches('\n').count() + 1))?;
    let pad = " ".repeat(width);
    text(format!("{before}{pad}{}", subject.replace('\n', &format!("\n{pad}"))))
}

/// Upper case for every letter that begins a word, as `strings.Title` has it.
fn title(subject: &str) -> String {
    let mut begins = true;
    let mut out = String::with_capacity(subject.len());
    for c in subject.chars() {
        if begins {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        begins = if c.is_ascii() { !(c.is_ascii_alphanumeric() || c == '_') } else { c.is_whitespace() };
    }
    out
}

fn regex(arguments: &[Value], place: usize) -> Result<regex::Regex> {
    let pattern = text_at(arguments, place)?;
    let built = regex::RegexBuilder::new(&pattern).size_limit(1 << 20).build();
    built.map_err(|e| TemplateError::Exec(e.to_string()))
}

fn replace_pattern(
    arguments: &[Value],
    expand: impl Fn(&regex::Captures<'_>, &str, &mut String),
) -> Result<Value> {
    let (pattern, subject, with) = (regex(arguments, 0)?, text_at(arguments, 1)?, text_at(arguments, 2)?);
    let (mut out, mut end) = (String::new(), 0);
    for found in pattern.captures_iter(&subject) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&subject[end..whole.start()]);
        expand(&found, &with, &mut out);
        check_size(out.len())?;
        end = whole.end();
    }
    out.push_str(&subject[end..]);
    text(out)
}

/// Go and this language both write groups as `$1` and `${name}`.
fn expand_go(found: &regex::Captures<'_>, with: &str, out: &mut String) {
    found.expand(with, out);
}

/// `slugify [SIZE [SMART]] NAME`: a name that is cut, between words if it can be.
fn slugify(arguments: &[Value]) -> Result<Value> {
    const DEFAULT: usize = 50;
    let (name, options) = match arguments.split_last() {
        Some((name, options)) => (text_of(name), options),
        None => (String::new(), arguments),
    };
    let most = options.first().map_or(DEFAULT, |n| usize::try_from(integer_of(n)).unwrap_or(0));
    let is_smart = options.get(1).is_none_or(|v| *v == Value::Bool(true));
    // A name has nothing left but letters, digits, `-` and `.`; of these a slug has no `.`.
    let slug: Vec<String> = normalize_name(&name)
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let whole = slug.join("-");
    if most == 0 || whole.len() <= most {
        return text(whole);
    }
    if !is_smart {
        return text(whole[..most].trim_matches(['-', '_']));
    }
    let mut cut = String::new();
    for word in &slug {
        if cut.is_empty() && word.len() > most {
            return text(&word[..most]);
        }
        if cut.len() + usize::from(!cut.is_empty()) + word.len() > most {
            break;
        }
        if !cut.is_empty() {
            cut.push('-');
        }
        cut.push_str(word);
    }
    text(cut)
}
