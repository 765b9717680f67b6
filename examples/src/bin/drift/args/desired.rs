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
    /// REPO@REV:DIR with a path or URL of the repository; no checkout is needed. Kustomizations are rendered. As for -f and -k,
    /// NAMESPACE= before it is the namespace of what it declares without one. Repeatable.
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
        let folder = |place: &str| match self.recursive {
            true => DesiredPlace::Tree(place.to_owned()),
            false => DesiredPlace::Folder(place.to_owned()),
        };
        let tree = |place: &str| DesiredPlace::from(place);
        let rendered = |place: &str| DesiredPlace::Kustomization(place.to_owned());
        let read = |text: &str, make: &dyn Fn(&str) -> DesiredPlace, may_be_chart: MayBeChart| {
            let (own, place) = split_namespace(text);
            let chart = match may_be_chart {
                MayBeChart::Yes => self.chart(place, own.or(namespace)),
                MayBeChart::No => None,
            };
            let place = chart.unwrap_or_else(|| make(place));
            match own {
                Some(own) => place.in_namespace(own),
                None => place,
            }
        };
        let named = self.filename.iter().map(|text| read(text, &folder, MayBeChart::Yes));
        let rendered = self.kustomize.iter().map(|text| read(text, &rendered, MayBeChart::No));
        let trees = self.desired.iter().map(|text| read(text, &tree, MayBeChart::Yes));
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

/// Whether a folder is rendered as a chart if it is one.
#[derive(Clone, Copy)]
enum MayBeChart {
    Yes,
    No,
}

/// Splits `NAMESPACE=WHAT`. What is there under the whole text is meant by it.
fn split_namespace(text: &str) -> (Option<&str>, &str) {
    let is_label = |name: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&name.len())
            && name.bytes().all(is_plain)
            && !name.starts_with('-')
            && !name.ends_with('-')
    };
    match text.split_once('=') {
        Some((namespace, place)) if is_label(namespace) && !place.is_empty() && !Path::new(text).exists() => {
            (Some(namespace), place)
        }
        _ => (None, text),
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

#[cfg(test)]
mod tests {
    use super::split_namespace;

    #[test]
    fn a_namespace_stands_before_what_is_declared() {
        for (text, namespace, place) in [
            ("shop=k8s/", Some("shop"), "k8s/"),
            (
                "shop=https://git.example.com/x.git@v1:a=b",
                Some("shop"),
                "https://git.example.com/x.git@v1:a=b",
            ),
            ("k8s/", None, "k8s/"),
            ("./shop=k8s", None, "./shop=k8s"),
            ("https://git.example.com/x?a=b", None, "https://git.example.com/x?a=b"),
            ("Shop=k8s", None, "Shop=k8s"),
            ("shop=", None, "shop="),
        ] {
            assert_eq!(split_namespace(text), (namespace, place), "{text}");
        }
    }
}
