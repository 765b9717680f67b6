use serde_json::{Value, json};

use super::super::tests::judged;
use super::*;
use crate::health::HealthBasis;

#[test]
fn the_table_that_comes_along_is_read() {
    assert!(HealthRules::bundled().len() > 100);
}

fn kiln() -> Value {
    json!({
        "apiVersion": "lab.example/v1beta1", "kind": "Kiln",
        "metadata": {"generation": 2, "labels": {"lab.example/mode": "night shift"}},
        "spec": {"zones": 3},
        "status": {
            "doors": {"front": {"n": "a", "v": "x"}},
            "observedGeneration": 1, "hot": 2, "list": [{"n": "a", "v": "x", "t": 9}, {"n": "b", "v": "y", "t": 1}],
            "conditions": [{"type": "Lit", "status": "False", "reason": "NoGas", "message": "the valve is shut",
                            "lastTransitionTime": "2030-01-01T08:00:00Z"}]
        }
    })
}

#[track_caller]
fn holds(test: &str, want: bool) {
    let text = format!("for lab.example/Kiln\nDegraded Hit when {test}\nHealthy Else when always\n");
    let rules = HealthRules::parse(&text).unwrap_or_else(|e| panic!("{test}: {e}"));
    let health = judged(&kiln(), &rules);
    assert_eq!(health.reason == "Hit", want, "{test}: {health:?}");
}

#[test]
fn tests_hold_or_not() {
    for (test, want) in [
        ("lags", true),
        (".status.hot", true),
        ("!.status.cold", true),
        (".status.hot = 2", true),
        (".status.hot = 1 | 3", false),
        (".status.hot != 3", true),
        (".status.hot < .spec.zones", true),
        (".status.hot >= 3", false),
        (".status.cold < 1", false),
        (".status.cold?0 < 1", true),
        (".status.hot == 2", true),
        (".status.list[*].t < 3", false),
        ("any .status.list[*].t < 3", true),
        ("any .status.list[*].t > .spec.zones", true),
        ("any .status.list[*].t > 9", false),
        ("any .status.list[*].cold < 9", false),
        ("any .status.list[*].cold?0 < 9", true),
        (".metadata.labels['lab.example/mode'] = \"night shift\"", true),
        (".status.list[*].v = y", true),
        ("every .status.list[*].v = y", false),
        ("every .status.list[*].v = x | y", true),
        (".status.list[n=b].v = y", true),
        (".status.list[n=c].v = *", false),
        (".status.list[last].v = y", true),
        (".status.list[last].v = x", false),
        (".status.none[last].v = *", false),
        (".status.doors[n=a].v = x", true),
        (".status.doors[n=b].v = x", false),
        (".status.hot[n=a] = *", false),
        (".status.list[*].v differs .status.list[*].n", true),
        (".status.list[*].v same .status.list.*.v", true),
        ("Lit=False", true),
        ("Lit=False(No*)", true),
        ("Lit=False(Wet|Cold)", false),
        ("Lit=True|Unknown", false),
        ("Lit!=True", true),
        ("!Lit", false),
        ("!Ready", true),
        ("Ready!=True and .status.hot > 1", true),
        ("Lit=False and .status.hot > 2", false),
    ] {
        holds(test, want);
    }
}

#[test]
fn text_is_filled_in_and_the_condition_speaks_where_none_is_given() {
    let rules = HealthRules::parse(
        "for lab.example/v1beta1/K*\nDegraded {Lit.reason} when lags -> \"{Lit}: {.status.list[*].v} of {.spec.zones}\"\n",
    );
    let health = judged(&kiln(), &rules.unwrap());
    assert_eq!(health.reason, "NoGas");
    assert_eq!(health.message, "the valve is shut: x; y of 3");
    assert_eq!(health.basis, HealthBasis::Rule("lab.example/v1beta1/K*#1".into()));
    let rules = HealthRules::parse("for */Kiln\nDegraded when Lit=False\n").unwrap();
    let health = judged(&kiln(), &rules);
    assert_eq!((health.reason.as_str(), health.message.as_str()), ("NoGas", "the valve is shut"));
    assert_eq!(health.since.unwrap().to_string(), "2030-01-01T08:00:00Z");
}

#[test]
fn a_users_rules_come_first_and_other_kinds_are_left_alone() {
    let mine = HealthRules::parse("for lab.example/Kiln\nSuspended Mine when always\n").unwrap();
    let theirs = HealthRules::parse("for lab.example/*\nDegraded Theirs when always\n").unwrap();
    assert_eq!(judged(&kiln(), &mine.clone().before(&theirs)).reason, "Mine");
    assert_eq!(judged(&kiln(), &theirs.before(&mine)).reason, "Theirs");
    let other = json!({"apiVersion": "lab.example/v1", "kind": "Oven", "status": {"phase": "Ready"}});
    assert_eq!(judged(&other, &mine).basis, HealthBasis::Conventions);
}

