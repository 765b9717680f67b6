//! What `kustomize` and `helm` make of the files of a commit.
//!
//! The installed programs are run, with fixed arguments, a cleared environment, and limits on time and output. Files of
//! a commit are put into a scratch folder first: names that would leave it, and links, are not.
//!
//! **Invariant:** without a program there is no result, and never another one in its place.

mod envsubst;
mod process;
mod tree;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use envsubst::{EnvsubstError, envsubst};
pub use tree::Tree;

/// Which program renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// `kustomize`.
    Kustomize,
    /// `helm`.
    Helm,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
        }
    }
}

/// A rendering that did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The program is not installed where this looks.
    #[error("`{0}` is not installed (looked for on PATH and in KUBEBUILDER_ASSETS)")]
    NoProgram(&'static str),
    /// The files cannot be rendered: the declaration is broken.
    #[error("{program} fails: {message}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// What it says, shortened.
        message: String,
    },
    /// It took too long, or made too much.
    #[error("{program} {what}")]
    Limit {
        /// Which program.
        program: &'static str,
        /// Which limit.
        what: String,
    },
    /// The files cannot be put into a folder.
    #[error("the files cannot be laid out: {0}")]
    Files(String),
}

impl RenderError {
    /// Tells whether the declaration itself is at fault, and not this machine.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// Limits of one rendering.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Folders in which programs are looked for, in order.
    pub folders: Vec<PathBuf>,
    /// Longest time.
    pub timeout: Duration,
    /// Most bytes of output.
    pub max_output: usize,
}

impl RenderOptions {
    /// Looks in these folders, with limits of a minute and 64 MiB.
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self { folders, timeout: Duration::from_secs(60), max_output: 64 << 20 }
    }
}

type Output = Result<Arc<Vec<u8>>, RenderError>;

/// Runs programs, and keeps what they made by what it was made of.
#[derive(Debug)]
pub struct Renderer {
    options: RenderOptions,
    versions: Mutex<HashMap<Program, Option<String>>>,
    kept: Mutex<HashMap<String, Output>>,
}

impl Renderer {
    /// Makes a renderer.
    pub fn new(options: RenderOptions) -> Self {
        Self { options, versions: Mutex::default(), kept: Mutex::default() }
    }

    fn find(&self, program: Program) -> Option<PathBuf> {
        let there = |folder: &PathBuf| Some(folder.join(program.name())).filter(|p| p.is_file());
        self.options.folders.iter().filter(|f| f.is_absolute()).find_map(there)
    }

    /// Returns what a program says of its version; `None` where it is not installed or does not run.
    pub fn version(&self, program: Program) -> Option<String> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions
            .entry(program)
            .or_insert_with(|| {
                let path = self.find(program)?;
                let arguments: &[&str] = match program {
                    Program::Kustomize => &["version"],
                    Program::Helm => &["version", "--short"],
                };
                let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
                let output =
                    process::run(program.name(), &path, &arguments, Path::new("/"), &self.options).ok()?;
                Some(String::from_utf8_lossy(&output).trim().to_owned())
            })
            .clone()
    }

    /// Runs a program in a folder of `tree`; the same arguments on the same files are run once.
    ///
    /// `edits` stand in for files of the tree while the program runs.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn run(
        &self,
        program: Program,
        tree: &Tree,
        folder: &str,
        arguments: &[String],
        edits: &[(String, Vec<u8>)],
    ) -> Output {
        let name = program.name();
        self.find(program).ok_or(RenderError::NoProgram(name))?;
        let key = digest(&(name, tree.id(), folder), arguments, edits);
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return kept.clone();
        }
        let output = self.run_anew(program, tree, folder, arguments, edits);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, output.clone());
        output
    }

    /// Runs a program as [`Self::run`] does, whatever is kept: the same input may not give the same output.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn run_anew(
        &self,
        program: Program,
        tree: &Tree,
        folder: &str,
        arguments: &[String],
        edits: &[(String, Vec<u8>)],
    ) -> Output {
        let name = program.name();
        let path = self.find(program).ok_or(RenderError::NoProgram(name))?;
        tree.with_edits(edits, |root| process::run(name, &path, arguments, &root.join(folder), &self.options))
            .map_err(|e| RenderError::Files(e.to_string()))
            .and_then(|output| output)
            .map(Arc::new)
    }
}

fn digest(of: &(&str, &str, &str), arguments: &[String], edits: &[(String, Vec<u8>)]) -> String {
    let mut hasher = blake3::Hasher::new();
    // Lengths go in, so that no two different lists read the same.
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    [of.0, of.1, of.2].iter().for_each(|t| add(t.as_bytes()));
    arguments.iter().for_each(|a| add(a.as_bytes()));
    edits.iter().for_each(|(name, bytes)| {
        add(name.as_bytes());
        add(bytes);
    });
    hasher.finalize().to_hex().to_string()
}
