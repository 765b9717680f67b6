//! What is named as declared: files and folders as kubectl takes them, kustomizations and charts, and single resources.

use serde_json::Value;

use crate::run::{Ran, drift, drift_with, folder, write};

fn config(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{k: '{value}'}}\n"
    )
}

/// A dump of ConfigMaps `a` to `d` of a namespace, each with the value 1.
fn live(dir: &std::path::Path) {
    let items: Vec<Value> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| {
            serde_json::json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":"shop"},"data":{"k":"1"}})
        })
        .collect();
    let list = serde_json::json!({"apiVersion":"v1","kind":"List","items":items});
    write(dir, "live.json", list.to_string());
}

fn counts(ran: &Ran) -> (i32, String) {
    (ran.code, ran.out.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn files_and_folders_are_named_as_for_kubectl() {
    let dir = folder();
    live(dir.path());
    write(dir.path(), "k8s/a.yaml", config("a", "1"));
    write(dir.path(), "k8s/sub/b.yaml", config("b", "2"));
    let diff = |words: &str| drift(&format!("diff --live live.json --no-extra {words}"), dir.path());
    assert_eq!(counts(&diff("-f k8s/a.yaml")), (0, "1 declared: 1 in sync".to_owned()));
    let top = diff("-f k8s");
    assert_eq!(counts(&top), (0, "1 declared: 1 in sync".to_owned()));
    assert!(top.out.contains("sub: left out: a folder"), "{top:?}");
    let all = (1, "2 declared: 1 in sync, 1 drifted (1 field)".to_owned());
    assert_eq!(counts(&diff("-R -f k8s")), all);
    assert_eq!(counts(&diff("--desired k8s")), all);
    assert_eq!(counts(&diff("-f k8s/a.yaml -f k8s/sub/b.yaml")), all);
    let piped = drift_with("diff -f - --live live.json --no-extra", dir.path(), config("b", "2").as_bytes());
    assert_eq!(counts(&piped), (1, "1 declared: 0 in sync, 1 drifted (1 field)".to_owned()));
}

#[test]
fn single_resources_are_compared() {
    let dir = folder();
    live(dir.path());
    write(dir.path(), "k8s/all.yaml", [config("a", "2"), config("b", "2")].join("---\n"));
    let diff = |words: &str| drift(&format!("diff -f k8s --live live.json -n shop {words}"), dir.path());
    let one = diff("cm/a");
    assert_eq!(counts(&one), (1, "1 declared: 0 in sync, 1 drifted (1 field)".to_owned()), "{one:?}");
    // Live and not declared: c and d, of which one is asked for.
    assert_eq!(counts(&diff("cm/a cm/c")).0, 1);
    assert!(diff("cm/c").out.contains("ConfigMap/shop/c  not declared"));
    let unknown = diff("cm/ab");
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(
        unknown.err.contains("`cm/ab` is neither declared nor live\n  hint: nearest: ConfigMap/shop/a"),
        "{unknown:?}"
    );
    let names = drift("diff -f k8s --live live.json -n shop --no-extra -o name", dir.path());
    assert_eq!((names.code, &*names.out), (1, "configmap/a\nconfigmap/b\n"), "{names:?}");
    for path in ["k8s/", "k8s", "k8s/all.yaml", "./k8s", "-"] {
        let ran = drift(&format!("diff {path} --live live.json"), dir.path());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(&format!("a path is named with -f: -f {path}")), "{ran:?}");
    }
}

fn kustomizations(dir: &std::path::Path) {
    live(dir);
    write(dir, "repo/base/kustomization.yaml", "resources: [a.yaml]\n");
    let bare = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: '0'}\n";
    write(dir, "repo/base/a.yaml", bare);
    let overlay = "namespace: shop\nresources: [../../base]\npatches:\n- patch: '[{\"op\": \"replace\", \"path\": \"/data/k\", \"value\": \"1\"}]'\n  target: {kind: ConfigMap}\n";
    write(dir, "repo/over/prod/kustomization.yaml", overlay);
    write(dir, "repo/plain/b.yaml", config("b", "1"));
}

#[test]
fn a_kustomization_is_never_compared_as_it_stands() {
    let dir = folder();
    kustomizations(dir.path());
    let without = |words: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drift"));
        command.args(format!("diff --live live.json --no-extra {words}").split_whitespace());
        command.current_dir(dir.path()).env("PATH", "/nowhere").env_remove("KUBEBUILDER_ASSETS");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for words in ["-k repo/over/prod", "-f repo/over/prod", "--desired repo", "-R -f repo"] {
        let (code, err) = without(words);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("`kustomize` is not installed") && err.contains("kustomize build"), "{err}");
    }
    // Which of two overlays is applied is not known; what is plain is compared all the same.
    std::fs::create_dir_all(dir.path().join("repo/over/dev")).unwrap();
    let overlay = std::fs::read(dir.path().join("repo/over/prod/kustomization.yaml")).unwrap();
    write(dir.path(), "repo/over/dev/kustomization.yaml", overlay);
    let two = drift("diff --desired repo --live live.json --no-extra", dir.path());
    assert_eq!(counts(&two), (3, "1 declared: 1 in sync".to_owned()), "{two:?}");
    assert!(
        two.out.contains("`over/dev`, `over/prod` in `repo` are kustomizations that share a base"),
        "{two:?}"
    );
}

