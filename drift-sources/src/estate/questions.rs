//! The questions that an estate answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::Until;
use drift_core::cause::{Cause, CauseIndex, Explanation, Incidents, Investigation, RecordedWrite, incidents};
use drift_core::drift::DriftReport;
use drift_core::graph::DependencyGraph;
use drift_core::health::{HealthContext, assess, newest_time};
use drift_core::history::{Change, ResourceOp};
use drift_core::k8s::selector::Selector;
use drift_core::timeline::{Transition, VersionChange, VersionFollower, VersionStep};
use drift_core::{Event, FieldPath, Object, ResourceKey};
use futures::TryStreamExt;
use jiff::Timestamp;

use super::attribution::with_user;
use super::commits::CommitFinder;
use super::comparison::{ComparisonOptions, compare_desired, needed_scope};
use super::users::{StoredEntries, time_of};
use super::{AttributedField, CommitSource};
use super::{
    CauseCommits, Comparison, DeclaredApps, DesiredState, Estate, EstateError, FieldContention,
    HealthSnapshot, InputNotes, RecordedHistory, ResourceHealth, UserLog, gather_schemas, open_repositories,
};
use crate::gitops::{App, AppState, transitions};

/// One recorded event, with what it did to its resource.
#[derive(Clone, Debug)]
pub struct TimelineEntry {
    /// The event.
    pub event: Event,
    /// What it did; `None` for an event that is not a version of a resource, such as a gap.
    pub change: Option<VersionChange>,
}

/// An app by its engine's own account.
#[derive(Clone, Debug)]
pub struct AppOverview {
    /// The app.
    pub key: ResourceKey,
    /// How it is doing, what it applied and what it should.
    pub state: AppState,
    /// How it came to that, oldest first, as far as it was recorded, each with the time at which it was seen.
    pub transitions: Vec<(Timestamp, Transition)>,
}

/// All apps, with how their resources differ from what they declare.
#[derive(Clone, Debug)]
pub struct AppsOverview {
    /// The apps by key.
    pub apps: Vec<AppOverview>,
    /// The verdicts over their resources.
    pub report: DriftReport,
    /// When each resource was last seen to change, as far as it was recorded.
    pub last_changes: BTreeMap<ResourceKey, Timestamp>,
    /// Programs that rendered what is declared, with their versions.
    pub renderers: Vec<String>,
}

/// Who and what was behind the causes of an explanation: the audit log and the repositories, read and ready to be asked.
#[derive(Debug)]
pub struct CauseSources {
    log: Option<Arc<UserLog>>,
    commits: CauseCommits,
}

impl CauseSources {
    /// Returns the user who made a change: the one that its event names, else the one in the audit log.
    pub fn user_of(&self, change: &Change) -> Option<Arc<str>> {
        if change.user.is_some() {
            return change.user.clone();
        }
        let index = self.log.as_ref()?.index();
        let at = Some(change.mark.at.time);
        if change.op == ResourceOp::Delete {
            let uid = change.object().and_then(|o| o.uid());
            let entry = index.find_deleter(&change.key, uid.as_ref(), at)?;
            return Some(Arc::clone(&entry.user));
        }
        let path: Option<&FieldPath> = change.fields.first().map(|f| &f.path);
        index.actor_of(&change.key, change.version(), at, path)?.user
    }

    /// Returns the commit behind a cause that an engine brought.
    pub fn commit_of(&self, cause: &Cause) -> Option<CommitSource> {
        self.commits.find(cause)
    }
}

/// Returns the user of a write by the audit log.
fn user_of(log: &UserLog, write: &RecordedWrite<'_>) -> Option<Arc<str>> {
    let (index, at) = (log.index(), Some(write.at));
    if write.is_deletion {
        return index.find_deleter(write.key, None, at).map(|entry| Arc::clone(&entry.user));
    }
    index.actor_of(write.key, write.version, at, None)?.user
}

impl Estate {
    /// Compares what is declared with what is live: manifests if any are named, else what Argo CD, Flux and Helm declare.
    ///
    /// # Errors
    /// When one of the sides cannot be read at all.
    pub async fn diff(&self) -> Result<Comparison, EstateError> {
        let mut notes = InputNotes::default();
        let compared = match self.options.desired.is_empty() {
            true => self.diff_apps(&mut notes).await,
            false => self.diff_desired(&mut notes).await,
        };
        let compared = match compared {
            Ok(compared) => self.leave_only_named(compared, &mut notes),
            Err(e) => Err(e),
        };
        self.note(notes);
        let mut compared = compared?;
        let (report, notes) = (&mut compared.report, self.notes());
        report.notes.extend(notes.remarks().iter().cloned());
        report.coverage.append(notes.coverage().clone());
        if !self.options.only.is_empty() {
            let named: Vec<_> = report.resources.iter().map(|r| r.key.clone()).collect();
            report.coverage.leave_about(&named);
        }
        Ok(compared)
    }

