//! Any JSON is FieldsV1 or refused; what is FieldsV1 writes and reads back.
#![no_main]

use drift_core::{Doc, FieldPath, FieldSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(doc) = Doc::from_json(data) else { return };
    let Ok(set) = FieldSet::from_fields_v1(doc.root()) else { return };
    for path in set.paths() {
        assert!(set.contains(&path) && set.touches(&path));
        let text = path.to_string();
        assert_eq!(FieldPath::parse(&text).as_ref(), Ok(&path), "{text}");
    }
    let again = Doc::from_value(&set.to_fields_v1()).expect("no deeper than it was");
    assert_eq!(FieldSet::from_fields_v1(again.root()).expect("it was written as FieldsV1"), set);
});
