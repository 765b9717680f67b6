//! What a watch has made known, and how a fresh listing compares with it.

use std::cmp::Ordering;
use std::collections::HashMap;

use drift_core::{Object, ResourceVersion};

use super::machine::Listed;

/// Versions of all objects of a target as last told.
#[derive(Debug, Default)]
pub(crate) struct Known {
    versions: HashMap<Box<str>, ResourceVersion>,
    /// Whether a whole listing is in it; not so after resuming from a cursor.
    complete: bool,
    /// Where it resumed: what changed after it must have been told, what did not is not known here.
    since: Option<ResourceVersion>,
    /// While a comparison runs: what was removed since it began.
    removed: Option<HashMap<Box<str>, ResourceVersion>>,
}

/// A difference between a listing and what is known that may be a change still on its way.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    pub(crate) name: Box<str>,
    /// What the listing has.
    listed: Option<ResourceVersion>,
    /// What was known when the listing came.
    known: Option<ResourceVersion>,
}

/// Returns the name an object has in a listing.
pub(crate) fn name_of(object: &Object) -> Box<str> {
    format!("{}/{}", object.namespace(), object.name()).into()
}

impl Known {
    /// Knows nothing yet, and goes on from a version.
    pub(crate) fn resumed(since: ResourceVersion) -> Self {
        Self { since: Some(since), ..Self::default() }
    }

    /// Forgets everything: a listing begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A whole listing is in it.
    pub(crate) fn completed(&mut self) {
        self.complete = true;
    }

    /// Tells whether nothing can be there that is not known.
    pub(crate) fn is_surely_empty(&self) -> bool {
        self.complete && self.versions.is_empty()
    }

    /// Returns the version last told of an object.
    pub(crate) fn version(&self, name: &str) -> Option<&ResourceVersion> {
        self.versions.get(name)
    }

    /// Notes that an object was told.
    pub(crate) fn applied(&mut self, name: Box<str>, version: ResourceVersion) {
        self.versions.insert(name, version);
    }

    /// Notes that a deletion was told.
    pub(crate) fn deleted(&mut self, name: Box<str>, version: ResourceVersion) {
        self.versions.remove(&name);
        if let Some(removed) = &mut self.removed {
            removed.insert(name, version);
        }
    }

    /// A listing to compare with is asked for: deletions are noted from now on.
    pub(crate) fn comparison_begins(&mut self) {
        self.removed = Some(HashMap::new());
    }

    /// The comparison is over.
    pub(crate) fn comparison_ends(&mut self) {
        self.removed = None;
    }

    /// Compares with a listing at a version; the first one after a resume tells only of changes since.
    pub(crate) fn suspects(&mut self, listed: Vec<Listed>, at: &ResourceVersion) -> Vec<Suspect> {
        if !self.complete {
            return self.complete_with(listed, at);
        }
        let mut suspects = Vec::new();
        let mut names = std::collections::HashSet::with_capacity(listed.len());
        for Listed { name, version } in listed {
            names.insert(name.clone());
            let known = self.versions.get(&name).cloned();
            suspects.push(Suspect { name, listed: Some(version), known });
        }
        for (name, version) in self.versions.iter().filter(|(name, _)| !names.contains(*name)) {
            suspects.push(Suspect { name: name.clone(), listed: None, known: Some(version.clone()) });
        }
        suspects.retain(|s| !self.explains(s, at));
        suspects.sort_by(|a, b| a.name.cmp(&b.name));
        suspects
    }

    /// Takes a listing as what is known, but for what changed since the resume and was not told.
    fn complete_with(&mut self, listed: Vec<Listed>, at: &ResourceVersion) -> Vec<Suspect> {
        let mut suspects = Vec::new();
        for Listed { name, version } in listed {
            let newer =
                self.since.as_ref().is_some_and(|since| version.order(since) == Some(Ordering::Greater));
            let removed = self.removed.as_ref().is_some_and(|removed| removed.contains_key(&name));
            if newer {
                let known = self.versions.get(&name).cloned();
                suspects.push(Suspect { name, listed: Some(version), known });
            } else if !removed {
                self.versions.entry(name).or_insert(version);
            }
        }
        self.complete = true;
        suspects.retain(|s| !self.explains(s, at));
        suspects
    }

