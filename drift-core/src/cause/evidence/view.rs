//! The evidence view: all recorded changes and "none of them", ranked by what speaks for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::key::ResourceKey;

use super::super::investigation::Investigation;
use super::closure::{Closure, references};
use super::index::{EvidenceIndex, ResourceId};
use super::inputs::hand_up;
use super::parts::{EvidenceKind, EvidenceParts};
use super::question::Question;
use super::weigh::{Scale, WeighedChange, candidates};

/// How deep others that fail are followed.
const MAX_DEPTH: usize = 2;
/// Most of them that are followed.
const MAX_FOLLOWED: usize = 3;
/// Nats of "none of them" where nothing points outside.
const NONE: f64 = -0.6;
/// What a change behind another's trouble loses.
const FOLLOWED: f64 = 0.5;
/// What the family's own change loses where the words point at another that fails.
const POINTED_ELSEWHERE: f64 = 0.8;

/// What the evidence says about a question.
#[derive(Debug)]
pub(in crate::cause) struct EvidenceView {
    /// Changes, those that most speaks for first.
    pub(in crate::cause) ranked: Vec<RankedChange>,
    /// Nats of "none of them".
    pub(in crate::cause) none: f64,
}

/// A change, with what speaks for it and the way to the symptom.
#[derive(Clone, Debug)]
pub(in crate::cause) struct RankedChange {
    pub(in crate::cause) event: crate::event::EventId,
    pub(in crate::cause) key: ResourceKey,
    pub(in crate::cause) nats: f64,
    pub(in crate::cause) parts: EvidenceParts,
    pub(in crate::cause) matched: Vec<String>,
    /// The change that this one carries out.
    pub(in crate::cause) input: Option<crate::event::EventId>,
    /// From the changed resource to the symptom, both included.
    pub(in crate::cause) steps: Vec<ResourceKey>,
}

impl RankedChange {
    /// Returns `true` if something speaks for it besides nearness and time: the words (of what changed, and not only of its name), what
    /// is gone, what was inherited.
    pub(in crate::cause) fn is_specific(&self) -> bool {
        let get = |kind| self.parts.get(kind);
        let specific = 0.7 * get(EvidenceKind::Said)
            + get(EvidenceKind::Vanished)
            + get(EvidenceKind::Inherited)
            + get(EvidenceKind::Competing);
        specific >= 0.8
    }
}

/// Asks what the evidence says about a resource; `None` if it was never there.
pub(in crate::cause) fn evidence_view(
    investigation: &Investigation<'_>,
    index: &EvidenceIndex,
    key: &ResourceKey,
    off: &BTreeSet<EvidenceKind>,
) -> Option<EvidenceView> {
    view(investigation, index, key, off, 0, &mut BTreeSet::new()).map(|(view, _)| view)
}

fn view(
    investigation: &Investigation<'_>,
    index: &EvidenceIndex,
    key: &ResourceKey,
    off: &BTreeSet<EvidenceKind>,
    depth: usize,
    seen: &mut BTreeSet<ResourceId>,
) -> Option<(EvidenceView, crate::history::Moment)> {
    let question = Question::new(investigation, index, key)?;
    seen.insert(question.symptom);
    let mut closure = Closure::new(&question);
    let numbers = candidates(&question, &closure);
    let mut scale = Scale::new(&question, &mut closure, &numbers);
    let mut weighed: Vec<WeighedChange> = numbers.iter().map(|n| scale.weigh(*n)).collect();
    if !off.contains(&EvidenceKind::Input) {
        hand_up(&mut scale, &mut weighed);
    }
    let mut ranked: BTreeMap<crate::event::EventId, RankedChange> = BTreeMap::new();
    for change in weighed {
        let card = index.change(change.number);
        let steps =
            closure.steps(&question, card.resource).into_iter().map(|id| question.key(id).clone()).collect();
        let nats = change.parts.sum(off);
        let input = change.input.map(|i| index.change(i).id);
        let one = RankedChange {
            event: card.id,
            input,
            key: question.key(card.resource).clone(),
            nats,
            parts: change.parts,
            matched: change.matched,
            steps,
        };
        ranked.insert(card.id, one);
    }
    let mut none = NONE + outside(&question.whole);
    if depth < MAX_DEPTH {
        let mut failed_first = false;
        let followed = failing_others(&question, seen);
        seen.extend(followed.iter().copied());
        for other in &followed {
            let Some((inner, onset)) = view(investigation, index, question.key(*other), off, depth + 1, seen)
            else {
                continue;
            };
            if question.onset.is_before(&onset) && super::question::seconds(&question.onset, &onset) > 5.0 {
                continue;
            }
            none = none.max(inner.none);
            failed_first |=
                onset.is_before(&question.onset) && super::question::seconds(&onset, &question.onset) > 1.0;
            for mut change in inner.ranked {
                change.nats -= FOLLOWED;
                let is_late = index
                    .card_of_event(&change.key, change.event)
                    .is_some_and(|c| question.onset.is_before(&c.mark));
                if is_late || ranked.get(&change.event).is_some_and(|known| known.nats >= change.nats) {
                    continue;
                }
                if let Some(id) = index.id_of(&change.key).filter(|id| question.family.contains(id)) {
                    change.steps =
                        closure.steps(&question, id).into_iter().map(|id| question.key(id).clone()).collect();
                } else {
                    change.steps.extend(
                        closure
                            .steps(&question, *other)
                            .into_iter()
                            .skip(1)
                            .map(|id| question.key(id).clone()),
                    );
                }
                ranked.insert(change.event, change);
            }
        }
        if !followed.is_empty() {
            for change in ranked.values_mut() {
                let is_family = index.id_of(&change.key).is_some_and(|id| question.family.contains(&id));
                let is_named = change.parts.get(EvidenceKind::Said) + change.parts.get(EvidenceKind::Named)
                    >= 0.5
                    || change.parts.get(EvidenceKind::Vanished) > 0.0;
                if is_family && (failed_first || !is_named) {
                    change.nats -= POINTED_ELSEWHERE;
                }
            }
        }
    }
    let mut ranked: Vec<RankedChange> = ranked.into_values().collect();
    ranked.sort_by(|a, b| {
        b.nats.total_cmp(&a.nats).then_with(|| a.key.cmp(&b.key)).then_with(|| a.event.cmp(&b.event))
    });
    Some((EvidenceView { ranked, none }, question.onset.clone()))
}

