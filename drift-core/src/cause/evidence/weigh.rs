//! Evidence: how much each piece speaks for a change, in nats.

mod said;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::history::{Moment, ResourceOp};
use crate::k8s::managers::is_platform;

use super::closure::Closure;
use super::competitors::Competitors;
use super::complaint::ComplaintSource;
use super::index::{ChangeCard, ChangeId, ResourceId, WordId, is_made_for_others};
use super::leaves::{LeafChange, desired_leaves};
use super::parts::{EvidenceKind, EvidenceParts};
use super::pods::Pods;
use super::question::{Question, seconds};
use super::words::{add_words, is_inert, is_nonce, kind_words, words_in};

/// Most members of a family whose own words are looked at.
const MAX_OWN: usize = 8;

/// A change with what speaks for it.
#[derive(Clone, Debug)]
pub(super) struct WeighedChange {
    pub(super) number: ChangeId,
    pub(super) parts: EvidenceParts,
    /// Words of the complaints that the change has, those that tell most first.
    pub(super) matched: Vec<String>,
    /// The change that this one carries out.
    pub(super) input: Option<ChangeId>,
}

/// How much a word tells among the candidates.
pub(super) struct Rarity {
    of: HashMap<WordId, f64>,
}

impl Rarity {
    fn new(question: &Question<'_>, candidates: &[ChangeId]) -> Self {
        let index = question.index;
        let mut resources: BTreeMap<ResourceId, BTreeSet<WordId>> = BTreeMap::new();
        for number in candidates {
            let card = index.change(*number);
            resources.entry(card.resource).or_default().extend(card.words.iter().map(|(w, _)| *w));
        }
        let mut holders: HashMap<WordId, u32> = HashMap::new();
        for (id, words) in &mut resources {
            let card = index.card(*id);
            words.extend(card.name_words.iter());
            words.extend(kind_words(&card.key).0.iter().filter_map(|w| index.word(w)));
            for word in words.iter() {
                *holders.entry(*word).or_default() += 1;
            }
        }
        let n = (resources.len() + 1) as f64;
        let idf = |df: u32| ((n + 1.0) / (f64::from(df) + 0.5)).ln() / (n + 1.0).ln() * 3.0;
        Self { of: holders.into_iter().map(|(w, df)| (w, idf(df))).collect() }
    }

    pub(super) fn of(&self, word: WordId) -> f64 {
        self.of.get(&word).copied().unwrap_or(0.0)
    }

    pub(super) fn of_text(&self, question: &Question<'_>, word: &str) -> f64 {
        question.index.word(word).map_or(0.0, |w| self.of(w))
    }
}

/// All that the pieces of evidence of one question are made of.
pub(super) struct Scale<'q, 'a> {
    pub(super) question: &'a Question<'q>,
    pub(super) closure: &'a mut Closure,
    pub(super) pods: Pods,
    pub(super) competitors: Competitors,
    pub(super) rarity: Rarity,
    /// Words that count, of the family and of what fails near it.
    words: BTreeMap<String, f64>,
    word_ids: HashMap<WordId, f64>,
    /// Words of what the family wants.
    own_words: HashSet<WordId>,
    /// Words of the complaints that few candidates have.
    rare_said: BTreeSet<String>,
    /// Only the platform complains: Events, and no container that ended.
    only_platform: bool,
}

/// Returns `true` if a change may be behind the trouble at all.
fn is_candidate(question: &Question<'_>, card: &ChangeCard) -> bool {
    let key = question.key(card.resource);
    if question.onset.is_before(&card.mark) {
        return false;
    }
    // What a controller makes for what it owns follows from that; an edit or an end may be a step on the way.
    if card.is_owned
        && (is_made_for_others(key)
            || (card.op == ResourceOp::Create && (card.manager.is_none() || is_automatic(question, card))))
    {
        return false;
    }
    // That somebody asked for an end is no reason why it does not come.
    let is_awaited = card.op == ResourceOp::Delete
        && question.family.contains(&card.resource)
        && question.index.is_there(card.resource, question.until);
    !(is_awaited || (&*key.kind == "Pod" && card.op == ResourceOp::Delete))
}

