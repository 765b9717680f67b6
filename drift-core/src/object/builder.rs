//! Building documents value by value.

use super::{Doc, Kind, Node, Slot};

/// Deepest nesting that is taken: what is built must be readable again as JSON, which is read 127 levels deep, and
/// inside an event, which adds a few. Real objects stay below half of it.
const MAX_DEPTH: usize = 120;

/// A document that cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nested deeper than 120 levels.
    #[error("nested deeper than 120 levels")]
    TooDeep,
    /// A number that is infinite or none at all, which JSON cannot say.
    #[error("holds a number that is not finite")]
    NotFinite,
    /// Larger than 4 GiB of text.
    #[error("larger than 4 GiB")]
    TooLarge,
    /// A list or map was left open, closed twice, or nothing was put in at all.
    #[error("not one whole value")]
    Unbalanced,
}

/// Builds a [`Doc`] from values in document order.
///
/// In a map every value is preceded by [`DocBuilder::key`]; keys may come in any order, the last of equal ones wins.
///
/// # Example
/// ```
/// use drift_core::DocBuilder;
/// let mut b = DocBuilder::default();
/// b.begin_map();
/// b.key("kind");
/// b.str("Pod");
/// b.end();
/// assert_eq!(b.finish().unwrap().to_json(), r#"{"kind":"Pod"}"#);
/// ```
#[derive(Debug, Default)]
pub struct DocBuilder {
    slots: Vec<Slot>,
    heap: String,
    open: Vec<u32>,
    key: (u32, u32),
    error: Option<BuildError>,
    /// Used by `sort` only; kept so that a document needs one.
    scratch: Vec<Slot>,
}

impl DocBuilder {
    /// Makes a builder with room for a document of about so many bytes of JSON.
    pub fn with_capacity(json: usize) -> Self {
        Self {
            slots: Vec::with_capacity(json / 24 + 1),
            heap: String::with_capacity(json / 2),
            ..Self::default()
        }
    }

    fn intern(&mut self, text: &str) -> (u32, u32) {
        let (at, len) = (u32::try_from(self.heap.len()), u32::try_from(text.len()));
        match (at, len) {
            (Ok(at), Ok(len)) if at.checked_add(len).is_some() => {
                self.heap.push_str(text);
                (at, len)
            }
            _ => {
                self.error = Some(BuildError::TooLarge);
                (0, 0)
            }
        }
    }

    fn put(&mut self, kind: Kind, data: u64) {
        if let Some(&parent) = self.open.last() {
            self.slots[parent as usize].data += 1;
        } else if !self.slots.is_empty() {
            self.error = Some(BuildError::Unbalanced);
        }
        let key = std::mem::take(&mut self.key);
        self.slots.push(Slot { key, span: 1, kind, data });
    }

    /// Names the value that comes next.
    pub fn key(&mut self, key: &str) {
        self.key = self.intern(key);
    }

    /// Puts `null`.
    pub fn null(&mut self) {
        self.put(Kind::Null, 0);
    }

    /// Puts a boolean.
    pub fn bool(&mut self, value: bool) {
        self.put(Kind::Bool, u64::from(value));
    }

    /// Puts an integer.
    pub fn int(&mut self, value: i64) {
        self.put(Kind::Int, value.cast_unsigned());
    }

