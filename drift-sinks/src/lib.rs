//! Sinks of `drift`: stores that keep events, tapes that record them, and reports of what was found.
//!
//! | I want to … | use | feature |
//! |---|---|---|
//! | keep history in a directory, without a server | [`store::embedded::EmbeddedStore`] | `embedded` |
//! | write a tape that `drift` and `drift-sources` read | [`tape`] | `tape` |
//! | print a result as text, Markdown, JSON or YAML | [`report`] | `report` |
//! | validate or parse what `drift -o json` prints | [`report::SCHEMAS`] | `report` |
//! | send findings somewhere else | implement [`drift_core::Sink`], with the suite in `drift_core::testing` | – |
//!
//! Each of them is a module of its own behind a feature of its own; all features are on by default.
//!
//! # Print what drifted
//!
//! ```
//! use drift_core::drift::{DriftOptions, compare};
//! use drift_core::schema::SchemaSet;
//! use drift_sinks::report::{DriftReportV1, Visibility, to_json};
//!
//! let report = compare(&[], &[], &SchemaSet::bundled(), &DriftOptions::default());
//! print!("{}", to_json(&DriftReportV1::new(&report, Visibility::default())));
//! ```

#[cfg(feature = "report")]
pub mod report;
pub mod store;
#[cfg(feature = "tape")]
pub mod tape;
