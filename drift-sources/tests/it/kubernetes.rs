//! The `kubernetes` source against a server that fails by script.

use std::time::{Duration, Instant};

use drift_core::{Cursor, GapReason, Source};
use drift_sources::kubernetes::{Backoff, KindFilter, KubernetesOptions, KubernetesSource, RequestLimits};
use futures::StreamExt;
use serde_json::json;

use crate::fake_apiserver::{Fake, Fault};
use crate::ledger::Ledger;

pub(crate) fn options() -> KubernetesOptions {
    let millis = Duration::from_millis;
    KubernetesOptions {
        backoff: Backoff { first: millis(5), max: millis(40), denied: millis(60) },
        limits: RequestLimits {
            silence: millis(400),
            page_time: millis(2000),
            page_bytes: 1 << 20,
            line_bytes: 64 << 10,
        },
        page_size: 3,
        full_comparison: None,
        settle: millis(150),
        checkpoint_interval: millis(20),
        rediscovery: millis(200),
        watch_time: Duration::from_secs(5),
        ..KubernetesOptions::default()
    }
}

/// A server, a source and what was kept of it.
pub(crate) struct Rig {
    pub(crate) fake: Fake,
    pub(crate) source: KubernetesSource,
    pub(crate) ledger: Ledger,
}

impl Rig {
    pub(crate) async fn new(options: KubernetesOptions) -> Self {
        let fake = Fake::start(&["v1/ConfigMap/configmaps", "apps/v1/Deployment/deployments"]).await;
        let source = KubernetesSource::new(fake.client(), options);
        Self { fake, source, ledger: Ledger::default() }
    }

    /// Observes until a condition holds; the stream then ends, as by a kill.
    pub(crate) async fn observe(&mut self, mut done: impl FnMut(&Ledger, &Fake) -> bool) {
        let mut stream = self.source.observe(self.ledger.cursor.clone());
        let until = Instant::now() + Duration::from_secs(20);
        while !done(&self.ledger, &self.fake) {
            assert!(
                Instant::now() < until,
                "not in time; gaps {:?}, errors {:?}\nledger {:?}\nserver {:?}",
                self.ledger.gaps,
                self.ledger.errors,
                self.ledger.live,
                self.fake.there()
            );
            if let Ok(item) = tokio::time::timeout(Duration::from_millis(5), stream.next()).await {
                self.ledger.take(item.expect("the source does not end"));
            }
        }
        drop(stream);
        self.ledger.killed();
    }

    /// Observes until all that is there is known in its version, no listing is under way, and a checkpoint says so.
    pub(crate) async fn catch_up(&mut self) {
        self.observe(|ledger, fake| {
            fake.faults_left() == 0 && !ledger.unkept && !ledger.is_listing() && ledger.live == fake.there()
        })
        .await;
    }

    pub(crate) fn touch(&self, turns: std::ops::Range<usize>) {
        for turn in turns {
            self.fake.put(
                "configmaps",
                &format!("c{}", turn % 7),
                &json!({"data": {"turn": turn.to_string()}}),
            );
            if turn % 5 == 4 {
                self.fake.delete("configmaps", &format!("c{}", (turn + 1) % 7));
            }
        }
    }

    pub(crate) fn reasons(&self) -> Vec<GapReason> {
        let mut reasons: Vec<_> = self.ledger.gaps.iter().map(|gap| gap.reason).collect();
        reasons.dedup();
        reasons
    }
}

/// Runs changes into a fault of a watch that is under way and one of its successors.
async fn check(faults: &[Fault], expect: &[GapReason]) {
    let mut rig = Rig::new(options()).await;
    rig.touch(0..10);
    rig.catch_up().await;
    let before = rig.fake.produced().len();
    faults.iter().for_each(|fault| rig.fake.next_watch("configmaps", fault.clone()));
    rig.touch(10..40);
    rig.catch_up().await;
    rig.touch(40..50);
    rig.catch_up().await;
    let produced = rig.fake.produced();
    rig.ledger.assert_covers(&produced[before..]);
    assert_eq!(rig.reasons(), expect, "{faults:?}: {:?}", rig.ledger.gaps);
}

