//! `drift blame`: where each field of a resource has its value from.

use std::collections::BTreeMap;

use drift_core::blame::{Applications, FieldBlame, Initiator, Since, Version, blame};
use drift_core::k8s::tracking::AppRef;
use drift_core::schema::SchemaSet;
use drift_core::{Event, Facet, FieldPath, Object, Operation, PathElement, ResourceKey, StreamId};
use drift_sinks::report::{API_VERSION, KeyV1, inline, redacted};
use drift_sources::audit::{AuditedChange, LiveValue};
use drift_sources::gitops;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::BlameArgs;
use crate::commits::{CommitV1, Commits, Question};
use crate::failure::Failure;
use crate::inputs::{Notes, schemas};
use crate::moment::{Moment, short};
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};
use crate::words;

/// Where fields have their values from, as programs read it; see `blame-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlameV1 {
    api_version: &'static str,
    kind: &'static str,
    key: KeyV1,
    fields: Vec<FieldV1>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldV1 {
    path: FieldPath,
    path_text: String,
    value: Value,
    /// Field manager by the managedFields of the version that gave the value; null where they name nobody.
    manager: Option<String>,
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subresource: Option<String>,
    user: Option<String>,
    time: Timestamp,
    /// `recorded`, or `earlier` where the field had the value when the record begins.
    since: &'static str,
    /// The Application, Kustomization or release through which it came; null for a hand.
    via: Option<KeyV1>,
    commit: Option<CommitV1>,
    /// Of Argo CD, who started the operation: a user of Argo CD, or `automated`.
    #[serde(rename = "initiated_by", skip_serializing_if = "Option::is_none")]
    initiated_by: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: &BlameArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.key.as_ref().or(args.resource.as_ref()).ok_or_else(|| {
        Failure::new("no resource to blame").hint("name one, such as deploy/web or Deployment.apps/shop/web")
    })?;
    let recorded = Recorded::open(&args.recorded).await?;
    let mut notes = recorded.notes().clone();
    let stream = recorded.find(name, args.namespace.as_deref()).await?;
    let key = stream.key().cloned().unwrap_or_default();
    let mut events = recorded.all().await?;
    events.retain(|e| args.at.is_none_or(|m| m.includes(e)));
    let estate = Estate::new(&events, &mut notes)?;
    let versions = estate.versions.get(&key).cloned().unwrap_or_default();
    let log = match &args.audit {
        Some(file) => Some(users::read(file, Some(recorded.redactor().clone()), &mut notes)?),
        None => None,
    };
    let inquiry = Inquiry { key: &key, versions: &versions, estate: &estate, log: log.as_ref() };
    let path = inquiry.path(args.path.as_ref().or(args.field.as_ref()))?;
    let found = inquiry.fields(&path);
    let mut fields: Vec<FieldV1> = found.iter().map(|f| inquiry.field(f)).collect();
    if !args.git.is_empty() {
        let histories = histories(args, &recorded, &estate, &mut notes)?;
        let commits = Commits::open(&args.git, histories, recorded.redactor().clone())?;
        inquiry.commits(&found, &mut fields, &commits, &mut notes);
    }
    if fields.is_empty() {
        return Err(nothing(&key, &path, &versions, log.as_ref()));
    }
    let report = BlameV1 {
        api_version: API_VERSION,
        kind: "BlameReport",
        key: (&key).into(),
        fields,
        notes: notes.texts().to_vec(),
    };
    output::document(args.output, &report, || text(&key, &report.fields, screen))?;
    Ok(if notes.is_partial() { Outcome::Failed } else { Outcome::Nothing })
}

/// Returns the versions of all resources for rendering: of a tape as they are, since variables may stand in Secrets.
fn histories(
    args: &BlameArgs,
    recorded: &Recorded,
    estate: &Estate,
    notes: &mut Notes,
) -> Result<BTreeMap<ResourceKey, Vec<gitops::ObjectVersion>>, Failure> {
    let until = match args.at {
        Some(Moment::Time(time)) => Some(time),
        _ => None,
    };
    if let (Some(tape), None | Some(Moment::Time(_))) = (&args.recorded.tape, args.at)
        && tape != std::path::Path::new("-")
    {
        // What is wrong with its lines was told when it was played.
        return crate::gitops::tape_versions(recorded.name(), tape, until, &mut Notes::default());
    }
    let plain = |v: &Version| gitops::ObjectVersion { at: v.at, object: v.object.clone() };
    notes.add("variables in Secrets are hashed in a store, so that what they declare is not known");
    Ok(estate.versions.iter().map(|(k, v)| (k.clone(), v.iter().map(plain).collect())).collect())
}

