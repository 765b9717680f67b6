//! Argo CD's Applications through time: which one a mark means, and who started the operation that wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::k8s::tracking::AppRef;

use crate::history::{History, RecordedVersion, VersionList};
use crate::key::ResourceKey;
use crate::object::{Node, Object};

/// Argo CD writes its times in whole seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

/// Watches of different resources tell out of order by milliseconds.
const SKEW: SignedDuration = SignedDuration::from_millis(50);

/// Who started an operation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Initiator {
    /// Auto-sync or self-heal.
    Automated,
    /// A user of Argo CD.
    User(Arc<str>),
}

/// All Applications of a history.
#[derive(Clone, Debug)]
pub struct Applications<'h> {
    history: &'h History,
    keys: Vec<&'h ResourceKey>,
}

impl<'h> Applications<'h> {
    /// Finds the Applications of a history.
    pub fn of(history: &'h History) -> Self {
        Self { history, keys: history.of_kind("argoproj.io", "Application").collect() }
    }

    /// Returns the versions of an Application.
    pub fn versions(&self, app: &ResourceKey) -> &'h [RecordedVersion] {
        self.history.versions(app)
    }

    /// Finds the one Application that a mark on a resource means at a time; `None` where several could be meant.
    pub fn resolve(&self, claim: &AppRef, resource: &ResourceKey, at: Timestamp) -> Option<ResourceKey> {
        let AppRef::Argo { namespace, name } = claim else {
            let AppRef::App(app) = claim else { return None };
            return Some(app.clone());
        };
        // A mark without a namespace means Argo CD's own.
        let namespace = namespace.as_deref().or_else(|| self.own_namespace().filter(|_| name.is_some()));
        let is_named = |key: &&ResourceKey| name.as_ref().is_none_or(|n| *n == key.name);
        let mut candidates: Vec<&ResourceKey> = self.keys.iter().copied().filter(is_named).collect();
        candidates.retain(|key| namespace.is_none_or(|n| *n == *key.namespace));
        if candidates.len() == 1 && name.is_some() {
            return candidates.pop().cloned();
        }
        // No mark, or the name of something else: who lists the resource has it.
        let among = if candidates.is_empty() { self.keys.clone() } else { candidates };
        let mut listing = among.into_iter().filter(|key| self.lists(key, resource, at));
        let hit = listing.next()?;
        listing.next().is_none().then(|| hit.clone())
    }

    /// Returns the namespace that Argo CD runs in: that of its projects, which are nowhere else.
    fn own_namespace(&self) -> Option<&'h str> {
        let mut projects = self.history.of_kind("argoproj.io", "AppProject").map(|key| &*key.namespace);
        let first = projects.next()?;
        projects.all(|other| other == first).then_some(first)
    }

    /// Returns `true` if an Application has a resource among its own, at a time or soon after.
    fn lists(&self, app: &ResourceKey, resource: &ResourceKey, at: Timestamp) -> bool {
        let later = at + SignedDuration::from_secs(10);
        let versions = self.history.version_list(app);
        let near = (0..versions.count()).rfind(|n| versions.at(*n) <= later);
        near.and_then(|n| versions.object(n)).is_some_and(|application| {
            let list = application.root().at(&["status", "resources"]);
            list.into_iter().flat_map(Node::children).any(|r| is(r, resource))
        })
    }

    /// Returns who started the operation in which an Application wrote at a time; `None` where it is not recorded.
    pub fn initiator(&self, app: &ResourceKey, at: Timestamp) -> Option<Initiator> {
        let states = self.versions(app).iter().filter_map(|v| Some((v.occurred_at, v.object.as_deref()?)));
        let mut operations: BTreeMap<Timestamp, AppOperation<'_>> = BTreeMap::new();
        for (seen, object) in states.clone() {
            let Some(state) = object.root().at(&["status", "operationState"]) else { continue };
            let Some(started) = time(state, "startedAt") else { continue };
            let operation = operations.entry(started).or_insert(AppOperation {
                seen,
                finished: None,
                asked: None,
                by: None,
            });
            operation.finished = time(state, "finishedAt");
            // The state is written as a merge onto the one before, whose initiator then stands beside the new one; what
            // was asked for stands alone, until the operation is over.
            let asked =
                object.root().at(&["operation", "initiatedBy"]).filter(|_| operation.finished.is_none());
            match asked {
                Some(asked) => operation.asked = Some(asked),
                None => operation.by = state.at(&["operation", "initiatedBy"]),
            }
        }
        let ran = |started: Timestamp, o: &AppOperation<'_>| {
            started <= at + SLACK && o.finished.is_none_or(|f| at <= f + SLACK)
        };
        let mut running = operations.iter().filter(|(started, o)| ran(**started, o)).map(|(_, o)| o);
        // Whole seconds overlap: of several the last one that was seen to run before it wrote.
        let first = running.clone().next();
        let operation = running.rfind(|o| o.seen <= at + SKEW).or(first);
        let asked = operation.and_then(|o| o.asked).and_then(initiator);
        asked
            .or_else(|| states.clone().next_back().and_then(|(_, object)| deployed_by(object, at)))
            .or_else(|| operation.and_then(|o| o.by).filter(|by| !is_mixed(*by)).and_then(initiator))
    }
}

/// An operation as it was last seen.
struct AppOperation<'a> {
    /// When it was first seen.
    seen: Timestamp,
    finished: Option<Timestamp>,
    /// Who is named where the operation was asked for.
    asked: Option<Node<'a>>,
    /// Who is named in its state.
    by: Option<Node<'a>>,
}

/// Returns `true` if the initiators of two operations stand in one place.
fn is_mixed(by: Node<'_>) -> bool {
    let user = by.str_at(&["username"]).is_some_and(|n| !n.is_empty());
    user && by.get("automated").and_then(Node::as_bool) == Some(true)
}

fn is(entry: Node<'_>, key: &ResourceKey) -> bool {
    let text = |name| entry.str_at(&[name]).unwrap_or_default();
    text("group") == &*key.group
        && text("kind") == &*key.kind
        && text("name") == &*key.name
        && text("namespace") == &*key.namespace
}

fn time(node: Node<'_>, field: &str) -> Option<Timestamp> {
    node.str_at(&[field])?.parse().ok()
}

fn initiator(by: Node<'_>) -> Option<Initiator> {
    if by.get("automated").and_then(Node::as_bool) == Some(true) {
        return Some(Initiator::Automated);
    }
    by.str_at(&["username"]).filter(|n| !n.is_empty()).map(|n| Initiator::User(n.into()))
}

/// Looks an operation up in the Application's own history, which also has those from before the recording.
fn deployed_by(application: &Object, at: Timestamp) -> Option<Initiator> {
    let history = application.root().at(&["status", "history"])?;
    let covers = |entry: &Node<'_>| {
        time(*entry, "deployStartedAt").is_some_and(|s| s <= at + SLACK)
            && time(*entry, "deployedAt").is_some_and(|d| at <= d + SLACK)
    };
    history.children().filter(covers).last().and_then(|e| e.get("initiatedBy")).and_then(initiator)
}
