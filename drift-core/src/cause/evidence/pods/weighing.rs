//! Pieces of evidence that rest on pods, and on what the changed resource itself reported.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Moment, ResourceOp};
use crate::object::{Node, Object};

use super::super::index::{ChangeCard, ResourceId, is_made_for_others};
use super::super::parts::{EvidenceKind, EvidenceParts};
use super::super::question::{Question, seconds};
use super::super::weigh::Scale;
use super::super::words::kind_words;
use super::exclusive_value;

/// A pod that was ready for so long with a change ran well with it.
const RAN_WELL_SECONDS: f64 = 6.0;
/// A resource that complains so soon after its change complains of it.
const REACTION_SECONDS: f64 = 4.0;

/// Returns `true` if the controller of a resource has not seen a change yet: what it complains of does not come from it.
fn is_unobserved(question: &Question<'_>, card: &ChangeCard) -> bool {
    let number = |o: &Object, steps: &[&str]| o.root().at(steps).and_then(Node::as_i64);
    let made = question.investigation.history.at(question.key(card.resource), &card.mark);
    let generation = made.and_then(|o| number(o, &["metadata", "generation"]));
    let seen = question.last(card.resource).and_then(|o| number(o, &["status", "observedGeneration"]));
    generation.zip(seen).is_some_and(|(generation, seen)| seen < generation)
}

/// Returns `true` if the controller of a changed resource saw the change and said that all is well, before the onset.
fn reported_well(question: &Question<'_>, card: &ChangeCard) -> bool {
    let key = question.key(card.resource);
    if card.op != ResourceOp::Update || card.leaves.is_empty() || is_made_for_others(key) {
        return false;
    }
    let number = |o: &Object, steps: &[&str]| o.root().at(steps).and_then(Node::as_i64);
    let history = &question.investigation.history;
    let Some(made) = history.at(key, &card.mark).and_then(|o| number(o, &["metadata", "generation"])) else {
        return false;
    };
    let between = history
        .versions(key)
        .iter()
        .filter(|v| card.mark.is_before(&v.mark()) && v.mark().is_before(&question.onset));
    between.into_iter().any(|v| {
        let Some(o) = &v.object else { return false };
        let seen = number(o, &["status", "observedGeneration"]);
        let of_conditions = o.root().at(&["status", "conditions"]).into_iter().flat_map(Node::children);
        let seen = seen.max(of_conditions.filter_map(|c| c.get("observedGeneration")?.as_i64()).max());
        seen.is_some_and(|seen| seen >= made) && question.investigation.is_healthy(o, v.at.time)
    })
}

/// Pieces of evidence that rest on pods.
impl Scale<'_, '_> {
    pub(in crate::cause::evidence) fn weigh_pods(
        &mut self,
        card: &ChangeCard,
        is_family: bool,
        distance: f64,
        parts: &mut EvidenceParts,
    ) {
        let carried = self.carried(card, is_family);
        parts.set(EvidenceKind::Carried, carried);
        parts.set(EvidenceKind::Revision, if carried < 0.0 { 0.0 } else { self.revision(card, is_family) });
        parts.set(EvidenceKind::Cleared, self.cleared(card, is_family, distance));
        parts.set(EvidenceKind::Contrast, self.contrast(card, is_family).max(self.competitors.left(card)));
        parts.set(EvidenceKind::Competing, self.competing(card, is_family));
        parts.set(EvidenceKind::Reaction, self.reaction(card));
        parts.set(EvidenceKind::Inherited, self.inherited(card, is_family));
        if self.pods.sharers > 1 && self.question.tops.contains(&self.question.top(card.resource)) {
            parts.set(EvidenceKind::SharedFate, -(self.pods.sharers as f64).ln());
        }
    }

    /// Of what makes pods: 0 where those that fail carry the change, and less where none does.
    fn carried(&mut self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        let is_run = matches!(&*question.key(card.resource).kind, "Job" | "CronJob");
        if card.op != ResourceOp::Update
            || is_run
            || question.is_pod(card.resource)
            || card.leaves.iter().all(|l| l.is_metadata())
        {
            return 0.0;
        }
        if is_family && is_unobserved(question, card) {
            return -2.4;
        }
        let mut below = question.pods_below(card.resource);
        if below.is_empty() {
            return 0.0;
        }
        if is_family {
            let fails = |p: &ResourceId| {
                question.family.contains(p) && (*p == question.symptom || self.pods.failing.contains_key(p))
            };
            let bad: Vec<ResourceId> = below.iter().copied().filter(fails).collect();
            if question.is_pod(question.symptom) {
                below = vec![question.symptom];
            } else if !bad.is_empty() {
                below = bad;
            }
        }
        let is_newer = |p: &ResourceId| {
            let last = question.investigation.history.version_marks(question.key(*p)).last();
            last.is_some_and(|m| !m.is_before(&card.mark))
        };
        let new: Vec<ResourceId> = below.into_iter().filter(is_newer).collect();
        for leaf in card.leaves.iter().filter(|l| !l.is_metadata()) {
            let name: Box<str> = leaf.last().into();
            if &*name == "replicas" && leaf.path.len() == 2 {
                return if is_family { -0.5 } else { 0.0 };
            }
            let mut has = |value: &str| -> Vec<bool> {
                new.iter()
                    .map(|p| self.pods.values(question, *p).contains(&(name.clone(), value.into())))
                    .collect()
            };
            let arrived = match (&leaf.before, &leaf.after) {
                (_, Some(after)) if leaf.path.len() > 2 => has(after).contains(&true),
                (Some(before), None) if leaf.path.len() > 3 => has(before).contains(&false),
                _ => false,
            };
            if arrived {
                return 0.0;
            }
        }
        -2.4
    }

