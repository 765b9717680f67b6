//! Conformance suites: the contracts of [`EventStore`], [`Source`] and [`Sink`], as functions for the tests of implementations.
//!
//! Each panics with the sentence that does not hold. They run on any async runtime.
//!
//! [`EventStore`]: crate::EventStore
//! [`Source`]: crate::Source
//! [`Sink`]: crate::Sink

mod script;
mod sink;
mod source;
mod store;
mod tape;

pub use script::Script;
pub use sink::sink;
pub use source::{log_of, source};
pub use store::{event_store, event_store_reopened, event_store_shared, new_events};
pub use tape::{Dice, TapeOptions, tape};