    /// Leaves the resources that are named, if any are; one that is neither declared nor live is not what was meant.
    fn leave_only_named(
        &self,
        mut compared: Comparison,
        notes: &mut InputNotes,
    ) -> Result<Comparison, EstateError> {
        let only = &self.options.only;
        if only.is_empty() {
            return Ok(compared);
        }
        let live = compared.live.iter().map(|o| o.key());
        let known: Vec<ResourceKey> =
            compared.report.resources.iter().map(|r| r.key.clone()).chain(live).collect();
        let mut meant = BTreeSet::new();
        for name in only {
            let nearest = match self.choose_all(name, &known) {
                Err(EstateError::UnknownResource { nearest, .. }) => nearest,
                found => {
                    meant.extend(found?.into_iter().map(ToString::to_string));
                    continue;
                }
            };
            let what = format!("`{name}` is neither declared nor live");
            if !notes.is_partial() && !self.notes().is_partial() {
                let advice = if nearest.is_empty() {
                    String::new()
                } else {
                    format!("nearest: {}", nearest.join(", "))
                };
                return Err(EstateError::NotThere { what, advice });
            }
            notes.add_incomplete(format!("{what}, as far as could be looked at"));
        }
        compared.report.resources.retain(|r| meant.contains(&r.key.to_string()));
        Ok(compared)
    }

    async fn diff_desired(&self, notes: &mut InputNotes) -> Result<Comparison, EstateError> {
        let options = &self.options;
        let mut desired = DesiredState::read(&options.desired, &Arc::new(self.new_renderer())).await?;
        options.values.learn(desired.objects());
        let named = options.namespace.as_deref();
        let mut live = self.live_in(&needed_scope(&desired, named, options.compared_namespaces)).await?;
        notes.append(desired.take_notes());
        notes.append(std::mem::take(&mut live.notes));
        let live_objects = live.objects.iter().map(|o| &**o);
        let schemas = gather_schemas(options.schemas.as_deref(), desired.objects(), live_objects, notes)?;
        let namespace = named.or(live.namespace.as_deref()).unwrap_or("default").to_owned();
        let redactor = live.redactor.clone();
        let all = desired.resolve(&schemas, &namespace, redactor.as_ref());
        notes.append(desired.take_notes());
        let comparison = ComparisonOptions {
            namespace: Some(&namespace),
            selector: options.selector.as_ref(),
            unmanaged: options.unmanaged,
        };
        let mut compared = compare_desired(&desired, &all, live, schemas, &comparison);
        let audit = options.audit.as_ref();
        let log = audit.map(|audit| UserLog::read(audit, redactor, None, notes)).transpose()?;
        let Comparison { report, live, schemas, .. } = &mut compared;
        if self.has_history() {
            let history = self.recorded().await?;
            history.attribute(report, live, options.until, schemas, log.as_ref(), notes).await?;
        } else if let Some(log) = &log {
            log.attribute(report, live);
        }
        Ok(compared)
    }

    async fn diff_apps(&self, notes: &mut InputNotes) -> Result<Comparison, EstateError> {
        let apps = self.read_apps(notes).await?;
        let mut report = {
            let gitops = apps.gitops();
            apps.compare(&gitops).report
        };
        let namespace = self.options.namespace.as_deref();
        report.resources.retain(|r| namespace.is_none_or(|n| *r.key.namespace == *n));
        if report.resources.is_empty() {
            let live: Vec<_> = apps.cluster.live().iter().map(|o| o.key()).collect();
            self.require_namespace(&live).await?;
        }
        if self.has_history() {
            let (live, until) = (apps.cluster.live(), self.options.until);
            self.recorded().await?.name_users(&mut report, live, until, &apps.schemas, notes).await?;
        }
        if let Some(audit) = &self.options.audit {
            let log = UserLog::read(audit, Some(self.redactor.clone()), apps.cluster.moment(), notes)?;
            log.attribute(&mut report, apps.cluster.live());
        }
        let live = apps.cluster.live().iter().map(|o| self.redactor.redact_foreign(Arc::clone(o))).collect();
        Ok(Comparison { report, desired: Vec::new(), paths: BTreeMap::new(), live, schemas: apps.schemas })
    }

