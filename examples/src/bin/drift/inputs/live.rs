//! What is live: a dump, a tape or a store at a moment, or the cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::Object;
use drift_sources::dump::{Dump, DumpError};
use drift_sources::tape::{TapeOptions, TapeReader};

use super::Notes;
use crate::args::{ClusterArgs, DiffArgs};
use crate::failure::Failure;
use crate::recorded::Recorded;

/// Longest first line of a tape, and how many lines are tried, to tell a tape from a dump.
const FIRST_LINE: usize = 4 << 20;
const TRIED: usize = 3;

/// What is live.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// All live objects that were read.
    pub(crate) objects: Vec<Arc<Object>>,
    /// What could not be read.
    pub(crate) notes: Notes,
}

impl Live {
    /// Reads what the arguments name.
    pub(crate) async fn read(args: &DiffArgs, namespaces: &[String]) -> Result<Self, Failure> {
        if let Some(path) = &args.live {
            return Self::file(path, args).await;
        }
        if args.recorded.store.is_some() || args.recorded.tape.is_some() {
            return Self::recorded(Recorded::open(&args.recorded).await?, args).await;
        }
        if args.at.is_some() {
            return Err(Failure::new("--at needs recorded history")
                .hint("give --store DIR or --tape FILE; a cluster only knows how it is now"));
        }
        Self::cluster(&args.cluster, namespaces).await
    }

    async fn file(path: &Path, args: &DiffArgs) -> Result<Self, Failure> {
        let path = Input::open(path)?;
        if is_tape(path.path()) {
            return Self::recorded(Recorded::tape(path).await?, args).await;
        }
        if args.at.is_some() {
            let failure =
                Failure::new(format!("--at needs recorded history, and `{}` is a dump", path.name()));
            return Err(failure.hint("a dump is of one moment; `drift record` makes a tape"));
        }
        let name = path.name().into_owned();
        let read = tokio::task::spawn_blocking(move || Dump::read(path.path())).await;
        let read = read.map_err(|e| Failure::new("reading the dump broke off").because(&e))?;
        let objects = read.map_err(|e| unreadable(&name, &e))?;
        Ok(Self { objects: objects.into_iter().map(Arc::new).collect(), notes: Notes::default() })
    }

    async fn recorded(recorded: Recorded, args: &DiffArgs) -> Result<Self, Failure> {
        let objects = recorded.live(args.at).await?;
        Ok(Self { objects, notes: recorded.into_notes() })
    }

    async fn cluster(_args: &ClusterArgs, _namespaces: &[String]) -> Result<Self, Failure> {
        Err(Failure::new("reading a cluster is not built in"))
    }
}

fn unreadable(name: &str, error: &DumpError) -> Failure {
    // A dump that is cut off is not compared in part: what is not in it would look missing.
    Failure::new(format!("cannot read what is live in `{name}`")).because(error).hint(
        "--live takes what `kubectl get -o json` prints, or a tape of `drift record`; plain, gzip or zstd",
    )
}

/// A file that is named on the command line; `-` is standard input, put into a temporary file to be read twice.
#[derive(Debug)]
pub(crate) enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Spooled(tempfile::NamedTempFile),
}

impl Input {
    /// Opens what is named.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path != Path::new("-") {
            return Ok(Self::File(path.to_owned()));
        }
        let spool = || {
            let mut file = tempfile::NamedTempFile::new()?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
            Ok(Self::Spooled(file))
        };
        spool().map_err(|e: std::io::Error| Failure::new("cannot read standard input").because(&e))
    }

    /// Returns where it can be read.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Spooled(file) => file.path(),
        }
    }

    /// Returns what people call it.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::File(path) => path.to_string_lossy(),
            Self::Spooled(_) => "standard input".into(),
        }
    }
}

/// Tells a tape from a dump by its first lines.
fn is_tape(path: &Path) -> bool {
    let options = TapeOptions { max_line: FIRST_LINE, ..TapeOptions::default() };
    TapeReader::open(path, options).is_ok_and(|reader| reader.take(TRIED).any(|line| line.is_ok()))
}
