//! The protocol step by step.

use serde_json::json;

use super::*;
use crate::kubernetes::Backoff;
use crate::kubernetes::target::Reach;

fn version(n: u64) -> ResourceVersion {
    ResourceVersion::new(n.to_string())
}

fn object(name: &str, n: u64) -> Object {
    let text = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "x", "resourceVersion": n.to_string()}});
    Object::from_json(text.to_string().as_bytes()).unwrap()
}

fn page(n: u64, token: Option<&str>, objects: &[(&str, u64)]) -> MachineInput {
    let objects = objects.iter().map(|(name, n)| object(name, *n)).collect();
    MachineInput::Page(Page { version: version(n), token: token.map(str::to_owned), objects })
}

fn applied(name: &str, n: u64) -> MachineInput {
    MachineInput::Line(WatchLine::Applied(object(name, n)))
}

fn deleted(name: &str, n: u64) -> MachineInput {
    MachineInput::Line(WatchLine::Deleted(object(name, n)))
}

fn bookmark(n: u64, initial_events_end: bool) -> MachineInput {
    MachineInput::Line(WatchLine::Bookmark { version: version(n), initial_events_end })
}

fn expired() -> Failure {
    Failure::Expired("too old".to_owned())
}

fn machine(begin: Begin, streaming: bool, span: WatchSpan) -> WatchMachine {
    let target = WatchTarget {
        group: "".into(),
        version: "v1".into(),
        kind: "ConfigMap".into(),
        plural: "configmaps".into(),
        reach: Reach::AllNamespaces,
    };
    let rules =
        MachineRules { cluster: "".into(), page_size: 500, streaming, backoff: Backoff::default(), span };
    WatchMachine::new(Arc::new(target), rules, begin)
}

fn resumed(n: u64) -> WatchMachine {
    machine(Begin::Resume(WatchProgress::At(version(n)), None), true, WatchSpan::Forever)
}

fn say(observation: &Observation) -> String {
    match observation {
        Observation::Applied(a) => format!("{}@{}", a.key.name, a.object.resource_version().unwrap()),
        Observation::Deleted(d) => {
            format!("-{}@{}", d.key.name, d.last.as_ref().unwrap().resource_version().unwrap())
        }
        Observation::RelistStarted(_) => "[".to_owned(),
        Observation::RelistDone { .. } => "]".to_owned(),
        Observation::Gap(gap) => {
            let text = |v: &Option<ResourceVersion>| v.as_ref().map_or("?".to_owned(), ToString::to_string);
            format!("{:?}({}..{})", gap.reason, text(&gap.from_version), text(&gap.to_version))
        }
        other => format!("{other:?}"),
    }
}

