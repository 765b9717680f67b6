//! Which file declares what kustomize printed: by the origins that it writes beside each object when it is asked to.
//!
//! The field is `buildMetadata`
//! (<https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/buildmetadata/>); kustomize knows it since 4.3.

use std::collections::BTreeMap;

use drift_core::Object;
use serde_json::{Value, json};

use crate::gitops::kustomize_edit;
use crate::manifests::{DeclaredObject, ManifestReader, Manifests};
use crate::render::{CommitFiles, FileEdit, join_path};
use crate::yaml::{self, Position};

/// Annotation with the origin of an object, as YAML.
const ORIGIN: &str = "config.kubernetes.io/origin";
/// What asks for it.
const ASK: &str = "originAnnotations";

/// Returns the kustomization of a folder with the origins asked for; `None` where it asks for them itself, and they are declared.
pub(super) fn ask_for_origins(files: &CommitFiles, folder: &str) -> Option<FileEdit> {
    let file = kustomize_edit::kustomization_file(files, folder)?;
    let mut map = kustomize_edit::read(files, &file).ok()?;
    if map.get("buildMetadata").and_then(Value::as_array).is_some_and(|all| all.contains(&json!(ASK))) {
        return None;
    }
    kustomize_edit::append(&mut map, "buildMetadata", [json!(ASK)]);
    Some((file, Value::Object(map).to_string().into_bytes()))
}

/// Gives each object the file that it comes from, and takes the annotation out again.
///
/// `folder` is where the kustomization lies in the files, `base` what it is called. What comes from elsewhere leaves the place that it
/// has.
pub(super) fn place_by_origins(manifests: &mut Manifests, files: &CommitFiles, folder: &str, base: &str) {
    let mut read: BTreeMap<String, Vec<DeclaredObject>> = BTreeMap::new();
    for declared in &mut manifests.declared {
        let Some(origin) = declared.object.annotation(ORIGIN).map(str::to_owned) else { continue };
        if let Some(object) = kustomize_edit::object(&declared.object, without_origin) {
            declared.object = Object::clone(&object);
        }
        let Some(relative) = local_file(&origin) else { continue };
        declared.place.file = join_name(base, &relative).into();
        let Some(path) = join_path(folder, &relative) else { continue };
        let sources = read.entry(path).or_insert_with_key(|path| objects_of(files, path));
        declared.place.position = position_in(sources, &declared.object);
    }
}

/// Returns the file of an origin, from the folder that is rendered: a resource, or what configures a generator. `None` for what another
/// repository holds.
fn local_file(origin: &str) -> Option<String> {
    let doc = yaml::read(origin.as_bytes()).into_iter().next()?.ok()?.doc;
    let text = |name: &str| doc.root().str_at(&[name]).filter(|text| !text.is_empty());
    match text("repo") {
        Some(_) => None,
        None => text("path").or(text("configuredIn")).map(str::to_owned),
    }
}

fn without_origin(map: &mut serde_json::Map<String, Value>) {
    let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    annotations.remove(ORIGIN);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

fn objects_of(files: &CommitFiles, path: &str) -> Vec<DeclaredObject> {
    let mut reader = ManifestReader::new();
    reader.add_file(path, &files.read(path).unwrap_or_default());
    reader.finish().declared
}

/// Returns where an object begins in its file. A kustomization may have changed its name: the only one of its kind is meant, else the
/// one of that name.
fn position_in(sources: &[DeclaredObject], object: &Object) -> Option<Position> {
    let mut of_kind: Vec<_> = sources
        .iter()
        .filter(|d| (d.object.group(), d.object.kind()) == (object.group(), object.kind()))
        .collect();
    if of_kind.len() > 1 {
        of_kind.retain(|d| d.object.name() == object.name());
    }
    match of_kind[..] {
        [one] => one.place.position,
        _ => None,
    }
}

/// Joins the name of a folder and a path from there, which may lead out of it.
pub(super) fn join_name(base: &str, relative: &str) -> String {
    let root = if base.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_the_folder_is() {
        for (base, relative, expect) in [
            ("repo/over/prod", "../../base/a.yaml", "repo/base/a.yaml"),
            (".", "../base/a.yaml", "../base/a.yaml"),
            ("../over", "../base/a.yaml", "../base/a.yaml"),
            ("/srv/over/", "a.yaml", "/srv/over/a.yaml"),
            ("", "a.yaml", "a.yaml"),
        ] {
            assert_eq!(join_name(base, relative), expect);
        }
    }

    #[test]
    fn the_file_of_an_origin_is_one_of_this_repository() {
        for (origin, expect) in [
            ("path: ../base/a.yaml\n", Some("../base/a.yaml")),
            (
                "configuredIn: kustomization.yaml\nconfiguredBy: {kind: ConfigMapGenerator}\n",
                Some("kustomization.yaml"),
            ),
            ("path: a.yaml\nrepo: https://git.example.com/x\nref: v1\n", None),
            ("[", None),
        ] {
            assert_eq!(local_file(origin).as_deref(), expect, "{origin}");
        }
    }
}
