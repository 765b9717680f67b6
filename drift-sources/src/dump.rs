//! Dumps: the output of `kubectl get -o json` or `-o yaml`, that is lists, single objects, or several of them in a row.
//!
//! Plain, gzip or zstd, by their content. JSON is decoded item by item, so a large dump takes the memory of its objects
//! and not of its text. A dump that ends early is an error, never a smaller dump.
//!
//! ```
//! use drift_sources::dump::{Dump, DumpOptions};
//!
//! let text = r#"{"apiVersion":"v1","kind":"ConfigMapList","items":[{"metadata":{"name":"a","namespace":"shop"}}]}"#;
//! let dump = Dump::from_stream("configmaps.json", text.as_bytes(), DumpOptions::default())?;
//! let objects = dump.collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(objects[0].key().to_string(), "ConfigMap/shop/a");
//! # Ok::<(), drift_sources::dump::DumpError>(())
//! ```

mod source;
mod split;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;

use drift_core::{DecodeError, Doc, Object, ObjectError};
use serde::Deserialize;

use crate::input::{self, Cut};
use crate::yaml;
pub use source::DumpSource;
use split::{SplitError, Splitter, TextPlace};

/// A dump that cannot be read completely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The file cannot be opened or read.
    #[error("cannot read {file}")]
    Unavailable {
        /// Name of the file.
        file: String,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The file ends early, its compression is damaged, or its text is neither JSON nor YAML.
    #[error("{file}: line {line}, column {column} (byte {byte} decompressed): {problem}")]
    Corrupt {
        /// Name of the file.
        file: String,
        /// Line of the decompressed text, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// Bytes of the decompressed text before that.
        byte: u64,
        /// What is wrong there.
        problem: String,
    },
    /// A value in the file is not a Kubernetes object.
    #[error("{file}: line {line}")]
    NotObject {
        /// Name of the file.
        file: String,
        /// Line of the decompressed text, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: ObjectError,
    },
    /// The file is empty.
    #[error("{file} is empty: neither JSON nor YAML")]
    Empty {
        /// Name of the file.
        file: String,
    },
}

/// Limits on the size of a dump.
#[derive(Clone, Copy, Debug)]
pub struct DumpOptions {
    /// Decompressed bytes of the whole dump.
    pub max_size: u64,
    /// Bytes of one object, or of a dump in YAML.
    pub max_object: usize,
}

impl Default for DumpOptions {
    /// 4 GiB, and 256 MiB for one object: a dump in YAML is held as a whole.
    fn default() -> Self {
        Self { max_size: 4 << 30, max_object: 256 << 20 }
    }
}

/// Iterates over the objects of a dump.
///
/// After an error there are no more items; the objects before it are then not the complete dump.
pub struct Dump {
    file: String,
    splitter: Option<Splitter>,
    state: DumpState,
    ready: VecDeque<Result<Object, DumpError>>,
    max_object: usize,
    is_empty: bool,
}

enum DumpState {
    Start,
    /// Between values at the top level.
    Between,
    /// In the array `items` of a list.
    Items(OpenList),
    /// In an array at the top level, after this many elements.
    Array(u64),
    Done,
}

/// A list whose items are being read.
struct OpenList {
    /// Text of the list without the items.
    head: Vec<u8>,
    start: TextPlace,
    /// `apiVersion` and `kind` for items that have none; the outer `None` until the list has named its kind.
    given: Option<Option<(String, String)>>,
    /// Items that cannot be decoded before the kind is known, with their places.
    held: Vec<(Vec<u8>, TextPlace)>,
    /// Items seen so far.
    seen: u64,
    /// Whether an item was returned.
    any: bool,
}

/// The fields that identify a list.
#[derive(Deserialize)]
struct ListFields<'a> {
    #[serde(rename = "apiVersion", borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dump({})", self.file)
    }
}

impl Dump {
    /// Reads all objects of a file, within the default limits.
    ///
    /// # Errors
    /// When the file cannot be read to its end; then no object is returned.
    pub fn read(path: &Path) -> Result<Vec<Object>, DumpError> {
        Self::open(path, DumpOptions::default())?.collect()
    }

