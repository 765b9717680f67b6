//! What a request tells of one field.

use drift_core::{FieldPath, Kind, Node, PathElement, Scalar};

use super::entry::{AuditEntry, AuditVerb, is_whole};

/// What a request tells of one field as it was when the request was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// Nothing.
    Nothing,
    /// It may have been written: which element of a list was meant, or whether a list was replaced, cannot be told.
    Perhaps,
    /// It was written, but what is there now cannot be told.
    Touched,
    /// It is not there.
    Absent,
    /// It has this value.
    Value(Node<'a>),
}

/// Returns what the answer tells, or else the request.
pub(super) fn told<'a>(entry: &'a AuditEntry, path: &FieldPath) -> Told<'a> {
    let response = entry.response.as_deref().map(|d| d.root());
    match response {
        Some(object) if is_whole(&entry.target.subresource) => whole(object, path),
        Some(scale) if &*entry.target.subresource == "scale" => scaled(scale, path),
        _ => asked(entry, path),
    }
}

/// Returns what was asked for; a field that is merely sent back unchanged in a whole object is told too.
pub(super) fn asked<'a>(entry: &'a AuditEntry, path: &FieldPath) -> Told<'a> {
    let Some(request) = entry.request.as_deref().map(|d| d.root()) else { return Told::Nothing };
    match &*entry.target.subresource {
        "scale" => scaled(request, path),
        "binding" if path.starts_with_fields(&["spec", "nodeName"]) => {
            request.at(&["target", "name"]).map_or(Told::Nothing, Told::Value)
        }
        "status" if !path.starts_with_fields(&["status"]) => Told::Nothing,
        sub if !is_whole(sub) => Told::Nothing,
        _ if request.kind() == Kind::List => patched(request, path),
        _ if entry.verb == AuditVerb::Patch => merged(request, path.elements()),
        _ => whole(request, path),
    }
}

/// A Scale has the replicas of the object that it belongs to.
fn scaled<'a>(scale: Node<'a>, path: &FieldPath) -> Told<'a> {
    if path != &FieldPath::of(&["spec", "replicas"]) {
        return Told::Nothing;
    }
    if scale.kind() == Kind::List {
        return patched(scale, path);
    }
    // Zero replicas are left out.
    scale.get("spec").map_or(Told::Nothing, |spec| spec.get("replicas").map_or(Told::Touched, Told::Value))
}

/// Looks a field up in an object.
fn whole<'a>(node: Node<'a>, path: &FieldPath) -> Told<'a> {
    node.at_path(path).filter(|n| !n.is_null()).map_or(Told::Absent, Told::Value)
}

/// Looks a field up in a merge patch, a strategic merge patch or an applied manifest: what it leaves out it does not tell.
fn merged<'a>(mut node: Node<'a>, path: &[PathElement]) -> Told<'a> {
    for element in path {
        match node.at_path(&vec![element.clone()].into()) {
            Some(child) if child.is_null() || child.str_at(&["$patch"]) == Some("delete") => {
                return Told::Absent;
            }
            Some(child) => node = child,
            None => return left_out(node, element),
        }
    }
    Told::Value(node)
}

/// Tells what it means that a patch leaves a field out.
fn left_out<'a>(node: Node<'a>, element: &PathElement) -> Told<'a> {
    let replaces = |n: Node<'_>| n.str_at(&["$patch"]) == Some("replace");
    match element {
        _ if replaces(node) || node.kind() == Kind::List && node.children().any(replaces) => Told::Absent,
        PathElement::Field(name) if node.get(&format!("$deleteFromPrimitiveList/{name}")).is_some() => {
            Told::Touched
        }
        // A JSON merge patch replaces the list, a strategic one adds to it, and the log does not say which it was.
        PathElement::Key(_) | PathElement::Value(_) if node.kind() == Kind::List => Told::Perhaps,
        _ => Told::Nothing,
    }
}

/// Follows the operations of a JSON patch.
fn patched<'a>(operations: Node<'a>, path: &FieldPath) -> Told<'a> {
    operations.children().fold(Told::Nothing, |sofar, operation| {
        match operation_on(operation, path.elements()) {
            Told::Nothing => sofar,
            told => told,
        }
    })
}