fn nothing(key: &ResourceKey, path: &FieldPath, versions: &[Version], log: Option<&UserLog>) -> Failure {
    let plain = ResourceKey { cluster: "".into(), ..key.clone() };
    let deleter = |at| log.and_then(|l| l.index.find_deleter(&plain, None, Some(at)));
    match versions.last() {
        Some(Version { object: Some(_), .. }) => Failure::new(format!("`{key}` has no field {path}")).hint(
            "`drift show` prints the object; elements of lists are named by their keys: containers[name=web]",
        ),
        Some(v) => Failure::new(match deleter(v.at) {
            Some(entry) => format!("`{key}` was deleted by {} at {}", entry.user, short(entry.at)),
            None => format!("`{key}` was deleted at {}", short(v.at)),
        })
        .hint("--at with an earlier time blames it as it was"),
        None => Failure::new(format!("`{key}` was not there yet at that time")),
    }
}

/// All that was recorded, by resource.
pub(crate) struct Estate {
    /// The versions of each live resource.
    pub(crate) versions: BTreeMap<ResourceKey, Vec<Version>>,
    /// Argo CD's Applications.
    pub(crate) applications: Applications,
    /// Schemas, with those of the CustomResourceDefinitions that are live.
    pub(crate) schemas: SchemaSet,
}

impl Estate {
    /// Sorts events by resource.
    pub(crate) fn new(events: &[Event], notes: &mut Notes) -> Result<Self, Failure> {
        let mut streams: BTreeMap<ResourceKey, Vec<&Event>> = BTreeMap::new();
        for event in events {
            if let StreamId::Resource(Facet::Live, key) = &event.stream {
                streams.entry(key.clone()).or_default().push(event);
            }
        }
        let versions: BTreeMap<_, _> = streams.into_iter().map(|(k, e)| (k, Version::of(e))).collect();
        let last = versions.values().filter_map(|v| v.last()?.object.as_deref());
        let schemas = schemas::gather(None, [], last, notes)?;
        let applications = Applications::new(versions.iter().map(|(k, v)| (k.clone(), v.clone())));
        Ok(Self { versions, applications, schemas })
    }

    /// Returns the type of an object.
    pub(crate) fn type_of(&self, object: &Object) -> Option<drift_core::schema::TypeRef<'_>> {
        self.schemas.kind(object.group(), object.version(), object.kind()).map(|k| k.root())
    }
}

/// One resource with all that is known about its writers.
struct Inquiry<'a> {
    key: &'a ResourceKey,
    versions: &'a [Version],
    estate: &'a Estate,
    log: Option<&'a UserLog>,
}

