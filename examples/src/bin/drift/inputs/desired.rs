//! What is declared: manifests in folders, files, standard input and Git.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::drift::{Declaration, DesiredObject, DriftReport};
use drift_core::redact::Redactor;
use drift_core::schema::{SchemaSet, Scope};
use drift_core::{Object, SourceRevision};
use drift_sources::git::{GitDesired, GitOptions, GitSpec, SkipReason};
use drift_sources::manifests::{DeclaredObject, ManifestReader, Manifests, ProblemKind};

use super::Notes;
use crate::failure::Failure;

/// What is declared, with the place of every field.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    parts: Vec<Part>,
    /// What was found besides.
    pub(crate) notes: Notes,
}

/// What one `--desired` holds.
#[derive(Debug)]
struct Part {
    manifests: Manifests,
    /// Commit, for Git.
    revision: Option<SourceRevision>,
}

impl Desired {
    /// Reads all that is named.
    pub(crate) async fn read(names: &[String]) -> Result<Self, Failure> {
        let mut desired = Self::default();
        for name in names {
            let name = name.clone();
            // Reading files and repositories blocks.
            let read = tokio::task::spawn_blocking(move || Part::read(&name)).await;
            let (part, notes) =
                read.map_err(|e| Failure::new("reading what is declared broke off").because(&e))??;
            desired.parts.push(part);
            desired.notes.append(notes);
        }
        desired.note_problems();
        if desired.parts.iter().all(|p| p.manifests.declared.is_empty()) {
            desired.notes.miss(format!("nothing is declared in {}", names.join(", ")));
        }
        Ok(desired)
    }

    fn note_problems(&mut self) {
        for problem in self.parts.iter().flat_map(|p| &p.manifests.problems) {
            match &problem.kind {
                kind if kind.is_error() => self.notes.miss(problem.to_string()),
                _ => self.notes.add(problem.to_string()),
            }
        }
    }

    /// Returns the declared objects, for schemas and filters.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.parts.iter().flat_map(|p| &p.manifests.declared).map(|d| &d.object)
    }

    /// Fills in the namespaces, drops repeated declarations with a note, and returns what is to be compared; Secrets
    /// hashed as the live ones are.
    pub(crate) fn settle(
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
            let doubled = &part.manifests.problems[known..];
            doubled.iter().for_each(|p| {
                debug_assert!(matches!(p.kind, ProblemKind::Duplicate { .. }), "nothing else is settled");
                self.notes.add(p.to_string());
            });
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

    /// Writes to every change the line that declares it, or what is around it.
    pub(crate) fn fill_lines(&self, report: &mut DriftReport) {
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

impl Part {
    fn read(name: &str) -> Result<(Self, Notes), Failure> {
        if GitSpec::looks_like_git(name) { Self::read_git(name) } else { Self::read_files(name) }
    }

    fn read_files(name: &str) -> Result<(Self, Notes), Failure> {
        let manifests = Manifests::read(Path::new(name)).map_err(|e| {
            Failure::new(format!("cannot read what is declared in `{name}`")).because(&e).hint(
                "--desired takes a folder, a file, `-`, or a Git repository as PATH_OR_URL[@REV][:FOLDER]",
            )
        })?;
        Ok((Self { manifests, revision: None }, Notes::default()))
    }

    fn read_git(name: &str) -> Result<(Self, Notes), Failure> {
        let failed =
            |e: &dyn std::error::Error| Failure::new("cannot read what is declared in Git").because(e);
        let spec = GitSpec::parse(name).map_err(|e| failed(&e))?;
        let (_, desired) = GitDesired::load(&spec, &GitOptions::default()).map_err(|e| failed(&e))?;
        let revision = SourceRevision::new(desired.commit.id.to_string());
        let mut notes = Notes::default();
        for skipped in &desired.skipped {
            let why = match &skipped.reason {
                SkipReason::Symlink(target) => format!("a symbolic link to {target}, not followed"),
                SkipReason::Submodule => "a submodule, not read".to_owned(),
                SkipReason::TooLarge(size) => format!("too large with {size} bytes, not read"),
                SkipReason::UnsafeName => "an unsafe name, not read".to_owned(),
                other => format!("not read: {other:?}"),
            };
            let text = format!("{}: {why}", skipped.path);
            if matches!(skipped.reason, SkipReason::TooLarge(_)) { notes.miss(text) } else { notes.add(text) }
        }
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
