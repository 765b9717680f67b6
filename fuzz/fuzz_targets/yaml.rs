//! Any bytes are documents or errors; a document has its places in the text and reads the same as JSON.
#![no_main]

use drift_core::{FieldPath, Kind, Node, PathElement};
use drift_sources::yaml::{self, Positions};
use libfuzzer_sys::fuzz_target;

/// Every value has a place of its own, within the lines of the text.
fn visit(
    root: Node<'_>,
    node: Node<'_>,
    path: &FieldPath,
    positions: &Positions,
    lines: u32,
    budget: &mut u32,
) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    let at = positions.locate(root, path).expect("a document has a place");
    assert!(at.line >= 1 && at.line <= lines && at.column >= 1, "{at:?} of {lines}");
    for (i, child) in node.children().enumerate() {
        let element = match node.kind() {
            Kind::Map => PathElement::Field(child.key().into()),
            _ => PathElement::Index(i),
        };
        visit(root, child, &path.child(element), positions, lines, budget);
    }
}

fuzz_target!(|data: &[u8]| {
    // CR, NEL and the like may count as line breaks, too.
    let lines = data.len() as u32 + 1;
    for document in yaml::read(data) {
        let document = match document {
            Ok(document) => document,
            Err(e) => {
                assert!(e.line >= 1 && e.line <= lines + 1 && e.column >= 1, "{e}");
                continue;
            }
        };
        let root = document.doc.root();
        visit(root, root, &FieldPath::ROOT, &document.positions, lines, &mut 500);
        // Lists are read item by item, so they do not come back in one piece.
        if root.kind() == Kind::Map && root.get("items").is_none() {
            let again = yaml::read(document.doc.to_json().as_bytes());
            assert_eq!(again.len(), 1);
            assert_eq!(again[0].as_ref().expect("JSON is read").doc, document.doc);
        }
    }
});