/// Returns `true` if automation made a change: by the user, or as a manager that writes status as well.
pub(super) fn is_automatic(question: &Question<'_>, card: &ChangeCard) -> bool {
    if let Some(user) = question.user_of(card) {
        return user.starts_with("system:") && !user.starts_with("system:admin");
    }
    match &card.manager {
        Some(manager) => {
            question.index.writes_status(manager, question.until)
                || manager.contains("controller")
                || is_platform(manager)
        }
        None => card.is_owned,
    }
}

/// Of so many changes all are weighed.
pub(super) const ALL_CHANGES: ChangeId = 1500;
/// A word that more changes hold tells little about any of them.
const WORD_CHANGES: usize = 200;
/// Newest changes of a place that are weighed whether or not anything else connects them.
const PLACE_CHANGES: usize = 100;
/// Newest changes of one resource that are weighed.
const RESOURCE_CHANGES: usize = 20;

/// Returns the changes that may be behind the trouble, in the order of the log: in a large estate those of what was reached, those
/// that the words name, and the newest of the namespace and of the cluster.
pub(super) fn candidates(question: &Question<'_>, closure: &Closure) -> Vec<ChangeId> {
    let index = question.index;
    let count = index.change_count(question.until);
    let looked_at: BTreeSet<ChangeId> = if count <= ALL_CHANGES {
        (0..count).collect()
    } else {
        let mut out = BTreeSet::new();
        for id in closure.distances.keys() {
            let changes = &index.card(*id).changes;
            out.extend(changes.iter().rev().filter(|c| **c < count).take(RESOURCE_CHANGES));
        }
        for word in question.words.keys().filter_map(|w| index.word(w)) {
            out.extend(index.worded(word, count, WORD_CHANGES));
        }
        for namespace in [&*question.key(question.symptom).namespace, ""] {
            out.extend(index.changes_within(namespace, count, PLACE_CHANGES));
        }
        out
    };
    looked_at.into_iter().filter(|number| is_candidate(question, index.change(*number))).collect()
}

impl<'q, 'a> Scale<'q, 'a> {
    pub(super) fn new(question: &'a Question<'q>, closure: &'a mut Closure, candidates: &[ChangeId]) -> Self {
        let rarity = Rarity::new(question, candidates);
        let mut words = question.words.clone();
        for (word, weight) in words_of_failing(question, closure) {
            words.entry(word).or_insert(weight);
        }
        let word_ids =
            words.iter().filter_map(|(w, weight)| Some((question.index.word(w)?, *weight))).collect();
        let is_rare = |w: &str, weight: f64| weight > 0.6 && w.len() > 3 && rarity.of_text(question, w) > 1.5;
        let rare_said = question
            .words
            .iter()
            .filter(|(w, weight)| is_rare(w, **weight))
            .map(|(w, _)| w.clone())
            .collect();
        let says = |s: &&super::question::Said| -> (bool, bool) {
            let c = &s.what.complaint;
            let text = c.message.to_ascii_lowercase();
            let of_app = c.source == ComplaintSource::Ended
                || text.contains("probe failed")
                || (text.contains("ack-off") && text.contains("restarting"));
            let of_platform = c.source == ComplaintSource::Event
                && !["probe failed", "ack-off", "minimum avail"].iter().any(|t| text.contains(t))
                && &*c.code != "NodeNotReady";
            (of_app, of_platform)
        };
        let all: Vec<(bool, bool)> = question.said.iter().map(|s| says(&s)).collect();
        let only_platform = all.iter().any(|(_, platform)| *platform) && !all.iter().any(|(app, _)| *app);
        let pods = Pods::new(question);
        let own_words = own_words(question);
        let competitors = Competitors::new(question);
        Self {
            question,
            closure,
            pods,
            competitors,
            rarity,
            words,
            word_ids,
            own_words,
            rare_said,
            only_platform,
        }
    }

