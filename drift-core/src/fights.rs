//! Fields that two writers overwrite in turn, and hand changes that an engine put back.
//!
//! A side is a field manager and, where it is an engine's, the Application, Kustomization or release through which it
//! wrote: two Applications have one manager. A side overwrites when it changes a value that another side wrote; two sides
//! that did so at least twice each fight. One hotfix that is put back once is no fight but a [`Revert`].
//!
//! **Invariant:** values and owners of recorded versions are all that counts. `scale` entries carry no time, so that
//! who wrote when is read from the value alternating, never from their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::blame::{changes, remover, units, writer};
use crate::drift::Owner;
use crate::history::{History, Version, VersionList};
use crate::k8s::annotations::{BookkeepingKind, bookkeeping_at};
use crate::k8s::managers::is_by_hand;
use crate::k8s::tracking::AppRef;
use crate::key::ResourceKey;
use crate::object::Object;
use crate::path::FieldPath;
use crate::schema::TypeRef;

/// Overwrites by each side from which on it is a fight.
const ROUNDS: usize = 2;

/// Kinds whose writers alternate by design, or that only report on others.
const CONTESTED_BY_DESIGN: [(&str, &str); 4] = [
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// Returns `true` if the writers of a resource alternate by design, so that a conflict over it says nothing.
///
/// For example, the holder of a Lease changes with each election.
pub fn is_contested_by_design(key: &ResourceKey) -> bool {
    CONTESTED_BY_DESIGN.contains(&key.group_kind())
}

/// One of those who write a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writer {
    /// Field manager; `None` where nobody owned what was written.
    pub manager: Option<Arc<str>>,
    /// Through what it wrote, if it is an engine.
    pub claim: Option<AppRef>,
}

/// A field that two or more sides overwrite in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Fight {
    /// Which resource.
    pub key: ResourceKey,
    /// Which field.
    pub path: FieldPath,
    /// Who, sorted.
    pub sides: Vec<Writer>,
    /// Changes of the value since the field first had one.
    pub flips: usize,
    /// When one side first overwrote another.
    pub since: Timestamp,
    /// When that last happened.
    pub last: Timestamp,
    /// Time from one change to the next, on average.
    pub period: SignedDuration,
    /// The values that were written, in order of first appearance; those of Secrets are as the log holds them.
    pub values: Vec<Option<Value>>,
}

impl Fight {
    /// Returns the field managers, each once.
    pub fn managers(&self) -> Vec<Arc<str>> {
        let all: BTreeSet<_> = self.sides.iter().filter_map(|s| s.manager.clone()).collect();
        all.into_iter().collect()
    }
}

/// A change by hand that an engine put back.
#[derive(Clone, Debug, PartialEq)]
pub struct Revert {
    /// Which resource.
    pub key: ResourceKey,
    /// Which field.
    pub path: FieldPath,
    /// What it was made; `None` where the field was taken away.
    pub hotfix: Option<Value>,
    /// What it was put back to.
    pub restored: Option<Value>,
    /// Who changed it, by managedFields.
    pub by: Option<Owner>,
    /// The write of the hand change.
    pub made: RecordedWrite,
    /// Through what it was put back.
    pub claim: AppRef,
    /// The write that put it back.
    pub reverted: RecordedWrite,
}

/// One write of a field, by the version that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordedWrite {
    /// When the version came to be.
    pub at: Timestamp,
    /// Which of the versions it is, from 0.
    pub version: usize,
}

/// What the versions of a resource show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldConflicts {
    /// Fights, by path.
    pub fights: Vec<Fight>,
    /// Hand changes put back, in order of time.
    pub reverts: Vec<Revert>,
}

/// Looks for fights and reverts in the versions of one resource.
pub fn find_conflicts(key: &ResourceKey, versions: &[Version], ty: Option<TypeRef<'_>>) -> FieldConflicts {
    conflicts_in(key, &versions, ty)
}

/// Looks for fights and reverts of one resource in a history, and decompresses only versions that changed its spec.
///
/// Versions, as in [`Revert::made`], count in [`History::versions`].
pub fn find_conflicts_in_history(
    history: &History,
    key: &ResourceKey,
    ty: Option<TypeRef<'_>>,
) -> FieldConflicts {
    conflicts_in(key, &history.version_list(key), ty)
}

fn conflicts_in(key: &ResourceKey, versions: &dyn VersionList, ty: Option<TypeRef<'_>>) -> FieldConflicts {
    let mut fields: BTreeMap<FieldPath, Vec<Write>> = BTreeMap::new();
    for n in (1..versions.count()).filter(|n| versions.may_change_spec(*n)) {
        let Some((before, after)) = versions.object(n - 1).zip(versions.object(n)) else {
            fields.clear();
            continue;
        };
        if before.uid() == after.uid() {
            let pair = Pair { before, after, version: n, at: versions.at(n) };
            pair.writes(ty, &mut fields);
        } else {
            fields.clear();
        }
    }
    let mut out = FieldConflicts::default();
    for (path, writes) in &fields {
        out.fights.extend(fight(key, path, writes));
        out.reverts.extend(writes.windows(2).filter_map(|w| revert(key, path, &w[0], &w[1])));
    }
    out.reverts.sort_by(|a, b| (a.reverted, &a.path).cmp(&(b.reverted, &b.path)));
    out
}

