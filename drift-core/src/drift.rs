//! Drift: desired and live differ, after normalizing, on fields that count; by whom, since when, and why it counts.

mod report;

pub use report::{
    Basis, CauseClass, Class, Declaration, DriftChange, DriftReport, Op, Owner, ResourceDrift, Row, Status,
    Summary,
};