    /// Weighs one change.
    pub(super) fn weigh(&mut self, number: ChangeId) -> WeighedChange {
        let question = self.question;
        let card = question.index.change(number);
        let key = question.key(card.resource);
        let is_family = question.family.contains(&card.resource);
        let mut parts = EvidenceParts::default();
        let mut distance = self.closure.distance(question, card.resource).min(if key.namespace.is_empty() {
            3.0
        } else {
            4.2
        });
        let (said, named) = self.said(card, is_family);
        if !is_family {
            // What the words name is near, however it is connected.
            let rare: f64 = said
                .iter()
                .chain(&named)
                .filter(|(_, w)| !question.vocabulary.contains(w))
                .take(2)
                .map(|(nats, _)| nats)
                .sum();
            distance = distance.min((3.6 - 0.5 * rare).max(1.8));
        }
        parts.set(EvidenceKind::Closeness, -distance);
        let sum = |all: &[(f64, String)]| -> f64 {
            all.iter().take(5).enumerate().map(|(i, (nats, _))| nats * 0.6_f64.powi(i as i32)).sum()
        };
        let (mut total, mut of_name) = (sum(&said), sum(&named));
        // That the words name what fails itself does not speak for its being made.
        let fails_itself = || is_automatic(question, card) && question.fails_as_well(card.resource);
        let is_made = card.op == ResourceOp::Create && !card.is_again && (is_family || fails_itself());
        if is_made {
            total *= 0.3;
            of_name *= 0.3;
        }
        parts.set(EvidenceKind::Said, total.min(4.0));
        parts.set(EvidenceKind::Named, of_name.min(4.0));
        parts.set(EvidenceKind::Vanished, if is_made { 0.0 } else { self.vanished(card, is_family) });
        parts.set(EvidenceKind::Effective, self.effective(card));
        let routine =
            card.paths.iter().map(|p| question.index.changes_of_path(*p, question.until)).min().unwrap_or(1);
        parts.set(EvidenceKind::Routine, -(routine.max(1) as f64).ln());
        parts.set(EvidenceKind::Time, -(self.gap(card) / 30.0).ln_1p());
        parts.set(EvidenceKind::Person, self.person(card, is_family));
        self.weigh_pods(card, is_family, distance, &mut parts);
        if parts.get(EvidenceKind::Inherited) >= 2.0 {
            // What the pods got from it connects them.
            parts.at_least(EvidenceKind::Closeness, -1.0);
        }
        if is_family
            && self.only_platform
            && total + of_name < 0.3
            && parts.get(EvidenceKind::Vanished) == 0.0
        {
            parts.set(EvidenceKind::Speaker, -0.8);
            parts.set(EvidenceKind::Revision, parts.get(EvidenceKind::Revision).min(0.0));
        }
        let matched = said.into_iter().chain(named).take(4).map(|(_, word)| word).collect();
        WeighedChange { number, parts, matched, input: None }
    }

    /// Returns 0 where somebody reads what changed, and less where it is doubtful that anybody does.
    fn effective(&self, card: &ChangeCard) -> f64 {
        if card.op == ResourceOp::Delete {
            return 0.0;
        }
        let is_update = card.op == ResourceOp::Update;
        let group = &self.question.key(card.resource).group;
        let best = card
            .leaves
            .iter()
            .map(|leaf| self.reads(leaf, group, is_update))
            .fold(f64::NEG_INFINITY, f64::max);
        match (card.op, card.reported.is_empty()) {
            // What was made and was well for a while is not ill because it was made.
            // Rights only add up: a new role or binding takes nothing from anybody.
            (ResourceOp::Create, _)
                if &*self.question.key(card.resource).group == "rbac.authorization.k8s.io" =>
            {
                -3.5
            }
            (ResourceOp::Create, _) if !card.is_again => {
                let is_family = self.question.family.contains(&card.resource);
                let was_well = is_family && seconds(&card.mark, &self.question.onset) > 60.0;
                best.max(0.0)
                    - if was_well || (self.question.said.is_empty() && is_family) {
                        // That it was made is no answer where nothing is said.
                        1.4
                    } else if is_family {
                        0.8
                    } else {
                        0.4
                    }
            }
            (_, false) => best.max(-0.3),
            _ if best.is_finite() => best,
            _ => -2.0,
        }
    }

