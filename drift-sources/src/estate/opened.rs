//! An estate that is open, and what its questions have read so far.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use drift_core::ResourceName;
use drift_core::Scope;
use drift_core::Until;
use drift_core::cause::CauseIndex;
use drift_core::coverage::RecordedScope;
use drift_core::drift::rules::RuleSet;
use drift_core::graph::EdgeRules;
use drift_core::health::HealthRules;
use drift_core::history::VersionStore;
use drift_core::redact::Redactor;
use drift_core::schema::SchemaSet;
use jiff::Timestamp;

use super::coverage::note_uncovered;
#[cfg(feature = "kubernetes")]
use super::moment::history_of_cluster;
use super::moment::history_of_dump;
use super::options::{EstateInput, EstateOptions};
use super::secrets::session_redactor;
use super::versions::{Versions, cluster_of, cluster_of_history, versions_of, versions_of_tape};
use super::{
    ClusterScope, ComparedNamespaces, DeclaredApps, EstateError, InputFile, InputNotes, LiveState,
    RecordedHistory, UserLog, WriterHistory, gather_schemas, open_repositories, read_exceptions,
};
use crate::audit::AuditEntry;
use crate::gitops::ClusterSnapshot;
use crate::render::{RemoteHosts, RenderOptions, Renderer};

/// An input that is open.
#[derive(Debug)]
pub(super) enum OpenInput {
    Dump(InputFile),
    Tape(InputFile),
    Store,
    #[cfg(feature = "kubernetes")]
    Cluster(Box<crate::kubernetes::Connection>),
}

/// What is looked at: a cluster, a store, a tape or a dump, at a time, with Git, audit log and schemas; see the
/// [module](super) for how to open and ask it.
///
/// What a question has read is used by the next one. A store that is written meanwhile is seen as it was at the first question.
#[derive(Debug)]
pub struct Estate {
    pub(super) input: OpenInput,
    pub(super) options: EstateOptions,
    pub(super) schemas: Arc<SchemaSet>,
    /// Hashes Secrets that are read as they are.
    pub(super) redactor: Redactor,
    notes: Mutex<InputNotes>,
    pub(super) history: OnceLock<RecordedHistory>,
    versions: OnceLock<Arc<VersionStore>>,
    index: OnceLock<Arc<CauseIndex>>,
    writers: OnceLock<Arc<WriterHistory>>,
    /// Audit entries of the recorded history, read together with its versions.
    stored: OnceLock<Vec<AuditEntry>>,
    users: OnceLock<Arc<UserLog>>,
    recorded_scope: OnceLock<RecordedScope>,
}

impl Estate {
    pub(super) async fn open(options: EstateOptions) -> Result<Self, EstateError> {
        let history = OnceLock::new();
        let input = match &options.input {
            EstateInput::Dump(path) => OpenInput::Dump(InputFile::open(path)?),
            EstateInput::Tape(path) => OpenInput::Tape(InputFile::open(path)?),
            EstateInput::Store(store) => {
                history.get_or_init(|| store.clone().sharing(&options.values));
                OpenInput::Store
            }
            #[cfg(feature = "kubernetes")]
            EstateInput::Cluster(_) if options.until != Until::End => {
                return Err(EstateError::NeedsHistory { question: "at", input: None });
            }
            #[cfg(feature = "kubernetes")]
            EstateInput::Cluster(connect) => {
                let connection = super::connect_cluster(connect.clone()).await?;
                OpenInput::Cluster(Box::new(connection))
            }
        };
        Ok(Self {
            input,
            redactor: session_redactor(options.values.clone()),
            options,
            schemas: SchemaSet::bundled(),
            notes: Mutex::default(),
            history,
            versions: OnceLock::new(),
            index: OnceLock::new(),
            writers: OnceLock::new(),
            stored: OnceLock::new(),
            users: OnceLock::new(),
            recorded_scope: OnceLock::new(),
        })
    }

    /// Returns what a reader of the answers so far should know: what could not be read, and remarks.
    pub fn notes(&self) -> InputNotes {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the notes of a question; what another question noted before is not repeated.
    pub(super) fn note(&self, notes: InputNotes) {
        let notes = notes.map_texts(|text| self.options.values.blank(text).into_owned());
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).append(notes);
    }

    /// Returns the point of history that is looked at.
    pub fn until(&self) -> Until {
        self.options.until
    }

    /// Returns `true` if the past is known: a tape or a store is looked at, and not one moment.
    pub fn has_history(&self) -> bool {
        matches!(self.input, OpenInput::Tape(_) | OpenInput::Store)
    }

