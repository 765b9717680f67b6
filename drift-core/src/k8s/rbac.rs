//! Whether a role allows a request, decided offline as the API server's RBAC authorizer decides it.
//!
//! After `pkg/apis/rbac/v1/evaluation_helpers.go` (`VerbMatches`, `APIGroupMatches`, `ResourceMatches`,
//! `ResourceNameMatches`) and `plugin/pkg/auth/authorizer/rbac/rbac.go` of `kubernetes/kubernetes`.
//!
//! # Example
//!
//! ```
//! use drift_core::Object;
//! use drift_core::k8s::rbac::{AccessRequest, role_allows};
//!
//! let role = Object::from_json(br#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role",
//!     "metadata":{"name":"reader","namespace":"shop"},
//!     "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}"#).unwrap();
//! let refused = r#"pods "web-0" is forbidden: User "ann" cannot delete resource "pods" in API group "" in the namespace "shop""#;
//! let request = AccessRequest::from_refusal(refused).unwrap();
//! assert_eq!(request.verb, "delete");
//! assert!(!role_allows(Some(&role), &request));
//! ```

use crate::key::ResourceKey;
use crate::object::{Node, Object};

/// A request that the authorizer was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// Name of the user, such as `system:serviceaccount:ops:operator`.
    pub user: String,
    /// Verb, such as `update`.
    pub verb: String,
    /// Plural of the kind, with the subresource after a slash: `widgets/status`.
    pub resource: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Name of the object, where the text names one.
    pub name: Option<String>,
    /// Namespace of the request, where the text names one.
    pub namespace: Option<String>,
}

impl AccessRequest {
    /// Reads the text of a refusal: `… is forbidden: User "U" cannot VERB resource "R" in API group "G" …`.
    pub fn from_refusal(message: &str) -> Option<Self> {
        let (head, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once("cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let group =
            rest.split_once("API group \"").and_then(|(_, r)| r.split_once('"')).map_or("", |(g, _)| g);
        // `deployments.apps "web" is forbidden`
        let name = head.rsplit('"').nth(1).filter(|n| !n.is_empty() && !n.contains(' '));
        Some(Self {
            user: user.to_owned(),
            verb: verb.trim().to_owned(),
            resource: resource.to_owned(),
            group: group.to_owned(),
            name: name.map(str::to_owned),
            namespace: rest
                .split_once("in the namespace \"")
                .and_then(|(_, r)| r.split_once('"'))
                .map(|(namespace, _)| namespace.to_owned()),
        })
    }

    /// Returns `true` unless a binding is one of a namespace and the request is one in another.
    pub fn may_be_allowed_in(&self, binding: &ResourceKey) -> bool {
        binding.namespace.is_empty() || self.namespace.as_deref().is_none_or(|n| n == &*binding.namespace)
    }
}

/// Returns `true` if the rules of a role allow a verb on a resource of a group.
///
/// `resource` may name a subresource after a slash. For example `resources: ["*/status"]` allows `pods/status`, and
/// `resourceNames` allow only requests that name one of them: `list` names none.
pub fn rules_allow(rules: Node<'_>, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
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

/// Returns `true` if a Role or ClusterRole allows a request; no role allows nothing.
pub fn role_allows(object: Option<&Object>, r: &AccessRequest) -> bool {
    object
        .and_then(|o| o.root().get("rules"))
        .is_some_and(|rules| rules_allow(rules, &r.verb, &r.group, &r.resource, r.name.as_deref()))
}

/// Returns `true` if a user is among the subjects of a RoleBinding or ClusterRoleBinding.
///
/// Of groups only `system:serviceaccounts` is known: which others a user is in is written in no object.
pub fn binding_has_user(object: Option<&Object>, user: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Doc;
    use serde_json::json;

    #[test]
    fn a_refused_request_is_read() {
        let text = r#"widgets.example.com "a" is forbidden: User "system:serviceaccount:ops:op" cannot update resource "widgets/status" in API group "example.com" in the namespace "x""#;
        let got = AccessRequest::from_refusal(text).unwrap();
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
                rules_allow(rules.root(), verb, group, resource, name),
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
