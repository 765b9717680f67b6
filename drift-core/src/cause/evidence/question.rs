//! The question: who is concerned, when the trouble began, and what is said about it.

mod naming;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::event::{EventId, Until};
use crate::fault::Fault;
use crate::graph::Relation;
use crate::history::{KubernetesEvent, Moment, ResourceOp};
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::super::investigation::{Investigation, RecordedWrite};
use super::super::lineage::{owners_of, pods_of};
use super::complaint::{Complaint, ComplaintSource, SaidComplaint, complaints_of};
use super::index::{ChangeCard, EvidenceIndex, ResourceId};
use super::words::{add_words, blanked, fields_of, without_phrases, words_in};

/// Complaints so near each other belong to one episode.
const EPISODE_SECONDS: f64 = 20.0;
/// Complaints in the same words belong to one episode over a longer time: a container restarts with a growing back-off.
const SAME_WORDS_SECONDS: f64 = 120.0;
/// A pod that was made so near the end of another of its workload replaces it.
const REPLACED_SECONDS: f64 = 30.0;
/// Most members of a family.
const MAX_FAMILY: usize = 500;

/// A complaint with who made it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) by: ResourceId,
    pub(super) what: SaidComplaint,
}

/// A resource that is not well, with what is known of its trouble.
pub(super) struct Question<'q> {
    pub(super) investigation: &'q Investigation<'q>,
    pub(super) index: &'q EvidenceIndex,
    pub(super) until: Until,
    pub(super) symptom: ResourceId,
    /// It, what makes it, and what it makes.
    pub(super) family: BTreeSet<ResourceId>,
    /// The topmost owners of the family.
    pub(super) tops: BTreeSet<ResourceId>,
    /// What the family said since the onset.
    pub(super) said: Vec<Said>,
    /// When the trouble began.
    pub(super) onset: Moment,
    /// Words that were said with how much each counts: of the symptom's own complaints 1.
    pub(super) words: BTreeMap<String, f64>,
    /// Words among them that nobody said: fields that the words of failure are about.
    pub(super) vocabulary: BTreeSet<String>,
    /// Names of the family, which would fit every change of its own.
    pub(super) own_names: BTreeSet<String>,
    /// All that was said, in lower case.
    pub(super) whole: String,
    /// Others whom the complaints or the status of the symptom name, with the distance.
    pub(super) named: BTreeMap<ResourceId, f64>,
    /// What every pod stands on, with its distance.
    pub(super) shared_by_pods: OnceCell<Vec<(ResourceId, f64)>>,
    /// Classes of a kind that are, or were, taken where none is named, as far as they were looked up.
    pub(super) default_classes: RefCell<HashMap<&'static str, Vec<ResourceId>>>,
    /// Whether others fail as well, as far as it was looked up.
    failing: RefCell<HashMap<ResourceId, bool>>,
    /// Users of changes that were looked up.
    users: RefCell<HashMap<EventId, Option<Arc<str>>>>,
}

/// Sorts by the cluster's own order where all have one, else by the order of the log.
pub(super) fn sort_by_moment<T>(all: &mut [T], mark: impl Fn(&T) -> &Moment) {
    let number = |m: &Moment| m.version.as_ref().and_then(|v| v.as_str().parse::<u64>().ok());
    if all.iter().all(|t| number(mark(t)).is_some()) {
        all.sort_by_key(|t| (number(mark(t)), mark(t).at));
    } else {
        all.sort_by_key(|t| mark(t).at);
    }
}

/// Returns the seconds from one moment to another; negative if it was before.
pub(super) fn seconds(from: &Moment, to: &Moment) -> f64 {
    to.at.time.duration_since(from.at.time).as_secs_f64()
}

/// Returns `true` for a Kubernetes Event that ends a pod and that its component does not hold for a warning.
///
/// Source: kube-scheduler's `preemption.go`, the taint eviction controller, cluster-autoscaler's `actuation`.
fn is_ending(event: &KubernetesEvent) -> bool {
    matches!(&*event.reason, "Preempted" | "TaintManagerEviction" | "ScaleDown" | "EvictedByVPA")
}

impl<'q> Question<'q> {
    /// Asks about a resource; `None` if it was never there, or nothing at all is known of its trouble.
    pub(super) fn new(
        investigation: &'q Investigation<'q>,
        index: &'q EvidenceIndex,
        key: &ResourceKey,
    ) -> Option<Self> {
        let until = investigation.history.until();
        let symptom = index.id_of(key).filter(|id| index.was_known(*id, until))?;
        let mut question = Self {
            investigation,
            index,
            until,
            symptom,
            family: BTreeSet::from([symptom]),
            tops: BTreeSet::new(),
            said: Vec::new(),
            onset: index.card(symptom).lives.first()?.0.clone(),
            words: BTreeMap::new(),
            vocabulary: BTreeSet::new(),
            own_names: BTreeSet::new(),
            whole: String::new(),
            named: BTreeMap::new(),
            shared_by_pods: OnceCell::new(),
            default_classes: RefCell::default(),
            failing: RefCell::default(),
            users: RefCell::default(),
        };
        question.find_family();
        question.find_episode()?;
        question.collect_words();
        question.find_named();
        Some(question)
    }

