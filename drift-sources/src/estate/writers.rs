//! Who wrote the fields of resources: the versions of everything, joined with the audit log, the engines and Git.

use std::sync::Arc;

use drift_core::Until;
use drift_core::blame::{Applications, FieldBlame, Initiator, Since, blame};
use drift_core::fights::{Fight, Revert, find_conflicts_in_history, is_contested_by_design};
use drift_core::history::{History, KubernetesEvent, RecordedVersion, VersionStore};
use drift_core::k8s::tracking::AppRef;
use drift_core::schema::{SchemaSet, TypeRef};
use drift_core::time::format_time;
use drift_core::timeline::{find_deletion, find_removal};
use drift_core::{Actor, FieldPath, Object, PathElement, ResourceKey};

use super::attribution::actor_text;
use super::commits::{CommitFinder, CommitQuestion};
use super::{CommitSource, EstateError, InputNotes, UserLog, gather_schemas};
use crate::audit::{AuditedChange, LiveValue};

/// Where one field has its value from, with who and what was behind it.
#[derive(Clone, Debug)]
pub struct AttributedField {
    /// The field, its value, its field manager and when it was written.
    pub field: FieldBlame,
    /// User, by the audit log.
    pub user: Option<String>,
    /// The Application, Kustomization or release through which the value came; `None` for a change by hand.
    pub via: Option<ResourceKey>,
    /// Who started the operation of the engine that wrote it; for Argo CD.
    pub initiated_by: Option<Initiator>,
    /// Commit that declares the value, if the repository is given.
    pub commit: Option<CommitSource>,
}

/// A fight, with the apps through which engines took part.
#[derive(Clone, Debug)]
pub struct AttributedFight {
    /// The fight.
    pub fight: Fight,
    /// Through what engines wrote.
    pub apps: Vec<ResourceKey>,
}

/// A change by hand that an engine put back, with who made it and through what it was put back.
#[derive(Clone, Debug)]
pub struct AttributedRevert {
    /// The change and its end.
    pub revert: Revert,
    /// User who made it, by the audit log.
    pub user: Option<String>,
    /// Through what it was put back.
    pub via: Option<ResourceKey>,
}

/// Fields that several writers contend for.
#[derive(Clone, Debug, Default)]
pub struct FieldContention {
    /// Fields that two writers overwrite in turn, by resource.
    pub fights: Vec<AttributedFight>,
    /// Changes by hand that an engine put back, in order of time.
    pub reverts: Vec<AttributedRevert>,
}

/// All recorded versions, with the schemas of their kinds.
#[derive(Clone, Debug)]
pub struct WriterHistory {
    versions: Arc<VersionStore>,
    schemas: SchemaSet,
}

impl WriterHistory {
    /// Takes recorded versions, and reads the custom kinds that they define.
    pub(super) fn new(versions: Arc<VersionStore>, notes: &mut InputNotes) -> Result<Self, EstateError> {
        let history = History::as_of(&versions, Until::End);
        let definitions = history.of_kind("apiextensions.k8s.io", "CustomResourceDefinition");
        let definitions = definitions.filter_map(|key| history.now(key).map(|o| &**o));
        let schemas = gather_schemas(None, [], definitions, notes)?;
        Ok(Self { versions, schemas })
    }

    /// Returns the versions of each resource that was ever live; what a caller looks at is decompressed in it.
    pub fn history(&self) -> History {
        History::as_of(&self.versions, Until::End)
    }

