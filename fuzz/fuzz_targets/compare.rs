//! Two documents are compared the same twice; an object is no drift of itself; what is hidden or shown of Secrets is no value.
#![no_main]

use drift_core::drift::{DesiredObject, DriftOptions, Status, compare};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::schema::SchemaSet;
use drift_fuzz::{KEY, objects};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let all = objects(data);
    let Some((first, live)) = all.split_first() else { return };
    let schemas = SchemaSet::bundled();
    let options = DriftOptions::default();
    let desired = [DesiredObject { object: first.clone(), declared: None }];
    let report = compare(&desired, live, &schemas, &options);
    assert_eq!(report, compare(&desired, live, &schemas, &options));
    assert!(report.resources.is_sorted_by(|a, b| a.key <= b.key));
    let counted = report.summary();
    assert_eq!(
        counted.in_sync + counted.drifted + counted.missing + counted.extra + counted.unknown,
        report.resources.len()
    );

    // Without a namespace the two may be two objects.
    if !first.namespace().is_empty() {
        let same = compare(&desired, std::slice::from_ref(first), &schemas, &options);
        // Nor is one that belongs to no namespace and names one: the API server has none like it.
        for resource in same.resources.iter().filter(|r| !r.key.namespace.is_empty()) {
            assert!(
                !matches!(resource.status, Status::Drifted | Status::Missing),
                "{} is {:?} against itself: {:?}",
                resource.key,
                resource.status,
                resource.changes
            );
        }
    }

    // Hashed on both sides, the same resources differ.
    let redactor = Redactor::new(RedactOptions::new(KEY));
    let hashed: Vec<_> = live.iter().map(|o| redactor.redact_shared(o.clone())).collect();
    let options = DriftOptions { redactor: Some(redactor), ..DriftOptions::default() };
    let report = compare(&desired, &hashed, &schemas, &options);
    assert_eq!(report, compare(&desired, &hashed, &schemas, &options));
});
