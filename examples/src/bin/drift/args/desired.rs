//! Arguments about what is declared.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use drift_core::ResourceName;
use drift_sources::estate::{ChartPlace, DesiredPlace};

/// The options that name what is declared.
#[derive(Args, Debug, Default)]
#[group(id = "declared", multiple = true)]
pub(crate) struct DesiredArgs {
    /// Desired state as kubectl takes it: a file, `-` for standard input, or a folder, of which only the files directly in it are
    /// read unless -R is given. Git is taken as for --desired. Repeatable.
    #[arg(short, long, value_name = "WHAT", action = ArgAction::Append)]
    filename: Vec<String>,

    /// Desired state that `kustomize` renders: a folder with a kustomization, here or in Git. Repeatable.
    #[arg(short, long, value_name = "DIR", action = ArgAction::Append)]
    kustomize: Vec<String>,

    /// Desired state: a directory with all below it, a file, `-` for standard input, or a Git revision as REPO@REV or
    /// REPO@REV:DIR with a path or URL of the repository; no checkout is needed. Kustomizations are rendered. Repeatable.
    #[arg(long, value_name = "WHAT", action = ArgAction::Append)]
    desired: Vec<String>,

    /// Also read what is below the folders of -f. Defaults to the files directly in them, as in kubectl.
    #[arg(short = 'R', long, requires = "filename")]
    recursive: bool,

    /// Render the Helm charts among the folders of -f and --desired as this release, in the namespace of -n.
    #[arg(long, value_name = "NAME")]
    release: Option<String>,

    /// File of values for the charts. Repeatable.
    #[arg(long, value_name = "FILE", action = ArgAction::Append, requires = "release")]
    values: Vec<PathBuf>,
}

impl DesiredArgs {
    /// Returns the places in which something is declared; none means what Argo CD, Flux and Helm declare.
    pub(crate) fn places(&self, namespace: Option<&str>) -> Vec<DesiredPlace> {
        let folder = |place: &String| match self.recursive {
            true => DesiredPlace::Tree(place.clone()),
            false => DesiredPlace::Folder(place.clone()),
        };
        let named =
            self.filename.iter().map(|place| self.chart(place, namespace).unwrap_or_else(|| folder(place)));
        let rendered = self.kustomize.iter().cloned().map(DesiredPlace::Kustomization);
        let trees =
            self.desired.iter().map(|place| self.chart(place, namespace).unwrap_or_else(|| place.into()));
        named.chain(rendered).chain(trees).collect()
    }

    fn chart(&self, place: &str, namespace: Option<&str>) -> Option<DesiredPlace> {
        let release = self.release.clone()?;
        let folder = PathBuf::from(place);
        let namespace = namespace.unwrap_or("default").to_owned();
        let chart = ChartPlace { folder, release, namespace, values: self.values.clone() };
        chart.folder.join("Chart.yaml").is_file().then_some(DesiredPlace::Chart(chart))
    }
}

/// Reads the name of a resource where a path may have been meant.
pub(super) fn resource(text: &str) -> Result<ResourceName, String> {
    let name = text.parse::<ResourceName>();
    let has_extension = [".yaml", ".yml", ".json"].iter().any(|end| text.ends_with(end));
    let is_path = text == "-" || text.ends_with('/') || text.starts_with(['.', '/']) || has_extension;
    let is_there = || Path::new(text).exists() && !name.as_ref().is_ok_and(|n| n.kind().is_built_in());
    if is_path || is_there() {
        return Err(format!("a path is named with -f: -f {text}"));
    }
    name.map_err(|e| e.to_string())
}
