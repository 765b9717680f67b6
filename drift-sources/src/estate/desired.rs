//! What is declared: manifests in folders, files, standard input and Git.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::coverage::{Unseen, UnseenReason};
use drift_core::drift::{Declaration, DesiredObject, DriftReport};
use drift_core::redact::Redactor;
use drift_core::schema::{SchemaSet, Scope};
use drift_core::{Object, ResourceKey, SourceRevision};

use super::blocking::run_blocking;
use super::kustomizations::{RenderedFolders, is_chart, is_jsonnet, is_kustomization};
use super::origins::join_name;
use super::rendered::{refuse_chart, render_chart, render_committed, render_kustomization};
use super::{DesiredPlace, EstateError, InputNotes};
use crate::git::{GitDesired, GitOptions, GitSpec, SkipReason, SkippedEntry};
use crate::gitops::kustomize_edit;
use crate::manifests::{DeclaredObject, FolderDepth, ManifestReader, Manifests, ProblemKind};
use crate::render::{CommitFiles, KUSTOMIZATION_FILES, Renderer};
use crate::yaml::ListIndexes;

/// Most files that one note names.
const MAX_NAMED: usize = 3;

/// What may be named as declared, for who gave something else.
const FORMS: &str =
    "what is declared is a folder, a file, `-`, or a Git repository as PATH_OR_URL[@REV][:FOLDER]";

/// What manifests declare, with the file and line of every field.
#[derive(Debug, Default)]
pub struct DesiredState {
    parts: Vec<DesiredPart>,
    notes: InputNotes,
}

/// What one place declares.
#[derive(Debug)]
struct DesiredPart {
    manifests: Manifests,
    /// Commit, for Git.
    revision: Option<SourceRevision>,
    /// Folder that the names of files are relative to, unless they are paths as they stand.
    base: Option<PathBuf>,
    /// Namespace of what names none, if that is not the one of all parts.
    namespace: Option<String>,
}

impl DesiredState {
    /// Reads what is declared in some places.
    ///
    /// A folder with a kustomization is rendered and never read as it stands: its files declare something else than kustomize
    /// makes of them. Of the kustomizations below a folder those are rendered that no other refers to; where several share a base,
    /// as overlays do, only one of them can be meant, so that none is.
    ///
    /// # Errors
    /// When one of them cannot be read or rendered at all. A file or document that cannot be read is a note.
    pub async fn read(places: &[DesiredPlace], renderer: &Arc<Renderer>) -> Result<Self, EstateError> {
        let mut desired = Self::default();
        for place in places {
            let (place, renderer) = (place.clone(), Arc::clone(renderer));
            // Reading files and repositories blocks.
            let (parts, notes) = run_blocking(move || DesiredPart::read(&place, &renderer)).await?;
            desired.parts.extend(parts);
            desired.notes.append(notes);
        }
        desired.note_problems();
        if desired.parts.iter().all(|p| p.manifests.declared.is_empty()) && !desired.notes.is_partial() {
            let places: Vec<_> = places.iter().map(ToString::to_string).collect();
            desired.notes.add_incomplete(format!("nothing is declared in {}", places.join(", ")));
        }
        Ok(desired)
    }

    fn note_problems(&mut self) {
        for problem in self.parts.iter().flat_map(|p| &p.manifests.problems) {
            match problem.kind.is_error() {
                true => self.notes.add_incomplete(problem.to_string()),
                false => self.notes.add(problem.to_string()),
            }
        }
    }

    /// Returns the declared objects as they were read, for schemas and filters.
    pub fn objects(&self) -> impl Iterator<Item = &Object> + Clone {
        self.parts.iter().flat_map(|p| &p.manifests.declared).map(|d| &d.object)
    }

    /// Takes the notes of what was read since the last call.
    pub fn take_notes(&mut self) -> InputNotes {
        std::mem::take(&mut self.notes)
    }

