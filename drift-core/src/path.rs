//! Typed paths to a field, as structured-merge-diff has them.
//!
//! A path element is a field name, the key of an element of an associative list, the value of an element of a set,
//! or a list index. Source: `sigs.k8s.io/structured-merge-diff/fieldpath`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A scalar that can stand in a path: a key of an associative list or an element of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// JSON `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, by its shortest decimal text so that it can be ordered and hashed.
    Float(Box<str>),
    /// A string.
    Str(Box<str>),
}

impl Scalar {
    /// Returns the scalar a JSON value holds, or `None` for a list or a map.
    pub fn from_value(value: &serde_json::Value) -> Option<Self> {
        Some(match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(i) => Self::Int(i),
                None => Self::Float(n.to_string().into()),
            },
            serde_json::Value::String(s) => Self::Str(s.as_str().into()),
            _ => return None,
        })
    }

    /// Returns the scalar as a JSON value.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(i) => (*i).into(),
            Self::Float(f) => f.parse::<f64>().map_or(serde_json::Value::Null, Into::into),
            Self::Str(s) => serde_json::Value::String(s.to_string()),
        }
    }
}

impl fmt::Display for Scalar {
    /// Writes the scalar as JSON text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_value())
    }
}

/// One step of a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathElement {
    /// A field of a struct or a key of a map.
    Field(Box<str>),
    /// An element of an associative list, by its key fields in order of their names.
    Key(Box<[(Box<str>, Scalar)]>),
    /// An element of a set, by its value.
    Value(Scalar),
    /// An element of any other list, by its place from 0.
    Index(usize),
}

impl PathElement {
    /// Makes the element of an associative list; the key fields are put in order.
    pub fn key<N: Into<Box<str>>>(fields: impl IntoIterator<Item = (N, Scalar)>) -> Self {
        let mut fields: Vec<(Box<str>, Scalar)> = fields.into_iter().map(|(n, v)| (n.into(), v)).collect();
        fields.sort();
        Self::Key(fields.into())
    }
}

impl From<&str> for PathElement {
    fn from(name: &str) -> Self {
        Self::Field(name.into())
    }
}

/// The path of a field in an object; the empty path is the object itself.
///
/// Text form `.spec.containers[name="web"].image` ([`fmt::Display`]), JSON form
/// `["spec","containers",{"name":"web"},"image"]` (serde), JSON Pointer on request.
///
/// # Example
/// ```
/// use drift_core::FieldPath;
/// let path: FieldPath = serde_json::from_str(r#"["spec","containers",{"name":"web"},"image"]"#).unwrap();
/// assert_eq!(path.to_string(), r#".spec.containers[name="web"].image"#);
/// assert_eq!(FieldPath::parse(&path.to_string()).unwrap(), path);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<PathElement>);

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a field path at byte {at}: {expected} expected")]
pub struct PathError {
    /// Where in the text the path stops making sense.
    pub at: usize,
    /// What would have made sense there.
    pub expected: &'static str,
}

impl FieldPath {
    /// The path of the object itself.
    pub const ROOT: Self = Self(Vec::new());

    /// Makes a path of field names.
    pub fn of(fields: &[&str]) -> Self {
        Self(fields.iter().map(|f| PathElement::from(*f)).collect())
    }

    /// Returns the elements from the root down.
    pub fn elements(&self) -> &[PathElement] {
        &self.0
    }

    /// Returns how deep the path is.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if this is the path of the object itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes one step down in place.
    pub fn push(&mut self, element: PathElement) {
        self.0.push(element);
    }

    /// Goes one step up in place and returns the step that was undone.
    pub fn pop(&mut self) -> Option<PathElement> {
        self.0.pop()
    }

    /// Returns the path one step below.
    #[must_use]
    pub fn child(&self, element: impl Into<PathElement>) -> Self {
        let mut path = self.clone();
        path.push(element.into());
        path
    }

    /// Returns the path one step above, or `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        (!self.0.is_empty()).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }

    /// Returns `true` if `self` is `prefix` or lies below it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Returns `true` if the path begins with these field names.
    pub fn starts_with_fields(&self, fields: &[&str]) -> bool {
        self.0.len() >= fields.len()
            && self.0.iter().zip(fields).all(|(e, f)| matches!(e, PathElement::Field(n) if **n == **f))
    }

