//! From the document as it was written to the object it means: aliases and merges expanded, keys sorted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use drift_core::{Doc, DocBuilder};

use super::positions::PathHash;
use super::scalar::{Value, as_integer};
use super::tree::{NodeContent, YamlTree};
use super::{Document, ErrorKind, MAX_DEPTH, Position, Positions, YamlError};

/// Values that a document may grow to through aliases, however few it was written with.
const NODES: usize = 1_000_000;
/// Text that a document may grow to through aliases, beyond what was written.
const TEXT: usize = 16 << 20;

/// Makes objects of a tree.
pub(super) struct Expander<'t, 'a> {
    tree: &'t YamlTree<'a>,
    builder: DocBuilder,
    places: Vec<(PathHash, Position)>,
    /// Entries of the maps being put out, the innermost last.
    pairs: Vec<MapEntry<'t>>,
    repeated: BTreeMap<Position, String>,
    nodes_left: usize,
    text_left: usize,
}

/// A key and the place of its value.
struct MapEntry<'t> {
    key: Cow<'t, str>,
    key_position: Position,
    value: EntryValue<'t>,
    /// The map that it stands in; `None` for what a list says for all its items.
    of_map: Option<u32>,
}

#[derive(Clone, Copy)]
enum EntryValue<'t> {
    At(u32),
    /// A field that the list says for all its items.
    Given(&'t str),
}

/// What the items of a list share.
struct ListHead<'t> {
    api_version: &'t str,
    /// Kind of the items; empty for a plain `List`.
    kind: &'t str,
    items: u32,
}

impl<'t, 'a> Expander<'t, 'a> {
    /// Takes a tree written in so many bytes.
    pub(super) fn new(tree: &'t YamlTree<'a>, written: usize) -> Self {
        Self {
            tree,
            builder: DocBuilder::default(),
            places: Vec::new(),
            pairs: Vec::new(),
            repeated: BTreeMap::new(),
            nodes_left: NODES.max(tree.entries.len() * 2),
            text_left: TEXT + written * 2,
        }
    }

    /// Returns the document, or the items of a list as documents of their own.
    pub(super) fn expand_documents(&mut self, out: &mut Vec<Result<Document, YamlError>>) {
        self.expand_list(0, &[], out, 0);
    }

    fn expand_list(
        &mut self,
        at: u32,
        given: &[(&'static str, &'t str)],
        out: &mut Vec<Result<Document, YamlError>>,
        depth: usize,
    ) {
        let head = match self.list_head(at) {
            Ok(head) => head,
            Err(e) => return out.push(Err(e)),
        };
        let Some(head) = head.filter(|_| depth < MAX_DEPTH) else {
            return out.push(self.build_document(at, given));
        };
        let both = [("apiVersion", head.api_version), ("kind", head.kind)];
        let given = if head.kind.is_empty() { &[] } else { &both[..] };
        let items: Vec<u32> = self.tree.children(self.tree.alias_target(head.items)).collect();
        for item in items {
            self.expand_list(item, given, out, depth + 1);
        }
    }

