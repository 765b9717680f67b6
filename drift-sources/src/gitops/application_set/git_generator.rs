//! Generators that make an Application for each folder or file of a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::drift::DeclarationError;
use drift_core::drift::rules::Pattern;
use serde_json::{Value, json};

use super::super::repositories;
use super::generators::{Generation, Generators, broken, list_of, parse_yaml, unavailable};
use super::parameters::{Parameters, flatten, normalize_name};
use crate::git::Commit;
use crate::render::CommitFiles;

impl Generators<'_> {
    pub(super) fn git(&self, spec: &Value) -> Generation<Vec<Parameters>> {
        let tree = self.tree(spec)?;
        if list_of(spec, "directories").next().is_some() {
            let paths = folders(&tree);
            let chosen = chosen(list_of(spec, "directories"), paths, &tree, match_pattern)?;
            return chosen
                .iter()
                .map(|path| self.with_values(spec, self.path_parameters(spec, path, None)))
                .collect();
        }
        if list_of(spec, "files").next().is_none() {
            return Err(broken("has a generator `git` without directories and files"));
        }
        let files: Vec<String> = tree.files().map(str::to_owned).collect();
        let pattern = match self.gitops.set_options.globs_files {
            true => glob_pattern as fn(&str) -> Option<Pattern>,
            false => pathspec_pattern,
        };
        let mut all = Vec::new();
        for path in chosen(list_of(spec, "files"), files, &tree, pattern)? {
            let bytes = tree.read(&path).ok_or_else(|| unavailable(format!("{path} cannot be read")))?;
            let found = match parse_yaml(&bytes).map_err(|e| broken(format!("{path}: {e}")))? {
                Value::Null => vec![Parameters::new()],
                Value::Object(map) => vec![map],
                Value::Array(list) => list
                    .into_iter()
                    .map(|item| match item {
                        Value::Object(map) => Ok(map),
                        _ => Err(broken(format!("{path} has an element that is no map"))),
                    })
                    .collect::<Generation<_>>()?,
                _ => return Err(broken(format!("{path} is no map and no list"))),
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or((".", &path));
            for content in found {
                let mut parameters = if self.templates.are_go() { content } else { flatten(&content) };
                parameters.extend(self.path_parameters(spec, folder, Some(name)));
                all.push(self.with_values(spec, parameters)?);
            }
        }
        Ok(all)
    }

    /// Returns the files of the commit that a generator reads.
    fn tree(&self, spec: &Value) -> Generation<Arc<CommitFiles>> {
        let text = |name: &str| spec.get(name).and_then(Value::as_str).unwrap_or_default();
        let url = text("repoURL");
        let commit = self.generator_commit(url, text("revision"))?;
        self.gitops.repositories.tree(url, &commit, "", |_| true).map_err(DeclarationError::Unavailable)
    }

    /// Returns the commit that a revision of a generator is at.
    pub(super) fn generator_commit(&self, url: &str, revision: &str) -> Generation<Commit> {
        if let Some(at) = self.at.filter(|at| at.url == url) {
            return Ok(at.commit.clone());
        }
        let repositories = self.gitops.repositories;
        let repo = repositories
            .find(url)
            .ok_or_else(|| DeclarationError::NotGiven(format!("no repository is given for {url}")))?;
        let commit = repositories::resolve_revision(repo, revision, self.gitops.git_moment());
        commit.map_err(|e| e.into_declaration_error(&self.gitops.named, revision))
    }

    /// Returns the parameters that name a folder, and a file in it.
    fn path_parameters(&self, spec: &Value, folder: &str, file: Option<&str>) -> Parameters {
        let base = folder.rsplit('/').next().unwrap_or(folder);
        let mut path = json!({"path": folder, "basename": base, "basenameNormalized": normalize_name(base),
            "segments": folder.split('/').collect::<Vec<_>>()});
        if let Some(file) = file {
            path["filename"] = file.into();
            path["filenameNormalized"] = normalize_name(file).into();
        }
        let prefix = spec.get("pathParamPrefix").and_then(Value::as_str).filter(|p| !p.is_empty());
        let mut all = Parameters::new();
        if self.templates.are_go() {
            match prefix {
                Some(prefix) => drop(all.insert(prefix.to_owned(), json!({"path": path}))),
                None => drop(all.insert("path".to_owned(), path)),
            }
            return all;
        }
        let name = prefix.map_or_else(|| "path".to_owned(), |p| format!("{p}.path"));
        for (i, segment) in folder.split('/').enumerate().filter(|(_, s)| !s.is_empty()) {
            all.insert(format!("{name}[{i}]"), segment.into());
        }
        for (part, value) in path.as_object().into_iter().flatten().filter(|(part, _)| *part != "segments") {
            let name = if part == "path" { name.clone() } else { format!("{name}.{part}") };
            all.insert(name, value.clone());
        }
        all
    }
}

