//! A question about a log has one answer, and what it says as of a moment rests on nothing later.
//!
//! Each execution asks one question under one law, which a hash of the input picks: all at once would take ten times as long.
#![no_main]

use drift_core::cause::{CauseIndex, Investigation, incidents};
use drift_core::schema::SchemaSet;
use drift_core::{Event, Until, checks};
use drift_fuzz::{events, pick};
use libfuzzer_sys::fuzz_target;

/// Writes what is said of a log.
fn answer(question: u8, investigation: &Investigation<'_>, events: &[Event]) -> String {
    match (question, events.iter().rev().find_map(|event| event.stream.key())) {
        (0, _) => format!("{:?}", incidents(investigation, |_| true)),
        (1, Some(key)) => format!("{:?}", investigation.why(key)),
        _ => format!("{:?}", checks::check(investigation)),
    }
}

fuzz_target!(|data: &[u8]| {
    let events = events(data);
    let schemas = SchemaSet::bundled();
    let mut index = CauseIndex::default();
    events.iter().for_each(|event| index.apply(event));
    // Why is asked oftener than all incidents, which are many of the same.
    let question = [0, 1, 1, 1, 2, 2][usize::from(pick(data, 6))];
    let ask = |investigation: &Investigation<'_>, of: &[Event]| answer(question, investigation, of);
    match pick(data, 18) / 6 {
        0 => {
            let whole = ask(&index.investigation(Until::End, &schemas), &events);
            assert_eq!(whole, ask(&Investigation::from_events(&events, Until::End, &schemas), &events));
        }
        1 => {
            let whole = ask(&index.investigation(Until::End, &schemas), &events);
            index.settle();
            assert_eq!(whole, ask(&index.investigation(Until::End, &schemas), &events));
        }
        _ => {
            let (early, _) = events.split_at(events.len() / 2);
            let Some(last) = early.last() else { return };
            let until = Until::Position(last.position);
            let then = ask(&index.investigation(until, &schemas), early);
            assert_eq!(then, ask(&Investigation::from_events(early, Until::End, &schemas), early));
        }
    }
});
