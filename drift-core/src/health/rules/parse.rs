//! Reading a rule table.

use std::sync::Arc;

use super::super::HealthStatus;
use super::glob::Glob;
use super::path::Path;
use super::test::{MessageTemplate, Operand, Order, RuleTest};
use super::{HealthRule, HealthRuleError, HealthRules, KindGlob, Section};
use crate::k8s::conditions::Truth;

type Problem = String;

/// Reads a table; one that comes along yields to halts and to specs that were not seen yet.
pub(super) fn table(text: &str, yields: bool) -> Result<HealthRules, HealthRuleError> {
    let mut sections: Vec<Section> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let error = |problem| HealthRuleError { line: n + 1, problem };
        let tokens = tokens(line).map_err(error)?;
        let Some(first) = tokens.first() else { continue };
        if first.is("for") {
            let kinds = tokens[1..].iter().map(kind).collect::<Result<Vec<_>, _>>().map_err(error)?;
            if kinds.is_empty() {
                return Err(error("`for` names no kind; GROUP/KIND or GROUP/VERSION/KIND expected".into()));
            }
            sections.push(Section { kinds, rules: Vec::new(), options: super::Options::default(), yields });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(error("a rule before the first `for GROUP/KIND`".into()));
        };
        if first.is("ignore") {
            option(&tokens[1..], section).map_err(error)?;
        } else {
            section.rules.push(rule(&tokens).map_err(error)?);
        }
    }
    Ok(HealthRules::of(sections.into_iter().map(Arc::new).collect()))
}

/// A word, or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    quoted: bool,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text == word
    }
}

fn tokens(line: &str) -> Result<Vec<Token>, Problem> {
    let mut out = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (token, after) = if let Some(inner) = rest.strip_prefix('"') {
            quoted(inner)?
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (Token { text: rest[..end].to_owned(), quoted: false }, &rest[end..])
        };
        out.push(token);
        rest = after.trim_start();
    }
    Ok(out)
}

/// Reads to the closing quote; a backslash takes the next character as it is.
fn quoted(inner: &str) -> Result<(Token, &str), Problem> {
    let mut text = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token { text, quoted: true }, &inner[at + 1..])),
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    Err("a quote is not closed".into())
}

fn kind(token: &Token) -> Result<KindGlob, Problem> {
    let parts: Vec<&str> = token.text.split('/').collect();
    let (group, version, kind) = match parts[..] {
        [group, kind] => (group, None, kind),
        [group, version, kind] => (group, Some(Glob::new(version)), kind),
        _ => return Err(format!("`{}` is not GROUP/KIND or GROUP/VERSION/KIND", token.text)),
    };
    Ok(KindGlob { text: token.text.clone(), group: Glob::new(group), version, kind: Glob::new(kind) })
}

fn option(tokens: &[Token], section: &mut Section) -> Result<(), Problem> {
    match tokens {
        [word] if word.is("generation") => section.options.ignores_generation = true,
        [word] if word.is("halt") => section.options.ignores_halt = true,
        [word, names @ ..] if word.is("condition") && !names.is_empty() => {
            section.options.ignored.extend(names.iter().map(|n| n.text.clone()));
        }
        _ => return Err("`ignore generation`, `ignore halt` or `ignore condition TYPE...` expected".into()),
    }
    Ok(())
}

fn rule(tokens: &[Token]) -> Result<HealthRule, Problem> {
    let status = match tokens[0].text.as_str() {
        "Healthy" => HealthStatus::Healthy,
        "Progressing" => HealthStatus::Progressing,
        "Degraded" => HealthStatus::Degraded,
        "Suspended" => HealthStatus::Suspended,
        "Missing" => HealthStatus::Missing,
        "Unknown" => HealthStatus::Unknown,
        other => return Err(format!("`{other}` is no health status, `for` or `ignore`")),
    };
    let (reason, rest) = match &tokens[1..] {
        [when, rest @ ..] if when.is("when") => (None, rest),
        [reason, when, rest @ ..] if when.is("when") => (Some(template(&reason.text)?), rest),
        _ => return Err("STATUS [REASON] when TEST expected".into()),
    };
    let arrow = rest.iter().position(|t| t.is("->"));
    let (tests, message) = rest.split_at(arrow.unwrap_or(rest.len()));
    let message = match message.get(1..).unwrap_or_default() {
        [] if arrow.is_some() => return Err("a message is expected after `->`".into()),
        [] => None,
        [text] if text.quoted => Some(template(&text.text)?),
        _ => return Err("the message after `->` must be one text in quotes".into()),
    };
    let tests = tests.split(|t| t.is("and")).map(test).collect::<Result<Vec<_>, _>>()?;
    Ok(HealthRule { status, reason, tests, message })
}

fn template(text: &str) -> Result<MessageTemplate, Problem> {
    MessageTemplate::parse(text)
        .ok_or_else(|| format!("`{text}` is not text with {{.path}} or {{Condition}} in it"))
}

