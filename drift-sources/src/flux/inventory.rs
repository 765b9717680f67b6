//! Ids of resources in inventories.

use std::fmt;

use drift_core::ResourceKey;

/// The id of a resource in an inventory: `<namespace>_<name>_<group>_<kind>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InventoryId(ResourceKey);

/// A text that is not an inventory id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid inventory id `{0}`; expected NAMESPACE_NAME_GROUP_KIND")]
pub struct InventoryError(pub String);

impl InventoryId {
    /// Parses the text form. `:` in names of RBAC objects is written `__`.
    ///
    /// # Errors
    /// When a part is missing, or kind or name is empty.
    pub fn parse(text: &str) -> Result<Self, InventoryError> {
        let parts = || {
            let (namespace, rest) = text.split_once('_')?;
            let (rest, kind) = rest.rsplit_once('_')?;
            let (name, group) = rest.rsplit_once('_')?;
            (!kind.is_empty() && !name.is_empty())
                .then(|| ResourceKey::new(group, kind, namespace, &name.replace("__", ":")))
        };
        parts().map(Self).ok_or_else(|| InventoryError(text.chars().take(200).collect()))
    }

    /// Returns the key of the resource.
    pub fn key(&self) -> &ResourceKey {
        &self.0
    }
}

impl fmt::Display for InventoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.0;
        write!(f, "{}_{}_{}_{}", key.namespace, key.name.replace(':', "__"), key.group, key.kind)
    }
}