    /// Parses the text form.
    ///
    /// # Errors
    /// Names the byte at which the text stops being a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::Parser { text, at: 0 }.path()
    }

    /// Returns the path as a JSON Pointer (RFC 6901).
    ///
    /// An element of an associative list or a set has no pointer of its own: `index_of` says at which place it
    /// stands, given the path so far; `None` from it makes the whole `None`.
    pub fn to_pointer(&self, mut index_of: impl FnMut(&Self) -> Option<usize>) -> Option<String> {
        let mut out = String::new();
        let mut sofar = Self::default();
        for element in &self.0 {
            sofar.push(element.clone());
            out.push('/');
            match element {
                PathElement::Field(name) => out.push_str(&name.replace('~', "~0").replace('/', "~1")),
                PathElement::Index(i) => out.push_str(&i.to_string()),
                PathElement::Key(_) | PathElement::Value(_) => out.push_str(&index_of(&sofar)?.to_string()),
            }
        }
        Some(out)
    }
}

impl From<Vec<PathElement>> for FieldPath {
    fn from(elements: Vec<PathElement>) -> Self {
        Self(elements)
    }
}

/// Returns `true` if a field name can be written after a dot without quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) if is_plain(name) => write!(f, ".{name}"),
            Self::Field(name) => write!(f, "[{}]", serde_json::Value::from(&**name)),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    // What begins with a digit would be read as an index.
                    match is_plain(name) && !name.starts_with(|c: char| c.is_ascii_digit()) {
                        true => write!(f, "{name}={value}")?,
                        false => write!(f, "{}={value}", serde_json::Value::from(&**name))?,
                    }
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(i) => write!(f, "[{i}]"),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        self.0.iter().try_for_each(|e| write!(f, "{e}"))
    }
}

impl Serialize for PathElement {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Field(name) => s.serialize_str(name),
            Self::Index(i) => s.serialize_u64(*i as u64),
            Self::Value(value) => {
                let mut map = s.serialize_map(Some(1))?;
                map.serialize_entry("value", &value.to_value())?;
                map.end()
            }
            Self::Key(fields) => {
                let mut map = s.serialize_map(Some(fields.len()))?;
                for (name, value) in fields.iter() {
                    map.serialize_entry(name, &value.to_value())?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|e| seq.serialize_element(e))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for PathElement {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let scalar = |v: &serde_json::Value| {
            Scalar::from_value(v).ok_or_else(|| D::Error::custom("a key must be a scalar"))
        };
        Ok(match serde_json::Value::deserialize(d)? {
            serde_json::Value::String(s) => Self::Field(s.into()),
            serde_json::Value::Number(n) => {
                let i = n.as_u64().and_then(|i| usize::try_from(i).ok());
                Self::Index(i.ok_or_else(|| D::Error::custom("an index must be a whole number"))?)
            }
            serde_json::Value::Object(map) => match map.get("value") {
                Some(v) if map.len() == 1 => Self::Value(scalar(v)?),
                _ => {
                    let fields = map.iter().map(|(k, v)| Ok((k.as_str(), scalar(v)?)));
                    Self::key(fields.collect::<Result<Vec<_>, D::Error>>()?)
                }
            },
            _ => return Err(D::Error::custom("a path element is a string, a number or an object")),
        })
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Vec::deserialize(d).map(Self)
    }
}

mod parse {
    use super::{FieldPath, PathElement, PathError, Scalar};

    /// A cursor over the text form.
    pub(super) struct Parser<'a> {
        pub(super) text: &'a str,
        pub(super) at: usize,
    }

    impl Parser<'_> {
        pub(super) fn path(mut self) -> Result<FieldPath, PathError> {
            let mut path = FieldPath::default();
            if self.text == "." || self.text.is_empty() {
                return Ok(path);
            }
            // The leading dot may be left out, as people type paths: `spec.replicas`.
            if !self.text.starts_with(['.', '[']) {
                path.push(PathElement::Field(self.name()?.into()));
            }
            while self.at < self.text.len() {
                let element = match self.rest().as_bytes()[0] {
                    b'.' => {
                        self.at += 1;
                        PathElement::Field(self.name()?.into())
                    }
                    b'[' => {
                        self.at += 1;
                        self.bracket()?
                    }
                    _ => return Err(self.error("'.' or '['")),
                };
                path.push(element);
            }
            Ok(path)
        }

        fn rest(&self) -> &str {
            &self.text[self.at..]
        }

        fn error(&self, expected: &'static str) -> PathError {
            PathError { at: self.at, expected }
        }

        fn name(&mut self) -> Result<String, PathError> {
            let end = self.rest().find(['.', '[', ']', '=', ',']).unwrap_or(self.rest().len());
            if end == 0 {
                return Err(self.error("a field name"));
            }
            let name = self.rest()[..end].to_owned();
            self.at += end;
            Ok(name)
        }

