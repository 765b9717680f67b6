//! What pods tell: which ones fail and which run, with what, and since when.

mod weighing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::history::Moment;
use crate::object::Object;

use super::closure::references;
use super::complaint::ComplaintSource;
use super::index::{LifeStep, ResourceId};
use super::leaves::{bare, leaves_of};
use super::question::{Question, seconds};
use super::words::{add_words, blanked};

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
    let mut out: BTreeSet<ResourceId> =
        question.tops.iter().flat_map(|top| question.pods_below(*top)).collect();
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
