//! Renders a commit's files with `kustomize` or `helm`.
//!
//! Runs the installed programs with fixed arguments, an empty environment, and limits on time and output. The files are
//! first written to a scratch folder, without symbolic links and names that would leave it.
//!
//! Nothing is fetched: a kustomization that refers to another host is refused before it is built, unless the host is
//! [allowed](RemoteHosts), and where the system permits it the programs run without a network at all.
//!
//! **Invariant:** if a program is missing there is no result; nothing is used in its place.

mod chart_schema;
mod commit_files;
mod envsubst;
mod limits;
mod message;
mod network;
mod process;
mod references;
mod remote;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use network::NetworkUse;

pub use commit_files::CommitFiles;
pub(crate) use commit_files::{KUSTOMIZATION_FILES, is_kustomization_name, join_path, kustomization_files};
pub use envsubst::{EnvsubstError, Unset, envsubst};
pub use remote::RemoteHosts;

/// Path of a file, and its content during a run.
pub(crate) type FileEdit = (String, Vec<u8>);

/// A program that renders manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// `kustomize`.
    Kustomize,
    /// `helm`.
    Helm,
}

impl Program {
    fn program_name(self) -> &'static str {
        match self {
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
        }
    }
}

/// Why nothing was rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The program is not installed in the searched folders.
    #[error("`{0}` is not installed (looked for on PATH and in KUBEBUILDER_ASSETS)")]
    NoProgram(&'static str),
    /// The program failed: the declaration is broken.
    #[error("{program} fails: {message}")]
    Failed {
        /// Name of the program.
        program: &'static str,
        /// Error output of the program, shortened.
        message: String,
    },
    /// The program exceeded the time or output limit, or could not be started.
    #[error("{program} {what}")]
    Limit {
        /// Name of the program.
        program: &'static str,
        /// The limit that was exceeded.
        what: String,
    },
    /// A kustomization refers to what is not in its repository, so nothing was run.
    #[error("`{file}`: {reason}")]
    Refused {
        /// Path of the file.
        file: String,
        /// The entry, and what to do about it.
        reason: String,
    },
    /// The files cannot be written to the scratch folder.
    #[error("the files cannot be laid out: {0}")]
    Files(String),
}

impl RenderError {
    /// Takes out of a program's words what it was given.
    fn without_values(self, tree: &CommitFiles, arguments: &[String], edits: &[(String, Vec<u8>)]) -> Self {
        match self {
            Self::Failed { program, message } => {
                Self::Failed { program, message: message::without_values(&message, tree, arguments, edits) }
            }
            other => other,
        }
    }

    /// Returns `true` if the declaration is at fault and not this machine.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// Where to find the programs, and limits of one run.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Folders that are searched for the programs, in order; relative ones are ignored.
    pub folders: Vec<PathBuf>,
    /// Longest time of one run.
    pub timeout: Duration,
    /// Longest time of all runs together; those after it are refused.
    pub total_time: Duration,
    /// Most bytes of output.
    pub max_output: usize,
    /// Most bytes of output of all runs together.
    pub total_output: usize,
    /// Most bytes of memory of one run, its own and that of programs that it starts. Enforced on Linux.
    pub max_memory: u64,
    /// Most processes of one run. Enforced on Linux.
    pub max_processes: usize,
    /// Hosts that kustomize may fetch from, with whatever their files refer to in turn.
    pub remote_hosts: RemoteHosts,
}

impl RenderOptions {
    /// Searches these folders, without a network. One run has one minute, 448 MiB of memory, 8 processes and 64 MiB of output; all
    /// of them have five minutes and 512 MiB of output.
    pub fn in_folders(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            timeout: Duration::from_secs(60),
            total_time: Duration::from_secs(300),
            max_output: 64 << 20,
            total_output: 512 << 20,
            max_memory: 448 << 20,
            max_processes: 8,
            remote_hosts: RemoteHosts::default(),
        }
    }
}

/// Argument that keeps Helm from completing the schemas of a chart.
const SKIP_SCHEMA: &str = "--skip-schema-validation";

type Output = Result<Arc<Vec<u8>>, RenderError>;

/// Runs the programs and caches their output by input.
#[derive(Debug)]
pub struct Renderer {
    options: RenderOptions,
    versions: Mutex<HashMap<Program, Option<String>>>,
    cached: Mutex<HashMap<String, Output>>,
    spent: Mutex<Spent>,
}

