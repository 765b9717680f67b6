//! What the command line names to be looked at, as options of the library.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use drift_core::coverage::Coverage;
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{ResourceName, Scope, StoreError};
use drift_sinks::report::{CoverageV1, Styler};
use drift_sinks::store::embedded::EmbeddedStore;
use drift_sources::argo::server::{ServerLimits, ServerOptions, Token};
use drift_sources::estate::{
    ComparedNamespaces, Estate, EstateError, EstateOptions, HistoryUpkeep, InputNotes, RecordedHistory,
    grant_commands,
};
use drift_sources::kubernetes::ConnectOptions;
use jiff::Timestamp;

use crate::args::{
    ArgoArgs, CheckFormat, ClusterArgs, DataFormat, DiffFormat, FilterArgs, InputArgs, RecordedArgs,
};
use crate::failure::Failure;
use crate::output;

/// Environment variable of the token, as `argocd` has it.
const TOKEN: &str = "ARGOCD_AUTH_TOKEN";
/// Largest token file.
const MAX_TOKEN: u64 = 64 << 10;

/// Looks at recorded history: a store or a tape.
pub(crate) fn recorded(args: &RecordedArgs) -> Result<EstateOptions, Failure> {
    let values = output::secret_values().clone();
    // A store may come from the defaults, a tape never does.
    match (&args.tape, &args.store) {
        (Some(tape), _) => Ok(Estate::tape(tape).secret_values(values)),
        (None, Some(folder)) => Ok(Estate::history(open_store(folder)?).secret_values(values)),
        (None, None) => Err(Failure::new("no history to look at").hint(
            "give --store DIR or $DRIFT_STORE (`drift watch --store DIR` makes a store), or --tape FILE (`drift record --once -o FILE` makes one in a second)",
        )),
    }
}

/// Looks at what the arguments name, or at the cluster: also where it is named and a store is only the default.
pub(crate) fn input(args: &InputArgs) -> Result<EstateOptions, Failure> {
    let names_cluster = args.cluster.context.is_some() || args.cluster.kubeconfig.is_some();
    match args.live.as_deref() {
        None if names_cluster && args.recorded.tape.is_none() => {
            let values = output::secret_values().clone();
            Ok(Estate::cluster(connect_options(&args.cluster)).secret_values(values))
        }
        file => any(file, &args.recorded, &args.cluster),
    }
}

/// Looks at a file, recorded history or, without either, the cluster.
pub(crate) fn any(
    file: Option<&Path>,
    recorded_args: &RecordedArgs,
    cluster: &ClusterArgs,
) -> Result<EstateOptions, Failure> {
    let values = output::secret_values().clone();
    match file {
        Some(file) => Ok(Estate::dump(file).secret_values(values)),
        None if recorded_args.store.is_some() || recorded_args.tape.is_some() => recorded(recorded_args),
        None => Ok(Estate::cluster(connect_options(cluster)).secret_values(values)),
    }
}

/// Returns how the cluster is connected to.
pub(crate) fn connect_options(args: &ClusterArgs) -> ConnectOptions {
    ConnectOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        ..ConnectOptions::default()
    }
}

/// Fails where there is no store, which is not the same as a damaged one.
pub(crate) fn require_store(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        return Ok(());
    }
    let name = folder.display();
    let failure = Failure::new(format!("there is no store in `{name}`"));
    Err(failure.hint(format!("`drift watch --store {name}` makes one, and keeps it")))
}

/// Opens a store beside whoever is writing it.
fn open_store(folder: &Path) -> Result<RecordedHistory, Failure> {
    let name = folder.display().to_string();
    require_store(folder)?;
    let failed = |e: StoreError| store_failure(&name, e);
    let store = EmbeddedStore::open_read_only(folder).map_err(failed)?;
    let redactor = Redactor::new(RedactOptions::new(store.redaction_key().map_err(failed)?));
    let upkeep = match store.has_writer() {
        true => HistoryUpkeep::Watched,
        false => HistoryUpkeep::Unwatched(Timestamp::now()),
    };
    Ok(RecordedHistory::new(Arc::new(store), name, redactor).with_upkeep(upkeep))
}

/// Returns the failure of a store that cannot be opened or written, with what to do about it.
pub(crate) fn store_failure(name: &str, source: StoreError) -> Failure {
    EstateError::Store { name: name.to_owned(), source }.into()
}

/// Adds the audit log and the repositories.
pub(crate) fn with_sources(
    mut options: EstateOptions,
    audit: Option<&Path>,
    git: &[String],
) -> EstateOptions {
    if let Some(audit) = audit {
        options = options.audit(audit);
    }
    git.iter().fold(options, EstateOptions::git)
}

/// Adds what apps declare besides Git: schemas, exceptions and the API server of Argo CD.
pub(crate) fn with_declared(
    mut options: EstateOptions,
    schemas: Option<&Path>,
    exceptions: Option<&Path>,
    argocd: &ArgoArgs,
) -> Result<EstateOptions, Failure> {
    if let Some(folder) = schemas {
        options = options.schemas(folder);
    }
    if let Some(file) = exceptions {
        options = options.exceptions(file);
    }
    let Some(url) = &argocd.server else { return Ok(options) };
    Ok(options.argocd(ServerOptions {
        url: url.clone(),
        token: token(argocd.token_file.as_deref())?,
        ca_file: argocd.ca_file.clone(),
        limits: ServerLimits::default(),
    }))
}

