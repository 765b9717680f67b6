//! A question about a log has one answer, and what it says as of a moment rests on nothing later.
#![no_main]

use drift_core::cause::{CauseIndex, Investigation, incidents};
use drift_core::schema::SchemaSet;
use drift_core::{Event, Until, checks};
use drift_fuzz::events;
use libfuzzer_sys::fuzz_target;

/// Writes all that is said of a log.
fn answer(investigation: &Investigation<'_>, events: &[Event]) -> String {
    let mut out = format!("{:?}", incidents(investigation, |_| true));
    out += &format!("{:?}", checks::check(investigation));
    if let Some(key) = events.iter().rev().find_map(|event| event.stream.key()) {
        out += &format!("{:?}", investigation.why(key));
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let events = events(data);
    let schemas = SchemaSet::bundled();
    let mut index = CauseIndex::default();
    events.iter().for_each(|event| index.apply(event));
    let whole = answer(&index.investigation(Until::End, &schemas), &events);
    assert_eq!(whole, answer(&Investigation::from_events(&events, Until::End, &schemas), &events));
    index.settle();
    assert_eq!(whole, answer(&index.investigation(Until::End, &schemas), &events));

    let (early, _) = events.split_at(events.len() / 2);
    if let Some(last) = early.last() {
        let until = Until::Position(last.position);
        let then = answer(&index.investigation(until, &schemas), early);
        assert_eq!(then, answer(&Investigation::from_events(early, Until::End, &schemas), early));
    }
});
