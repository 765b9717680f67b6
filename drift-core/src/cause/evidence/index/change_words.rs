//! The words of a change, and the paths by which routine is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::ResourceOp;

use super::super::leaves::{LeafChange, bare};
use super::super::words::add_words;

/// An object that comes or goes with more leaves than these has words of all sorts.
const MANY_LEAVES: f32 = 40.0;

/// Returns the words of a change with how much each tells: what it took away or brought 1, keys 0.7, what stays 0.3.
///
/// Of what comes or goes as a whole keys say nothing, since all of its kind have them; and it has many words that say nothing
/// of it: the more, the less each tells.
pub(super) fn change_words(leaves: &[LeafChange], op: ResourceOp, is_again: bool) -> BTreeMap<String, f32> {
    let is_created = op == ResourceOp::Create && !is_again;
    let is_whole = is_created || op == ResourceOp::Delete;
    let share = if is_whole { (MANY_LEAVES / leaves.len().max(1) as f32).min(1.0) } else { 1.0 };
    let mut out: BTreeMap<String, f32> = BTreeMap::new();
    let mut put = |words: &mut dyn Iterator<Item = &String>, weight: f32| {
        for word in words {
            let w = out.entry(word.clone()).or_default();
            *w = w.max(weight * share);
        }
    };
    for leaf in leaves {
        // What a rule says when it refuses is quoted by every refusal, whatever was changed in the rule.
        if leaf.is_prose() {
            continue;
        }
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        leaf.before.iter().for_each(|v| add_words(v, &mut before));
        leaf.after.iter().for_each(|v| add_words(v, &mut after));
        put(&mut before.symmetric_difference(&after), 1.0);
        let is_long =
            leaf.before.as_ref().zip(leaf.after.as_ref()).is_some_and(|(b, a)| b.len() + a.len() > 60);
        if !is_long {
            put(&mut before.intersection(&after), 0.3);
        }
        if !is_whole {
            let mut keys = BTreeSet::new();
            let is_place =
                |step: &str| step.starts_with('[') && bare(step).bytes().all(|b| b.is_ascii_digit());
            leaf.path
                .iter()
                .rev()
                .filter(|s| !is_place(s))
                .take(3)
                .for_each(|step| add_words(bare(step), &mut keys));
            put(&mut keys.iter(), 0.7);
        }
    }
    out
}

/// Returns the path of a change without list keys, of labels and annotations the same for all kinds.
pub(super) fn general_path(kind: &str, leaf: &LeafChange) -> String {
    let steps: Vec<&str> = leaf.path.iter().filter(|s| !s.starts_with('[')).map(|s| &**s).collect();
    let kind = if leaf.is_metadata() { "" } else { kind };
    format!("{kind} {}", steps.join("."))
}
