//! What stands at a place of a document, as far as secrets are concerned.

use crate::object::{Kind, Node};

/// What stands at a place of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing of interest.
    Plain,
    /// What things are known by: it refers to other objects, and no secret is looked for in it.
    Name,
    /// A Secret, a patch of one, or a list of them: all but its metadata is secret.
    Secret,
    /// Something about a Secret, such as an audit entry, or a resource of another group that is called so: its data is secret.
    AboutSecret,
    /// Values of a Secret.
    Values { base64: bool },
    /// A field of a Secret that is `true` or `false`.
    Switch,
    /// Metadata, of a Secret or not.
    Metadata { secret: bool },
    /// Labels of a Secret.
    Labels,
    /// Annotations, of a Secret or not.
    Annotations { secret: bool },
    /// The template of a Secret in a resource that makes one.
    Template,
    /// Values of such a template.
    TemplateValues,
    /// Values for a chart or a set of manifests.
    ChartValues,
}

/// Kinds that hold values for charts or manifests: Flux, Argo CD, k3s, Crossplane.
const CHART_KINDS: &[&str] = &[
    "HelmRelease",
    "Application",
    "ApplicationSet",
    "HelmChart",
    "HelmChartConfig",
    "Kustomization",
    "Release",
];

/// Fields of them in which the values stand.
const CHART_FIELDS: &[&str] = &[
    "values",
    "valuesObject",
    "valuesContent",
    "valuesInline",
    "parameters",
    "set",
    "substitute",
    "env",
    "overrides",
];

impl Place {
    /// Returns what a document of a kind is as a whole.
    pub(super) fn of_kind(group: &str, kind: &str) -> Self {
        match secret_kind(kind) {
            true if is_core(group) => Self::Secret,
            true => Self::AboutSecret,
            false => Self::Plain,
        }
    }

    /// Returns `true` for resources that make Secrets from a template: `ExternalSecret`, `SealedSecret`, `SopsSecret`.
    pub(super) fn has_secret_templates(kind: &str) -> bool {
        kind.len() > "Secret".len() && kind.ends_with("Secret")
    }

    /// Returns `true` for resources that hold values for charts.
    pub(super) fn has_chart_values(kind: &str) -> bool {
        CHART_KINDS.contains(&kind)
    }

    /// Returns what stands at a field further down, in a document of a kind; values stay values.
    pub(super) fn at_field(self, key: &str, kind: &str) -> Self {
        match self {
            Self::Values { .. } | Self::TemplateValues | Self::Switch => self,
            Self::Labels if super::text::is_credential_name(key) => Self::Values { base64: false },
            place => place.under(key, kind),
        }
    }

    /// Returns what stands under a key, in a document of a kind.
    pub(super) fn under(self, key: &str, kind: &str) -> Self {
        match (self, key) {
            (Self::Secret | Self::AboutSecret, "data") => Self::Values { base64: true },
            (_, "stringData") if !matches!(self, Self::Template) => Self::Values { base64: false },
            (Self::Secret | Self::AboutSecret, "metadata") => Self::Metadata { secret: true },
            (Self::Secret, "apiVersion" | "kind" | "type") => Self::Plain,
            (Self::Secret, "immutable") => Self::Switch,
            // Directives of a patch, and what SOPS writes beside the values that it encrypts.
            (Self::Secret, "sops") => Self::Plain,
            (Self::Secret, key) if key.starts_with('$') => Self::Plain,
            (Self::Secret | Self::AboutSecret, "items" | "requestObject" | "responseObject") => Self::Secret,
            (Self::Secret, _) | (Self::AboutSecret, "binaryData") => Self::Values { base64: false },
            (Self::Plain, "metadata") => Self::Metadata { secret: false },
            (Self::Metadata { secret: true }, "labels") => Self::Labels,
            (Self::Metadata { secret }, "annotations") => Self::Annotations { secret },
            (Self::Metadata { secret }, key) => Self::of_metadata(secret, key),
            (Self::Template, "data" | "stringData") => Self::TemplateValues,
            (Self::Template, "template") => Self::Template,
            (Self::Plain, "template" | "templates" | "secretTemplates")
                if Self::has_secret_templates(kind) =>
            {
                Self::Template
            }
            (Self::ChartValues, _) => Self::ChartValues,
            (Self::Plain, key) if CHART_FIELDS.contains(&key) && Self::has_chart_values(kind) => {
                Self::ChartValues
            }
            (
                Self::Plain | Self::AboutSecret,
                "name" | "namespace" | "uid" | "kind" | "apiVersion" | "resourceVersion",
            ) => Self::Name,
            _ => Self::Plain,
        }
    }

    fn of_metadata(secret: bool, key: &str) -> Self {
        match key {
            "name" | "generateName" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp"
            | "selfLink" | "deletionTimestamp" => Self::Name,
            "managedFields"
            | "ownerReferences"
            | "finalizers"
            | "generation"
            | "deletionGracePeriodSeconds"
            | "clusterName" => Self::Plain,
            key if secret && !key.starts_with('$') => Self::Values { base64: false },
            _ => Self::Plain,
        }
    }

    /// Returns what the elements of a list are.
    pub(super) fn of_element(self) -> Self {
        match self {
            Self::Secret | Self::AboutSecret | Self::Template | Self::ChartValues | Self::Values { .. } => {
                self
            }
            _ => Self::Plain,
        }
    }
}

/// Returns `true` for `Secret` and `SecretList`, also as an API server would refuse them: `secret`, `Secret `.
pub(super) fn secret_kind(kind: &str) -> bool {
    let kind = kind.trim();
    kind.eq_ignore_ascii_case("Secret") || kind.eq_ignore_ascii_case("SecretList")
}

/// Returns `true` for the core group, also as it is written by mistake.
fn is_core(group: &str) -> bool {
    matches!(group.trim(), "" | "core" | "v1")
}

/// Returns `true` for a map that is a Secret or a list of them. A reference names no version, or has nothing else.
pub(super) fn is_secret(node: Node<'_>) -> bool {
    let Some(kind) = node.str_at(&["kind"]).filter(|_| node.kind() == Kind::Map) else { return false };
    secret_kind(kind)
        && node
            .str_at(&["apiVersion"])
            .is_some_and(|v| is_core(v.trim().rsplit_once('/').map_or("", |(group, _)| group)))
        && is_more_than_reference(node)
}

/// Returns `true` if a map has fields that no reference to an object has.
fn is_more_than_reference(node: Node<'_>) -> bool {
    const REFERENCE: &[&str] = &[
        "apiVersion",
        "kind",
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "fieldPath",
        "controller",
        "blockOwnerDeletion",
        "key",
        "optional",
        "group",
        "id",
        "status",
        "health",
        "version",
        "syncWave",
        "hook",
        "requiresPruning",
    ];
    node.children().any(|child| !REFERENCE.contains(&child.key()))
}
