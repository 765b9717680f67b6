use super::*;
use crate::key::ResourceKey;

fn listed(group: &str, kind: &str, namespace: &str) -> Scope {
    Scope { namespace: namespace.into(), ..Scope::of_kind(group, kind) }
}

fn gap(kind: &str, reason: GapReason) -> Gap {
    Gap {
        scope: Scope::of_kind("", kind),
        from: None,
        to: Timestamp::UNIX_EPOCH,
        from_version: None,
        to_version: None,
        reason,
        message: "forbidden".into(),
    }
}

fn reason(recorded: &RecordedScope, key: ResourceKey) -> Option<UnseenReason> {
    recorded.unseen(&key).map(|u| u.reason)
}

fn pod(namespace: &str) -> ResourceKey {
    ResourceKey::new("", "Pod", namespace, "web")
}

#[test]
fn a_history_that_states_nothing_is_complete() {
    assert_eq!(reason(&RecordedScope::default(), pod("shop")), None);
}

#[test]
fn what_may_not_be_listed_is_not_known_until_it_is_listed() {
    let mut recorded = RecordedScope::default();
    recorded.add_listing(listed("", "Pod", ""));
    recorded.add_gap(&gap("Pod", GapReason::Denied));
    assert_eq!(reason(&recorded, pod("shop")), Some(UnseenReason::Denied));
    assert_eq!(recorded.open_gaps().count(), 1);
    // One namespace does not make good for all.
    recorded.add_listing(listed("", "Pod", "shop"));
    assert_eq!(reason(&recorded, pod("bank")), Some(UnseenReason::Denied));
    recorded.add_listing(listed("", "Pod", ""));
    assert_eq!(reason(&recorded, pod("shop")), None);
    assert_eq!(recorded.open_gaps().count(), 0);
    // After a gap of a watch, the listing that followed shows what is there.
    recorded.add_gap(&gap("Pod", GapReason::WatchLost));
    assert_eq!(reason(&recorded, pod("shop")), None);
}

#[test]
fn a_recording_of_one_namespace_says_nothing_of_others_and_of_the_cluster() {
    let mut recorded = RecordedScope::default();
    recorded.add_listing(listed("", "Pod", "shop"));
    assert_eq!(reason(&recorded, pod("shop")), None);
    let outside = Some(UnseenReason::OutsideRecording);
    assert_eq!(reason(&recorded, pod("bank")), outside);
    assert_eq!(reason(&recorded, ResourceKey::new("", "Namespace", "", "shop")), outside);
    let text = recorded.unseen(&pod("bank")).unwrap().to_string();
    assert_eq!(text, "Pod in bank: only namespace shop was recorded");
}

#[test]
fn a_kind_that_was_not_listed_is_not_known_where_empty_lists_are_stated() {
    let mut recorded = RecordedScope::default();
    recorded.add_kind(&pod("shop"));
    recorded.add_listing(listed("", "Pod", ""));
    let secret = ResourceKey::new("", "Secret", "shop", "db");
    assert_eq!(reason(&recorded, secret.clone()), None, "an empty list may have left no trace");
    recorded.add_listing(listed("", "PodTemplate", ""));
    assert_eq!(reason(&recorded, secret), Some(UnseenReason::KindNotListed));
}

#[test]
fn a_name_that_may_lie_in_a_gap_is_not_known() {
    let mut recorded = RecordedScope::default();
    recorded.add_listing(listed("", "Pod", ""));
    recorded.add_listing(listed("example.com", "Widget", "shop"));
    let mut denied = gap("Secret", GapReason::Denied);
    denied.scope.namespace = "shop".into();
    recorded.add_gap(&denied);
    recorded.add_gap(&Gap { scope: Scope::of_kind("batch", ""), ..gap("", GapReason::Denied) });
    let of = |name: &str, namespace| {
        recorded.unseen_name(&name.parse().unwrap(), namespace).map(|unseen| unseen.to_string())
    };
    assert_eq!(of("secret/db", Some("shop")).as_deref(), Some("Secret in shop: forbidden"));
    assert_eq!(of("secrets/db", None), of("Secret/shop/db", None), "it may be in that namespace");
    assert_eq!(of("cronjob/nightly", None).as_deref(), Some("all kinds of batch: forbidden"));
    assert_eq!((of("pod/web", None), of("widget/a", None)), (None, None));
    assert_eq!(
        of("gadget/a", None).as_deref(),
        Some("all kinds of batch: forbidden"),
        "if it is of that group"
    );
    let elsewhere = of("widget/a", Some("bank"));
    assert_eq!(elsewhere.as_deref(), Some("Widget.example.com in bank: only namespace shop was recorded"));
}

