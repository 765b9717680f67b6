//! What `drift watch` says of itself while it runs.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;

use super::control_plane::{NOBODY, TOKEN};
use super::{Lab, config};

/// Runs `drift watch` for some seconds, while something else is done.
fn watch(lab: &mut Lab, words: &str, meanwhile: impl FnOnce(&mut Lab)) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.arg("watch").args(words.split_whitespace()).current_dir(lab.dir.path());
    command.env("HOME", lab.dir.path()).env("NO_COLOR", "1").env_remove("KUBECONFIG");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    meanwhile(lab);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

pub(crate) fn states_and_outages() {
    let mut lab = Lab::start();
    lab.apply("setup", &json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}));
    lab.apply("setup", &config("shop", "a", json!({"k":"1"})));
    std::fs::write(lab.dir.path().join("a.json"), config("shop", "a", json!({"k":"1"})).to_string()).unwrap();
    let pause = |seconds| std::thread::sleep(Duration::from_secs(seconds));
    let (_, out, err) = watch(&mut lab, "--store s -f a.json --kubeconfig kubeconfig --for 16s", |lab| {
        pause(4);
        lab.plane.kill_server();
        pause(3);
        lab.plane.start_server();
    });
    let state = err.lines().find(|l| l.contains("1 declared: 1 in sync"));
    assert!(state.is_some_and(|l| l.contains(" resources, ")), "{err}");
    let gone = err.find("the API server is gone").unwrap_or_else(|| panic!("{err}"));
    assert!(err[gone..].contains("the API server is back after"), "{err}");
    let gaps = out.lines().filter(|l| l.contains("  gap ")).count();
    assert!(gaps <= 8, "{out}");

    // An account that may list nothing: one line for all kinds, and what to grant.
    let kubeconfig = std::fs::read_to_string(lab.dir.path().join("kubeconfig")).unwrap();
    std::fs::write(lab.dir.path().join("nobody"), kubeconfig.replace(TOKEN, NOBODY)).unwrap();
    let (code, out, err) = watch(&mut lab, "--store n -f a.json --kubeconfig nobody --for 4s", |_| {});
    assert_eq!(code, Some(3), "{err}");
    let denied: Vec<_> = out.lines().filter(|l| l.contains("forbidden")).collect();
    assert!(denied.len() == 1 && denied[0].contains(" kinds (") && denied[0].contains(" more): "), "{out}");
    assert!(err.contains("hint: to allow it: kubectl create clusterrole drift-reader"), "{err}");
    assert!(err.contains("--user=nobody"), "{err}");
}
