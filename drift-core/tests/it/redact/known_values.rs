//! Values of Secrets that are known: their copies are hashed wherever they stand, also after a restart.

use super::*;

/// The forms in which a value may be copied into a text.
fn copies(value: &str) -> Vec<String> {
    let percent: String = value.bytes().map(|b| format!("%{b:02x}")).collect();
    let login = STANDARD.encode(format!("app:{value}"));
    vec![
        value.to_owned(),
        format!("postgres://app:{value}@db.shop.svc/app"),
        json!({"auth": {"password": value}}).to_string(),
        json!(json!({"p": value}).to_string()).to_string(),
        json!({"auth": login}).to_string(),
        STANDARD.encode(value),
        base64::engine::general_purpose::URL_SAFE.encode(format!("x{value}")),
        format!("?password={}", percent.replace("%51", "q")),
    ]
}

#[test]
fn copies_of_a_known_value_are_hashed_in_all_that_follows() {
    let redactor = learning();
    let object = |value: Value| Object::new(Doc::from_value(&value).unwrap()).unwrap();
    redactor.redact(object(secret(json!({"data": {"password": STANDARD.encode(PASSWORD)}}))));
    let encoded: String = PASSWORD
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    let mut texts = copies(PASSWORD);
    texts.pop();
    texts.push(format!("https://app:{encoded}@git.example.com/x"));
    for text in texts {
        for value in [
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": text}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "args": [text], "env": [{"name": "E", "value": text}]}]}}),
        ] {
            let redacted = redactor.redact(object(value));
            assert_eq!(redactor.redact(redacted.clone()), redacted, "twice is once");
            let out = redacted.root().to_value().to_string();
            for form in [PASSWORD, &encoded, &STANDARD.encode(PASSWORD)[..18], "OCNMdzkhMnoi"] {
                assert!(!out.contains(form), "{form} of {text} is in {out}");
            }
            assert!(out.contains("redacted:"), "{out}");
            assert!(!redactor.values().blank(&text).contains(&encoded));
        }
    }
    let event = Occurrence {
        kind: OccurrenceKind::KubernetesEvent,
        about: Some(ResourceKey::new("", "Pod", "n", "p")),
        at: "2026-03-01T10:00:00Z".parse().unwrap(),
        reason: "Failed".into(),
        message: format!("login failed for app:{PASSWORD}").into(),
        actor: Actor::default(),
        detail: Some(
            Doc::from_value(&json!({"message": format!("login failed for app:{PASSWORD}")})).unwrap().into(),
        ),
    };
    let event = redactor.redact_occurrence(event);
    let whole = format!("{} {}", event.message, event.detail.unwrap().to_json());
    assert!(!whole.contains("Lw9") && whole.matches("redacted:").count() == 2, "{whole}");
}

