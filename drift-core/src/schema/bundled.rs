//! The built-in kinds that the crate ships.
//!
//! To make the table anew, with the OpenAPI documents of a cluster (one file for each group and version) and the Go
//! module `k8s.io/api` of the same release:
//! `cargo run -p drift-examples --bin generate-schemas -- --openapi DIR --go DIR --out drift-core/data/kubernetes.txt`

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::build::SchemaSetBuilder;
use super::{SchemaSet, defaults, openapi, table};

const TABLE: &str = include_str!("../../data/kubernetes.txt");

/// What is known of built-in types by their OpenAPI names.
pub(super) struct BuiltIn {
    omitted: HashMap<&'static str, Vec<&'static str>>,
}

impl BuiltIn {
    /// Returns the fields of a type of which the API server drops the zero value, sorted; `None` for a type that is
    /// not built in.
    pub(super) fn omitted(&self, name: &str) -> Option<&[&'static str]> {
        self.omitted.get(name).map(Vec::as_slice)
    }
}

/// Returns what is known of built-in types.
pub(super) fn types() -> &'static BuiltIn {
    static TYPES: OnceLock<BuiltIn> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut omitted: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut before_first = Vec::new();
        let mut fields = &mut before_first;
        for line in TABLE.lines().skip(1) {
            let word = line.split(' ').next().unwrap_or_default();
            match line.strip_prefix("type ") {
                Some(head) => fields = omitted.entry(head.split(' ').next().unwrap_or_default()).or_default(),
                None => fields.extend(word.strip_suffix('?')),
            }
        }
        BuiltIn { omitted }
    })
}

/// Returns the set of built-in kinds.
pub(super) fn set() -> Arc<SchemaSet> {
    static SET: OnceLock<Arc<SchemaSet>> = OnceLock::new();
    Arc::clone(SET.get_or_init(|| Arc::new(decode())))
}

fn decode() -> SchemaSet {
    let (mut graph, kinds) = table::read(TABLE).expect("a test reads the table that is compiled in");
    let names = graph.names();
    defaults::apply(&mut graph, &names);
    let roots: Vec<u32> = kinds.iter().map(|k| k.root).collect();
    openapi::status_is_allocated(&mut graph, &roots);
    let mut builder = SchemaSetBuilder::default();
    builder.add(graph, kinds);
    builder.build()
}
