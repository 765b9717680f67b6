//! An estate answers every question in one line, with and without a runtime.

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "kubernetes")]
use drift_core::Scope;
use drift_core::cause::THRESHOLD;
use drift_core::graph::Direction;
use drift_core::health::{HealthRules, HealthStatus};
use drift_core::ingest::{RunOptions, run};
use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{FieldPath, Ingest, MemoryStore, ResourceKey, Until};
use drift_sources::audit::AuditSource;
use drift_sources::estate::{
    AppsOverview, AttributedField, ComparedNamespaces, Comparison, Estate, EstateError, FieldContention,
    HealthSnapshot, InputFile, InputNotes, RecordedHistory, TimelineEntry, play_tape,
};

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file)
}

fn bakery() -> PathBuf {
    data("tests/data/bakery.tape.jsonl")
}

fn key(text: &str) -> ResourceKey {
    ResourceKey::parse(text).unwrap()
}

#[test]
fn a_tape_answers_every_question_without_a_runtime() {
    let estate = Estate::tape(bakery()).open_blocking().unwrap();
    let pod = estate.find(&"pod/cake-cc-p".parse().unwrap()).unwrap();
    let why = estate.why(&pod).unwrap();
    assert_eq!(why.causes[0].root.key, key("ConfigMap/bakery/oven"));
    assert!(why.abstained_because.is_none() && why.causes[0].score >= THRESHOLD);
    assert_eq!(estate.incidents().unwrap().explained.len(), 2);
    assert!(!estate.blame(&key("ConfigMap/bakery/oven")).unwrap().is_empty());
    assert!(estate.fights().unwrap().fights.is_empty());
    let health = estate.health().unwrap();
    assert!(health.resources.iter().any(|r| r.key == pod && r.health.status == HealthStatus::Degraded));
    assert!(estate.apps().unwrap().apps.is_empty());
    let graph = estate.graph().unwrap();
    assert!(!graph.around(&pod, Until::End, 1, Direction::Dependencies).is_empty());
    assert!(estate.timeline().unwrap().iter().any(|e| e.event.stream.key() == Some(&pod)));
    assert_eq!(estate.diff().unwrap().report.resources.len(), 0, "no app declares anything");
    assert!(!estate.notes().is_partial());
}

#[tokio::test]
async fn questions_are_asked_as_of_a_moment_and_the_same_of_a_store() {
    let tape = Estate::tape(bakery()).open().await.unwrap();
    let history = tape.recorded().await.unwrap().clone();
    let pod = key("Pod/bakery/cake-cc-p");
    let why = tape.why(&pod).await.unwrap();
    let of_store = Estate::history(history.clone()).open().await.unwrap().why(&pod).await.unwrap();
    assert_eq!(why.causes[0].root.id, of_store.causes[0].root.id);
    let before: Until = "2026-03-02T09:01:30Z".parse().unwrap();
    let before = Estate::history(history).at(before).open().await.unwrap();
    assert!(before.incidents().await.unwrap().explained.is_empty());
}

#[test]
fn questions_share_a_history_in_whatever_order_they_are_asked() {
    let open = || Estate::tape(bakery()).open_blocking().unwrap();
    let (pod, config) = (key("Pod/bakery/cake-cc-p"), key("ConfigMap/bakery/oven"));
    let (one, other) = (open(), open());
    let why = one.why(&pod).unwrap();
    let blame = one.blame(&config).unwrap();
    assert_eq!(format!("{blame:?}"), format!("{:?}", other.blame(&config).unwrap()));
    assert_eq!(format!("{why:?}"), format!("{:?}", other.why(&pod).unwrap()));
}

