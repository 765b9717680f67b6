//! What a change did to its fields: old and new values, leaf by leaf, as people read them.

use drift_core::{FieldChange, FieldPath, PathElement, ResourceKey, Scalar};
use serde_json::Value;

use crate::report::value::{inline_value, unified_hunk};
use crate::report::{REDACTED, VersionChangeV1, redacted};

/// Most fields of a change that a document lists.
const MAX_FIELDS: usize = 50;

/// Longest value that is written in full, in characters.
const LONG: usize = 100;

/// Least length of what two long values have in common before it is left out.
const COMMON: usize = 24;

/// Most lines of a hunk.
const HUNK_LINES: usize = 8;

/// Returns the leaves that a change made, changed or took away, without the values of Secrets; none of a creation or a deletion.
pub(super) fn changed_leaves(key: &ResourceKey, fields: &[FieldChange]) -> Vec<VersionChangeV1> {
    let mut out = Vec::new();
    for field in fields {
        let removed = field.before.as_ref().filter(|_| field.after.is_none());
        let replaced = removed.and_then(|before| Some((before, replacement(fields, field, before)?)));
        match (replaced, &field.before, &field.after) {
            (Some((before, after)), ..) => {
                leaves(key, &named(field, before), Some(before), Some(after), &mut out);
            }
            (None, None, Some(after)) if is_replacement(fields, field, after) => {}
            (None, before, after) => leaves(key, &field.path, before.as_ref(), after.as_ref(), &mut out),
        }
    }
    out.truncate(MAX_FIELDS);
    out
}

/// Returns the list element that took the place of a removed one: one of the same name in the same list.
fn replacement<'c>(fields: &'c [FieldChange], removed: &FieldChange, before: &Value) -> Option<&'c Value> {
    let name = before.get("name").filter(|n| n.is_string())?;
    let list = removed.path.parent()?;
    let is_it = |f: &&FieldChange| f.before.is_none() && f.path.parent().as_ref() == Some(&list);
    let mut added = fields.iter().filter(is_it).filter_map(|f| f.after.as_ref());
    added.find(|a| a.get("name") == Some(name))
}

fn is_replacement(fields: &[FieldChange], added: &FieldChange, after: &Value) -> bool {
    let name = after.get("name").filter(|n| n.is_string());
    let list = added.path.parent();
    let is_it = |f: &FieldChange| {
        f.after.is_none() && f.path.parent() == list && f.before.as_ref().and_then(|b| b.get("name")) == name
    };
    name.is_some() && list.is_some() && fields.iter().any(is_it)
}

/// Returns the path of a list element by its name.
fn named(field: &FieldChange, element: &Value) -> FieldPath {
    let name = element.get("name").and_then(Value::as_str).unwrap_or_default();
    of_name(&field.path.parent().unwrap_or_else(|| field.path.clone()), name)
}

/// Returns the path of the list element of a name.
fn of_name(list: &FieldPath, name: &str) -> FieldPath {
    let mut path = list.clone();
    path.push(PathElement::key([("name", Scalar::Str(name.into()))]));
    path
}

fn leaves(
    key: &ResourceKey,
    path: &FieldPath,
    before: Option<&Value>,
    after: Option<&Value>,
    out: &mut Vec<VersionChangeV1>,
) {
    match (before, after) {
        (b, a) if b == a => {}
        (Some(Value::Object(b)), Some(Value::Object(a))) => {
            let mut names: Vec<&String> = b.keys().chain(a.keys().filter(|k| !b.contains_key(*k))).collect();
            names.sort();
            names.into_iter().for_each(|n| leaves(key, &path.child(n.as_str()), b.get(n), a.get(n), out));
        }
        (Some(Value::Array(b)), Some(Value::Array(a))) if are_named(b) && are_named(a) => {
            let name = |v: &Value| v.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut names: Vec<String> = b.iter().map(name).collect();
            names.extend(a.iter().map(name).filter(|n| !b.iter().any(|v| name(v) == *n)));
            for n in names {
                let at = of_name(path, &n);
                let of = |list: &[Value]| list.iter().find(|v| name(v) == n).cloned();
                leaves(key, &at, of(b).as_ref(), of(a).as_ref(), out);
            }
        }
        (Some(Value::Array(b)), Some(Value::Array(a)))
            if a.len() == b.len() && a.iter().chain(b).any(|v| v.is_object() || v.is_array()) =>
        {
            for (n, (b, a)) in b.iter().zip(a).enumerate() {
                let mut at = path.clone();
                at.push(PathElement::Index(n));
                leaves(key, &at, Some(b), Some(a), out);
            }
        }
        (before, after) => {
            let shown = |v: Option<&Value>| v.map(|v| redacted(key, path, v));
            let op = match (before, after) {
                (None, _) => "add",
                (_, None) => "remove",
                _ => "replace",
            };
            out.push(VersionChangeV1 {
                path: path.clone(),
                path_text: path.to_string(),
                op,
                before: shown(before),
                after: shown(after),
            });
        }
    }
}

