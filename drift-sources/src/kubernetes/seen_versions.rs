//! The versions that a watch has delivered, and how a new list compares with them.

use std::cmp::Ordering;
use std::collections::HashMap;

use drift_core::{Object, ResourceVersion};

use super::machine::ListedVersion;

/// The last emitted version of every object of a target.
#[derive(Debug, Default)]
pub(crate) struct SeenVersions {
    versions: HashMap<Box<str>, ResourceVersion>,
    /// Whether a complete list is included; not so after resuming from a cursor.
    complete: bool,
    /// Where the watch resumed: later changes were emitted, objects without later changes are not known here.
    since: Option<ResourceVersion>,
    /// During a comparison: the objects deleted since it began.
    removed: Option<HashMap<Box<str>, ResourceVersion>>,
}

/// A difference between a list and the seen versions; the event for it may still arrive.
#[derive(Clone, Debug)]
pub(crate) struct Discrepancy {
    pub(crate) name: Box<str>,
    /// What the listing has.
    listed: Option<ResourceVersion>,
    /// What was known when the listing came.
    known: Option<ResourceVersion>,
}

/// Returns the name an object has in a listing.
pub(crate) fn listed_name(object: &Object) -> Box<str> {
    format!("{}/{}", object.namespace(), object.name()).into()
}

impl SeenVersions {
    /// Starts empty, for a watch that resumes at a version.
    pub(crate) fn resumed_at(since: ResourceVersion) -> Self {
        Self { since: Some(since), ..Self::default() }
    }

    /// Forgets everything, because a list begins.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Notes that a complete list is included.
    pub(crate) fn mark_complete(&mut self) {
        self.complete = true;
    }

    /// Returns `true` if the target certainly has no objects.
    pub(crate) fn is_surely_empty(&self) -> bool {
        self.complete && self.versions.is_empty()
    }

    /// Returns the last emitted version of an object.
    pub(crate) fn version_of(&self, name: &str) -> Option<&ResourceVersion> {
        self.versions.get(name)
    }

    /// Notes that an object was emitted.
    pub(crate) fn note_applied(&mut self, name: Box<str>, version: ResourceVersion) {
        self.versions.insert(name, version);
    }

    /// Notes that a deletion was emitted.
    pub(crate) fn note_deleted(&mut self, name: Box<str>, version: ResourceVersion) {
        self.versions.remove(&name);
        if let Some(removed) = &mut self.removed {
            removed.insert(name, version);
        }
    }

    /// Starts to note deletions, because a list to compare with was requested.
    pub(crate) fn comparison_begins(&mut self) {
        self.removed = Some(HashMap::new());
    }

    /// Ends the comparison.
    pub(crate) fn comparison_ends(&mut self) {
        self.removed = None;
    }

    /// Compares with a list at a version; the first one after a resume only finds changes since then.
    pub(crate) fn find_discrepancies(
        &mut self,
        listed: Vec<ListedVersion>,
        at: &ResourceVersion,
    ) -> Vec<Discrepancy> {
        if !self.complete {
            return self.complete_with(listed, at);
        }
        let mut discrepancies = Vec::new();
        let mut names = std::collections::HashSet::with_capacity(listed.len());
        for ListedVersion { name, version } in listed {
            names.insert(name.clone());
            let known = self.versions.get(&name).cloned();
            discrepancies.push(Discrepancy { name, listed: Some(version), known });
        }
        for (name, version) in self.versions.iter().filter(|(name, _)| !names.contains(*name)) {
            discrepancies.push(Discrepancy {
                name: name.clone(),
                listed: None,
                known: Some(version.clone()),
            });
        }
        discrepancies.retain(|s| !self.is_explained(s, at));
        discrepancies.sort_by(|a, b| a.name.cmp(&b.name));
        discrepancies
    }

