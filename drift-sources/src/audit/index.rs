//! The join of changes to requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use drift_core::{Actor, FieldPath, Node, ResourceKey, ResourceVersion, Uid};
use jiff::{SignedDuration, Timestamp};

use super::agree::{agrees, leaves_nothing};
use super::entry::{AuditEntry, AuditVerb};
use super::kinds::Kinds;
use super::reader::AuditDamage;
use super::told::{Told, asked, told};

/// Clocks of who recorded a change and of the API server may differ by so much, and `managedFields` has whole seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// What is known of a field's value at the moment that a change is asked about.
#[derive(Clone, Copy, Debug, Default)]
pub enum LiveValue<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// The field is not there.
    Absent,
    /// The field is so; of a Secret redacted with the key that the log was read with.
    Is(Node<'a>),
}

/// A change of which the author is wanted. The more is known of it, the surer is the answer.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Which resource.
    pub key: &'a ResourceKey,
    /// The version that the change made.
    pub version: Option<&'a ResourceVersion>,
    /// When the change was seen or written down; later requests did not make it.
    pub at: Option<Timestamp>,
    /// Which field; the object as a whole without.
    pub path: Option<&'a FieldPath>,
    /// What the field is after it.
    pub value: LiveValue<'a>,
    /// Field manager that owns the field after it.
    pub manager: Option<&'a str>,
}

impl<'a> Change<'a> {
    /// Asks about a resource as a whole.
    pub fn of(key: &'a ResourceKey) -> Self {
        Self { key, version: None, at: None, path: None, value: LiveValue::Unknown, manager: None }
    }
}

/// What a join rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JoinBasis {
    /// The request left the very version behind.
    Version,
    /// The request is the one that gave the field its value.
    Field,
    /// The request is the only one near in time that fits.
    Time,
}

/// A request that made a change.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// The request.
    pub entry: &'a AuditEntry,
    /// What the join rests on.
    pub basis: JoinBasis,
}

/// Group, namespace, name.
type Name = (Arc<str>, Arc<str>, Arc<str>);

/// The carried-out requests of an audit log by what they were about.
#[derive(Clone, Debug, Default)]
pub struct AuditIndex {
    /// In order of time.
    entries: Vec<AuditEntry>,
    by_name: HashMap<Name, Vec<usize>>,
    /// Deletions of whole lists.
    collections: Vec<usize>,
    damages: Vec<AuditDamage>,
}

impl AuditIndex {
    /// Takes the entries of a log; requests that failed are left out, and what cannot be read is kept aside.
    pub fn new(log: impl IntoIterator<Item = Result<AuditEntry, AuditDamage>>) -> Self {
        let mut index = Self::default();
        for item in log {
            match item {
                Ok(entry) if entry.is_done() => index.entries.push(entry),
                Ok(_) => {}
                Err(damage) => index.damages.push(damage),
            }
        }
        index.entries.sort_by_key(|e| (e.at, e.line));
        let mut kinds = Kinds::default();
        index.entries.iter().for_each(|e| kinds.learn(&e.target));
        index.entries.iter_mut().for_each(|e| kinds.name(&mut e.target));
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

    /// Returns what of the log could not be read.
    pub fn damages(&self) -> &[AuditDamage] {
        &self.damages
    }

    /// Returns the requests about one resource and its subresources, in order of time.
    pub fn about(&self, key: &ResourceKey) -> impl DoubleEndedIterator<Item = &AuditEntry> {
        let name = (Arc::clone(&key.group), Arc::clone(&key.namespace), Arc::clone(&key.name));
        let key = ResourceKey { cluster: "".into(), ..key.clone() };
        let hits = self.by_name.get(&name).map_or(&[][..], |v| v);
        hits.iter().map(|i| &self.entries[*i]).filter(move |e| e.target.is(&key))
    }

    /// Returns the user who wrote most often under a field manager's name.
    pub fn usual_user(&self, manager: &str) -> Option<&str> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in self.entries.iter().filter(|e| &*e.manager == manager) {
            *times.entry(&entry.user).or_default() += 1;
        }
        times.into_iter().max_by_key(|(user, n)| (*n, std::cmp::Reverse(*user))).map(|(user, _)| user)
    }

    /// Tells who made a change: by the version that it made, else by the field, else by the time.
    ///
    /// `version` and `at` are those of the record in which the field got its value, not those of the object today.
    pub fn who(
        &self,
        key: &ResourceKey,
        version: Option<&ResourceVersion>,
        at: Option<Timestamp>,
        path: Option<&FieldPath>,
    ) -> Option<Actor> {
        let change = Change { version, at, path, ..Change::of(key) };
        self.join(&change).map(|join| join.entry.actor())
    }

