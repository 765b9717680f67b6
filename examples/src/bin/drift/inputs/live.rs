//! What is live: a dump, a tape or a store at a moment, or the cluster.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drift_core::redact::Redactor;
use drift_core::{Gap, Object};
use drift_sources::dump::{Dump, DumpError};
use drift_sources::tape::{TapeOptions, TapeReader};

use super::Notes;
use crate::args::{ClusterArgs, RecordedArgs};
use crate::cluster;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::recorded::Recorded;

/// Longest first line of a tape, and how many lines are tried, to tell a tape from a dump.
const FIRST_LINE: usize = 4 << 20;
const TRIED: usize = 3;

/// Where live objects come from.
#[derive(Debug)]
pub(crate) enum LiveFrom<'a> {
    /// A dump, or a tape taken as the live state.
    File(&'a Path),
    /// Recorded history.
    Recorded(Recorded),
    /// The cluster: these namespaces (none is all), and of the kinds outside of namespaces these.
    Cluster(&'a ClusterArgs),
}

impl<'a> LiveFrom<'a> {
    /// Decides by what is given.
    pub(crate) async fn new(
        file: Option<&'a Path>,
        recorded: &RecordedArgs,
        cluster: &'a ClusterArgs,
    ) -> Result<Self, Failure> {
        Ok(match file {
            Some(file) => Self::File(file),
            None if recorded.store.is_some() || recorded.tape.is_some() => {
                Self::Recorded(Recorded::open(recorded).await?)
            }
            None => Self::Cluster(cluster),
        })
    }
}

/// What of a cluster is asked for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Namespaces; all when empty.
    pub(crate) namespaces: Vec<String>,
    /// Whether something declared goes to the namespace of the context.
    pub(crate) default_namespace: bool,
    /// Kind and group of what is declared.
    pub(crate) kinds: BTreeSet<(String, String)>,
    /// Those of them that do not lie in namespaces, as far as anything here knows.
    pub(crate) cluster_kinds: BTreeSet<(String, String)>,
}

impl Wanted {
    /// Tells whether what could not be listed is, or may be, of a declared kind.
    fn concerns(&self, gap: &Gap) -> bool {
        let Some((group, kind)) = &gap.scope.kind else { return true };
        self.kinds.iter().any(|(k, g)| *g == **group && (kind.is_empty() || *k == **kind))
    }
}

/// What is live.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// All live objects that were read.
    pub(crate) objects: Vec<Arc<Object>>,
    /// What is not known.
    pub(crate) gaps: Vec<Gap>,
    /// What could not be read.
    pub(crate) notes: Notes,
    /// The history it comes from, where that is asked for.
    pub(crate) history: Option<Recorded>,
    /// What Secrets were hashed with, if they were.
    pub(crate) redactor: Option<Redactor>,
    /// Namespace of the context, for a cluster.
    pub(crate) namespace: Option<String>,
}

impl Live {
    /// Reads what is live, at a moment where there is history.
    pub(crate) async fn read(
        from: LiveFrom<'_>,
        at: Option<Moment>,
        wanted: &Wanted,
    ) -> Result<Self, Failure> {
        match from {
            LiveFrom::File(path) => Self::file(path, at).await,
            LiveFrom::Recorded(recorded) => Self::recorded(recorded, at).await,
            LiveFrom::Cluster(_) if at.is_some() => Err(Failure::new("--at needs recorded history")
                .hint("give --store DIR or --tape FILE; a cluster only knows how it is now")),
            LiveFrom::Cluster(args) => Self::cluster(args, wanted).await,
        }
    }

    async fn file(path: &Path, at: Option<Moment>) -> Result<Self, Failure> {
        let input = Input::open(path)?;
        if is_tape(input.path()) {
            // Taken as the live state alone: what a dump of that moment would say, and no more.
            let live = Self::recorded(Recorded::tape(input).await?, at).await?;
            return Ok(Self { history: None, ..live });
        }
        if at.is_some() {
            let failure =
                Failure::new(format!("--at needs recorded history, and `{}` is a dump", input.name()));
            return Err(failure.hint("a dump is of one moment; `drift record` makes a tape"));
        }
        let name = input.name().into_owned();
        let read = tokio::task::spawn_blocking(move || Dump::read(input.path())).await;
        let read = read.map_err(|e| Failure::new("reading the dump broke off").because(&e))?;
        let objects = read.map_err(|e| unreadable(&name, &e))?;
        Ok(Self { objects: objects.into_iter().map(Arc::new).collect(), ..Self::default() })
    }

    async fn recorded(recorded: Recorded, at: Option<Moment>) -> Result<Self, Failure> {
        let (objects, gaps) = recorded.live(at).await?;
        let (notes, redactor) = (recorded.notes().clone(), Some(recorded.redactor().clone()));
        Ok(Self { objects, gaps, notes, redactor, history: Some(recorded), namespace: None })
    }

    async fn cluster(args: &ClusterArgs, wanted: &Wanted) -> Result<Self, Failure> {
        let connection = cluster::open(args).await?;
        let mut namespaces = wanted.namespaces.clone();
        if wanted.default_namespace && !namespaces.contains(&connection.namespace) {
            namespaces.push(connection.namespace.clone());
        }
        let (objects, gaps) = cluster::list(&connection, &namespaces, &wanted.cluster_kinds).await?;
        let mut notes = Notes::default();
        let (declared, others): (Vec<_>, Vec<_>) = gaps.iter().partition(|gap| wanted.concerns(gap));
        declared.iter().for_each(|gap| notes.miss(format!("not listed: {}: {}", gap.scope, gap.message)));
        if !others.is_empty() {
            let kinds: BTreeSet<_> =
                others.iter().filter_map(|g| g.scope.kind.as_ref()).map(|k| k.1.to_string()).collect();
            let kinds: Vec<_> = kinds.into_iter().collect();
            notes.add(format!("not listed, and nothing is declared of them: {}", kinds.join(", ")));
        }
        Ok(Self { objects, gaps, notes, namespace: Some(connection.namespace), ..Self::default() })
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
pub(crate) fn is_tape(path: &Path) -> bool {
    let options = TapeOptions { max_line: FIRST_LINE, ..TapeOptions::default() };
    TapeReader::open(path, options).is_ok_and(|reader| reader.take(TRIED).any(|line| line.is_ok()))
}
