//! Documents from and to JSON text.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Doc, DocBuilder, Kind, Node, Object, ObjectError, Slot};

/// Text that is not a document or not an object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, nested deeper than 120 levels, or larger than 4 GiB.
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
    /// Valid JSON, but not a Kubernetes object.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl Doc {
    /// Decodes JSON text.
    ///
    /// # Errors
    /// When the text is not one JSON value or nested deeper than 120 levels.
    pub fn from_json(text: &[u8]) -> Result<Self, DecodeError> {
        let mut builder = DocBuilder::with_capacity(text.len());
        // One pass over all bytes is cheaper than one over each string.
        let text = std::str::from_utf8(text).map_err(|e| DecodeError::Json(serde_json::Error::custom(e)))?;
        let mut de = serde_json::Deserializer::from_str(text);
        Seed(&mut builder).deserialize(&mut de).and_then(|()| de.end()).map_err(DecodeError::Json)?;
        builder.finish().map_err(|e| DecodeError::Json(serde_json::Error::custom(e)))
    }

    /// Returns every string at any depth with the key that it stands under, in the order of the document.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |(at, len): (u32, u32)| &self.heap[at as usize..(at + len) as usize];
        let strings = self.slots.iter().filter(|slot| slot.kind == Kind::Str);
        strings.map(move |slot| (text(slot.key), text(super::split(slot.data))))
    }

    /// Returns `true` if some map, at any depth, has this key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        let heap = self.heap.as_bytes();
        self.slots.iter().any(|s| heap[s.key.0 as usize..][..s.key.1 as usize] == *key.as_bytes())
    }

    /// Returns the text of all keys and strings, one behind the other.
    pub(crate) fn all_text(&self) -> &str {
        &self.heap
    }

    /// Returns a length that the canonical JSON does not fall short of, without writing it.
    pub(crate) fn json_len_at_least(&self) -> usize {
        let value = |s: &Slot| match s.kind {
            Kind::Str => 2 + (s.data as u32) as usize,
            Kind::List | Kind::Map => 2,
            Kind::Bool | Kind::Null => 4,
            Kind::Int | Kind::Float => 1,
        };
        self.slots.iter().map(|s| if s.key.1 == 0 { 0 } else { s.key.1 as usize + 3 } + value(s)).sum()
    }

    /// Returns canonical JSON: sorted keys, no white space, whole numbers without a fraction.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.root()).expect("a document holds nothing that JSON cannot")
    }
}

impl Object {
    /// Decodes JSON text.
    ///
    /// # Errors
    /// When the text is not JSON or no Kubernetes object.
    pub fn from_json(text: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::new(Doc::from_json(text)?)?)
    }
}

/// Feeds one JSON value into a builder.
struct Seed<'a>(&'a mut DocBuilder);

/// Feeds one key into a builder.
struct Key<'a>(&'a mut DocBuilder);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        self.0.key(key);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.null();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.bool(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.int(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.0.int(value),
            Err(_) => self.0.float(value as f64),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.float(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.str(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.begin_list();
        while seq.next_element_seed(Seed(self.0))?.is_some() {}
        self.0.end();
        self.0.check().map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.begin_map();
        while map.next_key_seed(Key(self.0))?.is_some() {
            map.next_value_seed(Seed(self.0))?;
        }
        self.0.end();
        self.0.check().map_err(A::Error::custom)
    }
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.root().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Doc {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut builder = DocBuilder::default();
        Seed(&mut builder).deserialize(d)?;
        builder.finish().map_err(D::Error::custom)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.root().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(Doc::deserialize(d)?).map_err(D::Error::custom)
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.kind() {
            Kind::Null => s.serialize_unit(),
            Kind::Bool => s.serialize_bool(self.as_bool().unwrap_or_default()),
            Kind::Int => s.serialize_i64(self.as_i64().unwrap_or_default()),
            Kind::Float => s.serialize_f64(self.as_f64().unwrap_or_default()),
            Kind::Str => s.serialize_str(self.as_str().unwrap_or_default()),
            Kind::List => {
                let mut seq = s.serialize_seq(Some(self.len()))?;
                self.children().try_for_each(|n| seq.serialize_element(&n))?;
                seq.end()
            }
            Kind::Map => {
                let mut map = s.serialize_map(Some(self.len()))?;
                self.children().try_for_each(|n| map.serialize_entry(n.key(), &n))?;
                map.end()
            }
        }
    }
}