/// What all runs together took.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    time: Duration,
    output: usize,
}

impl Renderer {
    /// Makes a renderer; nothing is run yet.
    pub fn new(options: RenderOptions) -> Self {
        Self { options, versions: Mutex::default(), cached: Mutex::default(), spent: Mutex::default() }
    }

    fn find_program(&self, program: Program) -> Option<PathBuf> {
        let there = |folder: &PathBuf| Some(folder.join(program.program_name())).filter(|p| p.is_file());
        self.options.folders.iter().filter(|f| f.is_absolute()).find_map(there)
    }

    /// Returns the version that a program prints; `None` if it is not installed or fails.
    pub fn version(&self, program: Program) -> Option<String> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions
            .entry(program)
            .or_insert_with(|| {
                let path = self.find_program(program)?;
                let arguments: &[&str] = match program {
                    Program::Kustomize => &["version"],
                    Program::Helm => &["version", "--short"],
                };
                let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
                let output = process::run_limited(
                    program.program_name(),
                    &path,
                    &arguments,
                    Path::new("/"),
                    NetworkUse::Offline,
                    &self.options,
                )
                .ok()?;
                Some(String::from_utf8_lossy(&output).trim().to_owned())
            })
            .clone()
    }

    /// Runs a program in a folder of `tree`, once for the same arguments and files.
    ///
    /// `edits` replace files of the tree during the run.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn run(
        &self,
        program: Program,
        tree: &CommitFiles,
        folder: &str,
        arguments: &[String],
        edits: &[FileEdit],
    ) -> Output {
        let name = program.program_name();
        self.find_program(program).ok_or(RenderError::NoProgram(name))?;
        let key = input_digest(&(name, tree.id(), folder), arguments, edits);
        if let Some(cached) = self.cached.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return cached.clone();
        }
        let output = self.run_uncached(program, tree, folder, arguments, edits);
        self.cached.lock().unwrap_or_else(PoisonError::into_inner).insert(key, output.clone());
        output
    }

    /// Runs a program as [`Self::run`] does, but without the cache, because the same input may give another output.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn run_uncached(
        &self,
        program: Program,
        tree: &CommitFiles,
        folder: &str,
        arguments: &[String],
        edits: &[FileEdit],
    ) -> Output {
        let name = program.program_name();
        let path = self.find_program(program).ok_or(RenderError::NoProgram(name))?;
        let mut arguments = arguments.to_vec();
        match program {
            Program::Kustomize => {
                references::check_references(tree, folder, edits, &self.options.remote_hosts)?;
            }
            Program::Helm if chart_schema::may_fetch(tree, folder) => {
                arguments.push(SKIP_SCHEMA.to_owned());
            }
            Program::Helm => {}
        }
        let network = match program {
            Program::Kustomize if !self.options.remote_hosts.is_empty() => NetworkUse::AllowedHosts,
            _ => NetworkUse::Offline,
        };
        tree.with_edits(edits, |root| {
            let options = self.options_left(name)?;
            let started = Instant::now();
            let output = process::run_limited(name, &path, &arguments, &root.join(folder), network, &options);
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            spent.time += started.elapsed();
            spent.output += output.as_ref().map_or(0, Vec::len);
            output
        })
        .map(|output| output.map_err(|e| e.without_values(tree, &arguments, edits)))
        .map_err(|e| RenderError::Files(e.to_string()))
        .and_then(|output| output)
        .map(Arc::new)
    }

    /// Returns the options of the next run: what the runs before have left.
    fn options_left(&self, program: &'static str) -> Result<RenderOptions, RenderError> {
        let options = &self.options;
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = |what: String| RenderError::Limit { program, what };
        let time = options.total_time.saturating_sub(spent.time);
        if time.is_zero() {
            let what = format!(
                "is not run: rendering took {:?} already, the limit for all sources",
                options.total_time
            );
            return Err(limit(what + " (--render-time)"));
        }
        if spent.output >= options.total_output {
            return Err(limit(format!("is not run: all sources printed {} bytes already", spent.output)));
        }
        Ok(RenderOptions { timeout: options.timeout.min(time), ..options.clone() })
    }
}

fn input_digest(of: &(&str, &str, &str), arguments: &[String], edits: &[FileEdit]) -> String {
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
