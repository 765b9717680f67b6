//! A rule marks what it hides: it adds, drops and reveals nothing. Line 1 is a file of exceptions, then the objects.
#![no_main]

use drift_core::Object;
use drift_core::drift::rules::{NoJq, ResourcePair, RuleContext, RuleProblems, exceptions};
use drift_core::drift::{Context, DesiredObject, DriftClass, DriftOptions, compare, compare_object};
use drift_core::schema::SchemaSet;
use drift_fuzz::{objects, split_line, start};
use drift_sources::argo::parse_ignore_differences;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (rules, rest) = split_line(data);
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(rules) else { return };
    let mut rules = exceptions(&document);
    if let Some(entries) = document.as_array() {
        rules.append(parse_ignore_differences(entries));
    }
    assert_eq!(rules.clone().at(start()), rules.clone().at(start()));
    let all = objects(rest);
    let Some((desired, live)) = all.split_first() else { return };
    let declared = [DesiredObject { object: desired.clone(), declared: None }];
    let schemas = SchemaSet::bundled();
    let pair = |d: &Object, l: &Object| compare_object(&l.key(), d, l, &Context::new(&schemas));
    let context = RuleContext { jq: &NoJq, pair: &pair };
    let report = compare(&declared, live, &SchemaSet::bundled(), &DriftOptions::default());
    for mut resource in report.resources {
        let before = resource.clone();
        let live = live.iter().find(|o| o.key() == resource.key).map(|o| &**o);
        let sides = ResourcePair { key: &before.key, desired: Some(desired), live };
        let mut problems = RuleProblems::default();
        rules.hide(&mut resource, sides, context, &mut problems);
        assert_eq!(before.changes.len(), resource.changes.len());
        for (was, is) in before.changes.iter().zip(&resource.changes) {
            assert_eq!((&was.path, &was.desired, &was.live), (&is.path, &is.desired, &is.live));
            assert!(was.class == is.class || is.class == DriftClass::Ignored && is.rule.is_some());
        }
        let mut again = resource.clone();
        rules.hide(&mut again, sides, context, &mut problems);
        assert_eq!(again, resource);
    }
});