    /// Returns the recorded history, which is played on the first call if it is a tape.
    ///
    /// A dump, and a cluster, which is listed on the first call, is a history of one moment: it holds every resource once, with what
    /// the resource itself says of its past. A note says so.
    ///
    /// # Errors
    /// When it cannot be read, or the past of a dump or a cluster is asked for.
    pub async fn recorded(&self) -> Result<&RecordedHistory, EstateError> {
        if let Some(history) = self.history.get() {
            return Ok(history);
        }
        let values = self.options.values.clone();
        let history = match &self.input {
            OpenInput::Tape(tape) => RecordedHistory::play_with(tape, values).await?,
            OpenInput::Dump(dump) if self.options.until != Until::End && !dump.is_tape() => {
                return Err(self.needs_history("at"));
            }
            OpenInput::Dump(dump) => history_of_dump(dump, values).await?,
            // It was put there when the store was opened.
            OpenInput::Store => return Err(self.needs_history("this question")),
            #[cfg(feature = "kubernetes")]
            OpenInput::Cluster(connection) => {
                history_of_cluster(connection, self.options.namespace.as_deref(), values).await?
            }
        };
        self.note(history.notes().clone());
        Ok(self.history.get_or_init(|| history))
    }

    /// Returns the recorded history for a question about all of it that one moment does not answer, and notes what it does not
    /// cover.
    pub(super) async fn recorded_for(&self, question: &'static str) -> Result<&RecordedHistory, EstateError> {
        self.require_past(question)?;
        self.recorded_about(&|_| true).await
    }

    /// Refuses a question that one moment does not answer.
    pub(super) fn require_past(&self, question: &'static str) -> Result<(), EstateError> {
        let is_moment = match &self.input {
            OpenInput::Dump(dump) => !dump.is_tape(),
            _ => !self.has_history(),
        };
        if is_moment { Err(self.needs_history(question)) } else { Ok(()) }
    }

    /// Returns the history, of one moment as well, for a question about some scopes, and notes what it does not cover: what is not
    /// known of other scopes takes nothing away from the answer.
    pub(super) async fn recorded_about(
        &self,
        is_wanted: &(dyn Fn(&Scope) -> bool + Sync),
    ) -> Result<&RecordedHistory, EstateError> {
        let history = self.recorded().await?;
        let mut notes = InputNotes::default();
        note_uncovered(history, self.recorded_scope().await?, self.options.until, is_wanted, &mut notes);
        self.note(notes);
        Ok(history)
    }

