//! The error output of a program, without the values that it was given.
//!
//! A chart prints what its author likes (`fail`), and kustomize quotes the literals of a generator. What an Application or a
//! HelmRelease sets is blanked, and so is what a repository declares as a password or as a literal of a Secret.

use std::collections::BTreeSet;

use drift_core::redact::{SHOWN, is_credential_name};
use drift_core::{Kind, Node};

use super::CommitFiles;
use crate::yaml;

/// Files of a commit that are looked into, and the largest one.
const MAX_FILES: usize = 256;
const MAX_FILE_BYTES: usize = 256 << 10;

/// Most characters of a message. It is cut after values are blanked, or a part of one would stay.
const MAX_MESSAGE: usize = 600;

/// Shortest value that is blanked; shorter ones are parts of words.
const MIN_BYTES: usize = 3;

/// Returns a message without values of parameters and files.
pub(super) fn without_values(
    message: &str,
    tree: &CommitFiles,
    arguments: &[String],
    edits: &[(String, Vec<u8>)],
) -> String {
    let mut values = BTreeSet::new();
    for pair in arguments.windows(2).filter(|pair| matches!(&*pair[0], "--set" | "--set-string")) {
        let value = pair[1].split_once('=').map_or("", |(_, value)| value).replace("\\,", ",");
        add_given(&value, &mut values);
    }
    for (_, content) in edits {
        add_given(&String::from_utf8_lossy(content), &mut values);
        each_scalar(content, &mut |_, text| add_given(text, &mut values));
    }
    for file in tree.files().filter(|file| is_values_file(file)).take(MAX_FILES) {
        let content = tree.read(file).filter(|content| content.len() <= MAX_FILE_BYTES).unwrap_or_default();
        add_declared(&content, &mut values);
    }
    blank(message, &values).chars().take(MAX_MESSAGE).collect()
}

/// Returns `true` for a file that holds values of a chart or literals of a generator.
fn is_values_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.starts_with("kustomization") || name.contains("values")
}

/// Adds a value that is set, unless it is a plain word or number: those are in any message.
fn add_given(value: &str, values: &mut BTreeSet<String>) {
    let value = value.trim();
    let is_plain = value.bytes().all(|b| b.is_ascii_lowercase())
        || value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if value.len() > MIN_BYTES && !is_plain {
        values.insert(value.to_owned());
    }
}

/// Adds what a file of a repository declares as a password or as a literal of a Secret.
fn add_declared(content: &[u8], values: &mut BTreeSet<String>) {
    each_scalar(content, &mut |key, text| {
        if is_credential_name(key) && text.len() >= MIN_BYTES {
            values.insert(text.to_owned());
        }
    });
    for document in yaml::read(content).into_iter().flatten() {
        let generators = document.doc.root().get("secretGenerator").into_iter().flat_map(Node::children);
        let lists = generators.filter_map(|generator| generator.get("literals"));
        for literal in lists.flat_map(Node::children).filter_map(Node::as_str) {
            let value = literal.split_once('=').map_or(literal, |(_, value)| value);
            values.extend([literal, value].map(str::to_owned).into_iter().filter(|v| v.len() >= MIN_BYTES));
        }
    }
}

/// Calls a function with every scalar of a file and the key that it stands under.
fn each_scalar(content: &[u8], then: &mut impl FnMut(&str, &str)) {
    fn visit(node: Node<'_>, then: &mut impl FnMut(&str, &str)) {
        match node.kind() {
            Kind::Map | Kind::List => node.children().for_each(|child| visit(child, then)),
            Kind::Str => then(node.key(), node.as_str().unwrap_or_default()),
            Kind::Int | Kind::Float => then(node.key(), &node.to_value().to_string()),
            Kind::Null | Kind::Bool => {}
        }
    }
    for document in yaml::read(content).into_iter().flatten() {
        visit(document.doc.root(), then);
    }
}

/// Blanks values, the longest first, so that no part of one is left.
fn blank(message: &str, values: &BTreeSet<String>) -> String {
    // As it is, and as `%q` and JSON write it.
    let quoted =
        |value: &String| serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned();
    let mut forms: Vec<String> = values.iter().flat_map(|value| [value.clone(), quoted(value)]).collect();
    forms.retain(|form| !form.is_empty() && message.contains(&**form));
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.into_iter().fold(message.to_owned(), |message, form| message.replace(&*form, SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_secrets_and_passwords_are_declared_secret() {
        let check = |content: &str, expect: &[&str]| {
            let mut values = BTreeSet::new();
            add_declared(content.as_bytes(), &mut values);
            assert_eq!(values.iter().map(|v| &**v).collect::<Vec<_>>(), expect, "{content}");
        };
        check(
            "secretGenerator: [{name: s, literals: ['password=hunter2', odd-one]}]",
            &["hunter2", "odd-one", "password=hunter2"],
        );
        check("auth: {password: hunter2, user: app}\nport: 80\ntoken: 1234567\n", &["1234567", "hunter2"]);
        check("configMapGenerator: [{name: c, literals: ['mode=production']}]", &[]);
    }

    #[test]
    fn what_is_set_is_blanked_and_words_are_not() {
        let mut values = BTreeSet::new();
        for value in ["hunter2", "hunter2-long", "production", "8080", "1.2", "a", "bad pass"] {
            add_given(value, &mut values);
        }
        let message = "production: hunter2-long is no hunter2 on 8080, nor is bad pass";
        assert_eq!(
            blank(message, &values),
            "production: <redacted> is no <redacted> on 8080, nor is <redacted>"
        );
    }
}
