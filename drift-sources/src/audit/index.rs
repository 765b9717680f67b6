//! Finds the request behind a change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use drift_core::{Actor, FieldPath, Node, ResourceKey, ResourceVersion, Uid};
use jiff::{SignedDuration, Timestamp};

use super::entry::{AuditEntry, AuditSender, AuditVerb};
use super::field_evidence::FieldEvidence;
use super::kinds::Kinds;
use super::reader::AuditDamage;
use super::sent_value::{agrees_with, leaves_nothing};

/// Allowed difference between the clock of the recorder and that of the API server; `managedFields` has whole seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// What is known about a field's value after a change.
#[derive(Clone, Copy, Debug, Default)]
pub enum LiveValue<'a> {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The field is absent.
    Absent,
    /// The field has this value; for a Secret, redacted with the same key as the log.
    Is(Node<'a>),
}

/// A change whose author is searched. The more of its fields are set, the more certain the result.
#[derive(Clone, Copy, Debug)]
pub struct AuditedChange<'a> {
    /// Key of the changed resource.
    pub key: &'a ResourceKey,
    /// resourceVersion after the change.
    pub version: Option<&'a ResourceVersion>,
    /// When the change was observed; later requests cannot have made it.
    pub at: Option<Timestamp>,
    /// Path of the changed field; `None` for the whole object.
    pub path: Option<&'a FieldPath>,
    /// Value of the field after the change.
    pub value: LiveValue<'a>,
    /// Field manager that owns the field after the change.
    pub manager: Option<&'a str>,
}

impl<'a> AuditedChange<'a> {
    /// A change of a resource, of which nothing else is known.
    pub fn new(key: &'a ResourceKey) -> Self {
        Self { key, version: None, at: None, path: None, value: LiveValue::Unknown, manager: None }
    }
}

/// What the match of a change with a request rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JoinBasis {
    /// The response has the resourceVersion of the change.
    Version,
    /// The request gave the field its value.
    Field,
    /// The request is the only matching one near in time.
    Time,
}

/// The request that made a change.
#[derive(Clone, Copy, Debug)]
pub struct AuditJoin<'a> {
    /// The entry of the request.
    pub entry: &'a AuditEntry,
    /// What the match rests on.
    pub basis: JoinBasis,
}

/// Group, namespace, name.
type Name = (Arc<str>, Arc<str>, Arc<str>);

/// The successful requests of an audit log, by resource; see the example of the [module](super).
#[derive(Clone, Debug, Default)]
pub struct AuditIndex {
    /// In order of time.
    entries: Vec<AuditEntry>,
    by_name: HashMap<Name, Vec<usize>>,
    /// Deletions of whole lists.
    collections: Vec<usize>,
    damages: Vec<AuditDamage>,
    contradictions: Vec<AuditContradiction>,
    unproven: usize,
}

/// Two entries of one request that cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit entries of one request to {about} at {at} contradict each other: {} did it", users.join(" or "))]
pub struct AuditContradiction {
    /// Resource, as `RESOURCE NAMESPACE/NAME`.
    pub about: String,
    /// When the request was done.
    pub at: Timestamp,
    /// Users that the entries name, each with the sender where that is not known.
    pub users: Vec<String>,
}

impl AuditIndex {
    /// Indexes the entries of a log. Failed requests are left out; unreadable parts are in [`AuditIndex::damages`], entries of one
    /// request that name different users in [`AuditIndex::contradictions`], and entries from anyone are only counted.
    pub fn new(log: impl IntoIterator<Item = Result<AuditEntry, AuditDamage>>) -> Self {
        let mut index = Self::default();
        let mut all = Vec::new();
        for item in log {
            match item {
                Ok(entry) if entry.is_done() => all.push(entry),
                Ok(_) => {}
                Err(damage) => index.damages.push(damage),
            }
        }
        index.contradictions = remove_contradictions(&mut all);
        let before = all.len();
        all.retain(|e| e.sender != AuditSender::Anyone);
        index.unproven = before - all.len();
        index.entries = all;
        index.entries.sort_by_key(|e| (e.at, e.line));
        let mut kinds = Kinds::default();
        index.entries.iter().for_each(|e| kinds.learn_kind(&e.target));
        index.entries.iter_mut().for_each(|e| kinds.fill_kind(&mut e.target));
        for (i, entry) in index.entries.iter().enumerate() {
            let target = &entry.target;
            if entry.verb == AuditVerb::DeleteCollection {
                index.collections.push(i);
            } else {
                let name =
                    (Arc::clone(&target.group), Arc::clone(&target.namespace), Arc::clone(&target.name));
                index.by_name.entry(name).or_default().push(i);
            }
        }
        index
    }

