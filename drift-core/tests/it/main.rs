//! Laws of history: what is written is read again, what is read again is the same.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod empty_values;
mod history;
mod redact;
mod wire;