    fn reads(&self, leaf: &LeafChange, group: &str, is_update: bool) -> f64 {
        let nonce = |v: &Option<Box<str>>| v.as_deref().is_some_and(is_nonce);
        // A large number in a spec is an amount, such as of milliseconds or bytes.
        let is_amount =
            |v: &Option<Box<str>>| v.as_deref().is_none_or(|v| v.bytes().all(|b| b.is_ascii_digit()));
        let is_nonce = is_update
            && nonce(&leaf.after)
            && (leaf.before.is_none() || nonce(&leaf.before))
            && (leaf.is_metadata() || !is_amount(&leaf.after));
        if !leaf.is_metadata() {
            let is_inert =
                || words_in(leaf.last()).iter().any(|w| is_inert(w) && !self.rare_said.contains(w));
            return match leaf.is_prose() {
                true => -3.2,
                false if is_update && is_inert() => -1.6,
                false if is_nonce => -2.5,
                false if is_update && leaf.relaxes() => -1.0,
                false => 0.0,
            };
        }
        let key = leaf.path.get(2).map_or("", |k| k);
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let is_label = leaf.path.get(1).is_some_and(|p| &**p == "labels");
        if is_label && self.is_selected_by(key, leaf) {
            return 0.0;
        }
        if is_nonce
            || words_in(key).iter().any(|w| is_inert(w))
            || key.contains("deployment.kubernetes.io")
            || key.contains("leader")
            || domain.starts_with("kubectl.")
        {
            return -3.2;
        }
        // A domain above the object's own API group is that of its operator.
        let is_operators = domain.contains('.')
            && group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if domain.ends_with("kubernetes.io") || domain.ends_with("k8s.io") || is_operators {
            return -0.2;
        }
        if let Some(nats) = self.domain_is_read(domain) {
            return nats;
        }
        let mut words = words_in(key);
        leaf.before.iter().chain(&leaf.after).for_each(|v| words.extend(words_in(v)));
        if words.iter().any(|w| self.rare_said.contains(w)) { -0.8 } else { -3.2 }
    }

    /// Returns `true` if anything selects by a label, as it was or as it is, or reads its key.
    fn is_selected_by(&self, key: &str, leaf: &LeafChange) -> bool {
        let index = self.question.index;
        let is_read = |label: &str| {
            index.word(label).is_some_and(|l| index.selecting(l, self.question.until).next().is_some())
        };
        let values = leaf.before.iter().chain(&leaf.after);
        is_read(key) || values.into_iter().any(|value| is_read(&format!("{key}={value}")))
    }

    /// Returns for how long nothing happened: from the change, or from the start of what fails, to the onset.
    fn gap(&self, card: &ChangeCard) -> f64 {
        let pods = &self.pods;
        if pods.sharers >= 2 {
            return seconds(&card.mark, &pods.first_onset).max(0.0);
        }
        let since_change = seconds(&card.mark, &self.question.onset);
        let since_start = pods.started.as_ref().map_or(f64::INFINITY, |s| seconds(s, &self.question.onset));
        since_change.min(since_start).max(0.0)
    }