    /// Tells whether what is known by now agrees with what a listing at a version had.
    pub(crate) fn explains(&self, suspect: &Suspect, at: &ResourceVersion) -> bool {
        let now = self.versions.get(&suspect.name);
        let later = |a: &ResourceVersion, b: &ResourceVersion| match a.order(b) {
            Some(order) => order == Ordering::Greater,
            // Versions without order: a change since the listing came counts as the one that was on its way.
            None => Some(a) != suspect.known.as_ref(),
        };
        match (&suspect.listed, now) {
            (Some(listed), Some(now)) => listed == now || later(now, listed),
            (Some(listed), None) => self
                .removed
                .as_ref()
                .and_then(|removed| removed.get(&suspect.name))
                .is_some_and(|gone| later(gone, listed)),
            (None, Some(now)) => later(now, at),
            (None, None) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> ResourceVersion {
        ResourceVersion::new(text)
    }

    fn listed(entries: &[(&str, &str)]) -> Vec<Listed> {
        entries.iter().map(|(name, version)| Listed { name: (*name).into(), version: v(version) }).collect()
    }

    fn known() -> Known {
        let mut known = Known::default();
        known.applied("x/a".into(), v("5"));
        known.applied("x/b".into(), v("12"));
        known.completed();
        known.comparison_begins();
        known
    }

    #[test]
    fn a_listing_that_agrees_has_no_suspects() {
        // b changed after the listing, at 10.
        assert!(known().suspects(listed(&[("x/a", "5"), ("x/b", "7")]), &v("10")).is_empty());
        assert!(known().suspects(listed(&[("x/a", "5")]), &v("10")).is_empty(), "b was created after it");
    }

    #[test]
    fn missed_changes_and_deletions_are_suspects_until_they_come() {
        let mut known = known();
        let suspects = known.suspects(listed(&[("x/b", "12"), ("x/c", "9")]), &v("13"));
        let names: Vec<_> = suspects.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["x/a", "x/c"]);
        known.applied("x/c".into(), v("9"));
        known.deleted("x/a".into(), v("8"));
        assert!(suspects.iter().all(|s| known.explains(s, &v("13"))));
    }

    #[test]
    fn a_deletion_after_the_listing_explains_itself() {
        let mut known = known();
        known.deleted("x/a".into(), v("20"));
        assert!(known.suspects(listed(&[("x/a", "5"), ("x/b", "12")]), &v("13")).is_empty());
    }

    #[test]
    fn versions_without_order_count_as_arrived_once_they_move() {
        let mut known = Known::default();
        known.applied("x/a".into(), v("q"));
        known.completed();
        known.comparison_begins();
        let suspects = known.suspects(listed(&[("x/a", "r")]), &v("s"));
        assert_eq!(suspects.len(), 1);
        known.applied("x/a".into(), v("t"));
        assert!(known.explains(&suspects[0], &v("s")));
    }

    #[test]
    fn after_a_resume_the_first_listing_is_the_base() {
        let mut known = Known::resumed(v("8"));
        known.applied("x/a".into(), v("15"));
        known.comparison_begins();
        known.deleted("x/b".into(), v("16"));
        let listing = listed(&[("x/a", "5"), ("x/b", "6"), ("x/c", "7"), ("x/d", "9")]);
        let suspects = known.suspects(listing, &v("13"));
        assert_eq!(
            suspects.iter().map(|s| &*s.name).collect::<Vec<_>>(),
            ["x/d"],
            "it changed since and was not told"
        );
        assert_eq!(known.version("x/a"), Some(&v("15")));
        assert_eq!(known.version("x/b"), None);
        assert_eq!(known.version("x/c"), Some(&v("7")));
    }
}
