//! Any text is an expression that names paths, or refused, within its deadline. Line 1 is the expression, then the object.
#![no_main]

use std::time::Duration;

use drift_core::Doc;
use drift_core::drift::rules::JqPaths;
use drift_fuzz::split_line;
use drift_sources::jq::JqSandbox;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (expression, json) = split_line(data);
    let (Ok(expression), Ok(doc)) = (std::str::from_utf8(expression), Doc::from_json(json)) else { return };
    let sandbox = JqSandbox::new(Duration::from_millis(200));
    let found = sandbox.paths(expression, &doc);
    // What was found or refused once is not evaluated again.
    assert_eq!(found, sandbox.paths(expression, &doc));
    if let Ok(paths) = found {
        assert!(paths.len() <= 10_000);
    }
});