#[test]
fn words_hosts_numbers_and_names_are_not_looked_for() {
    let open = json!({"mode": "production", "user": "web", "host": "db-1.shop.svc.cluster.local", "port": "5432", "zone": "eu-west-1a",
        "namespace": "kube-system", "url": "https://login.example.com/oauth2/authorize", "email": "admin@example.com", "at": "2026-11-28T10:00:00Z",
        "version": "v1.29.3+k3s1", "enabled": "true", "weak": "hunter22", "uid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "token-id": "kd83jx92qp4m",
        "text": STANDARD.encode("a text in base64"), "ca.crt": "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n-----END CERTIFICATE-----\n",
        "key.pub": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHq8Lw92zKdvPq7 me@host"});
    let one = secret(
        json!({"metadata": {"name": "token-kd83jx92qp4m", "uid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, "stringData": open}),
    );
    let values = SecretValues::default();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": open});
    let objects: Vec<Object> =
        [one, map.clone()].iter().map(|v| Object::new(Doc::from_value(v).unwrap()).unwrap()).collect();
    values.learn(&objects);
    assert_eq!(values.len(), 0, "{values:?}");
    let redactor = Redactor::with_values(RedactOptions::new([7; 32]), values);
    redactor.redact(objects[0].clone());
    assert_eq!(redactor.redact(objects[1].clone()).root().to_value(), map);
    let text = serde_json::to_string_pretty(&open).unwrap();
    assert_eq!(redactor.values().blank(&text), text);
}

#[test]
fn a_known_value_is_no_name_of_an_entry_either() {
    let redactor = learning();
    let object = |value: Value| Object::new(Doc::from_value(&value).unwrap()).unwrap();
    redactor.redact(object(secret(json!({"stringData": {"token": "hT7-pW2-kX9-vB4mQ8z"}}))));
    let users = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "users"},
        "data": {"hT7-pW2-kX9-vB4mQ8z": "ann", "of-hT7-pW2-kX9-vB4mQ8z": "bob", "plain-name": "x", "z": "y"}});
    let once = redactor.redact(object(users));
    let hash = hash_of("hT7-pW2-kX9-vB4mQ8z");
    let data = json!({(hash.clone()): "ann", (format!("of-{hash}")): "bob", "plain-name": "x", "z": "y"});
    assert_eq!(once.root().to_value()["data"], data);
    assert_eq!(redactor.redact(once.clone()), once, "twice is once");
    // Nor where it is made up as a field of a Secret.
    let odd = redactor.redact(object(secret(json!({"x-hT7-pW2-kX9-vB4mQ8z": {"k": "v"}}))));
    assert!(!odd.doc().to_json().contains("hT7-pW2-kX9-vB4mQ8z"), "{}", odd.doc().to_json());
}

#[test]
fn parts_of_a_value_are_looked_for_on_their_own() {
    let check = |value: &str, copy: &str| {
        let values = SecretValues::default();
        let object = secret(json!({"stringData": {"a": value}}));
        values.learn([&Object::new(Doc::from_value(&object).unwrap()).unwrap()]);
        let blank = values.blank(copy).into_owned();
        assert!(blank.contains("<redacted>") && !blank.contains("Kd83jx92Qp4m"), "{value}: {blank}");
    };
    check("postgres://app:Kd83jx92Qp4m@db:5432/app?sslmode=disable", "password Kd83jx92Qp4m");
    check("DB_HOST=db\nDB_PASSWORD=\"Kd83jx92Qp4m\"\n", "password Kd83jx92Qp4m");
    check("user: app\npassword: Kd83jx92Qp4m\n", "--password=Kd83jx92Qp4m");
    check(r#"{"auths":{"r.example":{"username":"u","password":"Kd83jx92Qp4m"}}}"#, "Kd83jx92Qp4m");
    check(
        &json!({"auths": {"r.example": {"auth": STANDARD.encode("u:Kd83jx92Qp4m")}}}).to_string(),
        "Kd83jx92Qp4m",
    );
    let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{key}\nKd83jx92Qp4mXw\nKd83jx92Qp4mYy\nKd83jx92Qp4mZz\nKd83jx92Qp4mAa\n-----END PRIVATE KEY-----\n"
    );
    check(&pem, &pem);
    check(&pem, &pem.replace('\n', "\\n"));
    check(&pem, &pem.replace('\n', "\n      "));
    let token = format!("{}Kd83jx92Qp4m", "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik".repeat(3));
    check(&token, &format!("Bearer {token}"));
    check("Kd83jx92Qp4m", &format!("data: {}", STANDARD.encode("some text around Kd83jx92Qp4m and behind")));
}

#[test]
fn a_text_with_hashes_is_compared_by_them() {
    let redactor = learning();
    redactor.redact(
        Object::new(Doc::from_value(&secret(json!({"stringData": {"a": PASSWORD}}))).unwrap()).unwrap(),
    );
    let plain = format!("app:{PASSWORD}@db, again {PASSWORD}");
    let hashed = redactor.redact_text(&plain);
    assert!(hashed.matches("redacted:").count() == 2 && redactor.is_same(&hashed, &plain));
    for other in ["app:other@db, again other", "", "app:", &plain[1..], &plain[..plain.len() - 1]] {
        assert!(!redactor.is_same(&hashed, other), "{other}");
    }
    assert!(redactor.is_same("same", "same") && !redactor.is_same("same", "other"));
}

#[test]
fn what_is_rendered_from_hashed_values_is_compared_by_the_hash() {
    let hash = hash_of("hunter2");
    let out = redact(
        "",
        secret(
            json!({"data": {"a": STANDARD.encode(&hash), "b": STANDARD.encode(format!("u:{hash}@h"))}, "stringData": {"c": hash}}),
        ),
    );
    assert_eq!((&out["data"]["a"], &out["stringData"]["c"]), (&json!(hash), &json!(hash)));
    assert_eq!(out["data"]["b"], json!("redacted:unknown"));
}

/// One run of a watch: it knows what the store holds, and the Secrets that it sees.
struct Run<'a> {
    store: &'a MemoryStore,
    ingest: Ingest,
}

impl<'a> Run<'a> {
    fn begin(store: &'a MemoryStore) -> Self {
        Self { store, ingest: block_on(Ingest::load("watch", learning(), store)).unwrap() }
    }

    /// Takes a state of an object, and returns the object as it is in the store, if it is new.
    fn take(&mut self, version: u64, mut object: Value) -> Option<Value> {
        object["metadata"]["resourceVersion"] = version.to_string().into();
        object["metadata"]["namespace"] = "shop".into();
        let object = Object::new(Doc::from_value(&object).unwrap()).unwrap();
        let at = format!("2026-11-28T10:00:{version:02}Z").parse().unwrap();
        let appends: Vec<Append> = self.ingest.step(Observation::Applied(Applied::live(object, "", at)));
        let events = block_on(self.store.append(appends)).unwrap();
        self.ingest.commit();
        match &events.first()?.body {
            EventBody::Applied(object) => Some(object.root().to_value()),
            _ => None,
        }
    }
}

#[test]
fn a_value_that_was_rotated_before_a_restart_stays_hashed() {
    const OLD: &str = "Kd83jx92Qp4mXw7z";
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKjMzEf\n-----END PRIVATE KEY-----\n";
    let with_signs = "q8#Lw9!2z/K=d@v";
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJlS2Q4M2p4", "eyJzdWIiOiJrZDgzangifQ".repeat(4));
    let db = |values: Value| secret(json!({"stringData": values}));
    let old = db(
        json!({"password": OLD, "line": format!("{}x\n", &OLD[1..]), "signs": with_signs, "token": token, "tls.key": PEM,
        "mode": "production", "url": format!("https://host/?key={OLD}y")}),
    );
    let new = db(json!({"password": "NewPw9xk27Qz41Lm"}));
    let web = |replicas: u64| {
        let env = [
            OLD.to_owned(),
            format!("--password={OLD}"),
            format!("login failed for app:{OLD}, \"{OLD}\"."),
            format!("{{\"a\":\"{OLD}\",\"b\":\"production\"}}"),
            format!("{}x", &OLD[1..]),
            with_signs.to_owned(),
            format!("app:{with_signs}@db"),
            format!("Bearer {token}"),
            PEM.to_owned(),
            STANDARD.encode(format!("app:{OLD}")),
            format!("https://host/?key={OLD}y"),
            format!("{OLD}y"),
            "production".to_owned(),
        ];
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas, "env": env}})
    };
    let store = MemoryStore::default();
    let mut first = Run::begin(&store);
    first.take(1, old.clone());
    let before = first.take(2, web(1)).unwrap();
    let plain = ["Kd83", "d83jx92", "Lw9", "eyJ", "MIIE", "S2Q4"];
    let is_clean = |value: &Value| plain.iter().all(|part| !value.to_string().contains(part));
    assert!(is_clean(&before) && before.to_string().contains("production"), "{before:#}");
    first.take(3, new);

    let mut second = Run::begin(&store);
    let after = second.take(4, web(2)).unwrap();
    assert_eq!(after["spec"]["env"], before["spec"]["env"], "no change is made up");
    assert_eq!(after["spec"]["replicas"], 2);
    // A copy at a new place, of a value that no object holds any more but the history of its Secret.
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": OLD, "b": format!("pw: {OLD}\n")}});
    let map = second.take(5, map).unwrap();
    assert_eq!(map["data"], json!({"a": hash_of(OLD), "b": format!("pw: {}\n", hash_of(OLD))}));
    // What is known makes no new event, whoever takes it.
    let count = |store: &MemoryStore| {
        let streams = block_on(store.streams()).unwrap();
        streams.iter().map(|s| block_on(store.read_to_end(s)).unwrap().len()).sum::<usize>()
    };
    let events = count(&store);
    let mut third = Run::begin(&store);
    for (version, object) in [(1, old), (2, web(1)), (4, web(2))] {
        assert_eq!(third.take(version, object), None);
    }
    assert_eq!(count(&store), events);
}