    /// Returns what the recorded history covers, as of the point that is looked at.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub async fn recorded_scope(&self) -> Result<&RecordedScope, EstateError> {
        if let Some(recorded) = self.recorded_scope.get() {
            return Ok(recorded);
        }
        let recorded = self.recorded().await?.recorded_scope(self.options.until).await?;
        Ok(self.recorded_scope.get_or_init(|| recorded))
    }

    fn needs_history(&self, question: &'static str) -> EstateError {
        let input = match &self.input {
            OpenInput::Dump(dump) => Some(dump.name().into_owned()),
            _ => None,
        };
        EstateError::NeedsHistory { question, input }
    }

    /// Returns the index that answers questions about causes; any number of them, without IO.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub async fn cause_index(&self) -> Result<Arc<CauseIndex>, EstateError> {
        if let Some(index) = self.index.get() {
            return Ok(Arc::clone(index));
        }
        let history = self.recorded_about(&|_| true).await?;
        let (until, rules) = (self.options.until, self.edge_rules());
        let index = match self.versions.get() {
            Some(versions) => {
                CauseIndex::of(Arc::clone(versions), history.dependency_graph_until(until, rules).await?)
            }
            None => {
                let (index, stored) = history.cause_index_and_entries(until, rules).await?;
                self.stored.get_or_init(|| stored.into_entries());
                index
            }
        };
        self.versions.get_or_init(|| Arc::clone(index.versions()));
        let index = Arc::new(index);
        Ok(Arc::clone(self.index.get_or_init(|| index)))
    }

    /// Returns the versions of all resources, by which the writers of their fields are found.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub async fn writer_history(&self) -> Result<Arc<WriterHistory>, EstateError> {
        if let Some(writers) = self.writers.get() {
            return Ok(Arc::clone(writers));
        }
        let history = self.recorded().await?;
        let versions = match self.versions.get() {
            Some(versions) => Arc::clone(versions),
            None => {
                let (versions, stored) = history.versions_and_entries(self.options.until).await?;
                self.stored.get_or_init(|| stored.into_entries());
                Arc::clone(self.versions.get_or_init(|| Arc::new(versions)))
            }
        };
        let mut notes = InputNotes::default();
        let writers = Arc::new(WriterHistory::new(versions, &mut notes)?);
        self.note(notes);
        Ok(Arc::clone(self.writers.get_or_init(|| writers)))
    }

    /// Returns the audit log that is given, and the entries that the recorded history has, with Secrets hashed as there; `None`
    /// where there is neither.
    pub(super) async fn user_log(&self) -> Result<Option<Arc<UserLog>>, EstateError> {
        if let Some(users) = self.users.get() {
            return Ok(Some(Arc::clone(users)));
        }
        let (redactor, stored) = match self.has_history() {
            true => {
                let history = self.recorded().await?;
                // Causes and writers read them with whatever is asked for; the timeline has its own, and must not be the last word.
                let stored = self.stored.get().cloned().unwrap_or_default();
                (history.redactor().clone(), stored)
            }
            false => (self.redactor.clone(), Vec::new()),
        };
        let mut notes = InputNotes::default();
        let users = match &self.options.audit {
            Some(audit) => UserLog::read_with(audit, Some(redactor), None, stored, &mut notes)?,
            None if !stored.is_empty() => UserLog::of_entries(stored, redactor, &mut notes),
            None => return Ok(None),
        };
        self.note(notes);
        let users = Arc::new(users);
        if self.has_history() && self.stored.get().is_none() {
            return Ok(Some(users));
        }
        Ok(Some(Arc::clone(self.users.get_or_init(|| users))))
    }

    /// Makes what runs kustomize and helm.
    pub(super) fn new_renderer(&self) -> Renderer {
        local_renderer(self.options.remote_hosts.clone(), self.options.render_time)
    }

    pub(super) fn edge_rules(&self) -> Arc<EdgeRules> {
        self.options.edge_rules.clone().unwrap_or_else(|| Arc::new(EdgeRules::bundled()))
    }

    pub(super) fn health_rules(&self) -> Arc<HealthRules> {
        self.options.health_rules.clone().unwrap_or_else(|| Arc::new(HealthRules::bundled()))
    }

    /// Returns the live objects as they are, or were at the point that is looked at.
    ///
    /// Of a cluster these are the objects of the namespace that is asked for, or of that of the context, unless all namespaces are
    /// [looked at](super::ComparedNamespaces::All). Where resources are [named](super::EstateOptions::only) without a namespace, the
    /// whole cluster is listed if that of the context does not have them.
    ///
    /// # Errors
    /// When the input cannot be read, or a dump is asked about the past.
    pub async fn live(&self) -> Result<LiveState, EstateError> {
        let namespace = self.options.namespace.as_deref();
        #[cfg(feature = "kubernetes")]
        if let (OpenInput::Cluster(connection), None, ComparedNamespaces::Declared) =
            (&self.input, namespace, self.options.compared_namespaces)
        {
            let near = Some(&*connection.namespace);
            let live = self.live_in(&self.live_scope(near)).await?;
            let has = |name: &ResourceName| live.objects.iter().any(|o| name.matches(&o.key(), near));
            if self.options.only.iter().all(has) {
                return Ok(live);
            }
        }
        self.live_in(&self.live_scope(namespace)).await
    }

    /// Returns the live objects; of a cluster only what lies in a scope.
    pub(super) async fn live_in(&self, scope: &ClusterScope) -> Result<LiveState, EstateError> {
        Ok(self.read_live(scope).await?.redacted_by(&self.redactor))
    }

    /// Returns the live objects, with their Secrets unless they come from history, and learns the values of those.
    async fn read_live(&self, scope: &ClusterScope) -> Result<LiveState, EstateError> {
        match &self.input {
            OpenInput::Dump(file) => {
                LiveState::read(file, self.options.until, scope, self.options.values.clone()).await
            }
            OpenInput::Tape(_) | OpenInput::Store => {
                let history = self.recorded_about(&|s| scope.concerns(s)).await?;
                LiveState::of_history(history, self.options.until).await
            }
            #[cfg(feature = "kubernetes")]
            OpenInput::Cluster(connection) => {
                let live = LiveState::of_cluster(connection, scope).await?;
                self.options.values.learn(live.objects.iter().map(|o| &**o));
                Ok(live)
            }
        }
    }

    /// Reads what the engines in the estate declare is found from.
    ///
    /// # Errors
    /// When the input, a repository, the schemas or the exceptions cannot be read, or Argo CD does not answer.
    pub async fn declared_apps(&self) -> Result<DeclaredApps, EstateError> {
        let mut notes = InputNotes::default();
        let apps = self.read_apps(&mut notes).await;
        self.note(notes);
        apps
    }

    pub(super) async fn read_apps(&self, notes: &mut InputNotes) -> Result<DeclaredApps, EstateError> {
        let (cluster, recorded) = self.app_cluster(notes).await?;
        self.options.values.learn(cluster.live().iter().map(|o| &**o));
        let repositories = open_repositories(&self.options.git)?;
        let renderer = self.new_renderer();
        let live = cluster.live().iter().map(|o| &**o);
        let schemas = gather_schemas(self.options.schemas.as_deref(), [], live, notes)?;
        let exceptions = match &self.options.exceptions {
            Some(file) => read_exceptions(file)?,
            None => RuleSet::default(),
        };
        // What has expired is judged by the moment that is looked at.
        let now = cluster.report_time().unwrap_or_else(Timestamp::now);
        let cluster = cluster.with_now(now);
        let exceptions = exceptions.at(now);
        let answers = Default::default();
        let redactor = self.redactor.clone();
        let apps = DeclaredApps {
            cluster,
            repositories,
            answers,
            renderer,
            schemas,
            exceptions,
            recorded,
            redactor,
        };
        #[cfg(feature = "argo-server")]
        if let Some(server) = &self.options.argocd {
            let asked: Vec<_> = apps.gitops().without_source().into_iter().cloned().collect();
            let answers = super::argocd::ask_argocd(server.clone(), &asked, notes).await?;
            return Ok(DeclaredApps { answers, ..apps });
        }
        Ok(apps)
    }

    /// Reads the objects from which apps are found: of a tape with their Secrets, since releases and variables lie in them.
    async fn app_cluster(
        &self,
        notes: &mut InputNotes,
    ) -> Result<(ClusterSnapshot, RecordedScope), EstateError> {
        let until = self.options.until;
        let time = super::users::time_of(until);
        let file = match &self.input {
            OpenInput::Dump(file) | OpenInput::Tape(file) => Some(file),
            _ => None,
        };
        if let Some(file) = file
            && !matches!(until, Until::Position(_))
        {
            if file.is_tape() {
                let history = RecordedHistory::play_with(file, self.options.values.clone()).await?;
                let recorded = history.recorded_scope(until).await?;
                note_uncovered(&history, &recorded, until, &|_| true, notes);
                return Ok((cluster_of(versions_of_tape(file, time, notes)?, time), recorded));
            }
            let live =
                LiveState::read(file, until, &ClusterScope::default(), self.options.values.clone()).await?;
            notes.append(live.notes);
            return Ok((ClusterSnapshot::now(live.objects), live.recorded));
        }
        if let OpenInput::Dump(file) = &self.input {
            let history = RecordedHistory::play_with(file, self.options.values.clone()).await?;
            notes.append(history.notes().clone());
            let recorded = history.recorded_scope(until).await?;
            note_uncovered(&history, &recorded, until, &|_| true, notes);
            return Ok((cluster_of_history(&history, until).await?, recorded));
        }
        if self.has_history() {
            let history = self.recorded_for("apps").await?;
            let recorded = self.recorded_scope().await?.clone();
            return Ok((cluster_of_history(history, until).await?, recorded));
        }
        let live = self.read_live(&ClusterScope::default()).await?;
        notes.append(live.notes);
        Ok((ClusterSnapshot::now(live.objects), live.recorded))
    }

    /// Returns the versions of all resources for rendering: of a tape with their Secrets, since variables may lie in them.
    pub(super) fn rendered_versions(
        &self,
        writers: &WriterHistory,
        notes: &mut InputNotes,
    ) -> Result<Versions, EstateError> {
        if let OpenInput::Tape(tape @ InputFile::Path(_)) = &self.input
            && !matches!(self.options.until, Until::Position(_))
        {
            // What is wrong with its lines was noted when it was played.
            let time = super::users::time_of(self.options.until);
            return versions_of_tape(tape, time, &mut InputNotes::default());
        }
        notes.add("variables in Secrets are hashed in a store, so that what they declare is not known");
        Ok(versions_of(&writers.history()))
    }
}

/// Makes what runs the kustomize and helm of this machine, from `KUBEBUILDER_ASSETS` or `PATH`; remote bases come from some
/// hosts, and all runs together may take some time.
pub fn local_renderer(remote_hosts: RemoteHosts, total_time: Option<Duration>) -> Renderer {
    let options = RenderOptions::in_folders(super::apps::renderer_folders());
    let total_time = total_time.unwrap_or(options.total_time);
    Renderer::new(RenderOptions { remote_hosts, total_time, ..options })
}
