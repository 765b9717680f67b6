//! Filling a [`SchemaSet`] from the sources of schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::graph::TypeGraph;
use super::{ConversionStrategy, Entry, SchemaSet, Scope, crd, openapi};
use crate::object::{DecodeError, Object};

/// A source of schemas that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Not JSON, or nested too deeply to read.
    #[error("the schema document cannot be decoded")]
    Decode(#[source] DecodeError),
    /// Neither an OpenAPI v3 document nor a CustomResourceDefinition.
    #[error("not {expected}: `{field}` is missing or wrong")]
    Unsupported {
        /// What was expected.
        expected: &'static str,
        /// The field that tells.
        field: &'static str,
    },
    /// A schema that has no meaning.
    #[error("the schema of `{of}` is broken: {problem}")]
    Malformed {
        /// Kind or type the schema is of.
        of: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Larger than anything real: protects from documents made to exhaust memory.
    #[error("the schema document has more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: usize,
    },
}

/// Builds a [`SchemaSet`]; what comes later wins over what came earlier for the same group, version and kind.
///
/// # Example
/// ```
/// use drift_core::schema::SchemaSetBuilder;
/// let mut builder = SchemaSetBuilder::default();
/// assert!(builder.openapi_v3(b"{}").is_err());
/// assert_eq!(builder.build().kinds().count(), 0);
/// ```
#[derive(Default)]
pub struct SchemaSetBuilder {
    /// By group, kind and version.
    entries: BTreeMap<EntryKey, Entry>,
    bare: bool,
}

type EntryKey = (Arc<str>, Arc<str>, Arc<str>);

/// A kind as a source names it.
pub(super) struct Named {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) scope: Scope,
    pub(super) conversion: ConversionStrategy,
    pub(super) root: u32,
}

impl SchemaSetBuilder {
    /// Makes a builder that takes documents at their word, without the table of what they leave out.
    ///
    /// For the program that makes the bundled table.
    pub fn bare() -> Self {
        Self { bare: true, ..Self::default() }
    }

    /// Adds the kinds of one OpenAPI v3 document of a cluster, such as `/openapi/v3/apis/apps/v1` gives.
    ///
    /// Built-in types get the defaults that the API server applies and OpenAPI does not state.
    ///
    /// # Errors
    /// When the document is not OpenAPI v3, refers to types in circles that never arrive, or is too large; nothing
    /// is added then.
    pub fn openapi_v3(&mut self, document: &[u8]) -> Result<&mut Self, SchemaError> {
        let (graph, kinds) = openapi::read(document, self.bare)?;
        self.add(graph, kinds);
        Ok(self)
    }

    /// Adds the kinds of a CustomResourceDefinition, one for each served version.
    ///
    /// # Errors
    /// When the object is no CustomResourceDefinition or one of its schemas cannot be read; nothing is added then.
    pub fn crd(&mut self, definition: &Object) -> Result<&mut Self, SchemaError> {
        let (graph, kinds) = crd::read(definition)?;
        self.add(graph, kinds);
        Ok(self)
    }

    pub(super) fn add(&mut self, graph: TypeGraph, kinds: Vec<Named>) {
        let graph = Arc::new(graph.seal());
        for named in kinds {
            let entry = Entry {
                group: named.group.into(),
                kind: named.kind.into(),
                version: named.version.into(),
                plural: named.plural.into(),
                scope: named.scope,
                conversion: named.conversion,
                graph: Arc::clone(&graph),
                root: named.root,
            };
            let key = (Arc::clone(&entry.group), Arc::clone(&entry.kind), Arc::clone(&entry.version));
            self.entries.insert(key, entry);
        }
    }

    /// Returns the set.
    pub fn build(self) -> SchemaSet {
        SchemaSet { entries: self.entries.into_values().collect() }
    }
}

impl std::fmt::Debug for SchemaSetBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}