    /// Fills in the namespace of objects that name none, drops repeated declarations with a note, and returns what is to be
    /// compared, with Secrets hashed as the live ones are.
    pub fn resolve(
        &mut self,
        schemas: &SchemaSet,
        namespace: &str,
        redactor: Option<&Redactor>,
    ) -> Vec<DesiredObject> {
        let mut all = Vec::new();
        for part in &mut self.parts {
            for declared in &mut part.manifests.declared {
                match schemas.scope(&declared.key.group, &declared.key.kind) {
                    Some(Scope::Cluster) => declared.key = declared.key.clone().in_namespace(""),
                    Some(Scope::Namespaced) if declared.key.namespace.is_empty() => match &part.namespace {
                        Some(own) => place_in(declared, own),
                        None => declared.key = declared.key.clone().in_namespace(namespace),
                    },
                    _ => {}
                }
            }
            let known = part.manifests.problems.len();
            part.manifests.settle_duplicates();
            for problem in &part.manifests.problems[known..] {
                debug_assert!(
                    matches!(problem.kind, ProblemKind::Duplicate { .. }),
                    "nothing else is settled"
                );
                self.notes.add(problem.to_string());
            }
            let compared = |d: &DeclaredObject| match redactor {
                Some(redactor) => redactor.redact(d.object.clone()),
                None => d.object.clone(),
            };
            all.extend(part.manifests.declared.iter().map(|d| DesiredObject {
                object: Arc::new(compared(d)),
                declared: Some(part.declaration(d)),
            }));
        }
        all
    }

    /// Returns the paths of declaring files by the names that [`Declaration`]s have, as far as a name is one file's alone.
    pub(super) fn paths(&self) -> BTreeMap<Arc<str>, PathBuf> {
        let mut paths: BTreeMap<Arc<str>, Vec<PathBuf>> = BTreeMap::new();
        for part in &self.parts {
            for declared in &part.manifests.declared {
                let file = &declared.place.file;
                let path =
                    part.base.as_ref().map_or_else(|| PathBuf::from(&**file), |base| base.join(&**file));
                paths.entry(Arc::clone(file)).or_default().push(path);
            }
        }
        paths.retain(|_, all| all.windows(2).all(|pair| pair[0] == pair[1]));
        paths.into_iter().filter_map(|(name, all)| Some((name, all.into_iter().next()?))).collect()
    }

    /// Sets the line of every change of a report: the line that declares the field, or the nearest one around it.
    pub fn fill_lines(&self, report: &mut DriftReport) {
        let mut places: HashMap<(Arc<str>, u32), &DeclaredObject> = HashMap::new();
        for part in &self.parts {
            for declared in &part.manifests.declared {
                let Declaration { file, line, .. } = part.declaration(declared);
                places.insert((file, line), declared);
            }
        }
        for resource in &mut report.resources {
            let place = resource.declared.as_ref().map(|d| (Arc::clone(&d.file), d.line));
            let Some(declared) = place.and_then(|p| places.get(&p)) else { continue };
            let mut lists = ListIndexes::default();
            for change in &mut resource.changes {
                change.line = declared.locate_with(&change.path, &mut lists).position.map(|p| p.line);
            }
        }
    }
}

impl DesiredPart {
    fn read(place: &DesiredPlace, renderer: &Renderer) -> Result<(Vec<Self>, InputNotes), EstateError> {
        let (name, depth) = match place {
            DesiredPlace::InNamespace(namespace, place) => {
                let (mut parts, notes) = Self::read(place, renderer)?;
                parts.iter_mut().for_each(|part| part.settle_in(namespace));
                return Ok((parts, notes));
            }
            DesiredPlace::Chart(chart) => {
                return Ok((vec![render_chart(chart, renderer)?.into()], InputNotes::default()));
            }
            DesiredPlace::Kustomization(name) if GitSpec::looks_like_git(name) => {
                return Self::read_git(name, GitForm::Kustomization, renderer);
            }
            DesiredPlace::Kustomization(name) => {
                let rendered = render_kustomization(name, name, Path::new(name), renderer)?;
                return Ok((vec![rendered.into()], InputNotes::default()));
            }
            DesiredPlace::Tree(name) => (name, FolderDepth::All),
            DesiredPlace::Folder(name) => (name, FolderDepth::Top),
        };
        match Path::new(name) {
            _ if GitSpec::looks_like_git(name) => Self::read_git(name, GitForm::Files(depth), renderer),
            folder if folder.is_dir() => read_folder(name, name, folder, depth, renderer),
            file if is_jsonnet(file) => Err(unreadable(name, "it is Jsonnet, which is not evaluated here")
                .expecting("pass on what evaluates it: `jsonnet -y FILE | drift diff -f -`")),
            file => {
                let manifests = Manifests::read(file).map_err(|e| unreadable(name, e))?;
                Ok((vec![manifests.into()], InputNotes::default()))
            }
        }
    }