    /// Of what makes the pods: pods made after the change fail and older ones run, or the other way round.
    fn revision(&self, card: &ChangeCard, is_family: bool) -> f64 {
        if !is_family || card.op == ResourceOp::Delete || card.leaves.iter().all(|l| l.is_metadata()) {
            return 0.0;
        }
        let is_new = |born: &Option<Moment>| born.as_ref().is_some_and(|b| card.mark.is_before(b));
        let count = |pods: &BTreeMap<ResourceId, Option<Moment>>| {
            let kin = pods.iter().filter(|(p, _)| self.pods.kin.contains(p));
            let (new, old): (Vec<_>, Vec<_>) = kin.partition(|(_, born)| is_new(born));
            (new.len(), old.len())
        };
        let ((new_fail, old_fail), (new_run, old_run)) =
            (count(&self.pods.failing), count(&self.pods.running));
        match (new_fail > 0, old_fail > 0) {
            (true, false) if old_run > 0 && new_run == 0 => 1.0,
            (true, false) if new_run == 0 => 0.6,
            (true, false) => -0.3,
            (false, true) => -1.0,
            (true, true) => -0.8,
            (false, false) => 0.0,
        }
    }

    /// Pods of the family that were made after the change and were ready for a while ran well with it.
    fn cleared(&self, card: &ChangeCard, is_family: bool, distance: f64) -> f64 {
        let question = self.question;
        let mut out = 0.0;
        if is_family && reported_well(question, card) {
            out = -1.6;
        } else if is_family || distance <= 1.6 {
            let ran = self.pods.kin.iter().map(|p| self.ran_well(*p, card)).fold(0.0, f64::max);
            if ran > 1.5 {
                out = -1.6 * (ran / RAN_WELL_SECONDS).min(1.0);
            }
        }
        if !is_family && self.came_up_well(card) {
            out = f64::min(out, -1.0);
        }
        if self.pods.sharers > 1 && !is_family {
            if distance >= 2.8 {
                let later = self.pods.came_up.iter().filter(|m| card.mark.is_before(m)).count();
                out -= (0.6 * later as f64).min(1.6);
            }
            if self.pods.first_onset.is_before(&card.mark) {
                out -= 2.0;
            }
        }
        out
    }

    /// Returns `true` if the pods of another workload that were made after its change came up, are ready, and stay so.
    fn came_up_well(&self, card: &ChangeCard) -> bool {
        let question = self.question;
        let is_workload =
            matches!(&*question.key(card.resource).kind, "Deployment" | "StatefulSet" | "DaemonSet");
        let complains = || {
            let all = question.complaints(card.resource);
            all.iter().any(|c| card.mark.is_before(&c.mark) && !c.complaint.is_weak())
        };
        if !is_workload || card.op != ResourceOp::Update || complains() {
            return false;
        }
        let is_new = |p: &ResourceId| {
            question.index.born(*p, question.until).is_some_and(|born| card.mark.is_before(born))
        };
        let below = question.pods_below(card.resource);
        let new: Vec<ResourceId> = below.into_iter().filter(is_new).collect();
        let is_well = |p: &ResourceId| question.is_ready(*p) && self.ran_well(*p, card) > 0.0;
        !new.is_empty() && new.iter().all(is_well)
    }

    /// Returns for how many seconds a pod that was made after a change was ready before the onset.
    fn ran_well(&self, pod: ResourceId, card: &ChangeCard) -> f64 {
        let question = self.question;
        if question.index.born(pod, question.until).is_none_or(|born| !card.mark.is_before(born)) {
            return 0.0;
        }
        let mut longest: f64 = 0.0;
        let mut since: Option<&Moment> = None;
        for (mark, is_ready) in &question.index.card(pod).ready {
            if question.onset.is_before(mark) {
                break;
            }
            match (is_ready, since) {
                (true, None) => since = Some(mark),
                (false, Some(from)) => {
                    longest = longest.max(seconds(from, mark));
                    since = None;
                }
                _ => {}
            }
        }
        since.map_or(longest, |from| longest.max(seconds(from, &question.onset)))
    }

