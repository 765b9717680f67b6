//! What a kustomization refers to, checked before kustomize follows it.
//!
//! kustomize fetches whatever looks like a URL, wherever a file can be named, and with `LoadRestrictionsNone` it reads any
//! file of the machine. Both are refused here, for the kustomization, its bases and components, and the configurations of
//! its generators and transformers.

use std::collections::BTreeSet;

use drift_core::{Kind, Node};

use super::commit_files::{CommitFiles, join_path, kustomization_files};
use super::remote::{self, RemoteHosts};
use super::{FileEdit, RenderError};
use crate::yaml;

/// Most files that are followed; a build that needs more is refused.
const MAX_FILES: usize = 20_000;

/// What the files of a folder are to kustomize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FolderUse {
    /// Resources, of which no field is followed.
    Resources,
    /// Configurations of generators and transformers, of which fields are followed.
    Plugins,
}

/// Fields that a kustomization of plugin configurations may have. Others could put a configuration together that is in no file,
/// so that what it refers to cannot be checked.
const PLUGIN_FIELDS: &[&str] =
    &["apiversion", "kind", "metadata", "resources", "bases", "namespace", "sortoptions", "buildmetadata"];

/// Refuses references of a kustomization that lead to the network or out of the tree.
///
/// # Errors
/// [`RenderError::Refused`] with file and entry.
pub(super) fn check_references(
    tree: &CommitFiles,
    folder: &str,
    edits: &[FileEdit],
    hosts: &RemoteHosts,
) -> Result<(), RenderError> {
    let mut walk = Walk { tree, edits, hosts, seen: BTreeSet::new(), waiting: Vec::new() };
    walk.add_folder(folder.to_owned(), FolderUse::Resources);
    while let Some((folder, used_as)) = walk.waiting.pop() {
        if walk.seen.len() > MAX_FILES {
            return Err(refused(&folder, format!("more than {MAX_FILES} files are referred to")));
        }
        walk.check_folder(&folder, used_as)?;
    }
    Ok(())
}

fn refused(file: &str, reason: String) -> RenderError {
    RenderError::Refused { file: file.to_owned(), reason }
}

/// Returns the name of a field as kustomize matches it, which is by Go's rules for JSON: letters of any case.
fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == 'ſ' { 's' } else { c }).collect()
}

/// Returns the values of a field, under all spellings that kustomize takes.
fn fields<'a>(node: Node<'a>, name: &str) -> impl Iterator<Item = Node<'a>> {
    let children = if node.kind() == Kind::Map { Some(node.children()) } else { None };
    children.into_iter().flatten().filter(move |c| folded(c.key()) == name)
}

/// Returns the items of a list; a value that is no list is its only item.
fn items(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let is_list = node.kind() == Kind::List;
    let list = is_list.then(|| node.children()).into_iter().flatten();
    list.chain((!is_list).then_some(node))
}

/// A file and the folder that its references are relative to.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    folder: &'a str,
}

struct Walk<'a> {
    tree: &'a CommitFiles,
    edits: &'a [FileEdit],
    hosts: &'a RemoteHosts,
    seen: BTreeSet<(String, FolderUse)>,
    waiting: Vec<(String, FolderUse)>,
}