/// Returns those whom the words or the status of the symptom point at, or what stands behind them, and that fail as well.
fn failing_others(question: &Question<'_>, seen: &BTreeSet<ResourceId>) -> Vec<ResourceId> {
    let mut out: Vec<ResourceId> = Vec::new();
    let mut named: Vec<(ResourceId, f64)> = question.named.iter().map(|(id, cost)| (*id, *cost)).collect();
    named.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (id, _) in named.into_iter().filter(|(id, cost)| *cost <= 1.0 && &*question.key(*id).kind != "Node") {
        let mut behind = vec![id];
        behind.extend(question.owners(id));
        if &*question.key(id).kind == "Service" {
            behind.extend(
                references(question, id).into_iter().filter(|(_, cost)| *cost == 0.6).map(|(to, _)| to),
            );
        } else {
            let owned = question.owned(id);
            behind.extend(owned.iter().flat_map(|o| question.owned(*o)));
            behind.extend(owned);
        }
        let fails =
            |b: &ResourceId| !question.family.contains(b) && !seen.contains(b) && question.fails_as_well(*b);
        let failing: Vec<ResourceId> = behind.into_iter().filter(fails).collect();
        let pods: Vec<ResourceId> = failing.iter().copied().filter(|b| question.is_pod(*b)).collect();
        let first = |b: &ResourceId| {
            let complaints = question.complaints(*b);
            let first = complaints.iter().find(|c| !c.is_old).map(|c| c.mark.at);
            (!question.index.is_there(*b, question.until), first, *b)
        };
        let pick = if pods.is_empty() { failing } else { pods }.into_iter().min_by_key(first);
        if let Some(pick) = pick.filter(|p| out.iter().all(|o| question.top(*o) != question.top(*p))) {
            out.push(pick);
        }
    }
    out.truncate(MAX_FOLLOWED);
    out
}

/// What points outside of the recorded cluster, in nats for "none of them"; the largest counts.
fn outside(said: &str) -> f64 {
    const SIGNS: &[(f64, &[&str])] = &[
        (2.5, &["has expired", "is expired", "expired", "not yet valid"]),
        (
            1.5,
            &[
                "429",
                "too many requests",
                "rate limit",
                "ratelimit",
                "rate-limit",
                "quota exceeded for",
                "throttl",
            ],
        ),
        (
            1.2,
            &[
                "input/output error",
                "i/o error",
                "disk",
                "read-only file system",
                "no space left",
                "corrupt",
                "queue full",
                "overload",
                "heap",
                "out of memory",
                "oomkilled",
                "too many open files",
                "connection pool",
                "deadlock",
                "panic",
                "segfault",
                "segmentation",
                "nil pointer",
                "goroutine",
                "assertion",
            ],
        ),
        (
            0.7,
            &[
                " 502",
                " 503",
                " 504",
                "bad gateway",
                "service unavailable",
                "upstream",
                "no route to host",
                "network is unreachable",
                "i/o timeout",
                "host is down",
                "tls handshake timeout",
            ],
        ),
    ];
    let found = SIGNS.iter().find(|(_, signs)| signs.iter().any(|s| said.contains(s)));
    found.map_or(0.0, |(nats, _)| *nats)
}
