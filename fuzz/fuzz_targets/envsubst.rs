//! Variables of Flux are replaced the same twice, text without them stays, and the value of one is not read as a variable.
#![no_main]

use std::collections::BTreeMap;

use drift_sources::render::{Unset, envsubst};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let variables = |a: &str| {
        BTreeMap::from([("a", a), ("b", "2.5"), ("long_name", "")].map(|(k, v)| (k.to_owned(), v.to_owned())))
    };
    for unset in [Unset::Refused, Unset::Empty] {
        let found = envsubst(text, &variables("1"), unset);
        assert_eq!(found, envsubst(text, &variables("1"), unset));
        if !text.contains('$') {
            assert_eq!(found.as_deref(), Ok(text));
        }
        let Ok(found) = found else { continue };
        assert!(found.len() <= 64 * (text.len() + 1), "{} bytes became {}", text.len(), found.len());
    }
    // The whole text is one variable: its value comes out as it is, whatever stands in it.
    assert_eq!(envsubst("${a}", &variables(text), Unset::Refused).as_deref(), Ok(text));
});
