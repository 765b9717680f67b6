//! What a request of the audit log shows about one field.

use drift_core::{FieldPath, Kind, Node, PathElement, Scalar};

use super::entry::{AuditEntry, AuditVerb, is_whole};

/// What a request shows about one field at the moment when it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldEvidence<'a> {
    /// Nothing.
    Nothing,
    /// The field may have been written: the request does not show which element of a list was meant, or whether a list
    /// was replaced.
    Possible,
    /// The field was written, but its new value is not in the request.
    Written,
    /// The field is absent.
    Absent,
    /// The field has this value.
    Value(Node<'a>),
}

impl<'a> FieldEvidence<'a> {
    /// Returns what the response shows, or else the request.
    pub(super) fn from_response(entry: &'a AuditEntry, path: &FieldPath) -> Self {
        let response = entry.response.as_deref().map(|d| d.root());
        match response {
            Some(object) if is_whole(&entry.target.subresource) => from_object(object, path),
            Some(scale) if &*entry.target.subresource == "scale" => from_scale(scale, path),
            _ => Self::from_request(entry, path),
        }
    }

    /// Returns what the request asked for; that includes a field of a whole object that is merely sent back unchanged.
    pub(super) fn from_request(entry: &'a AuditEntry, path: &FieldPath) -> Self {
        let Some(request) = entry.request.as_deref().map(|d| d.root()) else { return Self::Nothing };
        match &*entry.target.subresource {
            "scale" => from_scale(request, path),
            "binding" if path.starts_with_fields(&["spec", "nodeName"]) => {
                request.at(&["target", "name"]).map_or(Self::Nothing, Self::Value)
            }
            "status" if !path.starts_with_fields(&["status"]) => Self::Nothing,
            sub if !is_whole(sub) => Self::Nothing,
            _ if request.kind() == Kind::List => from_json_patch(request, path),
            _ if entry.verb == AuditVerb::Patch => from_merge_patch(request, path.elements()),
            _ => from_object(request, path),
        }
    }
}

/// A Scale has the replicas of the object that it belongs to.
fn from_scale<'a>(scale: Node<'a>, path: &FieldPath) -> FieldEvidence<'a> {
    if path != &FieldPath::of(&["spec", "replicas"]) {
        return FieldEvidence::Nothing;
    }
    if scale.kind() == Kind::List {
        return from_json_patch(scale, path);
    }
    // Zero replicas are left out.
    scale.get("spec").map_or(FieldEvidence::Nothing, |spec| {
        spec.get("replicas").map_or(FieldEvidence::Written, FieldEvidence::Value)
    })
}

/// Looks a field up in an object.
fn from_object<'a>(node: Node<'a>, path: &FieldPath) -> FieldEvidence<'a> {
    node.at_path(path).filter(|n| !n.is_null()).map_or(FieldEvidence::Absent, FieldEvidence::Value)
}

/// Looks a field up in a merge patch, a strategic merge patch or an applied manifest: what it leaves out it does not tell.
fn from_merge_patch<'a>(mut node: Node<'a>, path: &[PathElement]) -> FieldEvidence<'a> {
    for element in path {
        match node.at_path(&vec![element.clone()].into()) {
            Some(child) if child.is_null() || child.str_at(&["$patch"]) == Some("delete") => {
                return FieldEvidence::Absent;
            }
            Some(child) => node = child,
            None => return left_out(node, element),
        }
    }
    FieldEvidence::Value(node)
}

/// Returns what it means that a patch omits a field.
fn left_out<'a>(node: Node<'a>, element: &PathElement) -> FieldEvidence<'a> {
    let replaces = |n: Node<'_>| n.str_at(&["$patch"]) == Some("replace");
    match element {
        _ if replaces(node) || node.kind() == Kind::List && node.children().any(replaces) => {
            FieldEvidence::Absent
        }
        PathElement::Field(name) if node.get(&format!("$deleteFromPrimitiveList/{name}")).is_some() => {
            FieldEvidence::Written
        }
        // A JSON merge patch replaces the list, a strategic one adds to it, and the log does not say which it was.
        PathElement::Key(_) | PathElement::Value(_) if node.kind() == Kind::List => FieldEvidence::Possible,
        _ => FieldEvidence::Nothing,
    }
}

/// Follows the operations of a JSON patch.
fn from_json_patch<'a>(operations: Node<'a>, path: &FieldPath) -> FieldEvidence<'a> {
    operations.children().fold(FieldEvidence::Nothing, |sofar, operation| {
        match from_json_patch_operation(operation, path.elements()) {
            FieldEvidence::Nothing => sofar,
            evidence => evidence,
        }
    })
}