#[test]
fn an_event_of_a_custom_group_has_a_history_and_a_kubernetes_event_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().join("t.tape");
    let line = |group: &str, api: &str| {
        let metadata = r#"{"name":"fair","namespace":"town","uid":"u","resourceVersion":"1"}"#;
        let object =
            format!(r#"{{"apiVersion":"{api}","kind":"Event","metadata":{metadata},"spec":{{"day":1}}}}"#);
        let head =
            format!(r#""ts":"2026-03-02T09:00:00Z","group":"{group}","version":"v1","resource":"events""#);
        format!(r#"{{{head},"type":"ADDED","object":{object}}}"#) + "\n"
    };
    std::fs::write(&tape, line("town.example", "town.example/v1") + &line("", "v1")).unwrap();
    let estate = Estate::tape(&tape).open_blocking().unwrap();
    assert!(!estate.blame(&ResourceKey::new("town.example", "Event", "town", "fair")).unwrap().is_empty());
    let refused = estate.blame(&ResourceKey::new("", "Event", "town", "fair")).unwrap_err();
    assert!(refused.to_string().contains("Kubernetes Event"), "{refused}");
}

/// Records an Oven that somebody sets to 20 degrees; its status follows a minute later.
fn cooled_oven(dir: &std::path::Path) -> PathBuf {
    let line = |minute: u32, kind: &str, heat: u32, temperature: u32| {
        let metadata = format!(
            r#"{{"name":"oven","namespace":"bakery","uid":"u","resourceVersion":"{}","creationTimestamp":"2026-03-01T00:00:00Z",
            "managedFields":[{{"manager":"kubectl-edit","operation":"Update","time":"2026-03-02T09:0{minute}:00Z","fieldsType":"FieldsV1","fieldsV1":{{"f:spec":{{"f:heat":{{}}}}}}}}]}}"#,
            100 + minute
        );
        let object = format!(
            r#"{{"apiVersion":"bakery.example/v1","kind":"Oven","metadata":{metadata},"spec":{{"heat":{heat},"least":100}},"status":{{"temperature":{temperature}}}}}"#
        );
        let line = format!(
            r#"{{"ts":"2026-03-02T09:0{minute}:00Z","group":"bakery.example","version":"v1","resource":"ovens","type":"{kind}","object":{object}}}"#
        );
        line.replace('\n', "") + "\n"
    };
    let tape = dir.join("oven.tape");
    let lines = [line(0, "LISTED", 200, 200), line(1, "MODIFIED", 20, 200), line(2, "MODIFIED", 20, 20)];
    std::fs::write(&tape, lines.concat()).unwrap();
    tape
}

#[test]
fn why_explains_what_is_unhealthy_by_the_rules_that_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let (tape, oven) = (cooled_oven(dir.path()), key("Oven.bakery.example/bakery/oven"));
    let rules =
        HealthRules::parse("for bakery.example/Oven\nDegraded Cold when .status.temperature < .spec.least\n");
    let by_rules = Estate::tape(&tape).health_rules(rules.unwrap()).open_blocking().unwrap();
    let why = by_rules.why(&oven).unwrap();
    assert_eq!(why.symptoms.iter().map(|s| &*s.fault.reason).collect::<Vec<_>>(), ["Cold"]);
    assert_eq!(why.causes[0].root.paths(), [FieldPath::of(&["spec", "heat"])]);
    // Only that it is near speaks for the change: it is likely, and not proven.
    let broken = by_rules.incidents().unwrap();
    assert_eq!((broken.explained.len(), broken.unexplained.len()), (0, 1));
    let bundled = Estate::tape(&tape).open_blocking().unwrap();
    assert!(bundled.why(&oven).unwrap().abstained_because.is_some_and(|why| why.contains("no fault")));
    let sound = bundled.incidents().unwrap();
    assert!(sound.explained.is_empty() && sound.unexplained.is_empty());
}

#[test]
fn manifests_are_compared_with_a_tape_as_with_a_dump_of_its_end() {
    let (tape, manifests) = (data("data/demo/shop.tape.jsonl.gz"), data("data/demo/manifests"));
    let manifests = manifests.to_str().unwrap();
    let diff = |options: drift_sources::estate::EstateOptions| {
        let compared = options.desired(manifests).open_blocking().unwrap().diff().unwrap();
        assert!(compared.has_drift() && compared.report.is_complete());
        compared.report.resources.iter().map(|r| (r.key.clone(), r.status)).collect::<Vec<_>>()
    };
    assert_eq!(diff(Estate::tape(&tape)), diff(Estate::dump(&tape)));
}

