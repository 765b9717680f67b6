//! Through what an engine wrote: the mark that it left on the object.

use std::fmt;
use std::sync::Arc;

use crate::k8s::managers;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

/// Annotation by which Argo CD tracks what it applied.
const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";

/// Labels by which it does where it was set up so: the first by default, the second where the first has another use.
const TRACKING_LABELS: [&str; 2] = ["app.kubernetes.io/instance", "argocd.argoproj.io/instance"];

/// Returns `true` for a label that Argo CD puts on what it applies, declared or not, to find it again.
pub(crate) fn is_tracking_label(key: &str, manager: &str, object: &Object) -> bool {
    managers::ARGO_CD.contains(&manager)
        && TRACKING_LABELS.contains(&key)
        && object.annotation(TRACKING_ID).is_none()
}

/// An Application, Kustomization or release, as an object names the one that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppRef {
    /// An Application of Argo CD; its namespace where the mark names it, its name where there is a mark at all.
    Argo {
        /// Namespace, for an Application outside of Argo CD's own.
        namespace: Option<Arc<str>>,
        /// Name; `None` for what carries no mark, as CustomResourceDefinitions do not.
        name: Option<Arc<str>>,
    },
    /// An ApplicationSet of Argo CD, a Kustomization or HelmRelease of Flux, or a release of Helm.
    App(ResourceKey),
}

impl AppRef {
    /// Reads the mark of the engine whose field manager this is; `None` for every other manager.
    ///
    /// To be asked of the version that the manager wrote: where two Applications overwrite one object, each leaves its mark.
    pub fn of(object: &Object, manager: &str) -> Option<Self> {
        let labels = |group: &str| {
            let name = object.label(&format!("{group}/name"))?;
            Some((object.label(&format!("{group}/namespace")).unwrap_or_default(), name))
        };
        match manager {
            m if managers::ARGO_CD.contains(&m) => Some(argo(object)),
            managers::ARGO_CD_SETS => {
                let (set, _) = owning_application_set(object)?;
                Some(Self::App(ResourceKey::new("argoproj.io", "ApplicationSet", object.namespace(), set)))
            }
            m if managers::FLUX_KUSTOMIZE.contains(&m) => {
                let group = "kustomize.toolkit.fluxcd.io";
                let (namespace, name) = labels(group)?;
                Some(Self::App(ResourceKey::new(group, "Kustomization", namespace, name)))
            }
            managers::FLUX_HELM => {
                let group = "helm.toolkit.fluxcd.io";
                let (namespace, name) = labels(group)?;
                Some(Self::App(ResourceKey::new(group, "HelmRelease", namespace, name)))
            }
            m if managers::HELM.contains(&m) => {
                let name = object.annotation("meta.helm.sh/release-name")?;
                let namespace =
                    object.annotation("meta.helm.sh/release-namespace").unwrap_or(object.namespace());
                Some(Self::App(ResourceKey::new("helm.sh", "Release", namespace, name)))
            }
            _ => None,
        }
    }
}

/// Returns name and UID of the ApplicationSet that owns an Application as its controller.
pub fn owning_application_set(object: &Object) -> Option<(&str, &str)> {
    let owners = object.root().at(&["metadata", "ownerReferences"])?;
    let owner = owners.children().find(|o| {
        o.get("controller").and_then(Node::as_bool) == Some(true)
            && o.str_at(&["kind"]) == Some("ApplicationSet")
            && o.str_at(&["apiVersion"]).is_some_and(|v| v.starts_with("argoproj.io/"))
    })?;
    Some((owner.str_at(&["name"])?, owner.str_at(&["uid"]).unwrap_or_default()))
}

fn argo(object: &Object) -> AppRef {
    if let Some((namespace, name)) = object.annotation(TRACKING_ID).and_then(|t| tracked(t, object)) {
        return AppRef::Argo { namespace: namespace.map(Into::into), name: Some(name.into()) };
    }
    let label = TRACKING_LABELS.iter().find_map(|key| object.label(key));
    let (namespace, name) = label.map(instance).unzip();
    AppRef::Argo { namespace: namespace.flatten().map(Into::into), name: name.map(Into::into) }
}

/// Reads the name under which Argo CD knows an Application: `NAME`, or `NAMESPACE_NAME` for one outside of its own namespace.
fn instance(text: &str) -> (Option<&str>, &str) {
    match text.split_once('_') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    }
}

/// Reads `APP:GROUP/KIND:NAMESPACE/NAME` where it names this object; a copied mark names another one.
fn tracked<'a>(id: &'a str, object: &Object) -> Option<(Option<&'a str>, &'a str)> {
    let mut parts = id.splitn(3, ':');
    let (app, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_own = kind.split_once('/') == Some((object.group(), object.kind()))
        && name.split_once('/').is_some_and(|(namespace, name)| {
            // A cluster-scoped object carries the namespace that its Application deploys to.
            name == object.name() && (object.namespace().is_empty() || namespace == object.namespace())
        });
    is_own.then(|| instance(app))
}

impl fmt::Display for AppRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(key) => fmt::Display::fmt(key, f),
            Self::Argo { namespace, name } => write!(
                f,
                "Application.argoproj.io/{}/{}",
                namespace.as_deref().unwrap_or("?"),
                name.as_deref().unwrap_or("?")
            ),
        }
    }
}