    /// Opens a file to read its objects one by one.
    ///
    /// # Errors
    /// When it cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path, options: DumpOptions) -> Result<Self, DumpError> {
        let file = path.to_string_lossy().into_owned();
        match std::fs::File::open(path) {
            Ok(stream) => Self::from_stream(&file, stream, options),
            Err(source) => Err(DumpError::Unavailable { file, source }),
        }
    }

    /// Reads a stream; `name` is for error messages.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn from_stream(
        name: &str,
        stream: impl Read + Send + 'static,
        options: DumpOptions,
    ) -> Result<Self, DumpError> {
        let input = input::open(stream, options.max_size)
            .map_err(|source| DumpError::Unavailable { file: name.to_owned(), source })?;
        Ok(Self {
            file: name.to_owned(),
            splitter: Some(Splitter::new(input, options.max_object)),
            state: DumpState::Start,
            ready: VecDeque::new(),
            max_object: options.max_object,
            is_empty: true,
        })
    }

    fn corrupt_at(&self, place: TextPlace, problem: impl Into<String>) -> DumpError {
        let TextPlace { byte, line, column } = place;
        DumpError::Corrupt { file: self.file.clone(), line, column, byte, problem: problem.into() }
    }

    fn split_error(&self, place: TextPlace, error: &SplitError) -> DumpError {
        let problem = match error {
            SplitError::Cut(cut) => cut.to_string(),
            SplitError::Unfinished => "the text ends within a value: the file is cut off".to_owned(),
            SplitError::TooLarge(limit) => format!("one object takes more than {limit} bytes"),
            SplitError::Expected(what) => format!("{what} expected"),
        };
        self.corrupt_at(place, problem)
    }

    /// Decodes an object; `given` are `apiVersion` and `kind` from its list.
    fn decode_object(
        &self,
        text: &[u8],
        place: TextPlace,
        given: Option<&(String, String)>,
    ) -> Result<Object, DumpError> {
        let doc = match given {
            None => Doc::from_json(text),
            Some((api_version, kind)) => match std::str::from_utf8(text) {
                Ok(text) => yaml::json::with_given(text, Some((api_version, kind))),
                Err(_) => Err(ObjectError { field: ".", problem: "is not valid UTF-8" }.into()),
            },
        };
        doc.and_then(|doc| Ok(Object::new(doc)?)).map_err(|e| self.decode_error(place, e))
    }

    fn decode_error(&self, place: TextPlace, error: DecodeError) -> DumpError {
        match error {
            DecodeError::Object(source) => {
                DumpError::NotObject { file: self.file.clone(), line: place.line, source }
            }
            DecodeError::Json(e) => {
                let line = place.line + (e.line() as u64).saturating_sub(1);
                let column = e.column() as u64 + if e.line() <= 1 { place.column - 1 } else { 0 };
                self.corrupt_at(TextPlace { line, column, ..place }, yaml::json::error_message(&e))
            }
            e => self.corrupt_at(place, e.to_string()),
        }
    }

    /// Reads on until an object is ready or the dump ends.
    fn advance(&mut self) -> Result<(), DumpError> {
        let Some(mut splitter) = self.splitter.take() else {
            self.state = DumpState::Done;
            return Ok(());
        };
        let place = splitter.text_place();
        let result = match std::mem::replace(&mut self.state, DumpState::Done) {
            DumpState::Start => return self.detect_format(splitter),
            DumpState::Between => self.next_value(&mut splitter),
            DumpState::Items(list) => self.read_item(&mut splitter, list),
            DumpState::Array(seen) => self.read_element(&mut splitter, seen),
            DumpState::Done => Ok(()),
        };
        let end = splitter.text_place();
        self.splitter = Some(splitter);
        result.map_err(|e| match e {
            Failed::Split(e @ SplitError::Expected(_)) => self.split_error(end, &e),
            Failed::Split(e) => self.split_error(if end.byte > place.byte { end } else { place }, &e),
            Failed::Dump(e) => e,
        })
    }

    /// Decides between JSON and YAML by the first character.
    fn detect_format(&mut self, mut splitter: Splitter) -> Result<(), DumpError> {
        let first = splitter.skip_mark().and_then(|()| splitter.peek_byte());
        match first.map_err(|e| self.split_error(splitter.text_place(), &e))? {
            Some(b'{' | b'[') => {
                self.state = DumpState::Between;
                self.splitter = Some(splitter);
                Ok(())
            }
            _ => self.read_yaml(splitter),
        }
    }

    fn read_yaml(&mut self, splitter: Splitter) -> Result<(), DumpError> {
        let place = splitter.text_place();
        let too_large =
            |limit| self.corrupt_at(place, format!("a dump in YAML of more than {limit} bytes; use JSON"));
        if place.byte > self.max_object as u64 {
            return Err(too_large(self.max_object as u64));
        }
        let (mut text, input) = splitter.into_rest();
        let limit = self.max_object as u64;
        // What was taken off was white space: it is put back so that lines and columns are those of the file.
        let lost = (1..place.line).map(|_| b'\n').chain((1..place.column).map(|_| b' '));
        text.splice(0..0, lost);
        let read = input.take(limit.saturating_sub(text.len() as u64) + 1).read_to_end(&mut text);
        read.map_err(|e| self.split_error(place, &SplitError::Cut(Cut::from_error(&e))))?;
        if text.len() as u64 > limit {
            return Err(too_large(limit));
        }
        for document in yaml::read(&text) {
            self.is_empty = false;
            let object = document
                .map_err(|e| {
                    let place = TextPlace { byte: 0, line: e.line.into(), column: e.column.into() };
                    self.corrupt_at(place, e.kind.to_string())
                })
                .and_then(|d| {
                    let (file, line) = (self.file.clone(), d.position.line.into());
                    Object::new(d.doc).map_err(|source| DumpError::NotObject { file, line, source })
                });
            self.ready.push_back(object);
        }
        self.state = DumpState::Done;
        Ok(())
    }

    fn next_value(&mut self, splitter: &mut Splitter) -> Result<(), Failed> {
        let Some(first) = splitter.peek_byte()? else {
            return Ok(());
        };
        self.is_empty = false;
        match first {
            b'{' => self.read_members(splitter, None),
            b'[' => {
                splitter.take();
                self.state = DumpState::Array(0);
                Ok(())
            }
            _ => Err(SplitError::Expected("a JSON object").into()),
        }
    }

    /// Reads an object at the top member by member, up to its items or its end.
    fn read_members(&mut self, splitter: &mut Splitter, list: Option<OpenList>) -> Result<(), Failed> {
        let start = list.as_ref().map_or(splitter.text_place(), |l| l.start);
        let mut list = list;
        let mut head = match &mut list {
            Some(list) => std::mem::take(&mut list.head),
            None => {
                splitter.take();
                vec![b'{']
            }
        };
        loop {
            match splitter.peek_byte()?.ok_or(SplitError::Unfinished)? {
                b'}' => break,
                b',' if head.len() > 1 => {
                    splitter.take();
                    head.push(b',');
                }
                _ if head.len() > 1 => return Err(SplitError::Expected("`,` or `}`").into()),
                _ => {}
            }
            if splitter.peek_byte()? != Some(b'"') {
                return Err(SplitError::Expected("a field name").into());
            }
            let is_items = {
                let key = splitter.take_value()?;
                head.extend_from_slice(key);
                key == b"\"items\""
            };
            if splitter.peek_byte()? != Some(b':') {
                return Err(SplitError::Expected("`:`").into());
            }
            splitter.take();
            head.push(b':');
            if is_items && list.is_some() {
                return Err(SplitError::Expected("only one field `items`").into());
            }
            let may_list = is_items && splitter.peek_byte()? == Some(b'[');
            match may_list.then(|| list_kind_of(&head)) {
                Some(ListKind::No) | None => head.extend_from_slice(splitter.take_value()?),
                Some(named) => {
                    splitter.take();
                    head.extend_from_slice(b"[]");
                    let given = named.given();
                    self.state = DumpState::Items(OpenList {
                        head,
                        start,
                        given,
                        held: Vec::new(),
                        seen: 0,
                        any: false,
                    });
                    return Ok(());
                }
            }
            if head.len() > self.max_object {
                return Err(SplitError::TooLarge(self.max_object).into());
            }
        }
        splitter.take();
        head.push(b'}');
        self.state = DumpState::Between;
        match list {
            None if is_null_list(&head) => {}
            None => self.ready.push_back(self.decode_object(&head, start, None)),
            Some(list) => self.close_list(OpenList { head, ..list })?,
        }
        Ok(())
    }

    /// Reads one item of a list, or the end of its items.
    fn read_item(&mut self, splitter: &mut Splitter, mut list: OpenList) -> Result<(), Failed> {
        if !next_element(splitter, list.seen)? {
            return self.read_members(splitter, Some(list));
        }
        list.seen += 1;
        let place = splitter.text_place();
        let text = splitter.take_value()?;
        match &list.given {
            Some(given) => {
                list.any = true;
                self.ready.push_back(self.decode_object(text, place, given.as_ref()));
            }
            // kubectl sorts fields, and `items` comes before `kind`. An item that names its own kind need not wait.
            None => match Doc::from_json(text).map(Object::new) {
                Ok(Ok(object)) => {
                    list.any = true;
                    self.ready.push_back(Ok(object));
                }
                Ok(Err(_)) => list.held.push((text.to_vec(), place)),
                Err(e) => return Err(self.decode_error(place, e).into()),
            },
        }
        self.state = DumpState::Items(list);
        Ok(())
    }

    /// Returns the items that waited for the end of the list.
    fn close_list(&mut self, list: OpenList) -> Result<(), Failed> {
        // A damaged list must not pass for a whole one because its items are sound.
        let checked = Doc::from_json(&list.head).map_err(|e| self.decode_error(list.start, e))?;
        let kind = checked.root().str_at(&["kind"]).unwrap_or_default();
        let given = match list_kind(kind, checked.root().str_at(&["apiVersion"]).unwrap_or_default()) {
            ListKind::Yes(given) => given,
            // Not a list after all, but an object with a field called `items`.
            ListKind::No | ListKind::NotYet if !list.any && !kind.is_empty() => {
                self.ready.push_back(self.reassemble_list(&list));
                return Ok(());
            }
            ListKind::No | ListKind::NotYet => None,
        };
        for (text, place) in &list.held {
            self.ready.push_back(self.decode_object(text, *place, given.as_ref()));
        }
        Ok(())
    }

    fn reassemble_list(&self, list: &OpenList) -> Result<Object, DumpError> {
        let mut items = b"[".to_vec();
        for (i, (text, _)) in list.held.iter().enumerate() {
            items.extend_from_slice(if i == 0 { b"" } else { b"," });
            items.extend_from_slice(text);
        }
        items.push(b']');
        // Of equal keys the last one counts.
        let head = list.head.strip_suffix(b"}").unwrap_or(&list.head);
        let text = [head, b",\"items\":", &items, b"}"].concat();
        self.decode_object(&text, list.start, None)
    }

    /// Reads one element of an array at the top, or its end.
    fn read_element(&mut self, splitter: &mut Splitter, seen: u64) -> Result<(), Failed> {
        if !next_element(splitter, seen)? {
            self.state = DumpState::Between;
            return Ok(());
        }
        let place = splitter.text_place();
        let object = self.decode_object(splitter.take_value()?, place, None);
        self.ready.push_back(object);
        self.state = DumpState::Array(seen + 1);
        Ok(())
    }
}

