//! `drift blame` and `drift fights` on a tape of a hotfix that self-heal put back, and of a fight.

use serde_json::{Value, json};

use crate::run::{Ran, drift, folder, write};
use crate::schema::violations;

const APP: &str = "cd";

fn time(second: u32) -> String {
    format!("2030-01-01T00:{:02}:{:02}Z", second / 60, second % 60)
}

/// A line of a tape with a ConfigMap that an Application tracks.
fn line(second: u32, version: u32, crust: &str, manager: &str) -> Value {
    json!({"ts":time(second),"group":"","version":"v1","resource":"configmaps","type":if version == 1 {"ADDED"} else {"MODIFIED"},"object":{
        "apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"oven","namespace":"bakery","uid":"u","resourceVersion":version.to_string(),
            "creationTimestamp":time(1),
            "annotations":{"argocd.argoproj.io/tracking-id":"cakes:/ConfigMap:bakery/oven"},
            "managedFields":[{"manager":manager,"operation":"Update","time":time(second),"fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:crust":{}}}}]},
        "data":{"crust":crust}}})
}

fn application(second: u32, version: u32, by: Value, started: u32) -> Value {
    json!({"ts":time(second),"group":"argoproj.io","version":"v1alpha1","resource":"applications","type":"MODIFIED","object":{
        "apiVersion":"argoproj.io/v1alpha1","kind":"Application",
        "metadata":{"name":"cakes","namespace":APP,"uid":"a","resourceVersion":version.to_string()},
        "status":{"operationState":{"phase":"Running","startedAt":time(started),"operation":{"initiatedBy":by}}}}})
}

/// Whom the API server impersonates counts, and what it answered names the version.
fn request(second: u32, version: u32, user: &str, by: &str) -> Value {
    let mut entry = json!({"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":format!("r{version}"),"stage":"ResponseComplete","verb":"patch",
        "user":{"username":by},"requestURI":"/api/v1/namespaces/bakery/configmaps/oven?fieldManager=x","userAgent":"x/1",
        "objectRef":{"resource":"configmaps","namespace":"bakery","name":"oven"},"responseStatus":{"code":200},
        "responseObject":{"kind":"ConfigMap","metadata":{"name":"oven","resourceVersion":version.to_string()}},
        "requestReceivedTimestamp":time(second),"stageTimestamp":time(second)});
    if user != by {
        entry["impersonatedUser"] = json!({"username":user});
    }
    entry
}

fn lines(all: &[Value]) -> String {
    all.iter().map(|l| format!("{l}\n")).collect()
}

fn setup() -> tempfile::TempDir {
    let dir = folder();
    let engine = "system:serviceaccount:cd:application-controller";
    let argo = "argocd-controller";
    let hotfix = [
        application(0, 90, json!({"username":"ann"}), 0),
        line(1, 1, "thick", argo),
        line(60, 2, "thin", "kubectl-edit"),
        application(61, 91, json!({"automated":true}), 61),
        line(62, 3, "thick", argo),
    ];
    write(dir.path(), "hotfix.tape", lines(&hotfix));
    let log =
        [request(1, 1, engine, engine), request(60, 2, "bea", "gateway"), request(62, 3, engine, engine)];
    write(dir.path(), "audit.jsonl", lines(&log));
    let fight: Vec<Value> = (0..5u32)
        .map(|i| {
            if i % 2 == 0 {
                line(1 + i * 10, i + 1, "thick", argo)
            } else {
                line(1 + i * 10, i + 1, "thin", "robot")
            }
        })
        .collect();
    write(
        dir.path(),
        "fight.tape",
        lines(&[&[application(0, 90, json!({"automated":true}), 0)], &fight[..]].concat()),
    );
    dir
}

fn report(words: &str, dir: &std::path::Path, schema: &str) -> (Value, i32) {
    let ran: Ran = drift(words, dir);
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    let path = format!("{}/../drift-sinks/schemas/{schema}.v1.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(violations(&schema, &document), Vec::<String>::new(), "{words}");
    (document, ran.code)
}

#[test]
fn a_hotfix_is_of_the_person_until_self_heal_puts_it_back() {
    let dir = setup();
    let ask = |at: u32| {
        let words = format!(
            "blame cm/oven data.crust -n bakery --tape DIR/hotfix.tape --audit DIR/audit.jsonl --at {} -o json",
            time(at)
        );
        report(&words, dir.path(), "blame-report").0["fields"][0].clone()
    };
    let field = ask(60);
    assert_eq!(
        (&field["value"], &field["manager"], &field["user"]),
        (&json!("thin"), &json!("kubectl-edit"), &json!("bea"))
    );
    assert_eq!((&field["via"], &field["time"]), (&Value::Null, &json!(time(60))));
    let field = ask(90);
    assert_eq!(
        (&field["value"], &field["via"]["name"], &field["initiated_by"]),
        (&json!("thick"), &json!("cakes"), &json!("automated"))
    );
    let field = ask(30);
    assert_eq!((&field["via"]["namespace"], &field["initiated_by"]), (&json!(APP), &json!("ann")));
}

#[test]
fn without_an_audit_log_no_user_is_named() {
    let dir = setup();
    let (report, code) =
        report("blame ConfigMap/bakery/oven --tape DIR/hotfix.tape -o json", dir.path(), "blame-report");
    assert_eq!((&report["fields"][0]["user"], code), (&Value::Null, 0));
}

#[test]
fn a_revert_is_told_with_who_and_when_and_is_no_fight() {
    let dir = setup();
    let words = "fights --tape DIR/hotfix.tape --audit DIR/audit.jsonl -o json";
    let (found, code) = report(words, dir.path(), "fight-report");
    assert_eq!((&found["fights"], code), (&json!([]), 0));
    let revert = &found["reverts"][0];
    assert_eq!(
        (&revert["user"], &revert["value"], &revert["restored"]),
        (&json!("bea"), &json!("thin"), &json!("thick"))
    );
    assert_eq!((&revert["time"], &revert["reverted_at"]), (&json!(time(60)), &json!(time(62))));
    let text = drift("fights --tape DIR/hotfix.tape", dir.path()).out;
    assert!(text.contains("kubectl-edit set") && text.contains("restored"), "{text}");
}

#[test]
fn a_fight_names_both_sides_and_sets_the_exit_code() {
    let dir = setup();
    let (found, code) = report("fights --tape DIR/fight.tape -o json", dir.path(), "fight-report");
    let fight = &found["fights"][0];
    assert_eq!(
        (&fight["managers"], &fight["flips"], code),
        (&json!(["argocd-controller", "robot"]), &json!(4), 1)
    );
    assert_eq!((&fight["period_seconds"], &fight["apps"][0]["name"]), (&json!(10.0), &json!("cakes")));
}

#[test]
fn what_cannot_be_blamed_says_why() {
    let dir = setup();
    let of = |words: &str| {
        let ran = drift(&format!("blame {words} --tape DIR/hotfix.tape"), dir.path());
        assert_eq!(ran.code, 2, "{words}: {ran:?}");
        ran.err
    };
    assert!(of("").contains("no resource given"));
    assert!(of("cm/oven data.rust -n bakery").contains("has no field .data.rust"));
    assert!(of("cm/oven data[ -n bakery").contains("cannot read the path"));
    assert!(of("cm/toaster -n bakery").contains("not in the recorded history"));
}