#[tokio::test]
async fn faults_of_a_watch_that_heal_leave_no_gap() {
    for faults in [
        vec![],
        vec![Fault::CutMidLine(5)],
        vec![Fault::CutMidLine(0), Fault::CutMidLine(0), Fault::CutMidLine(1)],
        vec![Fault::Status(429, Some(0), "slow down"), Fault::Status(500, None, "etcdserver: timeout")],
        vec![Fault::Status(503, None, "starting"), Fault::Silence],
        vec![Fault::TooLargeVersion],
        vec![Fault::ErrorEvent(3, 500)],
        vec![Fault::Garbage(4)],
        vec![Fault::HugeLine(2, 200_000)],
        vec![Fault::WrongKind(2)],
        vec![Fault::Twice],
        vec![Fault::Trickle],
        vec![Fault::Status(403, None, "roles are not read yet")],
    ] {
        check(&faults, &[]).await;
    }
}

#[tokio::test]
async fn faults_of_a_watch_that_lose_something_are_gaps() {
    for (faults, expect) in [
        (vec![Fault::ErrorEvent(3, 410)], GapReason::Expired),
        (vec![Fault::Status(410, None, "too old")], GapReason::Expired),
        (vec![Fault::Garbage(0), Fault::Garbage(0)], GapReason::Corrupt),
        (vec![Fault::HugeLine(0, 200_000), Fault::HugeLine(0, 200_000)], GapReason::TooLarge),
        (vec![Fault::Backwards(6)], GapReason::WatchLost),
        (vec![Fault::TooLargeVersion; 4], GapReason::WatchLost),
    ] {
        check(&faults, &[expect]).await;
    }
}

#[tokio::test]
async fn a_kind_without_changes_tells_each_version_once() {
    let mut rig = Rig::new(options()).await;
    rig.touch(0..10);
    rig.catch_up().await;
    rig.touch(10..60);
    rig.catch_up().await;
    let twice: Vec<_> = rig.ledger.repeated();
    assert!(twice.len() <= 3, "a kill may repeat what came after the last checkpoint only: {twice:?}");
    assert_eq!(rig.fake.requests("list"), 0);
    assert_eq!(rig.ledger.beginnings, 1);
    assert_eq!(rig.fake.requests("stream"), 2, "one for each kind, none after the kill");
}

#[tokio::test]
async fn lists_that_fail_begin_again_and_what_is_between_is_a_gap() {
    for fault in [
        Fault::Status(500, None, "no"),
        Fault::Status(429, Some(0), "slow down"),
        Fault::CutPage,
        Fault::Silence,
        Fault::Status(410, None, "too old"),
    ] {
        let mut rig = Rig::new(options()).await;
        rig.fake.without_streaming_lists();
        rig.touch(0..10);
        rig.fake.next_list("configmaps", fault.clone());
        rig.catch_up().await;
        assert!(rig.ledger.gaps.is_empty(), "{fault:?}: {:?}", rig.ledger.gaps);
        assert!(rig.fake.requests("list") > 2);
    }
}

#[tokio::test]
async fn a_list_that_expires_between_pages_is_told_as_a_gap() {
    let mut rig = Rig::new(options()).await;
    rig.fake.without_streaming_lists();
    rig.touch(0..10);
    // The first page comes whole, then the continue token is too old.
    let mut compacted = false;
    rig.observe(|ledger, fake| {
        if !compacted && !ledger.recorded.is_empty() {
            compacted = true;
            fake.compact();
        }
        !ledger.is_listing() && ledger.live == fake.there()
    })
    .await;
    rig.touch(10..20);
    rig.catch_up().await;
    let produced = rig.fake.produced();
    rig.ledger.assert_covers(&produced[produced.len() - 10..]);
}

#[tokio::test]
async fn a_streaming_list_that_breaks_gives_way_to_pages() {
    for fault in [Fault::CutMidLine(2), Fault::ErrorEvent(0, 500), Fault::Garbage(1), Fault::Silence] {
        let mut rig = Rig::new(options()).await;
        rig.touch(0..10);
        rig.fake.next_watch("configmaps", fault.clone());
        rig.catch_up().await;
        assert!(rig.fake.requests("list") > 0, "{fault:?}");
        let told = matches!(fault, Fault::CutMidLine(_) | Fault::Garbage(_));
        assert_eq!(!rig.ledger.gaps.is_empty(), told, "{fault:?}: {:?}", rig.ledger.gaps);
    }
}

