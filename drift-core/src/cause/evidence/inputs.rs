//! Inputs of automation: a write by a controller carries out the change of what the controller reads.
//!
//! For example somebody takes a label off a ClusterRole; a controller rewrites the role that aggregates it by that label:
//! the rewrite is a hop, and the label is the cause. A write without an input is a cause itself: a revert, a rotation.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Relation;
use crate::history::ResourceOp;
use crate::k8s::managers::is_platform;
use crate::object::Node;

use super::closure::Closure;
use super::complaint::Complaint;
use super::index::{ChangeCard, ResourceId, WordId};
use super::parts::EvidenceKind;
use super::question::{Question, seconds};
use super::weigh::{Scale, WeighedChange, is_automatic, serves};
use super::words::words_in;

/// How long after its input a controller writes, at most: two of its intervals.
const REACTION_SECONDS: f64 = 90.0;
/// How far what may be behind the report of a node is at most.
const NEAR: f64 = 2.0;
/// An input that explains less of a write is none.
const LEAST: f64 = 0.25;
/// Most versions of an object whose status is read for what a controller worked out.
const MAX_VERSIONS: usize = 64;

/// Finds the input of every write by automation, and lets it take over what speaks for the write.
pub(super) fn hand_up(scale: &mut Scale<'_, '_>, weighed: &mut [WeighedChange]) {
    let question = scale.question;
    let mut order: Vec<usize> = (0..weighed.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(weighed[*i].number));
    for at in order {
        let write = question.index.change(weighed[at].number);
        // An end that nobody is known to have asked for may follow from that of something around it.
        let is_nobodys = write.op == ResourceOp::Delete && question.user_of(write).is_none();
        if !is_automatic(question, write) && !is_nobodys {
            continue;
        }
        let writer = Writer::of(question, write);
        let mut best: Option<(f64, usize)> = None;
        let new_words = match &*write.reported {
            [] => changed_words(write, question),
            reported => reported_words(question, reported),
        };
        for (other, candidate) in weighed.iter().enumerate() {
            let input = question.index.change(candidate.number);
            let delay = seconds(&input.mark, &write.mark);
            let is_before = input.mark.is_before(&write.mark) && delay <= REACTION_SECONDS;
            let is_read = candidate.parts.get(EvidenceKind::Effective) >= -1.0 || writer.reads(input);
            if !is_before || !is_read || is_same_automation(question, input, write) {
                continue;
            }
            let strength = if is_nobodys && !is_automatic(question, write) {
                let is_part = input.op == ResourceOp::Delete
                    && (ends_with(question, input, write)
                        || scale.closure.reference(question, write.resource, input.resource).is_some());
                f64::from(u8::from(is_part))
            } else {
                strength(scale, input, write, &writer, &new_words)
            };
            let strength = strength * (-delay.max(0.0) / REACTION_SECONDS).exp();
            if strength > LEAST && best.is_none_or(|(s, _)| strength > s) {
                best = Some((strength, other));
            }
        }
        let Some((_, up)) = best else { continue };
        let (of_write, number) = (weighed[at].parts, weighed[up].number);
        // It acts through automation, and need not be carried by any pod.
        weighed[up].parts.at_least(EvidenceKind::Carried, of_write.get(EvidenceKind::Carried));
        let input = question.index.change(number);
        if input.op == ResourceOp::Update && input.leaves.iter().all(|l| l.is_metadata()) {
            weighed[up].parts.at_least(EvidenceKind::Effective, -0.2);
        }
        weighed[at].input = Some(number);
        weighed[at].parts.set(EvidenceKind::Input, -2.0);
        let parts = &mut weighed[up].parts;
        for kind in [EvidenceKind::Said, EvidenceKind::Named, EvidenceKind::Vanished, EvidenceKind::Inherited]
        {
            parts.at_least(kind, 0.9 * of_write.get(kind));
        }
        parts.at_least(EvidenceKind::Closeness, of_write.get(EvidenceKind::Closeness) - 0.3);
        parts.at_least(EvidenceKind::Time, of_write.get(EvidenceKind::Time));
        let input = question.index.change(number).resource;
        if !question.family.contains(&input) {
            scale.closure.towards.insert(input, write.resource);
        }
    }
}

