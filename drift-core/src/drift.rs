//! Drift: desired and live differ, after normalizing, on fields that count; by whom, since when, and why it counts.
//!
//! | field is in | owner of the live field | verdict ([`VerdictRow`]) |
//! |---|---|---|
//! | declared and live, equal by meaning | any | in sync |
//! | declared and live, different | the applier, and live is what it applied last | [`VerdictRow::DifferentAsApplied`]: the declaration moved on |
//! | declared and live, different | the applier, but it applied another value | [`VerdictRow::DifferentByAdmission`] |
//! | declared and live, different | anybody else | [`VerdictRow::DifferentByOther`] |
//! | declared only | – | [`VerdictRow::DeclaredOnly`]; pending where it was never applied |
//! | live only | the applier, which once applied it | [`VerdictRow::OnceApplied`] |
//! | live only | a person or a tool | [`VerdictRow::AddedByOther`], or [`VerdictRow::DefaultChanged`] where a default stood |
//! | live only | a controller, in a field of its own | [`VerdictRow::ControllersOwn`]: no drift |
//! | live only | a person's tool, in a mark that shows to be a pipeline's record | [`VerdictRow::DeploymentRecord`]: no drift |
//! | live only, explained by a default | any | in sync |
//! | live only | nobody, on an object that has owners | in sync: a default or an admission the table does not know |
//! | live only, an entry of a map that has no defaults | nobody | [`VerdictRow::AddedByNobody`] |
//! | live only | nobody, on an object that has no owners | [`VerdictRow::AddedByNobody`] |
//!
//! What is live only is judged entry by entry where several filled it; what one manager put in as a whole is one change.
//! Controllers are known by what they do (they write the status, finalizers, keys of the object's own group), and by names besides.
//!
//! Lists that mean sets differ by their order only where a person wrote them. Of a kind without a schema, and of fields
//! that two versions of a kind do not have in common, a difference that a default or a conversion may explain is
//! [`Status::Unknown`], unless somebody other than the applier wrote it.
//!
//! The applier is not an argument but found: the field manager that owns most of what is declared.
//!
//! **Invariant:** nothing here reads a clock, a file or the order of a hash map. The same objects give the same report.

mod applier;
mod authority;
mod controllers;
mod deployment_record;
mod derived;
mod estate;
mod incremental;
mod injected;
mod live_index;
mod original;
mod report;
mod resource;
pub mod rules;
mod secret;
mod shares;
#[cfg(test)]
mod tests;
mod variables;
mod verdict;
mod versions;

pub use authority::{AppDeclaration, DeclarationError, DriftCorrection, Tracked, compare_apps};
pub use estate::{DesiredObject, DriftOptions, UnmanagedResources, compare};
pub use incremental::{IncrementalApps, IncrementalComparison};
pub use report::{
    Basis, CommitRef, Declaration, DriftCause, DriftChange, DriftClass, DriftReport, FieldOp, Owner,
    ResourceDrift, Status, Summary, VerdictRow,
};
pub use resource::{Context, compare_object};
pub use secret::normalize_secret;
pub use verdict::EngineContext;