#[tokio::test]
async fn what_is_denied_is_said_and_the_rest_goes_on() {
    let mut rig = Rig::new(options()).await;
    rig.touch(0..5);
    rig.fake.put("deployments", "d", &json!({}));
    rig.fake.deny("deployments", true);
    rig.catch_up().await;
    let said: Vec<_> = rig.ledger.gaps.iter().map(|g| (g.scope.to_string(), g.reason)).collect();
    assert_eq!(said, [("Deployment.apps".to_owned(), GapReason::Denied)]);
    let snapshot = rig.source.snapshot().await.unwrap();
    assert_eq!(snapshot.objects.len(), rig.fake.there().len());
    assert_eq!(snapshot.gaps.len(), 1);
    assert_eq!(snapshot.gaps[0].reason, GapReason::Denied);
    rig.fake.deny("deployments", false);
    rig.catch_up().await;
    assert!(rig.ledger.live.keys().any(|key| &*key.name == "d"));
}

/// A watch leaves one change out; `after_kill` when it is one of a resumed watch.
async fn left_out(after_kill: bool, delete: bool) {
    let compare = KubernetesOptions { full_comparison: Some(Duration::from_millis(200)), ..options() };
    let mut rig = Rig::new(compare).await;
    rig.touch(0..10);
    let there = rig.fake.there().len();
    if after_kill {
        rig.catch_up().await;
        rig.fake.next_watch("configmaps", Fault::LeaveOut(0));
    } else {
        rig.fake.next_watch("configmaps", Fault::LeaveOut(there));
    }
    let before = rig.fake.produced().len();
    let mut done = false;
    rig.observe(|ledger, fake| {
        if ledger.live == fake.there() && !done {
            done = true;
            match delete {
                true => fake.delete("configmaps", "c2"),
                false => drop(fake.put("configmaps", "c2", &json!({"data": {"left": "out"}}))),
            }
        }
        done && ledger.live == fake.there() && !ledger.gaps.is_empty()
    })
    .await;
    let produced = rig.fake.produced();
    let (recorded, excused) = rig.ledger.assert_covers(&produced[before..]);
    assert_eq!((recorded, excused), if delete { (0, 1) } else { (1, 0) });
    assert_eq!(rig.reasons(), [GapReason::WatchLost]);
    assert!(rig.ledger.gaps[0].message.starts_with("a full comparison found 1 missed changes"));
}

#[tokio::test]
async fn a_change_that_the_server_left_out_is_found_by_comparing() {
    left_out(false, false).await;
    left_out(false, true).await;
    left_out(true, false).await;
}

#[tokio::test]
async fn a_loss_that_was_found_is_not_forgotten_by_a_kill() {
    let compare = KubernetesOptions { full_comparison: Some(Duration::from_millis(200)), ..options() };
    let mut rig = Rig::new(compare).await;
    rig.touch(0..10);
    let there = rig.fake.there().len();
    rig.fake.next_watch("configmaps", Fault::LeaveOut(there));
    // The listing that would heal it hangs, and the watcher dies meanwhile.
    rig.fake.next_list("configmaps", Fault::Silence);
    let (mut done, mut listing) = (false, None);
    rig.observe(|ledger, fake| {
        if ledger.live == fake.there() && !done {
            done = true;
            fake.put("configmaps", "c2", &json!({"data": {"left": "out"}}));
            fake.put("configmaps", "c3", &json!({}));
        }
        if fake.requests("list") > 0 {
            listing.get_or_insert_with(Instant::now);
        }
        listing.is_some_and(|at| at.elapsed() > Duration::from_millis(100))
    })
    .await;
    assert_eq!(rig.ledger.gaps.iter().filter(|gap| gap.to_version.is_some()).count(), 0, "it is open");
    rig.catch_up().await;
    assert_eq!(rig.reasons(), [GapReason::WatchLost]);
    assert_eq!(rig.ledger.gaps.iter().filter(|gap| gap.to_version.is_some()).count(), 1);
}

