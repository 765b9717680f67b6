//! Charts that a chart depends on and that lie in the same repository.
//!
//! `helm dependency build` puts them under `charts/` before a chart is templated. Those of a repository of charts are fetched
//! from there, which is not done here: they have to be committed.

use drift_core::Node;

use super::super::kustomize_edit::join_path;
use crate::render::{CommitFiles, FileEdit};
use crate::yaml;

/// Deepest chain of charts that depend on each other.
const MAX_DEPTH: usize = 8;
/// Most files that are put under `charts/`.
const MAX_FILES: usize = 5_000;

/// Returns the files of the charts that a chart names by `file://`, where it expects them.
///
/// # Errors
/// Names a dependency that is not there, or whose files are too many.
pub(super) fn local_dependencies(tree: &CommitFiles, chart: &str) -> Result<Vec<FileEdit>, String> {
    let mut edits = Vec::new();
    add_dependencies((tree, chart), chart, MAX_DEPTH, &mut edits)?;
    Ok(edits)
}

/// Adds what the chart in `from` depends on to the chart that will lie in `to`.
fn add_dependencies(
    (tree, from): (&CommitFiles, &str),
    to: &str,
    depth: usize,
    edits: &mut Vec<FileEdit>,
) -> Result<(), String> {
    for (name, place) in named_dependencies(tree, from) {
        if is_vendored(tree, from, &name) {
            continue;
        }
        let folder = join_path(from, &place).filter(|f| tree.has_folder(f) && *f != from);
        let folder =
            folder.ok_or_else(|| format!("there is no chart `{place}` for the dependency `{name}`"))?;
        let target = join_path(to, &format!("charts/{name}"));
        let target = target.ok_or_else(|| format!("`{name}` is no name of a dependency"))?;
        let within = format!("{folder}/");
        for file in tree.files().filter_map(|f| f.strip_prefix(&within)) {
            let bytes = tree.read(&format!("{within}{file}")).unwrap_or_default();
            edits.push((format!("{target}/{file}"), bytes));
        }
        if depth == 0 || edits.len() > MAX_FILES {
            return Err(format!("the dependencies of `{to}` are too many"));
        }
        add_dependencies((tree, &folder), &target, depth - 1, edits)?;
    }
    Ok(())
}

/// Returns the dependencies that a chart names by `file://`: name, and folder from the chart's own.
fn named_dependencies(tree: &CommitFiles, chart: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for file in ["Chart.yaml", "requirements.yaml"] {
        let Some(bytes) = join_path(chart, file).and_then(|path| tree.read(&path)) else { continue };
        let Some(Ok(document)) = yaml::read(&bytes).into_iter().next() else { continue };
        let list = document.doc.root().get("dependencies");
        all.extend(list.into_iter().flat_map(Node::children).filter_map(|entry| {
            let place = entry.str_at(&["repository"])?.strip_prefix("file://")?;
            Some((entry.str_at(&["name"])?.to_owned(), place.to_owned()))
        }));
    }
    all
}

/// Returns `true` if a dependency is committed under `charts/`, as a folder or packed.
fn is_vendored(tree: &CommitFiles, chart: &str, name: &str) -> bool {
    let Some(charts) = join_path(chart, "charts") else { return false };
    let packed = format!("{charts}/{name}-");
    tree.has_folder(&format!("{charts}/{name}"))
        || tree.files().any(|f| f.starts_with(&packed) && f.ends_with(".tgz"))
}