fn brief(next: &Next) -> String {
    match next {
        Next::List { token: None, .. } => "list".to_owned(),
        Next::List { token: Some(token), .. } => format!("list {token}"),
        Next::Watch { from } => format!("watch {from}"),
        Next::Wait(_) => "wait".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Feeds inputs from `Proceed` on; each line of the answer is what was said and what comes next.
fn run(machine: &mut WatchMachine, inputs: Vec<MachineInput>) -> Vec<String> {
    let mut steps = vec![MachineInput::Proceed];
    steps.extend(inputs);
    let mut lines = Vec::new();
    for (second, input) in steps.into_iter().enumerate() {
        let now = Timestamp::from_second(i64::try_from(second).unwrap() * 10).unwrap();
        let mut out = Vec::new();
        let next = machine.step(input, now, &mut out);
        let observations: Vec<_> = out.iter().map(say).collect();
        lines.push(format!("{} > {}", observations.join(" "), brief(&next)).trim().to_owned());
    }
    lines
}

#[test]
fn a_streaming_list_becomes_the_watch() {
    let mut machine = machine(Begin::Fresh, true, WatchSpan::Forever);
    assert_eq!(machine.watch_progress(), WatchProgress::Lost(None));
    let inputs = vec![
        MachineInput::Opened,
        applied("a", 3),
        applied("b", 5),
        bookmark(9, true),
        applied("a", 11),
        MachineInput::Closed,
    ];
    assert_eq!(
        run(&mut machine, inputs),
        ["> streamlist", "> read", "[ a@3 > read", "b@5 > read", "] > read", "a@11 > read", "> watch 11"]
    );
    assert_eq!(machine.watch_progress(), WatchProgress::At(version(11)));
}

#[test]
fn pages_are_one_listing() {
    let mut machine = machine(Begin::Fresh, false, WatchSpan::Forever);
    let inputs = vec![
        page(9, Some("t"), &[("a", 3)]),
        page(9, None, &[("b", 5)]),
        MachineInput::Opened,
        bookmark(20, false),
    ];
    assert_eq!(
        run(&mut machine, inputs),
        ["> list", "[ a@3 > list t", "b@5 ] > watch 9", "> read", "> read"]
    );
    assert_eq!(machine.watch_progress(), WatchProgress::At(version(20)));
}

#[test]
fn a_resumed_watch_needs_no_listing() {
    assert_eq!(
        run(&mut resumed(7), vec![MachineInput::Opened, deleted("a", 9)]),
        ["> watch 7", "> read", "-a@9 > read"]
    );
}

#[test]
fn an_expired_watch_is_a_gap_up_to_the_listing() {
    let mut machine = resumed(7);
    let inputs = vec![MachineInput::Failed(expired()), page(30, None, &[("a", 12)])];
    assert_eq!(run(&mut machine, inputs), ["> watch 7", "> list", "Expired(7..30) [ a@12 ] > watch 30"]);
}

#[test]
fn a_kill_amid_a_listing_is_a_gap_of_the_next_run() {
    let mut first = resumed(7);
    run(&mut first, vec![MachineInput::Failed(expired()), page(30, Some("t"), &[("a", 12)])]);
    assert_eq!(first.watch_progress(), WatchProgress::Lost(Some(version(7))), "until the listing is whole");
    let mut second = machine(Begin::Resume(first.watch_progress(), None), true, WatchSpan::Forever);
    assert_eq!(run(&mut second, vec![page(40, None, &[])]), ["> list", "WatchLost(7..40) [ ] > watch 40"]);
}

#[test]
fn a_listing_that_breaks_off_is_a_gap_if_something_was_told() {
    let mut told = machine(Begin::Fresh, false, WatchSpan::Forever);
    let inputs = vec![
        page(9, Some("t"), &[("a", 3)]),
        MachineInput::Failed(expired()),
        MachineInput::Proceed,
        page(20, None, &[]),
    ];
    assert_eq!(
        run(&mut told, inputs),
        ["> list", "[ a@3 > list t", "Corrupt(9..?) ] > wait", "> list", "Expired(9..20) [ ] > watch 20"]
    );
    let mut nothing = machine(Begin::Fresh, true, WatchSpan::Forever);
    let broken = Failure::Unavailable("no".to_owned(), None);
    let inputs =
        vec![MachineInput::Opened, MachineInput::Failed(broken), MachineInput::Proceed, page(20, None, &[])];
    assert_eq!(run(&mut nothing, inputs), ["> streamlist", "> read", "> wait", "> list", "[ ] > watch 20"]);
}

#[test]
fn a_server_without_streaming_lists_is_asked_for_pages() {
    let mut machine = machine(Begin::Fresh, true, WatchSpan::Forever);
    let inputs = vec![MachineInput::Failed(Failure::Unsupported("no".to_owned())), page(9, None, &[])];
    assert_eq!(run(&mut machine, inputs), ["> streamlist", "> list", "[ ] > watch 9"]);
}

#[test]
fn what_comes_again_is_not_told_again_and_going_back_is_a_loss() {
    let mut machine = resumed(7);
    let inputs = vec![
        MachineInput::Opened,
        applied("a", 9),
        applied("a", 9),
        applied("b", 8),
        page(12, None, &[("a", 9)]),
    ];
    assert_eq!(
        run(&mut machine, inputs),
        [
            "> watch 7",
            "> read",
            "a@9 > read",
            "> read",
            "WatchLost(9..?) > list",
            "WatchLost(9..12) [ a@9 ] > watch 12"
        ]
    );
}

#[test]
fn unreadable_lines_are_tried_once_more() {
    let garbage = || MachineInput::Failed(Failure::Corrupt("garbage".to_owned()));
    let mut machine = resumed(7);
    let inputs = vec![garbage(), MachineInput::Proceed, garbage(), page(9, None, &[])];
    assert_eq!(
        run(&mut machine, inputs),
        ["> watch 7", "> wait", "> watch 7", "Corrupt(7..?) > list", "Corrupt(7..9) [ ] > watch 9"]
    );
}

#[test]
fn denied_is_told_once_and_tried_on() {
    let denied = || MachineInput::Failed(Failure::Denied("no".to_owned()));
    let mut fresh = machine(Begin::Fresh, true, WatchSpan::Forever);
    let inputs = vec![denied(), MachineInput::Proceed, denied(), MachineInput::Proceed, page(9, None, &[])];
    let lines = run(&mut fresh, inputs);
    assert_eq!(lines, ["> streamlist", "Denied(?..?) > wait", "> list", "> wait", "> list", "[ ] > watch 9"]);
    let mut once = machine(Begin::Fresh, true, WatchSpan::Once { failures: 3 });
    assert_eq!(run(&mut once, vec![denied()]), ["> list", "Denied(?..?) > stop(done)"]);
}

#[test]
fn servers_that_ask_for_time_get_it_within_reason() {
    for (seconds, expect) in [(3, 3), (100_000, 300)] {
        let after = Some(Duration::from_secs(seconds));
        let failure = Failure::Throttled("slow down".to_owned(), after);
        let mut out = Vec::new();
        let next = resumed(7).step(MachineInput::Failed(failure), Timestamp::UNIX_EPOCH, &mut out);
        assert_eq!(next, Next::Wait(Duration::from_secs(expect)));
    }
}

#[test]
fn relists_in_a_row_wait_longer() {
    let mut machine = resumed(7);
    let mut out = Vec::new();
    let mut waits = Vec::new();
    for n in 0..4 {
        let mut next = machine.step(MachineInput::Failed(expired()), Timestamp::UNIX_EPOCH, &mut out);
        if let Next::Wait(delay) = next {
            waits.push(delay);
            next = machine.step(MachineInput::Proceed, Timestamp::UNIX_EPOCH, &mut out);
        }
        assert_eq!(brief(&next), "list");
        machine.step(page(10 + n, None, &[]), Timestamp::UNIX_EPOCH, &mut out);
    }
    assert_eq!(waits.len(), 3, "the first goes at once");
    assert!(waits.is_sorted());
}

#[test]
fn a_page_over_the_limit_is_asked_for_in_halves() {
    let mut machine = machine(Begin::Fresh, false, WatchSpan::Forever);
    let large = || MachineInput::Failed(Failure::TooLarge("large".to_owned()));
    let mut out = Vec::new();
    let next = machine.step(large(), Timestamp::UNIX_EPOCH, &mut out);
    assert_eq!(next, Next::List { limit: 250, token: None });
    for _ in 0..12 {
        machine.step(large(), Timestamp::UNIX_EPOCH, &mut out);
    }
    assert_eq!(out.iter().map(say).collect::<Vec<_>>(), ["TooLarge(?..?)"]);
}

#[test]
fn a_missed_change_is_a_gap_since_the_last_comparison() {
    let mut machine = machine(Begin::Fresh, false, WatchSpan::Forever);
    let listed = |name: &str, n| ListedVersion { name: name.into(), version: version(n) };
    let inputs = vec![
        page(9, None, &[("a", 3)]),
        MachineInput::Opened,
        MachineInput::ComparisonBegun,
        MachineInput::Compared { version: version(12), entries: vec![listed("x/a", 3), listed("x/b", 11)] },
        bookmark(10, false),
        // The watch has passed the listing without telling of b.
        bookmark(15, false),
        page(16, None, &[("a", 3), ("b", 11)]),
    ];
    assert_eq!(
        run(&mut machine, inputs)[4..],
        ["> read", "> read", "WatchLost(9..?) > list", "WatchLost(9..16) [ a@3 b@11 ] > watch 16"]
    );
}

#[test]
fn what_is_no_longer_served_is_gone() {
    let mut machine = machine(Begin::Fresh, false, WatchSpan::Forever);
    let inputs = vec![page(9, None, &[("a", 3)]), MachineInput::Opened, MachineInput::Removed];
    assert_eq!(run(&mut machine, inputs)[3], "WatchLost(9..?) [ ] > stop(removed)");
}
