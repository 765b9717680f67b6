//! The result of a counterfactual check.

/// Whether a fault would be gone without a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterfactualVerdict {
    /// Undoing the change would make the failing condition true.
    Holds,
    /// It would not: the condition fails without the change too, or held with it.
    Fails,
    /// Cannot be decided from recorded objects.
    Undecided,
}

impl CounterfactualVerdict {
    /// Returns its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }

    /// Makes a verdict of whether the healthy condition holds without the change, and with it.
    pub(super) fn from_condition(before: bool, after: bool) -> Self {
        if before && !after { Self::Holds } else { Self::Fails }
    }
}

/// A verdict with what was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterfactual {
    /// The verdict.
    pub verdict: CounterfactualVerdict,
    /// What was compared, for people.
    pub text: String,
}

impl Counterfactual {
    pub(super) fn undecided() -> Self {
        Self { verdict: CounterfactualVerdict::Undecided, text: String::new() }
    }

    pub(super) fn new(verdict: CounterfactualVerdict, text: impl Into<String>) -> Self {
        Self { verdict, text: text.into() }
    }
}
