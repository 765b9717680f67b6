use serde_json::{Value, json};

use super::*;
use crate::object::Doc;

/// What a version shows: its uid, its data, its annotations, and `manager operation second fields` of each entry.
struct Shown<'a> {
    uid: &'a str,
    data: Value,
    annotations: Value,
    writers: &'a [(&'a str, &'a str, u8, Value)],
}

fn object(shown: &Shown<'_>) -> Object {
    let entry = |(manager, operation, second, fields): &(&str, &str, u8, Value)| {
        json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields,
            "time": format!("2026-11-21T10:00:{second:02}Z")})
    };
    let entries: Vec<Value> = shown.writers.iter().map(entry).collect();
    let all = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": shown.data, "metadata": {"name": "a", "namespace": "n",
        "uid": shown.uid, "creationTimestamp": "2026-11-21T10:00:00Z", "annotations": shown.annotations, "managedFields": entries}});
    Object::new(Doc::from_value(&all).unwrap()).unwrap()
}

/// Checks the step after which a field is gone, and the manager that removed it; `""` where nobody is known.
fn check(versions: &[Option<Shown<'_>>], path: &[&str], expect: Option<(usize, &str)>) {
    let versions: Vec<_> = versions.iter().map(|shown| shown.as_ref().map(object)).collect();
    let found = find_removal(versions.iter().map(Option::as_ref), &FieldPath::of(path));
    let found = found.as_ref().map(|r| (r.version, r.owner.as_ref().map_or("", |o| &*o.manager)));
    assert_eq!(found, expect);
}

fn version<'a>(
    data: Value,
    annotations: Value,
    writers: &'a [(&'a str, &'a str, u8, Value)],
) -> Option<Shown<'a>> {
    Some(Shown { uid: "one", data, annotations, writers })
}

#[test]
fn a_removal_without_a_mark_is_nobodys_and_least_of_all_the_former_owners() {
    let both = [("helm", "Update", 0, json!({"f:data": {"f:k": {}, "f:l": {}}}))];
    let lost = [("helm", "Update", 0, json!({"f:data": {"f:l": {}}}))];
    let versions = [
        version(json!({"k": "1", "l": "1"}), json!({}), &both),
        version(json!({"l": "1"}), json!({}), &lost),
    ];
    check(&versions, &["data", "k"], Some((1, "")));
    check(&versions, &["data", "l"], None);
    check(&versions, &["data", "m"], None);
}

#[test]
fn who_owns_no_more_than_the_map_around_it_did_not_remove_it() {
    let both = [
        ("helm", "Update", 0, json!({"f:metadata": {"f:annotations": {".": {}, "f:k": {}}}})),
        ("kubectl-annotate", "Update", 0, json!({"f:metadata": {"f:annotations": {"f:mine": {}}}})),
    ];
    let lost = [
        ("helm", "Update", 0, json!({"f:metadata": {"f:annotations": {}}})),
        ("kubectl-annotate", "Update", 0, json!({"f:metadata": {"f:annotations": {"f:mine": {}}}})),
    ];
    let versions = [
        version(json!({}), json!({"k": "1", "mine": "1"}), &both),
        version(json!({}), json!({"mine": "1"}), &lost),
    ];
    check(&versions, &["metadata", "annotations", "k"], Some((1, "")));
}

#[test]
fn who_wrote_the_version_in_which_it_is_gone_removed_it() {
    let before = [("flux", "Apply", 0, json!({"f:data": {"f:k": {}, "f:l": {}}}))];
    // Server-side apply that gives a field up, and a whole object that was sent back with a change beside it.
    let gave_up = [("flux", "Apply", 1, json!({"f:data": {"f:l": {}}}))];
    let edited = [("kubectl-edit", "Update", 1, json!({"f:data": {"f:l": {}}}))];
    let first = || version(json!({"k": "1", "l": "1"}), json!({}), &before);
    check(&[first(), version(json!({"l": "1"}), json!({}), &gave_up)], &["data", "k"], Some((1, "flux")));
    check(
        &[first(), version(json!({"l": "2"}), json!({}), &edited)],
        &["data", "k"],
        Some((1, "kubectl-edit")),
    );
}

#[test]
fn of_several_who_wrote_meanwhile_none_is_named() {
    let before = [("flux", "Apply", 0, json!({"f:data": {"f:k": {}}}))];
    let after = [
        ("kubectl-label", "Update", 1, json!({"f:metadata": {"f:labels": {"f:a": {}}}})),
        ("kubectl-edit", "Update", 2, json!({"f:data": {"f:l": {}}})),
    ];
    let versions =
        [version(json!({"k": "1"}), json!({}), &before), version(json!({"l": "2"}), json!({}), &after)];
    check(&versions, &["data", "k"], Some((1, "")));
}

#[test]
fn what_came_and_went_around_it_later_removed_nothing() {
    let none: [(&str, &str, u8, Value); 0] = [];
    let later =
        [("kubectl-annotate", "Update", 1, json!({"f:metadata": {"f:annotations": {".": {}, "f:b": {}}}}))];
    let versions = [
        version(json!({}), json!({"k": "1"}), &none),
        version(json!({}), json!({}), &none),
        version(json!({}), json!({"b": "1"}), &later),
    ];
    check(&versions, &["metadata", "annotations", "k"], Some((1, "")));
    // It had gone before the history began.
    check(&versions[1..], &["metadata", "annotations", "k"], None);
}

#[test]
fn an_object_that_is_made_again_without_it_lost_it_by_its_maker() {
    let wrote = [("kubectl-patch", "Update", 0, json!({"f:data": {"f:k": {}}}))];
    let made = [("kubectl-create", "Update", 1, json!({"f:data": {"f:l": {}}}))];
    let none: [(&str, &str, u8, Value); 0] = [];
    let again = |data: Value| Some(Shown { uid: "two", data, annotations: json!({}), writers: &made });
    let first =
        || [version(json!({}), json!({}), &none), version(json!({"k": "9"}), json!({}), &wrote), None];
    let [a, b, c] = first();
    check(&[a, b, c, again(json!({"l": "1"}))], &["data", "k"], Some((3, "kubectl-create")));
    let [a, b, c] = first();
    check(&[a, b, c, again(json!({"k": "1"}))], &["data", "k"], None);
}