        fn eat(&mut self, token: char) -> bool {
            let hit = self.rest().starts_with(token);
            self.at += if hit { token.len_utf8() } else { 0 };
            hit
        }

        fn expect(&mut self, token: char, expected: &'static str) -> Result<(), PathError> {
            if self.eat(token) { Ok(()) } else { Err(self.error(expected)) }
        }

        fn bracket(&mut self) -> Result<PathElement, PathError> {
            let element = if self.rest().starts_with('"') {
                let start = self.at;
                let name = self.quoted()?;
                if self.rest().starts_with('=') {
                    self.at = start;
                    self.key()?
                } else {
                    PathElement::Field(name)
                }
            } else if self.eat('=') {
                PathElement::Value(self.scalar()?)
            } else if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
                let end = self.rest().find(']').ok_or_else(|| self.error("']'"))?;
                let i = self.rest()[..end].parse().map_err(|_| self.error("an index"))?;
                self.at += end;
                PathElement::Index(i)
            } else {
                self.key()?
            };
            self.expect(']', "']'")?;
            Ok(element)
        }

        fn key(&mut self) -> Result<PathElement, PathError> {
            let mut fields = Vec::new();
            loop {
                let name =
                    if self.rest().starts_with('"') { self.quoted()? } else { self.name()?.into_boxed_str() };
                self.expect('=', "'='")?;
                fields.push((name, self.scalar()?));
                if !self.eat(',') {
                    return Ok(PathElement::key(fields));
                }
            }
        }

        fn quoted(&mut self) -> Result<Box<str>, PathError> {
            match self.scalar()? {
                Scalar::Str(name) => Ok(name),
                _ => Err(self.error("a quoted field name")),
            }
        }

        /// Reads one JSON scalar; a bare word counts as a string, as people type it: `[name=web]`.
        fn scalar(&mut self) -> Result<Scalar, PathError> {
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<serde_json::Value>();
            if let Some(Ok(value)) = values.next() {
                let taken = values.byte_offset();
                let scalar = Scalar::from_value(&value).ok_or_else(|| self.error("a scalar"))?;
                self.at += taken;
                return Ok(scalar);
            }
            let end = self.rest().find([']', ',']).ok_or_else(|| self.error("']'"))?;
            if end == 0 || self.rest().starts_with('"') {
                return Err(self.error("a value"));
            }
            let word = self.rest()[..end].to_owned();
            self.at += end;
            Ok(Scalar::Str(word.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, text: &str) {
        let path: FieldPath = serde_json::from_str(json).unwrap();
        assert_eq!(path.to_string(), text);
        assert_eq!(FieldPath::parse(text).unwrap(), path);
        assert_eq!(serde_json::to_string(&path).unwrap(), json);
    }

    #[test]
    fn text_and_json_forms_name_the_same_path() {
        check("[]", ".");
        check(r#"["spec","replicas"]"#, ".spec.replicas");
        check(
            r#"["metadata","labels","app.kubernetes.io/name"]"#,
            r#".metadata.labels["app.kubernetes.io/name"]"#,
        );
        check(
            r#"["ports",{"containerPort":80,"protocol":"TCP"},"name"]"#,
            r#".ports[containerPort=80,protocol="TCP"].name"#,
        );
        check(r#"["metadata","finalizers",{"value":"a/b"}]"#, r#".metadata.finalizers[="a/b"]"#);
        check(r#"["args",3]"#, ".args[3]");
        check(r#"["l",{"a]b":1,"c":true}]"#, r#".l["a]b"=1,c=true]"#);
        check(r#"["l",{"0":"x","=":null}]"#, r#".l["0"="x","="=null]"#);
    }

    #[test]
    fn people_may_leave_out_the_dot_and_the_quotes() {
        assert_eq!(
            FieldPath::parse("spec.containers[name=web]").unwrap().to_string(),
            r#".spec.containers[name="web"]"#
        );
    }

    #[test]
    fn broken_text_names_the_byte() {
        for text in [".a[", ".a[x", ".a[x=", ".a..b", ".a[\"x]", ".a[1", "[=]"] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
        assert_eq!(FieldPath::parse(".a..b").unwrap_err(), PathError { at: 3, expected: "a field name" });
    }

    #[test]
    fn pointer_escapes_and_asks_for_list_places() {
        let path = FieldPath::parse(r#".a["x/y~z"][name="b"]"#).unwrap();
        assert_eq!(path.to_pointer(|_| Some(2)).unwrap(), "/a/x~1y~0z/2");
        assert_eq!(path.to_pointer(|_| None), None);
    }
}
