//! Applications that are a folder of plain files.

use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::DeclarationError;
use drift_core::drift::rules::Pattern;
use serde_json::Value;

use super::super::objects_of;
use crate::argo::ApplicationSource;
use crate::render::CommitFiles;

/// A file with this text in it is passed over.
const SKIP: &[u8] = b"+argocd:skip-file-rendering";

/// All files of a folder that hold objects.
pub(super) fn read_directory(
    source: &ApplicationSource,
    tree: &CommitFiles,
    path: &str,
) -> Result<Vec<Arc<Object>>, DeclarationError> {
    let options = source.raw.get("directory");
    let recurse = options.and_then(|o| o.get("recurse")).and_then(Value::as_bool) == Some(true);
    let pattern = |name: &str| {
        let text = options.and_then(|o| o.get(name)).and_then(Value::as_str).unwrap_or_default();
        (!text.is_empty()).then(|| parse_glob(text))
    };
    let (include, exclude) = (pattern("include"), pattern("exclude"));
    // A pattern that cannot be read matches nothing.
    let hit = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_some_and(|p| p.matches(text));
    let within = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut all = Vec::new();
    for file in tree.files() {
        let Some(rest) = file.strip_prefix(&within) else { continue };
        let ends = |end: &str| rest.ends_with(end);
        let left_out = !recurse && rest.contains('/')
            || exclude.as_ref().is_some_and(|e| hit(e, rest))
            || include.as_ref().is_some_and(|i| !hit(i, rest));
        if left_out || ![".yaml", ".yml", ".json", ".jsonnet"].into_iter().any(ends) {
            continue;
        }
        let bytes =
            tree.read(file).ok_or_else(|| DeclarationError::Unavailable(format!("{file} cannot be read")))?;
        if bytes.windows(SKIP.len()).any(|w| w == SKIP) {
            continue;
        }
        if ends(".jsonnet") {
            return Err(DeclarationError::Unavailable(format!(
                "`{file}` is Jsonnet, which is not evaluated here"
            )));
        }
        match objects_of(file, &bytes) {
            Ok(objects) => all.extend(objects),
            // A file that does not look like an object is none that anybody meant to be one.
            Err(why) if looks_like_objects(&bytes) => return Err(DeclarationError::Broken(why)),
            Err(_) => {}
        }
    }
    all.retain(|o| !o.group().ends_with("kustomize.config.k8s.io"));
    Ok(all)
}

fn looks_like_objects(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["apiVersion:", "kind:", "metadata:"].iter().all(|w| text.contains(w))
        || ["\"apiVersion\"", "\"kind\"", "\"metadata\""].iter().all(|w| text.contains(w))
}

/// Reads a pattern as Argo CD does (gobwas/glob without separators): `*`, `?`, `[a-z]`, `[!a]`, `{a,b}`, `\`; a star
/// goes over slashes. `None` where it cannot be read.
fn parse_glob(text: &str) -> Option<Pattern> {
    let mut regex = String::new();
    let mut depth = 0usize;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '{' => {
                depth += 1;
                regex.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                regex.push(')');
            }
            ',' if depth > 0 => regex.push('|'),
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let (not, inner) = inner.strip_prefix('!').map_or(("", &*inner), |i| ("^", i));
                if inner.is_empty() || inner.contains(['[', '\\', '&', '~', '^']) {
                    return None;
                }
                regex.push_str(&format!("[{not}{inner}]"));
            }
            '\\' => regex.push_str(&escape_regex(chars.next()?)),
            c => regex.push_str(&escape_regex(c)),
        }
    }
    (depth == 0).then(|| Pattern::regex(&format!("(?s:{regex})")).ok()).flatten()
}

fn escape_regex(c: char) -> String {
    if c.is_alphanumeric() || "/_- ,\"'".contains(c) { c.to_string() } else { format!("\\{c}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_argo_cd() {
        for (pattern, text, want) in [
            ("*.yaml", "sub/a.yaml", true),
            ("{config.yaml,env-use2/*}", "env-use2/x/a.yaml", true),
            ("{config.yaml,env-use2/*}", "env-usw2/a.yaml", false),
            ("env/{a,b}.yaml", "env/b.yaml", true),
            ("env/{a,b}.yaml", "env/c.yaml", false),
            ("app-[0-9].yaml", "app-7.yaml", true),
            ("app-[!0-9].yaml", "app-7.yaml", false),
            ("a?c.yaml", "abc.yaml", true),
            ("a.yaml", "aXyaml", false),
            ("a\\*.yaml", "a*.yaml", true),
        ] {
            assert_eq!(parse_glob(pattern).unwrap().matches(text), want, "{pattern} {text}");
        }
        assert!(parse_glob("{a").is_none() && parse_glob("[").is_none() && parse_glob("a\\").is_none());
    }
}
