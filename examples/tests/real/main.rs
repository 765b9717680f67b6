//! The binary against a real API server with the engines' kinds installed: what it finds live is what it finds in a
//! tape of the same cluster. Ignored, and reported so, where there is no control plane.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "../../../drift-sources/tests/real/control_plane.rs"]
#[allow(dead_code, reason = "shared with the tests of the kubernetes source")]
mod control_plane;
mod follow_and_alert;
mod helm_release;
mod rendered;
mod watching;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use control_plane::{ControlPlane, TOKEN, find};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

const URL: &str = "https://git.example.com/shop.git";

fn main() {
    let arguments = Arguments::from_args();
    let trial_with = |programs: &[&str], name: &str, test: fn()| {
        let missing = programs.iter().any(|name| find(name).is_none());
        let run = move || -> Result<(), Failed> {
            test();
            Ok(())
        };
        Trial::test(name, run).with_kind("KUBEBUILDER_ASSETS").with_ignored_flag(missing)
    };
    let trial = |name, test| trial_with(&["etcd", "kube-apiserver", "kubectl", "git"], name, test);
    let trials = vec![
        trial_with(
            &["kustomize", "helm", "git"],
            "folders_that_are_rendered_are_compared_as_rendered",
            rendered::folders,
        ),
        trial("a_cluster_with_engines_is_judged_live_as_from_its_tape", live_as_from_its_tape),
        trial("drift_of_a_helm_release_is_put_back_or_stays_as_its_mode_says", helm_release::drift_modes),
        trial_with(
            &["etcd", "kube-apiserver", "kubectl", "helm"],
            "changed_values_of_a_helm_release_are_pending",
            helm_release::values,
        ),
        trial("a_cluster_is_asked_without_history", questions_of_a_cluster),
        trial("watch_says_how_things_stand_and_whether_the_server_answers", watching::states_and_outages),
        trial("a_program_that_follows_a_cluster_alerts_once_for_each_edit", follow_and_alert::edits),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// Runs a program to its end, with something on standard input.
fn run(program: &Path, arguments: &[&str], dir: &Path, input: &str, codes: &[i32]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).env("HOME", dir).env("NO_COLOR", "1").env_remove("KUBECONFIG");
    for (name, value) in [("NAME", "Cora"), ("EMAIL", "cora@example.com"), ("DATE", "2026-01-02T03:04:05Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap_or(-1);
    assert!(codes.contains(&code), "{arguments:?}: {code} {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Lab {
    dir: tempfile::TempDir,
    plane: ControlPlane,
}

impl Lab {
    fn start() -> Self {
        let lab = Self { dir: tempfile::tempdir().unwrap(), plane: ControlPlane::start() };
        let cluster = json!({"server": format!("https://127.0.0.1:{}", lab.plane.port), "insecure-skip-tls-verify": true});
        let config = json!({"apiVersion":"v1","kind":"Config","current-context":"lab",
            "clusters":[{"name":"lab","cluster":cluster}],"users":[{"name":"admin","user":{"token":TOKEN}}],
            "contexts":[{"name":"lab","context":{"cluster":"lab","user":"admin"}}]});
        std::fs::write(lab.dir.path().join("kubeconfig"), config.to_string()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while !lab.is_ready() {
            assert!(Instant::now() < until, "{}", lab.plane.log());
            std::thread::sleep(Duration::from_millis(200));
        }
        lab
    }

    fn is_ready(&self) -> bool {
        let mut command = Command::new(find("kubectl").unwrap());
        command.args(["--kubeconfig", "kubeconfig", "get", "--raw", "/readyz"]).current_dir(self.dir.path());
        command.env("HOME", self.dir.path()).output().is_ok_and(|o| o.status.success())
    }

    fn kubectl(&self, arguments: &[&str], input: &Value) -> String {
        let all = [&["--kubeconfig", "kubeconfig"], arguments].concat();
        run(&find("kubectl").unwrap(), &all, self.dir.path(), &input.to_string(), &[0])
    }

    fn apply(&self, manager: &str, object: &Value) {
        let manager = format!("--field-manager={manager}");
        self.kubectl(&["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"], object);
    }

    fn status(&self, manager: &str, object: &Value) {
        let manager = format!("--field-manager={manager}");
        let arguments = ["apply", "--server-side", "--subresource=status", &manager, "-f", "-"];
        self.kubectl(&arguments, object);
    }

    fn git(&self, arguments: &[&str]) -> String {
        let all = [&["-C", "repository", "-c", "init.defaultBranch=main"], arguments].concat();
        run(&find("git").unwrap(), &all, self.dir.path(), "", &[0]).trim().to_owned()
    }

    fn drift(&self, arguments: &[&str]) -> Value {
        let out = run(Path::new(env!("CARGO_BIN_EXE_drift")), arguments, self.dir.path(), "", &[0, 1]);
        if out.is_empty() { Value::Null } else { serde_json::from_str(&out).unwrap() }
    }
}

fn definition(group: &str, version: &str, kind: &str, plural: &str) -> Value {
    let any = json!({"type":"object","x-kubernetes-preserve-unknown-fields":true});
    json!({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":format!("{plural}.{group}")},
        "spec":{"group":group,"scope":"Namespaced","names":{"kind":kind,"plural":plural,"singular":kind.to_lowercase(),"listKind":format!("{kind}List")},
        "versions":[{"name":version,"served":true,"storage":true,"subresources":{"status":{}},
            "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":any,"status":any,"operation":any}}}}]}})
}

fn config(namespace: &str, name: &str, data: Value) -> Value {
    json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":name,"namespace":namespace},"data":data})
}

/// A release as Helm stores it.
fn release() -> Value {
    let manifest = "---\n# Source: web/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-helm}\ndata: {k: '1'}\n";
    let stored = json!({"name":"web","namespace":"helmed","version":1,"manifest":manifest,"hooks":[],"config":{},
        "info":{"status":"deployed","description":"Install complete"},
        "chart":{"metadata":{"name":"web","version":"1.0.0"}}});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(stored.to_string().as_bytes()).unwrap();
    let text = STANDARD.encode(gzip.finish().unwrap());
    json!({"apiVersion":"v1","kind":"Secret","type":"helm.sh/release.v1",
        "metadata":{"name":"sh.helm.release.v1.web.v1","namespace":"helmed","labels":{"owner":"helm","name":"web","status":"deployed","version":"1"}},
        "data":{"release":STANDARD.encode(text)}})
}

fn engines(lab: &Lab, commit: &str) {
    let kinds = [
        ("argoproj.io", "v1alpha1", "Application", "applications"),
        ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
        ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories"),
    ];
    for (group, version, kind, plural) in kinds {
        lab.apply("setup", &definition(group, version, kind, plural));
        lab.kubectl(&["wait", "--for=condition=Established", &format!("crd/{plural}.{group}")], &Value::Null);
    }
    for name in ["argo", "flux", "helmed", "argocd"] {
        lab.apply("setup", &json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":name}}));
    }
    let source = json!({"repoURL":URL,"path":"argo","targetRevision":"main"});
    let mut app = json!({"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"web","namespace":"argocd"},
        "spec":{"project":"default","source":source,"destination":{"server":"https://kubernetes.default.svc","namespace":"argo"},
            "ignoreDifferences":[{"kind":"ConfigMap","jsonPointers":["/data/ignored"]}]}});
    lab.apply("alice", &app);
    app["status"] = json!({"sync":{"status":"Synced","revision":commit},"history":[{"id":0,"revision":commit,"source":source}],
        "resources":[{"version":"v1","kind":"ConfigMap","namespace":"argo","name":"a","status":"Synced"}]});
    lab.status("argocd-application-controller", &app);
    let git = json!({"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"name":"shop","namespace":"flux"},
        "spec":{"url":URL,"ref":{"branch":"main"},"interval":"1h"}});
    lab.apply("alice", &git);
    let mut ks = json!({"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"web","namespace":"flux"},
        "spec":{"path":"./flux","prune":true,"interval":"1h","sourceRef":{"kind":"GitRepository","name":"shop"}}});
    lab.apply("alice", &ks);
    let revision = format!("main@sha1:{commit}");
    ks["status"] = json!({"observedGeneration":1,"lastAppliedRevision":revision,"lastAttemptedRevision":revision,
        "conditions":[{"type":"Ready","status":"True","reason":"ReconciliationSucceeded","observedGeneration":1}],
        "inventory":{"entries":[{"id":"flux_b__ConfigMap","v":"v1"}]}});
    lab.status("gotk-kustomize-controller", &ks);
    lab.apply("helm", &release());
}

fn written(lab: &Lab) {
    let argo = |name: &str, data: Value| {
        let mut object = config("argo", name, data);
        object["metadata"]["annotations"] =
            json!({"argocd.argoproj.io/tracking-id":format!("web:/ConfigMap:argo/{name}")});
        lab.apply("argocd-controller", &object);
    };
    argo("a", json!({"k":"1","ignored":"1"}));
    argo("left", json!({"k":"1"}));
    let mut flux = config("flux", "b", json!({"k":"1"}));
    flux["metadata"]["labels"] =
        json!({"kustomize.toolkit.fluxcd.io/name":"web","kustomize.toolkit.fluxcd.io/namespace":"flux"});
    lab.apply("kustomize-controller", &flux);
    let mut helm = config("helmed", "of-helm", json!({"k":"1"}));
    helm["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by":"Helm"});
    helm["metadata"]["annotations"] =
        json!({"meta.helm.sh/release-name":"web","meta.helm.sh/release-namespace":"helmed"});
    lab.apply("helm", &helm);
    for (namespace, name, data) in [
        ("argo", "a", r#"{"data":{"k":"2","ignored":"2"}}"#),
        ("flux", "b", r#"{"data":{"mine":"x"}}"#),
        ("helmed", "of-helm", r#"{"data":{"k":null}}"#),
    ] {
        lab.kubectl(&["-n", namespace, "patch", "cm", name, "--type=merge", "-p", data], &Value::Null);
    }
}

fn live_as_from_its_tape() {
    let lab = Lab::start();
    let repository = lab.dir.path().join("repository");
    std::fs::create_dir_all(&repository).unwrap();
    lab.git(&["init", "-q"]);
    for (name, object) in [
        ("argo/a.json", config("argo", "a", json!({"k":"1","ignored":"1"}))),
        ("argo/c.json", config("argo", "c", json!({"k":"1"}))),
        ("flux/b.yaml", config("flux", "b", json!({"k":"1"}))),
    ] {
        std::fs::create_dir_all(repository.join(name).parent().unwrap()).unwrap();
        std::fs::write(repository.join(name), object.to_string()).unwrap();
    }
    lab.git(&["add", "-A"]);
    lab.git(&["commit", "-q", "-m", "first"]);
    let commit = lab.git(&["rev-parse", "HEAD"]);
    engines(&lab, &commit);
    written(&lab);

    let git = format!("{URL}=repository");
    let diff = |what: &[&str]| lab.drift(&[&["diff"], what, &["--git", &git, "-o", "json"]].concat());
    let live = diff(&["--kubeconfig", "kubeconfig", "--context", "lab"]);
    let found: Vec<String> = live["resources"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| {
            let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
            let one =
                format!("{} {} {}", text(&r["app"]["kind"]), text(&r["key"]["name"]), text(&r["status"]));
            let changes = r["changes"].as_array().into_iter().flatten();
            let changes: Vec<_> = changes
                .map(|c| format!("  {} {} {}", text(&c["pathText"]), text(&c["class"]), text(&c["manager"])))
                .collect();
            [vec![one], changes].concat()
        })
        .collect();
    assert_eq!(
        found,
        [
            "Application a Drifted",
            "  .data.ignored Ignored kubectl-patch",
            "  .data.k Changed kubectl-patch",
            "Application c Missing",
            "Application left Extra",
            "Kustomization b Drifted",
            "  .data.mine Added kubectl-patch",
            "Release of-helm Drifted",
            "  .data Removed -",
        ]
    );
    // What the API server itself answers to a list, as a dump and as the lines of a tape.
    let kinds =
        "configmaps,secrets,applications,kustomizations,gitrepositories,namespaces,customresourcedefinitions";
    let dump = lab.kubectl(&["get", kinds, "-A", "-o", "json", "--show-managed-fields"], &Value::Null);
    std::fs::write(lab.dir.path().join("dump.json"), &dump).unwrap();
    let items: Value = serde_json::from_str(&dump).unwrap();
    let lines: String = items["items"].as_array().unwrap().iter().map(|o| {
        let version = o["apiVersion"].as_str().unwrap();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        json!({"ts":"2027-01-01T00:00:00Z","group":group,"version":version,"resource":"x","type":"LISTED","object":o}).to_string() + "\n"
    }).collect();
    std::fs::write(lab.dir.path().join("tape.jsonl"), lines).unwrap();
    for recorded in ["dump.json", "tape.jsonl"] {
        assert_eq!(diff(&["--live", recorded])["resources"], live["resources"], "{recorded}");
    }
}

/// With no store and no tape the cluster is listed once: the change that managedFields names, and the object that is not there.
fn questions_of_a_cluster() {
    let lab = Lab::start();
    lab.apply("setup", &json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}));
    let pod =
        json!({"containers":[{"name":"web","image":"web:1","envFrom":[{"configMapRef":{"name":"gone"}}]}]});
    let web = json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},
        "spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":pod}}});
    lab.apply("alice", &web);
    lab.kubectl(&["label", "deploy/web", "-n", "shop", "team=x"], &Value::Null);
    let ask = |words: &str| {
        let words: Vec<&str> =
            words.split_whitespace().chain(["--kubeconfig", "kubeconfig", "-o", "json"]).collect();
        lab.drift(&words)
    };
    let check = ask("check -n shop");
    assert!(check.to_string().contains("ConfigMap") && check.to_string().contains("gone"), "{check}");
    assert!(check["notes"].to_string().contains("from one listing of https://127.0.0.1"), "{check}");
    let blame = ask("blame deploy/web metadata.labels.team -n shop");
    assert!(blame["fields"][0].to_string().contains("kubectl-label"), "{blame}");
    assert!(ask("graph deploy/web -n shop").to_string().contains("gone"));
    assert!(ask("why deploy/web -n shop")["notes"].to_string().contains("from one listing"));
    // A certificate of nobody that is trusted is not a cluster that is down.
    let config = std::fs::read_to_string(lab.dir.path().join("kubeconfig")).unwrap();
    let untrusting =
        config.replace("\"insecure-skip-tls-verify\":true", "\"insecure-skip-tls-verify\":false");
    std::fs::write(lab.dir.path().join("untrusting"), untrusting).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command
        .args(["check", "--kubeconfig", "untrusting"])
        .current_dir(lab.dir.path())
        .env("HOME", lab.dir.path());
    let refused = command.output().unwrap();
    let err = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{err}");
    assert!(err.contains("certificate-authority-data") && !err.contains("ServiceError"), "{err}");
    // Someone with rights in one namespace only is answered about that.
    let role = json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader","namespace":"shop"},
        "rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["get","list","watch"]}]});
    let binding = json!({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"reader","namespace":"shop"},
        "subjects":[{"kind":"User","name":"nobody","apiGroup":"rbac.authorization.k8s.io"}],
        "roleRef":{"kind":"Role","name":"reader","apiGroup":"rbac.authorization.k8s.io"}});
    lab.apply("setup", &role);
    lab.apply("setup", &binding);
    let config = std::fs::read_to_string(lab.dir.path().join("kubeconfig")).unwrap();
    std::fs::write(lab.dir.path().join("narrow"), config.replace(TOKEN, control_plane::NOBODY)).unwrap();
    let narrow = run(
        Path::new(env!("CARGO_BIN_EXE_drift")),
        &["check", "-n", "shop", "--kubeconfig", "narrow", "-o", "json"],
        lab.dir.path(),
        "",
        &[3],
    );
    let failed = |words: &str, code: i32, expected: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
        command.args(words.split_whitespace()).current_dir(lab.dir.path()).env("HOME", lab.dir.path());
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words}: {text}");
        expected.iter().for_each(|part| assert!(text.contains(part), "{words}: {text}"));
    };
    // What is nowhere is an error in words about a cluster, unless this account could not see it.
    let nearest = [
        "`deploy/wbe` is not in ",
        "the cluster\n",
        "nearest: Deployment.apps/shop/web",
        "kubectl get deploy",
    ];
    for command in ["check", "why", "health"] {
        failed(&format!("{command} deploy/wbe -n shop --kubeconfig kubeconfig"), 2, &nearest);
        let missing = ["namespace `shp` is not in the cluster", "nearest: shop"];
        failed(&format!("{command} -n shp --kubeconfig kubeconfig"), 2, &missing);
        failed(&format!("{command} -n shp --kubeconfig narrow"), 3, &["Namespace"]);
    }
    named_without_a_namespace(&lab, &failed);
    failed("health -n kube-public --kubeconfig kubeconfig", 0, &[]);
    failed("diff -n shp --kubeconfig kubeconfig", 2, &["namespace `shp` is not in the cluster"]);
    let unknown = ["not known whether `secret/db` exists: ", "forbidden"];
    failed("health secret/db -n bank --kubeconfig narrow", 3, &unknown);
    failed("blame secret/db -n bank --kubeconfig narrow", 2, &unknown);
    // What lies outside of the namespace was not looked at; in it, everything was.
    let narrow: Value = serde_json::from_str(&narrow).unwrap();
    assert!(narrow["findings"].to_string().contains("gone"), "{narrow}");
    let unseen = narrow["coverage"]["unseen"].to_string();
    assert!(
        unseen.contains("StorageClass") && !unseen.contains("ConfigMap") && !unseen.contains("events"),
        "{unseen}"
    );
}

