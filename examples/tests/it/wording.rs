//! Errors and notes say what is wrong, where, and what to do.

use crate::run::{drift, folder, write};

const TAPE: &str = "--tape DEMO/shop.tape.jsonl.gz";

#[test]
fn a_store_that_is_not_there_is_not_a_damaged_one() {
    let dir = folder();
    for command in ["timeline", "why", "health", "blame deploy/web", "verify", "repair"] {
        let ran = drift(&format!("{command} --store nosuch"), dir.path());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.starts_with("error: there is no store in `nosuch`"), "{ran:?}");
        assert!(ran.err.contains("hint: `drift watch --store nosuch` makes one"), "{ran:?}");
    }
}

#[test]
fn yaml_that_means_something_else_is_said() {
    let dir = folder();
    let twice = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {team: other}\n  labels: {team: storefront}\n";
    write(dir.path(), "twice.yaml", twice);
    let ran = drift("diff -f twice.yaml --live DEMO/shop.tape.jsonl.gz --no-extra", dir.path());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("twice.yaml:6:3: `labels` is set twice; the last value counts"), "{ran:?}");
    write(dir.path(), "no.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: no}\n");
    let ran = drift("diff -f no.yaml --live DEMO/shop.tape.jsonl.gz --no-extra", dir.path());
    assert!(ran.out.contains("`metadata.name` is a boolean, as YAML reads n, no, off"), "{ran:?}");
}

#[test]
fn a_file_that_is_no_tape_says_which_lines_and_why() {
    let dir = folder();
    write(dir.path(), "t", "hello\nworld\n");
    let ran = drift("timeline --tape t", dir.path());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("lines 1 to 2 cannot be read: not valid JSON at column 1"), "{ran:?}");
}

#[test]
fn counts_have_a_number_that_fits_and_scores_are_explained_when_asked() {
    let dir = folder();
    let impact =
        drift(&format!("impact cm/feature-flags -n shop --at 2026-11-21T10:48:50Z {TAPE}"), dir.path());
    assert!(!impact.out.contains("1 things") && !impact.out.contains("1 resources"), "{impact:?}");
    let why = |more: &str| drift(&format!("why hpa/web -n shop {TAPE} {more}"), dir.path()).out;
    assert!(why("").contains(" before: ") && !why("").contains("score "), "{}", why(""));
    let explained = why("--explain");
    assert!(explained.contains("score ") && explained.contains("parts of the rules: actor"), "{explained}");
}