    /// Adopts a list, except for changes since the resume that were not emitted.
    fn complete_with(&mut self, listed: Vec<ListedVersion>, at: &ResourceVersion) -> Vec<Discrepancy> {
        let mut discrepancies = Vec::new();
        for ListedVersion { name, version } in listed {
            let newer =
                self.since.as_ref().is_some_and(|since| version.order(since) == Some(Ordering::Greater));
            let removed = self.removed.as_ref().is_some_and(|removed| removed.contains_key(&name));
            if newer {
                let known = self.versions.get(&name).cloned();
                discrepancies.push(Discrepancy { name, listed: Some(version), known });
            } else if !removed {
                self.versions.entry(name).or_insert(version);
            }
        }
        self.complete = true;
        discrepancies.retain(|s| !self.is_explained(s, at));
        discrepancies
    }

    /// Returns `true` if the versions seen by now agree with the list at a version.
    pub(crate) fn is_explained(&self, suspect: &Discrepancy, at: &ResourceVersion) -> bool {
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

    fn listed(entries: &[(&str, &str)]) -> Vec<ListedVersion> {
        entries
            .iter()
            .map(|(name, version)| ListedVersion { name: (*name).into(), version: v(version) })
            .collect()
    }

    fn known() -> SeenVersions {
        let mut known = SeenVersions::default();
        known.note_applied("x/a".into(), v("5"));
        known.note_applied("x/b".into(), v("12"));
        known.mark_complete();
        known.comparison_begins();
        known
    }

    #[test]
    fn a_listing_that_agrees_has_no_suspects() {
        // b changed after the listing, at 10.
        assert!(known().find_discrepancies(listed(&[("x/a", "5"), ("x/b", "7")]), &v("10")).is_empty());
        assert!(
            known().find_discrepancies(listed(&[("x/a", "5")]), &v("10")).is_empty(),
            "b was created after it"
        );
    }

    #[test]
    fn missed_changes_and_deletions_are_suspects_until_they_come() {
        let mut known = known();
        let discrepancies = known.find_discrepancies(listed(&[("x/b", "12"), ("x/c", "9")]), &v("13"));
        let names: Vec<_> = discrepancies.iter().map(|s| &*s.name).collect();
        assert_eq!(names, ["x/a", "x/c"]);
        known.note_applied("x/c".into(), v("9"));
        known.note_deleted("x/a".into(), v("8"));
        assert!(discrepancies.iter().all(|s| known.is_explained(s, &v("13"))));
    }

    #[test]
    fn a_deletion_after_the_listing_explains_itself() {
        let mut known = known();
        known.note_deleted("x/a".into(), v("20"));
        assert!(known.find_discrepancies(listed(&[("x/a", "5"), ("x/b", "12")]), &v("13")).is_empty());
    }

    #[test]
    fn versions_without_order_count_as_arrived_once_they_move() {
        let mut known = SeenVersions::default();
        known.note_applied("x/a".into(), v("q"));
        known.mark_complete();
        known.comparison_begins();
        let discrepancies = known.find_discrepancies(listed(&[("x/a", "r")]), &v("s"));
        assert_eq!(discrepancies.len(), 1);
        known.note_applied("x/a".into(), v("t"));
        assert!(known.is_explained(&discrepancies[0], &v("s")));
    }

    #[test]
    fn after_a_resume_the_first_listing_is_the_base() {
        let mut known = SeenVersions::resumed_at(v("8"));
        known.note_applied("x/a".into(), v("15"));
        known.comparison_begins();
        known.note_deleted("x/b".into(), v("16"));
        let listing = listed(&[("x/a", "5"), ("x/b", "6"), ("x/c", "7"), ("x/d", "9")]);
        let discrepancies = known.find_discrepancies(listing, &v("13"));
        assert_eq!(
            discrepancies.iter().map(|s| &*s.name).collect::<Vec<_>>(),
            ["x/d"],
            "it changed since and was not told"
        );
        assert_eq!(known.version_of("x/a"), Some(&v("15")));
        assert_eq!(known.version_of("x/b"), None);
        assert_eq!(known.version_of("x/c"), Some(&v("7")));
    }
}
