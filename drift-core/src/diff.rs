//! Where two states of an object differ, by the schema of its kind.
//!
//! Equal by meaning is equal: quantities, durations, associative lists and sets in any order, `null` and absent. A
//! whole added or removed part is one change at its root; an atomic list or struct is one change at its own path.
//!
//! **Invariant:** knows no events and no owners; a diff never fails.

mod patch;
mod scalar;
mod walk;

use serde_json::Value;

pub use patch::PatchError;
pub(crate) use scalar::{is_respelled, same_scalar};
pub(crate) use walk::{Difference, Mode, OrderChange, Walk, at_typed_path, key_field, scalar};

use crate::object::{Doc, Node};
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// One place where two states differ.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where.
    pub path: FieldPath,
    /// The value before; `None` where there was none.
    pub before: Option<Value>,
    /// The value after; `None` where there is none.
    pub after: Option<Value>,
}

/// All places where two states differ, sorted by path. A value: comparable, invertible, appliable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    changes: Vec<FieldChange>,
}

impl Diff {
    /// Returns the changes, sorted by path.
    pub fn changes(&self) -> &[FieldChange] {
        &self.changes
    }

    /// Returns `true` if the states mean the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns the diff that leads back.
    #[must_use]
    pub fn invert(&self) -> Self {
        let back = |c: &FieldChange| FieldChange {
            path: c.path.clone(),
            before: c.after.clone(),
            after: c.before.clone(),
        };
        Self { changes: self.changes.iter().map(back).collect() }
    }

    /// Returns the diff without the changes at or below some paths.
    #[must_use]
    pub fn without(mut self, paths: &[FieldPath]) -> Self {
        self.changes.retain(|c| !paths.iter().any(|p| c.path.starts_with(p)));
        self
    }

    /// Puts the changes into a document; what comes out means the same as the state they lead to.
    ///
    /// # Errors
    /// When the document has no place for a change, because it is another than the one the diff starts from.
    pub fn patch(&self, doc: &Doc, ty: Option<TypeRef<'_>>) -> Result<Doc, PatchError> {
        patch::apply(doc, &self.changes, ty)
    }
}

impl FromIterator<FieldChange> for Diff {
    fn from_iter<I: IntoIterator<Item = FieldChange>>(changes: I) -> Self {
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Self { changes }
    }
}

/// Finds where two states differ; without a type, lists are compared as wholes.
///
/// # Example
/// ```
/// use drift_core::{Doc, diff, schema::SchemaSet};
/// let schemas = SchemaSet::bundled();
/// let service = schemas.kind("", "v1", "Service").unwrap().root();
/// let doc = |json: &str| Doc::from_json(json.as_bytes()).unwrap();
/// let before = doc(r#"{"spec":{"ports":[{"port":80,"targetPort":1},{"port":443}]}}"#);
/// let after = doc(r#"{"spec":{"ports":[{"port":443},{"port":80,"targetPort":2,"protocol":"TCP"}]}}"#);
/// let found = diff(&before, &after, Some(service));
/// assert_eq!(found.changes()[0].path.to_string(), r#".spec.ports[port=80,protocol="TCP"].protocol"#);
/// assert_eq!(found.changes()[1].path.to_string(), r#".spec.ports[port=80,protocol="TCP"].targetPort"#);
/// assert!(diff(&found.patch(&before, Some(service)).unwrap(), &after, Some(service)).is_empty());
/// ```
pub fn diff(before: &Doc, after: &Doc, ty: Option<TypeRef<'_>>) -> Diff {
    diff_nodes(before.root(), after.root(), ty)
}