    pub(super) fn key(&self, id: ResourceId) -> &'q ResourceKey {
        &self.index.card(id).key
    }

    pub(super) fn is_pod(&self, id: ResourceId) -> bool {
        matches!(self.key(id).group_kind(), ("", "Pod"))
    }

    /// Returns who made a change, where its event or another source names the user.
    pub(super) fn user_of(&self, card: &ChangeCard) -> Option<Arc<str>> {
        let lookup = self.investigation.users.as_ref().filter(|_| card.user.is_none());
        let Some(lookup) = lookup else { return card.user.clone() };
        let find = || {
            let (version, at) = (card.mark.version.as_ref(), card.mark.at.time);
            let is_deletion = card.op == ResourceOp::Delete;
            lookup.find(&RecordedWrite { key: self.key(card.resource), version, at, is_deletion })
        };
        self.users.borrow_mut().entry(card.id).or_insert_with(find).clone()
    }

    /// Returns the newest state of a resource, whether it is there or gone.
    pub(super) fn last(&self, id: ResourceId) -> Option<&'q Arc<Object>> {
        self.investigation.history.last(self.key(id))
    }

    /// Returns the owners of a resource, nearest first.
    pub(super) fn owners(&self, id: ResourceId) -> Vec<ResourceId> {
        owners_of(self.investigation, self.key(id)).iter().filter_map(|k| self.index.id_of(k)).collect()
    }

    /// Returns the topmost owner of a resource, or itself.
    pub(super) fn top(&self, id: ResourceId) -> ResourceId {
        self.owners(id).pop().unwrap_or(id)
    }

    /// Returns what a resource owns.
    pub(super) fn owned(&self, id: ResourceId) -> Vec<ResourceId> {
        let edges = self.investigation.graph.ever_to(self.key(id));
        let owned = edges.iter().filter(|e| e.relation == Relation::OwnedBy);
        owned.filter_map(|e| self.index.id_of(e.from)).collect()
    }

    /// Returns the pods that a workload ever owned, not more than are looked at.
    pub(super) fn pods_below(&self, id: ResourceId) -> Vec<ResourceId> {
        let pods = pods_of(self.investigation, self.key(id));
        pods.iter().filter_map(|k| self.index.id_of(k)).take(MAX_FAMILY).collect()
    }

    fn find_family(&mut self) {
        self.family.extend(self.owners(self.symptom));
        let mut queue = vec![self.symptom];
        while let Some(id) = queue.pop() {
            for owned in self.owned(id) {
                if self.family.len() < MAX_FAMILY && self.family.insert(owned) {
                    queue.push(owned);
                }
            }
        }
        self.tops = self.family.iter().map(|id| self.top(*id)).collect();
    }

    /// Returns what a resource complained of, and what Events of type `Warning` said about it, in order.
    pub(super) fn complaints(&self, id: ResourceId) -> Vec<SaidComplaint> {
        let own = self.index.card(id).complaints.iter().filter(|c| c.mark.at.is_within(self.until));
        let mut all: Vec<SaidComplaint> = own.cloned().collect();
        let events = self.investigation.history.kubernetes_events(self.key(id));
        all.extend(events.iter().filter(|e| e.is_warning || is_ending(e)).map(|e| self.reported(e)));
        sort_by_moment(&mut all, |c| &c.mark);
        all
    }

    /// Returns `true` if a Kubernetes Event was made before the log began.
    fn is_old(&self, event: &KubernetesEvent) -> bool {
        let start = self.investigation.history.start();
        event.created.zip(start).is_some_and(|(c, s)| c.as_second() < s.as_second())
    }

    fn reported(&self, event: &KubernetesEvent) -> SaidComplaint {
        let is_old = self.is_old(event);
        let complaint = Complaint::new(ComplaintSource::Event, &event.reason, &event.message);
        SaidComplaint { complaint, mark: event.mark.clone(), component: event.component.clone(), is_old }
    }

    /// Returns `true` if a resource complained shortly before the onset; it is looked up once for a question.
    pub(super) fn fails_as_well(&self, id: ResourceId) -> bool {
        if let Some(known) = self.failing.borrow().get(&id) {
            return *known;
        }
        let found = self.complained_before_onset(id);
        self.failing.borrow_mut().insert(id, found);
        found
    }

    fn complained_before_onset(&self, id: ResourceId) -> bool {
        let is_near = |mark: &Moment| (-5.0..120.0).contains(&seconds(mark, &self.onset));
        let own = &self.index.card(id).complaints;
        let of_status = own.iter().any(|c| !c.is_old && c.mark.at.is_within(self.until) && is_near(&c.mark));
        of_status
            || self
                .investigation
                .history
                .kubernetes_events(self.key(id))
                .iter()
                .any(|e| (e.is_warning || is_ending(e)) && is_near(&e.mark) && !self.is_old(e))
    }

    /// Finds since when it is not well: back from the last complaint over short gaps, or longer ones in the same words.
    fn find_episode(&mut self) -> Option<()> {
        let mut all: Vec<Said> = Vec::new();
        for id in &self.family {
            let is_there = self.index.is_there(*id, self.until);
            let counts = |c: &SaidComplaint| {
                is_there || *id == self.symptom || c.complaint.source == ComplaintSource::Event
            };
            all.extend(self.complaints(*id).into_iter().filter(counts).map(|what| Said { by: *id, what }));
        }
        all.extend(self.ends_of_predecessors());
        if self.key(self.symptom).group_kind() == ("", "Service") || all.is_empty() {
            // What only other objects show, as that a Service has no endpoints.
            let faults = self.investigation.faults_of(self.key(self.symptom));
            all.extend(faults.iter().map(|f| Said { by: self.symptom, what: said_by(f) }));
        }
        sort_by_moment(&mut all, |s| &s.what.mark);
        // That something was not looked at yet is known only when it is asked about.
        let is_silent = all.iter().all(|s| &*s.what.complaint.code == "NotObserved");
        let Some(onset) = self.first_of_episode(&all).filter(|_| !is_silent) else {
            self.onset = Moment { version: None, at: self.investigation.history.end()? };
            self.said = all;
            return Some(());
        };
        self.onset = onset.mark;
        self.said = all.into_iter().filter(|s| !s.what.mark.is_before(&self.onset)).collect();
        Some(())
    }

    /// Returns why those ended that pods of the family replace.
    fn ends_of_predecessors(&self) -> Vec<Said> {
        let mut out = Vec::new();
        for pod in self.family.iter().copied().filter(|id| self.is_pod(*id)) {
            let Some(born) = self.index.born(pod, self.until) else { continue };
            let Some(owner) = self.owners(pod).first().copied() else { continue };
            let before = self.pods_below(owner).into_iter().filter(|p| !self.family.contains(p));
            for other in before {
                let events = self.investigation.history.kubernetes_events(self.key(other));
                let near = |e: &&KubernetesEvent| {
                    is_ending(e) && (-REPLACED_SECONDS..REPLACED_SECONDS).contains(&seconds(&e.mark, born))
                };
                let ends = events.iter().filter(near).map(|e| Said { by: other, what: self.reported(e) });
                out.extend(ends);
            }
        }
        out
    }

    fn first_of_episode(&self, all: &[Said]) -> Option<SaidComplaint> {
        let pick = |from: Vec<&'_ Said>, test: &dyn Fn(&Said) -> bool| -> Vec<Said> {
            let picked: Vec<Said> = from.iter().filter(|s| test(s)).map(|s| (**s).clone()).collect();
            if picked.is_empty() { from.into_iter().cloned().collect() } else { picked }
        };
        let fresh = pick(all.iter().collect(), &|s| !s.what.is_old);
        let strong = pick(fresh.iter().collect(), &|s| !s.what.complaint.is_weak());
        let mine = pick(strong.iter().collect(), &|s| s.by == self.symptom);
        let mut onset = mine.last()?.what.clone();
        let mut words: BTreeSet<String> = BTreeSet::from([blanked(&onset.complaint.message)]);
        words.extend(
            strong
                .iter()
                .filter(|s| !s.what.mark.is_before(&onset.mark))
                .map(|s| blanked(&s.what.complaint.message)),
        );
        let now = self.investigation.history.now(self.key(self.symptom));
        words.extend(now.into_iter().flat_map(|o| complaints_of(o)).map(|c| blanked(&c.message)));
        for said in strong.iter().rev() {
            if onset.mark.is_before(&said.what.mark) {
                continue;
            }
            let gap = seconds(&said.what.mark, &onset.mark);
            let same = words.contains(&blanked(&said.what.complaint.message));
            if gap <= EPISODE_SECONDS || (same && gap <= SAME_WORDS_SECONDS) {
                onset = said.what.clone();
                if said.by == self.symptom {
                    words.insert(blanked(&onset.complaint.message));
                }
            }
        }
        Some(onset)
    }

    fn collect_words(&mut self) {
        for id in &self.family {
            let name = &self.key(*id).name;
            add_words(name, &mut self.own_names);
            self.own_names.insert(name.to_ascii_lowercase());
        }
        add_words(&self.key(self.symptom).namespace, &mut self.own_names);
        let mut texts: BTreeMap<String, f64> = BTreeMap::new();
        let mut text_words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut order = Vec::new();
        for said in &self.said {
            let text = format!("{} {}", said.what.complaint.message, said.what.complaint.code);
            let weight = if said.by == self.symptom { 1.0 } else { 0.9 };
            if !texts.contains_key(&text) {
                order.push(text.clone());
                text_words.insert(text.clone(), words_in(&said.what.complaint.message));
            }
            let w = texts.entry(text).or_insert(weight);
            *w = w.max(weight);
        }
        let is_generic = |text: &str| {
            self.said
                .iter()
                .any(|s| s.what.complaint.is_generic() && text.starts_with(&*s.what.complaint.message))
        };
        for text in order.iter().filter(|t| !is_generic(t)) {
            let weight = texts[text];
            // Where a name is not resolved, what has it is not to blame.
            let (plain, of_phrases) = without_phrases(&without_lookups(text));
            let words = words_in(&plain);
            for field in words.iter().flat_map(|w| fields_of(w)).chain(&of_phrases) {
                if !self.words.contains_key(*field) {
                    self.vocabulary.insert((*field).to_owned());
                }
                let w = self.words.entry((*field).to_owned()).or_default();
                *w = w.max(0.5 * weight);
            }
            // The name of a reason stands for the fields that it is about, and not for itself, unless nothing else is said.
            let is_reason = |w: &String| !text_words[text].is_empty() && !text_words[text].contains(w);
            for word in words.iter().filter(|w| !self.own_names.contains(*w) && !is_reason(w)) {
                self.vocabulary.remove(word);
                let w = self.words.entry(word.clone()).or_default();
                *w = w.max(weight);
            }
        }
        self.whole = order.join(" ").to_ascii_lowercase();
        self.add_containers();
    }

    /// Adds the names of containers that fail, or that run while the others are done, where a pod has several.
    fn add_containers(&mut self) {
        let is_run = matches!(&*self.key(self.symptom).kind, "Job" | "CronJob");
        let mut names = BTreeSet::new();
        for pod in self.family.iter().filter(|id| self.is_pod(**id)).filter_map(|id| self.last(*id)) {
            let lists = ["containerStatuses", "initContainerStatuses"].map(|l| pod.root().at(&["status", l]));
            let all: Vec<Node<'_>> = lists.into_iter().flatten().flat_map(Node::children).collect();
            let ended_well =
                |c: &Node<'_>| c.at(&["state", "terminated", "exitCode"]).and_then(Node::as_i64) == Some(0);
            let some_done = all.iter().any(ended_well);
            for container in all.iter().filter(|_| all.len() > 1) {
                let is_ready = container.get("ready").and_then(Node::as_bool) == Some(true);
                let outlasts = is_run && some_done && container.at(&["state", "running"]).is_some();
                if (!is_ready && !ended_well(container)) || outlasts {
                    let name = container.str_at(&["name"]).unwrap_or_default();
                    add_words(name, &mut names);
                    names.insert(name.to_ascii_lowercase());
                }
            }
        }
        for name in names {
            let w = self.words.entry(name).or_default();
            *w = w.max(0.7);
        }
    }

    /// Returns `true` if a pod is ready in its newest state.
    pub(super) fn is_ready(&self, pod: ResourceId) -> bool {
        let turns = self.index.card(pod).ready.iter().rev();
        turns
            .into_iter()
            .find(|(mark, _)| mark.at.is_within(self.until))
            .is_some_and(|(_, is_ready)| *is_ready)
    }
}

/// Returns a text without the names that it says were looked up: `lookup orders.shop.svc on 10.0.0.10:53`.
fn without_lookups(text: &str) -> String {
    let mut is_name = false;
    let words = text.split(' ').filter(|word| {
        let keep = !is_name;
        is_name = *word == "lookup" || word.ends_with("(lookup");
        keep
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns what the engine that knows kinds of faults says, as a complaint.
fn said_by(fault: &Fault) -> SaidComplaint {
    let message = format!("{} {}", fault.kind.as_str(), fault.message);
    let complaint = Complaint::new(ComplaintSource::Status, &fault.reason, message.trim());
    SaidComplaint { complaint, mark: fault.onset.clone(), component: None, is_old: false }
}
