//! Any bytes are a dump or an error, the same in pieces of any size; one JSON object is what the decoder reads.
#![no_main]

use std::io::{Cursor, Read};

use drift_core::Object;
use drift_sources::dump::{Dump, DumpOptions};
use libfuzzer_sys::fuzz_target;

/// Gives out so many bytes at once.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let end = out.len().min(self.1);
        self.0.read(&mut out[..end])
    }
}

fn read(data: &[u8], piece: usize) -> Result<Vec<Object>, String> {
    let options = DumpOptions { max_size: 4 << 20, max_object: 1 << 20 };
    let dump = Dump::from_stream("dump", Pieces(Cursor::new(data.to_vec()), piece), options);
    dump.map_err(|e| e.to_string())?.map(|o| o.map_err(|e| e.to_string())).collect()
}

fuzz_target!(|data: (u8, &[u8])| {
    let (piece, data) = data;
    let whole = read(data, usize::MAX);
    assert_eq!(whole, read(data, usize::from(piece) + 1));
    if let Ok(serde_json::Value::Object(map)) = serde_json::from_slice(data)
        && !map.contains_key("items")
    {
        match Object::from_json(data) {
            Ok(object) => assert_eq!(whole, Ok(vec![object])),
            Err(_) => assert!(whole.is_err()),
        }
    }
});
