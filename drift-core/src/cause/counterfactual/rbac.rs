//! Does a role allow what was refused?

use crate::object::{Node, Object};

use super::super::Investigation;
use super::{Counterfactual, CounterfactualVerdict};
use crate::fault::{Fault, FaultKind};
use crate::history::Change;

/// A request that was refused.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    user: String,
    verb: String,
    resource: String,
    group: String,
    name: Option<String>,
}

/// Reads `… is forbidden: User "U" cannot VERB resource "R" in API group "G" …`.
fn request(message: &str) -> Option<Request> {
    let (head, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once('"')?;
    let (_, rest) = rest.split_once("cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let group = rest.split_once("API group \"").and_then(|(_, r)| r.split_once('"')).map_or("", |(g, _)| g);
    // `deployments.apps "web" is forbidden`
    let name = head.rsplit('"').nth(1).filter(|n| !n.is_empty() && !n.contains(' '));
    Some(Request {
        user: user.to_owned(),
        verb: verb.trim().to_owned(),
        resource: resource.to_owned(),
        group: group.to_owned(),
        name: name.map(str::to_owned),
    })
}

/// Tells whether rules of a role allow a verb on a resource of a group; `resource` may name a subresource after a slash.
pub fn allows(rules: Node<'_>, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
    let has = |rule: Node<'_>, field: &str, want: &str| {
        rule.get(field).into_iter().flat_map(Node::children).filter_map(Node::as_str).any(|v| {
            v == "*"
                || v == want
                || (field == "resources"
                    && v.strip_prefix("*/")
                        .is_some_and(|s| want.split_once('/').is_some_and(|(_, w)| w == s)))
        })
    };
    rules.children().any(|rule| {
        let names: Vec<_> =
            rule.get("resourceNames").into_iter().flat_map(Node::children).filter_map(Node::as_str).collect();
        has(rule, "verbs", verb)
            && has(rule, "apiGroups", group)
            && has(rule, "resources", resource)
            && (names.is_empty() || name.is_some_and(|n| names.contains(&n)))
    })
}

fn rules_allow(object: Option<&Object>, r: &Request) -> bool {
    object
        .and_then(|o| o.root().get("rules"))
        .is_some_and(|rules| allows(rules, &r.verb, &r.group, &r.resource, r.name.as_deref()))
}

/// Is the user among the subjects of a binding?
fn binds(object: Option<&Object>, user: &str) -> bool {
    let subjects = object.and_then(|o| o.root().get("subjects")).into_iter().flat_map(Node::children);
    subjects.into_iter().any(|s| {
        let get = |f: &str| s.str_at(&[f]).unwrap_or_default();
        match get("kind") {
            "ServiceAccount" => user == format!("system:serviceaccount:{}:{}", get("namespace"), get("name")),
            "User" => user == get("name"),
            "Group" => get("name") == "system:serviceaccounts" && user.starts_with("system:serviceaccount:"),
            _ => false,
        }
    })
}

pub(super) fn prove(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let Some(request) = request(&fault.message) else {
        return lost(fault, change);
    };
    let text = format!("whether {} may {} {}", request.user, request.verb, request.resource);
    if change.key.kind.ends_with("Role") {
        let (was, is) =
            (rules_allow(change.before.as_deref(), &request), rules_allow(change.after.as_deref(), &request));
        return Counterfactual::new(CounterfactualVerdict::of(was, is), text);
    }
    let role_allows = |o: Option<&Object>| {
        let Some(o) = o else { return false };
        case.graph.ever_from(&change.key).iter().filter(|e| e.to.kind.ends_with("Role")).any(|e| {
            o.root().str_at(&["roleRef", "name"]) == Some(&*e.to.name)
                && rules_allow(case.history.last(e.to).map(|r| &**r), &request)
        })
    };
    let may = |o: Option<&Object>| binds(o, &request.user) && role_allows(o);
    let (was, is) = (may(change.before.as_deref()), may(change.after.as_deref()));
    Counterfactual::new(CounterfactualVerdict::of(was, is), text)
}

/// Without a refused request there is only this: a change that takes no permission away breaks nothing.
fn lost(fault: &Fault, change: &Change) -> Counterfactual {
    let count = |o: Option<&Object>| -> usize {
        let Some(o) = o else { return 0 };
        let rules = o.root().get("rules").into_iter().flat_map(Node::children);
        let size = |r: Node<'_>| {
            ["verbs", "resources", "apiGroups"]
                .iter()
                .map(|f| r.get(f).map_or(0, Node::len))
                .product::<usize>()
        };
        rules.map(size).sum::<usize>() + o.root().get("subjects").map_or(0, Node::len)
    };
    if change.before.is_none() {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "a new role or binding takes no permission away",
        );
    }
    let parts = |o: Option<&Object>| {
        o.and_then(|o| o.root().get("rules").or_else(|| o.root().get("subjects"))).map(Node::to_doc)
    };
    if parts(change.before.as_deref()) == parts(change.after.as_deref()) {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it takes no permission away");
    }
    let stands_still =
        matches!(fault.kind, FaultKind::Stuck | FaultKind::SyncFailed | FaultKind::Terminating);
    if stands_still && count(change.after.as_deref()) < count(change.before.as_deref()) {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            "it takes permissions away from the controller that stands still",
        );
    }
    Counterfactual::undecided()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::json;

    #[test]
    fn a_refused_request_is_read() {
        let text = r#"widgets.example.com "a" is forbidden: User "system:serviceaccount:ops:op" cannot update resource "widgets/status" in API group "example.com" in the namespace "x""#;
        let got = request(text).unwrap();
        assert_eq!(
            (got.verb.as_str(), got.resource.as_str(), got.group.as_str()),
            ("update", "widgets/status", "example.com")
        );
        assert_eq!(got.name.as_deref(), Some("a"));
    }

    #[test]
    fn rules_allow_as_the_authorizer_does() {
        let rules = Doc::from_value(&json!([
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]},
            {"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*"]},
            {"verbs": ["update"], "apiGroups": [""], "resources": ["*/status"], "resourceNames": ["one"]}
        ]))
        .unwrap();
        let check = |verb: &str, group: &str, resource: &str, name: Option<&str>, expect: bool| {
            assert_eq!(
                allows(rules.root(), verb, group, resource, name),
                expect,
                "{verb} {group} {resource}"
            );
        };
        check("get", "", "pods", None, true);
        check("delete", "", "pods", None, false);
        check("get", "apps", "pods", None, true);
        check("delete", "apps", "deployments", Some("x"), true);
        check("update", "", "pods/status", Some("one"), true);
        check("update", "", "pods/status", Some("two"), false);
        check("update", "", "pods/status", None, false);
    }
}
