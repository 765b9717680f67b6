//! Which resources may stand behind a fault, and the way from the one to the other.

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

/// Finds what may stand behind a fault, peers left out, sorted.
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