    /// Finds the request that made a change; `None` rather than a guess.
    pub fn join(&self, change: &Change<'_>) -> Option<Join<'_>> {
        if let Some(entry) = change.version.and_then(|v| self.by_version(change, v)) {
            return Some(Join { entry, basis: JoinBasis::Version });
        }
        if let Some(entry) = change.path.and_then(|p| self.by_field(change, p)) {
            return Some(Join { entry, basis: JoinBasis::Field });
        }
        self.by_time(change).map(|entry| Join { entry, basis: JoinBasis::Time })
    }

    /// Finds the request that left a version behind: of several the first, since the others changed nothing.
    fn by_version(&self, change: &Change<'_>, version: &ResourceVersion) -> Option<&AuditEntry> {
        let made = |e: &&AuditEntry| {
            // A write that changes nothing answers with the version that is there.
            e.version.as_ref() == Some(version) && change.at.is_none_or(|at| e.received_at <= at + SLACK)
        };
        let mut writes = self.about(change.key).filter(made).filter(|e| !e.verb.is_deletion());
        // A deletion that has to wait is a write; one that is done at once answers with the version before it.
        writes.next().or_else(|| {
            self.about(change.key).filter(made).find(|e| e.verb.is_deletion() && e.is_terminating)
        })
    }

    /// Finds the first of the requests since which the field has the value that it has.
    fn by_field(&self, change: &Change<'_>, path: &FieldPath) -> Option<&AuditEntry> {
        let until = change.at.map(|at| at + SLACK);
        let writes = self.about(change.key).filter(|e| !e.verb.is_deletion());
        // Where versions are known and none fits, the request that is asked for is not in the log.
        let writes = writes.filter(|e| change.version.is_none() || e.version.is_none());
        let mut run = Run { live: change.value, manager: change.manager, found: None, perhaps: None };
        let mut is_sure = false;
        for entry in writes.filter(|e| until.is_none_or(|until| e.at <= until)).rev() {
            match run.take(entry, path) {
                Step::On => {}
                Step::Sure => {
                    is_sure = true;
                    break;
                }
            }
        }
        let found = run.found.filter(|e| is_sure || is_cause(e, path, change, run.live));
        found.or(run.perhaps.filter(|_| run.found.is_none())).filter(|e| fits(e, change.manager))
    }

    /// Finds the only request near in time that does not say what it changed.
    fn by_time(&self, change: &Change<'_>) -> Option<&AuditEntry> {
        let at = change.at?;
        let near = |e: &&AuditEntry| {
            (at - SLACK..=at + SLACK).contains(&e.at)
                && !e.verb.is_deletion()
                && fits(e, change.manager)
                && (change.version.is_none() || e.version.is_none())
                // One that tells of the field was looked at already.
                && change.path.is_none_or(|p| told(e, p) == Told::Nothing && e.request.is_none())
        };
        let mut hits = self.about(change.key).filter(near);
        let first = hits.next()?;
        hits.all(|e| e.user == first.user).then_some(first)
    }

    /// Tells who created a resource that is there at a time.
    pub fn creator(
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
        self.about(key).rev().find(made)
    }

    /// Tells who deleted a resource that is gone at a time: the first request to do so since it was made.
    ///
    /// A finalizer's removal and the end of a graceful period are the consequence and not the deletion.
    pub fn deleter(
        &self,
        key: &ResourceKey,
        uid: Option<&Uid>,
        until: Option<Timestamp>,
    ) -> Option<&AuditEntry> {
        let before = |e: &AuditEntry| until.is_none_or(|until| e.at <= until + SLACK);
        let born = self.about(key).rev().find(|e| {
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
        let direct = self.about(key).filter(is_direct).find(fits);
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

/// A walk back through the requests about an object for as long as a field was as it is.
struct Run<'a, 'v> {
    live: LiveValue<'v>,
    manager: Option<&'v str>,
    found: Option<&'a AuditEntry>,
    /// The last request that may have written the field.
    perhaps: Option<&'a AuditEntry>,
}

enum Step {
    /// Further back.
    On,
    /// Before this the field was another, so that what was found made the change.
    Sure,
}

impl<'a: 'v, 'v> Run<'a, 'v> {
    fn take(&mut self, entry: &'a AuditEntry, path: &FieldPath) -> Step {
        match (told(entry, path), self.live) {
            (Told::Nothing, _) => {}
            (Told::Perhaps, _) => self.perhaps = self.perhaps.or(Some(entry)),
            (Told::Touched, _) => {
                self.found = self.found.or(Some(entry));
                return Step::Sure;
            }
            (Told::Value(value), LiveValue::Unknown) => {
                (self.found, self.live) = (Some(entry), LiveValue::Is(value));
            }
            (Told::Absent, LiveValue::Unknown) => (self.found, self.live) = (Some(entry), LiveValue::Absent),
            (Told::Value(value), LiveValue::Is(now)) if agrees(value, now) => self.find(entry),
            // A map of which everything was taken away goes too.
            (Told::Value(value), LiveValue::Absent) if leaves_nothing(value) => self.find(entry),
            (Told::Absent, LiveValue::Absent) => self.find(entry),
            _ => return Step::Sure,
        }
        Step::On
    }

    /// Goes back to an earlier request with the same value, unless the owner of the field did not make it.
    fn find(&mut self, entry: &'a AuditEntry) {
        if self.found.is_none() || fits(entry, self.manager) {
            self.found = Some(entry);
        }
    }
}

/// Tells whether a request alone, with nothing known from before it, is reason enough to name it.
fn is_cause(entry: &AuditEntry, path: &FieldPath, change: &Change<'_>, live: LiveValue<'_>) -> bool {
    match entry.verb {
        AuditVerb::Create => true,
        AuditVerb::Update if &*entry.target.subresource == "scale" => true,
        // Who sends a whole object back has not touched all of it: its owner says so, or that a field of it is missing.
        AuditVerb::Update => {
            named(change.manager) == Some(&*entry.manager)
                || matches!(live, LiveValue::Absent) && !entry.user.starts_with("system:")
        }
        _ => entry.code == Some(201) || !matches!(asked(entry, path), Told::Nothing),
    }
}

/// Of more than ten managers the oldest are folded into one that is none.
fn named(manager: Option<&str>) -> Option<&str> {
    manager.filter(|m| *m != "ancient-changes")
}

fn fits(entry: &AuditEntry, manager: Option<&str>) -> bool {
    named(manager).is_none_or(|m| *entry.manager == *m)
}
