//! Stores, tapes and reports as a program that embeds them sees them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests fail by panicking")]

#[cfg(feature = "embedded")]
mod conformance;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "embedded")]
mod kill;
#[cfg(feature = "report")]
mod reports;
#[cfg(feature = "embedded")]
mod sample;
#[cfg(feature = "report")]
#[path = "../../schemas/check.rs"]
mod schema;
#[cfg(feature = "tape")]
mod tape;
