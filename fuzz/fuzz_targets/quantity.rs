//! Any text is a quantity or refused; what is one prints and reads back.
#![no_main]

use drift_core::schema::{GoDuration, Quantity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<GoDuration>();
    if let Ok(quantity) = text.parse::<Quantity>() {
        let _ = quantity.ceil_milli();
        let printed = quantity.to_string();
        assert!(printed.parse::<Quantity>().is_ok(), "{text} printed as {printed}");
    }
});
