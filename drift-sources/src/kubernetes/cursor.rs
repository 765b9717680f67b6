//! The cursor of the source: the progress of each target.

use std::collections::BTreeMap;

use drift_core::{Cursor, ResourceVersion, SourceError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Progress in the history of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchProgress {
    /// Everything up to this version was emitted; a watch can continue from it.
    At(ResourceVersion),
    /// Everything up to this version, if any, was emitted; later events were emitted in part, so a list and a gap are needed.
    Lost(Option<ResourceVersion>),
}

/// Progress in the history of all targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Identity of the cluster, where it could be read: versions of one cluster mean nothing to another.
    pub(crate) cluster: Option<String>,
    /// Time of this progress.
    pub(crate) seen: Option<Timestamp>,
    /// By [`super::WatchTarget::id`].
    pub(crate) marks: BTreeMap<String, WatchProgress>,
}

/// What is written. `~` before a version stands for [`WatchProgress::Lost`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Timestamp>,
    at: BTreeMap<String, String>,
}

impl Progress {
    /// Writes it as compact JSON.
    pub(crate) fn to_cursor(&self) -> Cursor {
        let text = |mark: &WatchProgress| match mark {
            WatchProgress::At(version) => version.to_string(),
            WatchProgress::Lost(version) => {
                format!("~{}", version.as_ref().map_or("", ResourceVersion::as_str))
            }
        };
        let at = self.marks.iter().map(|(id, mark)| (id.clone(), text(mark))).collect();
        let written = Written { v: 1, cluster: self.cluster.clone(), seen: self.seen, at };
        Cursor::new(serde_json::to_string(&written).expect("a map of strings is JSON"))
    }

    /// Reads what [`Progress::to_cursor`] wrote.
    pub(crate) fn from_cursor(cursor: &Cursor) -> Result<Self, SourceError> {
        let unknown = || SourceError::UnknownCursor { cursor: cursor.clone() };
        let written: Written = serde_json::from_str(cursor.as_str()).map_err(|_| unknown())?;
        if written.v != 1 {
            return Err(unknown());
        }
        let mark = |text: &str| match text.strip_prefix('~') {
            Some("") => WatchProgress::Lost(None),
            Some(version) => WatchProgress::Lost(Some(ResourceVersion::new(version))),
            None => WatchProgress::At(ResourceVersion::new(text)),
        };
        let marks = written.at.iter().map(|(id, text)| (id.clone(), mark(text))).collect();
        Ok(Self { cluster: written.cluster, seen: written.seen, marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_are_compact() {
        let version = |v: &str| ResourceVersion::new(v);
        let marks = [
            ("pods", WatchProgress::At(version("12"))),
            ("deployments.apps", WatchProgress::Lost(Some(version("7")))),
            ("nodes", WatchProgress::Lost(None)),
        ];
        let progress = Progress {
            cluster: Some("u1".to_owned()),
            seen: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            marks: marks.into_iter().map(|(id, m)| (id.to_owned(), m)).collect(),
        };
        let cursor = progress.to_cursor();
        assert_eq!(
            cursor.as_str(),
            r#"{"v":1,"cluster":"u1","seen":"2026-01-01T00:00:00Z","at":{"deployments.apps":"~7","nodes":"~","pods":"12"}}"#
        );
        assert_eq!(Progress::from_cursor(&cursor).unwrap(), progress);
    }

    #[test]
    fn cursors_of_others_are_refused() {
        for text in ["", "12", "{}", r#"{"v":2,"at":{}}"#, r#"{"v":1,"at":{},"more":1}"#] {
            assert!(Progress::from_cursor(&Cursor::new(text)).is_err(), "{text}");
        }
    }
}