/// Returns `true` for a list of maps that each have a name of their own.
fn are_named(list: &[Value]) -> bool {
    let names: Vec<_> = list.iter().map(|v| v.get("name").and_then(Value::as_str)).collect();
    !names.is_empty()
        && names.iter().all(Option::is_some)
        && names.iter().enumerate().all(|(i, n)| !names[..i].contains(n))
}

/// Writes a changed field in a line, or a text of several lines as a hunk below it.
pub(super) fn write_change(change: &VersionChangeV1) -> Vec<String> {
    let path = &change.path_text;
    let is_cut = |v: &Option<Value>| v.as_ref().is_some_and(|v| v == REDACTED);
    match (&change.before, &change.after) {
        (b, a) if is_cut(b) && is_cut(a) => vec![format!("{path}  changed (its values are not shown)")],
        (Some(Value::String(b)), Some(Value::String(a))) if b.contains('\n') || a.contains('\n') => {
            let hunk = unified_hunk(b, a);
            let changed: Vec<_> = hunk.iter().filter(|(mark, _)| matches!(mark, '-' | '+')).collect();
            let more = changed.len().saturating_sub(HUNK_LINES);
            let shown = changed.iter().take(HUNK_LINES).map(|(mark, text)| format!("  {mark} {text}"));
            let rest = (more > 0).then(|| format!("  … and {more} more lines"));
            std::iter::once(path.clone()).chain(shown).chain(rest).collect()
        }
        (Some(before), Some(after)) => {
            let (before, after) = both(before, after);
            vec![format!("{path}  {before} → {after}")]
        }
        (None, Some(after)) => vec![format!("{path}  + {}", one(after))],
        (Some(before), None) => vec![format!("{path}  - {}", one(before))],
        (None, None) => vec![path.clone()],
    }
}

/// Writes one value in short.
pub(super) fn one(value: &Value) -> String {
    let text = inline_value(value).unwrap_or_else(|| match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    });
    let text = without_digest(&text);
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Writes two values; of long ones what both begin with is left out.
fn both(before: &Value, after: &Value) -> (String, String) {
    let (Value::String(b), Value::String(a)) = (before, after) else { return (one(before), one(after)) };
    let common = b.char_indices().zip(a.chars()).take_while(|((_, x), y)| x == y).map(|((i, _), _)| i).last();
    let cut = common.and_then(|end| b[..end].rfind(['/', ' ', ',', '=']));
    match cut.filter(|cut| *cut >= COMMON && b.len().max(a.len()) > LONG / 2) {
        Some(cut) => {
            let rest = |text: &str| format!("…{}", one(&Value::from(&text[cut..])));
            (rest(b), rest(a))
        }
        None => (one(before), one(after)),
    }
}

/// Shortens the digests in a value, such as the commit of a revision, as `git log --oneline` does.
fn without_digest(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_hex) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !is_hex(c)).unwrap_or(from.len());
        out.push_str(before);
        let run = &from[..end];
        let is_digest = run.len() >= 32 && run.bytes().any(|b| b.is_ascii_digit());
        out.push_str(if is_digest { &run[..10] } else { run });
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(before: Value, after: Value) -> Vec<String> {
        let mut out = Vec::new();
        let key = ResourceKey::new("", "ConfigMap", "shop", "web");
        leaves(&key, &FieldPath::of(&["data"]), Some(&before), Some(&after), &mut out);
        out.iter().flat_map(write_change).collect()
    }

    #[test]
    fn a_list_of_named_maps_is_compared_by_name() {
        let before = json!([{"name": "a", "image": "web:1"}, {"name": "b", "image": "log:1"}]);
        let after = json!([{"name": "b", "image": "log:1"}, {"name": "a", "image": "web:2", "tty": true}]);
        assert_eq!(
            lines(before, after),
            [".data[name=\"a\"].image  web:1 → web:2", ".data[name=\"a\"].tty  + true"]
        );
    }

    #[test]
    fn long_values_show_where_they_differ() {
        let image = |tag: &str| json!({"image": format!("registry.example.com/a-long-team-name/of-a-product/web:{tag}")});
        assert_eq!(lines(image("1.4.2"), image("1.4.3")), [".data.image  …/web:1.4.2 → …/web:1.4.3"]);
    }

    #[test]
    fn a_text_of_several_lines_shows_its_changed_lines() {
        let found = lines(json!({"conf": "a = 1\nb = 2\nc = 3\n"}), json!({"conf": "a = 1\nb = 5\nc = 3\n"}));
        assert_eq!(found, [".data.conf", "  - b = 2", "  + b = 5"]);
    }

    #[test]
    fn values_of_secrets_are_not_shown() {
        let key = ResourceKey::new("", "Secret", "shop", "login");
        let mut out = Vec::new();
        leaves(
            &key,
            &FieldPath::of(&["data"]),
            Some(&json!({"password": "aHVudGVyMg=="})),
            Some(&json!({"password": "aHVudGVyMw=="})),
            &mut out,
        );
        assert_eq!(write_change(&out[0]), [".data.password  changed (its values are not shown)"]);
    }

    #[test]
    fn digests_are_short() {
        let revision = "main@sha1:0123456789abcdef0123456789abcdef01234567";
        assert_eq!(one(&Value::from(revision)), "main@sha1:0123456789");
    }
}
