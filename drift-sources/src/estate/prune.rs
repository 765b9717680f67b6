//! Which engine removed an object because it is declared no more, by what the engine reports on its app.

use drift_core::ManagedFields;
use drift_core::k8s::tracking::AppRef;
use drift_core::{Event, EventBody, Node, Object, ResourceKey, Until};
use jiff::{SignedDuration, Timestamp};

use super::{EstateError, RecordedHistory};

/// So long after it removed something an engine reports it.
const REPORT: SignedDuration = SignedDuration::from_mins(5);

/// Engines write down their times in whole seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

impl RecordedHistory {
    /// Returns the app whose mark an object bore, if its engine reports that it removed the object at a time.
    pub(super) async fn pruned_by(
        &self,
        key: &ResourceKey,
        object: &Object,
        at: Timestamp,
        until: Until,
    ) -> Result<Option<ResourceKey>, EstateError> {
        let managed = ManagedFields::of(object);
        for mark in managed.entries().iter().filter_map(|e| AppRef::of(object, &e.manager)) {
            for app in self.apps_of(mark, key).await? {
                if reports_removal(&self.events_of(&app, until).await?, key, at) {
                    return Ok(Some(app));
                }
            }
        }
        Ok(None)
    }

    /// Returns the apps that a mark may mean.
    async fn apps_of(&self, mark: AppRef, key: &ResourceKey) -> Result<Vec<ResourceKey>, EstateError> {
        let (namespace, name) = match mark {
            AppRef::App(app) => return Ok(vec![app.in_cluster(&key.cluster)]),
            AppRef::Argo { name: None, .. } => return Ok(Vec::new()),
            AppRef::Argo { namespace, name: Some(name) } => (namespace, name),
        };
        let mut all = self.keys().await?;
        all.retain(|k| {
            k.group_kind() == ("argoproj.io", "Application")
                && k.name == name
                && namespace.as_ref().is_none_or(|n| *n == k.namespace)
        });
        Ok(all)
    }
}

/// Returns `true` if the versions of an app show that its engine removed a resource at a time: Argo CD lists it as pruned, and it
/// leaves the inventory of Flux.
fn reports_removal(events: &[Event], key: &ResourceKey, at: Timestamp) -> bool {
    let mut was_listed = false;
    for event in events.iter().take_while(|e| e.at() <= at + REPORT) {
        let EventBody::Applied(app) = &event.body else { continue };
        let is_listed = is_in_inventory(app, key);
        let is_about = event.at() >= at - SLACK;
        if is_about && (was_listed && !is_listed || is_pruned(app, key, at)) {
            return true;
        }
        was_listed = is_listed;
    }
    false
}

fn is_in_inventory(app: &Object, key: &ResourceKey) -> bool {
    let id = format!("{}_{}_{}_{}", key.namespace, key.name, key.group, key.kind);
    let entries = app.root().at(&["status", "inventory", "entries"]);
    entries.into_iter().flat_map(Node::children).any(|e| e.str_at(&["id"]) == Some(&id))
}

fn is_pruned(app: &Object, key: &ResourceKey, at: Timestamp) -> bool {
    let Some(operation) = app.root().at(&["status", "operationState"]) else { return false };
    let time = |field: &str| operation.str_at(&[field]).and_then(|t| t.parse::<Timestamp>().ok());
    let ran = time("startedAt").is_some_and(|started| started <= at + SLACK)
        && time("finishedAt").is_none_or(|finished| at <= finished + REPORT);
    let resources = operation.at(&["syncResult", "resources"]).into_iter().flat_map(Node::children);
    let is = |entry: Node<'_>, field: &str, want: &str| entry.str_at(&[field]).unwrap_or_default() == want;
    ran && resources.into_iter().any(|r| {
        is(r, "status", "Pruned")
            && is(r, "group", &key.group)
            && is(r, "kind", &key.kind)
            && is(r, "namespace", &key.namespace)
            && is(r, "name", &key.name)
    })
}