/// A name without a namespace is that in the namespace of the context, else the one that is anywhere.
fn named_without_a_namespace(lab: &Lab, failed: &dyn Fn(&str, i32, &[&str])) {
    lab.apply("setup", &config("shop", "prices", json!({"bread": "2"})));
    lab.apply("setup", &config("shop", "menu", json!({"soup": "1"})));
    lab.apply("setup", &config("default", "menu", json!({"soup": "2"})));
    let config = std::fs::read_to_string(lab.dir.path().join("kubeconfig")).unwrap();
    for (namespace, file) in [("shop", "in-shop"), ("kube-public", "in-public")] {
        let user = "\"user\":\"admin\"";
        let of_context = config.replace(user, &format!("{user},\"namespace\":\"{namespace}\""));
        std::fs::write(lab.dir.path().join(file), &of_context).unwrap();
        std::fs::write(
            lab.dir.path().join(format!("narrow-{file}")),
            of_context.replace(TOKEN, control_plane::NOBODY),
        )
        .unwrap();
    }
    for command in ["health --all", "blame", "check", "graph"] {
        let ask =
            |words: &str, code: i32, expected: &[&str]| failed(&format!("{command} {words}"), code, expected);
        let shown = |key: &'static str| if command == "check" { "" } else { key };
        ask("cm/prices --kubeconfig kubeconfig", 0, &[shown("ConfigMap/shop/prices")]);
        ask("cm/menu --kubeconfig in-shop", 0, &[shown("ConfigMap/shop/menu")]);
        let both = ["say which: ConfigMap/default/menu, ConfigMap/shop/menu"];
        ask("cm/menu --kubeconfig in-public", 2, &both);
        ask("ns/shop --kubeconfig in-public", 0, &[shown("Namespace//shop")]);
    }
    failed("health --all --kubeconfig in-shop", 1, &["ConfigMap/shop/prices"]);
    failed("blame cm/menu --kubeconfig in-shop", 0, &["there is also ConfigMap/default/menu"]);
    // Rights in the namespace of the context are enough for the answer, as for kubectl.
    failed("health cm/prices --all --kubeconfig narrow-in-shop", 0, &["ConfigMap/shop/prices"]);
}
