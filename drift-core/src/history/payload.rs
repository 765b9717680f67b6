//! Objects in memory: the newest as they are, all others compressed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::object::{Doc, Object, PackError, Packed, Packer};

/// A larger object is not compressed, so that whatever is compressed can be decompressed.
const MAX_PACKED: usize = 16 << 20;

/// More samples than these do not improve a dictionary, and training takes long.
const MAX_SAMPLES: usize = 2048;

/// One object of a version, or that there is none.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// The object as it is.
    Fresh(Arc<Object>),
    /// The object compressed.
    Packed(Packed),
    /// No object: it is gone, and its last state is not known.
    Absent,
}

impl Payload {
    /// Returns the object.
    ///
    /// # Errors
    /// When compressed bytes are damaged, which memory is not.
    pub(crate) fn object(&self) -> Result<Option<Arc<Object>>, PackError> {
        match self {
            Self::Fresh(object) => Ok(Some(Arc::clone(object))),
            Self::Packed(packed) => {
                let object = Object::new(packed.unpack()?).map_err(crate::object::DecodeError::Object)?;
                Ok(Some(Arc::new(object)))
            }
            Self::Absent => Ok(None),
        }
    }

    /// Returns `true` if the object is held as it is.
    pub(crate) fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh(_))
    }

    /// Returns the bytes that the object takes in memory.
    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Self::Fresh(object) => object.doc().heap_size(),
            Self::Packed(packed) => packed.heap_size(),
            Self::Absent => 0,
        }
    }

    fn fresh(&self) -> Option<&Doc> {
        match self {
            Self::Fresh(object) => Some(object.doc()),
            _ => None,
        }
    }

    fn pack(&mut self, packer: &Packer) {
        if let Self::Fresh(object) = self
            && object.doc().heap_size() <= MAX_PACKED
        {
            *self = Self::Packed(packer.pack(object.doc()));
        }
    }
}

/// A collection of payloads, each under an id.
pub(crate) trait Payloads<Id> {
    /// Returns a payload, if it is still there.
    fn payload(&self, id: &Id) -> Option<&Payload>;
    /// Returns a payload to change it.
    fn payload_mut(&mut self, id: &Id) -> Option<&mut Payload>;
}

/// Payloads that are not compressed yet, oldest first, and the dictionary with which they will be.
///
/// The dictionary is trained once, with the first payloads that are compressed.
#[derive(Clone, Debug)]
pub(crate) struct PackQueue<Id> {
    fresh: VecDeque<Id>,
    packer: Option<Packer>,
}

impl<Id> Default for PackQueue<Id> {
    fn default() -> Self {
        Self { fresh: VecDeque::new(), packer: None }
    }
}

impl<Id> PackQueue<Id> {
    /// Adds a payload that was put in as it is.
    pub(crate) fn push(&mut self, id: Id) {
        self.fresh.push_back(id);
    }

    /// Makes an empty queue with the dictionary of this one.
    pub(crate) fn emptied(&self) -> Self {
        Self { fresh: VecDeque::new(), packer: self.packer.clone() }
    }

    /// Compresses all payloads except the newest ones.
    pub(crate) fn pack_all_but(&mut self, newest: usize, payloads: &mut impl Payloads<Id>) {
        while self.fresh.len() > newest {
            let packer = match &self.packer {
                Some(packer) => packer,
                None => self.packer.insert(trained(&self.fresh, payloads)),
            };
            if let Some(id) = self.fresh.pop_front()
                && let Some(payload) = payloads.payload_mut(&id)
            {
                payload.pack(packer);
            }
        }
    }
}

/// Makes a packer that knows what the payloads of a queue have in common.
fn trained<Id>(fresh: &VecDeque<Id>, payloads: &impl Payloads<Id>) -> Packer {
    let step = (fresh.len() / MAX_SAMPLES).max(1);
    Packer::trained(fresh.iter().step_by(step).filter_map(|id| payloads.payload(id)?.fresh()))
}
