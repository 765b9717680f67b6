//! What a KEY means, the same for every command that takes one.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::{Ran, drift, folder, write};

/// Commands about one resource; `%` is its KEY.
const OF_ONE: [&str; 6] = ["why %", "blame %", "graph %", "impact %", "history %", "show %"];
/// Commands that narrow their answer down to KEYs.
const NARROWED: [&str; 5] = ["diff --desired declared %", "timeline %", "fights %", "check %", "health %"];

fn object(kind: &str, namespace: &str, name: &str) -> Value {
    let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    let mut metadata = json!({"name": name, "labels": {"made": "by-us"}, "uid": format!("{namespace}-{name}"), "resourceVersion": "5"});
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
    }
    json!({"apiVersion": version, "kind": kind, "metadata": metadata})
}

/// A workload of the same name in two namespaces, and one that is in one alone.
fn prepare(dir: &Path) {
    let line = |resource: &str, object: &Value| {
        let group = if resource == "deployments" { "apps" } else { "" };
        json!({"ts": "2026-01-01T00:00:00Z", "group": group, "version": "v1", "resource": resource, "type": "LISTED",
            "object": object})
        .to_string()
            + "\n"
    };
    let of_shop = object("Deployment", "shop", "web");
    let text = [
        line("namespaces", &object("Namespace", "", "shop")),
        line("namespaces", &object("Namespace", "", "test")),
        line("deployments", &of_shop),
        line("deployments", &object("Deployment", "test", "web")),
        line("deployments", &object("Deployment", "test", "cart")),
    ];
    write(dir, "two.tape", text.concat());
    write(dir, "declared/web.json", of_shop.to_string());
}

fn ask(dir: &Path, command: &str, key: &str, more: &str) -> Ran {
    drift(&format!("{} --tape two.tape {more}", command.replace('%', key)), dir)
}

#[test]
fn a_name_that_is_unique_is_found_wherever_it_is() {
    let dir = folder();
    prepare(dir.path());
    for command in OF_ONE.iter().chain(&NARROWED) {
        for key in ["deploy/cart", "Deployment.apps//cart", "Namespace//shop", "Deployment.apps/shop/web"] {
            let ran = ask(dir.path(), command, key, "");
            assert_ne!(ran.code, 2, "{command} {key}: {ran:?}");
        }
    }
    let ran = ask(dir.path(), "health % --all", "deploy/cart", "");
    assert!(ran.out.contains("Deployment.apps/test/cart"), "{ran:?}");
}

#[test]
fn several_that_a_name_fits_are_an_error_that_lists_them_unless_each_is_wanted() {
    let dir = folder();
    prepare(dir.path());
    for command in OF_ONE.iter().chain(&NARROWED) {
        let ran = ask(dir.path(), command, "deploy/web", "");
        assert_eq!((ran.code, &*ran.out), (2, ""), "{command}: {ran:?}");
        let several = "`deploy/web` names several resources";
        let listed = "say which: Deployment.apps/shop/web, Deployment.apps/test/web";
        assert!(ran.err.contains(several) && ran.err.contains(listed), "{command}: {ran:?}");
        let ran = ask(dir.path(), command, "deploy/web", "-n shop");
        assert_ne!(ran.code, 2, "{command}: {ran:?}");
        assert!(!ran.out.contains("test/web"), "{command}: {ran:?}");
    }
    for command in NARROWED {
        let ran = ask(dir.path(), command, "deploy/web", "-A");
        assert_ne!(ran.code, 2, "{command}: {ran:?}");
    }
    let both = ask(dir.path(), "timeline %", "deploy/web", "-A --all").out;
    assert!(both.contains("shop/web") && both.contains("test/web"), "{both}");
}

#[test]
fn the_namespace_in_a_key_counts_more_than_that_of_the_option() {
    let dir = folder();
    prepare(dir.path());
    for key in ["Deployment.apps/test/web", "Namespace//test"] {
        let ran = ask(dir.path(), "health % --all", key, "-n shop");
        assert!(ran.code != 2 && ran.out.contains(key), "{ran:?}");
        let ran = ask(dir.path(), "timeline % --all", key, "-n shop");
        assert!(ran.out.contains(key), "{ran:?}");
    }
}
