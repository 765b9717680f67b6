//! What each part of a score weighs, and what is taken off it.

/// What each part of a score weighs; they add up to 1.
///
/// | part | weight | meaning of 1.0 |
/// |---|---|---|
/// | `fit` | 0.36 | changes of this field are known to have this very effect |
/// | `proof` | 0.22 | undoing it would make the failing condition true (0.5: cannot be decided offline; 0: it would not) |
/// | `said` | 0.14 | the cluster's own text about the fault names what was changed |
/// | `near` | 0.12 | it was made on the faulty object or on what makes it |
/// | `soon` | 0.08 | the fault came as soon as this kind of change takes effect |
/// | `actor` | 0.04 | a person or a pipeline did it, not a controller doing its work |
/// | `rare` | 0.04 | the field changed only this once |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Compatibility of the changed field with the fault.
    pub fit: f64,
    /// Counterfactual check.
    pub proof: f64,
    /// The fault's own text names the change.
    pub said: f64,
    /// Distance in the graph.
    pub near: f64,
    /// Time against the expected delay.
    pub soon: f64,
    /// Who did it.
    pub actor: f64,
    /// How rarely this changes.
    pub rare: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { fit: 0.36, proof: 0.22, said: 0.14, near: 0.12, soon: 0.08, actor: 0.04, rare: 0.04 }
    }
}

impl Weights {
    /// Names of the parts, in order.
    pub const NAMES: [&str; 7] = ["fit", "proof", "said", "near", "soon", "actor", "rare"];

    /// Returns the weights in order of [`Self::NAMES`].
    pub fn to_array(self) -> [f64; 7] {
        [self.fit, self.proof, self.said, self.near, self.soon, self.actor, self.rare]
    }

    /// Makes weights in order of [`Self::NAMES`].
    pub fn from_array([fit, proof, said, near, soon, actor, rare]: [f64; 7]) -> Self {
        Self { fit, proof, said, near, soon, actor, rare }
    }

    /// Returns the weights with one of them multiplied by a factor.
    #[must_use]
    pub fn scaled(self, part: usize, factor: f64) -> Self {
        let mut all = self.to_array();
        if let Some(w) = all.get_mut(part) {
            *w *= factor;
        }
        Self::from_array(all)
    }
}

/// Below this a change is shown as considered, and explains nothing.
pub const THRESHOLD: f64 = 0.5;

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
