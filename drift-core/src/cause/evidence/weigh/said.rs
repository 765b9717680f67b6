//! Pieces of evidence that rest on what is said: words of the change, and what is quoted and gone or new.

use std::collections::{BTreeMap, HashMap};

use crate::history::ResourceOp;

use super::super::index::{ChangeCard, LifeStep, ResourceId, WordId};
use super::super::words::{holds_whole, is_common, kind_words};
use super::Scale;

/// Words with how much each tells.
pub(super) type SaidWords = Vec<(f64, String)>;

impl Scale<'_, '_> {
    /// Returns the words that were said and that the change has, and those that only the changed resource has in its name or kind;
    /// of either those that tell most first.
    pub(super) fn said(&self, card: &ChangeCard, is_family: bool) -> (SaidWords, SaidWords) {
        let question = self.question;
        let resource = question.index.card(card.resource);
        let key = &resource.key;
        let is_near = self.is_in_reach(card.resource);
        let (mut of_change, mut of_name): (BTreeMap<String, f64>, BTreeMap<String, f64>) = Default::default();
        let put = |all: &mut BTreeMap<String, f64>, word: &str, nats: f64| {
            if nats > 0.0 {
                let n = all.entry(word.to_owned()).or_default();
                *n = n.max(nats);
            }
        };
        // What comes or goes as a whole may be like the family without having to do with it: the same port, the same path.
        let is_whole = card.op == ResourceOp::Delete || (card.op == ResourceOp::Create && !card.is_again);
        let is_likeness = |w: &WordId| is_whole && !is_family && self.own_words.contains(w);
        let has: HashMap<WordId, f32> = card.words.iter().copied().filter(|(w, _)| !is_likeness(w)).collect();
        for (word, weight) in &self.word_ids {
            let idf = self.rarity.of(*word);
            let text = question.index.text(*word);
            if let Some(place) = has.get(word) {
                put(&mut of_change, text, weight * f64::from(*place) * idf);
            } else if !is_family && resource.name_words.contains(word) {
                put(&mut of_name, text, weight * idf * if is_near { 0.6 } else { 0.2 });
            }
        }
        if !is_family {
            let (of_kind, of_group) = kind_words(key);
            for (word, weight) in &self.words {
                let known = question.index.word(word);
                if known.is_some_and(|w| has.contains_key(&w) || resource.name_words.contains(&w)) {
                    continue;
                }
                if of_kind.contains(word) {
                    put(&mut of_name, word, weight * 0.45 * self.rarity.of_text(question, word));
                } else if word.len() > 4
                    && of_group
                        .iter()
                        .any(|g| g.len() > 4 && (g.contains(word.as_str()) || word.contains(g.as_str())))
                {
                    put(&mut of_name, word, weight * 0.45 * 2.0);
                }
            }
            let name = key.name.to_ascii_lowercase();
            if name.len() > 3
                && is_near
                && !question.own_names.contains(&name)
                && holds_whole(&question.whole, &name)
            {
                put(&mut of_name, &format!("{name} "), 1.2);
            }
        }
        let sorted = |all: BTreeMap<String, f64>| {
            let mut all: Vec<(f64, String)> = all.into_iter().map(|(w, nats)| (nats, w)).collect();
            all.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
            all.iter_mut().for_each(|(_, w)| w.truncate(w.trim_end().len()));
            all
        };
        (sorted(of_change), sorted(of_name))
    }

    /// Returns `true` for what is of the cluster, of the symptom's namespace, or of one that the complaints name.
    fn is_in_reach(&self, id: ResourceId) -> bool {
        let namespace = &self.question.key(id).namespace;
        namespace.is_empty()
            || *namespace == self.question.key(self.question.symptom).namespace
            || self.question.whole.contains(&namespace.to_ascii_lowercase())
    }

    /// Returns what speaks for a change because something that is quoted is gone or new.
    pub(super) fn vanished(&mut self, card: &ChangeCard, is_family: bool) -> f64 {
        let question = self.question;
        let name = question.key(card.resource).name.to_ascii_lowercase();
        if card.op == ResourceOp::Delete {
            if question.index.is_there(card.resource, question.until)
                && !self.was_gone_at_onset(card.resource)
            {
                return 0.0;
            }
            let named = question.named.iter().filter(|(_, cost)| **cost <= 1.0).map(|(id, _)| id);
            let nearest = question
                .family
                .iter()
                .chain(named)
                .filter_map(|id| self.closure.reference(question, *id, card.resource))
                .fold(f64::INFINITY, f64::min);
            let is_referred_to = nearest <= 1.0;
            // A short name may stand for anything, unless it is known to be used.
            // What no name in Kubernetes may have, databases do: `kpi_export` is `kpi-export`.
            let is_named = holds_whole(&question.whole, &name)
                || (name.contains('-') && holds_whole(&question.whole, &name.replace('-', "_")));
            let is_near = || self.closure.distances.get(&card.resource).is_some_and(|d| *d <= 2.5);
            let is_in_reach = self.is_in_reach(card.resource) || (name.len() >= 8 && is_near());
            if is_named && is_in_reach && (name.len() > 3 || is_referred_to) {
                return 2.0;
            }
            return match nearest {
                _ if is_family => 0.0,
                cost if cost <= 1.0 => 1.3,
                cost if cost <= 2.0 => 0.8,
                _ => 0.0,
            };
        }
        let is_update = card.op != ResourceOp::Create;
        for leaf in card.leaves.iter().take(200).filter(|l| !l.is_prose()) {
            let key_is_gone = leaf.before.is_some() && leaf.after.is_none() && is_update;
            let came = leaf.after.as_deref().filter(|_| leaf.before != leaf.after);
            let went = leaf.before.as_deref().filter(|_| is_update && leaf.before != leaf.after);
            let key = Some(leaf.last()).filter(|_| key_is_gone);
            if [key, came, went].into_iter().flatten().any(|text| self.is_quoted(text)) {
                return 1.2;
            }
        }
        0.0
    }

    fn was_gone_at_onset(&self, id: ResourceId) -> bool {
        let lives = self.question.index.card(id).lives.iter().rev();
        let last = lives.into_iter().find(|(mark, _)| !self.question.onset.is_before(mark));
        last.is_some_and(|(_, step)| *step == LifeStep::Gone)
    }

    /// Returns `true` if a value that few changes have stands in the complaints as a word of its own.
    fn is_quoted(&self, text: &str) -> bool {
        let word = text.to_ascii_lowercase();
        if !(4..120).contains(&word.len()) || is_common(&word) || self.question.own_names.contains(&word) {
            return false;
        }
        let singular = word.strip_suffix('s').unwrap_or(&word);
        let rarity =
            self.rarity.of_text(self.question, &word).max(self.rarity.of_text(self.question, singular));
        (rarity > 1.8 || word.len() >= 10) && holds_whole(&self.question.whole, &word)
    }
}
