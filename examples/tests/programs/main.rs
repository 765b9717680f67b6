//! The embedding programs of `examples/`, run: each does what it says, and none is longer than a page.
//!
//! Those that follow a cluster are ignored, and reported so, where there is no control plane.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../../../drift-sources/tests/real/control_plane.rs"]
#[allow(dead_code, reason = "shared with the tests of the kubernetes source")]
mod control_plane;
mod data;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use control_plane::{ControlPlane, TOKEN, find};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::json;

/// Most lines of a program.
const MAX_LINES: usize = 60;

fn main() {
    let arguments = Arguments::from_args();
    let is_missing = |names: &[&str]| names.iter().any(|name| find(name).is_none());
    let offline: [(&str, fn()); 9] = [
        ("no_program_is_longer_than_a_page", no_program_is_longer_than_a_page),
        ("why_from_tape", why_from_tape),
        ("why_from_store", why_from_store),
        ("ci_gate", ci_gate),
        ("ci_gate_of_engines", ci_gate_of_engines),
        ("custom_rules", custom_rules),
        ("custom_source", custom_source),
        ("custom_sink", custom_sink),
        ("gitops_blame", gitops_blame),
    ];
    let live: [(&str, fn()); 2] = [("follow_cluster", follow_cluster), ("own_children", own_children)];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || -> Result<(), Failed> {
            test();
            Ok(())
        })
    };
    let no_plane = is_missing(&["etcd", "kube-apiserver", "kubectl"]);
    let live = live.map(|t| trial(t).with_kind("KUBEBUILDER_ASSETS").with_ignored_flag(no_plane));
    let trials = offline.map(|t| {
        trial(t)
            .with_ignored_flag(matches!(t.0, "gitops_blame" | "ci_gate_of_engines") && is_missing(&["git"]))
    });
    libtest_mimic::run(&arguments, trials.into_iter().chain(live).collect()).exit();
}

/// Returns where `cargo test` puts a program: beside the folder of this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "`{}` is not built: cargo build -p drift-examples --examples", path.display());
    path
}

fn command(name: &str, arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(program(name));
    command.args(arguments).current_dir(dir).env("HOME", dir).env_remove("KUBECONFIG");
    command
}

/// Runs a program to its end and returns what it printed.
fn run(name: &str, arguments: &[&str], dir: &Path, code: i32) -> String {
    let Output { status, stdout, stderr } = command(name, arguments, dir).output().unwrap();
    let out = String::from_utf8(stdout).unwrap();
    assert_eq!(status.code(), Some(code), "{name}: {out}{}", String::from_utf8_lossy(&stderr));
    out
}

fn path(below: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below).to_str().unwrap().to_owned()
}

fn no_program_is_longer_than_a_page() {
    let programs: Vec<_> = std::fs::read_dir(path("examples")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(programs.len(), 10);
    for program in programs {
        let lines = std::fs::read_to_string(&program).unwrap().lines().count();
        assert!(lines < MAX_LINES, "{}: {lines} lines", program.display());
    }
}

fn why_from_tape() {
    let dir = tempfile::tempdir().unwrap();
    let tape = path("tests/data/bakery.tape.jsonl");
    let out = run("why_from_tape", &[&tape, "Pod/bakery/cake-cc-p"], dir.path(), 0);
    assert_eq!(out, "ConfigMap/bakery/oven changed at 2026-03-02T09:03:20.25Z\n");
    let out = run("why_from_tape", &[&tape, "ConfigMap/bakery/oven"], dir.path(), 0);
    assert!(out.contains("shows no fault"), "{out}");
}

fn why_from_store() {
    let dir = tempfile::tempdir().unwrap();
    let tape = path("tests/data/bakery.tape.jsonl");
    let out = run("why_from_store", &["store", &tape], dir.path(), 0);
    assert!(
        out.contains("ConfigMap/bakery/oven changed at") && out.contains("Pod/bakery/cake-cc-p"),
        "{out}"
    );
    assert_eq!(run("why_from_store", &["store"], dir.path(), 0), out);
}

fn ci_gate() {
    let dir = tempfile::tempdir().unwrap();
    let (manifests, tape) = (path("data/demo/manifests"), path("data/demo/shop.tape.jsonl.gz"));
    let out = run("ci_gate", &[&tape, &manifests], dir.path(), 1);
    assert!(out.contains("1.4.3-debug"), "{out}");
    let clean = format!("{manifests}/namespace.yaml");
    run("ci_gate", &[&tape, &clean], dir.path(), 0);
}

/// The gate and the `drift` binary in the five situations that a gate must tell apart.
fn ci_gate_of_engines() {
    let dir = tempfile::tempdir().unwrap();
    data::oven_repository(dir.path());
    data::oven_situations(dir.path());
    let (here, broken) = (format!("{}=oven.bundle", data::URL), format!("{}=broken.bundle", data::URL));
    let elsewhere = "https://git.example.com/pies.git=oven.bundle";
    for (situation, live, repository, code, expect, of_binary) in [
        ("clean", "oven.tape", &*here, 0, "1 declared: 1 in sync", 0),
        ("drift", "edited.tape", &here, 1, "1 drifted", 1),
        ("expired role", "denied.tape", &here, 10, "ConfigMap: ", 3),
        ("missing repository", "oven.tape", elsewhere, 11, "no repository is given", 3),
        ("broken render", "broken.tape", &broken, 12, "nothing is known of its resources", 3),
    ] {
        let out = run("ci_gate", &[live, repository], dir.path(), code);
        assert!(out.contains(expect), "{situation}: {out}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
        command.args(["diff", "--no-extra", "--live", live, "--git", repository]).current_dir(dir.path());
        let output = command.env("HOME", dir.path()).env_remove("KUBECONFIG").output().unwrap();
        assert_eq!(output.status.code(), Some(of_binary), "{situation}: {output:?}");
    }
}

fn custom_rules() {
    let dir = tempfile::tempdir().unwrap();
    let out = run("custom_rules", &[&path("tests/data/bakery.tape.jsonl")], dir.path(), 0);
    assert!(out.contains("Widget.example.com/bakery/mixer uses ConfigMap/bakery/cold (missing)"), "{out}");
    assert!(out.contains("Widget.example.com/bakery/mixer is Healthy: HasBowls"), "{out}");
}

fn custom_source() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run("custom_source", &[], dir.path(), 0).lines().count(), 2);
}