    /// Puts a number; a whole one below 2⁵³ becomes an integer.
    pub fn float(&mut self, value: f64) {
        if !value.is_finite() {
            self.error = Some(BuildError::NotFinite);
        }
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            self.int(value as i64);
        } else {
            self.put(Kind::Float, value.to_bits());
        }
    }

    /// Puts a string.
    pub fn str(&mut self, value: &str) {
        let (at, len) = self.intern(value);
        self.put(Kind::Str, u64::from(at) << 32 | u64::from(len));
    }

    /// Opens a list.
    pub fn begin_list(&mut self) {
        self.begin(Kind::List);
    }

    /// Opens a map.
    pub fn begin_map(&mut self) {
        self.begin(Kind::Map);
    }

    fn begin(&mut self, kind: Kind) {
        let at = self.slots.len();
        self.put(kind, 0);
        if self.open.len() >= MAX_DEPTH {
            self.error = Some(BuildError::TooDeep);
        }
        self.open.push(at as u32);
    }

    /// Closes the list or map opened last.
    pub fn end(&mut self) {
        let Some(at) = self.open.pop() else {
            self.error = Some(BuildError::Unbalanced);
            return;
        };
        if self.slots[at as usize].kind == Kind::Map {
            self.sort(at as usize);
        }
        match u32::try_from(self.slots.len()) {
            Ok(len) => self.slots[at as usize].span = len - at,
            Err(_) => self.error = Some(BuildError::TooLarge),
        }
    }

    /// Puts the entries of a closed map in order. Spans are relative, so subtrees move as they are.
    fn sort(&mut self, at: usize) {
        let key = |s: &Slot| &self.heap[s.key.0 as usize..(s.key.0 + s.key.1) as usize];
        let mut next = at + 1;
        let mut last: Option<&str> = None;
        let mut sorted = true;
        while next < self.slots.len() {
            let slot = &self.slots[next];
            sorted &= last.is_none_or(|l| l < key(slot));
            last = Some(key(slot));
            next += slot.span as usize;
        }
        if sorted {
            return;
        }
        let mut entries = Vec::with_capacity(self.slots[at].data as usize);
        let mut next = at + 1;
        while next < self.slots.len() {
            entries.push(next);
            next += self.slots[next].span as usize;
        }
        entries.sort_by(|a, b| key(&self.slots[*a]).cmp(key(&self.slots[*b])));
        self.scratch.clear();
        let mut count = 0;
        for (i, &entry) in entries.iter().enumerate() {
            let again = entries.get(i + 1).is_some_and(|n| key(&self.slots[*n]) == key(&self.slots[entry]));
            if !again {
                self.scratch.extend_from_slice(&self.slots[entry..entry + self.slots[entry].span as usize]);
                count += 1;
            }
        }
        self.slots.truncate(at + 1);
        self.slots.extend_from_slice(&self.scratch);
        self.slots[at].data = count;
    }

    /// Puts a copy of a value of another document.
    pub fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Null => self.null(),
            Kind::Bool | Kind::Int | Kind::Float => self.put(node.kind(), node.slot().data),
            Kind::Str => self.str(node.as_str().unwrap_or_default()),
            Kind::List => {
                self.begin_list();
                node.children().for_each(|n| self.node(n));
                self.end();
            }
            Kind::Map => {
                self.begin_map();
                for child in node.children() {
                    self.key(child.key());
                    self.node(child);
                }
                self.end();
            }
        }
    }

    /// Puts a `serde_json` tree.
    ///
    /// # Errors
    /// When it is nested too deeply, before the stack runs out.
    pub fn value(&mut self, value: &serde_json::Value) -> Result<(), BuildError> {
        use serde_json::Value;
        match value {
            Value::Null => self.null(),
            Value::Bool(b) => self.bool(*b),
            Value::Number(n) => match n.as_i64() {
                Some(i) => self.int(i),
                None => self.float(n.as_f64().unwrap_or(f64::MAX)),
            },
            Value::String(s) => self.str(s),
            Value::Array(list) => {
                self.begin_list();
                self.check()?;
                list.iter().try_for_each(|v| self.value(v))?;
                self.end();
            }
            Value::Object(map) => {
                self.begin_map();
                self.check()?;
                for (key, v) in map {
                    self.key(key);
                    self.value(v)?;
                }
                self.end();
            }
        }
        Ok(())
    }

    /// Checks early whether what was put in so far can still become a document.
    ///
    /// # Errors
    /// What [`DocBuilder::finish`] would say.
    pub fn check(&self) -> Result<(), BuildError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Returns the document.
    ///
    /// # Errors
    /// When it is nested too deeply, too large, or not one whole value.
    pub fn finish(self) -> Result<Doc, BuildError> {
        self.check()?;
        if self.slots.is_empty() || !self.open.is_empty() {
            return Err(BuildError::Unbalanced);
        }
        Ok(Doc { slots: self.slots.into_boxed_slice(), heap: self.heap.into_boxed_str() })
    }
}
