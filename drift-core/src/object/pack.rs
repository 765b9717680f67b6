//! Documents at rest: compressed, for the many that are held and the few that are looked at.

use std::cell::RefCell;
use std::sync::Arc;

use super::{DecodeError, Doc};

/// Largest document that is unpacked; etcd takes 1.5 MiB by default, so this is far above anything real.
const MAX_UNPACKED: usize = 64 << 20;
const LEVEL: i32 = 3;
/// Bytes of the dictionary that some documents give for all others.
const DICTIONARY: usize = 64 << 10;
/// Fewer documents make no dictionary.
const MIN_SAMPLES: usize = 64;

/// Compresses documents against a dictionary of what Kubernetes objects have in common.
#[derive(Clone)]
pub struct Packer {
    dictionary: Arc<Dictionary>,
}

struct Dictionary {
    encoder: zstd::dict::EncoderDictionary<'static>,
    decoder: zstd::dict::DecoderDictionary<'static>,
}

/// A document at rest: about a tenth of its JSON.
#[derive(Clone)]
pub struct Packed {
    bytes: Box<[u8]>,
    dictionary: Arc<Dictionary>,
}

/// A packed document that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The compressed bytes are damaged or made with another dictionary.
    #[error("cannot be decompressed")]
    Damaged(#[source] std::io::Error),
    /// What comes out is no document.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Packer {
    /// Makes a packer with a trained dictionary; an empty one works, with less effect on small objects.
    pub fn new(dictionary: &[u8]) -> Self {
        let encoder = zstd::dict::EncoderDictionary::copy(dictionary, LEVEL);
        let decoder = zstd::dict::DecoderDictionary::copy(dictionary);
        Self { dictionary: Arc::new(Dictionary { encoder, decoder }) }
    }

    /// Makes a packer that knows what some documents have in common; too few or too different ones make no dictionary.
    pub fn trained<'d>(samples: impl IntoIterator<Item = &'d Doc>) -> Self {
        let samples: Vec<_> = samples.into_iter().map(Doc::to_json).collect();
        if samples.len() < MIN_SAMPLES {
            return Self::default();
        }
        Self::new(&zstd::dict::from_samples(&samples, DICTIONARY).unwrap_or_default())
    }

    /// Packs a document.
    pub fn pack(&self, doc: &Doc) -> Packed {
        let text = doc.to_json();
        let mut compressor = zstd::bulk::Compressor::with_prepared_dictionary(&self.dictionary.encoder)
            .expect("zstd gives a context whenever there is memory");
        let bytes =
            compressor.compress(text.as_bytes()).expect("zstd compresses any bytes into a buffer it sized");
        Packed { bytes: bytes.into(), dictionary: Arc::clone(&self.dictionary) }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

thread_local! {
    /// Decompression goes through one growing buffer a thread: a document is not sized before it is read.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Packed {
    /// Returns the document.
    ///
    /// # Errors
    /// Only for damaged memory or bytes made by something else.
    pub fn unpack(&self) -> Result<Doc, PackError> {
        let damaged = |e| PackError::Damaged(e);
        let mut decoder =
            zstd::bulk::Decompressor::with_prepared_dictionary(&self.dictionary.decoder).map_err(damaged)?;
        BUFFER.with_borrow_mut(|buffer| {
            let size = zstd::bulk::Decompressor::upper_bound(&self.bytes).unwrap_or(MAX_UNPACKED);
            buffer.clear();
            buffer.reserve(size.min(MAX_UNPACKED));
            decoder.decompress_to_buffer(&self.bytes, buffer).map_err(damaged)?;
            Ok(Doc::from_json(buffer)?)
        })
    }

    /// Returns the bytes this takes in memory, without the shared dictionary.
    pub fn heap_size(&self) -> usize {
        self.bytes.len()
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed({} bytes)", self.bytes.len())
    }
}