fn from_json_patch_operation<'a>(operation: Node<'a>, path: &[PathElement]) -> FieldEvidence<'a> {
    let name = operation.str_at(&["op"]).unwrap_or_default();
    let pointer = operation.str_at(&["path"]).unwrap_or_default();
    if !matches!(name, "add" | "replace" | "remove" | "move" | "copy") {
        return FieldEvidence::Nothing;
    }
    let parts: Vec<String> =
        pointer.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let mut is_exact = true;
    for (part, element) in parts.iter().zip(path) {
        match element {
            PathElement::Field(field) if **field == **part => {}
            PathElement::Index(i) if *part == i.to_string() => {}
            PathElement::Field(_) | PathElement::Index(_) => return FieldEvidence::Nothing,
            // A pointer counts elements, a path names them: which one it is only the object could tell.
            _ => is_exact = false,
        }
    }
    let value = operation.get("value").filter(|_| matches!(name, "add" | "replace"));
    match (parts.len().checked_sub(1).and_then(|last| path.get(last)), value) {
        // It writes a part of the field.
        _ if parts.len() > path.len() => {
            if is_exact {
                FieldEvidence::Written
            } else {
                FieldEvidence::Possible
            }
        }
        (_, Some(value)) if is_exact => from_object(value, &path[parts.len()..].to_vec().into()),
        _ if is_exact => {
            if name == "remove" {
                FieldEvidence::Absent
            } else {
                FieldEvidence::Written
            }
        }
        // A whole element that is put in says itself which one it is.
        (Some(PathElement::Key(fields)), Some(value)) if path[..parts.len() - 1].iter().all(is_plain) => {
            match fields.iter().all(|(k, v)| value.get(k).is_none_or(|n| equals_scalar(n, v))) {
                true => from_object(value, &path[parts.len()..].to_vec().into()),
                false => FieldEvidence::Nothing,
            }
        }
        _ => FieldEvidence::Possible,
    }
}

fn is_plain(element: &PathElement) -> bool {
    matches!(element, PathElement::Field(_) | PathElement::Index(_))
}

fn equals_scalar(node: Node<'_>, value: &Scalar) -> bool {
    Scalar::from_value(&node.to_value()).as_ref() == Some(value)
}

#[cfg(test)]
mod tests {
    use drift_core::Doc;
    use serde_json::{Value, json};

    use super::*;

    fn check(
        evidence: impl for<'a> Fn(Node<'a>, &FieldPath) -> FieldEvidence<'a>,
        body: Value,
        path: &str,
        expect: &str,
    ) {
        let doc = Doc::from_value(&body).unwrap();
        let got = match evidence(doc.root(), &FieldPath::parse(path).unwrap()) {
            FieldEvidence::Value(node) => node.to_value().to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expect, "{body} {path}");
    }

    #[test]
    fn a_merge_patch_tells_what_it_names() {
        let check = |body, path, expect| check(|n, p| from_merge_patch(n, p.elements()), body, path, expect);
        check(json!({"spec":{"replicas":5}}), "spec.replicas", "5");
        check(json!({"spec":{"replicas":null}}), "spec.replicas", "Absent");
        check(json!({"spec":{}}), "spec.replicas", "Nothing");
        check(json!({"ports":[{"port":81}]}), "ports[port=80,protocol=TCP]", "Possible");
        let env = json!({"c":[{"name":"a","env":[{"name":"X","$patch":"delete"},{"name":"Y","value":"1"}]}]});
        check(env.clone(), "c[name=a].env[name=X]", "Absent");
        check(env.clone(), "c[name=a].env[name=X].value", "Absent");
        check(env.clone(), "c[name=a].env[name=Y].value", "\"1\"");
        check(env, "c[name=b].image", "Possible");
        check(json!({"ports":[{"port":80}]}), "ports[port=80,protocol=TCP].port", "80");
        check(json!({"a":{"$patch":"replace","x":1}}), "a.y", "Absent");
    }

    #[test]
    fn a_json_patch_tells_what_its_last_operation_on_the_field_did() {
        let check = |body, path, expect| check(from_json_patch, body, path, expect);
        check(json!([{"op":"add","path":"/data","value":{"a":"1"}}]), "data.a", "\"1\"");
        check(json!([{"op":"add","path":"/data","value":{"a":"1"}}]), "data.b", "Absent");
        check(
            json!([{"op":"replace","path":"/data/a","value":"1"},{"op":"remove","path":"/data/a"}]),
            "data.a",
            "Absent",
        );
        check(json!([{"op":"test","path":"/data/a","value":"1"}]), "data.a", "Nothing");
        check(json!([{"op":"replace","path":"/c/0/image","value":"x"}]), "c[name=a].image", "Possible");
        let add = json!([{"op":"add","path":"/c/-","value":{"name":"b","image":"x"}}]);
        check(add.clone(), "c[name=b].image", "\"x\"");
        check(add, "c[name=a].image", "Nothing");
        check(json!([{"op":"remove","path":"/c/0"}]), "c[name=a]", "Possible");
        check(json!([{"op":"add","path":"/data/a/b","value":1}]), "data.a", "Written");
        check(json!([{"op":"replace","path":"/l/a~1b","value":"x"}]), r#"l["a/b"]"#, "\"x\"");
    }
}
