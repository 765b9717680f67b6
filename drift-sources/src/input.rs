//! Input files, decompressed by their content and not by their name.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Decompressed bytes up to which any ratio is taken.
const FREE: u64 = 64 << 20;
/// Bytes that one compressed byte may become after that; gzip ends at 1,032.
const RATIO: u64 = 4_000;

/// A stream of decompressed bytes; members and frames one after the other are one stream.
pub(crate) type Input = Box<dyn BufRead + Send>;

/// Why a stream ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the compressed data ends early: the file is cut off")]
    Truncated,
    #[error("the compressed data is damaged: {0}")]
    Damaged(String),
    #[error("decompresses to more than {0} bytes")]
    TooLarge(u64),
    #[error("more than {RATIO} times as large decompressed: looks like a decompression bomb")]
    Bomb,
    #[error("cannot be read: {0}")]
    Io(String),
}

impl Cut {
    /// Returns why a stream from [`open`] failed.
    pub(crate) fn from_error(error: &io::Error) -> Self {
        match error.get_ref().and_then(|e| e.downcast_ref::<Self>()) {
            Some(cut) => cut.clone(),
            None => Self::Io(error.to_string()),
        }
    }
}

/// Opens a stream; more than `limit` decompressed bytes are an error.
pub(crate) fn open(mut raw: impl Read + Send + 'static, limit: u64) -> io::Result<Input> {
    let mut magic = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Counted { inner: Cursor::new(magic.clone()).chain(raw), taken: Arc::clone(&taken) };
    let source = BufReader::with_capacity(128 << 10, counted);
    let inner: Box<dyn Read + Send> = if magic.starts_with(&GZIP) {
        Box::new(Checked(flate2::bufread::MultiGzDecoder::new(source)))
    } else if magic == ZSTD {
        Box::new(Checked(zstd::stream::read::Decoder::with_buffer(source)?))
    } else {
        Box::new(source)
    };
    Ok(Box::new(BufReader::with_capacity(128 << 10, Bounded { inner, given: 0, taken, limit })))
}

/// Counts the bytes taken from a file.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // A decoder must see a failing disk as that and not as damaged data.
        let n = match self.inner.read(out) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                return Err(io::Error::other(Cut::Io(e.to_string())));
            }
            other => other?,
        };
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Names the errors of a decoder.
struct Checked<R>(R);

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|e| match e.kind() {
            io::ErrorKind::Interrupted => e,
            io::ErrorKind::UnexpectedEof => io::Error::other(Cut::Truncated),
            _ if e.get_ref().is_some_and(|e| e.is::<Cut>()) => e,
            _ => io::Error::other(Cut::Damaged(e.to_string())),
        })
    }
}

/// Ends a stream that gets too large.
struct Bounded {
    inner: Box<dyn Read + Send>,
    given: u64,
    taken: Arc<AtomicU64>,
    limit: u64,
}

impl Read for Bounded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.given += n as u64;
        if self.given > self.limit {
            return Err(io::Error::other(Cut::TooLarge(self.limit)));
        }
        if self.given > FREE && self.given / RATIO > self.taken.load(Ordering::Relaxed) {
            return Err(io::Error::other(Cut::Bomb));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, Cut> {
        let mut out = Vec::new();
        let mut input = open(Cursor::new(bytes), limit).map_err(|e| Cut::from_error(&e))?;
        input.read_to_end(&mut out).map_err(|e| Cut::from_error(&e))?;
        Ok(out)
    }

    #[test]
    fn members_and_frames_are_one_stream() {
        assert_eq!(read([gzip(b"ab"), gzip(b"c")].concat(), 9).unwrap(), b"abc");
        let zstd = |b: &[u8]| zstd::encode_all(b, 1).unwrap();
        assert_eq!(read([zstd(b"ab"), zstd(b"c")].concat(), 9).unwrap(), b"abc");
        assert_eq!(read(b"abc".to_vec(), 9).unwrap(), b"abc");
        assert_eq!(read(Vec::new(), 9).unwrap(), b"");
    }

    #[test]
    fn a_cut_or_damaged_stream_is_an_error() {
        let text: Vec<u8> = (0..9999u32).flat_map(|i| i.to_string().into_bytes()).collect();
        for mut bytes in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            for cut in [5, bytes.len() / 2, bytes.len() - 1] {
                assert_eq!(read(bytes[..cut].to_vec(), 1 << 20), Err(Cut::Truncated), "{cut}");
            }
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            bytes[middle + 1] ^= 0x55;
            if bytes.starts_with(&GZIP) {
                assert!(matches!(read(bytes, 1 << 20), Err(Cut::Damaged(_))));
            }
        }
        assert!(matches!(
            read([gzip(b"ab"), b"rest".to_vec()].concat(), 99),
            Err(Cut::Damaged(_) | Cut::Truncated)
        ));
    }

    #[test]
    fn a_bomb_is_an_error() {
        assert_eq!(read(gzip(&[0; 1000]), 999), Err(Cut::TooLarge(999)));
        let zeros = zstd::encode_all(&vec![0; 70 << 20][..], 3).unwrap();
        assert_eq!(read(zeros, u64::MAX), Err(Cut::Bomb));
    }
}