/// Returns `true` for two writes of automation to one object: the one does not read the other.
fn is_same_automation(question: &Question<'_>, input: &ChangeCard, write: &ChangeCard) -> bool {
    input.resource == write.resource && is_automatic(question, input) && input.reported.is_empty()
}

/// Who made a write, by the parts of the names of account, namespace of the account, and manager.
struct Writer(BTreeSet<String>);

impl Writer {
    fn of(question: &Question<'_>, write: &ChangeCard) -> Self {
        let user = question.user_of(write);
        let names = user.iter().flat_map(|u| u.rsplit(':').take(2)).chain(write.manager.as_deref());
        let common = [
            "controller",
            "operator",
            "manager",
            "system",
            "kube",
            "serviceaccount",
            "default",
            "api",
            "app",
            "com",
            "dev",
            "k8s",
            "org",
        ];
        let parts =
            names.flat_map(|n| n.split(['-', '.', '_'])).filter(|p| p.len() >= 3 && !common.contains(p));
        Self(parts.map(str::to_owned).collect())
    }

    /// Returns `true` if a label or annotation that a change sets is of a domain that has the writer's name.
    fn reads(&self, input: &ChangeCard) -> bool {
        input.leaves.iter().filter(|l| l.is_metadata()).any(|leaf| {
            let domain =
                leaf.path.get(2).and_then(|key| key.split_once('/')).map_or("", |(domain, _)| domain);
            domain.split(['.', '-']).any(|part| self.0.contains(part))
        })
    }

    /// Returns `true` if an API group has the writer's name.
    fn serves_group(&self, group: &str) -> bool {
        group.split(['.', '-']).any(|part| self.0.contains(part))
    }
}

/// Returns `true` if what a change ended takes the written object along: its definition, its namespace, its owner.
fn ends_with(question: &Question<'_>, input: &ChangeCard, write: &ChangeCard) -> bool {
    let (ended, key) = (question.key(input.resource), question.key(write.resource));
    is_defined_by(question, write, input)
        || (&*ended.kind == "Namespace" && ended.name == key.namespace)
        || parents(question, write.resource).contains(&input.resource)
}

/// Returns the words that a change brought, or where it brought none those that it took away.
fn changed_words(card: &ChangeCard, question: &Question<'_>) -> BTreeSet<WordId> {
    let (mut brought, mut gone) = (BTreeSet::new(), BTreeSet::new());
    for leaf in card.leaves.iter() {
        let words = |v: &Option<Box<str>>| v.as_deref().map(words_in).unwrap_or_default();
        let (before, after) = (words(&leaf.before), words(&leaf.after));
        brought.extend(after.difference(&before).filter_map(|w| question.index.word(w)));
        gone.extend(before.difference(&after).filter_map(|w| question.index.word(w)));
    }
    if brought.is_empty() && card.op == ResourceOp::Update { gone } else { brought }
}

/// Returns the words of what a node reports.
fn reported_words(question: &Question<'_>, reported: &[Complaint]) -> BTreeSet<WordId> {
    let words = reported.iter().flat_map(|c| words_in(&format!("{} {}", c.code, c.message)));
    words.filter_map(|w| question.index.word(&w)).collect()
}

/// Returns how well an earlier change explains a write, 0 to 1.2.
fn strength(
    scale: &mut Scale<'_, '_>,
    input: &ChangeCard,
    write: &ChangeCard,
    writer: &Writer,
    new_words: &BTreeSet<WordId>,
) -> f64 {
    let question = scale.question;
    // Two writes of one controller look alike because it made both.
    if is_automatic(question, input) && is_same_writer(question, input, write) {
        return 0.0;
    }
    let values = values(question, scale.closure, input, write, new_words);
    let relation = relation(scale, input, write, writer);
    let of_relation = if relation > 0.3 { 0.75 * relation } else { 0.0 };
    let both = if values > 0.0 && relation > 0.0 { 0.2 } else { 0.0 };
    values.max(of_relation) + both
}

fn is_same_writer(question: &Question<'_>, a: &ChangeCard, b: &ChangeCard) -> bool {
    let users = question.user_of(a).zip(question.user_of(b));
    users.map_or(a.manager.is_some() && a.manager == b.manager, |(a, b)| a == b)
}

