//! Decides which documents are manifests.

use drift_core::{Doc, Kind, Node, Object};

use super::ProblemKind;

/// Converts a document to an object, or returns why it is not one.
pub(super) fn classify_document(file: &str, doc: Doc) -> Result<Object, ProblemKind> {
    if let Some(reason) = not_manifest(file.rsplit('/').next().unwrap_or(file), doc.root()) {
        return Err(ProblemKind::NotManifest(reason));
    }
    let object = Object::new(doc).map_err(ProblemKind::NotObject)?;
    if object.name().is_empty() {
        return Err(ProblemKind::Generated(object.kind().to_owned()));
    }
    Ok(object)
}

/// Returns why a document is not a manifest, if it is not.
fn not_manifest(file: &str, root: Node<'_>) -> Option<&'static str> {
    if root.kind() != Kind::Map {
        return Some("not a map");
    }
    let has = |field| root.get(field).is_some();
    let api_version = root.str_at(&["apiVersion"]).unwrap_or_default();
    if api_version.starts_with("kustomize.config.k8s.io/")
        || (is_kustomization(file) && !(has("apiVersion") && has("kind") && has("metadata")))
    {
        return Some("a kustomization; render it with `kustomize build`");
    }
    if file == "Chart.yaml" && !has("kind") {
        return Some("a Helm chart; render it with `helm template`");
    }
    match (has("apiVersion"), has("kind")) {
        (false, false) => Some("it has neither apiVersion nor kind"),
        // With metadata, a field was forgotten; without, it is another tool's file.
        (true, true) | (true, false) | (false, true) if has("metadata") => None,
        _ => Some("it has no metadata"),
    }
}

fn is_kustomization(file: &str) -> bool {
    matches!(file, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// Returns `true` if a file that is not valid YAML is a Helm template.
pub(super) fn is_helm_template(file: &str, bytes: &[u8]) -> bool {
    let in_templates = file.rsplit('/').skip(1).any(|folder| folder == "templates");
    in_templates && bytes.windows(2).any(|pair| pair == b"{{")
}
