//! What a question reads of the index, as of its moment.

use std::sync::Arc;

use crate::event::{EventId, Until};
use crate::history::Moment;
use crate::key::ResourceKey;

use super::super::mentions::Mention;
use super::{
    ChangeCard, ChangeId, EvidenceIndex, Holders, Known, LifeStep, ResourceCard, ResourceId, WordId, hash_of,
};

impl EvidenceIndex {
    pub(in crate::cause::evidence) fn id_of(&self, key: &ResourceKey) -> Option<ResourceId> {
        self.ids.get(key).copied()
    }

    pub(in crate::cause::evidence) fn card(&self, id: ResourceId) -> &ResourceCard {
        &self.resources[id as usize]
    }

    pub(in crate::cause::evidence) fn change(&self, number: ChangeId) -> &ChangeCard {
        &self.changes[number as usize]
    }

    /// Returns the change of a resource that an event recorded.
    pub(in crate::cause::evidence) fn card_of_event(
        &self,
        key: &ResourceKey,
        event: EventId,
    ) -> Option<&ChangeCard> {
        let changes = &self.card(self.id_of(key)?).changes;
        changes.iter().map(|c| self.change(*c)).find(|c| c.id == event)
    }

    /// Returns how many changes were made until a moment; their numbers are those below.
    pub(in crate::cause::evidence) fn change_count(&self, until: Until) -> ChangeId {
        let count = self.changes.partition_point(|c| c.mark.at.is_within(until));
        ChangeId::try_from(count).unwrap_or(ChangeId::MAX)
    }

    /// Returns the number of a word, if anything holds it.
    pub(in crate::cause::evidence) fn word(&self, word: &str) -> Option<WordId> {
        self.words.ids.get(word).copied()
    }

    /// Returns a word by its number.
    pub(in crate::cause::evidence) fn text(&self, word: WordId) -> &Arc<str> {
        &self.words.words[word as usize]
    }

