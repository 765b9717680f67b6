//! The soak: 10,000 changes under restarts, a compaction and kills of the watcher.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use drift_core::{Scope, Source};
use drift_sources::kubernetes::{
    Backoff, InitialLists, KindFilter, KubernetesOptions, KubernetesSource, connect_to,
};
use futures::StreamExt;
use http::Method;
use serde_json::json;

use crate::control_plane::{ControlPlane, NOBODY, TOKEN};
use crate::ledger::Ledger;
use crate::writers::{Book, send};

const CHANGES: usize = 10_000;
const WRITERS: usize = 12;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn client(plane: &ControlPlane, token: &str) -> kube::Client {
    let mut config = kube::Config::new(format!("https://127.0.0.1:{}", plane.port).parse().unwrap());
    config.accept_invalid_certs = true;
    config.auth_info.token = Some(token.to_owned().into());
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match connect_to(config.clone(), None, Duration::from_secs(5)).await {
            Ok(connection) => {
                let ready = http::Request::get("/readyz").body(kube::client::Body::empty()).unwrap();
                let answer = connection.client.send(ready).await;
                if token != TOKEN || answer.is_ok_and(|a| a.status().is_success()) {
                    return connection.client;
                }
            }
            Err(error) => assert!(Instant::now() < until, "{error:?}\n{}", plane.log()),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn options() -> KubernetesOptions {
    KubernetesOptions {
        backoff: Backoff {
            first: Duration::from_millis(100),
            max: Duration::from_secs(1),
            denied: Duration::from_secs(2),
        },
        checkpoint_interval: Duration::from_millis(200),
        full_comparison: Some(Duration::from_secs(5)),
        settle: Duration::from_secs(2),
        ..KubernetesOptions::default()
    }
}

async fn define_gadgets(client: &kube::Client) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.shop.example.com"},
        "spec": {
            "group": "shop.example.com", "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (status, answer) = send(client, Method::POST, path, Some(&definition)).await;
    assert_eq!(status, 201, "{answer}");
}

/// Observes into the ledger until a condition holds.
async fn observe(source: &KubernetesSource, ledger: &mut Ledger, mut done: impl FnMut(&Ledger) -> bool) {
    let mut stream = source.observe(ledger.cursor.clone());
    let until = Instant::now() + Duration::from_secs(60);
    while !done(ledger) {
        assert!(Instant::now() < until, "not done in time: {:?} {:?}", ledger.gaps, ledger.errors);
        if let Ok(item) = tokio::time::timeout(Duration::from_millis(50), stream.next()).await {
            ledger.take(item.expect("the source does not end"));
        }
    }
    // Dropping the stream in whatever state it is: so a kill looks to the source.
    drop(stream);
    ledger.killed();
}

/// Counts the connections to a port of this machine; none where the system does not tell.
fn connections(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let remote = format!("0100007F:{port:04X}");
    let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    columns.filter(|c| c.get(2) == Some(&remote.as_str()) && c.get(3) == Some(&"01")).count()
}

/// Restarts the server beside the watch when so many writes are done.
async fn restart(
    mut plane: ControlPlane,
    book: Arc<Book>,
    writes: usize,
    how: fn(&mut ControlPlane),
) -> ControlPlane {
    while book.writes.load(Ordering::Relaxed) < writes {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let work = move || {
        how(&mut plane);
        plane.start_server();
        plane
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) fn restarts_compaction_and_kills() {
    runtime().block_on(async {
        let plane = ControlPlane::start();
        let client = client(&plane, TOKEN).await;
        let source = KubernetesSource::new(client.clone(), options());
        let mut ledger = Ledger::default();
        define_gadgets(&client).await;
        let gadgets = Scope::of_kind("shop.example.com", "Gadget");
        let configs = Scope::of_kind("", "ConfigMap");
        let mut most = 0;
        observe(&source, &mut ledger, |l| {
            most = most.max(connections(plane.port));
            l.relists.contains_key(&gadgets) && l.relists.contains_key(&configs) && !l.unkept && !l.is_listing()
        })
        .await;
        assert!(most <= 8, "{most} connections: HTTP/2 carries many watches on one");

        let book = Arc::new(Book::default());
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(Arc::clone(&book).write(client.clone(), writer, CHANGES)))
            .collect();
        let reached = |part: usize| {
            let book = Arc::clone(&book);
            move |_: &Ledger| book.writes.load(Ordering::Relaxed) >= CHANGES * part / 10
        };
        // Killed under the watch.
        let restarted = restart(plane, Arc::clone(&book), CHANGES / 10, ControlPlane::kill_server);
        let restarted = tokio::spawn(restarted);
        observe(&source, &mut ledger, reached(3)).await;
        let mut plane = restarted.await.unwrap();
        // While no one watches: changes, a compaction and a restart, so that the cursor is too old.
        tokio::time::sleep(Duration::from_millis(500)).await;
        plane.kill_server();
        let compacted = plane.compact();
        plane.start_server();
        // Asked to end under the watch.
        let restarted = restart(plane, Arc::clone(&book), CHANGES * 6 / 10, ControlPlane::terminate_server);
        let restarted = tokio::spawn(restarted);
        observe(&source, &mut ledger, reached(8)).await;
        let _plane = restarted.await.unwrap();
        observe(&source, &mut ledger, |_| writers.iter().all(tokio::task::JoinHandle::is_finished)).await;
        // A last change, so that it is known when everything before it has come.
        let last = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last"}});
        let path = "/api/v1/namespaces/default/configmaps";
        send(&client, Method::POST, path, Some(&last)).await;
        let settled = Instant::now() + Duration::from_secs(6);
        observe(&source, &mut ledger, |l| {
            l.live.keys().any(|key| &*key.name == "last") && Instant::now() > settled
        })
        .await;

        let mut reasons = std::collections::BTreeMap::<String, usize>::new();
        for gap in &ledger.gaps {
            *reasons.entry(format!("{:?}", gap.reason)).or_default() += 1;
        }
        println!("gaps: {reasons:?}");
        let produced = book.versions.lock().unwrap().clone();
        let (recorded, excused) = ledger.assert_covers(produced.iter());
        println!(
            "{most} connections; {} versions produced: {recorded} recorded, {excused} in {} gaps (compacted at {compacted}), {} relists, \
             {} checkpoints, {} errors",
            produced.len(),
            ledger.gaps.len(),
            ledger.relists.values().sum::<u32>(),
            ledger.checkpoints,
            ledger.errors.len(),
        );
        assert!(produced.len() > CHANGES * 8 / 10, "{}", produced.len());
        // What is there in the end is what the ledger has.
        let (_, list) = send(&client, Method::GET, path, None).await;
        let there: Vec<_> = list["items"].as_array().unwrap().iter().map(|o| o["metadata"]["name"].clone()).collect();
        let known = ledger.live.keys().filter(|k| &*k.kind == "ConfigMap" && &*k.namespace == "default");
        let known: Vec<_> = known.map(|k| json!(&*k.name)).collect();
        assert_eq!(there, known);
    });
}

pub(crate) fn snapshots() {
    runtime().block_on(async {
        let plane = ControlPlane::start();
        let admin = client(&plane, TOKEN).await;
        for n in 0..25 {
            let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{n}")}, "data": {"a": "b"}});
            send(&admin, Method::POST, "/api/v1/namespaces/default/configmaps", Some(&object)).await;
        }
        let paged = KubernetesOptions { page_size: 7, ..options() };
        let source = KubernetesSource::new(admin.clone(), paged);
        let snapshot = source.snapshot().await.unwrap();
        assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
        let count = |kind: &str| snapshot.objects.iter().filter(|o| o.kind() == kind).count();
        assert!(count("ConfigMap") >= 25 && count("ClusterRole") > 50 && count("Namespace") >= 4);
        let documents = source.openapi_v3().await.unwrap();
        assert!(documents.documents.contains_key("apis/apps/v1") && documents.missing.is_empty());
        println!(
            "{} objects, {} OpenAPI documents of {} bytes",
            snapshot.objects.len(),
            documents.documents.len(),
            documents.documents.values().map(Vec::len).sum::<usize>()
        );

        let nobody = client(&plane, NOBODY).await;
        let only = KindFilter { include: vec!["pods".to_owned(), "secrets".to_owned()], exclude: vec![] };
        let source =
            KubernetesSource::new(nobody, KubernetesOptions { kinds: only, initial_lists: InitialLists::Paged, ..options() });
        let snapshot = source.snapshot().await.unwrap();
        let denied: Vec<_> = snapshot.gaps.iter().map(|g| format!("{} {:?}", g.scope, g.reason)).collect();
        assert_eq!(denied, ["Pod Denied", "Secret Denied"]);
        assert!(snapshot.objects.is_empty());
    });
}
