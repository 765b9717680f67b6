//! Fields of `metadata`, by who writes them.
//!
//! From `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go` (`ObjectMeta`): the fields that are not "Populated by
//! the system. Read-only." and that an update may change.

/// Fields of `metadata` that people and tools write with effect; the server writes or fixes all others.
pub const WRITABLE_METADATA: [&str; 4] = ["annotations", "finalizers", "labels", "ownerReferences"];
