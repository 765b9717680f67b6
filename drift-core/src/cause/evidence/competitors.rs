//! What others take away from what fails: a host that another claims too, an amount that they use up, a daemon that left its node.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::graph::Relation;
use crate::history::{Moment, ResourceOp};
use crate::schema::Quantity;

use super::closure::Closure;
use super::index::{ChangeCard, ResourceId};
use super::leaves::{LeafChange, leaves_of};
use super::pods::exclusive_value;
use super::question::Question;

/// How far those are at most through which the family is reached.
const FRONT: f64 = 2.6;
/// Most pods that are counted.
const MAX_PODS: usize = 5000;
/// Most nodes of failing pods that are looked at.
const MAX_NODES: usize = 4;
/// Texts of failure that say of something limited that no more of it is left.
const USED_UP: [&str; 8] = [
    "connection slots",
    "too many connections",
    "too many clients",
    "too many open",
    "limit reached",
    "exhausted",
    "pool is full",
    "maximum number of",
];
/// Parts of names of fields that say how much of something limited is used.
const USES: [&str; 7] = ["replica", "pool", "connection", "concurren", "parallel", "worker", "thread"];

/// What only few may have, and who could have taken it.
#[derive(Debug, Default)]
pub(super) struct Competitors {
    /// Hosts and addresses that lead to the family, with the kinds of object that claim them; looked up when a change claims one.
    claimed: OnceCell<BTreeSet<(Arc<str>, String)>>,
    /// Whether a complaint says that something is used up.
    is_used_up: bool,
    /// Who of those that share what is short has more pods than before, and how many more.
    grown: BTreeMap<ResourceId, usize>,
    /// Daemons that left the node of a failing pod, and the node, with when that was.
    left: BTreeMap<ResourceId, Moment>,
}

impl Competitors {
    pub(super) fn new(question: &Question<'_>) -> Self {
        Self {
            claimed: OnceCell::new(),
            is_used_up: USED_UP.iter().any(|text| question.whole.contains(text)),
            grown: grown(question),
            left: left(question),
        }
    }

    /// Returns what speaks for a change because it claims a host that leads to the family.
    pub(super) fn claims(&self, question: &Question<'_>, closure: &Closure, card: &ChangeCard) -> f64 {
        let kind = &question.key(card.resource).kind;
        let brought = card.leaves.iter().filter(|l| !l.is_metadata() && l.before != l.after);
        let is_claimed = |l: &LeafChange| {
            let value = l.after.as_deref().and_then(|after| exclusive_value(&l.path, after));
            value.is_some_and(|v| {
                let holders: BTreeSet<ResourceId> = question.index.wanting(&v, question.until).collect();
                let claimed = || self.claimed.get_or_init(|| claimed(question, closure));
                (2..=3).contains(&holders.len()) && claimed().contains(&(Arc::clone(kind), v))
            })
        };
        if brought.into_iter().any(is_claimed) { 2.4 } else { 0.0 }
    }

    /// Returns what speaks for a change because it uses more of what is used up, and refers to what was named.
    pub(super) fn uses_up(&self, question: &Question<'_>, closure: &mut Closure, card: &ChangeCard) -> f64 {
        if card.op == ResourceOp::Delete {
            return 0.0;
        }
        if let Some(more) = self.grown.get(&card.resource) {
            return (0.8 + 0.2 * *more as f64).min(2.0);
        }
        if !self.is_used_up {
            return 0.0;
        }
        let quantity =
            |text: &Option<Box<str>>| text.as_deref()?.parse::<Quantity>().ok().map(Quantity::nanos);
        let is_more = |l: &LeafChange| {
            let last = l.last().to_ascii_lowercase();
            USES.iter().any(|u| last.contains(u))
                && quantity(&l.before).zip(quantity(&l.after)).is_some_and(|(before, after)| after > before)
        };
        let mut is_user = || {
            let users: Vec<ResourceId> = closure.steps(question, card.resource).into_iter().take(2).collect();
            let named = |id: &ResourceId| question.named.contains_key(id);
            users.iter().skip(1).any(named)
                || users.into_iter().any(|user| {
                    let near = closure.references(question, user).iter().filter(|(_, cost)| *cost <= 1.0);
                    near.into_iter().any(|(to, _)| question.named.contains_key(to))
                })
        };
        if card.leaves.iter().any(is_more) && is_user() { 2.0 } else { 0.0 }
    }