#[test]
fn options_change_how_conventions_read() {
    let ready = json!({
        "apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"generation": 2},
        "status": {"observedGeneration": 1, "conditions": [
            {"type": "Ready", "status": "True", "reason": "Hot"}, {"type": "Failed", "status": "True", "reason": "Old"}
        ]}
    });
    let rules =
        HealthRules::parse("for lab.example/*\nignore generation\nignore condition Failed\n").unwrap();
    assert_eq!(judged(&ready, &rules).reason, "Hot");
    assert_eq!(judged(&ready, &HealthRules::none()).reason, "NotObserved");
}

#[test]
fn a_good_verdict_of_the_tables_that_come_along_yields_to_a_halt_and_to_an_unseen_spec() {
    let table = |rules: &str, yields| parse::table(&format!("for lab.example/*\n{rules}\n"), yields).unwrap();
    let oven = |suspend: bool, seen: i64| {
        json!({
            "apiVersion": "lab.example/v1", "kind": "Oven", "metadata": {"generation": 2},
            "spec": {"suspend": suspend}, "status": {"observedGeneration": seen, "heat": "high"}
        })
    };
    let (halted, unseen) = (oven(true, 2), oven(false, 1));
    let well = table("Healthy Hot when .status.heat", true);
    assert_eq!(judged(&halted, &well).reason, "Suspended");
    assert_eq!(judged(&unseen, &well).reason, "NotObserved");
    assert_eq!(judged(&unseen, &well).basis, HealthBasis::Conventions);
    assert_eq!(judged(&oven(false, 2), &well).reason, "Hot");
    let busy = table("Progressing Heating when .status.heat", true);
    assert_eq!(judged(&halted, &busy).reason, "Suspended");
    assert_eq!(judged(&unseen, &busy).reason, "Heating", "it is on its way, to whichever spec");
    let broken = table("Degraded Burnt when .status.heat", true);
    assert_eq!(judged(&halted, &broken).reason, "Burnt");
    assert_eq!(judged(&unseen, &broken).reason, "Burnt");
    let ignoring = table("ignore halt\nignore generation\nHealthy Hot when .status.heat", true);
    assert_eq!(judged(&halted, &ignoring).reason, "Hot");
    assert_eq!(judged(&unseen, &ignoring).reason, "Hot");
    let of_a_user = table("Healthy Hot when .status.heat", false);
    assert_eq!(judged(&halted, &of_a_user).reason, "Hot");
    assert_eq!(judged(&unseen, &of_a_user).reason, "Hot");
}

#[test]
fn a_broken_rule_names_its_line() {
    for (text, problem) in [
        ("Healthy when always", "before the first `for"),
        ("for", "names no kind"),
        ("for a/b/c/d", "is not GROUP/KIND"),
        ("for a/b\nGood when always", "no health status"),
        ("for a/b\nHealthy always", "STATUS [REASON] when TEST"),
        ("for a/b\nHealthy when", "a test is expected"),
        ("for a/b\nHealthy when always and", "a test is expected"),
        ("for a/b\nHealthy when .a..b", "not a path"),
        ("for a/b\nHealthy when .a[", "not a path"),
        ("for a/b\nHealthy when .a?x < 1", "not a path"),
        ("for a/b\nHealthy when .a ~ 1", "is not one of"),
        ("for a/b\nHealthy when .a < b", "no number"),
        ("for a/b\nHealthy when Ready=Maybe", "is not True"),
        ("for a/b\nHealthy when Ready=False(x", "`)` is missing"),
        ("for a/b\nHealthy when Ready", "is no test"),
        ("for a/b\nHealthy when .a = b c", "one word"),
        ("for a/b\nHealthy when always -> word", "in quotes"),
        ("for a/b\nHealthy when always ->", "a message is expected"),
        ("for a/b\nHealthy when always -> \"{.a\"", "is not text with"),
        ("for a/b\nHealthy when .a = \"b", "quote is not closed"),
        ("for a/b\nignore everything", "`ignore generation`"),
        ("for a/b\nignore halt now", "`ignore halt`"),
    ] {
        let error = HealthRules::parse(text).unwrap_err();
        assert!(error.problem.contains(problem), "{text}: {error}");
        assert_eq!(error.line, text.lines().count(), "{text}");
    }
}

#[test]
fn globs_match_whole_texts() {
    for (pattern, text, want) in [
        ("*", "", true),
        ("a*", "ab", true),
        ("*a", "ba", true),
        ("a*a", "a", false),
        ("a*b*c", "a1b2c", true),
        ("a*b*c", "a1c2b", false),
        ("ab", "abc", false),
        ("*.example.org", "x.example.org", true),
    ] {
        assert_eq!(Glob::new(pattern).matches(text), want, "{pattern} {text}");
    }
}

#[cfg(not(feature = "cel"))]
#[test]
fn cel_is_refused_and_not_ignored_where_it_is_not_built_in() {
    let error = HealthRules::parse("for a/b\nHealthy when cel \"true\"").unwrap_err();
    assert!(error.problem.contains("feature `cel`"));
}
