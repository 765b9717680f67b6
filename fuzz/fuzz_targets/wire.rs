//! Any bytes are an event or an error; what is an event is written and read again as the same.
#![no_main]

use drift_core::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&[u8], &[u8])| {
    let (previous, bytes) = data;
    let previous = drift_core::Doc::from_json(previous).ok();
    let _ = wire::decode(bytes, previous.as_ref());
    // A checksum is hard to guess, so the JSON is also read without one.
    let Ok(event) = serde_json::from_slice::<wire::EventV1>(bytes) else { return };
    if let wire::BodyV1::AppliedDelta(delta) | wire::BodyV1::DeletedDelta(delta) = &event.body {
        if let Some(next) = previous.as_ref().and_then(|p| delta.apply(p).ok()) {
            let again = wire::Delta::between(previous.as_ref().unwrap(), &next);
            assert_eq!(again.unwrap().apply(previous.as_ref().unwrap()).unwrap(), next);
        }
    }
    let Ok(event) = drift_core::Event::try_from(event) else { return };
    for previous in [None, previous.as_ref()] {
        let written = wire::encode(&event, previous);
        assert_eq!(wire::decode(&written, previous).unwrap(), event);
    }
});