/// Returns the repositories that generators read, with their revisions, by their URLs; those that are templated are left out.
pub(super) fn repositories_of(generators: &Value) -> BTreeMap<&str, &str> {
    let mut all = BTreeMap::new();
    let mut next = vec![generators];
    while let Some(value) = next.pop() {
        if let Some(git) = value.get("git") {
            let text = |name: &str| git.get(name).and_then(Value::as_str).unwrap_or_default();
            if !text("repoURL").contains("{{") && !text("revision").contains("{{") {
                all.insert(text("repoURL"), text("revision"));
            }
        }
        match value {
            Value::Array(list) => next.extend(list),
            Value::Object(map) => next.extend(map.values()),
            _ => {}
        }
    }
    all
}

/// Returns the folders of a commit but those that are hidden or lie in one that is, as a walk meets them.
fn folders(tree: &CommitFiles) -> Vec<String> {
    let mut all: BTreeSet<Vec<&str>> = BTreeSet::new();
    for file in tree.files() {
        let mut parts: Vec<&str> = file.split('/').collect();
        while parts.pop().is_some() && !parts.is_empty() {
            if !parts.iter().any(|p| p.starts_with('.')) && !all.insert(parts.clone()) {
                break;
            }
        }
    }
    all.into_iter().map(|parts| parts.join("/")).collect()
}

/// Returns the paths that some entry names and none excludes.
fn chosen<'v>(
    entries: impl Iterator<Item = &'v Value>,
    paths: Vec<String>,
    tree: &CommitFiles,
    pattern: impl Fn(&str) -> Option<Pattern>,
) -> Generation<Vec<String>> {
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for entry in entries {
        let text = entry.get("path").and_then(Value::as_str).unwrap_or_default();
        let is_out = entry.get("exclude").and_then(Value::as_bool) == Some(true);
        // A pattern that cannot be read matches nothing.
        let side = if is_out { &mut excluded } else { &mut included };
        side.extend(pattern(text));
    }
    let is_chosen = |path: &str| {
        included.iter().any(|p: &Pattern| p.matches(path))
            && !excluded.iter().any(|p: &Pattern| p.matches(path))
    };
    // A link or another repository may be there in what Argo CD checks out.
    if let Some(skipped) = tree.skipped().iter().find(|path| is_chosen(path)) {
        return Err(unavailable(format!(
            "its generator takes `{skipped}`, which is a link or another repository"
        )));
    }
    Ok(paths.into_iter().filter(|path| is_chosen(path)).collect())
}

/// A pattern of Go's `path.Match`: no wildcard matches a slash.
fn match_pattern(text: &str) -> Option<Pattern> {
    wildcards(text, "[^/]*", "[^/]")
}

/// A pathspec of Git: wildcards match slashes, and a path stands for all below it.
fn pathspec_pattern(text: &str) -> Option<Pattern> {
    let text = text.strip_prefix("./").unwrap_or(text);
    if text.starts_with(':') {
        return None;
    }
    let whole = match text.trim_end_matches('/') {
        "" | "." => ".*".to_owned(),
        path => format!("{}(?:/.*)?", wildcard_regex(path, ".*", ".")?),
    };
    Pattern::regex(&format!("(?s:{whole})")).ok()
}

