//! Any bytes are lines or told damage, in order; a line does not depend on the damage around it.
#![no_main]

use std::io::Cursor;

use drift_core::tape::TapeLine;
use drift_sources::tape::{TapeDamage, TapeOptions, TapeReader};
use libfuzzer_sys::fuzz_target;

/// Reads all lines, each with its number.
fn read(data: &[u8]) -> Vec<(u64, Result<TapeLine, TapeDamage>)> {
    let options = TapeOptions { max_line: 1 << 16, max_size: 4 << 20 };
    let mut reader = TapeReader::from_stream(Cursor::new(data.to_vec()), options).ok();
    let next = || {
        let reader = reader.as_mut()?;
        let item = reader.next()?;
        Some((reader.line_number(), item))
    };
    std::iter::from_fn(next).collect()
}

fuzz_target!(|data: &[u8]| {
    let _ = TapeReader::is_tape(data);
    let items = read(data);
    let numbers: Vec<u64> = items.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    let is_packed = data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if is_packed {
        return;
    }
    let lines: Vec<&[u8]> = data.split(|b| *b == b'\n').collect();
    assert!(items.len() <= lines.len());
    for (number, item) in &items {
        let Ok(line) = item else { continue };
        // What a line leaves out (a kind) may come from others, so only the time is compared.
        let text = lines[*number as usize - 1];
        if let Some((_, Ok(alone))) = read(text).first() {
            assert_eq!(alone.at, line.at);
        }
    }
});