impl Walk<'_> {
    fn add_folder(&mut self, folder: String, used_as: FolderUse) {
        if self.seen.insert((folder.clone(), used_as)) {
            self.waiting.push((folder, used_as));
        }
    }

    fn has_file(&self, path: &str) -> bool {
        self.tree.has_file(path) || self.edits.iter().any(|(name, _)| name == path)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let edited = self.edits.iter().find(|(name, _)| name == path);
        edited.map(|(_, bytes)| bytes.clone()).or_else(|| self.tree.read(path))
    }

    fn check_folder(&mut self, folder: &str, used_as: FolderUse) -> Result<(), RenderError> {
        for file in kustomization_files(folder).filter(|f| self.has_file(f)).collect::<Vec<_>>() {
            let place = Place { file: &file, folder };
            for document in yaml::read(&self.read(&file).unwrap_or_default()) {
                // What cannot be read here could be read otherwise by kustomize.
                let document = document.map_err(|e| refused(&file, e.to_string()))?;
                self.check_kustomization(document.doc.root(), place, used_as)?;
            }
        }
        Ok(())
    }

    fn check_kustomization(
        &mut self,
        root: Node<'_>,
        place: Place<'_>,
        used_as: FolderUse,
    ) -> Result<(), RenderError> {
        let entries = if root.kind() == Kind::Map { Some(root.children()) } else { None };
        for entry in entries.into_iter().flatten() {
            let name = folded(entry.key());
            if used_as == FolderUse::Plugins && !PLUGIN_FIELDS.contains(&&*name) {
                let reason =
                    format!("`{}` changes the configuration of a generator or transformer", entry.key());
                return Err(refused(
                    place.file,
                    format!("{reason}, which cannot be checked before it is run"),
                ));
            }
            match &*name {
                "resources" | "bases" | "components" => {
                    for item in items(entry).filter_map(Node::as_str) {
                        self.check_accumulated(item, place, used_as)?;
                    }
                }
                "generators" | "transformers" | "validators" => {
                    for item in items(entry).filter_map(Node::as_str) {
                        self.check_plugin(item, place)?;
                    }
                }
                "helmcharts" | "helmchartinflationgenerator" if !entry.is_empty() => {
                    let reason = format!("`{}` would fetch charts, which is not done here", entry.key());
                    return Err(refused(place.file, reason));
                }
                "crds" | "configurations" | "patchesstrategicmerge" => {
                    items(entry).try_for_each(|item| self.check_file(item, place))?;
                }
                "openapi" | "patches" | "patchesjson6902" | "replacements" => {
                    let paths = items(entry).flat_map(|item| fields(item, "path"));
                    paths.into_iter().try_for_each(|path| self.check_file(path, place))?;
                }
                "configmapgenerator" | "secretgenerator" => {
                    items(entry).try_for_each(|item| self.check_generator(item, place))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks the sources of a generated ConfigMap or Secret.
    fn check_generator(&self, item: Node<'_>, place: Place<'_>) -> Result<(), RenderError> {
        for name in ["files", "envs", "env"] {
            fields(item, name).flat_map(items).try_for_each(|file| self.check_file(file, place))?;
        }
        Ok(())
    }

    /// Checks the name of a file that is loaded, which may stand behind `KEY=`.
    fn check_file(&self, node: Node<'_>, place: Place<'_>) -> Result<(), RenderError> {
        let Some(text) = node.as_str() else { return Ok(()) };
        // A patch may stand there itself.
        if text.contains('\n') {
            return Ok(());
        }
        let behind = text.split_once('=').map(|(_, path)| path);
        [Some(text), behind].into_iter().flatten().try_for_each(|path| {
            if remote::is_fetched_as_file(path) {
                return self.check_remote(path, place);
            }
            self.check_inside(path, place).map(drop)
        })
    }

    fn check_remote(&self, entry: &str, place: Place<'_>) -> Result<(), RenderError> {
        match self.hosts.refusal(entry) {
            Some(reason) => Err(refused(place.file, reason)),
            None => Ok(()),
        }
    }

    /// Returns the path of an entry in the tree.
    fn check_inside(&self, entry: &str, place: Place<'_>) -> Result<String, RenderError> {
        let path = Some(entry).filter(|e| !e.starts_with('/')).and_then(|e| join_path(place.folder, e));
        path.ok_or_else(|| refused(place.file, format!("`{entry}` leads out of the repository")))
    }

    /// Checks what resources or components are taken from: a file, a folder or a repository.
    fn check_accumulated(
        &mut self,
        entry: &str,
        place: Place<'_>,
        used_as: FolderUse,
    ) -> Result<(), RenderError> {
        if remote::is_fetched_as_file(entry) || remote::is_repository(entry) {
            return self.check_remote(entry, place);
        }
        let path = self.check_inside(entry, place)?;
        if self.has_file(&path) {
            return match used_as {
                FolderUse::Resources => Ok(()),
                FolderUse::Plugins => self.check_plugin_file(&path, place),
            };
        }
        self.add_folder(path, used_as);
        Ok(())
    }

    /// Checks a generator or transformer: a file, a folder, or its configuration itself.
    fn check_plugin(&mut self, entry: &str, place: Place<'_>) -> Result<(), RenderError> {
        let is_inline = entry.contains('\n') || entry.trim_start().starts_with('{');
        if is_inline {
            return self.check_plugin_text(entry.as_bytes(), place);
        }
        self.check_accumulated(entry, place, FolderUse::Plugins)
    }

    fn check_plugin_file(&mut self, file: &str, place: Place<'_>) -> Result<(), RenderError> {
        // References in it are relative to the kustomization that names it.
        let bytes = self.read(file).unwrap_or_default();
        self.check_plugin_text(&bytes, Place { file, folder: place.folder })
    }

    fn check_plugin_text(&mut self, text: &[u8], place: Place<'_>) -> Result<(), RenderError> {
        for document in yaml::read(text) {
            let document = document.map_err(|e| refused(place.file, e.to_string()))?;
            let root = document.doc.root();
            self.check_generator(root, place)?;
            for name in ["path", "paths", "valuesfile", "additionalvaluesfiles", "repo", "charthome"] {
                fields(root, name).flat_map(items).try_for_each(|file| self.check_file(file, place))?;
            }
            let sources = fields(root, "replacements").flat_map(items).flat_map(|r| fields(r, "path"));
            sources.into_iter().try_for_each(|file| self.check_file(file, place))?;
        }
        Ok(())
    }
}
