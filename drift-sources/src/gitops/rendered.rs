//! The objects that a program or a file declares.

use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::DeclarationError;

use crate::manifests::{ManifestReader, ProblemKind};

/// What an app declares, or why that is not known.
pub(super) type Rendered = Result<Arc<Vec<Arc<Object>>>, DeclarationError>;

/// Reads the output of a program, or a file that must contain nothing but objects.
pub(super) fn objects_of(name: &str, bytes: &[u8]) -> Result<Vec<Arc<Object>>, String> {
    let mut reader = ManifestReader::new();
    reader.add_file(name, bytes);
    let manifests = reader.finish();
    let broken = manifests
        .problems
        .iter()
        .find(|p| p.kind.is_error() || matches!(p.kind, ProblemKind::NotManifest(_)));
    match broken {
        Some(problem) => Err(problem.to_string()),
        None => Ok(manifests.declared.into_iter().map(|d| Arc::new(d.object)).collect()),
    }
}
