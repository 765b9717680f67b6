//! What is declared: manifests in folders, files, standard input and Git.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::drift::{Declaration, DesiredObject, DriftReport};
use drift_core::redact::Redactor;
use drift_core::schema::{SchemaSet, Scope};
use drift_core::{Object, SourceRevision};

use super::blocking::run_blocking;
use super::{EstateError, InputNotes};
use crate::git::{GitDesired, GitOptions, GitSpec, SkipReason, SkippedEntry};
use crate::manifests::{DeclaredObject, ManifestReader, Manifests, ProblemKind};

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
}

impl DesiredState {
    /// Reads folders, files, `-` (standard input) and Git repositories as `PATH_OR_URL[@REV][:FOLDER]`, read without a checkout.
    ///
    /// # Errors
    /// When one of them cannot be read at all. A file or document that cannot be read is a note.
    pub async fn read(places: &[String]) -> Result<Self, EstateError> {
        let mut desired = Self::default();
        for place in places {
            let place = place.clone();
            // Reading files and repositories blocks.
            let (part, notes) = run_blocking(move || DesiredPart::read(&place)).await?;
            desired.parts.push(part);
            desired.notes.append(notes);
        }
        desired.note_problems();
        if desired.parts.iter().all(|p| p.manifests.declared.is_empty()) {
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
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
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
                    Some(Scope::Namespaced) if declared.key.namespace.is_empty() => {
                        declared.key = declared.key.clone().in_namespace(namespace);
                    }
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
            for change in &mut resource.changes {
                change.line = declared.locate(&change.path).position.map(|p| p.line);
            }
        }
    }
}

impl DesiredPart {
    fn read(place: &str) -> Result<(Self, InputNotes), EstateError> {
        if GitSpec::looks_like_git(place) { Self::read_git(place) } else { Self::read_files(place) }
    }

    fn read_files(place: &str) -> Result<(Self, InputNotes), EstateError> {
        let manifests = Manifests::read(Path::new(place)).map_err(|e| {
            EstateError::unreadable(format!("what is declared in `{place}`"), e).expecting(FORMS)
        })?;
        Ok((Self { manifests, revision: None }, InputNotes::default()))
    }

    fn read_git(place: &str) -> Result<(Self, InputNotes), EstateError> {
        let failed = |e| EstateError::unreadable("what is declared in Git", e);
        let spec = GitSpec::parse(place).map_err(failed)?;
        let (_, desired) = GitDesired::load(&spec, &GitOptions::default()).map_err(failed)?;
        let revision = SourceRevision::new(desired.commit.id.to_string());
        let mut notes = InputNotes::default();
        desired.skipped.iter().for_each(|skipped| note_skipped(skipped, &mut notes));
        let mut reader = ManifestReader::new();
        desired.into_files().iter().for_each(|(name, bytes)| reader.add_file(name, bytes));
        Ok((Self { manifests: reader.finish(), revision: Some(revision) }, notes))
    }

    fn declaration(&self, declared: &DeclaredObject) -> Declaration {
        Declaration {
            file: Arc::clone(&declared.place.file),
            line: declared.place.position.map_or(0, |p| p.line),
            revision: self.revision.clone(),
        }
    }
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
