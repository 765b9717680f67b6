//! The canonical binary form of a document: what is hashed.

use super::{Doc, Kind, Node, split};

/// Appends a number in as many bytes as it needs, seven bits in each (LEB128).
pub(crate) fn write_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

impl Doc {
    /// Appends the canonical binary form, as [`Node::write_canonical`] does, of the whole document.
    pub(crate) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.reserve(self.slots.len() * 10 + self.heap.len());
        self.root().write_canonical(out);
    }
}

impl Node<'_> {
    /// Appends the canonical binary form: equal values give equal bytes, different ones different bytes.
    ///
    /// Every value in pre-order as its key after the key's length (none in a list), a byte for its kind, and its data:
    /// a string after its length, a number in eight bytes, little end first, a list or map as its number of elements.
    /// Maps are sorted by key, so neither the order of the input nor the platform makes a difference.
    pub(crate) fn write_canonical(self, out: &mut Vec<u8>) {
        let heap = self.doc.heap.as_bytes();
        let text = |out: &mut Vec<u8>, (at, len): (u32, u32)| {
            write_number(out, u64::from(len));
            out.extend_from_slice(&heap[at as usize..][..len as usize]);
        };
        for slot in self.slots() {
            text(out, slot.key);
            match slot.kind {
                Kind::Null => out.push(0),
                Kind::Bool => out.push(1 + u8::from(slot.data != 0)),
                Kind::Int | Kind::Float => {
                    out.push(if slot.kind == Kind::Int { 3 } else { 4 });
                    out.extend_from_slice(&slot.data.to_le_bytes());
                }
                Kind::Str => {
                    out.push(5);
                    text(out, split(slot.data));
                }
                Kind::List | Kind::Map => {
                    out.push(if slot.kind == Kind::List { 6 } else { 7 });
                    write_number(out, slot.data);
                }
            }
        }
    }
}