    /// Returns the requests in order of time.
    pub fn entries(&self) -> &[AuditEntry] {
        &self.entries
    }

    /// Returns the parts of the log that could not be read.
    pub fn damages(&self) -> &[AuditDamage] {
        &self.damages
    }

    /// Returns what entries contradict each other in: requests whose user is not named for that reason.
    pub fn contradictions(&self) -> &[AuditContradiction] {
        &self.contradictions
    }

    /// Returns how many entries are left out because anybody could have sent them.
    pub fn unproven(&self) -> usize {
        self.unproven
    }

    /// Returns the requests about one resource and its subresources, in order of time.
    pub fn requests_about(&self, key: &ResourceKey) -> impl DoubleEndedIterator<Item = &AuditEntry> {
        let name = (Arc::clone(&key.group), Arc::clone(&key.namespace), Arc::clone(&key.name));
        let key = ResourceKey { cluster: "".into(), ..key.clone() };
        let hits = self.by_name.get(&name).map_or(&[][..], |v| v);
        hits.iter().map(|i| &self.entries[*i]).filter(move |e| e.target.is_resource(&key))
    }

    /// Returns the user who wrote most often under a field manager's name.
    pub fn usual_user(&self, manager: &str) -> Option<&str> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| &*e.manager == manager) {
            *times.entry(&entry.user).or_default() += 1;
        }
        times.into_iter().max_by_key(|(user, n)| (*n, std::cmp::Reverse(*user))).map(|(user, _)| user)
    }

    /// Returns who made a change: by its resourceVersion, else by the field, else by the time.
    ///
    /// `version` and `at` are those of the record in which the field got its value, not those of the current object.
    pub fn actor_of(
        &self,
        key: &ResourceKey,
        version: Option<&ResourceVersion>,
        at: Option<Timestamp>,
        path: Option<&FieldPath>,
    ) -> Option<Actor> {
        let change = AuditedChange { version, at, path, ..AuditedChange::new(key) };
        self.join(&change).map(|join| join.entry.actor())
    }

    /// Finds the request that made a change; `None` rather than a guess.
    pub fn join(&self, change: &AuditedChange<'_>) -> Option<AuditJoin<'_>> {
        if let Some(entry) = change.version.and_then(|v| self.by_version(change, v)) {
            return Some(AuditJoin { entry, basis: JoinBasis::Version });
        }
        if let Some(entry) = change.path.and_then(|p| self.by_field(change, p)) {
            return Some(AuditJoin { entry, basis: JoinBasis::Field });
        }
        self.by_time(change).map(|entry| AuditJoin { entry, basis: JoinBasis::Time })
    }

    /// Finds the first request whose response has a resourceVersion; later ones with the same version changed nothing.
    fn by_version(&self, change: &AuditedChange<'_>, version: &ResourceVersion) -> Option<&AuditEntry> {
        let made = |e: &&AuditEntry| {
            // A write that changes nothing answers with the version that is there.
            e.version.as_ref() == Some(version) && change.at.is_none_or(|at| e.received_at <= at + SLACK)
        };
        // A deletion that has to wait is a write; one that is done at once answers with the version before it, and so does the removal
        // of the last finalizer: the first one made it.
        self.requests_about(change.key).filter(made).find(|e| !e.verb.is_deletion() || e.is_terminating)
    }

    /// Finds the request since which the field has its value.
    fn by_field(&self, change: &AuditedChange<'_>, path: &FieldPath) -> Option<&AuditEntry> {
        let until = change.at.map(|at| at + SLACK);
        let writes = self.requests_about(change.key).filter(|e| !e.verb.is_deletion());
        // Where versions are known and none fits, the request that is asked for is not in the log.
        let writes = writes.filter(|e| change.version.is_none() || e.version.is_none());
        let mut run = FieldTrace { live: change.value, manager: change.manager, found: None, perhaps: None };
        let mut is_sure = false;
        for entry in writes.filter(|e| until.is_none_or(|until| e.at <= until)).rev() {
            match run.take(entry, path) {
                TraceStep::Continue => {}
                TraceStep::Certain => {
                    is_sure = true;
                    break;
                }
            }
        }
        let found = run.found.filter(|e| is_sure || is_cause(e, path, change, run.live));
        found.or(run.perhaps.filter(|_| run.found.is_none())).filter(|e| fits_manager(e, change.manager))
    }

    /// Finds the only request near in time whose changes are not in the log.
    fn by_time(&self, change: &AuditedChange<'_>) -> Option<&AuditEntry> {
        let at = change.at?;
        let near = |e: &&AuditEntry| {
            (at - SLACK..=at + SLACK).contains(&e.at)
                && !e.verb.is_deletion()
                && fits_manager(e, change.manager)
                && (change.version.is_none() || e.version.is_none())
                // A request that shows the field was considered already.
                && change.path.is_none_or(|p| FieldEvidence::from_response(e, p) == FieldEvidence::Nothing && e.request.is_none())
        };
        let mut hits = self.requests_about(change.key).filter(near);
        let first = hits.next()?;
        hits.all(|e| e.user == first.user).then_some(first)
    }

    /// Finds the request that created a resource that exists at a time.
    pub fn find_creator(
        &self,
        key: &ResourceKey,
        uid: Option<&Uid>,
        until: Option<Timestamp>,
    ) -> Option<&AuditEntry> {
        let made = |e: &&AuditEntry| {
            // Server-side apply creates by a patch that is answered with 201.
            (e.verb == AuditVerb::Create && e.target.subresource.is_empty() || e.code == Some(201))
                && e.target.subresource.is_empty()
                && until.is_none_or(|until| e.at <= until + SLACK)
                && (uid.is_none() || e.uid.is_none() || e.uid.as_ref() == uid)
        };
        self.requests_about(key).rev().find(made)
    }

    /// Finds the request that deleted a resource that is gone at a time: the first one since its creation.
    ///
    /// The removal of a finalizer and the end of a grace period are consequences and not the deletion.
    pub fn find_deleter(
        &self,
        key: &ResourceKey,
        uid: Option<&Uid>,
        until: Option<Timestamp>,
    ) -> Option<&AuditEntry> {
        let before = |e: &AuditEntry| until.is_none_or(|until| e.at <= until + SLACK);
        let born = self.requests_about(key).rev().find(|e| {
            before(e)
                && e.target.subresource.is_empty()
                && (e.verb == AuditVerb::Create || e.code == Some(201))
        });
        let is_after = |e: &AuditEntry| born.is_none_or(|b| (e.at, e.line) > (b.at, b.line));
        let fits = |e: &&AuditEntry| {
            before(e) && is_after(e) && (uid.is_none() || e.uid.is_none() || e.uid.as_ref() == uid)
        };
        let is_direct = |e: &&AuditEntry| {
            e.verb == AuditVerb::Delete && e.target.subresource.is_empty()
                || &*e.target.subresource == "eviction"
        };
        let direct = self.requests_about(key).filter(is_direct).find(fits);
        let all = self.collections.iter().map(|i| &self.entries[*i]).find(|e| {
            let target = &e.target;
            target.group == key.group
                && (target.namespace.is_empty() || target.namespace == key.namespace)
                && target.is_kind(&key.kind)
                && fits(e)
        });
        [direct, all].into_iter().flatten().min_by_key(|e| (e.at, e.line))
    }
}