#[test]
fn a_name_without_a_namespace_is_looked_for_where_there_is_a_recording() {
    let mut recorded = RecordedScope::default();
    recorded.set_exhaustive();
    recorded.add_listing(listed("apps", "Deployment", "shop"));
    let of = |name: &str| recorded.unseen_name(&name.parse().unwrap(), None).map(|unseen| unseen.message);
    assert_eq!(of("deploy/web"), None);
    assert_eq!(of("pod/web").as_deref(), Some("the kind was not listed"));
    assert_eq!(of("node/a").as_deref(), Some("only namespace shop was recorded"));
}

#[test]
fn a_namespace_is_known_not_to_be_there_where_it_would_have_been_seen() {
    let of = |scopes: &[Scope]| {
        let mut recorded = RecordedScope::default();
        scopes.iter().for_each(|scope| recorded.add_listing(scope.clone()));
        recorded.unseen_namespace("shp").map(|unseen| unseen.to_string())
    };
    assert_eq!(of(&[listed("", "Pod", ""), listed("", "Namespace", "")]), None);
    assert_eq!(of(&[listed("", "Pod", "")]), None);
    let narrow = of(&[listed("", "Pod", "shop")]);
    assert_eq!(narrow.as_deref(), Some("all kinds in shp: only namespace shop was recorded"));
    let mut recorded = RecordedScope::default();
    recorded.add_gap(&gap("Namespace", GapReason::Denied));
    assert_eq!(recorded.unseen_namespace("shp").unwrap().reason, UnseenReason::Denied);
}

#[test]
fn nothing_is_known_before_the_history_begins() {
    let mut recorded = RecordedScope::default();
    recorded.set_beginning("2026-11-21T10:00:00Z".parse().unwrap());
    let unseen = recorded.unseen(&pod("shop")).unwrap();
    assert_eq!(unseen.reason, UnseenReason::BeforeHistory);
    assert_eq!(unseen.to_string(), "the history begins at 2026-11-21T10:00:00Z");
}

#[test]
fn the_earlier_moment_counts_and_nothing_is_listed_twice() {
    let (early, late) = ("2026-11-21T10:00:00Z".parse().unwrap(), "2026-11-21T11:00:00Z".parse().unwrap());
    let (mut a, mut b) = (Coverage::default(), Coverage::default());
    a.set_as_of(late);
    b.set_as_of(early);
    b.add(Unseen::other(UnseenReason::Unreadable, "line 3"));
    b.add(Unseen::other(UnseenReason::Unreadable, "line 3"));
    a.append(b);
    assert_eq!((a.as_of(), a.unseen().len()), (Some(early), 1));
}

#[test]
fn appended_notes_keep_what_is_missing_and_repeat_nothing() {
    let mut all = InputNotes::default();
    all.add("read");
    assert!(!all.is_partial());
    let mut more = InputNotes::default();
    more.add_incomplete("line 3 cannot be read");
    all.append(more);
    all.append(all.clone());
    assert!(all.is_partial());
    assert_eq!(all.texts().collect::<Vec<_>>(), ["line 3 cannot be read", "read"]);
}

#[test]
fn an_answer_about_one_resource_is_complete_without_the_others() {
    let mut coverage = Coverage::default();
    coverage.add(Unseen::of_scope(UnseenReason::Denied, listed("", "Secret", "shop"), "forbidden"));
    coverage.add(Unseen::of_scope(UnseenReason::Denied, listed("", "Pod", "bank"), "forbidden"));
    let mut of_pod = coverage.clone();
    of_pod.leave_about(&[pod("shop")]);
    assert!(of_pod.is_complete());
    coverage.leave_about(&[pod("bank")]);
    assert_eq!(coverage.unseen()[0].to_string(), "Pod in bank: forbidden");
    coverage.add(Unseen::other(UnseenReason::Unreadable, "a.yaml"));
    coverage.leave_about(&[]);
    assert_eq!(coverage.unseen().len(), 1, "a file may declare anything");
}
