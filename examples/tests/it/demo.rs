use crate::run::{drift, folder};

#[test]
fn the_demo_is_always_the_same() {
    let dir = folder();
    let first = drift("demo", dir.path());
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(first.err, "");
    insta::assert_snapshot!(without_hashes(&first.out));
    assert_eq!(without_hashes(&drift("demo", dir.path()).out), without_hashes(&first.out));
}

/// Every store has a key of its own, so the hashes of Secrets differ, and with them the chain and its size.
fn without_hashes(out: &str) -> String {
    let cut = |line: &str| match line {
        l if l.starts_with("chain: ") => "chain: ...".to_owned(),
        l if l.starts_with("sound: ") => l
            .split(", ")
            .map(|p| if p.contains(" bytes in ") { "... bytes" } else { p })
            .collect::<Vec<_>>()
            .join(", "),
        l => l.to_owned(),
    };
    out.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_shows_no_secret() {
    let dir = folder();
    let ran = drift("demo", dir.path());
    for value in [
        "not-a-real-password",
        "bm90LWEtcmVhbC1wYXNzd29yZA",
        "neither-is-this-one",
        "bmVpdGhlci1pcy10aGlzLW9uZQ",
    ] {
        assert!(!ran.out.contains(value));
    }
}

#[test]
fn what_the_demo_suggests_works_on_what_it_keeps() {
    let dir = folder();
    let ran = drift("demo --keep demo", dir.path());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let suggested: Vec<_> = ran.out.lines().filter_map(|l| l.trim_start().strip_prefix("drift ")).collect();
    let offline: Vec<_> = suggested.iter().filter(|l| l.contains("demo/")).collect();
    assert_eq!(offline.len(), 4);
    for command in offline {
        let again = drift(command, dir.path());
        assert!(again.code < 2 && !again.out.is_empty(), "{command}: {again:?}");
    }
}
