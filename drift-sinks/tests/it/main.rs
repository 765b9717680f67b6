//! Stores and tapes as a program that embeds them sees them.

#[cfg(feature = "embedded")]
mod conformance;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "embedded")]
mod kill;
#[cfg(feature = "embedded")]
mod sample;
#[cfg(feature = "tape")]
mod tape;
