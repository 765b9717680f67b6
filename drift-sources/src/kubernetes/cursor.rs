//! The cursor of the source: how far each kind has been told.

use std::collections::BTreeMap;

use drift_core::{Cursor, ResourceVersion, SourceError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far the history of one target has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Everything up to this version; a watch can go on from it.
    At(ResourceVersion),
    /// Everything up to this version, if any; what came after is partly told and needs a listing and a gap.
    Lost(Option<ResourceVersion>),
}

/// How far the history of all targets has been told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Identity of the cluster, where it could be read: versions of one cluster mean nothing to another.
    pub(crate) cluster: Option<String>,
    /// When this was so.
    pub(crate) seen: Option<Timestamp>,
    /// By [`super::Target::id`].
    pub(crate) marks: BTreeMap<String, Mark>,
}

/// What is written. `~` before a version stands for [`Mark::Lost`].
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
        let text = |mark: &Mark| match mark {
            Mark::At(version) => version.to_string(),
            Mark::Lost(version) => format!("~{}", version.as_ref().map_or("", ResourceVersion::as_str)),
        };
        let at = self.marks.iter().map(|(id, mark)| (id.clone(), text(mark))).collect();
        let written = Written { v: 1, cluster: self.cluster.clone(), seen: self.seen, at };
        Cursor::new(serde_json::to_string(&written).expect("a map of strings is JSON"))
    }

    /// Reads what [`Progress::to_cursor`] wrote.
    pub(crate) fn of_cursor(cursor: &Cursor) -> Result<Self, SourceError> {
        let unknown = || SourceError::UnknownCursor { cursor: cursor.clone() };
        let written: Written = serde_json::from_str(cursor.as_str()).map_err(|_| unknown())?;
        if written.v != 1 {
            return Err(unknown());
        }
        let mark = |text: &str| match text.strip_prefix('~') {
            Some("") => Mark::Lost(None),
            Some(version) => Mark::Lost(Some(ResourceVersion::new(version))),
            None => Mark::At(ResourceVersion::new(text)),
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
            ("pods", Mark::At(version("12"))),
            ("deployments.apps", Mark::Lost(Some(version("7")))),
            ("nodes", Mark::Lost(None)),
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
        assert_eq!(Progress::of_cursor(&cursor).unwrap(), progress);
    }

    #[test]
    fn cursors_of_others_are_refused() {
        for text in ["", "12", "{}", r#"{"v":2,"at":{}}"#, r#"{"v":1,"at":{},"more":1}"#] {
            assert!(Progress::of_cursor(&Cursor::new(text)).is_err(), "{text}");
        }
    }
}
