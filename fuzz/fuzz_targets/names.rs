//! Times, durations, keys, paths and selectors: any text is one or refused; what is one is written and read again as the same.
#![no_main]

use drift_core::drift::rules::{Pattern, Selector};
use drift_core::schema::GoDuration;
use drift_core::time::{TimeReader, format_age, format_time};
use drift_core::{FieldPath, ResourceKey, Until, k8s};
use drift_fuzz::start;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for zone in [TimeZone::UTC, TimeZone::fixed(jiff::tz::offset(-11))] {
        let reader = TimeReader::new(start(), zone);
        if let Ok(until) = reader.read(text) {
            assert_eq!(reader.read(&until.to_string()), Ok(until), "{text}");
            if let Until::Time(time) = until {
                assert!(reader.read(&format_time(time)).is_ok(), "{text}");
                assert_eq!(format_age(time, start()).is_some(), start().duration_since(time).as_secs() >= 0);
            }
        }
    }
    if let Ok(duration) = text.parse::<GoDuration>() {
        assert_eq!(duration.to_string().parse(), Ok(duration), "{text}");
    }
    if let Ok(key) = ResourceKey::parse(text) {
        assert_eq!(ResourceKey::parse(&key.to_string()).as_ref(), Ok(&key), "{text}");
    }
    if let Ok(path) = FieldPath::parse(text) {
        assert_eq!(FieldPath::parse(&path.to_string()).as_ref(), Ok(&path), "{text}");
    }
    let _ = (Selector::parse(text), text.parse::<k8s::selector::Selector>());
    let (pattern, name) = text.split_once(' ').unwrap_or((text, text));
    let glob = Pattern::glob(pattern);
    assert_eq!(glob.matches(name), Pattern::glob(pattern).matches(name));
    // Expressions take long to compile, so they have a mark of their own.
    if let Some(Ok(regex)) = pattern.strip_prefix('/').map(Pattern::regex) {
        let _ = regex.matches(name);
    }
});
