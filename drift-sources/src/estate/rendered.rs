//! What `kustomize` and `helm` make of a folder that is named as declared.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::kustomizations::parts_of;
use super::origins::{ask_for_origins, join_name, place_by_origins};
use super::{ChartPlace, EstateError};
use crate::git::{Commit, GitRepo};
use crate::gitops::kustomize_edit::kustomization_file;
use crate::manifests::{ManifestReader, Manifests};
use crate::render::{CommitFiles, Program, RenderError, Renderer};
use crate::yaml::Positions;

/// What else can be done about a folder that cannot be rendered here.
const PIPE_KUSTOMIZE: &str = "it is a kustomization, which `kustomize` renders; what it prints elsewhere can be piped in: `kustomize build DIR | … -`";
const PIPE_HELM: &str = "it is a chart, which `helm` renders; what it prints elsewhere can be piped in: `helm template RELEASE CHART | … -`";

/// Renders a kustomization of this machine; files are named from `base`, which is what the folder is called.
pub(super) fn render_kustomization(
    name: &str,
    base: &str,
    folder: &Path,
    renderer: &Renderer,
) -> Result<Manifests, EstateError> {
    let failed = |e: std::io::Error| unrendered(name, RenderError::Files(e.to_string()));
    let folder = folder.canonicalize().map_err(failed)?;
    let (files, root) = CommitFiles::from_disk(&parts_of(&folder)).map_err(failed)?;
    let within = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().into_owned();
    build(name, base, &files, &within, renderer)
}

/// Renders a kustomization of a commit; files are named from the root of the repository.
pub(super) fn render_committed(
    name: &str,
    (repo, commit): (&GitRepo, &Commit),
    folder: &str,
    renderer: &Renderer,
) -> Result<Manifests, EstateError> {
    let files = CommitFiles::from_commit(repo, commit, |_| true)
        .map_err(|e| unrendered(name, RenderError::Files(e.to_string())))?;
    build(name, folder, &files, folder, renderer)
}

fn build(
    name: &str,
    base: &str,
    files: &CommitFiles,
    folder: &str,
    renderer: &Renderer,
) -> Result<Manifests, EstateError> {
    let arguments = ["build", "."].map(str::to_owned);
    let run = |edits: &[_]| renderer.run_uncached(Program::Kustomize, files, folder, &arguments, edits);
    let edits = Vec::from_iter(ask_for_origins(files, folder));
    let (output, has_origins) = match run(&edits) {
        // What is wrong is said of the kustomization as it stands.
        Err(e) if e.is_broken() && !edits.is_empty() => (run(&[]), false),
        output => (output, !edits.is_empty()),
    };
    let output = output.map_err(|e| unrendered(name, e).expecting(PIPE_KUSTOMIZE))?;
    let file = kustomization_file(files, folder).unwrap_or_else(|| "kustomization.yaml".to_owned());
    let file = file.rsplit('/').next().unwrap_or(&file);
    let mut manifests = read_output(&join_name(base, file), &output);
    if has_origins {
        place_by_origins(&mut manifests, files, folder, base);
    }
    Ok(manifests)
}

/// Renders a chart for a release.
pub(super) fn render_chart(chart: &ChartPlace, renderer: &Renderer) -> Result<Manifests, EstateError> {
    let name = chart.folder.display().to_string();
    let failed = |e: std::io::Error| unrendered(&name, RenderError::Files(e.to_string()));
    let folder = chart.folder.canonicalize().map_err(failed)?;
    let values: Vec<PathBuf> =
        chart.values.iter().map(|v| v.canonicalize()).collect::<Result<_, _>>().map_err(failed)?;
    let parts: BTreeSet<PathBuf> = values.iter().cloned().chain([folder.clone()]).collect();
    let (files, root) = CommitFiles::from_disk(&parts).map_err(failed)?;
    let below_root = |p: &Path| p.strip_prefix(&root).unwrap_or(p).to_string_lossy().into_owned();
    let within = below_root(&folder);
    let up = "../".repeat(within.split('/').filter(|p| !p.is_empty()).count());
    let mut arguments: Vec<String> =
        ["template", &chart.release, ".", "--namespace", &chart.namespace].map(str::to_owned).into();
    for file in &values {
        arguments.extend(["--values".to_owned(), format!("{up}{}", below_root(file))]);
    }
    let output = renderer.run_uncached(Program::Helm, &files, &within, &arguments, &[]);
    let output = output.map_err(|e| unrendered(&name, e).expecting(PIPE_HELM))?;
    Ok(read_output(&join_name(&name, "Chart.yaml"), &output))
}

/// Refuses a chart for which no release is named.
pub(super) fn refuse_chart(name: &str) -> EstateError {
    let why = "it is a Helm chart, which declares nothing until it is rendered for a release";
    EstateError::unreadable(what(name), why)
        .expecting("name the release and its values, or pipe in what `helm template RELEASE CHART` prints")
}

fn what(name: &str) -> String {
    format!("what is declared in `{name}`")
}

fn unrendered(name: &str, error: RenderError) -> EstateError {
    EstateError::unreadable(what(name), error)
}

/// Reads what a program printed; lines of it are lines of no file.
fn read_output(name: &str, output: &[u8]) -> Manifests {
    let mut reader = ManifestReader::new();
    reader.add_file(name, output);
    let mut manifests = reader.finish();
    for declared in &mut manifests.declared {
        declared.place.position = None;
        declared.positions = Positions::default();
    }
    manifests
}
