//! Which resources may stand behind a fault, and the way from the one to the other.

mod dependencies;
mod owners;
mod peers;
mod policies;
mod set;

use crate::fault::Fault;

use super::investigation::Investigation;
use super::role::CandidateRole;
use set::Field;

pub(super) use peers::{PeerService, behind, peers};
pub(super) use set::Reached;

/// Finds what may stand behind a fault, peers left out, sorted.
pub(super) fn reach(case: &Investigation<'_>, fault: &Fault) -> Vec<Reached> {
    let mut field = Field::default();
    let start =
        Reached { key: fault.on.clone(), place: CandidateRole::SelfOrOwner, cost: 0.0, way: Vec::new() };
    let own = owners::owners(case, start, &mut field);
    for o in &own {
        dependencies::needed(case, fault, o, 0, &mut field);
    }
    dependencies::nodes(case, fault, &own[0], &mut field);
    policies::rulers(case, fault, &own, &mut field);
    policies::mutators(case, fault, &own[0], &mut field);
    policies::definitions(case, fault, &own[0], &mut field);
    policies::rivals(case, fault, &own, &mut field);
    policies::controllers(case, fault, &own, &mut field);
    field.found.into_values().collect()
}
