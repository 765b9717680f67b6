use crate::run::{drift, folder};

#[test]
fn help_is_part_of_the_product() {
    let dir = folder();
    for command in [
        "", "diff", "record", "watch", "timeline", "show", "history", "apps", "rules", "blame", "fights",
        "health", "why", "check", "impact", "graph", "verify", "repair", "demo",
    ] {
        let ran = drift(&format!("{command} --help"), dir.path());
        assert_eq!(ran.code, 0);
        insta::assert_snapshot!(format!("help_{command}"), ran.out);
    }
}

#[test]
fn a_wrong_command_line_is_a_failure_and_not_a_finding() {
    let dir = folder();
    for words in [
        "",
        "dif",
        "diff",
        "diff --desired",
        "diff --desired a --at soon",
        "show",
        "show web --tape x",
        "diff --desired a -l =x",
        "timeline --store a --tape b",
    ] {
        let ran = drift(words, dir.path());
        assert_eq!(ran.code, 2, "{words}: {ran:?}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{words}: {ran:?}");
    }
    assert_eq!(drift("diff --desired nowhere --live nowhere --detailed-exitcode", dir.path()).code, 1);
}
