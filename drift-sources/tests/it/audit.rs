//! The audit log: reading it, and finding who made a change.

use std::io::Write as _;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{
    Cursor, Doc, FieldPath, GapReason, Observation, OccurrenceKind, ResourceKey, ResourceVersion, Source,
};
use drift_sources::audit::{
    AuditIndex, AuditOptions, AuditReader, AuditSource, AuditedChange, JoinBasis, LiveValue,
};
use futures::StreamExt as _;
use futures::executor::block_on;
use jiff::Timestamp;
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn redactor() -> Redactor {
    Redactor::new(RedactOptions::new([3; 32]))
}

/// A request about the Deployment `oven` by a user, answered in a second, with some fields of its own.
fn entry(user: &str, second: i64, verb: &str, change: Value) -> Value {
    let mut entry = json!({"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":format!("{user}-{second}"),
        "stage":"ResponseComplete","verb":verb,"user":{"username":user},"userAgent":"kubectl/v1.36 (x)",
        "requestURI":"/apis/apps/v1/namespaces/bakery/deployments/oven",
        "objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"bakery","name":"oven"},
        "responseStatus":{"code":200},
        "requestReceivedTimestamp":at(second).to_string(),"stageTimestamp":at(second).to_string()});
    for (name, value) in change.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

fn answered(version: &str, replicas: i64) -> Value {
    json!({"responseObject":{"kind":"Deployment","apiVersion":"apps/v1",
        "metadata":{"name":"oven","namespace":"bakery","uid":"u","resourceVersion":version},"spec":{"replicas":replicas}}})
}

fn with(mut a: Value, b: Value) -> Value {
    for (name, value) in b.as_object().unwrap() {
        a[name] = value.clone();
    }
    a
}

fn text(entries: &[Value]) -> Vec<u8> {
    entries.iter().flat_map(|e| format!("{e}\n").into_bytes()).collect()
}

fn index(entries: &[Value]) -> AuditIndex {
    let stream = std::io::Cursor::new(text(entries));
    AuditIndex::new(AuditReader::from_stream(stream, redactor(), AuditOptions::default()).unwrap())
}

fn oven() -> ResourceKey {
    ResourceKey::new("apps", "Deployment", "bakery", "oven")
}

fn who(index: &AuditIndex, version: Option<&str>, second: Option<i64>, path: Option<&str>) -> Option<String> {
    let version = version.map(ResourceVersion::new);
    let path = path.map(|p| FieldPath::parse(p).unwrap());
    let actor = index.actor_of(&oven(), version.as_ref(), second.map(at), path.as_ref())?;
    actor.user.map(|u| u.to_string())
}

#[test]
fn the_version_that_a_request_left_behind_names_its_user() {
    let index = index(&[
        entry("ann", 1, "patch", answered("11", 2)),
        entry("bea", 2, "patch", answered("12", 3)),
        // It changed nothing, and so was answered with the version that was there.
        entry("cid", 3, "patch", answered("12", 3)),
        entry("dan", 4, "patch", with(json!({"responseStatus":{"code":409}}), answered("13", 4))),
        entry("eve", 5, "patch", with(json!({"requestURI":"/x?dryRun=All"}), answered("14", 4))),
    ]);
    assert_eq!(who(&index, Some("11"), None, None).as_deref(), Some("ann"));
    assert_eq!(who(&index, Some("12"), None, None).as_deref(), Some("bea"));
    for version in ["13", "14", "15"] {
        assert_eq!(who(&index, Some(version), None, None), None, "{version}");
    }
    // All requests near it left other versions behind: none of them made this one.
    assert_eq!(who(&index, Some("15"), Some(3), Some("spec.replicas")), None);
}

#[test]
fn a_scale_is_a_write_of_its_object_and_an_impersonated_user_counts() {
    let scale = json!({"objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"bakery","name":"oven","subresource":"scale"},
        "requestObject":{"spec":{"replicas":7}},
        "responseObject":{"kind":"Scale","metadata":{"name":"oven","resourceVersion":"21"},"spec":{"replicas":7}},
        "impersonatedUser":{"username":"bea"}});
    let index = index(&[entry("ann", 1, "patch", scale)]);
    assert_eq!(who(&index, Some("21"), None, None).as_deref(), Some("bea"));
    assert_eq!(who(&index, None, Some(2), Some("spec.replicas")).as_deref(), Some("bea"));
    assert_eq!(who(&index, None, Some(2), Some("spec.paused")), None);
    assert_eq!(index.entries()[0].target.kind.as_deref(), Some("Deployment"));
}

#[test]
fn without_versions_the_request_that_gave_the_field_its_value_counts() {
    let replicas = |n: i64| json!({"requestObject":{"spec":{"replicas":n}}});
    let index = index(&[
        entry("ann", 1, "patch", replicas(2)),
        entry("bea", 2, "patch", replicas(5)),
        entry("cid", 3, "patch", json!({"requestObject":{"spec":{"paused":true}}})),
        entry("dan", 4, "patch", replicas(5)),
    ]);
    let path = FieldPath::parse("spec.replicas").unwrap();
    let live = Doc::from_value(&json!(5)).unwrap();
    let key = oven();
    let change =
        AuditedChange { path: Some(&path), value: LiveValue::Is(live.root()), ..AuditedChange::new(&key) };
    // Who wrote the same value again changed nothing.
    let join = index.join(&change).unwrap();
    assert_eq!((&*join.entry.user, join.basis), ("bea", JoinBasis::Field));
    // Of a value that no request wrote nobody is blamed.
    let other = Doc::from_value(&json!(9)).unwrap();
    assert!(index.join(&AuditedChange { value: LiveValue::Is(other.root()), ..change }).is_none());
    // The owner of the field is somebody else.
    assert!(index.join(&AuditedChange { manager: Some("argocd-controller"), ..change }).is_none());
    // What came later did not do it.
    assert!(index.join(&AuditedChange { at: Some(at(-9)), ..change }).is_none());
}

#[test]
fn who_sends_a_whole_object_back_has_not_touched_all_of_it() {
    let sent = json!({"requestObject":{"kind":"Deployment","metadata":{"name":"oven"},"spec":{"replicas":5,"paused":true}}});
    let index = index(&[entry("system:serviceaccount:kube-system:deployment-controller", 1, "update", sent)]);
    let path = FieldPath::parse("spec.replicas").unwrap();
    let live = Doc::from_value(&json!(5)).unwrap();
    let key = oven();
    let change =
        AuditedChange { path: Some(&path), value: LiveValue::Is(live.root()), ..AuditedChange::new(&key) };
    assert!(index.join(&change).is_none());
    assert!(index.join(&AuditedChange { manager: Some("kubectl"), ..change }).is_some());
}

#[test]
fn the_first_to_delete_is_the_deleter() {
    let gone =
        |user: &str, second: i64| entry(user, second, "delete", json!({"responseObject":{"kind":"Status"}}));
    let made =
        |user: &str, second: i64| entry(user, second, "create", json!({"responseStatus":{"code":201}}));
    let log = index(&[made("ann", 1), gone("bea", 2), made("ann", 3), gone("cid", 4), gone("gc", 5)]);
    let deleter = |second| log.find_deleter(&oven(), None, Some(at(second))).map(|e| e.user.to_string());
    assert_eq!(deleter(20).as_deref(), Some("cid"));
    assert_eq!(log.find_deleter(&oven(), None, Some(at(0))).map(|e| &*e.user), Some("bea"));
    assert_eq!(log.find_creator(&oven(), None, None).map(|e| &*e.user), Some("ann"));

    let collection = json!({"objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"bakery"}});
    let log = index(&[made("ann", 1), entry("bea", 2, "deletecollection", collection)]);
    assert_eq!(log.find_deleter(&oven(), None, None).map(|e| &*e.user), Some("bea"));
    let other = ResourceKey::new("apps", "Deployment", "elsewhere", "oven");
    assert!(log.find_deleter(&other, None, None).is_none());
}

#[test]
fn a_deletion_that_waits_is_a_version_and_one_that_does_not_is_none() {
    let terminating = json!({"responseObject":{"kind":"Deployment","metadata":{"name":"oven","resourceVersion":"31","deletionTimestamp":at(1).to_string()}}});
    let log = index(&[entry("bea", 1, "delete", terminating)]);
    assert_eq!(who(&log, Some("31"), None, None).as_deref(), Some("bea"));
    // Done at once, it answers with the last version, which somebody else made.
    let log =
        index(&[entry("ann", 1, "patch", answered("41", 2)), entry("bea", 2, "delete", answered("41", 2))]);
    assert_eq!(who(&log, Some("41"), None, None).as_deref(), Some("ann"));
}

#[test]
fn kinds_come_from_bodies_from_other_entries_and_from_plurals() {
    let about = |resource: &str, name: &str| json!({"objectRef":{"apiGroup":"bakery.example.com","resource":resource,"namespace":"bakery","name":name}});
    let body = json!({"requestObject":{"kind":"Pastry","metadata":{"name":"a"}}});
    let log = index(&[
        entry("ann", 1, "create", with(about("pastries", "a"), body)),
        entry("bea", 2, "patch", about("pastries", "b")),
        entry("cid", 3, "patch", about("tarts", "c")),
    ]);
    let count = |kind: &str, name: &str| {
        log.requests_about(&ResourceKey::new("bakery.example.com", kind, "bakery", name)).count()
    };
    assert_eq!((count("Pastry", "a"), count("Pastry", "b"), count("Tart", "c")), (1, 1, 1));
    assert_eq!((count("Bread", "a"), count("Pie", "c")), (0, 0));
}

#[test]
fn lists_as_the_webhook_posts_them_and_compressed_files_are_read() {
    let list = json!({"kind":"EventList","apiVersion":"audit.k8s.io/v1",
        "items":[entry("ann", 1, "patch", json!({})), {"kind":"Event","stage":"ResponseComplete","verb":"patch","objectRef":{"resource":"pods"}}]});
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&text(&[list])).unwrap();
    let packed = [
        gz.finish().unwrap(),
        zstd::encode_all(&text(&[entry("bea", 2, "patch", json!({}))])[..], 1).unwrap(),
    ];
    let read = |bytes: Vec<u8>| {
        let log = AuditReader::from_stream(std::io::Cursor::new(bytes), redactor(), AuditOptions::default())
            .unwrap();
        let log = AuditIndex::new(log);
        let users: Vec<String> = log.entries().iter().map(|e| e.user.to_string()).collect();
        (users, log.damages().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let [gz, zst] = packed;
    assert_eq!(
        read(gz.clone()),
        (vec!["ann".to_owned()], vec!["line 1: item 1: `stageTimestamp` is missing".to_owned()])
    );
    assert_eq!(read(zst), (vec!["bea".to_owned()], vec![]));
    let (users, damages) = read(gz[..gz.len() / 2].to_vec());
    assert!(users.is_empty() && damages.len() == 1, "{damages:?}");
}

fn observe(bytes: &[u8], after: Option<&str>) -> Vec<Observation> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let source = AuditSource::new(file.path().to_owned(), "lab", redactor());
    let all = block_on(source.observe(after.map(Cursor::new)).collect::<Vec<_>>());
    all.into_iter().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_line_that_cannot_be_read_is_a_gap_between_its_neighbours() {
    let mut bytes = text(&[entry("ann", 1, "patch", json!({}))]);
    bytes.extend_from_slice(b"{\"user\":{\"username\":\"s3cret\"},\n[}\n");
    bytes.extend(text(&[entry("bea", 9, "patch", json!({"responseStatus":{"code":403}}))]));
    let seen = observe(&bytes, None);
    let gaps: Vec<_> =
        seen.iter().filter_map(|o| if let Observation::Gap(g) = o { Some(g) } else { None }).collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].from, gaps[0].to, gaps[0].reason), (Some(at(1)), at(9), GapReason::Corrupt));
    assert!(gaps[0].message.contains("line 2") && !gaps[0].message.contains("s3cret"), "{}", gaps[0].message);
    let told: Vec<_> = seen
        .iter()
        .filter_map(|o| if let Observation::Happened(o) = o { Some(o) } else { None })
        .map(|o| {
            (
                o.kind.clone(),
                o.about.clone().unwrap().to_string(),
                o.reason.to_string(),
                o.actor.user.clone().unwrap(),
            )
        })
        .collect();
    let oven = "Deployment.apps/bakery/oven".to_owned();
    assert_eq!(told[0], (OccurrenceKind::Audit, oven.clone(), "patch".to_owned(), "ann".into()));
    // A request that was refused is no change.
    assert_eq!(told[1], (OccurrenceKind::Audit, oven, "patch-refused".to_owned(), "bea".into()));
}

#[test]
fn a_source_goes_on_behind_its_checkpoint() {
    let bytes = text(&[entry("ann", 1, "patch", json!({})), entry("bea", 2, "patch", json!({}))]);
    let users = |after| -> Vec<String> {
        let happened = observe(&bytes, after).into_iter().filter_map(|o| match o {
            Observation::Happened(o) => o.actor.user.map(|u| u.to_string()),
            _ => None,
        });
        happened.collect()
    };
    assert_eq!(users(None), ["ann", "bea"]);
    assert_eq!(users(Some("line:1")), ["bea"]);
    assert_eq!(users(Some("line:2")), [""; 0]);
    let checkpoints =
        observe(&bytes, None).iter().filter(|o| matches!(o, Observation::Checkpoint(_))).count();
    assert_eq!(checkpoints, 2);
}
