//! Which resources may be behind a fault, and the path from the one to the other.
//!
//! Each file adds resources in one kind of role. A new relation is followed by a function that inserts into the
//! `ReachSet`, called from `reach`.

mod dependencies;
mod owners;
mod peers;
mod policies;
mod set;

use crate::fault::Fault;

use super::investigation::Investigation;
use set::ReachSet;

pub(super) use peers::{PeerService, backends_of, peers};
pub(super) use set::ReachedResource;

/// Finds the resources whose changes may be behind a fault, except peers, sorted by key and role.
pub(super) fn reach(investigation: &Investigation<'_>, fault: &Fault) -> Vec<ReachedResource> {
    let mut set = ReachSet::default();
    let start = ReachedResource::start(&fault.on);
    let own = owners::owners(investigation, start, &mut set);
    for o in &own {
        dependencies::dependencies(investigation, fault, o, 0, &mut set);
    }
    dependencies::nodes(investigation, fault, &own[0], &mut set);
    policies::policies_over(investigation, fault, &own, &mut set);
    policies::admission_webhooks(investigation, fault, &own[0], &mut set);
    policies::missing_definitions(investigation, fault, &own[0], &mut set);
    policies::competitors(investigation, fault, &own, &mut set);
    policies::controllers(investigation, fault, &own, &mut set);
    set.into_sorted()
}
