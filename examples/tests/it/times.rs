//! Times: read as people write them, and written in one form.

use serde_json::json;

use crate::run::{drift, folder, write};

const TAPE: &str = "--tape DEMO/shop.tape.jsonl.gz";

#[test]
fn a_moment_is_named_as_people_name_it() {
    let dir = folder();
    let events = |since: &str| {
        let ran = drift(&format!("timeline {TAPE} -n shop --since {since}"), dir.path());
        (ran.code, ran.out.lines().count())
    };
    let exact = events("2026-11-21T10:50:00Z");
    assert!(exact.0 == 0 && exact.1 > 1, "{exact:?}");
    for form in ["2026-11-21T11:50:00+01:00", "2026-11-21T10:50:00", "2026-11-21T10:50"] {
        assert_eq!(events(form), exact, "{form}");
    }
    let day = events("2026-11-21");
    assert!(day.1 > exact.1, "{day:?}");
    // The form in which all times are written, which holds a space.
    let spaced = std::process::Command::new(env!("CARGO_BIN_EXE_drift"))
        .args(["timeline", "-n", "shop", "--since", "2026-11-21 10:50:00Z", "--tape"])
        .arg(crate::run::demo().join("shop.tape.jsonl.gz"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(spaced.stdout).unwrap().lines().count(), exact.1);
    // So long ago, whenever this is run: nothing of the tape, or all of it.
    for form in ["10m", "-1h", "1h30m", "18:29", "now"] {
        assert_eq!(events(form).0, 0, "{form}");
    }
    assert_eq!(events("36500d").1, events("2000-01-01").1);
    let wrong = drift(&format!("timeline {TAPE} --since soon"), dir.path());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("`soon` is not a time such as 10m, 18:29, 2026-11-21"), "{wrong:?}");
}

#[test]
fn all_texts_write_times_in_one_form() {
    let dir = folder();
    drift(&format!("watch --store DIR/s {TAPE}"), dir.path());
    for words in [
        "diff --desired DEMO/manifests --store DIR/s",
        "timeline --store DIR/s",
        "history deploy/web -n shop --store DIR/s",
        "blame deploy/web -n shop --store DIR/s",
        "why --store DIR/s",
        "why deploy/cart -n shop --store DIR/s",
        "why svc/cart -n shop --store DIR/s",
        "check --store DIR/s",
        "health -n shop --store DIR/s --all",
        "fights --store DIR/s",
        "graph deploy/web -n shop --store DIR/s",
        "impact cm/web-config -n shop --store DIR/s",
        "show cm/feature-flags -n shop --store DIR/s",
    ] {
        let ran = drift(words, dir.path());
        for text in [&ran.out, &ran.err] {
            let odd = text.match_indices('T').filter(|(at, _)| {
                let around = text.get(at.saturating_sub(10)..at + 3).unwrap_or_default();
                around.starts_with("20")
                    && around.ends_with(|c: char| c.is_ascii_digit())
                    && around.contains('-')
            });
            // Values of fields are shown as they are.
            let odd: Vec<_> =
                odd.filter(|(at, _)| !text[..*at].ends_with("restartedAt\"] + 2026-11-21")).collect();
            assert!(odd.is_empty(), "{words}: {odd:?} in {text}");
        }
    }
}

#[test]
fn local_times_and_ages_are_written_where_they_are_asked_for() {
    let dir = folder();
    let run = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_drift"))
            .args(words)
            .env("TZ", "Asia/Kolkata")
            .current_dir(dir.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let tape = crate::run::demo().join("shop.tape.jsonl.gz").display().to_string();
    let of = |more: &[&str]| {
        run(&[&["history", "cm/feature-flags", "-n", "shop", "--tape", &tape], more].concat())
    };
    assert!(of(&[]).contains("2026-11-21 10:49:59Z  deleted"), "{}", of(&[]));
    let local = of(&["--local", "--since", "2026-11-21 16:19:50"]);
    assert!(local.contains("2026-11-21 16:19:59+05:30  deleted") && !local.contains("created"), "{local}");
    assert!(of(&["--local", "-o", "json"]).contains("2026-11-21T10:49:59"), "documents are in UTC");

    let now = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap().trim().to_owned();
    let condition = json!({"type":"Ready","status":"False","reason":"Broken","lastTransitionTime":now});
    let ready = json!({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","namespace":"shop"},
        "status":{"conditions":[condition]}});
    write(dir.path(), "live.json", ready.to_string());
    let health = run(&["health", "--live", "live.json", "--ages"]);
    assert!(health.contains("s ago)"), "{health}");
    assert!(!run(&["health", "--live", "live.json"]).contains("ago"));
}
