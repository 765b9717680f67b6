//! Drift: desired and live differ, after normalizing, on fields that count; by whom, since when, and why it counts.
//!
//! | field is in | owner of the live field | verdict ([`Row`]) |
//! |---|---|---|
//! | declared and live, equal by meaning | any | in sync |
//! | declared and live, different | the applier, and live is what it applied last | [`Row::DifferentAsApplied`]: the declaration moved on |
//! | declared and live, different | the applier, but it applied another value | [`Row::DifferentByAdmission`] |
//! | declared and live, different | anybody else | [`Row::DifferentByOther`] |
//! | declared only | – | [`Row::DeclaredOnly`]; pending where it was never applied |
//! | live only | the applier, which once applied it | [`Row::OnceApplied`] |
//! | live only | a person or a tool | [`Row::AddedByOther`], or [`Row::DefaultChanged`] where a default stood |
//! | live only | a controller, in a field of its own | [`Row::ControllersOwn`]: no drift |
//! | live only, explained by a default | any | in sync |
//! | live only | nobody, on an object that has owners | in sync: a default or an admission the table does not know |
//! | live only | nobody, on an object that has no owners | [`Row::AddedByNobody`] |
//!
//! The applier is not told but found: the field manager that owns most of what is declared.
//!
//! **Invariant:** nothing here reads a clock, a file or the order of a hash map. The same objects give the same report.

mod applier;
mod authority;
mod controllers;
mod estate;
mod kept;
mod report;
mod resource;
mod secret;
#[cfg(test)]
mod tests;
mod verdict;

pub use authority::{AppDeclaration, Tracked, Undeclared, compare_apps};
pub use estate::{DesiredObject, DriftOptions, Extras, compare};
pub use kept::{KeptApps, KeptEstate};
pub use report::{
    Basis, CauseClass, Class, CommitRef, Declaration, DriftChange, DriftReport, Op, Owner, ResourceDrift,
    Row, Status, Summary,
};
pub use resource::{Context, compare_object};
pub use verdict::{Knowledge, lookup as value_at, owned_part};