/// A glob in which `**` stands for any number of folders (doublestar).
fn glob_pattern(text: &str) -> Option<Pattern> {
    let mut regex = String::new();
    for (i, part) in text.split('/').enumerate() {
        match (part, i) {
            ("**", _) => {
                // With the slash behind it: none, or as many as there are.
                regex.push_str("(?:[^/]+/)*");
                continue;
            }
            (part, _) => regex.push_str(&alternatives(part)?),
        }
        regex.push('/');
    }
    let whole = match text.ends_with("**") {
        true => format!("{regex}[^/]*"),
        false => regex.strip_suffix('/').unwrap_or(&regex).to_owned(),
    };
    Pattern::regex(&format!("(?s:{whole})")).ok()
}

/// Reads `{a,b}` around wildcards.
fn alternatives(text: &str) -> Option<String> {
    let Some((before, rest)) = text.split_once('{') else { return wildcard_regex(text, "[^/]*", "[^/]") };
    let (inner, after) = rest.split_once('}')?;
    let inner: Option<Vec<String>> =
        inner.split(',').map(|part| wildcard_regex(part, "[^/]*", "[^/]")).collect();
    let before = wildcard_regex(before, "[^/]*", "[^/]")?;
    Some(format!("{before}(?:{}){}", inner?.join("|"), alternatives(after)?))
}

fn wildcards(text: &str, any: &str, one: &str) -> Option<Pattern> {
    Pattern::regex(&format!("(?s:{})", wildcard_regex(text, any, one)?)).ok()
}

/// Translates `*`, `?`, `[a-z]` and `\`; `None` for what is no pattern.
fn wildcard_regex(text: &str, any: &str, one: &str) -> Option<String> {
    let mut regex = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(any),
            '?' => regex.push_str(one),
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let (not, inner) = match inner.strip_prefix(['^', '!']) {
                    Some(inner) => ("^/", inner),
                    None => ("", &*inner),
                };
                if inner.is_empty() || inner.contains(['[', '\\', '&', '~', '^']) {
                    return None;
                }
                regex.push_str(&format!("[{not}{inner}]"));
            }
            '\\' => escape(chars.next()?, &mut regex),
            c => escape(c, &mut regex),
        }
    }
    Some(regex)
}

fn escape(c: char, regex: &mut String) {
    if c.is_ascii() && !c.is_alphanumeric() && !"/_- ,\"'<>".contains(c) {
        regex.push('\\');
    }
    regex.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: Option<Pattern>, cases: &[(&str, bool)]) {
        let pattern = pattern.unwrap();
        for (path, want) in cases {
            assert_eq!(pattern.matches(path), *want, "{path}");
        }
    }

    #[test]
    fn folders_are_matched_as_go_matches_paths() {
        check(
            match_pattern("apps/*"),
            &[("apps/a", true), ("apps/a/b", false), ("apps", false), ("x/a", false)],
        );
        check(match_pattern("*"), &[("apps", true), ("apps/a", false)]);
        check(match_pattern("a?/[b-d]x"), &[("a1/bx", true), ("a1/ex", false), ("a1/b/x", false)]);
        check(match_pattern("a.b/[^x]"), &[("a.b/y", true), ("a.b/x", false), ("a-b/y", false)]);
        assert!(match_pattern("a/[").is_none() && match_pattern("a\\").is_none());
    }

    #[test]
    fn files_are_matched_as_git_matches_pathspecs() {
        check(
            pathspec_pattern("apps/*/config.json"),
            &[("apps/a/config.json", true), ("apps/a/b/config.json", true)],
        );
        check(pathspec_pattern("**/config.json"), &[("a/config.json", true), ("config.json", false)]);
        check(pathspec_pattern("apps"), &[("apps/a.json", true), ("apps-2/a.json", false)]);
        check(pathspec_pattern("apps/a+b.json"), &[("apps/a+b.json", true), ("apps/aab.json", false)]);
    }

    #[test]
    fn globs_have_two_stars_for_folders() {
        check(
            glob_pattern("apps/**/config.json"),
            &[("apps/config.json", true), ("apps/a/b/config.json", true), ("apps/a/b.json", false)],
        );
        check(
            glob_pattern("**/config.{json,yaml}"),
            &[("config.yaml", true), ("a/config.json", true), ("a/config.x", false)],
        );
        check(glob_pattern("apps/*/c.json"), &[("apps/a/c.json", true), ("apps/a/b/c.json", false)]);
        check(glob_pattern("apps/**"), &[("apps/a", true), ("apps/a/b", true), ("x", false)]);
    }
}