#[test]
fn the_past_is_not_asked_of_a_dump() {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("live.json");
    std::fs::write(&dump, r#"{"apiVersion":"v1","kind":"List","items":[]}"#).unwrap();
    let estate = Estate::dump(&dump).at(jiff::Timestamp::UNIX_EPOCH).open_blocking().unwrap();
    for error in [estate.health().unwrap_err(), estate.why(&key("Pod/a/b")).unwrap_err()] {
        assert!(matches!(error, EstateError::NeedsHistory { input: Some(_), .. }), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn what_cannot_be_read_is_an_error_or_a_note() {
    let missing = Estate::tape("nowhere").open_blocking().unwrap();
    let error = missing.timeline().unwrap_err();
    assert_eq!(error.to_string(), "cannot read the tape `nowhere`");
    assert!(error.hint().is_some());
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().join("torn.tape");
    let text = std::fs::read_to_string(bakery()).unwrap();
    std::fs::write(&tape, text.replacen("\"ts\"", "broken", 1)).unwrap();
    let estate = Estate::tape(&tape).open_blocking().unwrap();
    estate.incidents().unwrap();
    estate.health().unwrap();
    assert_eq!(estate.notes().incomplete().count(), 1, "{:?}", estate.notes());
    // The line may have been the one that names it.
    let error = estate.find(&"deploy/braed".parse().unwrap()).unwrap_err();
    assert!(matches!(&error, EstateError::UnseenResource { .. }), "{error}");
    let whole = Estate::tape(bakery()).open_blocking().unwrap();
    let error = whole.find(&"deploy/braed".parse().unwrap()).unwrap_err();
    assert!(matches!(&error, EstateError::UnknownResource { nearest, .. } if nearest[0].ends_with("/bread")));
}

#[test]
fn an_estate_and_its_answers_cross_threads() {
    fn is_send_sync<T: Send + Sync>() {}
    fn is_send(_: impl Send) {}
    is_send_sync::<Estate>();
    is_send_sync::<EstateError>();
    is_send_sync::<InputNotes>();
    is_send_sync::<Comparison>();
    is_send_sync::<Vec<AttributedField>>();
    is_send_sync::<FieldContention>();
    is_send_sync::<HealthSnapshot>();
    is_send_sync::<AppsOverview>();
    is_send_sync::<TimelineEntry>();
    let estate = futures::executor::block_on(Estate::tape(bakery()).open()).unwrap();
    let pod = key("Pod/bakery/cake-cc-p");
    is_send(estate.diff());
    is_send(estate.apps());
    is_send(estate.why(&pod));
    is_send(estate.incidents());
    is_send(estate.blame(&pod));
    is_send(estate.fights());
    is_send(estate.health());
    is_send(estate.graph());
    is_send(estate.timeline());
}

/// Makes a store and an audit log, each with an audit entry of one version of a ConfigMap.
async fn audited(dir: &std::path::Path) -> (RecordedHistory, PathBuf) {
    use serde_json::json;

    let object = |version: u32| {
        let manager = format!("writer-{version}");
        let fields = json!([{"manager":manager,"operation":"Update","time":format!("2026-03-02T09:0{version}:00Z"),
            "fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:mode":{}}}}]);
        json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"oven","namespace":"bakery","uid":"u",
            "resourceVersion":version.to_string(),"managedFields":fields},"data":{"mode":format!("m{version}")}})
    };
    let line = |version: u32| {
        let kind = if version == 1 { "ADDED" } else { "MODIFIED" };
        json!({"ts":format!("2026-03-02T09:0{version}:00Z"),"group":"","version":"v1","resource":"configmaps",
            "type":kind,"object":object(version)})
    };
    let entry = |version: u32, user: &str| {
        let time = format!("2026-03-02T09:0{version}:00.000000Z");
        json!({"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":format!("r{version}"),
            "stage":"ResponseComplete","verb":"update","user":{"username":user},"userAgent":format!("writer-{version}"),
            "requestURI":"/api/v1/namespaces/bakery/configmaps/oven",
            "objectRef":{"resource":"configmaps","namespace":"bakery","name":"oven","apiVersion":"v1"},
            "responseStatus":{"code":200},"responseObject":object(version),
            "requestReceivedTimestamp":time,"stageTimestamp":time})
    };
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let tape = write("oven.tape", format!("{}\n{}\n", line(1), line(2)));
    let posted = write("posted.jsonl", format!("{}\n", entry(2, "ann")));
    let given = write("given.jsonl", format!("{}\n", entry(1, "bea")));
    let store = Arc::new(MemoryStore::default());
    let redactor = Redactor::new(RedactOptions::new([7; 32]));
    play_tape(&InputFile::open(&tape).unwrap(), &*store, redactor.clone()).await.unwrap();
    let source = AuditSource::new(posted, "", redactor.clone());
    let mut ingest = Ingest::load("audit", redactor.clone(), &*store).await.unwrap();
    run(&source, &*store, &mut ingest, &RunOptions::default(), &mut |_| {}).await.unwrap();
    (RecordedHistory::new(store, "store", redactor), given)
}

