//! Manifests: the objects that kubectl would apply, with the file, line and column of each field.
//!
//! An unreadable file does not affect the others; it is reported with file, line and column. Content can also be passed as
//! bytes ([`ManifestReader::add_file`]).
//!
//! ```
//! use drift_core::FieldPath;
//! use drift_sources::manifests::ManifestReader;
//!
//! let mut reader = ManifestReader::new();
//! reader.add_file("web.yaml", b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n");
//! reader.add_file("broken.yaml", b"kind: [");
//! let manifests = reader.finish();
//! assert_eq!(manifests.declared[0].key.to_string(), "Deployment.apps//web");
//! assert_eq!(manifests.declared[0].locate(&FieldPath::parse("spec.replicas")?).to_string(), "web.yaml:5");
//! assert!(manifests.problems[0].to_string().starts_with("broken.yaml:"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A whole folder is one call: `Manifests::read("k8s".as_ref())`.

mod classify;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::{FieldPath, Object, ResourceKey};

use crate::special_file::refuse_special;
use crate::yaml::{self, ListIndexes, Position, Positions};

/// An object that a file declares.
#[derive(Clone, Debug)]
pub struct DeclaredObject {
    /// Key of the declared resource, in the unnamed cluster.
    ///
    /// The namespace is that of the manifest, so it may be empty for a namespaced kind. A caller that knows the scope of
    /// kinds sets it here and leaves the object as declared.
    pub key: ResourceKey,
    /// The object as declared.
    pub object: Object,
    /// Where the object begins.
    pub place: FileLocation,
    /// Positions of its fields.
    pub positions: Positions,
}

impl DeclaredObject {
    /// Returns the location of a field, or of the nearest field above it that the file has.
    pub fn locate(&self, path: &FieldPath) -> FileLocation {
        self.locate_with(path, &mut ListIndexes::default())
    }

    /// As [`locate`](Self::locate), for many paths of the object.
    pub(crate) fn locate_with<'a>(&'a self, path: &FieldPath, lists: &mut ListIndexes<'a>) -> FileLocation {
        let position = self.positions.locate_with(self.object.root(), path, lists);
        FileLocation { file: Arc::clone(&self.place.file), position: position.or(self.place.position) }
    }
}

/// A location in a file; displayed as `file:line`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileLocation {
    /// Name of the file, relative to the folder that was read, with `/` between folders.
    pub file: Arc<str>,
    /// Line and column; `None` for the whole file.
    pub position: Option<Position>,
}

impl fmt::Display for FileLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            None => f.write_str(&self.file),
            Some(Position { line, .. }) => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A file or document that is not, or not unambiguously, a declared object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{}: {kind}", .place.position.map(|p| format!(":{}", p.column)).unwrap_or_default())]
pub struct ManifestProblem {
    /// Location of the problem.
    pub place: FileLocation,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a file or document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The document cannot be read.
    #[error("{0}")]
    Broken(#[source] yaml::ErrorKind),
    /// The document looks like an object but is not a valid one.
    #[error("{0}")]
    NotObject(#[source] drift_core::ObjectError),
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is larger than the limit.
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The resource is declared more than once; the last one counts, as it would after `kubectl apply`.
    #[error("{key} is declared again, first in {first}; the last one counts")]
    Duplicate {
        /// Key of the resource.
        key: ResourceKey,
        /// Where it is declared before.
        first: FileLocation,
    },
    /// A key stands twice in one map: the last value counts, and kubectl refuses the file.
    #[error("`{0}` is set twice; the last value counts, and kubectl refuses the file")]
    RepeatedKey(String),
    /// The object has no name of its own, so it cannot be matched with a live object.
    #[error("{0} has only a generateName: not compared")]
    Generated(String),
    /// The file or document is not meant for a cluster.
    #[error("not a manifest: {0}")]
    NotManifest(&'static str),
    /// The file was left out.
    #[error("left out: {0}")]
    Skipped(&'static str),
}

impl ProblemKind {
    /// Returns `true` if a declaration may be missing because of this problem.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::NotObject(_) | Self::Unreadable(_) | Self::TooLarge { .. })
    }
}

/// A path that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file or folder asked for cannot be opened.
    #[error("cannot read {}", path.display())]
    Unavailable {
        /// The given path.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

/// The declared objects of some files.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Declared objects, in the order of reading.
    pub declared: Vec<DeclaredObject>,
    /// Problems, in the same order.
    pub problems: Vec<ManifestProblem>,
    /// Number of files read.
    pub files: usize,
}

impl Manifests {
    /// Reads a folder with all its subfolders, a file, or standard input for `-`.
    ///
    /// Of a folder it takes `.yaml`, `.yml` and `.json`, in order of their paths; hidden folders and symbolic links
    /// that lead out of it are left out.
    ///
    /// # Errors
    /// Only when `path` itself cannot be opened; problems below it are in [`Manifests::problems`].
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let mut reader = ManifestReader::new();
        reader.add_path(path)?;
        Ok(reader.finish())
    }

    /// Removes all but the last of equal keys and notes the others as [`ProblemKind::Duplicate`].
    ///
    /// Call it once the namespaces are set: only then `web` and `default/web` are known to be the same.
    pub fn settle_duplicates(&mut self) {
        let mut last: BTreeMap<ResourceKey, usize> = BTreeMap::new();
        let mut dropped = vec![false; self.declared.len()];
        for (i, declared) in self.declared.iter().enumerate() {
            if let Some(before) = last.insert(declared.key.clone(), i) {
                dropped[before] = true;
                let first = self.declared[before].place.clone();
                let kind = ProblemKind::Duplicate { key: declared.key.clone(), first };
                self.problems.push(ManifestProblem { place: declared.place.clone(), kind });
            }
        }
        let mut i = 0;
        self.declared.retain(|_| {
            i += 1;
            !dropped[i - 1]
        });
    }
}

/// How far a folder is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FolderDepth {
    /// The folder and all below it.
    #[default]
    All,
    /// Only the files directly in it, as `kubectl apply -f` without `-R` reads a folder.
    Top,
}

/// Collects declared objects from files and from bytes.
#[derive(Debug)]
pub struct ManifestReader {
    manifests: Manifests,
    max_file_size: u64,
    depth: FolderDepth,
    left_out: Vec<PathBuf>,
}

impl Default for ManifestReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ManifestReader {
    /// Makes a reader that takes files of up to 64 MiB.
    pub fn new() -> Self {
        Self {
            manifests: Manifests::default(),
            max_file_size: 64 << 20,
            depth: FolderDepth::default(),
            left_out: Vec::new(),
        }
    }

