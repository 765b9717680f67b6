//! The versions of every resource, what Kubernetes Events told of it, and the gaps, up to a moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Event, EventBody, EventId, Gap};
use crate::graph::Instant;
use crate::key::{ResourceKey, ResourceVersion};
use crate::object::{Node, Object};
use crate::replay::Until;
use crate::stream::{Facet, StreamId};

/// One version of a resource, or its end.
#[derive(Clone, Debug)]
pub struct Version {
    /// The event that told it.
    pub id: EventId,
    /// Its place in the log.
    pub at: Instant,
    /// The object's version; of an end that of the deletion.
    pub version: Option<ResourceVersion>,
    /// The object; `None` when it is gone.
    pub object: Option<Arc<Object>>,
    /// Its last state, when it is gone.
    pub last: Option<Arc<Object>>,
    /// User, where a source named one.
    pub user: Option<Arc<str>>,
}

impl Version {
    /// Tells whether this was before another, by the cluster's own order where both have one.
    pub fn is_before(&self, other: &Mark) -> bool {
        self.mark().is_before(other)
    }

    /// Returns its place in time.
    pub fn mark(&self) -> Mark {
        Mark { version: self.version.clone(), at: self.at }
    }
}

/// A place in time: by the cluster's order if both have it, by the order of the log otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The version at it.
    pub version: Option<ResourceVersion>,
    /// Its place in the log.
    pub at: Instant,
}

impl Mark {
    /// Tells whether this was before another.
    pub fn is_before(&self, other: &Self) -> bool {
        let order = self.version.as_ref().zip(other.version.as_ref()).and_then(|(a, b)| a.order(b));
        order.map_or(self.at < other.at, std::cmp::Ordering::is_lt)
    }
}

/// What a Kubernetes Event told.
#[derive(Clone, Debug)]
pub struct Note {
    /// The event in our log.
    pub id: EventId,
    /// The Kubernetes Event.
    pub key: ResourceKey,
    /// Its place in the log.
    pub mark: Mark,
    /// Its reason.
    pub reason: String,
    /// Its text.
    pub message: String,
    /// Whether it is a warning.
    pub is_warning: bool,
    /// The container that it is about, where it says so.
    pub container: Option<String>,
}

/// The history of an estate up to a moment.
#[derive(Clone, Debug, Default)]
pub struct History {
    versions: BTreeMap<ResourceKey, Vec<Version>>,
    notes: BTreeMap<ResourceKey, Vec<Note>>,
    gaps: Vec<Gap>,
    start: Option<Timestamp>,
    end: Option<Instant>,
}

impl History {
    /// Takes the events up to a moment.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>, until: Until) -> Self {
        let mut all = Self::default();
        for event in events.into_iter().filter(|e| until.includes(e)) {
            all.apply(event);
        }
        all
    }

    fn apply(&mut self, event: &Event) {
        let at = Instant { position: event.position, time: event.observed_at };
        self.start.get_or_insert(event.observed_at);
        self.end = Some(at);
        if let EventBody::Gap(gap) = &event.body {
            self.gaps.push(gap.clone());
        }
        let StreamId::Resource(Facet::Live, key) = &event.stream else { return };
        let (object, last) = match &event.body {
            EventBody::Applied(object) => (Some(Arc::clone(object)), None),
            EventBody::Deleted(last) => (None, last.clone()),
            _ => return,
        };
        if let Some(object) = &object
            && &*key.kind == "Event"
        {
            self.note(event, key, object, at);
            return;
        }
        let shown = object.as_ref().or(last.as_ref());
        let version = Version {
            id: event.id,
            at,
            version: shown.and_then(|o| o.resource_version()),
            object,
            last,
            user: event.origin.actor.user.clone(),
        };
        self.versions.entry(key.clone()).or_default().push(version);
    }

    fn note(&mut self, event: &Event, key: &ResourceKey, object: &Object, at: Instant) {
        let root = object.root();
        let Some(about) = root.get("involvedObject").or_else(|| root.get("regarding")) else { return };
        let text = |n: Node<'_>, f: &str| n.str_at(&[f]).unwrap_or_default().to_owned();
        let api = text(about, "apiVersion");
        let group = api.rsplit_once('/').map_or("", |(g, _)| g);
        let target =
            ResourceKey::new(group, &text(about, "kind"), &text(about, "namespace"), &text(about, "name"))
                .in_cluster(&key.cluster);
        let message = root.str_at(&["message"]).or_else(|| root.str_at(&["note"])).unwrap_or_default();
        let note = Note {
            id: event.id,
            key: key.clone(),
            mark: Mark { version: object.resource_version(), at },
            reason: text(root, "reason"),
            message: message.to_owned(),
            is_warning: root.str_at(&["type"]) == Some("Warning"),
            container: about.str_at(&["fieldPath"]).and_then(container_in).map(str::to_owned),
        };
        self.notes.entry(target).or_default().push(note);
    }

    /// Returns all resources that were ever there.
    pub fn keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.versions.keys()
    }

    /// Returns the resources of a kind that were ever there.
    pub fn of_kind<'a>(&'a self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a ResourceKey> {
        self.versions.keys().filter(move |k| &*k.group == group && &*k.kind == kind)
    }

    /// Returns the versions of a resource in the order of the log.
    pub fn versions(&self, key: &ResourceKey) -> &[Version] {
        self.versions.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns the Kubernetes Events about a resource.
    pub fn notes(&self, key: &ResourceKey) -> &[Note] {
        self.notes.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns what is not known.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Returns when the log begins.
    pub fn start(&self) -> Option<Timestamp> {
        self.start
    }

    /// Returns the last place in the log.
    pub fn end(&self) -> Option<Instant> {
        self.end
    }

    /// Returns the object as it is at the end, `None` if it is not there.
    pub fn now(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        self.versions(key).last()?.object.as_ref()
    }

    /// Returns the object as it was at or before a mark, `None` if it was not there.
    pub fn at(&self, key: &ResourceKey, mark: &Mark) -> Option<&Arc<Object>> {
        self.versions(key).iter().rev().find(|v| !mark.is_before(&v.mark()))?.object.as_ref()
    }

    /// Returns the last state of the object, there or gone.
    pub fn last(&self, key: &ResourceKey) -> Option<&Arc<Object>> {
        let versions = self.versions(key);
        versions.iter().rev().find_map(|v| v.object.as_ref().or(v.last.as_ref()))
    }
}

/// Reads the name out of a path such as `spec.containers{web}`.
fn container_in(path: &str) -> Option<&str> {
    path.split_once("ontainers{").and_then(|(_, rest)| rest.strip_suffix('}'))
}
