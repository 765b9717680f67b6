//! Bytes held for a live resource, by the state that replay keeps.

use std::hint::black_box;

use drift_core::replay::State;
use drift_core::{EventBody, NewEvent, Origin, Position, Revision, StreamId};
use jiff::Timestamp;

use crate::Failure;
use crate::estate::Case;
use crate::measure::best;

pub(crate) fn run(cases: &[Case]) -> Result<(), Failure> {
    let (mut json, mut decoded, mut held, mut count) = (0, 0, 0, 0);
    let mut states = Vec::new();
    for case in cases {
        let mut state = State::default();
        for (n, object) in case.live.iter().enumerate() {
            json += object.doc().to_json().len();
            decoded += object.doc().heap_size();
            let event = NewEvent {
                uid: object.uid(),
                origin: Origin::default(),
                observed_at: Timestamp::UNIX_EPOCH,
                occurred_at: None,
                body: EventBody::Applied(std::sync::Arc::clone(object)),
            };
            state.apply(&event.at(
                StreamId::live(object.key()),
                Revision::FIRST,
                Position::new(n as u64 + 1),
            ));
        }
        state.settle();
        held += state.heap_size();
        count += case.live.len();
        states.push(state);
    }
    println!("{count} live resources of {} bytes of JSON in {} estates", json / count.max(1), cases.len());
    println!("decoded: {:.2} of the JSON", decoded as f64 / json as f64);
    println!(
        "held by a settled state, its dictionaries included: {:.3} of the JSON (budget 0.200)",
        held as f64 / json as f64
    );
    let time = best(|| {
        for (_, resource) in states.iter().flat_map(State::live) {
            black_box(resource.object().ok());
        }
    });
    println!("reading one: {:.1} µs", time.as_secs_f64() * 1e6 / count.max(1) as f64);
    Ok(())
}
