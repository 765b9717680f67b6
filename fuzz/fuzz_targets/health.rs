//! Any text is a rule table, with CEL in it, or refused by line; an object is judged by it the same twice.
//!
//! The rules end at a line `---`, a line that begins with `cel ` is an expression alone; the objects follow.
#![no_main]

use drift_core::health::{HealthContext, HealthRules, assess};
use drift_fuzz::{objects, pick, start};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (table, rest) = text.split_once("\n---\n").unwrap_or((text, ""));
    let table = match table.strip_prefix("cel ") {
        Some(expression) => {
            let quoted = expression.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
            format!("for */*\nDegraded when cel \"{quoted}\"\n")
        }
        None => table.to_owned(),
    };
    let rules = match HealthRules::parse(&table) {
        Ok(rules) => rules,
        Err(e) => {
            assert!(e.line >= 1 && e.line <= table.lines().count(), "{e}");
            return;
        }
    };
    // The rules that come along, and none, are tried on some of the objects.
    let rules = match pick(data, 8) {
        0 => HealthRules::none(),
        1 => HealthRules::bundled(),
        _ => rules,
    };
    for object in objects(rest.as_bytes()) {
        let context = HealthContext { now: start(), rules: &rules, previous: None };
        let health = assess(&object, &context);
        match pick(data, 2) {
            0 => assert_eq!(health, assess(&object, &context)),
            _ => {
                let later = HealthContext { previous: Some(&health), ..context };
                assert_eq!(health.status, assess(&object, &later).status);
            }
        }
    }
});
