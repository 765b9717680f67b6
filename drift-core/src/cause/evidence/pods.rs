//! What pods tell: which ones fail and which run, with what, and since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::{Moment, ResourceOp};
use crate::object::Object;

use super::closure::references;
use super::complaint::ComplaintSource;
use super::index::{ChangeCard, LifeStep, ResourceId, is_made_for_others};
use super::leaves::{bare, leaves_of};
use super::question::{Question, seconds};
use super::weigh::{EvidenceKind, EvidenceParts, Scale};
use super::words::{add_words, blanked};

/// A pod that was ready for so long with a change ran well with it.
const RAN_WELL_SECONDS: f64 = 6.0;
/// A resource that complains so soon after its change complains of it.
const REACTION_SECONDS: f64 = 4.0;
/// Of so many pods all are looked at; of more those that have to do with the family or fail alike.
const ALL_PODS: usize = 500;
/// Running pods of the same workload that a failing one is compared with.
const COMPARED: usize = 6;

/// Pods of other workloads that a failing one is compared with where none of its own runs.
const OTHERS: usize = 24;

/// A value with the last step of the way to it.
type NamedValue = (Box<str>, Box<str>);

/// What is known of the pods that a question looks at.
#[derive(Debug)]
pub(super) struct Pods {
    /// Pods that fail, with when they were made; `None` where that was before the log began.
    failing: BTreeMap<ResourceId, Option<Moment>>,
    /// Pods that run.
    running: BTreeMap<ResourceId, Option<Moment>>,
    /// Pods of the family's workloads.
    kin: BTreeSet<ResourceId>,
    /// How many unrelated workloads say the same.
    pub(super) sharers: usize,
    /// When the first of those that say the same did so.
    pub(super) first_onset: Moment,
    /// When what fails was started, if that was recorded.
    pub(super) started: Option<Moment>,
    /// When pods elsewhere were made that came up before anybody said the same.
    came_up: Vec<Moment>,
    /// Words of what all failing pods have and no running one has, or the other way round, beyond their templates.
    inherited: BTreeSet<String>,
    /// Values that the family wants for itself, such as ports.
    exclusive: BTreeSet<String>,
    /// Who among the pods refers to a resource directly; made when it is asked for.
    dependants: Option<HashMap<ResourceId, BTreeSet<ResourceId>>>,
    /// Values of pods by their last step; made when they are asked for.
    values: HashMap<ResourceId, BTreeSet<NamedValue>>,
}

impl Pods {
    pub(super) fn new(question: &Question<'_>) -> Self {
        let mut pods = Self {
            failing: BTreeMap::new(),
            running: BTreeMap::new(),
            kin: BTreeSet::new(),
            sharers: 1,
            first_onset: question.onset.clone(),
            started: None,
            came_up: Vec::new(),
            inherited: BTreeSet::new(),
            exclusive: BTreeSet::new(),
            dependants: None,
            values: HashMap::new(),
        };
        let texts = specific_texts(question);
        pods.find_sharers(question, &texts);
        let all = pods_to_look_at(question, &texts);
        pods.kin = all
            .iter()
            .copied()
            .filter(|p| question.family.contains(p) || question.tops.contains(&question.top(*p)))
            .collect();
        pods.sort_out(question, &all, &texts);
        pods.find_start(question);
        pods.find_came_up(question, &all);
        pods.find_inherited(question, &all);
        pods.exclusive = exclusive_values(question);
        pods
    }

    fn find_sharers(&mut self, question: &Question<'_>, texts: &BTreeSet<String>) {
        let mut tops: BTreeSet<&str> = BTreeSet::new();
        let mut note = |id: ResourceId, mark: &Moment, first: &mut Moment| {
            tops.insert(&question.key(question.top(id)).name);
            if mark.is_before(first) {
                *first = mark.clone();
            }
        };
        for text in texts {
            for (id, mark) in question.index.complaining(text, question.until) {
                note(id, mark, &mut self.first_onset);
            }
        }
        self.sharers = tops.len().max(1);
    }

    fn sort_out(&mut self, question: &Question<'_>, all: &BTreeSet<ResourceId>, texts: &BTreeSet<String>) {
        let blank: BTreeSet<String> = texts.iter().map(|t| blanked(t)).collect();
        for pod in all.iter().copied().filter(|p| question.index.is_there(*p, question.until)) {
            let born = question.index.born(pod, question.until).cloned();
            let is_ready = question.is_ready(pod);
            if pod == question.symptom || (question.family.contains(&pod) && !is_ready) {
                self.failing.insert(pod, born);
                continue;
            }
            let complaints = question.complaints(pod);
            let recent: Vec<_> = complaints
                .iter()
                .filter(|c| !c.is_old && seconds(&question.onset, &c.mark) >= -60.0)
                .collect();
            if is_ready && recent.is_empty() {
                self.running.insert(pod, born);
            } else if !is_ready && recent.iter().any(|c| blank.contains(&blanked(&c.complaint.message))) {
                self.failing.insert(pod, born);
            }
        }
    }

