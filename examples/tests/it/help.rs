use crate::run::{drift, folder, write};

#[test]
fn help_is_part_of_the_product() {
    let dir = folder();
    for command in [
        "",
        "diff",
        "record",
        "watch",
        "timeline",
        "show",
        "history",
        "apps",
        "rules",
        "blame",
        "fights",
        "health",
        "why",
        "check",
        "impact",
        "graph",
        "verify",
        "repair",
        "demo",
        "completions",
        "man",
    ] {
        let ran = drift(&format!("{command} --help"), dir.path());
        assert_eq!(ran.code, 0);
        insta::assert_snapshot!(format!("help_{command}"), ran.out);
    }
}

#[test]
fn help_version_completions_and_manuals_are_there() {
    let dir = folder();
    let of = |words: &str| drift(words, dir.path());
    assert_eq!(of("help diff").out, of("diff --help").out);
    assert_eq!((of("help").code, of("help").out), (0, of("--help").out));
    assert_eq!(of("version").out, of("--version").out);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = of(&format!("completions {shell}"));
        assert!(ran.code == 0 && ran.out.contains("detailed-exitcode"), "{shell}: {ran:?}");
    }
    assert_eq!(of("man DIR/man1").code, 0);
    let page = std::fs::read_to_string(dir.path().join("man1/drift-diff.1")).unwrap();
    assert!(page.contains("Compare declared with live resources") && page.contains("kustomize"), "{page}");
}

#[test]
fn defaults_come_from_the_environment_and_the_nearest_configuration() {
    let dir = folder();
    assert_eq!(drift("watch --store DIR/s --tape DEMO/shop.tape.jsonl.gz", dir.path()).code, 0);
    write(dir.path(), ".drift.yaml", "store: s\nnamespace: shop\n");
    write(dir.path(), "sub/x", "");
    let blame = drift("blame cm/web-config", &dir.path().join("sub"));
    assert!(blame.code == 0 && blame.out.starts_with("ConfigMap/shop/web-config"), "{blame:?}");
    // What is named counts more, and all namespaces more than one.
    let timeline = |words: &str| drift(&format!("timeline {words}"), dir.path()).out.lines().count();
    let (all, of_shop, elsewhere) = (timeline("-A"), timeline(""), timeline("-n kube-system"));
    assert!(all > of_shop && of_shop > 0 && elsewhere < of_shop, "{all} {of_shop} {elsewhere}");
    assert_eq!(drift("timeline --tape nowhere", dir.path()).code, 2);
    assert!(drift("timeline --help", dir.path()).out.contains("[default: shop]"));
    // Comparing is with the cluster unless a store is named.
    assert!(drift("diff --desired DEMO/manifests", dir.path()).err.contains("no cluster"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drift"));
    command
        .args(["verify"])
        .current_dir("/")
        .env("DRIFT_STORE", dir.path().join("s"))
        .env("HOME", dir.path());
    assert!(command.output().unwrap().status.success());
    write(dir.path(), ".drift.yaml", "stroe: s\n");
    let wrong = drift("timeline", dir.path());
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains(".drift.yaml") && wrong.err.contains("there is no setting `stroe`"),
        "{wrong:?}"
    );
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
