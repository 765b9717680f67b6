//! The kinds of evidence, and how much each speaks for a change.

use std::collections::BTreeSet;

/// The kinds of evidence, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKind {
    /// How close what was changed is.
    Closeness,
    /// The words of the complaints name what was changed.
    Said,
    /// They name the changed resource, and not what was changed in it.
    Named,
    /// What is quoted is gone or new.
    Vanished,
    /// Somebody reads what was changed.
    Effective,
    /// What fails carries the change.
    Carried,
    /// Pods with the change fail, and pods without it run.
    Revision,
    /// Pods ran well with it.
    Cleared,
    /// Who depends on it fails, and who does not depend on it does not.
    Contrast,
    /// Others fail alike at the same time.
    SharedFate,
    /// What fails got it from elsewhere than its template.
    Inherited,
    /// It competes for something exclusive.
    Competing,
    /// The changed resource complained as soon as it was changed.
    Reaction,
    /// Only the platform complains, in words that do not fit.
    Speaker,
    /// How routine such changes are.
    Routine,
    /// Whether it could have taken effect at the onset.
    Time,
    /// Whether a person or automation made it.
    Person,
    /// It carries out another change.
    Input,
}

impl EvidenceKind {
    /// All kinds, in order.
    pub const ALL: [Self; 18] = [
        Self::Closeness,
        Self::Said,
        Self::Named,
        Self::Vanished,
        Self::Effective,
        Self::Carried,
        Self::Revision,
        Self::Cleared,
        Self::Contrast,
        Self::SharedFate,
        Self::Inherited,
        Self::Competing,
        Self::Reaction,
        Self::Speaker,
        Self::Routine,
        Self::Time,
        Self::Person,
        Self::Input,
    ];

    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closeness => "closeness",
            Self::Said => "said",
            Self::Named => "named",
            Self::Vanished => "vanished",
            Self::Effective => "effective",
            Self::Carried => "carried",
            Self::Revision => "revision",
            Self::Cleared => "ranWell",
            Self::Contrast => "contrast",
            Self::SharedFate => "sharedFate",
            Self::Inherited => "inherited",
            Self::Competing => "competing",
            Self::Reaction => "reaction",
            Self::Speaker => "speaker",
            Self::Routine => "routine",
            Self::Time => "time",
            Self::Person => "person",
            Self::Input => "input",
        }
    }

    fn weight(self) -> f64 {
        match self {
            Self::Said | Self::Named => 1.1,
            Self::Routine => 0.6,
            Self::Time | Self::Person => 0.5,
            _ => 1.0,
        }
    }
}

/// Pieces of evidence by kind, in nats before they are weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EvidenceParts([f64; EvidenceKind::ALL.len()]);

impl EvidenceParts {
    /// Returns a piece.
    pub fn get(&self, kind: EvidenceKind) -> f64 {
        self.0[kind as usize]
    }

    pub(super) fn set(&mut self, kind: EvidenceKind, value: f64) {
        self.0[kind as usize] = value;
    }

    pub(super) fn at_least(&mut self, kind: EvidenceKind, value: f64) {
        self.0[kind as usize] = self.0[kind as usize].max(value);
    }

    /// Returns the pieces that are not zero, weighed, with the names that reports show.
    pub fn weighed(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = EvidenceKind::ALL.into_iter().map(|k| (k.as_str(), k.weight() * self.get(k)));
        all.filter(|(_, nats)| *nats != 0.0)
    }

    /// Returns the sum in nats, without the kinds that are switched off.
    pub(super) fn sum(&self, off: &BTreeSet<EvidenceKind>) -> f64 {
        EvidenceKind::ALL.into_iter().filter(|k| !off.contains(k)).map(|k| k.weight() * self.get(k)).sum()
    }
}
