//! Values as they were before admission replaced them, noted in the object by what did.

use crate::k8s::managers;
use crate::object::{Node, Object};
use crate::ownership::OwnerView;
use crate::path::FieldPath;

/// Shortest text that stands for nothing else: addresses of images and repositories are longer.
const SHORTEST: usize = 6;

/// Returns `true` if an annotation that nobody declares, and that no person wrote, holds a declared value as the original one:
/// `example.com/original-image-main: ghcr.io/shop/web:1`.
pub(super) fn is_noted_as_original(
    desired: Node<'_>,
    (declared, object): (&Object, &Object),
    managed: &OwnerView<'_>,
) -> bool {
    let Some(text) = desired.as_str().filter(|t| t.len() >= SHORTEST) else { return false };
    let is_original = |key: &str| {
        key.split_once('/').is_some_and(|(_, name)| name.to_ascii_lowercase().contains("original"))
    };
    let by_hand = |key: &str| {
        let path = FieldPath::of(&["metadata", "annotations", key]);
        managed.owners(&path).any(|e| managers::is_by_hand(e.manager))
    };
    let notes = object.root().at(&["metadata", "annotations"]).into_iter().flat_map(Node::children);
    notes
        .filter(|n| n.as_str() == Some(text) && is_original(n.key()))
        .any(|n| declared.annotation(n.key()).is_none() && !by_hand(n.key()))
}