    fn find_start(&mut self, question: &Question<'_>) {
        let fails = |p: &ResourceId| *p == question.symptom || self.failing.contains_key(p);
        let born = question
            .family
            .iter()
            .filter(|p| question.is_pod(**p) && fails(p))
            .filter_map(|p| question.index.born(*p, question.until));
        self.started = born.filter(|b| !question.onset.is_before(b)).max_by_key(|b| b.at).cloned();
    }

    fn find_came_up(&mut self, question: &Question<'_>, all: &BTreeSet<ResourceId>) {
        for pod in all.iter().filter(|p| !question.family.contains(p)) {
            let card = question.index.card(*pod);
            let Some((born, LifeStep::Born)) = card.lives.first() else { continue };
            let ready = card.ready.iter().find(|(_, is_ready)| *is_ready);
            if ready.is_some_and(|(mark, _)| mark.is_before(&self.first_onset)) {
                self.came_up.push(born.clone());
            }
        }
    }

    /// Compares failing pods with running ones of the same workload, and where none runs with all others.
    fn find_inherited(&mut self, question: &Question<'_>, all: &BTreeSet<ResourceId>) {
        let of_family: Vec<ResourceId> =
            question.family.iter().copied().filter(|p| question.is_pod(*p)).collect();
        let Some(pod) = of_family
            .iter()
            .find(|p| **p == question.symptom)
            .or_else(|| of_family.iter().find(|p| self.failing.contains_key(p)))
        else {
            return;
        };
        let pod = *pod;
        let top = question.top(pod);
        let kin: Vec<ResourceId> = self.kin.iter().copied().filter(|p| question.top(*p) == top).collect();
        let failing: Vec<ResourceId> =
            kin.iter().copied().filter(|p| *p == pod || self.failing.contains_key(p)).collect();
        let was_ready = |p: &ResourceId| {
            question
                .index
                .card(*p)
                .ready
                .iter()
                .any(|(mark, is_ready)| *is_ready && mark.at.is_within(question.until))
        };
        let good: Vec<ResourceId> =
            kin.iter().copied().filter(|p| !failing.contains(p) && was_ready(p)).collect();
        let own = |p: &ResourceId| question.last(*p).map(|o| own_leaves(o)).unwrap_or_default();
        let bad_leaves: Vec<BTreeSet<String>> = failing.iter().map(own).collect();
        let Some(all_bad) = bad_leaves.into_iter().reduce(|a, b| a.intersection(&b).cloned().collect())
        else {
            return;
        };
        let good: Vec<ResourceId> = good.into_iter().rev().take(COMPARED).collect();
        let differing: BTreeSet<String> = if good.is_empty() {
            let others: Vec<BTreeSet<String>> =
                all.iter().filter(|p| !kin.contains(p)).take(OTHERS).map(own).collect();
            let name = blank_suffix(&question.key(pod).name);
            let is_place = |leaf: &String| {
                ["kube-api-access", "tolerat"].iter().any(|t| leaf.contains(t))
                    || leaf.ends_with(&format!("={name}"))
            };
            let is_rare =
                |leaf: &&String| others.iter().filter(|o| o.contains(*leaf)).count() * 3 < others.len();
            all_bad.iter().filter(is_rare).filter(|l| !is_place(l)).cloned().collect()
        } else {
            let good_leaves: Vec<BTreeSet<String>> = good.iter().map(own).collect();
            let any_good: BTreeSet<String> = good_leaves.iter().flatten().cloned().collect();
            let all_good = good_leaves
                .into_iter()
                .reduce(|a, b| a.intersection(&b).cloned().collect())
                .unwrap_or_default();
            let any_bad: BTreeSet<String> = failing.iter().flat_map(own).collect();
            all_bad.difference(&any_good).chain(all_good.difference(&any_bad)).cloned().collect()
        };
        let makers = failing.iter().chain(&good).filter_map(|p| question.owners(*p).first().copied());
        let templates: BTreeSet<String> =
            makers.collect::<BTreeSet<_>>().into_iter().flat_map(|m| template_leaves(question, m)).collect();
        for leaf in differing.difference(&templates) {
            add_words(leaf, &mut self.inherited);
        }
    }

