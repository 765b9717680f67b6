//! What a recorded history covers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::event::{Event, EventBody, Gap, GapReason};
use crate::key::{ResourceKey, ResourceName};
use crate::stream::{Facet, Position, Scope, StreamId};

use super::{Unseen, UnseenReason};

/// Namespaces that a message names.
const MAX_NAMED: usize = 3;

/// What a recorded history covers, by its own account: what was listed in full, what may not be listed, when it begins and
/// ends.
///
/// Events come in the order of the log. A gap of a scope ends with the next full listing of it.
///
/// # Example
/// ```
/// use drift_core::coverage::{RecordedScope, UnseenReason};
/// use drift_core::{ResourceKey, Scope};
///
/// let mut recorded = RecordedScope::default();
/// recorded.add_listing(Scope { namespace: "shop".into(), ..Scope::of_kind("", "Pod") });
/// assert_eq!(recorded.unseen(&ResourceKey::new("", "Pod", "shop", "web")), None, "there is no such Pod");
/// let elsewhere = recorded.unseen(&ResourceKey::new("", "Pod", "bank", "web")).unwrap();
/// assert_eq!(elsewhere.reason, UnseenReason::OutsideRecording);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordedScope {
    begins: Option<Timestamp>,
    /// When the last event was observed that counts for the moment that is looked at.
    ends: Option<Timestamp>,
    /// When the last event of all was observed.
    last_seen: Option<Timestamp>,
    /// Position of the last event of all.
    last_position: Option<Position>,
    /// Source of the last event.
    source: Option<Arc<str>>,
    /// Whether everything that was listed is stated, empty lists included.
    is_exhaustive: bool,
    listed: BTreeSet<Scope>,
    /// Kinds of which an object was recorded.
    kinds: BTreeSet<(Arc<str>, Arc<str>)>,
    /// What may be there and was not seen, until it is listed again.
    gaps: BTreeMap<Scope, Gap>,
}

