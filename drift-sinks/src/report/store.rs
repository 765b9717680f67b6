//! The document of `drift verify` and `drift repair`: whether a store is whole.

use std::path::Path;

use serde::Serialize;

use super::{API_VERSION, Styler};
use crate::store::embedded::{RepairReport, VerifyReport};

/// The condition of an event store, and what a repair dropped from it.
///
/// Its JSON Schema is [`super::STORE_REPORT_SCHEMA`]. Example:
#[doc = concat!("```json\n", include_str!("../../schemas/examples/store-report.v1.json"), "```")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreReportV1 {
    /// `drift/v1`.
    pub api_version: &'static str,
    /// `StoreReport`.
    pub kind: &'static str,
    /// Directory of the store, as it was given.
    pub store: String,
    /// Whether nothing is damaged; what earlier repairs dropped does not count.
    pub sound: bool,
    /// Number of segment files.
    pub segments: u32,
    /// Number of whole frames; a frame is what one append made durable.
    pub frames: u64,
    /// Number of events that were read and match their checksums.
    pub events: u64,
    /// Number of streams that these events belong to.
    pub streams: u64,
    /// Size of all segments in bytes.
    pub bytes: u64,
    /// Position of the last event.
    pub last_position: u64,
    /// BLAKE3 hash of the last frame in hexadecimal digits; it covers the whole log.
    pub last_hash: String,
    /// Number of events that cannot be read, because they build on one that a repair dropped.
    pub unreadable: u64,
    /// Unfinished write that a killed process left at the end; it was never acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<String>,
    /// Ranges of positions that earlier repairs dropped: `@17 to @21`.
    pub breaks: Vec<String>,
    /// What is damaged, in order of position.
    pub damage: Vec<String>,
    /// What this repair dropped, and where it left the damaged files; absent where nothing was repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Vec<String>>,
}

impl StoreReportV1 {
    /// Makes the document of a verified store.
    pub fn new(store: &Path, report: &VerifyReport) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "StoreReport",
            store: store.display().to_string(),
            sound: report.is_sound(),
            segments: report.segments,
            frames: report.frames,
            events: report.events,
            streams: report.streams,
            bytes: report.bytes,
            last_position: report.last_position.get(),
            last_hash: report.last_hash.clone(),
            unreadable: report.unreadable,
            torn: report.torn.as_ref().map(ToString::to_string),
            breaks: report.breaks.iter().map(|b| format!("@{} to @{}", b.from, b.to)).collect(),
            damage: report.damage.iter().map(ToString::to_string).collect(),
            lost: None,
        }
    }

    /// Makes the document of a repaired store.
    pub fn repaired(store: &Path, report: &RepairReport) -> Self {
        let ranges =
            report.lost.iter().map(|l| format!("segment {}: @{} up to @{}", l.segment, l.from, l.to));
        let streams = report.streams.iter().map(|(stream, n)| format!("{n} events of {stream}"));
        let files = report.kept.iter().map(|path| format!("damaged file kept as {}", path.display()));
        let lost = ranges.chain(streams).chain(files).collect();
        Self { lost: Some(lost), ..Self::new(store, &report.now) }
    }

    /// Writes the report as text for people.
    pub fn render_text(&self, styler: Styler) -> String {
        let head = if self.sound { styler.good("sound") } else { styler.alarm("damaged") };
        let mut out = format!(
            "{head}: {} of {}, {} in {}, up to @{}\n",
            count_of(self.events, "event"),
            count_of(self.streams, "stream"),
            count_of(self.bytes, "byte"),
            count_of(self.segments.into(), "segment"),
            self.last_position
        );
        out.push_str(&format!("chain: {}\n", self.last_hash));
        for range in &self.breaks {
            out.push_str(&format!("note: an earlier repair dropped {range}\n"));
        }
        if self.unreadable > 0 {
            let n = self.unreadable;
            out.push_str(&format!("note: {n} events build on dropped ones and cannot be read\n"));
        }
        if let Some(torn) = &self.torn {
            out.push_str(&format!("note: {torn}\n"));
        }
        for damage in &self.damage {
            out.push_str(&format!("{} {damage}\n", styler.removed("damage:")));
        }
        for lost in self.lost.iter().flatten() {
            out.push_str(&format!("{} {lost}\n", styler.alarm("dropped:")));
        }
        if !self.sound {
            out.push_str("`drift repair` keeps what can be read; copy the directory first\n");
        }
        out
    }
}

fn count_of(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
