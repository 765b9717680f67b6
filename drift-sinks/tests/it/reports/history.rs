use std::sync::Arc;

use drift_core::coverage::InputNotes;
use drift_core::drift::Owner;
use drift_core::schema::SchemaSet;
use drift_core::timeline::VersionStep;
use drift_core::{Event, EventBody, FieldChange, Gap, GapReason, Object, Operation, Scope, StreamId, diff};
use drift_sinks::report::{
    HistoryTextOptions, HistoryV1, Layout, RecordedVersion, TimelineEntryV1, TimelineV1, TransitionV1,
};
use serde_json::{Value, json};

use super::{applied, check_golden, event, key, partial, plain, time};

struct Recorded {
    event: Event,
    step: VersionStep,
    changes: Vec<FieldChange>,
    owner: Option<Owner>,
    before: Option<Arc<Object>>,
    after: Option<Arc<Object>>,
    transitions: Vec<TransitionV1>,
}

impl Recorded {
    fn version(&self) -> RecordedVersion<'_> {
        RecordedVersion {
            event: &self.event,
            step: self.step,
            changes: &self.changes,
            owner: self.owner.as_ref(),
            before: self.before.as_ref(),
            after: self.after.as_ref(),
            transitions: &self.transitions,
        }
    }
}

fn config(version: u64, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": version.to_string()}})
}

fn object_of(event: &Event) -> Arc<Object> {
    match &event.body {
        EventBody::Applied(object) => Arc::clone(object),
        _ => panic!("not a version"),
    }
}

/// A ConfigMap that is created, edited with kubectl and deleted.
fn versions() -> Vec<Recorded> {
    let created =
        applied(1, "2026-11-21T10:00:00Z", &config(101, &json!({"PORT": "80", "conf": "a\nb\nc\n"})));
    let edited =
        applied(2, "2026-11-21T10:05:00Z", &config(102, &json!({"PORT": "8080", "conf": "a\nx\nc\n"})));
    let stream = StreamId::live(key("ConfigMap/shop/web"));
    let deleted = event(3, "2026-11-21T10:06:00Z", stream, EventBody::Deleted(None));
    let (old, new) = (object_of(&created), object_of(&edited));
    let schemas = SchemaSet::bundled();
    let root = schemas.kind("", "v1", "ConfigMap").map(|k| k.root());
    let mut changes = diff(old.doc(), new.doc(), root).changes().to_vec();
    changes.retain(|c| c.path.starts_with_fields(&["data"]));
    let owner = Owner {
        manager: "kubectl-edit".into(),
        operation: Operation::Update,
        subresource: "".into(),
        time: Some(time("2026-11-21T10:05:00Z")),
    };
    let transition = TransitionV1 {
        what: "Ready".to_owned(),
        from: Some("True".to_owned()),
        to: None,
        who: Some("automated".to_owned()),
        revision: None,
        time: time("2026-11-21T10:06:00Z"),
        message: None,
    };
    vec![
        Recorded {
            event: created,
            step: VersionStep::Created,
            changes: Vec::new(),
            owner: None,
            before: None,
            after: Some(Arc::clone(&old)),
            transitions: Vec::new(),
        },
        Recorded {
            event: edited,
            step: VersionStep::Changed,
            changes,
            owner: Some(owner),
            before: Some(old),
            after: Some(Arc::clone(&new)),
            transitions: Vec::new(),
        },
        Recorded {
            event: deleted,
            step: VersionStep::Deleted,
            changes: Vec::new(),
            owner: None,
            before: Some(new),
            after: None,
            transitions: vec![transition],
        },
    ]
}

#[test]
fn history() {
    let recorded = versions();
    let versions = recorded.iter().map(Recorded::version);
    let history = HistoryV1::new(&key("ConfigMap/shop/web"), versions, &partial("secrets is forbidden"));
    check_golden("history", &history);
    let options = HistoryTextOptions { layout: Layout::Unified, width: 60, omitted: 4 };
    insta::assert_snapshot!(history.render_text(&options, plain()));
    let options = HistoryTextOptions { layout: Layout::SideBySide, omitted: 0, ..options };
    insta::assert_snapshot!(history.render_text(&options, plain()));
}

#[test]
fn timeline() {
    let gap = Gap {
        scope: Scope::default(),
        from: None,
        to: time("2026-11-21T10:07:00Z"),
        reason: GapReason::WatchLost,
        message: "the watch ended".into(),
        from_version: None,
        to_version: None,
    };
    let lost = event(4, "2026-11-21T10:07:00Z", StreamId::Source("test".into()), EventBody::Gap(gap));
    let mut entries: Vec<_> = versions().iter().map(|v| TimelineEntryV1::of_version(&v.version())).collect();
    entries.push(TimelineEntryV1::of_event(&lost));
    let timeline = TimelineV1::new(entries, &InputNotes::default());
    check_golden("timeline", &timeline);
    insta::assert_snapshot!(timeline.render_text(2, plain()));
}