impl RecordedScope {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        self.begins.get_or_insert(event.observed_at);
        self.ends = self.ends.max(Some(event.observed_at));
        self.last_seen = self.last_seen.max(self.ends);
        self.set_last_position(event.position);
        if self.source.as_ref() != Some(&event.origin.source) {
            self.source = Some(Arc::clone(&event.origin.source));
        }
        match (&event.body, &event.stream) {
            (EventBody::Relisted(scope), _) => self.add_listing(scope.clone()),
            (EventBody::Gap(gap), _) => self.add_gap(gap),
            (EventBody::Applied(_), StreamId::Resource(Facet::Live, key)) => self.add_kind(key),
            _ => {}
        }
    }

    /// Adds a scope that was listed in full.
    pub fn add_listing(&mut self, scope: Scope) {
        self.gaps.retain(|gap, _| !scope.covers(gap));
        self.listed.insert(scope);
    }

    /// Adds a gap: if objects may be there that were not seen, it leaves its scope unknown until the next listing.
    pub fn add_gap(&mut self, gap: &Gap) {
        if matches!(gap.reason, GapReason::Denied | GapReason::Corrupt | GapReason::TooLarge) {
            self.gaps.insert(gap.scope.clone(), gap.clone());
        }
    }

    /// Adds a gap of the one listing that there is: whatever the reason, what is in its scope was not seen.
    pub fn add_unlisted(&mut self, gap: &Gap) {
        self.gaps.insert(gap.scope.clone(), gap.clone());
    }

    /// Adds the kind of a recorded resource.
    pub fn add_kind(&mut self, key: &ResourceKey) {
        let kind = (Arc::clone(&key.group), Arc::clone(&key.kind));
        self.kinds.insert(kind);
    }

    /// Sets when the history begins, also where that is after the moment that is looked at.
    pub fn set_beginning(&mut self, time: Timestamp) {
        self.begins = Some(time);
    }

    /// Sets when the last event was observed, up to the moment that is looked at.
    pub fn set_end(&mut self, time: Timestamp) {
        self.ends = Some(time);
        self.last_seen = self.last_seen.max(self.ends);
    }

    /// Takes the last event of all, which may be after the moment that is looked at.
    pub fn set_last_event(&mut self, event: &Event) {
        self.last_seen = Some(event.observed_at);
        self.source = Some(Arc::clone(&event.origin.source));
        self.set_last_position(event.position);
    }

    /// Sets up to which position there are events, also where that is after the moment that is looked at.
    pub fn set_last_position(&mut self, position: Position) {
        self.last_position = self.last_position.max(Some(position));
    }

    /// States that nothing else was listed than what was added, such as of a dump, which holds what somebody asked for.
    pub fn set_exhaustive(&mut self) {
        self.is_exhaustive = true;
    }

    /// Returns when the history begins.
    pub fn begins(&self) -> Option<Timestamp> {
        self.begins
    }

    /// Returns when the last event was observed; `None` where nothing was recorded by the moment that is looked at.
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// Returns when the last event of all was observed.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }

    /// Returns the position of the last event of all.
    pub fn last_position(&self) -> Option<Position> {
        self.last_position
    }

    /// Returns the source of the last event.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Returns the gaps in which objects may be there that were not seen.
    pub fn open_gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.values()
    }

    /// Returns `true` if a resource would have been seen by now: its scope was listed in full, and may still be.
    pub fn is_listed(&self, key: &ResourceKey) -> bool {
        self.listed.iter().any(|scope| scope.contains(key)) && self.unseen(key).is_none()
    }

    /// Returns why it proves nothing that a resource is not recorded; `None` where it is known not to be there.
    ///
    /// A history that states no listing at all, such as a few events put together by hand, is taken as complete.
    pub fn unseen(&self, key: &ResourceKey) -> Option<Unseen> {
        if let Some(gap) = self.gaps.values().find(|gap| gap.scope.contains(key)) {
            return Some(Unseen::of_gap(gap));
        }
        if self.ends.is_none() && self.begins.is_some() {
            let begins = self.begins.map(|b| b.to_string()).unwrap_or_default();
            return Some(Unseen::other(
                UnseenReason::BeforeHistory,
                format!("the history begins at {begins}"),
            ));
        }
        if self.listed.is_empty() && !self.is_exhaustive
            || self.listed.iter().any(|scope| scope.contains(key))
        {
            return None;
        }
        let is_kind = |s: &&Scope| Scope { namespace: "".into(), ..(*s).clone() }.contains(key);
        let elsewhere = self.listed.iter().filter(is_kind);
        let (mut namespaces, mut is_known_kind) = (BTreeSet::new(), false);
        for scope in elsewhere {
            is_known_kind = true;
            namespaces.insert(&*scope.namespace);
        }
        let scope = Scope {
            cluster: Arc::clone(&key.cluster),
            kind: Some((Arc::clone(&key.group), Arc::clone(&key.kind))),
            namespace: Arc::clone(&key.namespace),
        };
        let is_elsewhere =
            || self.is_of_namespaces() && self.listed.iter().all(|s| s.namespace != key.namespace);
        if is_known_kind || is_elsewhere() {
            if !is_known_kind {
                namespaces = self.listed.iter().map(|s| &*s.namespace).collect();
            }
            let message = format!("only {} was recorded", named(&namespaces));
            return Some(Unseen::of_scope(UnseenReason::OutsideRecording, scope, message));
        }
        // A recorder that states what it lists states the empty lists too.
        (self.is_exhaustive || self.states_empty_lists())
            .then(|| Unseen::of_scope(UnseenReason::KindNotListed, scope, "the kind was not listed"))
    }

    /// Returns why it proves nothing that no resource of a name is recorded; `None` where there is known to be none.
    ///
    /// A name without a namespace is looked for in the given one, or in all that were recorded.
    pub fn unseen_name(&self, name: &ResourceName, namespace: Option<&str>) -> Option<Unseen> {
        let namespace = name.namespace_in(namespace);
        self.kinds_of(name).into_iter().find_map(|(group, kind)| {
            let scope =
                Scope { namespace: namespace.unwrap_or_default().into(), ..Scope::of_kind(&group, &kind) };
            if let Some(gap) = self.gaps.values().find(|gap| gap.scope.meets(&scope)) {
                return Some(Unseen::of_gap(gap));
            }
            if namespace.is_none() && self.listed.iter().any(|listed| listed.meets(&scope)) {
                return None;
            }
            let recorded = self.listed.first().map_or("", |listed| &*listed.namespace);
            self.unseen(&ResourceKey::new(&group, &kind, namespace.unwrap_or(recorded), name.name()))
        })
    }

    /// Returns the groups and kinds that a name may mean, as far as they are known here.
    fn kinds_of(&self, name: &ResourceName) -> BTreeSet<(Arc<str>, Arc<str>)> {
        if let Some((group, kind)) = name.kind().built_in() {
            return BTreeSet::from([(group.into(), kind.into())]);
        }
        let listed = self.listed.iter().chain(self.gaps.keys()).filter_map(|scope| scope.kind.as_ref());
        let all = listed.chain(&self.kinds);
        let is_meant = |(group, kind): &&(Arc<str>, Arc<str>)| {
            name.kind().matches(&ResourceKey::new(group, kind, "", ""))
        };
        let meant: BTreeSet<_> = all.clone().filter(is_meant).cloned().collect();
        if !meant.is_empty() {
            return meant;
        }
        // It may be of a group that could not be discovered.
        all.filter(|(group, kind)| kind.is_empty() && name.kind().has_group(group)).cloned().collect()
    }

    /// Returns why it proves nothing that nothing of a namespace is recorded; `None` where the namespace would have been seen.
    pub fn unseen_namespace(&self, namespace: &str) -> Option<Unseen> {
        let unseen = self.unseen(&ResourceKey::new("", "Namespace", "", namespace))?;
        if !matches!(unseen.reason, UnseenReason::OutsideRecording | UnseenReason::KindNotListed) {
            return Some(unseen);
        }
        // Where Namespaces themselves were not listed, what lies in them shows which there are.
        let narrow: BTreeSet<&str> =
            self.listed.iter().map(|scope| &*scope.namespace).filter(|n| !n.is_empty()).collect();
        if narrow.is_empty() || narrow.contains(namespace) {
            return None;
        }
        let scope = Scope { namespace: namespace.into(), ..Scope::default() };
        let message = format!("only {} was recorded", named(&narrow));
        Some(Unseen::of_scope(UnseenReason::OutsideRecording, scope, message))
    }

    /// Returns `true` if only some namespaces were listed.
    fn is_of_namespaces(&self) -> bool {
        !self.listed.is_empty() && self.listed.iter().all(|s| !s.namespace.is_empty())
    }

    fn states_empty_lists(&self) -> bool {
        let is_empty = |s: &Scope| s.kind.as_ref().is_some_and(|kind| !self.kinds.contains(kind));
        self.listed.iter().any(is_empty)
    }
}

fn named(namespaces: &BTreeSet<&str>) -> String {
    let first: Vec<_> = namespaces.iter().take(MAX_NAMED).copied().collect();
    let more = namespaces.len().saturating_sub(MAX_NAMED);
    let word = if namespaces.len() == 1 { "namespace" } else { "namespaces" };
    match more {
        0 => format!("{word} {}", first.join(", ")),
        _ => format!("{word} {} and {more} more", first.join(", ")),
    }
}