/// Goes to the next element of an array behind so many; takes the closing bracket where there is none.
fn next_element(splitter: &mut Splitter, seen: u64) -> Result<bool, SplitError> {
    match (splitter.peek_byte()?.ok_or(SplitError::Unfinished)?, seen) {
        (b']', _) => {
            splitter.take();
            Ok(false)
        }
        (_, 0) => Ok(true),
        (b',', _) => {
            splitter.take();
            Ok(true)
        }
        _ => Err(SplitError::Expected("`,` or `]`")),
    }
}

/// A list without items may say `null`, as Go writes an empty slice.
fn is_null_list(text: &[u8]) -> bool {
    Doc::from_json(text).is_ok_and(|doc| {
        let root = doc.root();
        root.str_at(&["kind"]).is_some_and(|k| k.ends_with("List"))
            && root.get("items").is_some_and(|items| items.is_null())
            && root.at(&["metadata", "name"]).is_none()
    })
}

/// Whether an object with `items` is a list.
enum ListKind {
    /// Its kind is not known yet.
    NotYet,
    /// Its kind is not that of a list.
    No,
    /// It is a list, with `apiVersion` and `kind` for its items, unless it is a plain `List`.
    Yes(Option<(String, String)>),
}

impl ListKind {
    fn given(self) -> Option<Option<(String, String)>> {
        match self {
            Self::Yes(given) => Some(given),
            Self::NotYet | Self::No => None,
        }
    }
}

