//! Any body is observations or an error that shows nothing of it. Line 1 is path and content type, then the body.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use drift_core::Observation;
use drift_core::redact::{RedactOptions, Redactor};
use drift_fuzz::{KEY, PLANTED, split_line, start};
use drift_sources::receiver::{PostDecoder, PostedRequest, Sender};
use drift_sources::{audit, cdevents};
use libfuzzer_sys::fuzz_target;

static DECODERS: LazyLock<[PostDecoder; 2]> = LazyLock::new(|| {
    let redactor = Redactor::new(RedactOptions::new(KEY));
    let events = cdevents::EventDecoder::new("c", redactor.clone());
    [audit::webhook_decoder("c", redactor), events.webhook_decoder()]
});

/// An event without a time is of the moment it is received.
fn timeless(mut observations: Vec<Observation>) -> Vec<Observation> {
    for observation in &mut observations {
        if let Observation::Happened(occurrence) = observation {
            occurrence.at = start();
        }
    }
    observations
}

fuzz_target!(|data: &[u8]| {
    let (head, body) = split_line(data);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut words = head.split(' ');
    let (path, content_type) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let attributes: BTreeMap<String, String> =
        words.filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    for sender in [Sender::Authenticated, Sender::Anyone] {
        let posted = PostedRequest { path, content_type, attributes: &attributes, body, sender };
        for decode in DECODERS.iter() {
            let found = decode(posted).map(timeless);
            assert_eq!(found, decode(posted).map(timeless));
            if let Err(why) = found {
                assert!(!why.contains(PLANTED), "{why}");
            }
        }
    }
});
