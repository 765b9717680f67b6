//! The parts of a score, what each weighs, and what is taken off.

/// How much speaks for a candidate, each part from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScoreParts {
    /// Changes of this field are known to have this very effect.
    pub fit: f64,
    /// Undoing it would make the failing condition true: 1; 0.5 where that cannot be decided offline, 0 where it would not.
    pub counterfactual: f64,
    /// The cluster's own text about the fault names what was changed.
    pub mentioned: f64,
    /// It was made on the faulty resource or its owner: 1; less with every reference in between.
    pub distance: f64,
    /// The fault came as soon as this kind of change takes effect.
    pub timing: f64,
    /// A person or a pipeline did it: 1; less for a controller doing its work.
    pub actor: f64,
    /// The field changed only this once: 1; less for one that changes often.
    pub rarity: f64,
}

impl ScoreParts {
    /// Returns the parts with the names that reports show, in order of [`Weights::NAMES`].
    pub fn named(&self) -> [(&'static str, f64); 7] {
        let values = self.to_array();
        std::array::from_fn(|i| (Weights::NAMES[i], values[i]))
    }

    fn to_array(self) -> [f64; 7] {
        let Self { fit, counterfactual, mentioned, distance, timing, actor, rarity } = self;
        [fit, counterfactual, mentioned, distance, timing, actor, rarity]
    }
}

/// What each part of a score weighs; they add up to 1.
///
/// | part | weight | meaning of 1.0 |
/// |---|---|---|
/// | `fit` | 0.36 | changes of this field are known to have this very effect |
/// | `counterfactual` | 0.22 | undoing it would make the failing condition true (0.5: cannot be decided offline; 0: it would not) |
/// | `mentioned` | 0.14 | the cluster's own text about the fault names what was changed |
/// | `distance` | 0.12 | it was made on the faulty object or on its owner |
/// | `timing` | 0.08 | the fault came as soon as this kind of change takes effect |
/// | `actor` | 0.04 | a person or a pipeline did it, not a controller doing its work |
/// | `rarity` | 0.04 | the field changed only this once |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Compatibility of the changed field with the fault.
    pub fit: f64,
    /// Counterfactual check.
    pub counterfactual: f64,
    /// The fault's own text names the change.
    pub mentioned: f64,
    /// Distance in the graph.
    pub distance: f64,
    /// Time against the expected delay.
    pub timing: f64,
    /// Who did it.
    pub actor: f64,
    /// How rarely this changes.
    pub rarity: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            fit: 0.36,
            counterfactual: 0.22,
            mentioned: 0.14,
            distance: 0.12,
            timing: 0.08,
            actor: 0.04,
            rarity: 0.04,
        }
    }
}

impl Weights {
    /// Names of the parts, in order.
    pub const NAMES: [&str; 7] =
        ["fit", "counterfactual", "mentioned", "distance", "timing", "actor", "rarity"];

    /// Returns the weights in order of [`Self::NAMES`].
    pub fn to_array(self) -> [f64; 7] {
        let Self { fit, counterfactual, mentioned, distance, timing, actor, rarity } = self;
        [fit, counterfactual, mentioned, distance, timing, actor, rarity]
    }

    /// Makes weights from their values in order of [`Self::NAMES`].
    pub fn from_array([fit, counterfactual, mentioned, distance, timing, actor, rarity]: [f64; 7]) -> Self {
        Self { fit, counterfactual, mentioned, distance, timing, actor, rarity }
    }

    /// Returns the weights with one of them, by its place in [`Self::NAMES`], multiplied by a factor.
    #[must_use]
    pub fn scaled(self, part: usize, factor: f64) -> Self {
        let mut all = self.to_array();
        if let Some(w) = all.get_mut(part) {
            *w *= factor;
        }
        Self::from_array(all)
    }

    /// Returns the weighted mean of the parts.
    pub(super) fn weigh(&self, parts: &ScoreParts) -> f64 {
        let weights = self.to_array();
        let total: f64 = weights.iter().sum();
        weights.iter().zip(parts.to_array()).map(|(w, p)| w * p).sum::<f64>() / total
    }
}

/// Below this a change is shown as considered, and explains nothing.
pub const THRESHOLD: f64 = 0.5;

/// Scores so near each other are about equal: a proven change comes before one that cannot be decided.
pub(super) const PROVEN_AHEAD: f64 = 0.05;

/// What is left of a score when the counterfactual check fails.
pub(super) const REFUTED: f64 = 0.4;

/// What is left of a score when containers ran well with the change for long enough.
pub(super) const CLEARED: f64 = 0.45;

/// What is left of the score of a change of one's own when the fault's text blames a peer and not the change.
pub(super) const BLAMES_PEER: f64 = 0.7;

/// What is left of a score when a gap lies between change and fault.
pub(super) const ACROSS_GAP: f64 = 0.8;

/// Seconds that a container has to run well to clear what was changed before it started.
pub(super) const RAN_WELL_SECONDS: f64 = 4.0;

/// Seconds of being ready after which a pod that is ready no more did not fail because of how it was started.
pub(super) const STAYED_READY_SECONDS: f64 = 20.0;
