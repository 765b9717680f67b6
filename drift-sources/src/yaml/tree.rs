//! One YAML document as it was written: anchors and aliases not yet expanded, keys in the order of the file.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{
    ErrorKind as ScanErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, options,
};

use super::scalar::{self, Value};
use super::{ErrorKind, MAX_DEPTH, Position, YamlError};

/// The values of a document in the order of the file; a map is its keys and values by turns.
#[derive(Debug, Default)]
pub(super) struct YamlTree<'a> {
    pub(super) entries: Vec<YamlNode<'a>>,
}

/// One value as it was written.
#[derive(Debug)]
pub(super) struct YamlNode<'a> {
    pub(super) content: NodeContent<'a>,
    /// Place behind this value and all below it.
    pub(super) end: u32,
    pub(super) position: Position,
}

/// What a value was written as.
#[derive(Debug)]
pub(super) enum NodeContent<'a> {
    Scalar(Value<'a>),
    /// An unquoted `<<`: as a key it merges the value into the map, as a value it is a string.
    Merge,
    List,
    Map,
    /// The place of the value that the alias stands for.
    Alias(u32),
}

/// Reads the documents of one part of a file.
pub(super) struct YamlTrees<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Lines of the file before the part.
    skipped: u32,
    /// Line of the part that goes on with a quoted scalar too far to the left for YAML 1.2.
    shallow: Option<usize>,
    done: bool,
}

impl<'a> YamlTrees<'a> {
    pub(super) fn new(text: &'a str, line: u32) -> Self {
        let options = options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        Self {
            parser: Parser::new_from_str_with_options(text, options),
            skipped: line - 1,
            shallow: None,
            done: false,
        }
    }

    fn position_of(&self, span: &Span) -> Position {
        let (line, column) = (span.start.line() as u32, span.start.col() as u32);
        Position { line: self.skipped + line, column: column + 1 }
    }

    /// Returns the line of the part, from 1, at which a quoted scalar stopped the parser by its indentation alone.
    pub(super) fn shallow_line(&self) -> Option<usize> {
        self.shallow
    }

    fn scan_error(&mut self, error: &ScanError) -> YamlError {
        if matches!(error.kind(), ScanErrorKind::InvalidQuotedScalarIndent) {
            self.shallow = Some(error.marker().line());
        }
        let (line, column) = (error.marker().line() as u32, error.marker().col() as u32);
        YamlError { line: self.skipped + line, column: column + 1, kind: ErrorKind::Syntax(error.info()) }
    }

    fn next_tree(&mut self) -> Result<Option<YamlTree<'a>>, YamlError> {
        let mut building = Building::default();
        while let Some(event) = self.parser.next_event() {
            let (event, span) = event.map_err(|e| self.scan_error(&e))?;
            let position = self.position_of(&span);
            if matches!(event, Event::DocumentEnd) {
                return Ok(Some(building.tree));
            }
            building.add_event(event, position).map_err(|kind| YamlError::at(position, kind))?;
        }
        Ok(None)
    }
}

impl<'a> Iterator for YamlTrees<'a> {
    type Item = Result<YamlTree<'a>, YamlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let tree = self.next_tree();
        if tree.is_err() {
            self.done = !self.parser.proceed_next_document().unwrap_or(false);
        }
        tree.transpose()
    }
}

#[derive(Default)]
struct Building<'a> {
    tree: YamlTree<'a>,
    open: Vec<u32>,
    anchors: HashMap<usize, u32>,
}

impl<'a> Building<'a> {
    fn add_event(&mut self, event: Event<'a>, position: Position) -> Result<(), ErrorKind> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let content = if text == "<<" && style == ScalarStyle::Plain && tag.is_none() {
                    NodeContent::Merge
                } else {
                    NodeContent::Scalar(scalar::resolve_scalar(text, style, tag.as_ref().map(Cow::as_ref))?)
                };
                self.put_node(content, anchor, position)
            }
            Event::Alias(anchor) => {
                let target = *self.anchors.get(&anchor).ok_or(ErrorKind::Alias)?;
                if self.open.contains(&target) {
                    return Err(ErrorKind::SelfReference);
                }
                self.put_node(NodeContent::Alias(target), 0, position)
            }
            Event::SequenceStart(_, anchor, _) => self.begin_collection(NodeContent::List, anchor, position),
            Event::MappingStart(_, anchor, _) => self.begin_collection(NodeContent::Map, anchor, position),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(at) = self.open.pop() {
                    self.tree.entries[at as usize].end = self.tree.entries.len() as u32;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn put_node(
        &mut self,
        content: NodeContent<'a>,
        anchor: usize,
        position: Position,
    ) -> Result<(), ErrorKind> {
        let at = u32::try_from(self.tree.entries.len()).map_err(|_| ErrorKind::TooLarge)?;
        if anchor != 0 {
            self.anchors.insert(anchor, at);
        }
        self.tree.entries.push(YamlNode { content, end: at + 1, position });
        Ok(())
    }

    fn begin_collection(
        &mut self,
        content: NodeContent<'a>,
        anchor: usize,
        position: Position,
    ) -> Result<(), ErrorKind> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ErrorKind::TooDeep);
        }
        self.open.push(self.tree.entries.len() as u32);
        self.put_node(content, anchor, position)
    }
}

impl<'a> YamlTree<'a> {
    /// Returns the place of the value itself where an alias stands.
    pub(super) fn alias_target(&self, at: u32) -> u32 {
        match self.entries[at as usize].content {
            NodeContent::Alias(target) => target,
            _ => at,
        }
    }

    pub(super) fn content_of(&self, at: u32) -> &NodeContent<'a> {
        &self.entries[at as usize].content
    }

    pub(super) fn position(&self, at: u32) -> Position {
        self.entries[at as usize].position
    }

    /// Returns the places of the values directly below a list or a map.
    pub(super) fn children(&self, at: u32) -> impl Iterator<Item = u32> {
        let end = self.entries[at as usize].end;
        std::iter::successors(Some(at + 1), |next| Some(self.entries.get(*next as usize)?.end))
            .take_while(move |next| *next < end)
    }

    /// Returns `true` if the document is empty: nothing, or `null`.
    pub(super) fn is_empty(&self) -> bool {
        matches!(
            self.entries.first(),
            None | Some(YamlNode { content: NodeContent::Scalar(Value::Null), .. })
        )
    }
}