    fn type_of(&self, object: &Object) -> Option<TypeRef<'_>> {
        self.schemas.kind(object.group(), object.version(), object.kind()).map(|k| k.root())
    }

    /// Finds the fields of a resource below a path and who gave each its value.
    ///
    /// # Errors
    /// [`EstateError::NotThere`] when the resource or the field was not there at that time.
    pub(super) fn blame(
        &self,
        key: &ResourceKey,
        path: &FieldPath,
        log: Option<&UserLog>,
        commits: Option<&CommitFinder>,
        notes: &mut InputNotes,
    ) -> Result<Vec<AttributedField>, EstateError> {
        let history = self.history();
        let applications = Applications::of(&history);
        let versions = history.versions(key);
        let inquiry = Inquiry { key, versions, history: &history, writers: self, applications, log };
        let path = inquiry.set_path(path);
        let mut fields: Vec<_> = inquiry.fields(&path).into_iter().map(|f| inquiry.attribute(f)).collect();
        if let Some(commits) = commits {
            inquiry.add_commits(&mut fields, commits, notes);
        }
        if fields.is_empty() {
            return Err(absent(key, &path, versions, log));
        }
        Ok(fields)
    }

    /// Finds the fields of some resources that writers contend for.
    pub(super) fn contention(
        &self,
        is_wanted: impl Fn(&ResourceKey) -> bool,
        log: Option<&UserLog>,
    ) -> FieldContention {
        let history = self.history();
        let applications = Applications::of(&history);
        let mut found = FieldContention::default();
        for key in history.keys().filter(|k| !is_contested_by_design(k) && is_wanted(k)) {
            let last = history.last(key).map(|o| &**o);
            let conflicts = find_conflicts_in_history(&history, key, last.and_then(|o| self.type_of(o)));
            found.fights.extend(conflicts.fights.into_iter().map(|fight| with_apps(fight, &applications)));
            let reverts = conflicts.reverts.into_iter();
            found.reverts.extend(reverts.map(|r| with_user(r, history.versions(key), &applications, log)));
        }
        found.reverts.sort_by_key(|r| r.revert.reverted.at);
        found
    }
}

fn with_apps(fight: Fight, applications: &Applications<'_>) -> AttributedFight {
    let app = |app: &AppRef| applications.resolve(app, &fight.key, fight.last);
    let apps = fight.sides.iter().filter_map(|s| app(s.claim.as_ref()?)).collect();
    AttributedFight { fight, apps }
}

fn with_user(
    revert: Revert,
    versions: &[RecordedVersion],
    applications: &Applications<'_>,
    log: Option<&UserLog>,
) -> AttributedRevert {
    let made_version = versions[revert.made.version].object.as_deref().and_then(|o| o.resource_version());
    let key = ResourceKey { cluster: "".into(), ..revert.key.clone() };
    let change = AuditedChange {
        version: made_version.as_ref(),
        at: Some(revert.made.at),
        path: Some(&revert.path),
        ..AuditedChange::new(&key)
    };
    let user = log.and_then(|l| l.index().join(&change)).map(|join| join.entry.user.to_string());
    let via = applications.resolve(&revert.claim, &revert.key, revert.reverted.at);
    AttributedRevert { revert, user, via }
}

/// Explains why there is no field to name the writer of.
fn absent(
    key: &ResourceKey,
    path: &FieldPath,
    versions: &[RecordedVersion],
    log: Option<&UserLog>,
) -> EstateError {
    let unnamed = ResourceKey { cluster: "".into(), ..key.clone() };
    let deleter = |at| log.and_then(|l| l.index().find_deleter(&unnamed, None, Some(at)));
    let (what, advice) = match versions.last() {
        Some(RecordedVersion { object: Some(_), .. }) => match removal(&unnamed, path, versions, log) {
            Some(removal) => (
                format!("`{key}` has no field {path} any more: {removal}"),
                "ask as of an earlier time to see who had set it",
            ),
            None => (
                format!("`{key}` has no field {path}"),
                "elements of lists are named by their keys: containers[name=web]",
            ),
        },
        Some(v) => {
            let by = deleter(v.occurred_at).map_or_else(String::new, |e| format!(" by {}", e.user));
            let asked = find_deletion(versions.iter().map(|v| v.object.as_deref())).and_then(|d| d.asked);
            let asked = asked.map_or(v.occurred_at, |version| versions[version].occurred_at);
            let when = deleter(v.occurred_at).map_or(asked, |e| e.at);
            (
                format!("`{key}` was deleted{by} at {}", format_time(when)),
                "ask as of an earlier time to see it as it was",
            )
        }
        None if KubernetesEvent::has_key(key) => (
            format!("`{key}` is a Kubernetes Event, whose fields are not followed"),
            "see it with `drift timeline`, or blame the resource that it is about",
        ),
        None => (format!("`{key}` was not there yet at that time"), ""),
    };
    EstateError::NotThere { what, advice: advice.to_owned() }
}

/// Writes who removed a field and when, as far as the recorded versions and the audit log show it.
fn removal(
    key: &ResourceKey,
    path: &FieldPath,
    versions: &[RecordedVersion],
    log: Option<&UserLog>,
) -> Option<String> {
    let removal = find_removal(versions.iter().map(|v| v.object.as_deref()), path)?;
    let version = &versions[removal.version];
    let change = AuditedChange {
        version: version.version.as_ref(),
        at: Some(version.occurred_at),
        path: Some(path),
        value: LiveValue::Absent,
        ..AuditedChange::new(key)
    };
    let user = log.and_then(|l| l.index().join(&change)).map(|join| Arc::clone(&join.entry.user));
    let actor = Actor { user: user.or_else(|| version.user.clone()), manager: None };
    let who = actor_text(&actor, removal.owner.as_ref()).unwrap_or_else(|| "somebody unknown".to_owned());
    Some(format!("removed by {who}, {}", format_time(version.occurred_at)))
}