/// Decides by the text before the items whether they are those of a list.
fn list_kind_of(head: &[u8]) -> ListKind {
    let text = [head, b"[]}"].concat();
    match serde_json::from_slice::<ListFields<'_>>(&text) {
        Ok(head) if !head.api_version.is_empty() || head.kind == "List" => {
            list_kind(&head.kind, &head.api_version)
        }
        // Without an apiVersion the items cannot be completed yet.
        Ok(head) if head.kind.ends_with("List") => ListKind::NotYet,
        Ok(_) => ListKind::No,
        Err(_) => ListKind::NotYet,
    }
}

fn list_kind(kind: &str, api_version: &str) -> ListKind {
    match kind.strip_suffix("List") {
        Some("") => ListKind::Yes(None),
        Some(item) => ListKind::Yes(Some((api_version.to_owned(), item.to_owned()))),
        None => ListKind::No,
    }
}

/// An error with or without its place in the file.
enum Failed {
    Split(SplitError),
    Dump(DumpError),
}

impl From<SplitError> for Failed {
    fn from(error: SplitError) -> Self {
        Self::Split(error)
    }
}

impl From<DumpError> for Failed {
    fn from(error: DumpError) -> Self {
        Self::Dump(error)
    }
}

impl Iterator for Dump {
    type Item = Result<Object, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.ready.pop_front() {
                if object.is_err() {
                    self.state = DumpState::Done;
                    self.ready.clear();
                }
                return Some(object);
            }
            if matches!(self.state, DumpState::Done) {
                let nothing = std::mem::take(&mut self.is_empty);
                return nothing.then(|| Err(DumpError::Empty { file: self.file.clone() }));
            }
            if let Err(e) = self.advance() {
                self.is_empty = false;
                self.ready.push_back(Err(e));
            }
        }
    }
}
