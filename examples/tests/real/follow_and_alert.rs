//! The example program `follow_and_alert` against a real API server.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Lab, config};

/// The program while it runs; killed at the end.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(lab: &Lab) -> Self {
        let folder = Path::new(env!("CARGO_BIN_EXE_drift")).parent().unwrap().join("examples");
        let program: PathBuf = folder.join("follow_and_alert");
        assert!(program.exists(), "build it first: cargo build -p drift-examples --example follow_and_alert");
        let mut command = Command::new(program);
        command.arg("manifests").current_dir(lab.dir.path()).env("KUBECONFIG", "kubeconfig");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Returns the next alert as its kind, the name of its resource and its id.
    ///
    /// A server that has just started ends watches while it registers its own APIs; such gaps are not what is asked about.
    fn alert(&self) -> (String, String, String) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(60)).expect("an alert within a minute");
            let alert: Value = serde_json::from_str(&line).expect("an alert is a line of JSON");
            let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
            if alert["what"] != "GapSeen" {
                return (text(&alert["what"]), text(&alert["key"]["name"]), text(&alert["id"]));
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An edit alerts once, and its undoing resolves the same finding.
pub(super) fn edits() {
    let lab = Lab::start();
    let oven = config("default", "oven", json!({"crust":"thick"}));
    let folder = lab.dir.path().join("manifests");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("oven.json"), oven.to_string()).unwrap();
    lab.apply("setup", &oven);
    let program = Program::start(&lab);
    // Nothing is reported of what is in sync, so a resource that nobody declares shows that all is listed.
    lab.apply("setup", &config("default", "stray", json!({})));
    let (what, name, _) = program.alert();
    assert_eq!((what.as_str(), name.as_str()), ("Unmanaged", "stray"));
    let edit = |crust: &str| {
        let patch = json!({"data":{"crust":crust}}).to_string();
        lab.kubectl(&["-n", "default", "patch", "cm", "oven", "--type=merge", "-p", &patch], &Value::Null);
    };
    edit("thin");
    let (what, name, id) = program.alert();
    assert_eq!((what.as_str(), name.as_str()), ("Drifted", "oven"));
    edit("thick");
    assert_eq!(program.alert(), ("Resolved".to_owned(), name, id));
}