    /// Returns how every app is doing, by its engine's account and by ours; of a namespace, if one is set, the apps that lie in it or
    /// declare something in it.
    ///
    /// # Errors
    /// As [`declared_apps`](Self::declared_apps).
    pub async fn apps(&self) -> Result<AppsOverview, EstateError> {
        let apps = self.declared_apps().await?;
        let overview = overview_of(&apps, self.options.namespace.as_deref());
        if overview.apps.is_empty() {
            let live: Vec<_> = apps.cluster.live().iter().map(|o| o.key()).collect();
            self.require_namespace(&live).await?;
        }
        let mut notes = InputNotes::default();
        notes.coverage_mut().append(overview.report.coverage.clone());
        self.note(notes);
        Ok(overview)
    }

    async fn investigation<'a>(&'a self, index: &'a CauseIndex) -> Result<Investigation<'a>, EstateError> {
        let investigation = index.investigation(Until::End, &self.schemas);
        let investigation =
            investigation.with_weights(self.options.weights).with_health_rules(self.health_rules());
        let Some(log) = self.user_log().await? else { return Ok(investigation) };
        Ok(investigation.with_users(move |write| user_of(&log, write)))
    }

    /// Explains why a resource is unhealthy: the recorded changes behind it, best first, or why none is named.
    ///
    /// # Errors
    /// As [`recorded`](Self::recorded).
    pub async fn why(&self, key: &ResourceKey) -> Result<Explanation, EstateError> {
        let index = self.cause_index().await?;
        let investigation = self.investigation(&index).await?;
        Ok(investigation.why(key))
    }

    /// Finds everything that is broken, by the change behind it.
    ///
    /// # Errors
    /// As [`why`](Self::why).
    pub async fn incidents(&self) -> Result<Incidents, EstateError> {
        let index = self.cause_index().await?;
        let investigation = self.investigation(&index).await?;
        let (namespace, selector) = (self.options.namespace.as_deref(), self.options.selector.as_ref());
        let has_labels = |key: &ResourceKey, selector: &Selector| {
            investigation.history().now(key).is_some_and(|o| selector.matches_object(o))
        };
        let is_wanted = |key: &ResourceKey| {
            namespace.is_none_or(|n| *n == *key.namespace) && selector.is_none_or(|s| has_labels(key, s))
        };
        Ok(incidents(&investigation, is_wanted))
    }

    /// Lets a function ask any number of questions about causes, such as the checks of [`drift_core::checks`], without IO.
    ///
    /// # Errors
    /// As [`why`](Self::why).
    pub async fn investigate<T>(&self, ask: impl FnOnce(&Investigation<'_>) -> T) -> Result<T, EstateError> {
        let index = self.cause_index().await?;
        Ok(ask(&self.investigation(&index).await?))
    }

    /// Reads the audit log and opens the repositories, to name who and what was behind causes.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn cause_sources(&self) -> Result<CauseSources, EstateError> {
        if self.has_history() {
            self.cause_index().await?;
        }
        let log = self.user_log().await?;
        let mut notes = InputNotes::default();
        let commits = CauseCommits::open(&self.options.git, &mut notes);
        self.note(notes);
        Ok(CauseSources { log, commits: commits? })
    }

    /// Returns who set each field of a resource, when, with what, through which app and from which commit.
    ///
    /// # Errors
    /// [`EstateError::NotThere`] when the resource was not there, and as [`why`](Self::why).
    pub async fn blame(&self, key: &ResourceKey) -> Result<Vec<AttributedField>, EstateError> {
        self.blame_field(key, &FieldPath::ROOT).await
    }

    /// Returns the same of one field and what is below it.
    ///
    /// # Errors
    /// As [`blame`](Self::blame).
    pub async fn blame_field(
        &self,
        key: &ResourceKey,
        path: &FieldPath,
    ) -> Result<Vec<AttributedField>, EstateError> {
        self.recorded_about(&|scope| scope.contains(key)).await?;
        let writers = self.writer_history().await?;
        let log = self.user_log().await?;
        let mut notes = InputNotes::default();
        let commits = match self.options.git.is_empty() {
            true => None,
            false => Some(CommitFinder {
                versions: self.rendered_versions(&writers, &mut notes)?,
                repositories: open_repositories(&self.options.git)?,
                renderer: self.new_renderer(),
                redactor: self.recorded().await?.redactor().clone(),
            }),
        };
        let found = writers.blame(key, path, log.as_deref(), commits.as_ref(), &mut notes);
        self.note(notes);
        found
    }