#[tokio::test]
async fn comparing_finds_nothing_where_nothing_is_missing() {
    let compare = KubernetesOptions { full_comparison: Some(Duration::from_millis(30)), ..options() };
    let mut rig = Rig::new(compare).await;
    rig.touch(0..10);
    let (mut turn, until) = (10, Instant::now() + Duration::from_millis(1500));
    let fake = rig.fake.clone();
    rig.observe(|_, _| {
        fake.put("configmaps", &format!("c{}", turn % 9), &json!({"data": {"turn": turn.to_string()}}));
        if turn % 3 == 0 {
            fake.delete("configmaps", &format!("c{}", (turn + 4) % 9));
        }
        turn += 1;
        Instant::now() > until
    })
    .await;
    assert!(rig.ledger.gaps.is_empty(), "{:?}", rig.ledger.gaps);
}

#[tokio::test]
async fn kinds_come_and_go_with_their_definitions() {
    let mut rig = Rig::new(options()).await;
    rig.fake.serve_kind("apiextensions.k8s.io/v1/CustomResourceDefinition/customresourcedefinitions");
    rig.touch(0..3);
    rig.catch_up().await;
    let fake = rig.fake.clone();
    let mut step = 0;
    rig.observe(|ledger, _| {
        let known = |name: &str| ledger.live.keys().any(|key| &*key.name == name);
        if step == 0 {
            fake.put("customresourcedefinitions", "gadgets.shop.example.com", &json!({}));
            fake.serve_kind("shop.example.com/v1/Gadget/gadgets");
            fake.put("gadgets", "g1", &json!({}));
            step = 1;
        } else if step == 1 && known("g1") {
            fake.put("gadgets", "g2", &json!({}));
            step = 2;
        } else if step == 2 && known("g2") {
            fake.delete("customresourcedefinitions", "gadgets.shop.example.com");
            // No deletions are told: what was there must go nevertheless.
            fake.drop_kind("gadgets");
            step = 3;
        }
        let kept = ledger.cursor.as_ref().is_some_and(|cursor| cursor.as_str().contains("Gadget"));
        step == 3 && !known("g1") && !known("g2") && !kept
    })
    .await;
    let gaps: Vec<_> = rig.ledger.gaps.iter().map(|gap| &*gap.message).collect();
    assert_eq!(gaps, ["the kind appeared before it was listed", "the kind is no longer served"]);
}

#[tokio::test]
async fn a_kind_goes_on_under_another_version() {
    let mut rig = Rig::new(options()).await;
    rig.fake.serve_kind("shop.example.com/v1beta1/Gadget/gadgets");
    rig.fake.put("gadgets", "g1", &json!({}));
    rig.catch_up().await;
    let fake = rig.fake.clone();
    let mut moved = false;
    rig.observe(|ledger, _| {
        if !std::mem::replace(&mut moved, true) {
            fake.serve_under_version("gadgets", "v1");
            fake.put("gadgets", "g2", &json!({}));
        }
        ledger.live == fake.there()
    })
    .await;
    assert!(rig.ledger.gaps.is_empty(), "{:?}", rig.ledger.gaps);
    let produced = rig.fake.produced();
    rig.ledger.assert_covers(&produced);
}

#[tokio::test]
async fn a_broken_group_is_said_and_the_rest_goes_on() {
    for aggregated in [true, false] {
        let mut rig = Rig::new(options()).await;
        rig.fake.serve_kind("metrics.example.com/v1/Sample/samples");
        if !aggregated {
            rig.fake.without_aggregated_discovery();
        }
        rig.fake.break_group("metrics.example.com");
        rig.touch(0..5);
        rig.catch_up().await;
        let gaps: Vec<_> = rig.ledger.gaps.iter().map(|g| g.scope.to_string()).collect();
        assert_eq!(gaps, ["all kinds of metrics.example.com"], "aggregated: {aggregated}");
        let snapshot = rig.source.snapshot().await.unwrap();
        assert_eq!(snapshot.gaps.len(), 1);
    }
}

#[tokio::test]
async fn events_happen_and_are_no_objects() {
    let mut rig = Rig::new(options()).await;
    rig.fake.serve_kind("v1/Event/events");
    let event = |name: &str| {
        json!({"reason": "Failed", "message": name, "lastTimestamp": "2026-01-01T00:00:00Z",
        "involvedObject": {"kind": "Pod", "namespace": "x", "name": "p", "apiVersion": "v1"}})
    };
    rig.fake.put("events", "e1", &event("e1"));
    rig.touch(0..3);
    rig.observe(|ledger, _| ledger.happened == 1 && ledger.cursor.is_some()).await;
    rig.fake.put("events", "e2", &event("e2"));
    rig.fake.delete("events", "e1");
    rig.observe(|ledger, _| ledger.happened >= 2).await;
    assert!(rig.ledger.live.keys().all(|key| &*key.kind != "Event"));
    assert!(rig.ledger.relists.keys().all(|scope| scope.to_string() != "Event"));
}

