//! Documents at rest: compressed, for the many that are held and the few that are looked at.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use zstd::zstd_safe::{CCtx, DCtx, compress_bound, get_error_name};

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
        let cdict = self.dictionary.encoder.as_cdict();
        let bytes = WORK.with_borrow_mut(|work| {
            work.buffer.clear();
            work.buffer.reserve(compress_bound(text.len()));
            work.compressor
                .compress_using_cdict(&mut work.buffer, text.as_bytes(), cdict)
                .expect("zstd compresses any bytes into a buffer it sized");
            work.buffer.as_slice().into()
        });
        Packed { bytes, dictionary: Arc::clone(&self.dictionary) }
    }
}

impl Default for Packer {
    fn default() -> Self {
        // The tables of an encoder take a megabyte, whatever its dictionary.
        static EMPTY: LazyLock<Packer> = LazyLock::new(|| Packer::new(&[]));
        EMPTY.clone()
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

/// What a thread packs and unpacks with: making it each time costs more than the work itself.
struct Work {
    compressor: CCtx<'static>,
    decompressor: DCtx<'static>,
    /// Grows to the largest document: one is not sized before it is read.
    buffer: Vec<u8>,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::new(Work {
        compressor: CCtx::create(),
        decompressor: DCtx::create(),
        buffer: Vec::new(),
    });
}

impl Packed {
    /// Returns the document.
    ///
    /// # Errors
    /// Only for damaged memory or bytes made by something else.
    pub fn unpack(&self) -> Result<Doc, PackError> {
        let damaged = |code| PackError::Damaged(std::io::Error::other(get_error_name(code)));
        let ddict = self.dictionary.decoder.as_ddict();
        WORK.with_borrow_mut(|work| {
            let size = zstd::bulk::Decompressor::upper_bound(&self.bytes).unwrap_or(MAX_UNPACKED);
            work.buffer.clear();
            work.buffer.reserve(size.min(MAX_UNPACKED));
            work.decompressor
                .decompress_using_ddict(&mut work.buffer, &self.bytes, ddict)
                .map_err(damaged)?;
            Ok(Doc::from_json(&work.buffer)?)
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