    /// Finds fields that two writers overwrite in turn, and changes by hand that an engine put back.
    ///
    /// # Errors
    /// [`EstateError::NeedsHistory`] of one moment, and as [`why`](Self::why).
    pub async fn fights(&self) -> Result<FieldContention, EstateError> {
        self.fights_of(|_| true).await
    }

    /// Finds the same among some resources.
    ///
    /// # Errors
    /// As [`why`](Self::why).
    pub async fn fights_of(
        &self,
        is_wanted: impl Fn(&ResourceKey) -> bool,
    ) -> Result<FieldContention, EstateError> {
        self.recorded_for("fights").await?;
        let writers = self.writer_history().await?;
        let log = self.user_log().await?;
        let selector = self.options.selector.as_ref();
        let history = writers.history();
        let has_labels = |k: &ResourceKey, s: &Selector| history.last(k).is_some_and(|o| s.matches_object(o));
        let is_wanted = |k: &ResourceKey| {
            self.is_asked_about(k) && is_wanted(k) && selector.is_none_or(|s| has_labels(k, s))
        };
        Ok(writers.contention(is_wanted, log.as_deref()))
    }

    /// Returns how resources are doing, why, and since when.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub async fn health(&self) -> Result<HealthSnapshot, EstateError> {
        self.health_of(|_| true).await
    }

    /// Returns the same of some resources; `is_wanted` is asked of every live object.
    ///
    /// # Errors
    /// As [`health`](Self::health).
    pub async fn health_of(
        &self,
        mut is_wanted: impl FnMut(&Object) -> bool,
    ) -> Result<HealthSnapshot, EstateError> {
        let live = self.live().await?;
        self.note(live.notes);
        let newest = live.objects.iter().filter_map(|o| newest_time(o.root())).max();
        let at = match (time_of(self.options.until), &live.namespace) {
            (Some(time), _) => time,
            (None, Some(_)) => Timestamp::now(),
            (None, None) => newest.unwrap_or_default(),
        };
        let rules = self.health_rules();
        let selector = self.options.selector.as_ref();
        let is_in_scope =
            |o: &Object| self.is_asked_about(&o.key()) && selector.is_none_or(|s| s.matches_object(o));
        let mut resources = Vec::new();
        for object in live.objects.iter().filter(|o| is_wanted(o) && is_in_scope(o)) {
            let mut health = assess(object, &HealthContext { now: at, rules: &rules, previous: None });
            if self.has_history() {
                let since = self.recorded().await?.health_since(object, self.options.until, &rules).await?;
                health.since = since.or(health.since);
            }
            resources.push(ResourceHealth { key: object.key(), health });
        }
        Ok(HealthSnapshot { at, resources, listed: live.recorded })
    }

    /// Returns what depended on what over the whole history; ask it as of [`until`](Self::until).
    ///
    /// # Errors
    /// As [`why`](Self::why).
    pub async fn graph(&self) -> Result<DependencyGraph, EstateError> {
        self.recorded_about(&|_| true).await?.dependency_graph(self.edge_rules()).await
    }

    /// Returns what happened, oldest first: every recorded event with what it did to its resource.
    ///
    /// # Errors
    /// [`EstateError::NeedsHistory`] of one moment, and as [`why`](Self::why).
    pub async fn timeline(&self) -> Result<Vec<TimelineEntry>, EstateError> {
        self.timeline_where(|_| true).await
    }

    /// Returns the part of the timeline that is wanted; the rest of a long history is not held in memory.
    ///
    /// # Errors
    /// [`EstateError::NeedsHistory`] of one moment, and as [`why`](Self::why).
    pub async fn timeline_where(
        &self,
        mut is_wanted: impl FnMut(&TimelineEntry) -> bool,
    ) -> Result<Vec<TimelineEntry>, EstateError> {
        let history = self.recorded_for("timeline").await?;
        let mut events = history.events(self.options.until);
        let mut follower = VersionFollower::new(&self.schemas);
        let (mut wanted, mut stored) = (Vec::new(), StoredEntries::default());
        while let Some(event) = events.try_next().await? {
            // Every version is followed, also one that is not wanted: the next is compared with it.
            let change = follower.next(&event);
            stored.take(&event);
            let entry = TimelineEntry { event, change };
            if is_wanted(&entry) {
                wanted.push(entry);
            }
        }
        self.name_users(history, stored, &mut wanted).await?;
        Ok(wanted)
    }

    /// Returns the events of one resource, also those after the point that is looked at.
    ///
    /// # Errors
    /// As [`why`](Self::why).
    pub async fn events_of(&self, key: &ResourceKey) -> Result<Vec<Event>, EstateError> {
        self.require_past("show")?;
        let history = self.recorded_about(&|scope| scope.contains(key)).await?;
        history.events_of(key, Until::End).await
    }

    /// Returns the versions of one resource, oldest first.
    ///
    /// # Errors
    /// [`EstateError::NeedsHistory`] of one moment, and as [`why`](Self::why).
    pub async fn timeline_of(&self, key: &ResourceKey) -> Result<Vec<TimelineEntry>, EstateError> {
        self.require_past("history")?;
        let history = self.recorded_about(&|scope| scope.contains(key)).await?;
        let events = history.events_of(key, self.options.until).await?;
        let mut follower = VersionFollower::new(&self.schemas);
        let mut stored = StoredEntries::default();
        events.iter().for_each(|e| stored.take(e));
        let entry = |event| TimelineEntry { change: follower.next(&event), event };
        let mut entries: Vec<_> = events.into_iter().map(entry).filter(|e| e.change.is_some()).collect();
        self.name_users(history, stored, &mut entries).await?;
        Ok(entries)
    }

    /// Names the user behind each version that names none: by the audit entries that were stored, then by the audit log.
    async fn name_users(
        &self,
        history: &RecordedHistory,
        stored: StoredEntries,
        entries: &mut [TimelineEntry],
    ) -> Result<(), EstateError> {
        let mut notes = InputNotes::default();
        let users = UserLog::of_entries(stored.into_entries(), history.redactor().clone(), &mut notes);
        self.note(notes);
        for entry in entries.iter_mut().filter(|e| e.change.is_some()) {
            entry.event.origin.actor = with_user(&entry.event, &users);
        }
        let Some(log) = self.user_log().await? else { return Ok(()) };
        for entry in entries {
            let (Some(change), Some(key)) = (&entry.change, entry.event.stream.key()) else { continue };
            if entry.event.origin.actor.user.is_some() || change.step == VersionStep::Seen {
                continue;
            }
            let key = ResourceKey { cluster: "".into(), ..key.clone() };
            let at = Some(entry.event.at());
            entry.event.origin.actor.user = match (&change.after, &change.before) {
                (None, before) => {
                    let uid = before.as_ref().and_then(|o| o.uid());
                    log.index().find_deleter(&key, uid.as_ref(), at).map(|e| Arc::clone(&e.user))
                }
                (Some(object), _) => {
                    let path = change.changes.first().map(|c| &c.path);
                    log.index()
                        .actor_of(&key, object.resource_version().as_ref(), at, path)
                        .and_then(|a| a.user)
                }
            };
        }
        Ok(())
    }
}

