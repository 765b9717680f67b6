//! Kustomizations and charts below a folder of this machine: where they are, and what they read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use drift_core::{Doc, Node};

use crate::render::KUSTOMIZATION_FILES;
use crate::yaml;

/// Largest kustomization file.
const MAX_FILE: u64 = 4 << 20;

/// Reads the kustomization of a folder; `None` if it has none. Flux has a kind of the same name, whose objects may lie in a file
/// of the same name.
fn kustomization(folder: &Path) -> Option<Doc> {
    let file = KUSTOMIZATION_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
    let is_small = fs::metadata(&file).is_ok_and(|m| m.len() <= MAX_FILE);
    let bytes = fs::read(file).ok().filter(|_| is_small)?;
    let doc = yaml::read(&bytes).into_iter().next()?.ok()?.doc;
    let is_object = ["apiVersion", "kind", "metadata"].iter().all(|name| doc.root().get(name).is_some());
    let is_own =
        doc.root().str_at(&["apiVersion"]).is_some_and(|v| v.starts_with("kustomize.config.k8s.io/"));
    (is_own || !is_object).then_some(doc)
}

/// Returns `true` if a folder is rendered by kustomize.
pub(super) fn is_kustomization(folder: &Path) -> bool {
    kustomization(folder).is_some()
}

/// Returns `true` if a folder is a Helm chart.
pub(super) fn is_chart(folder: &Path) -> bool {
    folder.join("Chart.yaml").is_file()
}

/// Returns `true` for a program in Jsonnet; a library of one (`.libsonnet`) declares nothing by itself.
pub(super) fn is_jsonnet(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "jsonnet")
}

/// Returns a kustomization's folder and all that it refers to, directly or through others.
pub(super) fn parts_of(folder: &Path) -> BTreeSet<PathBuf> {
    let mut parts = BTreeSet::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if !parts.insert(path.clone()) {
            continue;
        }
        let Some(doc) = kustomization(&path) else { continue };
        let mut texts = Vec::new();
        collect_texts(doc.root(), &mut texts);
        // Which fields hold paths differs from release to release; what is there under a name is what is meant.
        let paths =
            texts.iter().flat_map(|t| [Some(&**t), t.split_once('=').map(|(_, path)| path)]).flatten();
        let is_local = |t: &&str| !t.is_empty() && !t.starts_with('/') && !t.contains("://");
        waiting.extend(paths.filter(is_local).filter_map(|t| path.join(t).canonicalize().ok()));
    }
    parts
}

fn collect_texts(node: Node<'_>, texts: &mut Vec<String>) {
    texts.extend(node.as_str().map(str::to_owned));
    node.children().for_each(|child| collect_texts(child, texts));
}

/// What in a folder is not a manifest as it stands.
#[derive(Debug, Default)]
pub(super) struct RenderedFolders {
    /// Each kustomization with its parts.
    kustomizations: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// Folders of charts.
    pub(super) charts: Vec<PathBuf>,
    /// Programs in Jsonnet.
    pub(super) jsonnet: Vec<PathBuf>,
}

impl RenderedFolders {
    /// Looks below a folder, but not into charts, hidden folders and links.
    pub(super) fn find(root: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            if is_chart(&folder) {
                found.charts.push(folder);
                continue;
            }
            if is_kustomization(&folder) {
                found.kustomizations.insert(folder.clone(), parts_of(&folder));
            }
            // A folder that cannot be read is noted by the reader of manifests.
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let entry = entry?;
                let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
                match entry.file_type()?.is_dir() {
                    true if !is_hidden => waiting.push(entry.path()),
                    false if is_jsonnet(&entry.path()) => found.jsonnet.push(entry.path()),
                    _ => {}
                }
            }
        }
        found.charts.sort();
        found.jsonnet.sort();
        Ok(found)
    }

    /// Returns what is not read as plain manifests.
    pub(super) fn not_plain(&self) -> impl Iterator<Item = PathBuf> {
        let parts = self.kustomizations.values().flatten().cloned();
        parts.chain(self.charts.iter().cloned())
    }

    /// Returns the kustomizations that no other refers to: first those that are rendered, then those of which only one can be
    /// meant, since they share a base as overlays do.
    pub(super) fn roots<'s>(&'s self) -> (Vec<&'s Path>, Vec<&'s Path>) {
        let is_part = |folder: &Path| {
            let mut others = self.kustomizations.iter().filter(|(other, _)| *other != folder);
            others.any(|(_, parts)| parts.contains(folder))
        };
        let is_component = |folder: &Path| {
            kustomization(folder).is_some_and(|d| d.root().str_at(&["kind"]) == Some("Component"))
        };
        let roots: Vec<_> = self
            .kustomizations
            .iter()
            .filter(|(folder, _)| !is_part(folder) && !is_component(folder))
            .collect();
        let shares = |(folder, parts): &(&PathBuf, &BTreeSet<PathBuf>)| {
            roots.iter().any(|(other, of_other)| other != folder && !parts.is_disjoint(of_other))
        };
        let (ambiguous, single): (Vec<_>, Vec<_>) = roots.iter().partition(|root| shares(root));
        let folders = |roots: Vec<(&'s PathBuf, _)>| roots.into_iter().map(|(f, _)| f.as_path()).collect();
        (folders(single), folders(ambiguous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files by name and content; then rendered, ambiguous, and what is left out, relative to the folder.
    fn check(files: &[(&str, &str)], rendered: &[&str], ambiguous: &[&str], not_plain: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (name, text) in files {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        let found = RenderedFolders::find(&root).unwrap();
        let names = |paths: Vec<&Path>| -> Vec<String> {
            paths.iter().map(|p| p.strip_prefix(&root).unwrap().display().to_string()).collect()
        };
        let (single, several) = found.roots();
        assert_eq!(names(single), rendered);
        assert_eq!(names(several), ambiguous);
        let left: BTreeSet<_> = found.not_plain().collect();
        assert_eq!(names(left.iter().map(|p| &**p).collect()), not_plain);
    }

    #[test]
    fn overlays_of_one_base_are_alternatives_and_apps_are_not() {
        let base = ("base/kustomization.yaml", "resources: [a.yaml, ../common/b.yaml]");
        let (file, common) = (("base/a.yaml", ""), ("common/b.yaml", ""));
        let overlay = "resources: [../../base]\npatches: [{path: p.yaml}]\n";
        let (prod, dev) =
            (("over/prod/kustomization.yaml", overlay), ("over/dev/kustomization.yaml", overlay));
        check(
            &[base, file, common, prod],
            &["over/prod"],
            &[],
            &["base", "base/a.yaml", "common/b.yaml", "over/prod"],
        );
        check(
            &[base, file, common, prod, dev],
            &[],
            &["over/dev", "over/prod"],
            &["base", "base/a.yaml", "common/b.yaml", "over/dev", "over/prod"],
        );
        let apps = [
            ("a/kustomization.yml", "resources: [x.yaml]"),
            ("b/Kustomization", "namespace: b"),
            ("c.yaml", ""),
        ];
        check(&apps, &["a", "b"], &[], &["a", "b"]);
    }

    #[test]
    fn charts_are_seen_and_objects_of_flux_are_no_kustomizations() {
        let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n";
        let chart = [("web/Chart.yaml", "name: web"), ("web/templates/kustomization.yaml", "resources: []")];
        check(&[chart[0], chart[1], ("flux/kustomization.yaml", flux)], &[], &[], &["web"]);
    }
}