#[test]
fn a_chart_is_never_compared_as_it_stands() {
    let dir = folder();
    live(dir.path());
    write(dir.path(), "repo/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    write(dir.path(), "repo/web/templates/a.yaml", config("a", "2"));
    write(dir.path(), "repo/b.yaml", config("b", "1"));
    let refused = drift("diff -f repo/web --live live.json", dir.path());
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("it is a Helm chart") && refused.err.contains("hint:"), "{refused:?}");
    let beside = drift("diff --desired repo --live live.json --no-extra", dir.path());
    assert_eq!(counts(&beside), (3, "1 declared: 1 in sync".to_owned()), "{beside:?}");
    assert!(beside.out.contains("`web` in `repo` is a Helm chart"), "{beside:?}");
}

#[test]
fn github_is_shown_the_line_that_declares_a_field() {
    let dir = folder();
    live(dir.path());
    write(dir.path(), "k8s/sub/a.yaml", config("a", "50%"));
    write(dir.path(), "k8s/e.yaml", config("e", "1"));
    for words in ["-R -f k8s", "--desired k8s/", "-f k8s/e.yaml -f k8s/sub/a.yaml"] {
        let ran = drift(&format!("diff {words} --live live.json --no-extra -o github"), dir.path());
        assert_eq!(ran.code, 1, "{ran:?}");
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!(
            lines[0],
            "::error file=k8s/sub/a.yaml,line=4,title=ConfigMap/shop/a drifted::.data.k: declared \"50%25\", live \"1\"%0Achanged by somebody unknown"
        );
        assert_eq!(
            lines[1],
            "::error file=k8s/e.yaml,line=1,title=ConfigMap/shop/e missing::declared, and not live"
        );
    }
    let check = drift("check --tape DEMO/shop.tape.jsonl.gz -o github", dir.path());
    assert!(check.out.lines().all(|l| l.starts_with("::")) && check.out.contains("title="), "{check:?}");
}

#[test]
fn what_helm_marks_on_what_it_installs_is_no_drift() {
    let dir = folder();
    let marked = serde_json::json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop",
        "labels":{"app.kubernetes.io/managed-by":"Helm"},
        "annotations":{"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"shop"}},"data":{"k":"1"}});
    write(
        dir.path(),
        "live.json",
        serde_json::json!({"apiVersion":"v1","kind":"List","items":[marked]}).to_string(),
    );
    let templated = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: '1'}\n";
    let ran = drift_with("diff -f - -n shop --live live.json", dir.path(), templated.as_bytes());
    assert_eq!(counts(&ran).0, 0, "{ran:?}");
    assert!(ran.out.contains("1 declared: 1 in sync"), "{ran:?}");
    let edited = templated.replace("'1'", "'2'");
    let ran = drift_with("diff -f - -n shop --live live.json", dir.path(), edited.as_bytes());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("1 drifted (1 field)"), "{ran:?}");
}

/// A dump of a StatefulSet or none, and of claims by the names of who made them.
fn claims(dir: &std::path::Path, set: Option<&str>, claims: &[(&str, &str)]) {
    let owned = |manager: &str| {
        serde_json::json!([{"manager":manager,"operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z",
            "fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}])
    };
    let claim = |(name, manager): &(&str, &str)| {
        serde_json::json!({"apiVersion":"v1","kind":"PersistentVolumeClaim",
            "metadata":{"name":name,"namespace":"shop","managedFields":owned(manager)},"spec":{}})
    };
    let set = set.map(|name| {
        serde_json::json!({"apiVersion":"apps/v1","kind":"StatefulSet",
            "metadata":{"name":name,"namespace":"shop","ownerReferences":[{"kind":"Db","name":"x"}],"managedFields":owned("op")},
            "spec":{"volumeClaimTemplates":[{"metadata":{"name":"data"}}]}})
    });
    let one = serde_json::json!({"apiVersion":"v1","kind":"ConfigMap",
        "metadata":{"name":"a","namespace":"shop","managedFields":owned("flux")},"data":{"k":"1"}});
    let items: Vec<Value> = claims.iter().map(claim).chain(set).chain([one]).collect();
    write(dir, "live.json", serde_json::json!({"apiVersion":"v1","kind":"List","items":items}).to_string());
}

#[test]
fn claims_are_strays_only_where_their_set_is_known_to_be_gone() {
    let dir = folder();
    write(dir.path(), "a.yaml", config("a", "1"));
    let strays = |set: Option<&str>| {
        claims(
            dir.path(),
            set,
            &[("data-db-0", "kube-controller-manager"), ("data-mine-0", "kubectl-create")],
        );
        let ran = drift("diff -f a.yaml --live live.json -o name", dir.path());
        ran.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(strays(Some("db")), ["persistentvolumeclaim/data-mine-0"]);
    assert_eq!(strays(Some("web")), ["persistentvolumeclaim/data-db-0", "persistentvolumeclaim/data-mine-0"]);
    // No StatefulSet is in the dump: whether there is one is not known.
    assert_eq!(strays(None), ["persistentvolumeclaim/data-mine-0"]);
}

#[test]
fn a_dump_without_owners_gets_one_line_on_how_to_have_them() {
    const HINT: &str = "--show-managed-fields";
    let dir = folder();
    live(dir.path());
    let hints = |desired: &str| {
        write(dir.path(), "k8s.yaml", desired);
        drift("diff -f k8s.yaml --no-extra --live live.json", dir.path()).out.matches(HINT).count()
    };
    assert_eq!(hints(&[config("a", "2"), config("b", "2")].join("---\n")), 1, "once, not once an object");
    assert_eq!(hints(&config("a", "1")), 0, "nothing to explain");
    claims(dir.path(), None, &[]);
    assert_eq!(hints(&config("a", "2")), 0, "the owners are there");
}