/// Takes out entries that are said to be of one request and name different users. What anyone sent contradicts, but takes away
/// nothing from an entry of a sender that is known.
fn remove_contradictions(all: &mut Vec<AuditEntry>) -> Vec<AuditContradiction> {
    let mut by_id: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for (i, entry) in all.iter().enumerate().filter(|(_, e)| !e.id.is_empty()) {
        by_id.entry(Arc::clone(&entry.id)).or_default().push(i);
    }
    let (mut found, mut removed) = (Vec::new(), BTreeSet::new());
    for places in by_id.values().filter(|places| places.len() > 1) {
        let user = |i: &usize| match all[*i].sender {
            AuditSender::Anyone => format!("{} (from a sender that is not known)", all[*i].user),
            _ => all[*i].user.to_string(),
        };
        if places.iter().all(|i| all[*i].user == all[places[0]].user) {
            continue;
        }
        let first = &all[places[0]];
        let about = format!("{} {}/{}", first.target.resource, first.target.namespace, first.target.name);
        let users: BTreeSet<String> = places.iter().map(user).collect();
        found.push(AuditContradiction { about, at: first.at, users: users.into_iter().collect() });
        let proven = places.iter().map(|i| &all[*i]).filter(|e| e.sender != AuditSender::Anyone);
        if proven.map(|e| &e.user).collect::<BTreeSet<_>>().len() > 1 {
            removed.extend(places.iter().copied());
        }
    }
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        !removed.contains(&(place - 1))
    });
    found
}