impl Inquiry<'_> {
    fn last(&self) -> Option<&Object> {
        self.versions.last()?.object.as_deref()
    }

    /// Reads a path; `[value=x]`, as some write the element of a set, is taken for one where no key is so called.
    fn path(&self, text: Option<&String>) -> Result<FieldPath, Failure> {
        let Some(text) = text else { return Ok(FieldPath::ROOT) };
        let path = FieldPath::parse(text)
            .map_err(|e| Failure::new(format!("cannot read the path `{text}`")).because(&e))?;
        let is_there = |p: &FieldPath| self.last().is_some_and(|o| o.root().at_path(p).is_some());
        let as_set: FieldPath = path.elements().iter().map(set_value).collect::<Vec<_>>().into();
        Ok(if !is_there(&path) && is_there(&as_set) { as_set } else { path })
    }

    fn fields(&self, path: &FieldPath) -> Vec<FieldBlame> {
        let ty = self.last().and_then(|o| self.estate.type_of(o));
        blame(self.versions, ty, path)
    }

    /// Adds the commits behind fields that apps wrote.
    fn commits(&self, found: &[FieldBlame], fields: &mut [FieldV1], commits: &Commits, notes: &mut Notes) {
        let apps: Vec<Option<ResourceKey>> =
            found.iter().zip(&*fields).map(|(f, shown)| self.via(f, shown.user.as_deref())).collect();
        let question = |(i, app): (usize, &'_ Option<ResourceKey>)| {
            let value = self.last()?.root().at_path(&found[i].path)?;
            app.as_ref().map(|_| (i, value))
        };
        let asked: Vec<_> = apps.iter().enumerate().filter_map(question).collect();
        let questions: Vec<Question<'_>> = asked
            .iter()
            .filter_map(|(i, value)| {
                Some(Question { app: apps[*i].as_ref()?, key: self.key, field: &found[*i], value: *value })
            })
            .collect();
        for ((i, _), commit) in asked.iter().zip(commits.of(&questions, notes)) {
            fields[*i].commit = commit;
        }
    }

    fn field(&self, field: &FieldBlame) -> FieldV1 {
        let user = self.user(field);
        let via = self.via(field, user.as_deref());
        let initiated_by = via.as_ref().and_then(|app| self.estate.applications.initiator(app, field.at));
        let writer = field.writer.as_ref();
        FieldV1 {
            path: field.path.clone(),
            path_text: field.path.to_string(),
            value: redacted(self.key, &field.path, &field.value),
            manager: writer.map(|w| w.manager.to_string()),
            operation: writer.map(|w| w.operation),
            subresource: writer.map(|w| w.subresource.to_string()).filter(|s| !s.is_empty()),
            user,
            time: field.at,
            since: match field.since {
                Since::Recorded => "recorded",
                Since::Earlier => "earlier",
            },
            via: via.as_ref().map(Into::into),
            commit: None,
            initiated_by: initiated_by.map(|by| match by {
                Initiator::Automated => "automated".to_owned(),
                Initiator::User(user) => user.to_string(),
            }),
        }
    }

    /// Asks the audit log who made the version that gave the value.
    fn user(&self, field: &FieldBlame) -> Option<String> {
        let log = &self.log?.index;
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

    /// Returns through what the version that gave the value came, by the mark that it carries.
    fn via(&self, field: &FieldBlame, user: Option<&str>) -> Option<ResourceKey> {
        let manager = &field.writer.as_ref()?.manager;
        let object = self.versions[field.version].object.as_deref()?;
        let claim = AppRef::of(object, manager)?;
        // A manager's name can be borrowed by anybody: who it usually is decides.
        if let (Some(log), Some(user)) = (self.log, user)
            && manager.contains("controller")
            && !user.starts_with("system:serviceaccount:")
            && log.index.usual_user(manager) != Some(user)
        {
            return None;
        }
        self.estate.applications.resolve(&claim, self.key, field.at)
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

fn text(key: &ResourceKey, fields: &[FieldV1], screen: Screen) -> String {
    let painter = screen.painter();
    let mut out = format!("{}\n", painter.heading(&words::plain(&key.to_string())));
    for field in fields {
        let value = words::plain(&inline(&field.value).unwrap_or_else(|| "…".to_owned()));
        out.push_str(&format!("\n{} {value}\n", words::plain(&field.path_text)));
        let mut line = vec![match (field.since, short(field.time)) {
            ("recorded", time) => time,
            (_, time) => format!("before the record, {time}"),
        }];
        line.extend(field.user.clone());
        line.extend(field.manager.as_ref().map(|m| match &field.subresource {
            Some(sub) => format!("with {m} (of {sub})"),
            None => format!("with {m}"),
        }));
        if let Some(via) = &field.via {
            line.push(format!("through {} {}/{}", via.kind, via.namespace, via.name));
        }
        line.extend(field.initiated_by.as_ref().map(|by| format!("started by {by}")));
        out.push_str(&format!("  {}\n", painter.dim(&words::plain(&line.join("  ")))));
        if let Some(commit) = &field.commit {
            out.push_str(&format!("  {}\n", words::plain(&commit.text())));
        }
    }
    out
}
