//! Projects and their sync windows.

use std::sync::Arc;

use drift_core::{Node, Object};

use super::GROUP;

/// Whether a window lets syncs through or holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Syncs only go through while a window of this kind is open.
    Allow,
    /// No sync goes through while it is open.
    Deny,
}

/// A sync window, as the project states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncWindow {
    /// What it does.
    pub kind: WindowKind,
    /// Cron expression of its beginnings.
    pub schedule: String,
    /// How long it stays open, as Go writes durations.
    pub duration: String,
    /// Time zone of the schedule.
    pub time_zone: Option<String>,
    /// Names of Applications, as globs.
    pub applications: Vec<String>,
    /// Destination namespaces, as globs.
    pub namespaces: Vec<String>,
    /// Destination clusters, as globs.
    pub clusters: Vec<String>,
    /// Whether a sync by hand goes through all the same.
    pub manual_sync: bool,
    /// Whether all selectors that are given have to fit, and not just one (`andOperator`).
    pub needs_all: bool,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppProject {
    /// Its name.
    pub name: Arc<str>,
    /// Its sync windows.
    pub sync_windows: Vec<SyncWindow>,
}

impl AppProject {
    /// Reads a project; `None` for any other object.
    pub fn of(object: &Object) -> Option<Self> {
        if object.group() != GROUP || object.kind() != "AppProject" {
            return None;
        }
        let windows = object.root().at(&["spec", "syncWindows"]);
        let windows = windows.into_iter().flat_map(Node::children).filter_map(window);
        Some(Self { name: object.name().into(), sync_windows: windows.collect() })
    }
}

fn window(node: Node<'_>) -> Option<SyncWindow> {
    let text = |name| node.str_at(&[name]).unwrap_or_default().to_owned();
    let texts = |name| {
        let list = node.get(name).into_iter().flat_map(Node::children);
        list.filter_map(|n| n.as_str().map(str::to_owned)).collect()
    };
    Some(SyncWindow {
        kind: match &*text("kind") {
            "allow" => WindowKind::Allow,
            "deny" => WindowKind::Deny,
            _ => return None,
        },
        schedule: text("schedule"),
        duration: text("duration"),
        time_zone: Some(text("timeZone")).filter(|z| !z.is_empty()),
        applications: texts("applications"),
        namespaces: texts("namespaces"),
        clusters: texts("clusters"),
        manual_sync: node.get("manualSync").and_then(Node::as_bool) == Some(true),
        needs_all: node.get("andOperator").and_then(Node::as_bool) == Some(true),
    })
}
