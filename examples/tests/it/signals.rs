//! What is left behind when a signal ends the program.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::run::{folder, write};

fn run(program: &str, arguments: &[&str], dir: &Path) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
    assert!(command.output().unwrap().status.success(), "{program} {arguments:?}");
}

fn names(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect()
}

#[test]
fn a_signal_ends_what_renders_and_removes_its_folders() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let dir = folder();
        let at = dir.path();
        write(at, "repo/app/kustomization.yaml", "resources: []\n");
        let git = |arguments: &[&str]| run("git", arguments, &at.join("repo"));
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "."]);
        git(&["-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-q", "-m", "x"]);
        // In place of kustomize: writes its number and goes on for long.
        write(
            at,
            "bin/kustomize",
            format!("#!/bin/sh\necho $$ > {}/pid\nexec /bin/sleep 60\n", at.display()),
        );
        std::fs::set_permissions(at.join("bin/kustomize"), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(at.join("tmp")).unwrap();
        let app = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "web", "namespace": "argocd"}, "spec": {"destination": {"namespace": "x"},
            "source": {"repoURL": "https://git.example.com/r.git", "path": "app", "targetRevision": "main"}}});
        write(at, "live.json", app.to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
        command.args(["diff", "--live", "live.json", "--git", "https://git.example.com/r.git=repo"]);
        command.current_dir(at).env("HOME", at).env("TMPDIR", at.join("tmp"));
        command.env("KUBEBUILDER_ASSETS", at.join("bin"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        let pid = loop {
            match std::fs::read_to_string(at.join("pid")) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ if started.elapsed() > Duration::from_secs(60) => panic!("nothing is rendered"),
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let folders = names(&at.join("tmp"));
        assert!(folders.len() >= 2, "{folders:?}");
        for folder in folders {
            let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{folder:?}");
        }
        run("kill", &["-s", signal, &child.id().to_string()], at);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(names(&at.join("tmp")), Vec::<std::path::PathBuf>::new(), "{signal}");
        // What was killed goes when the kernel next runs it, long before it would have ended by itself. One that has ended and is not
        // collected yet has no command line.
        let ended = Instant::now();
        loop {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if !line.contains("sleep") {
                break;
            }
            assert!(ended.elapsed() < Duration::from_secs(20), "{signal}: {line}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