/// One change of one field.
struct Write {
    version: usize,
    at: Timestamp,
    before: Option<Value>,
    after: Option<Value>,
    owner: Option<Owner>,
    side: Writer,
    /// The side that the value before belonged to, where managedFields say so.
    loser: Writer,
}

struct Pair<'a> {
    before: &'a Object,
    after: &'a Object,
    version: usize,
    at: Timestamp,
}

impl Pair<'_> {
    fn writes(&self, ty: Option<TypeRef<'_>>, fields: &mut BTreeMap<FieldPath, Vec<Write>>) {
        let paths: BTreeSet<FieldPath> = changes(self.before, self.after, ty)
            .into_iter()
            .flat_map(|c| self.parts(&c.path, ty))
            .filter(|p| counts(p, self.after))
            .collect();
        for path in paths {
            let write = self.write(&path);
            if write.before != write.after {
                fields.entry(path).or_default().push(write);
            }
        }
    }

    /// Breaks a part that came or went as a whole into its fields, so that they are the same ones whatever is beside.
    fn parts(&self, path: &FieldPath, ty: Option<TypeRef<'_>>) -> Vec<FieldPath> {
        let find = |o: &Object| o.root().at_path(path).is_some_and(|n| !n.is_null());
        let whole = match (find(self.before), find(self.after)) {
            (true, false) => self.before,
            (false, true) => self.after,
            _ => return vec![path.clone()],
        };
        let ty = crate::blame::type_at(ty, path);
        whole.root().at_path(path).map_or_else(Vec::new, |node| units(node, ty, path))
    }

    fn write(&self, path: &FieldPath) -> Write {
        let value = |o: &Object| o.root().at_path(path).filter(|n| !n.is_null()).map(|n| n.to_value());
        let (before, after) = (value(self.before), value(self.after));
        let owner = match after {
            Some(_) => writer(Some(self.before), self.after, path),
            None => remover(self.before, self.after),
        };
        let side = side(self.after, owner.as_ref());
        let last = before.as_ref().and_then(|_| writer(None, self.before, path));
        let loser = self::side(self.before, last.as_ref());
        Write { version: self.version, at: self.at, before, after, owner, side, loser }
    }
}

fn side(object: &Object, owner: Option<&Owner>) -> Writer {
    let manager = owner.map(|o| Arc::clone(&o.manager));
    let claim = manager.as_deref().and_then(|m| AppRef::of(object, m));
    Writer { manager, claim }
}

/// Returns `true` if a field can be fought over: not a record or a request of an engine, nor what one asks and another answers.
fn counts(path: &FieldPath, object: &Object) -> bool {
    let is_request = object.group() == "argoproj.io" && path.starts_with_fields(&["operation"]);
    !path.starts_with_fields(&["status"])
        && !is_request
        && !matches!(bookkeeping_at(path), Some(BookkeepingKind::Record | BookkeepingKind::Request))
}

fn fight(key: &ResourceKey, path: &FieldPath, writes: &[Write]) -> Option<Fight> {
    let mut overwrites: BTreeMap<&Writer, usize> = BTreeMap::new();
    let mut times: Vec<Timestamp> = Vec::new();
    let mut last: Option<&Writer> = None;
    for write in after_first(writes) {
        let loser = last.unwrap_or(&write.loser);
        let is_known = write.side.manager.is_some() || write.after.is_some();
        if is_known && *loser != write.side {
            *overwrites.entry(&write.side).or_default() += 1;
            times.push(write.at);
        }
        last = Some(&write.side);
    }
    let sides: Vec<Writer> =
        overwrites.into_iter().filter(|(_, n)| *n >= ROUNDS).map(|(s, _)| s.clone()).collect();
    if sides.len() < 2 {
        return None;
    }
    let flips = after_first(writes).count();
    let (since, end) = (*times.first()?, *times.last()?);
    let steps = i32::try_from(times.len().saturating_sub(1)).unwrap_or(i32::MAX).max(1);
    let mut values: Vec<Option<Value>> = Vec::new();
    for value in writes.iter().flat_map(|w| [&w.before, &w.after]) {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    Some(Fight {
        key: key.clone(),
        path: path.clone(),
        sides,
        flips,
        since,
        last: end,
        period: end.duration_since(since) / steps,
        values,
    })
}

/// Returns the changes since the field first had a value, which itself is none.
fn after_first(writes: &[Write]) -> impl Iterator<Item = &Write> {
    let skipped = usize::from(writes.first().is_some_and(|w| w.before.is_none()));
    writes.iter().skip(skipped)
}

/// Finds a hand change that the next write put back.
fn revert(key: &ResourceKey, path: &FieldPath, hand: &Write, back: &Write) -> Option<Revert> {
    let claim = back.side.claim.clone()?;
    let is_hand = hand.side.claim.is_none()
        && hand.side.manager.is_some()
        && hand.owner.as_ref().is_none_or(|o| o.subresource.is_empty() || is_by_hand(&o.manager));
    (is_hand && back.after == hand.before).then(|| Revert {
        key: key.clone(),
        path: path.clone(),
        hotfix: hand.after.clone(),
        restored: back.after.clone(),
        by: hand.owner.clone(),
        made: RecordedWrite { at: hand.at, version: hand.version },
        claim,
        reverted: RecordedWrite { at: back.at, version: back.version },
    })
}

#[cfg(test)]
mod tests;
