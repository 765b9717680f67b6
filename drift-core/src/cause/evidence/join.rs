//! Two views become one answer: the opinion of the rules and the evidence, with "none of them" as a hypothesis of its own.
//!
//! The views fail on different incidents, so each weighs in with what it says; an answer is sure only where both agree.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::EventId;

use super::super::verdict::CounterfactualVerdict;
use super::parts::EvidenceKind;
use super::view::{EvidenceView, RankedChange};

/// How much the opinion of the rules weighs beside the evidence.
const OPINION: f64 = 0.6;
/// How much it weighs where nothing that is said fits any change.
const OPINION_ALONE: f64 = 1.0;
/// Most changes whose fit is looked at for that.
const CONSIDERED: usize = 10;
/// Pieces of evidence are not independent of each other: sums of them are worth less than they say.
const TEMPERATURE: f64 = 1.5;
/// What the rules think of a change that they do not list.
const UNLISTED: f64 = 0.08;
/// What the rules think of "none of them" where they list some, and where they list none.
const NONE_LISTED: f64 = 0.25;
const NONE_UNLISTED: f64 = 0.5;
/// What it is worth that undoing a change would help, and that it would not, beyond what the score of the rules has of it:
/// of the roots that the rules list, half are shown to help and one in twenty not; of other changes one in thirty and two in five.
const HOLDS: f64 = 2.0;
const FAILS: f64 = -1.0;
/// How far what the rules reach is at least.
const KNOWN_RELATION: f64 = 0.5;
/// Nats of what the rules list and the evidence does not.
const NO_EVIDENCE: f64 = -4.0;
/// Probabilities so near each other are about equal: a proven change comes before one that cannot be decided, and, by a share of
/// its own probability, what the rules put first before what they do not.
const PROVEN_AHEAD: f64 = 0.1;
const FIRST_AHEAD: f64 = 0.15;
/// Places within which a sure answer must be in either view.
const AGREE: usize = 3;
/// Score of the rules from which on an effect that cannot be proved is known well enough for a sure answer: of answers that met
/// less, one in six was wrong in four rounds of fresh incidents.
const KNOWN_EFFECT: f64 = 0.8;
/// Score of an answer that is not sure, at most: it is shown as likely, and not proven.
const NOT_SURE: f64 = 0.49;

/// What the rules think of one root.
#[derive(Clone, Copy, Debug)]
pub(in crate::cause) struct PlatformOpinion {
    pub(in crate::cause) root: EventId,
    pub(in crate::cause) score: f64,
    /// Whether undoing the change would help.
    pub(in crate::cause) verdict: CounterfactualVerdict,
    /// How far the rules know the changed resource to be.
    pub(in crate::cause) cost: f64,
}

impl PlatformOpinion {
    /// Returns what the rules think, in nats for and against.
    fn nats(&self) -> f64 {
        let of_verdict = match self.verdict {
            CounterfactualVerdict::Holds => HOLDS,
            CounterfactualVerdict::Fails => FAILS,
            CounterfactualVerdict::Undecided => 0.0,
        };
        logit(self.score.clamp(0.02, 0.98)) + of_verdict
    }
}

/// A root with what both views say together.
#[derive(Clone, Debug)]
pub(in crate::cause) struct JoinedChange {
    pub(in crate::cause) root: EventId,
    /// How likely it is the cause, beside all others and "none of them".
    pub(in crate::cause) probability: f64,
    /// The probability, and less than a half where the answer is not sure.
    pub(in crate::cause) score: f64,
    /// Place among those that the rules list, from 1.
    pub(in crate::cause) rank_by_rules: Option<usize>,
    /// Place by evidence alone, from 1.
    pub(in crate::cause) rank_by_evidence: Option<usize>,
    pub(in crate::cause) evidence: Option<RankedChange>,
}

