//! How Argo CD marks the resources it manages.

use drift_core::{Object, ResourceKey};

use super::settings::{ArgoSettings, TrackingMethod};
use super::{INSTALLATION_ANNOTATION, TRACKING_ANNOTATION};

/// The value of the tracking annotation: `<app>:<group>/<kind>:<namespace>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackingId {
    /// Name of the app, with `NAMESPACE_` in front unless the namespace is Argo CD's own.
    pub app: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Kind of the resource.
    pub kind: String,
    /// Namespace; for a cluster-scoped resource the destination's.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
}

/// A text that is not a tracking id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid tracking id `{0}`; expected APP:GROUP/KIND:NAMESPACE/NAME")]
pub struct TrackingError(pub String);

impl TrackingId {
    /// Parses the annotation's value.
    ///
    /// # Errors
    /// When a part is missing, or the app, kind or name is empty.
    pub fn parse(text: &str) -> Result<Self, TrackingError> {
        let error = || TrackingError(text.chars().take(200).collect());
        let mut parts = text.splitn(3, ':');
        let (app, kind, name) = (parts.next(), parts.next(), parts.next());
        let (Some(app), Some(kind), Some(name)) = (app, kind, name) else { return Err(error()) };
        let (group, kind) = kind.split_once('/').ok_or_else(error)?;
        let (namespace, name) = name.split_once('/').ok_or_else(error)?;
        if app.is_empty() || kind.is_empty() || name.is_empty() {
            return Err(error());
        }
        let [app, group, kind, namespace, name] = [app, group, kind, namespace, name].map(str::to_owned);
        Ok(Self { app, group, kind, namespace, name })
    }

    /// Returns `true` if the id names this resource. For example, the annotation of an object that was copied from
    /// another one names the other one.
    ///
    /// For a cluster-scoped resource the namespace of the id is that of the app's destination and is not compared.
    pub fn names_resource(&self, key: &ResourceKey) -> bool {
        *self.group == *key.group
            && *self.kind == *key.kind
            && *self.name == *key.name
            && (key.namespace.is_empty() || *self.namespace == *key.namespace)
    }
}

/// Returns the app that an object's instance label names, cut as Argo CD cuts it.
pub fn instance_label<'a>(object: &'a Object, settings: &ArgoSettings) -> Option<&'a str> {
    object.label(&settings.instance_label)
}

/// Returns `true` if an object carries the mark of an app, and the mark was not merely copied.
pub fn belongs_to_app(object: &Object, app: &str, settings: &ArgoSettings) -> bool {
    let by_annotation = || {
        let ours = match &settings.installation_id {
            Some(id) => object.annotation(INSTALLATION_ANNOTATION) == Some(id),
            None => true,
        };
        let id = object.annotation(TRACKING_ANNOTATION).and_then(|t| TrackingId::parse(t).ok());
        ours && id.is_some_and(|id| id.app == app && id.names_resource(&object.key()))
    };
    // A label can hold 63 characters; only beside the annotation is a longer name cut.
    let by_label = || instance_label(object, settings) == Some(app);
    match settings.tracking {
        TrackingMethod::Annotation | TrackingMethod::AnnotationAndLabel => by_annotation(),
        TrackingMethod::Label => by_label(),
    }
}
