//! AppProjects and their sync windows.

use std::sync::Arc;

use drift_core::{Node, Object};

use super::GROUP;

/// Whether a sync window allows or denies syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Syncs are only allowed while a window of this kind is open.
    Allow,
    /// No sync is allowed while the window is open.
    Deny,
}

/// A sync window, as the project states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncWindow {
    /// Whether the window allows or denies syncs.
    pub kind: WindowKind,
    /// Cron expression of when the window opens.
    pub schedule: String,
    /// How long the window stays open, as a Go duration such as `1h30m`.
    pub duration: String,
    /// Time zone of the schedule.
    pub time_zone: Option<String>,
    /// Names of Applications, as globs.
    pub applications: Vec<String>,
    /// Destination namespaces, as globs.
    pub namespaces: Vec<String>,
    /// Destination clusters, as globs.
    pub clusters: Vec<String>,
    /// Whether a manual sync is allowed all the same.
    pub manual_sync: bool,
    /// Whether all given selectors must match instead of any one (`andOperator`).
    pub needs_all: bool,
}

/// An AppProject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppProject {
    /// Name of the project.
    pub name: Arc<str>,
    /// Sync windows of the project.
    pub sync_windows: Vec<SyncWindow>,
}

impl AppProject {
    /// Reads an AppProject; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
        if object.group() != GROUP || object.kind() != "AppProject" {
            return None;
        }
        let windows = object.root().at(&["spec", "syncWindows"]);
        let windows = windows.into_iter().flat_map(Node::children).filter_map(parse_window);
        Some(Self { name: object.name().into(), sync_windows: windows.collect() })
    }
}

fn parse_window(node: Node<'_>) -> Option<SyncWindow> {
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