/// Returns the share of the new words of a write that its input brought, or that came into the status of its object since.
fn values(
    question: &Question<'_>,
    closure: &Closure,
    input: &ChangeCard,
    write: &ChangeCard,
    new_words: &BTreeSet<WordId>,
) -> f64 {
    if new_words.is_empty() {
        return 0.0;
    }
    let brought: BTreeMap<WordId, f32> = input.words.iter().copied().filter(|(_, w)| *w >= 1.0).collect();
    if !write.reported.is_empty() {
        // Only what is near may be behind what a node says.
        let is_near = closure.distances.get(&input.resource).is_some_and(|d| *d <= NEAR);
        let is_shared =
            is_near && input.words.iter().any(|(w, weight)| *weight >= 0.7 && new_words.contains(w));
        return if is_shared && input.resource != write.resource { 0.5 } else { 0.0 };
    }
    let shared = new_words.iter().filter(|w| brought.contains_key(w)).count();
    if input.resource != write.resource && shared > 0 {
        return shared as f64 / new_words.len() as f64;
    }
    let came = status_brought(question, input, write, new_words);
    if came { 0.8 } else { 0.0 }
}

fn status_brought(
    question: &Question<'_>,
    input: &ChangeCard,
    write: &ChangeCard,
    new_words: &BTreeSet<WordId>,
) -> bool {
    let key = question.key(input.resource);
    let history = &question.investigation.history;
    if history.version_marks(key).count() > MAX_VERSIONS {
        return false;
    }
    let words: Vec<&str> =
        new_words.iter().map(|w| &**question.index.text(*w)).filter(|w| w.len() > 4).collect();
    let status = |v: &crate::history::RecordedVersion| {
        let object = v.object.as_ref()?;
        object.root().get("status").map(|s| format!("{s:?}").to_ascii_lowercase())
    };
    let (mut before, mut after) = (String::new(), String::new());
    for version in history.versions(key) {
        let mark = version.mark();
        if mark.is_before(&input.mark) {
            before.push_str(&status(version).unwrap_or_default());
        } else if mark.is_before(&write.mark) {
            after.push_str(&status(version).unwrap_or_default());
        }
    }
    words.iter().any(|w| after.contains(w)) && !words.iter().any(|w| before.contains(w))
}