fn diff_nodes<'a>(before: Node<'a>, after: Node<'a>, ty: Option<TypeRef<'a>>) -> Diff {
    let mut walk = Walk::new(Mode::Versions, before, after);
    walk.pair(before, after, ty);
    let change = |d: Difference<'_>| FieldChange {
        path: d.path,
        before: d.desired.map(Node::to_value),
        after: d.live.map(Node::to_value),
    };
    walk.finish().into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SchemaSet;
    use proptest::prelude::*;
    use serde_json::json;

    fn doc(value: &Value) -> Doc {
        Doc::from_value(value).unwrap()
    }

    fn check(kind: (&str, &str, &str), before: Value, after: Value, expect: &[&str]) {
        let schemas = SchemaSet::bundled();
        let ty = schemas.kind(kind.0, kind.1, kind.2).map(|k| k.root());
        let found = diff(&doc(&before), &doc(&after), ty);
        let text = |c: &FieldChange| {
            let side = |v: &Option<Value>| v.as_ref().map_or("-".to_owned(), Value::to_string);
            format!("{} {} {}", c.path, side(&c.before), side(&c.after))
        };
        assert_eq!(found.changes().iter().map(text).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let deployment = ("apps", "v1", "Deployment");
        let with = |limits: Value| json!({"spec":{"template":{"spec":{"containers":[{"name":"a","resources":{"limits":limits}}]}}}});
        check(
            deployment,
            with(json!({"cpu":"1","memory":"1Gi"})),
            with(json!({"cpu":"1000m","memory":"1024Mi"})),
            &[],
        );
        check(deployment, with(json!({"cpu":1})), with(json!({"cpu":"1"})), &[]);
        check(deployment, json!({"spec":{"paused":null}}), json!({"spec":{}}), &[]);
        check(
            ("", "v1", "Secret"),
            json!({"data":{"a":"YWJj\nZGVm"}}),
            json!({"data":{"a":"YWJjZGVm"}}),
            &[],
        );
    }

    #[test]
    fn lists_are_told_apart_as_the_schema_says() {
        let pod = ("", "v1", "Pod");
        let env = |list: Value| json!({"spec":{"containers":[{"name":"a","env":list,"args":["x"]}]}});
        check(
            pod,
            env(json!([{"name":"A","value":"1"},{"name":"B"}])),
            env(json!([{"name":"B"},{"name":"A","value":"2"}])),
            &[r#".spec.containers[name="a"].env[name="A"].value "1" "2""#],
        );
        let args = |list: Value| json!({"spec":{"containers":[{"name":"a","args":list}]}});
        check(
            pod,
            args(json!(["a", "b"])),
            args(json!(["b", "a"])),
            &[r#".spec.containers[name="a"].args ["a","b"] ["b","a"]"#],
        );
        let finalizers = |list: Value| json!({"metadata":{"finalizers":list}});
        check(
            pod,
            finalizers(json!(["a", "b"])),
            finalizers(json!(["c", "a"])),
            &[r#".metadata.finalizers[="b"] "b" -"#, r#".metadata.finalizers[="c"] - "c""#],
        );
        // Equal keys in one list: no path would tell them apart.
        check(
            pod,
            env(json!([{"name":"A","value":"1"},{"name":"A","value":"2"}])),
            env(json!([{"name":"A","value":"1"}])),
            &[
                r#".spec.containers[name="a"].env [{"name":"A","value":"1"},{"name":"A","value":"2"}] [{"name":"A","value":"1"}]"#,
            ],
        );
    }

    #[test]
    fn without_a_type_lists_are_wholes() {
        check(
            ("x.io", "v1", "Odd"),
            json!({"a":[{"b":1}],"c":{"d":1}}),
            json!({"a":[{"b":2}],"c":{"e":1}}),
            &[r#".a [{"b":1}] [{"b":2}]"#, ".c.d 1 -", ".c.e - 1"],
        );
    }

    /// Pods of few names and values, so that two of them have much in common.
    fn pods() -> impl Strategy<Value = Value> {
        let name = || prop::sample::select(vec!["a", "b", "c"]);
        let text = || prop_oneof![Just(Value::Null), "[xy]".prop_map(Value::from)];
        let env =
            prop::collection::vec((name(), text()).prop_map(|(n, v)| json!({"name":n,"value":v})), 0..4);
        let port = (1..4i64, prop::option::of(prop::sample::select(vec!["TCP", "UDP"])))
            .prop_map(|(p, t)| json!({"containerPort":p,"protocol":t}));
        let container =
            (name(), env, prop::collection::vec(port, 0..4), prop::collection::vec(text(), 0..3), text())
                .prop_map(|(n, e, p, a, i)| json!({"name":n,"env":e,"ports":p,"args":a,"image":i}));
        let labels = prop::collection::btree_map(name(), text(), 0..3);
        let finalizers = prop::collection::vec(name(), 0..3);
        (labels, finalizers, prop::collection::vec(container, 0..3))
            .prop_map(|(l, f, c)| json!({"metadata":{"labels":l,"finalizers":f},"spec":{"containers":c}}))
    }

    proptest! {
        #[test]
        fn a_state_does_not_differ_from_itself(a in pods()) {
            let schemas = SchemaSet::bundled();
            let ty = schemas.kind("", "v1", "Pod").map(|k| k.root());
            prop_assert!(diff(&doc(&a), &doc(&a), ty).is_empty());
            prop_assert!(diff(&doc(&a), &doc(&a), None).is_empty());
        }

        #[test]
        fn a_patch_leads_to_the_other_state_and_its_inverse_back(a in pods(), b in pods(), typed in any::<bool>()) {
            let schemas = SchemaSet::bundled();
            let ty = schemas.kind("", "v1", "Pod").map(|k| k.root()).filter(|_| typed);
            let (a, b) = (doc(&a), doc(&b));
            let found = diff(&a, &b, ty);
            let patched = found.patch(&a, ty).unwrap();
            prop_assert!(diff(&patched, &b, ty).is_empty(), "{found:?}");
            let back = found.invert().patch(&patched, ty).unwrap();
            prop_assert!(diff(&back, &a, ty).is_empty(), "{found:?}");
        }

        #[test]
        fn no_difference_is_lost(a in pods(), b in pods()) {
            // The oracle: drop nulls, then compare as plain JSON. Without a type the walk must agree exactly.
            fn bare(v: &Value) -> Value {
                match v {
                    Value::Object(m) => m.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), bare(v))).collect(),
                    Value::Array(l) => l.iter().map(bare).collect(),
                    v => v.clone(),
                }
            }
            prop_assert_eq!(diff(&doc(&a), &doc(&b), None).is_empty(), bare(&a) == bare(&b));
        }
    }
}