    fn dependants(&mut self, question: &Question<'_>) -> &HashMap<ResourceId, BTreeSet<ResourceId>> {
        let pods: Vec<ResourceId> = self.failing.keys().chain(self.running.keys()).copied().collect();
        self.dependants.get_or_insert_with(|| {
            let mut all: HashMap<ResourceId, BTreeSet<ResourceId>> = HashMap::new();
            for pod in pods {
                let near =
                    references(question, pod).into_iter().filter(|(_, cost)| *cost <= 1.0).map(|(to, _)| to);
                for to in near.chain(question.owners(pod)) {
                    all.entry(to).or_default().insert(pod);
                }
            }
            all
        })
    }

    fn values(&mut self, question: &Question<'_>, pod: ResourceId) -> &BTreeSet<NamedValue> {
        self.values.entry(pod).or_insert_with(|| {
            let Some(object) = question.last(pod) else { return BTreeSet::new() };
            let parts = ["spec", "metadata"].into_iter().filter_map(|p| object.root().get(p));
            let leaves = parts.flat_map(leaves_of);
            leaves.map(|(path, value)| (path.last().map_or("", |p| bare(p)).into(), value.into())).collect()
        })
    }
}

/// Returns `true` if the controller of a resource has not seen a change yet: what it complains of does not come from it.
fn is_unobserved(question: &Question<'_>, card: &ChangeCard) -> bool {
    let number = |o: &Object, steps: &[&str]| o.root().at(steps).and_then(crate::object::Node::as_i64);
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
    let number = |o: &Object, steps: &[&str]| o.root().at(steps).and_then(crate::object::Node::as_i64);
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
        let of_conditions =
            o.root().at(&["status", "conditions"]).into_iter().flat_map(crate::object::Node::children);
        let seen = seen.max(of_conditions.filter_map(|c| c.get("observedGeneration")?.as_i64()).max());
        seen.is_some_and(|seen| seen >= made) && question.investigation.is_healthy(o, v.at.time)
    })
}

/// Returns the complaints of the family that say more than that something restarts.
fn specific_texts(question: &Question<'_>) -> BTreeSet<String> {
    let of_container = |s: &ComplaintSource| {
        matches!(s, ComplaintSource::Event | ComplaintSource::Waiting | ComplaintSource::Ended)
    };
    let all = question
        .said
        .iter()
        .map(|s| &s.what.complaint)
        .filter(|c| of_container(&c.source))
        .map(|c| &c.message);
    let is_specific = |m: &str| {
        let lower = m.to_ascii_lowercase();
        blanked(m).len() > 25
            && !["back-off", "backoff", "probe failed", "minimum avail"].iter().any(|t| lower.contains(t))
    };
    all.filter(|m| is_specific(m)).map(|m| m.to_string()).collect()
}

fn pods_to_look_at(question: &Question<'_>, texts: &BTreeSet<String>) -> BTreeSet<ResourceId> {
    let pods: Vec<ResourceId> = question
        .investigation
        .history
        .of_kind("", "Pod")
        .take(ALL_PODS + 1)
        .filter_map(|k| question.index.id_of(k))
        .collect();
    if pods.len() <= ALL_PODS {
        return pods.into_iter().collect();
    }
    let mut out: BTreeSet<ResourceId> = BTreeSet::new();
    let mut queue: Vec<ResourceId> = question.tops.iter().copied().collect();
    while let Some(id) = queue.pop().filter(|_| out.len() < ALL_PODS) {
        for owned in question.owned(id) {
            if question.is_pod(owned) {
                out.insert(owned);
            } else {
                queue.push(owned);
            }
        }
    }
    out.extend(question.family.iter().copied().filter(|p| question.is_pod(*p)));
    for text in texts {
        let alike = question.index.complaining(text, question.until).map(|(id, _)| id);
        out.extend(alike.filter(|p| question.is_pod(*p)).take(ALL_PODS));
    }
    out
}