    /// Who depends on what changed fails, and who does not depend on it does not (Ochiai's coefficient over pods).
    fn contrast(&mut self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        let failing = self.pods.failing.len();
        if is_family || question.is_pod(card.resource) || failing < 2 {
            return 0.0;
        }
        let Some(dependants) = self.pods.dependants(question).get(&card.resource).cloned() else {
            return 0.0;
        };
        let fails = dependants.iter().filter(|p| self.pods.failing.contains_key(p)).count() as f64;
        let runs: f64 = dependants
            .iter()
            .filter_map(|p| self.pods.running.get(p))
            .map(|born| if born.as_ref().is_some_and(|b| card.mark.is_before(b)) { 1.0 } else { 0.5 })
            .sum();
        let ochiai = fails / (failing as f64 * (fails + runs).max(0.5)).sqrt();
        (1.6 * (ochiai - 0.45)).clamp(-1.0, 1.0)
    }

    /// The changed resource itself complained as soon as it was changed, and not before; or it had complained all along.
    fn reaction(&self, card: &ChangeCard) -> f64 {
        let question = self.question;
        if card.op != ResourceOp::Update || question.is_pod(card.resource) || !card.reported.is_empty() {
            return 0.0;
        }
        let complaints = &question.index.card(card.resource).complaints;
        let strong =
            complaints.iter().filter(|c| c.mark.at.is_within(question.until) && !c.complaint.is_weak());
        let since =
            strong.filter(|c| !question.onset.is_before(&c.mark) || seconds(&question.onset, &c.mark) < 5.0);
        let Some(last) = since.last().filter(|c| !c.is_old) else { return 0.0 };
        match seconds(&card.mark, &last.mark) {
            s if (0.0..REACTION_SECONDS).contains(&s) && !last.mark.is_before(&card.mark) => 1.0,
            s if s < 0.0 => -1.0,
            _ => 0.0,
        }
    }

    /// The change brought a value that only one may have, and that the family has too.
    fn competing(&mut self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        if is_family || is_made_for_others(question.key(card.resource)) {
            return 0.0;
        }
        let brought = card.leaves.iter().filter(|l| !l.is_metadata() && l.before != l.after);
        let values = brought
            .filter_map(|l| exclusive_value(&l.path, l.after.as_deref()?))
            .filter(|v| self.pods.exclusive.contains(v));
        let of_others = self.competitors.claims(question, self.closure, card).max(self.competitors.uses_up(
            question,
            self.closure,
            card,
        ));
        let holders =
            values.map(|v| question.index.wanting(&v, question.until).collect::<BTreeSet<_>>().len());
        let of_values = holders
            .filter(|n| (1..=3).contains(n))
            .map(|n| 2.4 - 0.6 * (n as f64 - 1.0))
            .fold(of_others, f64::max);
        if card.op == ResourceOp::Create && self.selects_the_same(card.resource) {
            of_values.max(2.4)
        } else {
            of_values
        }
    }

    /// Returns `true` if what was made selects what another of its kind selects as well, of the family or of what is named.
    fn selects_the_same(&self, made: ResourceId) -> bool {
        let question = self.question;
        let index = question.index;
        let selects = |holder: ResourceId, id: ResourceId| {
            let own = &question.key(holder).namespace;
            let is_own = own.is_empty() || *own == question.key(id).namespace;
            is_own
                && index.card(holder).selectors.iter().any(|(labels, at)| {
                    at.is_within(question.until) && index.had_labels(id, labels, question.until)
                })
        };
        let near = question.named.iter().filter(|(_, cost)| **cost <= 0.9).map(|(id, _)| *id);
        let pods = question.family.iter().copied().chain(near).filter(|id| question.is_pod(*id));
        let key = question.key(made);
        pods.filter(|pod| selects(made, *pod)).any(|pod| {
            let kin = question.investigation.history.of_kind_in(&key.group, &key.kind, &key.namespace);
            kin.filter_map(|k| index.id_of(k))
                .any(|other| other != made && index.is_there(other, question.until) && selects(other, pod))
        })
    }

    /// Words of the change are in what failing pods have from elsewhere than their templates.
    fn inherited(&self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        if is_family || self.pods.inherited.is_empty() {
            return 0.0;
        }
        let of_change =
            card.words.iter().filter(|(w, _)| self.pods.inherited.contains(&**question.index.text(*w)));
        let mut all: Vec<f64> = of_change.map(|(w, place)| self.rarity.of(*w) * f64::from(*place)).collect();
        let of_kind = kind_words(question.key(card.resource)).0;
        all.extend(
            of_kind
                .iter()
                .filter(|w| self.pods.inherited.contains(*w))
                .map(|w| 0.5 * self.rarity.of_text(question, w)),
        );
        all.sort_by(|a, b| b.total_cmp(a));
        (all.iter().take(4).sum::<f64>() * 0.5).min(4.0)
    }
}