    /// Returns what speaks for a change because what it changed, or the daemons of the node that it changed, left the node of a
    /// failing pod after it.
    pub(super) fn left(&self, card: &ChangeCard) -> f64 {
        let left = self.left.get(&card.resource).filter(|left| card.mark.is_before(left));
        if left.is_some() && card.reported.is_empty() { 1.4 } else { 0.0 }
    }
}

fn claimed(question: &Question<'_>, closure: &Closure) -> BTreeSet<(Arc<str>, String)> {
    let near = closure.distances.iter().filter(|(_, d)| **d <= FRONT).map(|(id, _)| *id);
    let mut out = BTreeSet::new();
    for id in near.filter(|id| !question.key(*id).group.is_empty() && !question.is_pod(*id)) {
        let Some(object) = question.last(id) else { continue };
        for (path, value) in object.root().get("spec").map(leaves_of).unwrap_or_default() {
            let value = exclusive_value(&path, &value).filter(|_| value.contains('.'));
            out.extend(value.map(|v| (Arc::clone(&question.key(id).kind), v)));
        }
    }
    out
}

/// Finds who has more pods than when the log began, or than were ended since, where room for pods is short.
fn grown(question: &Question<'_>) -> BTreeMap<ResourceId, usize> {
    let of_quota = question.whole.contains("exceeded quota");
    if !of_quota && !question.whole.contains("insufficient ") && !question.whole.contains("too many pods") {
        return BTreeMap::new();
    }
    let history = &question.investigation.history;
    let namespace = &question.key(question.symptom).namespace;
    let pods: Vec<ResourceId> = if of_quota {
        history
            .of_kind_in("", "Pod", namespace)
            .take(MAX_PODS)
            .filter_map(|k| question.index.id_of(k))
            .collect()
    } else {
        history.of_kind("", "Pod").take(MAX_PODS).filter_map(|k| question.index.id_of(k)).collect()
    };
    let mut change: BTreeMap<ResourceId, i64> = BTreeMap::new();
    for pod in pods.into_iter().filter(|p| !question.family.contains(p)) {
        let is_new = question.index.born(pod, question.until).is_some_and(|b| !question.onset.is_before(b));
        match (question.index.is_there(pod, question.until), is_new) {
            (true, true) => *change.entry(question.top(pod)).or_default() += 1,
            (false, false) => *change.entry(question.top(pod)).or_default() -= 1,
            _ => {}
        }
    }
    let grown = change.into_iter().filter(|(top, n)| *n >= 2 && !question.family.contains(top));
    grown.filter_map(|(top, n)| Some((top, usize::try_from(n).ok()?))).collect()
}

/// Finds the daemons that are no longer on the node of a failing pod of the family, and are elsewhere.
fn left(question: &Question<'_>) -> BTreeMap<ResourceId, Moment> {
    let graph = &question.investigation.graph;
    let index = question.index;
    let nodes: BTreeSet<ResourceId> = question
        .family
        .iter()
        .filter(|id| {
            question.is_pod(**id) && index.is_there(**id, question.until) && !question.is_ready(**id)
        })
        .flat_map(|pod| graph.ever_from(question.key(*pod)))
        .filter(|e| e.relation == Relation::RunsOn)
        .filter_map(|e| index.id_of(e.to))
        .take(MAX_NODES)
        .collect();
    let mut out = BTreeMap::new();
    for node in nodes {
        let mut there: BTreeMap<ResourceId, Option<&Moment>> = BTreeMap::new();
        for edge in graph.ever_to(question.key(node)).iter().filter(|e| e.relation == Relation::RunsOn) {
            let Some(pod) = index.id_of(edge.from).filter(|p| !question.family.contains(p)) else { continue };
            let owner = question.owners(pod).pop().filter(|o| &*question.key(*o).kind == "DaemonSet");
            let Some(owner) = owner else { continue };
            let last = index.card(pod).lives.iter().rev().find(|(m, _)| m.at.is_within(question.until));
            let Some((mark, step)) = last else { continue };
            let gone = (*step == super::index::LifeStep::Gone).then_some(mark);
            let known = there.entry(owner).or_insert(gone);
            // One that is there counts more than any that are gone.
            *known = match (*known, gone) {
                (Some(a), Some(b)) => Some(if a.is_before(b) { b } else { a }),
                _ => None,
            };
        }
        for (daemon, gone) in there {
            if let Some(gone) = gone.filter(|g| !question.onset.is_before(g)) {
                out.insert(daemon, gone.clone());
                out.insert(node, gone.clone());
            }
        }
    }
    out
}