#[test]
fn names_that_a_secret_holds_are_not_hashed_after_a_restart() {
    let uid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let pod = |version: u64| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-kd83jx92qp4m", "uid": uid, "generation": version}});
    let owned = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"id": "kd83jx92qp4m", "uid": uid, "weak": "hunter22"}});
    let store = MemoryStore::default();
    let mut first = Run::begin(&store);
    first.take(1, pod(1));
    first.take(2, secret(json!({"stringData": {"id": "kd83jx92qp4m", "uid": uid, "weak": "hunter22"}})));
    let mut second = Run::begin(&store);
    assert_eq!(second.take(3, owned.clone()).unwrap()["data"], owned["data"]);
    assert_eq!(second.take(4, pod(2)).unwrap()["metadata"]["uid"], uid);
}

#[test]
fn a_redactor_without_values_recalls_nothing() {
    let store = MemoryStore::default();
    Run::begin(&store).take(1, secret(json!({"stringData": {"a": "Kd83jx92Qp4m"}})));
    let redactor = redactor("");
    block_on(drift_core::ingest::recall_hashes(&redactor, &store)).unwrap();
    assert_eq!(redactor.redact_text("Kd83jx92Qp4m"), "Kd83jx92Qp4m");
    let redactor = learning();
    block_on(drift_core::ingest::recall_hashes(&redactor, &store)).unwrap();
    assert_eq!(redactor.redact_text("Kd83jx92Qp4m"), hash_of("Kd83jx92Qp4m"));
}