fn token(file: Option<&Path>) -> Result<Token, Failure> {
    let text = match file {
        Some(path) => read_token(path)?,
        None => std::env::var(TOKEN).map_err(|_| {
            Failure::new("no token for Argo CD")
                .hint(format!("put it into ${TOKEN}, or name a file with --argocd-token-file"))
        })?,
    };
    Token::new(&text).ok_or_else(|| {
        let place = file.map_or_else(|| format!("${TOKEN}"), |f| f.display().to_string());
        Failure::new(format!("what is in {place} is no token"))
            .hint("one line of printable characters is; `argocd account generate-token` makes one")
    })
}

fn read_token(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot read the token file `{}`", path.display())).because(&e)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_TOKEN).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Sets the namespace, if one is given.
pub(crate) fn in_namespace(options: EstateOptions, namespace: Option<&str>) -> EstateOptions {
    match namespace {
        Some(namespace) => options.namespace(namespace),
        None => options,
    }
}

/// Sets the namespace and the labels that are asked for.
pub(crate) fn in_scope(options: EstateOptions, scope: &FilterArgs) -> EstateOptions {
    let mut options = in_namespace(options, scope.namespace());
    if scope.all_namespaces {
        options = options.compared_namespaces(ComparedNamespaces::All);
    }
    match &scope.selector {
        Some(selector) => options.selector(selector.clone()),
        None => options,
    }
}

/// Sets the resources that are asked about, if any are.
pub(crate) fn about(options: EstateOptions, keys: &[ResourceName]) -> EstateOptions {
    keys.iter().cloned().fold(options, EstateOptions::only)
}

/// Where what could not be looked at is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotePlace {
    /// In the text of the report.
    Report,
    /// On standard error: the report is for programs, or there is none.
    StandardError,
}

impl NotePlace {
    /// Returns the place for an answer: without one there is no report.
    pub(crate) fn of<T, E>(format: impl Into<Self>, answer: &Result<T, E>) -> Self {
        if answer.is_ok() { format.into() } else { Self::StandardError }
    }
}

impl From<DataFormat> for NotePlace {
    fn from(format: DataFormat) -> Self {
        if format == DataFormat::Text { Self::Report } else { Self::StandardError }
    }
}

impl From<DiffFormat> for NotePlace {
    fn from(format: DiffFormat) -> Self {
        match format {
            DiffFormat::Text | DiffFormat::Markdown | DiffFormat::Github => Self::Report,
            DiffFormat::Json | DiffFormat::Yaml | DiffFormat::Name | DiffFormat::Diff => Self::StandardError,
        }
    }
}

impl From<CheckFormat> for NotePlace {
    fn from(format: CheckFormat) -> Self {
        match format {
            CheckFormat::Text | CheckFormat::Github => Self::Report,
            CheckFormat::Json | CheckFormat::Yaml => Self::StandardError,
        }
    }
}

/// Returns all notes for the report, and prints on standard error what could not be looked at if that is the place.
pub(crate) fn report_notes(estate: &Estate, place: impl Into<NotePlace>) -> InputNotes {
    report_notes_about(estate, place, |_| true)
}

/// Returns the same for a question about some resources: what it did not need takes nothing away from its answer.
pub(crate) fn report_notes_about(
    estate: &Estate,
    place: impl Into<NotePlace>,
    is_needed: impl Fn(&Scope) -> bool,
) -> InputNotes {
    let mut notes = estate.notes();
    notes.coverage_mut().leave_scopes(is_needed);
    if place.into() == NotePlace::StandardError {
        let text = CoverageV1::from(notes.coverage()).render_text(Styler::default());
        text.lines().for_each(output::remark);
    }
    report_grants(notes.coverage());
    notes
}

/// Prints the remarks on standard error, for a report that has no place for them.
pub(crate) fn report_remarks(notes: &InputNotes) {
    notes.remarks().iter().for_each(|remark| output::remark(&format!("note: {remark}")));
}

/// Prints on standard error how to get the rights that were missing.
pub(crate) fn report_grants(coverage: &Coverage) {
    for command in grant_commands(coverage) {
        output::remark(&format!("hint: to allow it: {command}"));
    }
}

/// Prints on standard error that a part was not looked at.
pub(crate) fn report_incomplete(text: &str) {
    output::remark(&format!("not looked at: {text}"));
}

/// Notes of a command that runs for long: what is missing is printed at once.
#[derive(Debug, Default)]
pub(crate) struct PrintedNotes {
    is_partial: bool,
}

impl PrintedNotes {
    /// Prints that a part was not looked at.
    pub(crate) fn add_incomplete(&mut self, text: &str) {
        report_incomplete(text);
        self.is_partial = true;
    }

    /// Prints what of an input was not looked at.
    pub(crate) fn append(&mut self, notes: &InputNotes) {
        notes.incomplete().for_each(|text| self.add_incomplete(&text));
    }

    /// Returns `true` if a part was not looked at.
    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial
    }
}