    fn read_git(
        place: &str,
        form: GitForm,
        renderer: &Renderer,
    ) -> Result<(Vec<Self>, InputNotes), EstateError> {
        let failed = |e| EstateError::unreadable("what is declared in Git", e);
        let spec = GitSpec::parse(place).map_err(failed)?;
        let (repo, desired) = GitDesired::load(&spec, &GitOptions::default()).map_err(failed)?;
        let revision = SourceRevision::new(desired.commit.id.to_string());
        let mut notes = InputNotes::default();
        desired.skipped.iter().for_each(|skipped| note_skipped(skipped, &mut notes));
        let folder = desired.subdir.clone().unwrap_or_default();
        let all = repo.every_file(&desired.commit).map_err(failed)?.files;
        let is_below = |path: &str| {
            let rest = path.strip_prefix(&*folder);
            folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut parts = match form {
            GitForm::Kustomization => {
                vec![render_committed(place, (&repo, &desired.commit), &folder, renderer)?.into()]
            }
            // What is rendered is looked for in files, as that of a folder is.
            GitForm::Files(depth) if all.iter().any(|f| is_below(&f.path) && marks_rendered(&f.path)) => {
                let files = CommitFiles::from_commit(&repo, &desired.commit, |_| true).map_err(failed)?;
                let root = files.root().join(&folder);
                let (mut parts, more) = read_folder(place, "", &root, depth, renderer)?;
                notes.append(more);
                parts.iter_mut().for_each(|part| part.move_below(&folder));
                parts.iter_mut().for_each(|part| part.base = None);
                parts
            }
            GitForm::Files(depth) => {
                let is_deep =
                    |path: &str| path.trim_start_matches(&*folder).trim_start_matches('/').contains('/');
                let mut reader = ManifestReader::new();
                for (name, bytes) in desired.into_files() {
                    if depth == FolderDepth::All || !is_deep(&name) {
                        reader.add_file(&name, &bytes);
                    }
                }
                vec![reader.finish().into()]
            }
        };
        parts.iter_mut().for_each(|part| part.revision = Some(revision.clone()));
        Ok((parts, notes))
    }

    /// Puts what names no namespace into one, as far as its kind is known to lie in namespaces; the rest has to wait for the schemas.
    fn settle_in(&mut self, namespace: &str) {
        let schemas = SchemaSet::bundled();
        let is_namespaced =
            |key: &ResourceKey| schemas.scope(&key.group, &key.kind) == Some(Scope::Namespaced);
        let bare = |d: &&mut DeclaredObject| d.key.namespace.is_empty() && is_namespaced(&d.key);
        self.manifests.declared.iter_mut().filter(bare).for_each(|d| place_in(d, namespace));
        self.namespace = Some(namespace.to_owned());
    }

    /// Names files from the root of the repository.
    fn move_below(&mut self, folder: &str) {
        if folder.is_empty() {
            return;
        }
        let places = self.manifests.declared.iter_mut().map(|d| &mut d.place);
        for place in places.chain(self.manifests.problems.iter_mut().map(|p| &mut p.place)) {
            place.file = join_name(folder, &place.file).into();
        }
    }

    fn declaration(&self, declared: &DeclaredObject) -> Declaration {
        Declaration {
            file: Arc::clone(&declared.place.file),
            line: declared.place.position.map_or(0, |p| p.line),
            revision: self.revision.clone(),
        }
    }
}

impl From<Manifests> for DesiredPart {
    fn from(manifests: Manifests) -> Self {
        Self { manifests, revision: None, base: None, namespace: None }
    }
}

/// Puts an object that names no namespace into one.
fn place_in(declared: &mut DeclaredObject, namespace: &str) {
    let set = |map: &mut serde_json::Map<String, serde_json::Value>| {
        if let Some(metadata) = map.get_mut("metadata").and_then(|m| m.as_object_mut()) {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    };
    if let Some(object) = kustomize_edit::object(&declared.object, set) {
        declared.object = Object::clone(&object);
        declared.key = declared.key.clone().in_namespace(namespace);
    }
}

/// What of a commit is read.
#[derive(Clone, Copy)]
enum GitForm {
    Files(FolderDepth),
    Kustomization,
}

fn unreadable(name: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EstateError {
    EstateError::unreadable(format!("what is declared in `{name}`"), error).expecting(FORMS)
}

/// Returns `true` for the file by which a kustomization or a chart is known.
fn marks_rendered(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "Chart.yaml" || KUSTOMIZATION_FILES.contains(&name)
}

/// Reads a folder: rendered if it is a kustomization, else its manifests and the kustomizations below.
///
/// `base` is what files of a kustomization are named from.
fn read_folder(
    name: &str,
    base: &str,
    folder: &Path,
    depth: FolderDepth,
    renderer: &Renderer,
) -> Result<(Vec<DesiredPart>, InputNotes), EstateError> {
    let mut notes = InputNotes::default();
    if is_kustomization(folder) {
        return Ok((vec![render_kustomization(name, base, folder, renderer)?.into()], notes));
    }
    if is_chart(folder) {
        return Err(refuse_chart(name));
    }
    let folder = folder.canonicalize().map_err(|e| unreadable(name, e))?;
    let inner = match depth {
        FolderDepth::All => RenderedFolders::find(&folder).map_err(|e| unreadable(name, e))?,
        FolderDepth::Top => RenderedFolders::default(),
    };
    let mut reader = ManifestReader::new().with_depth(depth).without(inner.not_plain());
    reader.add_path(&folder).map_err(|e| unreadable(name, e))?;
    let mut parts = vec![reader.finish().into()];
    let below = |path: &Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    let (single, alternatives) = inner.roots();
    for path in single {
        let name = below(path);
        parts.push(render_kustomization(&name, &name, path, renderer)?.into());
    }
    parts.iter_mut().for_each(|part: &mut DesiredPart| part.base = Some(name.into()));
    let quoted = |path: &Path| format!("`{}`", below(path));
    if !alternatives.is_empty() {
        let names: Vec<_> = alternatives.into_iter().map(quoted).collect();
        let text = format!(
            "{} in `{name}` are kustomizations that share a base, and are not compared: name the one that is applied",
            names.join(", ")
        );
        notes.add_unseen(Unseen::other(UnseenReason::NotRendered, text));
    }
    if !inner.jsonnet.is_empty() {
        notes.add(jsonnet_note(name, &inner.jsonnet.iter().map(|file| quoted(file)).collect::<Vec<_>>()));
    }
    for chart in &inner.charts {
        let chart = quoted(chart);
        let text =
            format!("{chart} in `{name}` is a Helm chart, and is not compared: render it for its release");
        notes.add_unseen(Unseen::other(UnseenReason::NotRendered, text));
    }
    Ok((parts, notes))
}

/// Returns a note on programs in Jsonnet among manifests, which are not read.
fn jsonnet_note(folder: &str, files: &[String]) -> String {
    let named = files.len().min(MAX_NAMED);
    let more = match files.len() - named {
        0 => String::new(),
        more => format!(" and {more} more files"),
    };
    format!(
        "{}{more} in `{folder}`: Jsonnet is not evaluated here; pass on what evaluates it, as in `jsonnet -y FILE | drift diff -f -`",
        files[..named].join(", ")
    )
}

fn note_skipped(skipped: &SkippedEntry, notes: &mut InputNotes) {
    let why = match &skipped.reason {
        SkipReason::Symlink(target) => format!("a symbolic link to {target}, not followed"),
        SkipReason::Submodule => "a submodule, not read".to_owned(),
        SkipReason::TooLarge(size) => format!("too large with {size} bytes, not read"),
        SkipReason::UnsafeName => "an unsafe name, not read".to_owned(),
    };
    let text = format!("{}: {why}", skipped.path);
    match skipped.reason {
        SkipReason::TooLarge(_) => notes.add_incomplete(text),
        _ => notes.add(text),
    }
}