    /// Sets how far folders are read.
    #[must_use]
    pub fn with_depth(mut self, depth: FolderDepth) -> Self {
        self.depth = depth;
        self
    }

    /// Leaves out files, and folders with all below them, such as what a renderer reads; paths as they are found below the folder
    /// that is added.
    #[must_use]
    pub fn without(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.left_out.extend(paths);
        self
    }

    /// Sets the size in bytes above which a file is not read.
    #[must_use]
    pub fn with_max_file_size(mut self, bytes: u64) -> Self {
        self.max_file_size = bytes;
        self
    }

    /// Adds a folder, a file, or standard input for `-`; see [`Manifests::read`].
    ///
    /// # Errors
    /// When `path` itself cannot be opened.
    pub fn add_path(&mut self, path: &Path) -> Result<(), ManifestError> {
        let unavailable = |source| ManifestError::Unavailable { path: path.to_owned(), source };
        if path == Path::new("-") {
            self.add_stream("stdin", io::stdin().lock());
            return Ok(());
        }
        if std::fs::metadata(path).map_err(unavailable)?.is_dir() {
            return walk::add_folder(self, path).map_err(unavailable);
        }
        refuse_special(path).map_err(unavailable)?;
        let file = std::fs::File::open(path).map_err(unavailable)?;
        self.add_stream(&path.to_string_lossy(), file);
        Ok(())
    }

    /// Adds the content of a stream; `name` is for locations.
    pub fn add_stream(&mut self, name: &str, stream: impl Read) {
        let mut bytes = Vec::new();
        let limit = self.max_file_size;
        match stream.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => self.add_file(name, &bytes),
            Err(e) => self.note_problem(name, None, ProblemKind::Unreadable(e.to_string())),
        }
    }

    /// Adds the content of a file under its name.
    ///
    /// The name is used in locations; a few names mean that the file is not a manifest (`Chart.yaml`).
    pub fn add_file(&mut self, name: &str, bytes: &[u8]) {
        if bytes.len() as u64 > self.max_file_size {
            return self.note_problem(name, None, ProblemKind::TooLarge { limit: self.max_file_size });
        }
        self.manifests.files += 1;
        let documents = yaml::read(bytes);
        if documents.iter().any(Result::is_err) && classify::is_helm_template(name, bytes) {
            return self.note_problem(
                name,
                None,
                ProblemKind::NotManifest("a Helm template; render it with `helm template`"),
            );
        }
        let file: Arc<str> = name.into();
        for document in documents {
            let (position, read) = match document {
                Ok(document) => {
                    for (position, key) in document.repeated_keys {
                        self.note_problem(name, Some(position), ProblemKind::RepeatedKey(key));
                    }
                    let read = classify::classify_document(name, document.doc);
                    (document.position, read.map(|o| (o, document.positions)))
                }
                Err(e) => (Position { line: e.line, column: e.column }, Err(ProblemKind::Broken(e.kind))),
            };
            let place = FileLocation { file: Arc::clone(&file), position: Some(position) };
            match read {
                Ok((object, positions)) => {
                    self.manifests.declared.push(DeclaredObject {
                        key: object.key(),
                        object,
                        place,
                        positions,
                    });
                }
                Err(kind) => self.manifests.problems.push(ManifestProblem { place, kind }),
            }
        }
    }

    fn note_problem(&mut self, file: &str, position: Option<Position>, kind: ProblemKind) {
        self.manifests
            .problems
            .push(ManifestProblem { place: FileLocation { file: file.into(), position }, kind });
    }

    /// Returns the collected objects and problems.
    pub fn finish(self) -> Manifests {
        self.manifests
    }
}

/// Returns `true` if a file with this name in a folder is read: `.yaml`, `.yml` or `.json`.
pub fn is_manifest_name(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|extension| {
        let start = name.len().checked_sub(extension.len());
        start.and_then(|s| name.get(s..)).is_some_and(|end| end.eq_ignore_ascii_case(extension))
    })
}