#[tokio::test]
async fn who_asks_for_the_timeline_first_gets_the_stored_users_of_blame_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (history, given) = audited(dir.path()).await;
    let open = async || Estate::history(history.clone()).audit(&given).open().await.unwrap();
    let user = async |estate: &Estate| {
        let mode = FieldPath::of(&["data", "mode"]);
        estate.blame_field(&key("ConfigMap/bakery/oven"), &mode).await.unwrap().swap_remove(0).user
    };
    assert_eq!(user(&open().await).await.as_deref(), Some("ann"), "blame alone");
    let estate = open().await;
    let timeline = estate.timeline().await.unwrap();
    let users: Vec<_> = timeline.iter().filter_map(|e| e.event.origin.actor.user.as_deref()).collect();
    assert_eq!(users, ["ann"], "of the store");
    assert_eq!(user(&estate).await.as_deref(), Some("ann"), "blame after the timeline");
}

#[cfg(feature = "kubernetes")]
#[tokio::test]
async fn a_group_that_does_not_answer_is_not_looked_at_by_any_question_about_all() {
    use drift_core::checks::check;
    use drift_sources::kubernetes::ConnectOptions;

    let fake = crate::fake_apiserver::Fake::start(&["v1/ConfigMap/configmaps"]).await;
    fake.serve_kind("metrics.example.com/v1/Metric/metrics");
    fake.break_group("metrics.example.com");
    fake.put("configmaps", "oven", &serde_json::json!({}));
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    let config = serde_json::json!({"apiVersion":"v1","kind":"Config","current-context":"c","users":[{"name":"u","user":{}}],
        "contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],
        "clusters":[{"name":"k","cluster":{"server":format!("http://{}", fake.address)}}]});
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let open = async || {
        let connect = ConnectOptions { kubeconfig: Some(kubeconfig.clone()), ..ConnectOptions::default() };
        Estate::cluster(connect).compared_namespaces(ComparedNamespaces::All).open().await.unwrap()
    };
    let unseen = |estate: &Estate| {
        let scopes = estate.notes().coverage().unseen().to_vec();
        scopes.into_iter().filter_map(|u| u.scope).map(|scope| scope.to_string()).collect::<Vec<_>>()
    };
    let (health, checks, causes) = (open().await, open().await, open().await);
    health.health().await.unwrap();
    checks.investigate(check).await.unwrap();
    causes.incidents().await.unwrap();
    for estate in [&health, &checks, &causes] {
        assert_eq!(unseen(estate), ["all kinds of metrics.example.com"]);
    }
    let oven = checks.find(&"cm/oven".parse().unwrap()).await.unwrap();
    let needed = checks.investigate(|asked| asked.surroundings(&oven)).await.unwrap();
    assert!(!needed.may_lie_in(&Scope::of_kind("metrics.example.com", "")));
}