/// One resource with all that is known about its writers.
struct Inquiry<'a> {
    key: &'a ResourceKey,
    versions: &'a [RecordedVersion],
    history: &'a History,
    writers: &'a WriterHistory,
    applications: Applications<'a>,
    log: Option<&'a UserLog>,
}

impl Inquiry<'_> {
    fn last(&self) -> Option<&Object> {
        self.versions.last()?.object.as_deref()
    }

    /// Takes `[value=x]`, as some write the element of a set, for one if no key has that name.
    fn set_path(&self, path: &FieldPath) -> FieldPath {
        let is_there = |p: &FieldPath| self.last().is_some_and(|o| o.root().at_path(p).is_some());
        let as_set: FieldPath = path.elements().iter().map(set_value).collect::<Vec<_>>().into();
        if !is_there(path) && is_there(&as_set) { as_set } else { path.clone() }
    }

    fn fields(&self, path: &FieldPath) -> Vec<FieldBlame> {
        let ty = self.last().and_then(|o| self.writers.type_of(o));
        blame(self.history, self.key, ty, path)
    }

    fn attribute(&self, field: FieldBlame) -> AttributedField {
        let user = self.user_of(&field);
        let via = self.via(&field, user.as_deref());
        let initiated_by = via.as_ref().and_then(|app| self.applications.initiator(app, field.at));
        AttributedField { field, user, via, initiated_by, commit: None }
    }

    /// Adds the commits behind fields that apps wrote.
    fn add_commits(&self, fields: &mut [AttributedField], commits: &CommitFinder, notes: &mut InputNotes) {
        let question = |(i, f): (usize, &AttributedField)| {
            let value = self.last()?.root().at_path(&f.field.path)?;
            f.via.as_ref().map(|_| (i, value))
        };
        let asked: Vec<_> = fields.iter().enumerate().filter_map(question).collect();
        let questions: Vec<_> = asked
            .iter()
            .filter_map(|(i, value)| {
                let AttributedField { field, via, .. } = &fields[*i];
                Some(CommitQuestion { app: via.as_ref()?, key: self.key, field, value: *value })
            })
            .collect();
        let found = commits.find(&questions, notes);
        let places: Vec<usize> = asked.iter().map(|(i, _)| *i).collect();
        for (i, commit) in places.into_iter().zip(found) {
            fields[i].commit = commit;
        }
    }

    /// Asks the audit log who made the version that gave the value.
    fn user_of(&self, field: &FieldBlame) -> Option<String> {
        let log = self.log?.index();
        let object = self.versions[field.version].object.as_deref()?;
        let version = object.resource_version().filter(|_| field.since == Since::Recorded);
        let key = ResourceKey { cluster: "".into(), ..self.key.clone() };
        let change = AuditedChange {
            version: version.as_ref(),
            at: Some(field.at),
            path: Some(&field.path),
            value: object.root().at_path(&field.path).map_or(LiveValue::Absent, LiveValue::Is),
            manager: field.writer.as_ref().map(|w| &*w.manager),
            ..AuditedChange::new(&key)
        };
        log.join(&change).map(|join| join.entry.user.to_string())
    }

    /// Returns the app through which the version that gave the value came, by the tracking mark that it carries.
    fn via(&self, field: &FieldBlame, user: Option<&str>) -> Option<ResourceKey> {
        let manager = &field.writer.as_ref()?.manager;
        let object = self.versions[field.version].object.as_deref()?;
        let app = AppRef::of(object, manager)?;
        // Anybody can write under a controller's name: the user that usually does decides.
        if let (Some(log), Some(user)) = (self.log, user)
            && manager.contains("controller")
            && !user.starts_with("system:serviceaccount:")
            && log.index().usual_user(manager) != Some(user)
        {
            return None;
        }
        self.applications.resolve(&app, self.key, field.at)
    }
}

fn set_value(element: &PathElement) -> PathElement {
    match element {
        PathElement::Key(fields) if matches!(&**fields, [(name, _)] if &**name == "value") => {
            PathElement::Value(fields[0].1.clone())
        }
        other => other.clone(),
    }
}