    /// Returns what the items share if the value is a list of objects: its kind ends in `List`, and it has `items`.
    fn list_head(&mut self, at: u32) -> Result<Option<ListHead<'t>>, YamlError> {
        let top = self.tree.alias_target(at);
        if !matches!(self.tree.content_of(top), NodeContent::Map) {
            return Ok(None);
        }
        self.gather_entries(top, 0)?;
        let (tree, pairs) = (self.tree, std::mem::take(&mut self.pairs));
        let last = |key: &str| match pairs.iter().rfind(|p| p.key == key)?.value {
            EntryValue::At(at) => Some(tree.alias_target(at)),
            EntryValue::Given(_) => None,
        };
        let text = |key| match tree.content_of(last(key)?) {
            NodeContent::Scalar(Value::Str(text)) => Some(&**text),
            _ => None,
        };
        let items = last("items").filter(|at| matches!(tree.content_of(*at), NodeContent::List));
        Ok(text("kind").and_then(|k| k.strip_suffix("List")).zip(items).map(|(kind, items)| ListHead {
            api_version: text("apiVersion").unwrap_or_default(),
            kind,
            items,
        }))
    }

    fn build_document(&mut self, at: u32, given: &[(&'static str, &'t str)]) -> Result<Document, YamlError> {
        self.builder = DocBuilder::default();
        self.pairs.clear();
        self.repeated.clear();
        let position = self.tree.position(at);
        let top = self.tree.alias_target(at);
        if matches!(self.tree.content_of(top), NodeContent::Map) {
            self.spend_budget(0, position)?;
            self.places.push((PathHash::ROOT, position));
            // What the item says itself comes later and so wins.
            let given = given.iter().map(|(key, text)| MapEntry {
                key: Cow::Borrowed(*key),
                key_position: position,
                value: EntryValue::Given(text),
                of_map: None,
            });
            self.put_map(top, PathHash::ROOT, 0, given)?;
        } else {
            self.put_value(at, position, PathHash::ROOT, 0)?;
        }
        let doc = self.finish_document(position)?;
        let positions = Positions::new(std::mem::take(&mut self.places));
        let repeated_keys = std::mem::take(&mut self.repeated).into_iter().collect();
        Ok(Document { doc, positions, position, repeated_keys })
    }

    fn finish_document(&mut self, position: Position) -> Result<Doc, YamlError> {
        let builder = std::mem::take(&mut self.builder);
        builder.finish().map_err(|_| YamlError::at(position, ErrorKind::TooLarge))
    }

    fn spend_budget(&mut self, text: usize, position: Position) -> Result<(), YamlError> {
        match (self.nodes_left.checked_sub(1), self.text_left.checked_sub(text)) {
            (Some(nodes), Some(text)) => {
                (self.nodes_left, self.text_left) = (nodes, text);
                Ok(())
            }
            _ => Err(YamlError::at(position, ErrorKind::Bomb)),
        }
    }

    fn put_value(
        &mut self,
        at: u32,
        position: Position,
        path: PathHash,
        depth: usize,
    ) -> Result<(), YamlError> {
        let own = self.tree.position(at);
        self.spend_budget(0, own)?;
        if depth >= MAX_DEPTH {
            return Err(YamlError::at(own, ErrorKind::TooDeep));
        }
        self.places.push((path, position));
        let at = self.tree.alias_target(at);
        match self.tree.content_of(at) {
            NodeContent::Scalar(value) => self.put_scalar(value, own),
            NodeContent::Merge => self.put_scalar(&Value::Str(Cow::Borrowed("<<")), own),
            NodeContent::List => {
                self.builder.begin_list();
                let tree = self.tree;
                for (index, child) in tree.children(at).enumerate() {
                    self.put_value(child, tree.position(child), path.with_index(index), depth + 1)?;
                }
                self.builder.end();
                Ok(())
            }
            NodeContent::Map => self.put_map(at, path, depth, std::iter::empty()),
            // An anchor cannot stand on an alias, so one step always ends at a value.
            NodeContent::Alias(_) => Err(YamlError::at(own, ErrorKind::Alias)),
        }
    }

    fn put_scalar(&mut self, value: &Value<'_>, position: Position) -> Result<(), YamlError> {
        match value {
            Value::Null => self.builder.null(),
            Value::Bool(b) => self.builder.bool(*b),
            Value::Int(i) => self.builder.int(*i),
            Value::Uint(u) => self.builder.float(*u as f64),
            Value::Float(f) if !f.is_finite() => return Err(YamlError::at(position, ErrorKind::NotFinite)),
            Value::Float(f) => match as_integer(*f) {
                Some(i) => self.builder.int(i),
                None => self.builder.float(*f),
            },
            Value::Str(text) => {
                self.spend_budget(text.len(), position)?;
                self.builder.str(text);
            }
        }
        Ok(())
    }

    fn put_map(
        &mut self,
        at: u32,
        path: PathHash,
        depth: usize,
        given: impl Iterator<Item = MapEntry<'t>>,
    ) -> Result<(), YamlError> {
        let first = self.pairs.len();
        self.pairs.extend(given);
        self.gather_entries(at, depth)?;
        // Stable: of equal keys the one that was put in last stays last, and wins.
        self.pairs[first..].sort_by(|a, b| a.key.cmp(&b.key));
        self.builder.begin_map();
        for i in first..self.pairs.len() {
            if let Some(next) = self.pairs.get(i + 1)
                && next.key == self.pairs[i].key
            {
                // What a merge brings may be overwritten; what stands twice in one map is a mistake.
                if next.of_map.is_some() && next.of_map == self.pairs[i].of_map {
                    self.repeated.insert(next.key_position, next.key.to_string());
                }
                continue;
            }
            let MapEntry { key, key_position, value, .. } = &mut self.pairs[i];
            let (key, key_position, value) = (std::mem::take(key), *key_position, *value);
            self.spend_budget(key.len(), key_position)?;
            self.builder.key(&key);
            match value {
                EntryValue::At(at) => {
                    self.put_value(at, self.shown_at(at, key_position), path.with_field(&key), depth + 1)?;
                }
                EntryValue::Given(text) => self.builder.str(text),
            }
        }
        self.pairs.truncate(first);
        self.builder.end();
        Ok(())
    }

    /// A list or a map is looked for where its key stands, a scalar where its text stands.
    fn shown_at(&self, at: u32, key: Position) -> Position {
        match self.tree.content_of(at) {
            NodeContent::List | NodeContent::Map => key,
            _ => self.tree.position(at),
        }
    }

    /// Collects the entries of a map in the order in which they overwrite each other.
    ///
    /// go-yaml v2 applies a merge where it stands: it overwrites what comes before it.
    fn gather_entries(&mut self, at: u32, depth: usize) -> Result<(), YamlError> {
        if depth >= MAX_DEPTH {
            return Err(YamlError::at(self.tree.position(at), ErrorKind::TooDeep));
        }
        let tree = self.tree;
        let mut children = tree.children(at);
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            let key_position = tree.position(key);
            self.spend_budget(0, key_position)?;
            let key = match tree.content_of(tree.alias_target(key)) {
                NodeContent::Merge if matches!(tree.content_of(key), NodeContent::Merge) => {
                    self.gather_merged(value, depth + 1)?;
                    continue;
                }
                NodeContent::Merge => Cow::Borrowed("<<"),
                NodeContent::Scalar(scalar) => scalar.as_key().map_err(|k| YamlError::at(key_position, k))?,
                _ => return Err(YamlError::at(key_position, ErrorKind::Key)),
            };
            self.pairs.push(MapEntry { key, key_position, value: EntryValue::At(value), of_map: Some(at) });
        }
        Ok(())
    }

    fn gather_merged(&mut self, value: u32, depth: usize) -> Result<(), YamlError> {
        let tree = self.tree;
        let wrong = |at| YamlError::at(tree.position(at), ErrorKind::Merge);
        let one = |at: u32| match tree.content_of(tree.alias_target(at)) {
            NodeContent::Map => Ok(tree.alias_target(at)),
            _ => Err(wrong(at)),
        };
        match tree.content_of(value) {
            // Earlier maps of the list win, so they are put in last.
            NodeContent::List => {
                let maps: Vec<u32> = tree.children(value).map(one).collect::<Result<_, _>>()?;
                maps.iter().rev().try_for_each(|map| self.gather_entries(*map, depth))
            }
            _ => self.gather_entries(one(value)?, depth),
        }
    }
}