/// Joins the opinion of the rules, best first, with the evidence by root, best first. Returns the roots with the most likely
/// first, and how likely it is that none of them is the cause.
pub(in crate::cause) fn join(
    opinions: &[PlatformOpinion],
    evidence: &[(EventId, RankedChange)],
    none: f64,
) -> (Vec<JoinedChange>, f64) {
    let by_rules: BTreeMap<EventId, (usize, &PlatformOpinion)> =
        opinions.iter().enumerate().rev().map(|(i, o)| (o.root, (i + 1, o))).collect();
    let mut by_evidence: BTreeMap<EventId, (usize, &RankedChange)> = BTreeMap::new();
    for (root, change) in evidence {
        let place = by_evidence.len() + 1;
        by_evidence.entry(*root).or_insert((place, change));
    }
    let roots: BTreeSet<EventId> = by_rules.keys().chain(by_evidence.keys()).copied().collect();
    // Where nothing that is said fits any change, the rules are all there is to go by.
    let some_fit = evidence.iter().take(CONSIDERED).any(|(_, change)| change.is_specific());
    let weight = if some_fit { OPINION } else { OPINION_ALONE };
    let nats = |root: &EventId| {
        let opinion = weight * by_rules.get(root).map_or_else(|| logit(UNLISTED), |(_, o)| o.nats());
        let weighed = by_evidence.get(root).map_or(NO_EVIDENCE, |(_, change)| {
            // The rules know relations that no text shows, such as which pods a webhook changes.
            let nearer = by_rules
                .get(root)
                .map_or(0.0, |(_, o)| -change.parts.get(EvidenceKind::Closeness) - (o.cost + KNOWN_RELATION));
            change.nats + nearer.max(0.0)
        });
        weighed + opinion
    };
    let all: Vec<(EventId, f64)> = roots.iter().map(|r| (*r, nats(r))).collect();
    let of_none = none + weight * logit(if opinions.is_empty() { NONE_UNLISTED } else { NONE_LISTED });
    let largest = all.iter().map(|(_, x)| *x).fold(of_none, f64::max);
    let share = |x: f64| ((x - largest) / TEMPERATURE).exp();
    // Sums in one order, so that the same log gives the same bytes.
    let total: f64 = share(of_none) + all.iter().map(|(_, x)| share(*x)).sum::<f64>();
    let mut joined: Vec<JoinedChange> = all
        .iter()
        .map(|(root, x)| {
            let (rank_by_rules, verdict) = by_rules.get(root).map(|(place, o)| (*place, o.verdict)).unzip();
            let (holds, fails) = (
                verdict == Some(CounterfactualVerdict::Holds),
                verdict == Some(CounterfactualVerdict::Fails),
            );
            let (rank_by_evidence, change) =
                by_evidence.get(root).map_or((None, None), |(place, c)| (Some(*place), Some(*c)));
            let probability = share(*x) / total;
            let is_specific = holds || change.is_some_and(RankedChange::is_specific);
            let by_rules = by_rules.get(root).map_or(0.0, |(_, o)| o.score);
            let is_known = holds || by_rules >= KNOWN_EFFECT;
            let is_sound = is_specific && is_known && !fails;
            let score = score(probability, rank_by_rules, rank_by_evidence, is_sound, holds);
            JoinedChange {
                root: *root,
                probability,
                score,
                rank_by_rules,
                rank_by_evidence,
                evidence: change.cloned(),
            }
        })
        .collect();
    let order = |j: &JoinedChange| {
        let holds = by_rules.get(&j.root).is_some_and(|(_, o)| o.verdict == CounterfactualVerdict::Holds);
        let first = j.rank_by_rules == Some(1);
        j.probability * if first { 1.0 + FIRST_AHEAD } else { 1.0 } + if holds { PROVEN_AHEAD } else { 0.0 }
    };
    let ranks = |j: &JoinedChange| {
        (j.rank_by_rules.unwrap_or(usize::MAX), j.rank_by_evidence.unwrap_or(usize::MAX), j.root)
    };
    joined.sort_by(|a, b| order(b).total_cmp(&order(a)).then_with(|| ranks(a).cmp(&ranks(b))));
    (joined, share(of_none) / total)
}

/// Returns the score of an answer: a half or more only where both views agree, something specific speaks for it, and undoing it
/// is shown to help, or the rules know the effect well.
fn score(
    probability: f64,
    by_rules: Option<usize>,
    by_evidence: Option<usize>,
    is_sound: bool,
    holds: bool,
) -> f64 {
    let agree = by_rules.is_some_and(|r| r <= AGREE) && by_evidence.is_some_and(|r| r <= AGREE);
    let both_first = by_rules == Some(1) && by_evidence == Some(1) && probability > 0.3;
    let proven_first = holds && by_rules == Some(1) && probability > 0.3;
    if agree && is_sound && (probability >= 0.5 || both_first || proven_first) {
        return if both_first || proven_first { probability.max(0.6) } else { probability };
    }
    probability.min(NOT_SURE)
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

impl EvidenceView {
    /// Returns the view of nothing known.
    pub(in crate::cause) fn empty() -> Self {
        Self { ranked: Vec::new(), none: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::ResourceKey;

    use super::super::parts::EvidenceParts;

    fn id(n: u8) -> EventId {
        EventId::from_bytes([n; 32])
    }

    fn ranked(n: u8, nats: f64, said: f64) -> (EventId, RankedChange) {
        let mut parts = EvidenceParts::default();
        parts.set(EvidenceKind::Said, said);
        let key = ResourceKey::new("", "ConfigMap", "shop", &format!("c{n}"));
        (
            id(n),
            RankedChange {
                event: id(n),
                key,
                nats,
                parts,
                matched: Vec::new(),
                input: None,
                steps: Vec::new(),
            },
        )
    }

    fn opinion(n: u8, score: f64, holds: bool) -> PlatformOpinion {
        let verdict = if holds { CounterfactualVerdict::Holds } else { CounterfactualVerdict::Undecided };
        PlatformOpinion { root: id(n), score, verdict, cost: 2.0 }
    }

    #[test]
    fn both_views_together_are_sure() {
        let (all, none) = join(
            &[opinion(1, 0.9, true), opinion(2, 0.4, false)],
            &[ranked(1, 3.0, 2.0), ranked(2, -2.0, 0.0)],
            -0.6,
        );
        assert_eq!(all[0].root, id(1));
        assert!(all[0].score >= 0.6 && none < 0.2, "{all:?} {none}");
        let sum: f64 = all.iter().map(|j| j.probability).sum::<f64>() + none;
        assert!((sum - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_view_alone_is_never_sure() {
        let (all, _) = join(&[], &[ranked(1, 6.0, 4.0)], -0.6);
        assert!(all[0].probability > 0.5 && all[0].score < 0.5, "{all:?}");
        let (all, _) = join(&[opinion(1, 0.97, true)], &[], -3.0);
        assert!(all[0].score < 0.5, "{all:?}");
    }

    #[test]
    fn nearness_alone_is_never_sure() {
        let (all, _) = join(&[opinion(1, 0.9, false)], &[ranked(1, 4.0, 0.0)], -0.6);
        assert!(all[0].probability > 0.5 && all[0].score < 0.5, "{all:?}");
    }

    #[test]
    fn what_points_outside_wins_over_what_is_only_near() {
        let (all, none) = join(&[opinion(1, 0.45, false)], &[ranked(1, -1.5, 0.0)], -0.6 + 2.5);
        assert!(none > all[0].probability, "{all:?} {none}");
    }
}
