//! The Pod template of a workload, as far as it makes Pods differ.

use crate::object::{Doc, DocBuilder, Kind, Node, Object};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// A Pod template without what controllers put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodTemplate {
    doc: Doc,
    /// The same without the annotation of `kubectl rollout restart`.
    at_rest: Doc,
}

impl PodTemplate {
    /// Takes the template of a workload or of its ReplicaSet.
    pub(super) fn of(object: &Object) -> Option<Self> {
        let template = object.root().at(&["spec", "template"]).filter(|t| t.kind() == Kind::Map)?;
        Some(Self { doc: cleaned(template, &[])?, at_rest: cleaned(template, &[RESTARTED_AT])? })
    }

    /// Returns `true` if the Pods only differ by being younger.
    pub(super) fn differs_by_restart_only(&self, other: &Self) -> bool {
        self.doc != other.doc && self.at_rest == other.at_rest
    }

    /// Returns name, image before and image after of the containers whose image changed.
    pub(super) fn images_changed(&self, after: &Self) -> Vec<(String, String, String)> {
        let before = images(&self.doc);
        let after = images(&after.doc).into_iter();
        let changed = after.filter_map(|(name, new)| {
            let (_, old) = before.iter().find(|(n, _)| *n == name)?;
            (*old != new).then(|| (name.to_owned(), (*old).to_owned(), new.to_owned()))
        });
        changed.collect()
    }
}

fn images(template: &Doc) -> Vec<(&str, &str)> {
    let lists = ["initContainers", "containers"].map(|l| template.root().at(&["spec", l]));
    let containers = lists.into_iter().flatten().flat_map(Node::children);
    containers.filter_map(|c| Some((c.str_at(&["name"])?, c.str_at(&["image"])?))).collect()
}

/// Copies a template without the label that ReplicaSets add, without `null`s, and without some annotations.
fn cleaned(template: Node<'_>, annotations: &[&str]) -> Option<Doc> {
    let mut value = template.to_value();
    let metadata = value.get_mut("metadata");
    if let Some(metadata) = metadata.and_then(serde_json::Value::as_object_mut) {
        for (map, keys) in [
            ("labels", &["pod-template-hash", "rollouts-pod-template-hash"][..]),
            ("annotations", annotations),
        ] {
            if let Some(entries) = metadata.get_mut(map).and_then(serde_json::Value::as_object_mut) {
                keys.iter().for_each(|key| drop(entries.remove(*key)));
            }
        }
        metadata.retain(|_, v| !v.is_null() && v.as_object().is_none_or(|o| !o.is_empty()));
    }
    if let Some(template) = value.as_object_mut()
        && template.get("metadata").and_then(serde_json::Value::as_object).is_some_and(|m| m.is_empty())
    {
        template.remove("metadata");
    }
    let mut builder = DocBuilder::default();
    builder.value(&value).ok()?;
    builder.finish().ok()
}