    /// Returns the resources of a name until a moment.
    pub(in crate::cause::evidence) fn named(
        &self,
        name: &str,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.by_name, self.word(name), until)
    }

    /// Returns the resources of a name, by the number of the word.
    pub(in crate::cause::evidence) fn named_by(
        &self,
        name: WordId,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.by_name, Some(name), until)
    }

    /// Returns how many resources have a name.
    pub(in crate::cause::evidence) fn name_count(&self, name: WordId, until: Until) -> usize {
        self.by_name.get(&name).map_or(0, |all| all.partition_point(|(_, at)| at.is_within(until)))
    }

    /// Returns the resources of a name in a namespace, or in none.
    pub(in crate::cause::evidence) fn named_within(
        &self,
        name: WordId,
        namespace: &str,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        known(self.by_place.get(&name).and_then(|places| places.get(namespace)), until)
    }

    /// Returns the resources that hold a value with a dot, such as a host name.
    pub(in crate::cause::evidence) fn holding(
        &self,
        value: &str,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.by_value, self.word(value), until)
    }

    /// Returns the resources that hold a value with a dot, by the number of the word.
    pub(in crate::cause::evidence) fn holding_word(
        &self,
        value: WordId,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.by_value, Some(value), until)
    }

    /// Returns who wants a value that only one may have.
    pub(in crate::cause::evidence) fn wanting(
        &self,
        value: &str,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.wanting, self.word(value), until)
    }

    /// Returns the resource of a UID or an address of a pod or Service; of several the one that came last.
    pub(in crate::cause::evidence) fn at_address(&self, address: &str, until: Until) -> Option<ResourceId> {
        self.held(&self.by_address, self.word(address), until).last()
    }

    /// Returns the resources that ever had a label, given as `key=value` or as `key`.
    pub(in crate::cause::evidence) fn labelled(
        &self,
        label: WordId,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.labelled, Some(label), until)
    }

    /// Returns how many resources ever had a label.
    pub(in crate::cause::evidence) fn labelled_count(&self, label: WordId) -> usize {
        self.labelled.get(&label).map_or(0, Vec::len)
    }

    /// Returns the resources that ever selected others by a label, among others.
    pub(in crate::cause::evidence) fn selecting(
        &self,
        label: WordId,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> {
        self.held(&self.selecting, Some(label), until)
    }

    fn held<'a>(
        &'a self,
        holders: &'a Holders,
        word: Option<WordId>,
        until: Until,
    ) -> impl Iterator<Item = ResourceId> + 'a {
        known(word.and_then(|w| holders.get(&w)), until)
    }

    /// Returns the newest changes before a number that hold a word, unless more than so many do: then it tells little.
    pub(in crate::cause::evidence) fn worded(
        &self,
        word: WordId,
        before: ChangeId,
        most: usize,
    ) -> &[ChangeId] {
        let all = self.worded.get(&word).map_or(&[][..], Vec::as_slice);
        let known = &all[..all.partition_point(|c| *c < before)];
        if known.len() > most { &[] } else { known }
    }

    /// Returns the newest changes before a number in a namespace, or of what is in none.
    pub(in crate::cause::evidence) fn changes_within(
        &self,
        namespace: &str,
        before: ChangeId,
        most: usize,
    ) -> &[ChangeId] {
        let all = self.within.get(namespace).map_or(&[][..], Vec::as_slice);
        let known = &all[..all.partition_point(|c| *c < before)];
        &known[known.len().saturating_sub(most)..]
    }

    /// Returns the labels that a resource has, or gives its pods, at a moment.
    pub(in crate::cause::evidence) fn labels(&self, id: ResourceId, until: Until) -> &[WordId] {
        let newest = self.card(id).labels.iter().rev().find(|(_, at)| at.is_within(until));
        newest.map_or(&[], |(labels, _)| labels)
    }

    /// Returns `true` if a resource ever had all of some labels, each at some moment.
    pub(in crate::cause::evidence) fn had_labels(
        &self,
        id: ResourceId,
        labels: &[WordId],
        until: Until,
    ) -> bool {
        let known = || self.card(id).labels.iter().filter(move |(_, at)| at.is_within(until));
        labels.iter().all(|l| known().any(|(held, _)| held.binary_search(l).is_ok()))
    }

    /// Returns the API groups that are no part of Kubernetes.
    pub(in crate::cause::evidence) fn groups(&self, until: Until) -> impl Iterator<Item = &Arc<str>> {
        self.groups.iter().filter(move |(_, at)| at.is_within(until)).map(|(group, _)| group)
    }

    /// Returns `true` if something that runs, or a namespace, has a name.
    pub(in crate::cause::evidence) fn runs(&self, name: &str, until: Until) -> bool {
        self.runners.get(name).is_some_and(|at| at.is_within(until))
    }

    /// Returns who mentions a word, with the number of the mention.
    pub(in crate::cause::evidence) fn mentioning(
        &self,
        word: WordId,
        until: Until,
    ) -> impl Iterator<Item = (ResourceId, &Mention)> {
        let all = self.mentioning.get(&word).map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(move |(id, n)| {
            let (mention, at) = &self.resources[*id as usize].mentions[*n as usize];
            at.is_within(until).then_some((*id, mention))
        })
    }

    /// Returns who complained in the same words, with numbers and names blanked.
    pub(in crate::cause::evidence) fn complaining(
        &self,
        message: &str,
        until: Until,
    ) -> impl Iterator<Item = (ResourceId, &Moment)> {
        let all = self.complaining.get(&hash_of(message)).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |(_, mark)| mark.at.is_within(until)).map(|(id, mark)| (*id, mark))
    }

    /// Returns how many changes there were of a path until a moment.
    pub(in crate::cause::evidence) fn changes_of_path(&self, path: WordId, until: Until) -> usize {
        let all = self.path_changes.get(&path).map_or(&[][..], Vec::as_slice);
        all.partition_point(|c| self.changes[*c as usize].mark.at.is_within(until))
    }

    /// Returns `true` if a manager writes the status of anything.
    pub(in crate::cause::evidence) fn writes_status(&self, manager: &str, until: Until) -> bool {
        self.status_writers.get(manager).is_some_and(|at| at.is_within(until))
    }

    /// Returns whether a resource was there before the log began, and if not since when it is there, as of a moment.
    pub(in crate::cause::evidence) fn born(&self, id: ResourceId, until: Until) -> Option<&Moment> {
        let lives = self.card(id).lives.iter().rev().filter(|(m, _)| m.at.is_within(until));
        lives
            .filter(|(_, step)| *step != LifeStep::Gone)
            .map(|(m, step)| (*step == LifeStep::Born).then_some(m))
            .next()?
    }

    /// Returns `true` if a resource is there at a moment.
    pub(in crate::cause::evidence) fn is_there(&self, id: ResourceId, until: Until) -> bool {
        let last = self.card(id).lives.iter().rev().find(|(m, _)| m.at.is_within(until));
        last.is_some_and(|(_, step)| *step != LifeStep::Gone)
    }

    /// Returns `true` if a resource was ever there until a moment.
    pub(in crate::cause::evidence) fn was_known(&self, id: ResourceId, until: Until) -> bool {
        self.card(id).lives.first().is_some_and(|(m, _)| m.at.is_within(until))
    }
}

/// Returns the resources that were known at a moment.
fn known(all: Option<&Known>, until: Until) -> impl Iterator<Item = ResourceId> {
    let all = all.map_or(&[][..], Vec::as_slice);
    all.iter().filter(move |(_, at)| at.is_within(until)).map(|(id, _)| *id)
}
