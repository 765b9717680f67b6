//! JSON Schemas of a chart's values, which Helm completes over the network.

use drift_core::{Doc, Kind, Node};

use super::commit_files::CommitFiles;

/// Name of the schema of a chart's values.
const SCHEMA_FILE: &str = "values.schema.json";

/// Returns `true` if Helm might fetch a part of a schema while it checks the values of a chart: one of its schemas refers to
/// another document, or one of its packed subcharts could.
///
/// The check changes nothing in what is rendered, so that it can be left out.
pub(super) fn may_fetch(tree: &CommitFiles, folder: &str) -> bool {
    let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let files = tree.files().filter_map(|file| file.strip_prefix(&within).map(|rest| (file, rest)));
    files.into_iter().any(|(file, rest)| {
        let is_schema = rest == SCHEMA_FILE || rest.ends_with(&format!("/{SCHEMA_FILE}"));
        let is_packed = rest.starts_with("charts/") && rest.ends_with(".tgz");
        is_packed || is_schema && !tree.read(file).is_some_and(|bytes| is_self_contained(&bytes))
    })
}

fn is_self_contained(schema: &[u8]) -> bool {
    Doc::from_json(schema).is_ok_and(|doc| is_closed(doc.root()))
}

/// Returns `true` if nothing below a node refers to another document.
fn is_closed(node: Node<'_>) -> bool {
    let refers_elsewhere = |child: &Node<'_>| match (child.key(), child.as_str()) {
        ("$ref" | "$dynamicRef" | "$recursiveRef", Some(target)) => !target.starts_with('#'),
        // Those of the standard are known to every validator.
        ("$schema", Some(schema)) => !["http://", "https://"]
            .iter()
            .any(|s| schema.strip_prefix(s).is_some_and(|s| s.starts_with("json-schema.org/draft"))),
        _ => false,
    };
    match node.kind() {
        Kind::Map => !node.children().any(|c| refers_elsewhere(&c)) && node.children().all(is_closed),
        Kind::List => node.children().all(is_closed),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::is_self_contained;

    #[test]
    fn a_schema_that_refers_to_another_document_is_not_self_contained() {
        for (schema, expect) in [
            (
                r##"{"$schema":"https://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/$defs/a"}}}"##,
                true,
            ),
            (r#"{"$schema":"http://json-schema.org/draft/2020-12/schema"}"#, true),
            (r#"{"$schema":"http://127.0.0.1/x"}"#, false),
            (r#"{"allOf":[{"$ref":"https://a.example/s.json"}]}"#, false),
            (r#"{"$id":"http://a.example/","$ref":"s.json"}"#, false),
            (r#"{"\u0024ref":"http\u003a//a.example"}"#, false),
            ("{", false),
        ] {
            assert_eq!(is_self_contained(schema.as_bytes()), expect, "{schema}");
        }
    }
}