/// Follows the requests about an object backwards, for as long as a field had its value.
struct FieldTrace<'a, 'v> {
    live: LiveValue<'v>,
    manager: Option<&'v str>,
    found: Option<&'a AuditEntry>,
    /// The last request that may have written the field.
    perhaps: Option<&'a AuditEntry>,
}

enum TraceStep {
    /// Look further back.
    Continue,
    /// Before this request the field was different, so the request that was found made the change.
    Certain,
}

impl<'a: 'v, 'v> FieldTrace<'a, 'v> {
    fn take(&mut self, entry: &'a AuditEntry, path: &FieldPath) -> TraceStep {
        match (FieldEvidence::from_response(entry, path), self.live) {
            (FieldEvidence::Nothing, _) => {}
            (FieldEvidence::Possible, _) => self.perhaps = self.perhaps.or(Some(entry)),
            (FieldEvidence::Written, _) => {
                self.found = self.found.or(Some(entry));
                return TraceStep::Certain;
            }
            (FieldEvidence::Value(value), LiveValue::Unknown) => {
                (self.found, self.live) = (Some(entry), LiveValue::Is(value));
            }
            (FieldEvidence::Absent, LiveValue::Unknown) => {
                (self.found, self.live) = (Some(entry), LiveValue::Absent)
            }
            (FieldEvidence::Value(value), LiveValue::Is(now)) if agrees_with(value, now) => {
                self.keep_earlier(entry)
            }
            // A map of which everything was taken away goes too.
            (FieldEvidence::Value(value), LiveValue::Absent) if leaves_nothing(value) => {
                self.keep_earlier(entry)
            }
            (FieldEvidence::Absent, LiveValue::Absent) => self.keep_earlier(entry),
            _ => return TraceStep::Certain,
        }
        TraceStep::Continue
    }

    /// Prefers an earlier request with the same value, unless another manager made it.
    fn keep_earlier(&mut self, entry: &'a AuditEntry) {
        if self.found.is_none() || fits_manager(entry, self.manager) {
            self.found = Some(entry);
        }
    }
}

/// Returns `true` if a request can be named as the cause although nothing is known from before it.
fn is_cause(entry: &AuditEntry, path: &FieldPath, change: &AuditedChange<'_>, live: LiveValue<'_>) -> bool {
    match entry.verb {
        AuditVerb::Create => true,
        AuditVerb::Update if &*entry.target.subresource == "scale" => true,
        // Who sends a whole object back has not touched all of it: its owner says so, or that a field of it is missing.
        AuditVerb::Update => {
            usable_manager(change.manager) == Some(&*entry.manager)
                || matches!(live, LiveValue::Absent) && !entry.user.starts_with("system:")
        }
        _ => {
            entry.code == Some(201)
                || !matches!(FieldEvidence::from_request(entry, path), FieldEvidence::Nothing)
        }
    }
}

/// Returns the manager, unless it is the placeholder for the oldest of more than ten managers.
fn usable_manager(manager: Option<&str>) -> Option<&str> {
    manager.filter(|m| *m != "ancient-changes")
}

fn fits_manager(entry: &AuditEntry, manager: Option<&str>) -> bool {
    usable_manager(manager).is_none_or(|m| *entry.manager == *m)
}
