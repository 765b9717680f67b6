//! How resources are doing at a moment, and since when.

use drift_core::Until;
use drift_core::coverage::RecordedScope;
use drift_core::health::{Health, HealthContext, HealthRules, assess, assess_manifest, newest_time};
use drift_core::{EventBody, Kind, Object, ResourceKey};
use jiff::Timestamp;

use super::{EstateError, InputFile, RecordedHistory};
use crate::yaml;

/// Largest file of manifests without names that is read.
const MAX_MANIFESTS: u64 = 64 << 20;

/// How one resource is doing.
#[derive(Clone, Debug)]
pub struct ResourceHealth {
    /// Which resource.
    pub key: ResourceKey,
    /// Status, reason and since when.
    pub health: Health,
}

/// How resources are doing at a time.
#[derive(Clone, Debug)]
pub struct HealthSnapshot {
    /// The time they were judged at. What was recorded is judged as of when it was: the same file is judged the same way
    /// tomorrow.
    pub at: Timestamp,
    /// The resources, in the order in which they were read.
    pub resources: Vec<ResourceHealth>,
    /// What was listed, so that what does not exist can be kept apart from what was not looked at.
    pub listed: RecordedScope,
}

impl RecordedHistory {
    /// Returns since when a resource has the health that it has, by its versions up to a point.
    pub(super) async fn health_since(
        &self,
        object: &Object,
        until: Until,
        rules: &HealthRules,
    ) -> Result<Option<Timestamp>, EstateError> {
        let mut last: Option<Health> = None;
        for event in self.events_of(&object.key(), until).await? {
            last = match &event.body {
                EventBody::Applied(object) => {
                    let context = HealthContext { now: event.at(), rules, previous: last.as_ref() };
                    Some(assess(object, &context))
                }
                EventBody::Deleted(_) => None,
                _ => last,
            };
        }
        Ok(last.and_then(|h| h.since))
    }
}

/// Judges the documents of a file that are not complete objects, such as manifests with status but without a name.
///
/// `None` if the file holds something else.
pub fn assess_documents(file: &InputFile, rules: &HealthRules) -> Option<HealthSnapshot> {
    let documents = documents_of(file)?;
    let now = documents.iter().filter_map(|d| newest_time(d.doc.root())).max().unwrap_or_default();
    let judged = documents.iter().map(|document| {
        let root = document.doc.root();
        let text = |path: &[&str]| root.str_at(path).unwrap_or_default();
        let group = text(&["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
        let (namespace, name) = (text(&["metadata", "namespace"]), text(&["metadata", "name"]));
        let key = ResourceKey::new(group, text(&["kind"]), namespace, name);
        let health = assess_manifest(root, &HealthContext { now, rules, previous: None });
        ResourceHealth { key, health }
    });
    Some(HealthSnapshot { at: now, resources: judged.collect(), listed: RecordedScope::default() })
}

fn documents_of(file: &InputFile) -> Option<Vec<yaml::Document>> {
    if std::fs::metadata(file.path()).ok()?.len() > MAX_MANIFESTS {
        return None;
    }
    let bytes = std::fs::read(file.path()).ok()?;
    let documents = yaml::read(&bytes).into_iter().collect::<Result<Vec<_>, _>>().ok()?;
    let is_typed = |d: &yaml::Document| {
        let root = d.doc.root();
        root.kind() == Kind::Map && root.str_at(&["apiVersion"]).is_some() && root.str_at(&["kind"]).is_some()
    };
    (!documents.is_empty() && documents.iter().all(is_typed)).then_some(documents)
}
