//! Which objects an admission webhook looks at.
//!
//! After `staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/predicates` of `kubernetes/kubernetes`.

use crate::k8s::selector::Selector;
use crate::object::{Node, Object};

/// Returns `true` if one of the webhooks of a configuration looks at an object, by its selectors alone.
///
/// Rules and match conditions are not asked. A configuration without webhooks is taken to look at everything.
pub fn webhook_selects(config: Option<&Object>, namespace: Option<&Object>, object: &Object) -> bool {
    let labels = namespace.and_then(|n| n.root().at(&["metadata", "labels"]));
    let hooks = config.and_then(|o| o.root().get("webhooks")).into_iter().flat_map(Node::children);
    let mut hooks = hooks.peekable();
    let fits = |h: Node<'_>, field: &str, labels: Option<Node<'_>>| {
        h.get(field).and_then(Selector::read).is_none_or(|s| s.is_empty() || s.matches(labels))
    };
    hooks.peek().is_none()
        || hooks.any(|h| {
            fits(h, "namespaceSelector", labels)
                && fits(h, "objectSelector", object.root().at(&["metadata", "labels"]))
        })
}