/// Returns how closely a write has to do with its input, 0 to 1.
///
/// | the input is | |
/// |---|---|
/// | an earlier change of the written object by somebody else, whose status the writer reports or which it deletes | 0.9 |
/// | the definition of the written object's kind | 0.9 |
/// | what owns or manages the written object | 0.8 |
/// | selected by the written object, or by what owns or manages it | 0.8 |
/// | something whose status the writer reports, by the distance between both; without any edge | e^(−0.4 d); 0.55 |
/// | what the one that owns, manages or writes the written object refers to; over one more object | 0.75; 0.6 |
/// | the namespace of the written object; named by a label of it; of an API group with the writer's name | 0.6 |
fn relation(scale: &mut Scale<'_, '_>, input: &ChangeCard, write: &ChangeCard, writer: &Writer) -> f64 {
    let question = scale.question;
    let (input_key, write_key) = (question.key(input.resource), question.key(write.resource));
    if input.resource == write.resource {
        let is_its = !input.reported.is_empty()
            || serves(question, write, write.resource)
            || write.op == ResourceOp::Delete
            || write.manager.as_deref().is_some_and(is_platform);
        return if is_its { 0.9 } else { 0.0 };
    }
    let mut best: f64 = 0.0;
    if serves(question, write, input.resource) {
        let there = scale.closure.reference(question, input.resource, write.resource);
        let back = scale.closure.reference(question, write.resource, input.resource);
        let near = there.into_iter().chain(back).fold(f64::INFINITY, f64::min);
        // The controllers of Kubernetes report on everything; that says nothing about what they read.
        let is_built_in = is_platform(write.manager.as_deref().unwrap_or("kube-controller-manager"));
        best = if near.is_finite() {
            (-0.4 * near).exp()
        } else if is_built_in {
            0.0
        } else {
            0.55
        };
    }
    let is_workload =
        matches!(&*write_key.kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet");
    if !is_workload && selects(question, write.resource, input) {
        best = best.max(0.8);
    }
    let beside = parents(question, input.resource);
    for parent in parents(question, write.resource).into_iter().filter(|p| !beside.contains(p)) {
        if parent == input.resource || selects(question, parent, input) {
            best = best.max(0.8);
        } else if !is_revision(input) {
            match steps_to(scale, parent, input.resource) {
                Some(1) => best = best.max(0.75),
                Some(2) => best = best.max(0.6),
                _ => {}
            }
        }
    }
    if &*input_key.kind == "CustomResourceDefinition" && is_defined_by(question, write, input) {
        best = best.max(0.9);
    }
    if writer.serves_group(&input_key.group) {
        best = best.max(0.6);
    }
    // What is cleaned up is what belonged to something that went.
    let both_went = write.op == ResourceOp::Delete && input.op == ResourceOp::Delete;
    if both_went && scale.closure.reference(question, write.resource, input.resource).is_some() {
        best = best.max(0.8);
    }
    let is_around = &*input_key.kind == "Namespace" && input_key.name == write_key.namespace;
    if is_around || (input_key.name.len() > 3 && is_labelled(question, write, &input_key.name)) {
        best = best.max(0.6);
    }
    best
}

/// Returns `true` if a source fetched something: what it declares may have changed anywhere, or not at all.
fn is_revision(input: &ChangeCard) -> bool {
    input.leaves.iter().any(|l| l.path.first().is_some_and(|p| &**p == "status"))
}

/// Returns over how many strong references one resource refers to another, one or two.
fn steps_to(scale: &mut Scale<'_, '_>, from: ResourceId, to: ResourceId) -> Option<u8> {
    let question = scale.question;
    let is_strong = |cost: f64| cost <= 0.6;
    if scale.closure.reference(question, from, to).is_some_and(is_strong) {
        return Some(1);
    }
    let next = scale.closure.references(question, from).iter().filter(|(_, cost)| is_strong(*cost));
    let next: Vec<ResourceId> = next.map(|(id, _)| *id).collect();
    next.into_iter().any(|n| scale.closure.reference(question, n, to).is_some_and(is_strong)).then_some(2)
}

/// Returns what owns a resource, what declares it, and what writes it.
fn parents(question: &Question<'_>, id: ResourceId) -> BTreeSet<ResourceId> {
    let graph = &question.investigation.graph;
    let (up, into) = (graph.ever_from(question.key(id)), graph.ever_to(question.key(id)));
    let up =
        up.iter().filter(|e| matches!(e.relation, Relation::OwnedBy | Relation::ManagedBy)).map(|e| e.to);
    let writers =
        into.iter().filter(|e| matches!(e.relation, Relation::Writes | Relation::Scales)).map(|e| e.from);
    up.chain(writers).filter_map(|key| question.index.id_of(key)).collect()
}

fn is_defined_by(question: &Question<'_>, write: &ChangeCard, input: &ChangeCard) -> bool {
    let edges = question.investigation.graph.ever_from(question.key(write.resource));
    edges.iter().any(|e| e.relation == Relation::DefinedBy && e.to == question.key(input.resource))
}

/// Returns `true` if an object selects the input by labels that it has or had.
fn selects(question: &Question<'_>, holder: ResourceId, input: &ChangeCard) -> bool {
    let (holder, other) = (question.index.card(holder), question.key(input.resource));
    let is_in_reach = holder.key.namespace.is_empty() || holder.key.namespace == other.namespace;
    is_in_reach
        && holder.selectors.iter().any(|(labels, at)| {
            at.is_within(question.until) && question.index.had_labels(input.resource, labels, question.until)
        })
}

/// Returns `true` if a label of the written object names another.
fn is_labelled(question: &Question<'_>, write: &ChangeCard, name: &str) -> bool {
    if write.op == ResourceOp::Delete {
        return false;
    }
    let object = question.investigation.history.at(question.key(write.resource), &write.mark);
    let labels =
        object.and_then(|o| o.root().at(&["metadata", "labels"])).into_iter().flat_map(Node::children);
    labels.filter_map(Node::as_str).any(|value| value.contains(name))
}
