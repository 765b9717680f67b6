use proptest::prelude::*;

use super::*;
use crate::drift::{Basis, DriftCause, DriftChange, DriftClass, FieldOp, Status, VerdictRow};
use crate::finding::FindingBody;
use crate::path::FieldPath;

fn key() -> ResourceKey {
    ResourceKey::new("", "ConfigMap", "a", "b")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn change(path: &str, live: &str) -> DriftChange {
    DriftChange {
        path: FieldPath::parse(path).unwrap(),
        op: FieldOp::Replace,
        class: DriftClass::Changed,
        cause: DriftCause::ManualChange,
        desired: Some("declared".into()),
        live: Some(live.into()),
        default: None,
        owner: None,
        removed_at: None,
        removed_after: None,
        user: None,
        row: VerdictRow::DifferentByOther,
        rule: None,
        line: None,
        commit: None,
    }
}

fn drift(status: Status, changes: Vec<DriftChange>) -> ResourceDrift {
    ResourceDrift {
        key: key(),
        status,
        changes,
        basis: Basis::Structure,
        applier: None,
        declared: None,
        creator: None,
        notes: Vec::new(),
        app: None,
        class: None,
        rule: None,
    }
}

/// States, paths and times of first sight of what an update returns.
fn update(
    tracker: &mut FindingTracker,
    drift: Option<&ResourceDrift>,
    second: i64,
) -> Vec<(FindingState, String, i64)> {
    let updates = tracker.update(&key(), drift, at(second)).into_iter();
    updates.map(|u| (u.state, u.finding.path().to_string(), u.first_seen.as_second())).collect()
}

#[test]
fn a_finding_is_reported_when_it_comes_and_when_it_goes() {
    let mut tracker = FindingTracker::default();
    let mut bodies = |status| {
        let updates = tracker.update(&key(), Some(&drift(status, Vec::new())), at(0));
        updates.into_iter().map(|u| u.finding.body).collect::<Vec<_>>()
    };
    assert_eq!(bodies(Status::InSync), []);
    assert_eq!(bodies(Status::Missing), [FindingBody::Missing]);
    assert_eq!(bodies(Status::Missing), []);
    assert_eq!(bodies(Status::InSync), [FindingBody::Resolved { path: FieldPath::ROOT }]);
}

#[test]
fn a_field_that_drifts_further_is_the_same_finding_changed() {
    let mut tracker = FindingTracker::default();
    let now = |live| drift(Status::Drifted, vec![change(".data.k", live)]);
    assert_eq!(
        update(&mut tracker, Some(&now("1")), 1),
        [(FindingState::FirstSeen, ".data.k".to_owned(), 1)]
    );
    assert_eq!(update(&mut tracker, Some(&now("2")), 2), [(FindingState::Changed, ".data.k".to_owned(), 1)]);
    assert_eq!(update(&mut tracker, Some(&now("2")), 3), []);
    let open: Vec<_> = tracker.open_of(&key()).map(|o| (o.first_seen, o.last_seen, o.finding.at)).collect();
    assert_eq!(open, [(at(1), at(3), at(2))]);
    assert_eq!(update(&mut tracker, None, 4), [(FindingState::Resolved, ".data.k".to_owned(), 1)]);
    assert!(tracker.is_empty());
}

#[test]
fn what_a_controller_owns_is_no_finding() {
    let managed = DriftChange { class: DriftClass::Managed, ..change(".data.k", "1") };
    assert_eq!(Finding::all_of(&drift(Status::InSync, vec![managed]), at(0)), []);
}

#[test]
fn one_difference_that_two_apps_report_is_one_finding() {
    let mut tracker = FindingTracker::default();
    let twice = drift(Status::Drifted, vec![change(".data.k", "1"), change(".data.k", "1")]);
    assert_eq!(update(&mut tracker, Some(&twice), 1).len(), 1);
    assert_eq!(update(&mut tracker, Some(&twice), 2), []);
}

#[test]
fn a_tracker_made_of_open_findings_continues_where_the_other_one_was() {
    let mut tracker = FindingTracker::default();
    update(&mut tracker, Some(&drift(Status::Missing, Vec::new())), 1);
    let mut restored: FindingTracker = tracker.open().cloned().collect();
    assert_eq!(update(&mut restored, Some(&drift(Status::Missing, Vec::new())), 2), []);
    assert_eq!(update(&mut restored, None, 3), [(FindingState::Resolved, ".".to_owned(), 1)]);
}

proptest! {
    /// The updates are the whole difference: who applies them to what was open gets what is open.
    #[test]
    fn updates_lead_from_what_was_open_to_what_is(rounds in prop::collection::vec(
        prop::collection::btree_map("[a-d]", "[xy]", 0..4), 1..12,
    )) {
        let mut tracker = FindingTracker::default();
        let mut known: BTreeMap<FindingId, FindingBody> = BTreeMap::new();
        for (round, fields) in rounds.iter().enumerate() {
            let changes = fields.iter().map(|(name, live)| change(&format!(".data.{name}"), live)).collect();
            let drift = drift(Status::Drifted, changes);
            for FindingUpdate { state, finding, .. } in tracker.update(&key(), Some(&drift), at(round as i64)) {
                match state {
                    FindingState::FirstSeen => prop_assert!(known.insert(finding.id, finding.body).is_none()),
                    FindingState::Changed => prop_assert!(known.insert(finding.id, finding.body.clone()) != Some(finding.body)),
                    FindingState::Resolved => prop_assert!(known.remove(&finding.id).is_some()),
                    FindingState::StillOpen => prop_assert!(false, "no news"),
                }
            }
            let open: BTreeMap<_, _> = tracker.open().map(|o| (o.finding.id, o.finding.body.clone())).collect();
            prop_assert_eq!(&known, &open);
        }
    }
}