    fn person(&self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        if !is_automatic(question, card) {
            return 0.0;
        }
        let key = question.key(card.resource);
        let runs = matches!(&*key.kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Node");
        let reports_itself = serves(question, card, card.resource)
            && card.op == ResourceOp::Update
            && card.reported.is_empty();
        let own = if reports_itself && !runs { -3.5 } else { -1.0 };
        let is_built_in = card.manager.as_deref().is_some_and(is_platform)
            || question.user_of(card).is_some_and(|u| {
                u.starts_with("system:serviceaccount:kube-system:") && u.ends_with("-controller")
            });
        let is_made = card.op == ResourceOp::Create || (card.op == ResourceOp::Delete && is_built_in);
        if is_made && !is_family { own - 1.5 } else { own }
    }
}

/// Returns `true` if who made a change also writes the status of a resource.
pub(super) fn serves(question: &Question<'_>, card: &ChangeCard, id: ResourceId) -> bool {
    let user = question.user_of(card);
    let account = user.as_deref().and_then(|u| u.rsplit(':').next()).filter(|a| !a.is_empty());
    // The controllers of Kubernetes have an account each, and write under one name.
    let is_built_in = user
        .as_deref()
        .is_some_and(|u| u.starts_with("system:serviceaccount:kube-system:") && u.ends_with("-controller"));
    let mut writers =
        question.index.card(id).status_writers.iter().filter(|(_, at)| at.is_within(question.until));
    writers.any(|(m, _)| {
        card.manager.as_ref() == Some(m)
            || account == Some(&**m)
            || (is_built_in && &**m == "kube-controller-manager")
    })
}

/// Returns the words of what the symptom and its topmost owners want.
fn own_words(question: &Question<'_>) -> HashSet<WordId> {
    let all: BTreeSet<ResourceId> =
        question.tops.iter().copied().chain([question.symptom]).take(MAX_OWN).collect();
    let mut words = BTreeSet::new();
    for object in all.into_iter().filter_map(|id| question.last(id)) {
        desired_leaves(object).values().for_each(|value| add_words(value, &mut words));
    }
    words.iter().filter_map(|w| question.index.word(w)).collect()
}

/// Returns the words of what fails near the family, each with less weight the farther it is.
fn words_of_failing(question: &Question<'_>, closure: &Closure) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    let near = closure.distances.iter().filter(|(id, d)| **d <= 2.4 && !question.family.contains(id));
    for (id, distance) in near {
        if (&*question.key(*id).kind == "Node" && *distance > 1.0) || !question.fails_as_well(*id) {
            continue;
        }
        let in_time = |m: &Moment| (-5.0..120.0).contains(&seconds(m, &question.onset));
        for said in question.complaints(*id).iter().filter(|c| !c.is_old && in_time(&c.mark)) {
            for word in words_in(&said.complaint.message) {
                let weight = 0.6 * (-0.3 * distance).exp();
                let w = out.entry(word).or_default();
                *w = w.max(weight);
            }
        }
    }
    out
}

/// Returns the last two labels of a domain: of `config.mesh.example` that is `mesh.example`.
fn parent(domain: &str) -> &str {
    let first = domain.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    &domain[first..]
}

/// What a label or annotation costs whose domain somebody may read.
impl Scale<'_, '_> {
    /// Returns what it costs that nobody is known to read a domain: little where it is that of an API group or of something that
    /// runs, more where a group only has the same domain above it, as everything in a company may have.
    fn domain_is_read(&self, domain: &str) -> Option<f64> {
        let is_part = |whole: &str, end: &str| {
            whole == end || whole.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'))
        };
        if domain.is_empty() {
            return None;
        }
        let (index, until) = (self.question.index, self.question.until);
        let is_of_project = |g: &Arc<str>| domain.contains('.') && parent(g) == parent(domain);
        if index.groups(until).any(is_of_project) {
            return Some(-0.3);
        }
        if index.groups(until).any(|g| is_part(domain, g)) || domain.split('.').any(|p| index.runs(p, until))
        {
            return Some(-0.2);
        }
        (domain.contains('.') && index.groups(until).any(|g| is_part(g, domain))).then_some(-0.6)
    }
}
