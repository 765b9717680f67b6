//! Laws of history: what is written is read again, what is read again is the same.

mod wire;