/// Returns what a pod has, without what names the pod itself.
fn own_leaves(pod: &Object) -> BTreeSet<String> {
    let spec = pod.root().get("spec").map(leaves_of).unwrap_or_default();
    // Where it runs, and what every pod tolerates, come from the scheduler and from admission.
    let is_place = |path: &[Box<str>]| {
        path.last().is_some_and(|p| matches!(&**p, "nodeName" | "hostname"))
            || path.first().is_some_and(|p| &**p == "tolerations")
    };
    // A replica of a StatefulSet has its own name in its claims.
    let name = pod.root().str_at(&["metadata", "name"]).unwrap_or("\u{0}");
    let spec = spec
        .iter()
        .filter(|(p, _)| !is_place(p))
        .map(|(p, v)| blank_suffix(&format!("{}={v}", p.join(".")).replace(name, "#")));
    let annotations = pod.root().at(&["metadata", "annotations"]).map(leaves_of).unwrap_or_default();
    let annotations: Vec<String> =
        annotations.iter().map(|(p, v)| format!("annotations.{}={v}", p.join("."))).collect();
    spec.chain(annotations).collect()
}

fn template_leaves(question: &Question<'_>, maker: ResourceId) -> BTreeSet<String> {
    let template = question.last(maker).and_then(|o| o.root().at(&["spec", "template", "spec"]));
    let leaves = template.map(leaves_of).unwrap_or_default();
    leaves.iter().map(|(p, v)| blank_suffix(&format!("{}={v}", p.join(".")))).collect()
}

/// Takes out the random endings of names: `web-x7k2p`.
fn blank_suffix(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('-');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let is_random = end == 5 && part[..end].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if is_random {
            out.push_str(&part[end..]);
        } else {
            out.push('-');
            out.push_str(part);
        }
    }
    out
}

/// Returns the values that the family wants for itself.
fn exclusive_values(question: &Question<'_>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for object in question.family.iter().filter_map(|id| question.last(*id)) {
        for (path, value) in object.root().get("spec").map(leaves_of).unwrap_or_default() {
            out.extend(exclusive_value(&path, &value));
        }
    }
    out
}

/// Returns a value that only one may have, such as a port of a node, with the name of its field.
pub(super) fn exclusive_value(path: &[Box<str>], value: &str) -> Option<String> {
    let last = path.last().map(|p| bare(p)).unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    let is_exclusive =
        ["port", "host", "claim", "address", "volume", "cidr"].iter().any(|t| lower.contains(t));
    (is_exclusive
        && (2..200).contains(&value.len())
        && !matches!(value, "true" | "false" | "null" | "{}" | "[]"))
    .then(|| format!("{last}\u{1f}{value}"))
}

/// Pieces of evidence that rest on pods.
impl Scale<'_, '_> {
    pub(super) fn weigh_pods(
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
        parts.set(EvidenceKind::Contrast, self.contrast(card, is_family));
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
        if card.op != ResourceOp::Update
            || question.is_pod(card.resource)
            || card.leaves.iter().all(|l| l.is_metadata())
        {
            return 0.0;
        }
        if is_family && is_unobserved(question, card) {
            return -2.4;
        }
        let mut below: Vec<ResourceId> = Vec::new();
        let mut queue = vec![card.resource];
        while let Some(id) = queue.pop().filter(|_| below.len() < 500) {
            for owned in question.owned(id) {
                if question.is_pod(owned) { below.push(owned) } else { queue.push(owned) }
            }
        }
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
    fn competing(&self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        if is_family || is_made_for_others(question.key(card.resource)) {
            return 0.0;
        }
        let brought = card.leaves.iter().filter(|l| !l.is_metadata() && l.before != l.after);
        let values = brought
            .filter_map(|l| exclusive_value(&l.path, l.after.as_deref()?))
            .filter(|v| self.pods.exclusive.contains(v));
        let holders =
            values.map(|v| question.index.wanting(&v, question.until).collect::<BTreeSet<_>>().len());
        let of_values =
            holders.filter(|n| (1..=3).contains(n)).map(|n| 2.4 - 0.6 * (n as f64 - 1.0)).fold(0.0, f64::max);
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
                    at.is_within(question.until)
                        && labels.iter().all(|l| index.labelled(*l, question.until).any(|held| held == id))
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
        let of_kind = super::index::kind_words(question.key(card.resource)).0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_endings_are_no_difference() {
        assert_eq!(
            blank_suffix("volumes.[kube-api-access-x7k2p].name=kube-api-access-9zzzz"),
            "volumes.[kube-api-access].name=kube-api-access"
        );
        assert_eq!(blank_suffix("image=web-server:1"), "image=web-server:1");
    }

    #[test]
    fn ports_and_hosts_are_exclusive() {
        let path = |last: &str| -> Vec<Box<str>> { vec!["spec".into(), last.into()] };
        assert!(exclusive_value(&path("hostPort"), "8080").is_some());
        assert!(exclusive_value(&path("replicas"), "3").is_none());
        assert!(exclusive_value(&path("hostNetwork"), "true").is_none());
    }
}
