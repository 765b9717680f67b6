//! One comparison from end to end: what is declared against what is live, with all that is known besides.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use drift_core::drift::{DesiredObject, DriftOptions, DriftReport, Status, UnmanagedResources, compare};
use drift_core::schema::{SchemaSet, Scope};
use drift_core::{Gap, Object, ResourceKey};

use crate::failure::Failure;
use crate::inputs::desired::Desired;
use crate::inputs::live::{Live, LiveFrom, Wanted};
use crate::inputs::schemas;
use crate::lookback;
use crate::moment::Moment;
use crate::output::Outcome;
use crate::selector::Selector;
use crate::users;

/// What is compared with what.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// Where it is declared.
    pub(crate) desired: &'a [String],
    /// Where it is live.
    pub(crate) live: LiveFrom<'a>,
    /// When; now without it.
    pub(crate) at: Option<Moment>,
    /// Folder of OpenAPI documents.
    pub(crate) schemas: Option<&'a Path>,
    /// Audit log.
    pub(crate) audit: Option<&'a Path>,
    /// Namespace of what names none.
    pub(crate) namespace: Option<&'a str>,
    /// Whether the cluster is looked at beyond the namespaces of what is declared.
    pub(crate) reach: Reach,
    /// Whether live resources that nobody declares are listed.
    pub(crate) extras: UnmanagedResources,
    /// Labels.
    pub(crate) selector: Option<&'a Selector>,
}

/// How far the cluster is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The namespaces of what is declared.
    Declared,
    /// All namespaces.
    All,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Compared {
    /// The verdicts.
    pub(crate) report: DriftReport,
    /// What was compared.
    pub(crate) desired: Vec<DesiredObject>,
    pub(crate) live: Vec<Arc<Object>>,
    pub(crate) schemas: SchemaSet,
    is_partial: bool,
}

impl Compared {
    /// Reads both sides and compares them.
    pub(crate) async fn new(request: Request<'_>) -> Result<Self, Failure> {
        let mut desired = Desired::read(request.desired).await?;
        let live =
            Live::read(request.live, request.at, &wanted(request.namespace, request.reach, &desired)).await?;
        let mut notes = std::mem::take(&mut desired.notes);
        notes.append(live.notes);
        let live_objects = live.objects.iter().map(|o| &**o);
        let schemas = schemas::gather(request.schemas, desired.objects(), live_objects, &mut notes)?;
        let namespace = request.namespace.or(live.namespace.as_deref()).unwrap_or("default");
        let all = desired.settle(&schemas, namespace, live.redactor.as_ref());
        notes.append(std::mem::take(&mut desired.notes));
        let (wanted, objects) = select(request.selector, &all, live.objects);
        let options = DriftOptions {
            default_namespace: Some(namespace.into()),
            extras: request.extras,
            ..DriftOptions::default()
        };
        let mut report = compare(&wanted, &objects, &schemas, &options);
        desired.fill_lines(&mut report);
        doubt(&mut report, &live.gaps);
        if let Some(history) = &live.history {
            lookback::attribute(&mut report, history, request.at, &schemas).await?;
        }
        if let Some(audit) = request.audit {
            let log = users::read(audit, live.redactor.clone(), &mut notes)?;
            users::attribute(&mut report, &objects, &log);
        }
        report.notes.extend(notes.texts().iter().cloned());
        let is_partial = notes.is_partial() || report.resources.iter().any(|r| r.status == Status::Unknown);
        Ok(Self { report, desired: wanted, live: objects, schemas, is_partial })
    }

    /// Returns how the command ends.
    pub(crate) fn outcome(&self) -> Outcome {
        let found = |s: Status| !matches!(s, Status::InSync | Status::Unknown);
        match self.report.resources.iter().any(|r| found(r.status)) {
            _ if self.is_partial => Outcome::Failed,
            true => Outcome::Found,
            false => Outcome::Nothing,
        }
    }
}

/// Returns what of a cluster is needed, to ask it for no more.
fn wanted(namespace: Option<&str>, reach: Reach, desired: &Desired) -> Wanted {
    let schemas = SchemaSet::bundled();
    let scope = |o: &Object| schemas.scope(o.group(), o.kind());
    let kinds = |keep: &dyn Fn(&Object) -> bool| {
        desired.objects().filter(|o| keep(o)).map(|o| (o.kind().to_owned(), o.group().to_owned())).collect()
    };
    // A kind that nothing here knows may lie in a namespace or not: it is looked for in both.
    let is_bare = |o: &Object| o.namespace().is_empty() && scope(o) != Some(Scope::Cluster);
    let mut wanted = Wanted {
        kinds: kinds(&|_| true),
        cluster_kinds: kinds(&|o| o.namespace().is_empty() && scope(o) != Some(Scope::Namespaced)),
        ..Wanted::default()
    };
    if reach == Reach::Declared {
        let declared = desired.objects().map(|o| o.namespace().to_owned()).filter(|n| !n.is_empty());
        let named = namespace.map(str::to_owned).filter(|_| desired.objects().any(is_bare));
        wanted.default_namespace = namespace.is_none() && desired.objects().any(is_bare);
        wanted.namespaces = declared.chain(named).collect::<BTreeSet<_>>().into_iter().collect();
        // None at all would mean all of them.
        wanted.default_namespace |= wanted.namespaces.is_empty();
    }
    wanted
}

/// Keeps what has the labels that are asked for.
///
/// A declared resource finds its live object whatever labels that has by now, and a live object that is declared
/// without the labels is not taken for one that nobody declares.
fn select(
    selector: Option<&Selector>,
    all: &[DesiredObject],
    live: Vec<Arc<Object>>,
) -> (Vec<DesiredObject>, Vec<Arc<Object>>) {
    let Some(selector) = selector else { return (all.to_vec(), live) };
    // Namespaces may be missing on the declared side, so names without them are compared.
    let name = |o: &Object| ResourceKey::new(o.group(), o.kind(), "", o.name());
    let (wanted, others): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|d| selector.matches(&d.object));
    let names = |d: &[DesiredObject]| d.iter().map(|d| name(&d.object)).collect::<BTreeSet<_>>();
    let (wanted_names, other_names) = (names(&wanted), names(&others));
    let keep = |o: &Arc<Object>| {
        let name = name(o);
        wanted_names.contains(&name) || selector.matches(o) && !other_names.contains(&name)
    };
    (wanted, live.into_iter().filter(keep).collect())
}

/// Takes back that a resource is missing where nobody could look.
fn doubt(report: &mut DriftReport, gaps: &[Gap]) {
    for resource in report.resources.iter_mut().filter(|r| r.status == Status::Missing) {
        let denied = |g: &&Gap| g.reason == drift_core::GapReason::Denied && g.scope.contains(&resource.key);
        if let Some(gap) = gaps.iter().find(denied) {
            resource.status = Status::Unknown;
            resource.notes.push(format!("not known whether it is live: {}", gap.message));
        }
    }
}
