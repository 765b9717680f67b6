//! What a condition of a type means when it is true.

use super::lexicon::{Sense, senses};
use super::{Words, is_about_reconciling, is_activity, is_halt, split};

/// What a condition of a type means when it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polarity {
    /// The object as a whole is there: `Ready`, `Available`.
    Whole,
    /// One thing it needs is there: `Synced`, `DatabaseReady`.
    Part,
    /// Something good that need not be, and counts only where no other condition tells: `Active`.
    Weak,
    /// Trouble: `Failed`, `Stalled`.
    Trouble,
    /// Trouble of some part, which a true `Ready` outweighs: `PartiallyFailed`, `DiskPressure`.
    PartTrouble,
    /// Work under way: `Reconciling`.
    Activity,
    /// Halted on purpose: `Paused`.
    Halt,
    /// Neutral for health: `ScalingLimited`.
    Neutral,
}

/// Reads the type of a condition.
pub(crate) fn polarity(name: &str) -> Polarity {
    let words = split(name);
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Polarity::Neutral };
    let (alone, of_last) = (words.len() == 1, senses(last));
    match first {
        "not" | "non" | "invalid" => return Polarity::Trouble,
        "no" => return Polarity::Neutral,
        "partially" | "partial" => return Polarity::PartTrouble,
        _ => {}
    }
    // That nothing reconciles it is what somebody asked for: `ReconcileBlocked`.
    if words.iter().any(is_about_reconciling)
        && words.iter().any(|w| is_halt(w) || matches!(w, "blocked" | "skipped" | "ignored"))
    {
        return Polarity::Halt;
    }
    if of_last.has(Sense::TypeTrouble) {
        // `HasErrors` and `ACK.Terminal` are about the whole as well.
        // So is `ReconcileError`.
        let reconciles = words.len() == 2 && is_about_reconciling(first);
        let whole = alone
            || reconciles
            || first == "has"
            || name.rsplit('.').next().is_some_and(|n| n.len() == last.len());
        return if whole { Polarity::Trouble } else { Polarity::PartTrouble };
    }
    if of_last.has(Sense::TypePartTrouble) {
        return Polarity::PartTrouble;
    }
    if of_last.has(Sense::TypeHalt) {
        return Polarity::Halt;
    }
    if of_last.has(Sense::TypeWhole) && alone {
        return Polarity::Whole;
    }
    if of_last.has(Sense::TypeWeak) && alone {
        return Polarity::Weak;
    }
    // `ResolvedRefs` has its participle in front.
    let in_front = words.len() == 2 && matches!(first, "resolved" | "successful" | "valid");
    if of_last.has(Sense::TypePart)
        || in_front
        || words.text().ends_with("uptodate")
        || words.text() == "insync"
    {
        return Polarity::Part;
    }
    if is_under_way(&words) {
        return Polarity::Activity;
    }
    // `MissingDependencies`, `ImageErrorsExist`: of some part, as it is not the last word.
    if first == "missing" || words.iter().rev().skip(1).any(|w| senses(w).has(Sense::Trouble)) {
        return Polarity::PartTrouble;
    }
    // A participle that nobody knows is what the controller meant to do: `Annealed`, `RolledOut`.
    let directed = words.len() > 1 && matches!(last, "out" | "up" | "down" | "in");
    let participle = if directed { words.iter().nth_back(1).unwrap_or(last) } else { last };
    let known = senses(participle);
    let is_participle = participle.len() > 4 && participle.ends_with("ed");
    if is_participle && !known.has(Sense::TypeNeutral) && !known.has(Sense::Halted) {
        return Polarity::Weak;
    }
    // `ReadyToFire`, `LoadedClay`
    if senses(first).has(Sense::TypePart) {
        return Polarity::Weak;
    }
    Polarity::Neutral
}

/// Returns `true` if a type names work: `Reconciling`, `ScalingUp`, `RollingUpdate`, `UpgradeInProgress`.
fn is_under_way(words: &Words) -> bool {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return false };
    let directed = words.len() == 2 && ["up", "down", "out", "in", "back"].contains(&last);
    let rolling = words.len() == 2 && first == "rolling" && (last == "update" || last == "upgrade");
    rolling || last == "progress" || is_activity(last) || (directed && is_activity(first))
}
