//! YAML as kubectl reads it, with the position of every field.
//!
//! kubectl reads YAML with go-yaml v2 through `sigs.k8s.io/yaml`, that is by the rules of YAML 1.1: `yes`, `on` and `n`
//! are booleans, also as keys; `0777` is 511; of two equal keys the later wins; a merge (`<<`) overwrites what stands
//! before it. A reader with other rules sees drift where there is none. JSON is read as JSON.
//!
//! # Example
//! ```
//! use drift_sources::yaml;
//! let documents = yaml::read(b"a: on\n---\nb: 010\n");
//! assert_eq!(documents[0].as_ref().unwrap().doc.to_json(), r#"{"a":true}"#);
//! assert_eq!(documents[1].as_ref().unwrap().doc.to_json(), r#"{"b":8}"#);
//! ```

mod expand;
pub(crate) mod json;
mod positions;
mod scalar;
mod text;
mod tree;

use std::borrow::Cow;

use drift_core::Doc;

pub(crate) use positions::ListIndexes;
pub use positions::{Position, Positions};

/// Deepest nesting that is read, aliases expanded: what JSON is read to.
const MAX_DEPTH: usize = 127;
/// Most quoted scalars of a document that may be indented too little: each makes the document be parsed again.
const MAX_INDENTED: usize = 32;

/// One document of a file, or one item of a list in it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Content of the document.
    pub doc: Doc,
    /// Positions of its fields in the file.
    pub positions: Positions,
    /// Where the document begins in the file.
    pub position: Position,
    /// Keys that stand more than once in one map, at the place of each later one: the last value counts, and strict readers refuse
    /// the document. Not known of JSON.
    pub repeated_keys: Vec<(Position, String)>,
}

/// A document that cannot be read, and where reading it stopped.
///
/// The message never contains a value of the document, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct YamlError {
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong with the document.
    pub kind: ErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Neither YAML nor JSON.
    #[error("{0}")]
    Syntax(String),
    /// Bytes that are not text.
    #[error("not valid {0}")]
    Encoding(&'static str),
    /// A character that YAML does not allow.
    #[error("control character U+{0:04X} is not allowed")]
    Character(u32),
    /// A key that is null, a list, a map or too large a number.
    #[error("a map key must be a string, a number or a boolean")]
    Key,
    /// A tag that the scalar does not fit.
    #[error("the value does not fit its tag {tag}")]
    Tag {
        /// The tag, such as `!!int`.
        tag: &'static str,
    },
    /// `.inf` or `.nan`, which JSON cannot represent.
    #[error("infinity and NaN have no JSON form; quote it if it is meant as text")]
    NotFinite,
    /// A merge of something other than a map.
    #[error("a merge (`<<`) takes a map or a list of maps")]
    Merge,
    /// An alias without an anchor.
    #[error("an alias names an anchor that is not defined before it")]
    Alias,
    /// An anchor whose value contains itself.
    #[error("an anchor's value contains itself")]
    SelfReference,
    /// Aliases that multiply the document.
    #[error("aliases make the document grow too large")]
    Bomb,
    /// Nesting that no object has.
    #[error("nested deeper than 127 levels")]
    TooDeep,
    /// A document that follows `...` without a line `---` before it.
    #[error("a document without `---` before it: kubectl leaves it out without a word")]
    Unseparated,
    /// Larger than the supported size.
    #[error("too large a document")]
    TooLarge,
}

impl YamlError {
    fn at(position: Position, kind: ErrorKind) -> Self {
        Self { line: position.line, column: position.column, kind }
    }
}

/// Reads all documents of a file, YAML or JSON, lists of objects item by item.
///
/// Empty documents are left out. A document that cannot be read is an error among the others, which stay readable.
/// Memory and time are in proportion to the file, whatever its aliases say.
pub fn read(bytes: &[u8]) -> Vec<Result<Document, YamlError>> {
    let mut out = Vec::new();
    let bytes = match text::decode_text(bytes) {
        Ok(bytes) => bytes,
        Err(e) => return vec![Err(e)],
    };
    for part in text::split_documents(&bytes) {
        match part.text() {
            Ok(text) => read_part(part, text, &mut out),
            Err(e) => out.push(Err(e)),
        }
    }
    out
}

fn read_part(part: text::Part<'_>, text: &str, out: &mut Vec<Result<Document, YamlError>>) {
    let first = out.len();
    // kubectl, too, takes what begins with a brace for JSON first and for YAML only if it is not.
    let mut broken = None;
    if text.trim_ascii_start().starts_with('{') {
        match json::read_documents(text, part.line, out) {
            Ok(()) => return,
            Err(e) => broken = Some(e),
        }
    }
    let read_as_json = out.split_off(first);
    read_yaml(part, text, out);
    if let Some(error) = broken
        && out[first..].iter().any(Result::is_err)
    {
        out.truncate(first);
        out.extend(read_as_json);
        out.push(Err(error));
    }
}

fn read_yaml(part: text::Part<'_>, text: &str, out: &mut Vec<Result<Document, YamlError>>) {
    if let Err(e) = part.check_characters(text) {
        return out.push(Err(e));
    }
    let (first, limit) = (out.len(), text.len() / 8 + 4096);
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_INDENTED {
        let Some(line) = read_trees(part, &text, out) else { return };
        out.truncate(first);
        text = Cow::Owned(text::indent_quoted(&text, line, limit));
    }
    read_trees(part, &text, out);
}

/// Reads the documents of a text; returns the line that must be indented further for it to be parsed, if there is one.
fn read_trees(part: text::Part<'_>, text: &str, out: &mut Vec<Result<Document, YamlError>>) -> Option<usize> {
    let mut trees = tree::YamlTrees::new(text, part.line);
    let mut is_first = true;
    while let Some(tree) = trees.next() {
        match tree {
            Ok(tree) if tree.is_empty() => {}
            Ok(tree) if !is_first => out.push(Err(YamlError::at(tree.position(0), ErrorKind::Unseparated))),
            Ok(tree) => expand::Expander::new(&tree, text.len()).expand_documents(out),
            Err(e) => out.push(Err(e)),
        }
        if trees.shallow_line().is_some() {
            return trees.shallow_line();
        }
        is_first = false;
    }
    None
}
