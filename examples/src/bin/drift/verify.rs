//! `drift verify` and `drift repair`: whether a store is whole, and making it usable when it is not.

use std::path::Path;

use drift_sinks::report::API_VERSION;
use drift_sinks::store::embedded::{EmbeddedStore, VerifyReport};
use serde::Serialize;

use crate::args::{RepairArgs, StoreArgs};
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};
use crate::recorded::store_failure;

/// How a store stands, as programs read it; see `store-report.v1.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StoreReportV1 {
    api_version: &'static str,
    kind: &'static str,
    store: String,
    sound: bool,
    segments: u32,
    frames: u64,
    events: u64,
    streams: u64,
    bytes: u64,
    last_position: u64,
    last_hash: String,
    unreadable: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn: Option<String>,
    breaks: Vec<String>,
    damage: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<Vec<String>>,
}

impl StoreReportV1 {
    fn new(store: &Path, report: &VerifyReport) -> Self {
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
}

/// Runs `drift verify`.
pub(crate) fn run(args: &StoreArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.store.display().to_string();
    let report = EmbeddedStore::verify(&args.store).map_err(|e| store_failure(&name, &e))?;
    let report = StoreReportV1::new(&args.store, &report);
    output::document(args.output, &report, || text(&report, screen))?;
    Ok(if report.sound { Outcome::Nothing } else { Outcome::Found })
}

/// Runs `drift repair`.
pub(crate) fn repair(args: &RepairArgs, screen: Screen) -> Result<Outcome, Failure> {
    let name = args.store.display().to_string();
    let before = EmbeddedStore::verify(&args.store).map_err(|e| store_failure(&name, &e))?;
    if !args.yes {
        let report = StoreReportV1::new(&args.store, &before);
        output::document(args.output, &report, || text(&report, screen))?;
        if report.sound {
            return Ok(Outcome::Nothing);
        }
        output::remark("nothing was changed; --yes repairs it");
        return Ok(Outcome::Found);
    }
    let repaired = EmbeddedStore::repair(&args.store).map_err(|e| store_failure(&name, &e))?;
    let mut lost: Vec<String> =
        repaired.lost.iter().map(|l| format!("segment {}: @{} up to @{}", l.segment, l.from, l.to)).collect();
    lost.extend(repaired.streams.iter().map(|(stream, n)| format!("{n} events of {stream}")));
    lost.extend(repaired.kept.iter().map(|p| format!("damaged file kept as {}", p.display())));
    let report = StoreReportV1 { lost: Some(lost), ..StoreReportV1::new(&args.store, &repaired.now) };
    output::document(args.output, &report, || text(&report, screen))?;
    Ok(if repaired.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

fn text(report: &StoreReportV1, screen: Screen) -> String {
    let painter = screen.painter();
    let head = if report.sound { painter.good("sound") } else { painter.alarm("damaged") };
    let mut out = format!(
        "{head}: {} of {}, {} in {}, up to @{}\n",
        many(report.events, "event"),
        many(report.streams, "stream"),
        many(report.bytes, "byte"),
        many(report.segments.into(), "segment"),
        report.last_position
    );
    out.push_str(&format!("chain: {}\n", report.last_hash));
    for broken in &report.breaks {
        out.push_str(&format!("note: an earlier repair dropped {broken}\n"));
    }
    if report.unreadable > 0 {
        out.push_str(&format!(
            "note: {} events build on dropped ones and cannot be read\n",
            report.unreadable
        ));
    }
    if let Some(torn) = &report.torn {
        out.push_str(&format!("note: {torn}\n"));
    }
    for damage in &report.damage {
        out.push_str(&format!("{} {damage}\n", painter.removed("damage:")));
    }
    for lost in report.lost.iter().flatten() {
        out.push_str(&format!("{} {lost}\n", painter.alarm("dropped:")));
    }
    if !report.sound {
        out.push_str("`drift repair` keeps what can be read; copy the folder first\n");
    }
    out
}

fn many(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
