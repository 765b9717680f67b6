//! `drift blame`: who set each field of a resource.

use std::collections::BTreeMap;

use drift_core::blame::{Applications, FieldBlame, Initiator, Since, Version, blame};
use drift_core::k8s::tracking::AppRef;
use drift_core::schema::SchemaSet;
use drift_core::{Event, Facet, FieldPath, Object, PathElement, ResourceKey, StreamId};
use drift_sinks::report::{BlameReportV1, FieldAttribution, FieldBlameV1};
use drift_sources::audit::{Change, LiveValue};
use drift_sources::gitops;

use crate::args::BlameArgs;
use crate::commits::{Commits, Question};
use crate::failure::Failure;
use crate::inputs::{Notes, schemas};
use crate::moment::{Moment, short};
use crate::output::{self, Outcome, Screen};
use crate::recorded::Recorded;
use crate::users::{self, UserLog};

/// Runs the command.
pub(crate) async fn run(args: &BlameArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.key.as_ref().or(args.resource.as_ref()).ok_or_else(|| {
        Failure::new("no resource given").hint("name one, such as deploy/web or Deployment.apps/shop/web")
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
    let mut attributions: Vec<_> = found.iter().map(|f| inquiry.attribution(f)).collect();
    if !args.git.is_empty() {
        let histories = histories(args, &recorded, &estate, &mut notes)?;
        let commits = Commits::open(&args.git, histories, recorded.redactor().clone())?;
        inquiry.add_commits(&found, &mut attributions, &commits, &mut notes);
    }
    let fields = found.iter().zip(attributions);
    let fields: Vec<_> = fields.map(|(field, more)| FieldBlameV1::new(&key, field, more)).collect();
    if fields.is_empty() {
        return Err(nothing(&key, &path, &versions, log.as_ref()));
    }
    let report = BlameReportV1::new(&key, fields, notes.texts().to_vec());
    output::document(args.output, &report, || report.render_text(screen.styler()))?;
    Ok(if notes.is_partial() { Outcome::Failed } else { Outcome::Nothing })
}

/// Returns the versions of all resources for rendering: of a tape as they are, since variables may stand in Secrets.
fn histories(
    args: &BlameArgs,
    recorded: &Recorded,
    estate: &Estate,
    notes: &mut Notes,
) -> Result<BTreeMap<ResourceKey, Vec<gitops::Version>>, Failure> {
    let until = match args.at {
        Some(Moment::Time(time)) => Some(time),
        _ => None,
    };
    if let (Some(tape), None | Some(Moment::Time(_))) = (&args.recorded.tape, args.at)
        && tape != std::path::Path::new("-")
    {
        // The problems of its lines were reported when it was played.
        return crate::gitops::tape_versions(recorded.name(), tape, until, &mut Notes::default());
    }
    let plain = |v: &Version| gitops::Version { at: v.at, object: v.object.clone() };
    notes.add("variables in Secrets are hashed in a store, so that what they declare is not known");
    Ok(estate.versions.iter().map(|(k, v)| (k.clone(), v.iter().map(plain).collect())).collect())
}

fn nothing(key: &ResourceKey, path: &FieldPath, versions: &[Version], log: Option<&UserLog>) -> Failure {
    let plain = ResourceKey { cluster: "".into(), ..key.clone() };
    let deleter = |at| log.and_then(|l| l.index.deleter(&plain, None, Some(at)));
    match versions.last() {
        Some(Version { object: Some(_), .. }) => Failure::new(format!("`{key}` has no field {path}")).hint(
            "`drift show` prints the object; name elements of lists by their keys, as in containers[name=web]",
        ),
        Some(v) => Failure::new(match deleter(v.at) {
            Some(entry) => format!("`{key}` was deleted by {} at {}", entry.user, short(entry.at)),
            None => format!("`{key}` was deleted at {}", short(v.at)),
        })
        .hint("use --at with an earlier time to see it before that"),
        None => Failure::new(format!("`{key}` did not exist yet at that time")),
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
    fn add_commits(
        &self,
        found: &[FieldBlame],
        attributions: &mut [FieldAttribution],
        commits: &Commits,
        notes: &mut Notes,
    ) {
        let question = |(i, (field, more)): (usize, (&FieldBlame, &FieldAttribution))| {
            let value = self.last()?.root().at_path(&field.path)?;
            Some((i, more.via.clone()?, value))
        };
        let asked: Vec<_> = found.iter().zip(&*attributions).enumerate().filter_map(question).collect();
        let questions = asked.iter().map(|(i, app, value)| Question {
            app,
            key: self.key,
            field: &found[*i],
            value: *value,
        });
        let questions: Vec<Question<'_>> = questions.collect();
        for ((i, ..), commit) in asked.iter().zip(commits.of(&questions, notes)) {
            attributions[*i].commit = commit;
        }
    }

    fn attribution(&self, field: &FieldBlame) -> FieldAttribution {
        let user = self.user(field);
        let via = self.via(field, user.as_deref());
        let initiated_by = via.as_ref().and_then(|app| self.estate.applications.initiator(app, field.at));
        let initiated_by = initiated_by.map(|by| match by {
            Initiator::Automated => "automated".to_owned(),
            Initiator::User(user) => user.to_string(),
        });
        FieldAttribution { user, via, initiated_by, commit: None }
    }

    /// Asks the audit log who made the version that gave the value.
    fn user(&self, field: &FieldBlame) -> Option<String> {
        let log = &self.log?.index;
        let object = self.versions[field.version].object.as_deref()?;
        let version = object.resource_version().filter(|_| field.since == Since::Recorded);
        let key = ResourceKey { cluster: "".into(), ..self.key.clone() };
        let change = Change {
            version: version.as_ref(),
            at: Some(field.at),
            path: Some(&field.path),
            value: object.root().at_path(&field.path).map_or(LiveValue::Absent, LiveValue::Is),
            manager: field.writer.as_ref().map(|w| &*w.manager),
            ..Change::of(&key)
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