fn test(tokens: &[Token]) -> Result<RuleTest, Problem> {
    match tokens {
        [] => Err("a test is expected after `when` and `and`".into()),
        [word] if word.is("always") => Ok(RuleTest::Always),
        [word] if word.is("lags") => Ok(RuleTest::Lags),
        [word, text] if word.is("cel") && text.quoted => cel(&text.text),
        [word, path, op, values @ ..] if word.is("every") && op.is("=") => {
            Ok(RuleTest::Is { path: path_of(&path.text)?, values: globs(values)?, every: true })
        }
        [one] => single(&one.text),
        [path, op, values @ ..] if op.is("=") => {
            Ok(RuleTest::Is { path: path_of(&path.text)?, values: globs(values)?, every: false })
        }
        [path, op, values @ ..] if op.is("!=") => {
            Ok(RuleTest::IsNot { path: path_of(&path.text)?, values: globs(values)? })
        }
        [left, op, right] if op.is("same") || op.is("differs") => {
            let (left, right) = (path_of(&left.text)?, path_of(&right.text)?);
            Ok(RuleTest::Same { left, right, wanted: op.is("same") })
        }
        [word, left, op, right] if word.is("any") => compare(left, op, right, true),
        [left, op, right] => compare(left, op, right, false),
        _ => Err(format!("`{}` does not begin a test", tokens[0].text)),
    }
}

fn compare(left: &Token, op: &Token, right: &Token, any: bool) -> Result<RuleTest, Problem> {
    Ok(RuleTest::Compare {
        left: operand(&left.text)?,
        order: order(&op.text)?,
        right: operand(&right.text)?,
        any,
    })
}

#[cfg(feature = "cel")]
fn cel(text: &str) -> Result<RuleTest, Problem> {
    crate::health::cel::Predicate::compile(text).map(RuleTest::Cel)
}

#[cfg(not(feature = "cel"))]
fn cel(_: &str) -> Result<RuleTest, Problem> {
    Err("this build has no CEL: turn the feature `cel` on".into())
}

/// Reads `.path`, `!.path`, `!Type`, `Type=Status` and `Type!=Status`.
fn single(text: &str) -> Result<RuleTest, Problem> {
    if let Some(denied) = text.strip_prefix('!') {
        return if denied.starts_with('.') {
            Ok(RuleTest::Set { path: path_of(denied)?, wanted: false })
        } else {
            Ok(RuleTest::NoCondition { name: Glob::new(denied) })
        };
    }
    if text.starts_with('.') {
        return Ok(RuleTest::Set { path: path_of(text)?, wanted: true });
    }
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("`{text}` is no test; .path, !.path, Type=True, !Type, lags or always expected"));
    };
    if let Some(name) = name.strip_suffix('!') {
        return Ok(RuleTest::NotCondition { name: Glob::new(name), truths: truths(value)? });
    }
    let (value, reasons) = match value.split_once('(') {
        Some((value, reasons)) => {
            let reasons = reasons.strip_suffix(')').ok_or("`)` is missing after the reasons")?;
            (value, reasons.split('|').map(Glob::new).collect())
        }
        None => (value, Vec::new()),
    };
    Ok(RuleTest::Condition { name: Glob::new(name), truths: truths(value)?, reasons })
}

fn truths(text: &str) -> Result<Vec<Truth>, Problem> {
    let truth = |t| match t {
        "True" => Ok(Truth::True),
        "False" => Ok(Truth::False),
        "Unknown" => Ok(Truth::Unknown),
        _ => Err(format!("`{t}` is not True, False or Unknown")),
    };
    text.split('|').map(truth).collect()
}

fn path_of(text: &str) -> Result<Path, Problem> {
    Path::parse(text).ok_or_else(|| format!("`{text}` is not a path like .status.list[*].field"))
}

/// Reads `a | b | "c d"`.
fn globs(tokens: &[Token]) -> Result<Vec<Glob>, Problem> {
    let values: Vec<&[Token]> = tokens.split(|t| t.is("|")).collect();
    values
        .into_iter()
        .map(|value| match value {
            [one] => Ok(Glob::new(&one.text)),
            _ => Err("values are one word or a text in quotes each, with ` | ` between".to_owned()),
        })
        .collect()
}

fn operand(text: &str) -> Result<Operand, Problem> {
    if text.starts_with('.') {
        return path_of(text).map(Operand::Path);
    }
    text.parse().map(Operand::Number).map_err(|_| format!("`{text}` is no number and no path"))
}

fn order(text: &str) -> Result<Order, Problem> {
    Ok(match text {
        "<" => Order::Less,
        "<=" => Order::LessOrEqual,
        ">" => Order::Greater,
        ">=" => Order::GreaterOrEqual,
        "==" => Order::Equal,
        _ => return Err(format!("`{text}` is not one of = != < <= > >= ==")),
    })
}
