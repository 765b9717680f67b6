//! Incremental comparisons: after a change only what it affects is compared again.
//!
//! [`IncrementalComparison`] keeps what [`compare`](super::compare) says, [`IncrementalApps`] what
//! [`compare_apps`](super::compare_apps) says; the law that ties them is tested on random changes.
//!
//! **Invariant:** what a change costs does not grow with the estate, but for the few changes that bear on all of it
//! (a schema, the field manager that applies most).

mod apps;
mod declared;
#[cfg(test)]
mod tests;

pub use apps::IncrementalApps;
pub use declared::IncrementalComparison;