fn overview_of(apps: &DeclaredApps, namespace: Option<&str>) -> AppsOverview {
    let gitops = apps.gitops();
    let report = apps.compare(&gitops).report;
    let keys = report.resources.iter().map(|r| &r.key);
    let last = |k: &ResourceKey| Some((k.clone(), apps.cluster.versions(k).last()?.at));
    let is_wanted = |app: &&App| {
        let key = app.key();
        let declares =
            |n: &str| report.resources.iter().any(|r| r.app.as_ref() == Some(&key) && *r.key.namespace == *n);
        namespace.is_none_or(|n| *key.namespace == *n || app.target_namespace() == Some(n) || declares(n))
    };
    let overview = |app: &App| {
        let key = app.key();
        let steps = apps.cluster.versions(&key).windows(2);
        let steps = steps.flat_map(|v| {
            let both = v[0].object.as_deref().zip(v[1].object.as_deref());
            let found = both.map(|(before, after)| transitions(before, after)).unwrap_or_default();
            found.into_iter().map(move |t| (v[1].at, t))
        });
        AppOverview { transitions: steps.collect(), state: gitops.state(app), key }
    };
    AppsOverview {
        apps: gitops.apps().filter(is_wanted).map(overview).collect(),
        last_changes: keys.filter_map(last).collect(),
        report,
        renderers: apps.renderer_versions(),
    }
}