#[tokio::test]
async fn a_restored_backup_is_a_gap_and_the_state_is_right_after() {
    let mut rig = Rig::new(options()).await;
    rig.touch(0..30);
    rig.catch_up().await;
    rig.fake.restore(12);
    rig.catch_up().await;
    let kept = rig.fake.produced().len();
    rig.touch(30..60);
    rig.catch_up().await;
    let produced = rig.fake.produced();
    rig.ledger.assert_covers(&produced[kept..]);
    assert!(rig.reasons().contains(&GapReason::WatchLost), "{:?}", rig.ledger.gaps);
}

#[tokio::test]
async fn a_server_that_is_down_is_said_once_and_waited_for() {
    let mut rig = Rig::new(options()).await;
    rig.touch(0..5);
    rig.catch_up().await;
    let fake = rig.fake.clone();
    let began = Instant::now();
    let mut step = 0;
    rig.observe(|ledger, _| {
        if step == 0 {
            fake.down();
            step = 1;
        } else if step == 1 && began.elapsed() > Duration::from_millis(700) {
            fake.put("configmaps", "late", &json!({}));
            fake.up();
            step = 2;
        }
        step == 2 && ledger.live == fake.there()
    })
    .await;
    assert!(rig.ledger.gaps.is_empty(), "{:?}", rig.ledger.gaps);
    assert!((1..=3).contains(&rig.ledger.errors.len()), "{:?}", rig.ledger.errors);
}

#[tokio::test]
async fn the_return_of_a_server_is_seen_at_once_however_long_it_was_gone() {
    let millis = Duration::from_millis;
    // Retries after 0.3, 0.9, 2.1, 4.5 and 9.3 seconds, and up to a quarter earlier.
    let backoff = Backoff { first: millis(300), max: millis(60_000), denied: millis(60_000) };
    let mut rig = Rig::new(KubernetesOptions { backoff, ..options() }).await;
    rig.touch(0..5);
    rig.catch_up().await;
    let (fake, source) = (rig.fake.clone(), rig.source.clone());
    let began = Instant::now();
    let (mut is_down, mut up) = (false, None);
    rig.observe(|ledger, _| {
        if !is_down {
            fake.down();
            is_down = true;
        } else if up.is_none() && began.elapsed() > millis(4600) {
            assert!(!source.is_reachable());
            fake.put("configmaps", "late", &json!({}));
            fake.up();
            up = Some(Instant::now());
        }
        up.is_some() && source.is_reachable() && ledger.live == fake.there()
    })
    .await;
    let took = up.unwrap().elapsed();
    assert!(took < millis(2000), "{took:?}");
}

#[tokio::test]
async fn cursors_of_others_are_errors_and_gaps() {
    let foreign = r#"{"v":1,"cluster":"cluster-2","at":{"ConfigMap/configmaps":"11"}}"#;
    for cursor in ["nonsense", foreign] {
        let mut rig = Rig::new(options()).await;
        rig.touch(0..5);
        rig.ledger.cursor = Some(Cursor::new(cursor));
        rig.catch_up().await;
        assert_eq!(rig.ledger.errors.len(), 1, "{cursor}");
        assert!(rig.ledger.errors[0].starts_with("cannot go on from cursor"));
        assert_eq!(rig.ledger.gaps.len(), 1, "of the one kind that has objects: {:?}", rig.ledger.gaps);
    }
}

#[tokio::test]
async fn filters_and_namespaces_hold() {
    let kinds = KindFilter { include: vec!["deployment.apps".to_owned()], exclude: vec![] };
    let rig = Rig::new(KubernetesOptions { kinds, ..options() }).await;
    rig.touch(0..5);
    rig.fake.put("deployments", "d", &json!({}));
    let names: Vec<_> =
        rig.source.snapshot().await.unwrap().objects.iter().map(|o| o.key().to_string()).collect();
    assert_eq!(names, ["Deployment.apps/x/d"]);
}
