//! Where events and findings of `drift` come to rest.
//!
//! Each store, tape or report is a module of its own behind a feature of its own.

#[cfg(feature = "report")]
pub mod report;
pub mod store;
#[cfg(feature = "tape")]
pub mod tape;
