//! What others take away: a host, an amount, the daemon of a node; and labels that a selector written as text reads.

use serde_json::{Value, json};

use crate::cause::EvidenceKind;
use crate::history::ResourceOp;
use crate::key::ResourceKey;

use super::WEB;
use super::scenario::{Tape, crashed, running};

/// Returns a kind of evidence for the change of a resource, of the answer to a question.
fn evidence(tape: &Tape, asked: &str, changed: &str, kind: EvidenceKind) -> f64 {
    let answer = tape.ask(asked);
    let key = ResourceKey::parse(changed).unwrap();
    let cause = answer.causes.iter().find(|c| c.root.key == key);
    cause.unwrap_or_else(|| panic!("{changed} is listed")).opinions.evidence.get(kind)
}

fn ingress(name: &str, namespace: &str, host: &str, service: &str) -> Value {
    json!({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":name,"namespace":namespace},
        "spec":{"rules":[{"host":host,"http":{"paths":[{"path":"/","pathType":"Prefix",
            "backend":{"service":{"name":service,"port":{"number":8080}}}}]}}]}})
}

fn not_ready(tape: &mut Tape, message: &str) {
    tape.pod("web", "1", "a", running(false));
    tape.kubernetes_event("Pod/shop/web-1-a", "Unhealthy", message);
}

#[test]
fn an_ingress_that_claims_the_same_host_elsewhere() {
    let mut tape = Tape::shop();
    tape.put_by(ingress("web", "shop", "web.example.com", "web"), "kubectl-create");
    tape.wait(60);
    tape.put_by(ingress("other", "labs", "other.example.com", "mock"), "kubectl-create");
    tape.put_by(ingress("mock", "labs", "web.example.com", "mock"), "kubectl-create");
    tape.wait(3);
    not_ready(&mut tape, "Readiness probe failed: HTTP probe failed with statuscode: 500");
    let competing = |name: &str| {
        evidence(&tape, WEB, &format!("Ingress.networking.k8s.io/labs/{name}"), EvidenceKind::Competing)
    };
    assert!(competing("mock") > 2.0);
    assert_eq!(competing("other"), 0.0);
}

#[test]
fn more_users_of_what_is_used_up() {
    let mut tape = Tape::shop();
    for name in ["reports", "letters"] {
        let host = if name == "reports" { "db" } else { "elsewhere" };
        tape.deploy(name, "1", |o| {
            o["spec"]["template"]["spec"]["containers"][0]["env"] =
                json!([{"name":"DB_URL","value":format!("postgres://{host}.shop.svc:5432/all")}]);
        });
        tape.run(name, "1", "a");
    }
    tape.wait(60);
    for name in ["reports", "letters"] {
        tape.edit_by(&format!("Deployment.apps/shop/{name}"), "kubectl-edit", |o| {
            o["spec"]["replicas"] = 9.into()
        });
    }
    tape.wait(3);
    not_ready(&mut tape, "Readiness probe failed: db.shop.svc:5432: FATAL: sorry, too many clients already");
    let competing = |name: &str| {
        let key = ResourceKey::parse(&format!("Deployment.apps/shop/{name}")).unwrap();
        let all = tape.ask(WEB).causes;
        let raise = all.iter().find(|c| c.root.key == key && c.root.op == ResourceOp::Update);
        raise.unwrap().opinions.evidence.get(EvidenceKind::Competing)
    };
    assert!(competing("reports") > 1.5);
    assert_eq!(competing("letters"), 0.0);
}

#[test]
fn a_daemon_that_left_the_node() {
    let mut tape = Tape::shop();
    let daemon = |name: &str| {
        json!({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":name,"namespace":"kube-system"},
        "spec":{"selector":{"matchLabels":{"app":name}},"template":{"metadata":{"labels":{"app":name}},
            "spec":{"containers":[{"name":"agent","image":"agent:1"}]}}}})
    };
    let pod = |of: &str, node: &str| {
        json!({"apiVersion":"v1","kind":"Pod",
        "metadata":{"name":format!("{of}-{node}"),"namespace":"kube-system","labels":{"app":of},
            "ownerReferences":[{"apiVersion":"apps/v1","kind":"DaemonSet","name":of,"uid":"d","controller":true}]},
        "spec":{"nodeName":node,"containers":[{"name":"agent","image":"agent:1"}]},
        "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})
    };
    for of in ["mounter", "logger"] {
        tape.put(daemon(of));
        for node in ["n1", "n2"] {
            tape.put(pod(of, node));
        }
    }
    tape.wait(60);
    for of in ["mounter", "logger"] {
        tape.edit_by(&format!("DaemonSet.apps/kube-system/{of}"), "kubectl-edit", |o| {
            o["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": of});
        });
    }
    tape.delete("Pod/kube-system/mounter-n1");
    tape.wait(3);
    let crash = crashed("Error", 1, "stale handle");
    tape.pod("web", "1", "a", crash);
    let contrast =
        |of: &str| evidence(&tape, WEB, &format!("DaemonSet.apps/kube-system/{of}"), EvidenceKind::Contrast);
    assert!(contrast("mounter") > 1.0);
    assert!(contrast("logger") <= 0.0);
}

#[test]
fn a_label_that_a_text_selects() {
    let mut tape = Tape::shop();
    tape.put(json!({"apiVersion":"net.example.com/v1","kind":"RoutePeer","metadata":{"name":"peers"},
        "spec":{"nodeSelector":"route-role == 'reflector'"}}));
    tape.edit("Node//n1", |o| o["metadata"]["labels"]["route-role"] = "reflector".into());
    tape.edit("Node//n1", |o| o["metadata"]["labels"]["rack"] = "four".into());
    tape.wait(60);
    tape.edit_by("Node//n1", "kubectl-label", |o| o["metadata"]["labels"]["route-role"] = Value::Null);
    tape.wait(3);
    not_ready(&mut tape, "Readiness probe failed: HTTP probe failed with statuscode: 503");
    assert_eq!(evidence(&tape, WEB, "Node//n1", EvidenceKind::Effective), 0.0);
    let mut other = Tape::shop();
    other.edit("Node//n1", |o| o["metadata"]["labels"]["rack"] = "four".into());
    other.wait(60);
    other.edit_by("Node//n1", "kubectl-label", |o| o["metadata"]["labels"]["rack"] = Value::Null);
    other.wait(3);
    not_ready(&mut other, "Readiness probe failed: HTTP probe failed with statuscode: 503");
    assert!(evidence(&other, WEB, "Node//n1", EvidenceKind::Effective) < -1.0);
}