fn operation_on<'a>(operation: Node<'a>, path: &[PathElement]) -> Told<'a> {
    let name = operation.str_at(&["op"]).unwrap_or_default();
    let pointer = operation.str_at(&["path"]).unwrap_or_default();
    if !matches!(name, "add" | "replace" | "remove" | "move" | "copy") {
        return Told::Nothing;
    }
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let mut is_exact = true;
    for (part, element) in parts.iter().zip(path) {
        match element {
            PathElement::Field(field) if **field == **part => {}
            PathElement::Index(i) if *part == i.to_string() => {}
            PathElement::Field(_) | PathElement::Index(_) => return Told::Nothing,
            // A pointer counts elements, a path names them: which one it is only the object could tell.
            _ => is_exact = false,
        }
    }
    let value = operation.get("value").filter(|_| matches!(name, "add" | "replace"));
    match (parts.len().checked_sub(1).and_then(|last| path.get(last)), value) {
        // It writes a part of the field.
        _ if parts.len() > path.len() => {
            if is_exact {
                Told::Touched
            } else {
                Told::Perhaps
            }
        }
        (_, Some(value)) if is_exact => whole(value, &path[parts.len()..].to_vec().into()),
        _ if is_exact => {
            if name == "remove" {
                Told::Absent
            } else {
                Told::Touched
            }
        }
        // A whole element that is put in says itself which one it is.
        (Some(PathElement::Key(fields)), Some(value)) if path[..parts.len() - 1].iter().all(is_plain) => {
            match fields.iter().all(|(k, v)| value.get(k).is_none_or(|n| is(n, v))) {
                true => whole(value, &path[parts.len()..].to_vec().into()),
                false => Told::Nothing,
            }
        }
        _ => Told::Perhaps,
    }
}

fn is_plain(element: &PathElement) -> bool {
    matches!(element, PathElement::Field(_) | PathElement::Index(_))
}

fn is(node: Node<'_>, value: &Scalar) -> bool {
    Scalar::from_value(&node.to_value()).as_ref() == Some(value)
}

#[cfg(test)]
mod tests {
    use drift_core::Doc;
    use serde_json::{Value, json};

    use super::*;

    fn check(told: impl for<'a> Fn(Node<'a>, &FieldPath) -> Told<'a>, body: Value, path: &str, expect: &str) {
        let doc = Doc::from_value(&body).unwrap();
        let got = match told(doc.root(), &FieldPath::parse(path).unwrap()) {
            Told::Value(node) => node.to_value().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expect, "{body} {path}");
    }

    #[test]
    fn a_merge_patch_tells_what_it_names() {
        let check = |body, path, expect| check(|n, p| merged(n, p.elements()), body, path, expect);
        check(json!({"spec":{"replicas":5}}), "spec.replicas", "5");
        check(json!({"spec":{"replicas":null}}), "spec.replicas", "Absent");
        check(json!({"spec":{}}), "spec.replicas", "Nothing");
        check(json!({"ports":[{"port":81}]}), "ports[port=80,protocol=TCP]", "Perhaps");
        let env = json!({"c":[{"name":"a","env":[{"name":"X","$patch":"delete"},{"name":"Y","value":"1"}]}]});
        check(env.clone(), "c[name=a].env[name=X]", "Absent");
        check(env.clone(), "c[name=a].env[name=X].value", "Absent");
        check(env.clone(), "c[name=a].env[name=Y].value", "\"1\"");
        check(env, "c[name=b].image", "Perhaps");
        check(json!({"ports":[{"port":80}]}), "ports[port=80,protocol=TCP].port", "80");
        check(json!({"a":{"$patch":"replace","x":1}}), "a.y", "Absent");
    }

    #[test]
    fn a_json_patch_tells_what_its_last_operation_on_the_field_did() {
        let check = |body, path, expect| check(patched, body, path, expect);
        check(json!([{"op":"add","path":"/data","value":{"a":"1"}}]), "data.a", "\"1\"");
        check(json!([{"op":"add","path":"/data","value":{"a":"1"}}]), "data.b", "Absent");
        check(
            json!([{"op":"replace","path":"/data/a","value":"1"},{"op":"remove","path":"/data/a"}]),
            "data.a",
            "Absent",
        );
        check(json!([{"op":"test","path":"/data/a","value":"1"}]), "data.a", "Nothing");
        check(json!([{"op":"replace","path":"/c/0/image","value":"x"}]), "c[name=a].image", "Perhaps");
        let add = json!([{"op":"add","path":"/c/-","value":{"name":"b","image":"x"}}]);
        check(add.clone(), "c[name=b].image", "\"x\"");
        check(add, "c[name=a].image", "Nothing");
        check(json!([{"op":"remove","path":"/c/0"}]), "c[name=a]", "Perhaps");
        check(json!([{"op":"add","path":"/data/a/b","value":1}]), "data.a", "Touched");
        check(json!([{"op":"replace","path":"/l/a~1b","value":"x"}]), r#"l["a/b"]"#, "\"x\"");
    }
}
