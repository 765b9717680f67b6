use std::path::{Path, PathBuf};

use drift_core::Position;
use drift_sinks::report::StoreReportV1;
use drift_sinks::store::embedded::{LogBreak, LostEvents, RepairReport, VerifyReport};

use super::{check_golden, plain};

#[test]
fn store_report() {
    let mut now = VerifyReport::default();
    (now.segments, now.frames, now.events, now.streams, now.bytes) = (1, 120, 340, 25, 52_144);
    now.last_position = Position::new(344);
    now.last_hash = "7d".repeat(32);
    now.breaks = vec![LogBreak { from: Position::new(17), to: Position::new(21) }];
    now.unreadable = 2;
    let mut repair = RepairReport::default();
    repair.lost = vec![LostEvents { segment: 1, from: Position::new(17), to: Position::new(21) }];
    repair.kept = vec![PathBuf::from("store/damaged/00001.log")];
    repair.now = now.clone();
    let report = StoreReportV1::repaired(Path::new("store"), &repair);
    check_golden("store-report", &report);
    insta::assert_snapshot!(report.render_text(plain()));
    assert_eq!(StoreReportV1::new(Path::new("store"), &now).lost, None);
}
