//! Places in which something is declared.

use std::fmt;
use std::path::PathBuf;

/// A place in which something is declared.
///
/// A text is a [`Tree`](Self::Tree), so that `estate.desired("k8s/")` reads a folder and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DesiredPlace {
    /// A folder with all below it, a file, `-` for standard input, or a Git repository as `PATH_OR_URL[@REV][:FOLDER]`.
    Tree(String),
    /// The same, but of a folder only the files directly in it, as `kubectl apply -f` reads it.
    Folder(String),
    /// A folder with a kustomization, here or in Git, rendered by `kustomize`.
    Kustomization(String),
    /// A folder with a Helm chart, rendered by `helm` as a release.
    Chart(ChartPlace),
    /// Another place, with the namespace of what it declares without one.
    InNamespace(String, Box<DesiredPlace>),
}

impl DesiredPlace {
    /// Names the namespace of what is declared there without one: where several are compared, each may have its own.
    #[must_use]
    pub fn in_namespace(self, namespace: impl Into<String>) -> Self {
        Self::InNamespace(namespace.into(), Box::new(self))
    }
}

/// A Helm chart with what it is rendered for: the same chart declares other objects for another release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartPlace {
    /// Folder of the chart.
    pub folder: PathBuf,
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Files of values, the last one counts most.
    pub values: Vec<PathBuf>,
}

impl From<&str> for DesiredPlace {
    fn from(place: &str) -> Self {
        Self::Tree(place.to_owned())
    }
}

impl From<String> for DesiredPlace {
    fn from(place: String) -> Self {
        Self::Tree(place)
    }
}

impl From<&String> for DesiredPlace {
    fn from(place: &String) -> Self {
        Self::Tree(place.clone())
    }
}

impl fmt::Display for DesiredPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree(place) | Self::Folder(place) | Self::Kustomization(place) => f.write_str(place),
            Self::InNamespace(_, place) => place.fmt(f),
            Self::Chart(chart) => write!(f, "{}", chart.folder.display()),
        }
    }
}