fn custom_sink() {
    let dir = tempfile::tempdir().unwrap();
    let out = run("custom_sink", &[], dir.path(), 0);
    assert!(out.ends_with("open: ConfigMap/shop/web since 1970-01-01T00:00:00Z\n"), "{out}");
    assert!(
        out.contains("1970-01-01T00:01:00Z: 0 to report"),
        "what is still there is not reported again: {out}"
    );
}

fn gitops_blame() {
    let dir = tempfile::tempdir().unwrap();
    let commit = data::oven_repository(dir.path());
    let git = format!("{}=oven.bundle", data::URL);
    let out = run("gitops_blame", &["oven.tape", &git, "ConfigMap/bakery/oven"], dir.path(), 0);
    assert!(out.contains(".data.crust = \"thick\" by argocd-controller"), "{out}");
    assert!(out.contains("through Application.argoproj.io/cd/cakes"), "{out}");
    assert!(out.contains(&format!("from {commit} by Cora <cora@example.com>: bake longer")), "{out}");
}

/// A control plane, and a kubeconfig for it in a folder.
struct Cluster {
    dir: tempfile::TempDir,
    _plane: ControlPlane,
}

impl Cluster {
    fn start() -> Self {
        let (dir, plane) = (tempfile::tempdir().unwrap(), ControlPlane::start());
        let server = format!("https://127.0.0.1:{}", plane.port);
        let config = json!({"apiVersion":"v1","kind":"Config","current-context":"lab",
            "clusters":[{"name":"lab","cluster":{"server": server, "insecure-skip-tls-verify": true}}],
            "users":[{"name":"admin","user":{"token":TOKEN}}],
            "contexts":[{"name":"lab","context":{"cluster":"lab","user":"admin"}}]});
        std::fs::write(dir.path().join("kubeconfig"), config.to_string()).unwrap();
        let cluster = Self { dir, _plane: plane };
        let until = Instant::now() + Duration::from_secs(60);
        while !cluster.kubectl(&["get", "--raw", "/readyz"]).status.success() {
            assert!(Instant::now() < until, "the API server is not ready");
            std::thread::sleep(Duration::from_millis(200));
        }
        cluster
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(find("kubectl").unwrap());
        command.args(["--kubeconfig", "kubeconfig"]).args(arguments).current_dir(self.dir.path());
        command.env("HOME", self.dir.path()).output().unwrap()
    }

    fn follow(&self, name: &str, arguments: &[&str]) -> Child {
        let mut command = command(name, arguments, self.dir.path());
        command.env("KUBECONFIG", self.dir.path().join("kubeconfig"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

fn output(child: Child) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn follow_cluster() {
    let cluster = Cluster::start();
    let following = cluster.follow("follow_cluster", &["15"]);
    std::thread::sleep(Duration::from_secs(5));
    let done = |o: Output| assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
    done(cluster.kubectl(&["create", "deployment", "web", "--image=a"]));
    let stalled = json!({"status":{"observedGeneration":1,"conditions":[{"type":"Progressing","status":"False",
        "reason":"ProgressDeadlineExceeded","message":"it does not come up","lastUpdateTime":"2026-03-02T09:00:00Z",
        "lastTransitionTime":"2026-03-02T09:00:00Z"}]}})
    .to_string();
    done(cluster.kubectl(&[
        "patch",
        "deployment",
        "web",
        "--subresource=status",
        "--type=merge",
        "-p",
        &stalled,
    ]));
    let out = output(following);
    assert!(out.contains("ALERT Deployment.apps/default/web"), "{out}");
}

fn own_children() {
    let cluster = Cluster::start();
    cluster.kubectl(&["create", "configmap", "child", "--from-literal=size=1"]);
    let following = cluster.follow("own_children", &["default", "15"]);
    std::thread::sleep(Duration::from_secs(5));
    let edit = r#"{"data":{"size":"2"}}"#;
    cluster.kubectl(&["patch", "configmap", "child", "--type=merge", "-p", edit]);
    let out = output(following);
    assert!(out.contains("ConfigMap/default/child .data.size:") && out.contains("by kubectl-patch"), "{out}");
}
