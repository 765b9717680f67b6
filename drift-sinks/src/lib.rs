//! Where events and findings are written: an event store on disk, tapes, and reports for people and programs.
//!
//! Each module is behind a feature of the same name; all are on by default.
//!
//! | I want to … | use … | feature |
//! |---|---|---|
//! | store the history of a cluster on disk | [`store::embedded::EmbeddedStore`] | `embedded` |
//! | verify or repair such a store | [`EmbeddedStore::verify`], [`EmbeddedStore::repair`] | `embedded` |
//! | record watch events to a file | [`tape::TapeWriter`] | `tape` |
//! | print a report as text, JSON, YAML or Markdown | [`report`] | `report` |
//!
//! [`EmbeddedStore::verify`]: store::embedded::EmbeddedStore::verify
//! [`EmbeddedStore::repair`]: store::embedded::EmbeddedStore::repair
//!
//! The example of [`store::embedded`] appends an event and reads it back, that of [`tape::TapeWriter`] writes a tape. The
//! published JSON Schemas of the reports are in the folder `schemas` of this crate.

#[cfg(feature = "report")]
pub mod report;
pub mod store;
#[cfg(feature = "tape")]
pub mod tape;
