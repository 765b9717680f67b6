//! People and programs that change things, and a book of every version their writes returned.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drift_core::ResourceKey;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::ledger::{Version, number};

/// What was written, by the server's own answers.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) versions: Mutex<Vec<Version>>,
    pub(crate) writes: AtomicUsize,
}

/// Sends a request until there is an answer; returns status and body.
pub(crate) async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    loop {
        let media = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let bytes = body.map(|b| serde_json::to_vec(b).unwrap()).unwrap_or_default();
        let request = Request::builder().method(method.clone()).uri(path).header("content-type", media);
        let answer = client.send(request.body(kube::client::Body::from(bytes)).unwrap());
        match tokio::time::timeout(Duration::from_secs(5), answer).await {
            Ok(Ok(answer)) if answer.status().as_u16() < 500 && answer.status().as_u16() != 429 => {
                let status = answer.status().as_u16();
                if let Ok(bytes) = answer.into_body().collect_bytes().await {
                    // A server that is just starting refuses those it does not know yet.
                    if status != 403 && status != 401 {
                        return (status, serde_json::from_slice(&bytes).unwrap_or_default());
                    }
                }
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Book {
    fn note(&self, object: &Value, kind: &str, deleted: bool) {
        let meta = &object["metadata"];
        let text = |key: &str| meta[key].as_str().unwrap_or_default();
        let group = if kind == "Gadget" { "shop.example.com" } else { "" };
        let key = ResourceKey::new(group, kind, text("namespace"), text("name"));
        let version = Version { key, version: number(text("resourceVersion")), deleted };
        self.versions.lock().unwrap().push(version);
    }

    /// Creates, changes and deletes objects until so many writes are done over all writers.
    pub(crate) async fn write(self: Arc<Self>, client: kube::Client, writer: usize, total: usize) {
        let (collection, kind, api_version) = if writer.is_multiple_of(3) {
            ("/apis/shop.example.com/v1/namespaces/default/gadgets", "Gadget", "shop.example.com/v1")
        } else {
            ("/api/v1/namespaces/default/configmaps", "ConfigMap", "v1")
        };
        for turn in 0.. {
            if self.writes.fetch_add(1, Ordering::Relaxed) >= total {
                return;
            }
            let name = format!("w{writer}-{}", (turn / 10) % 25);
            let path = format!("{collection}/{name}");
            let (status, answer, deleted) = match turn % 10 {
                9 => {
                    let (status, answer) = send(&client, Method::DELETE, &path, None).await;
                    (status, answer, true)
                }
                0 => {
                    let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "data": {"turn": "0"}});
                    let (status, answer) = send(&client, Method::POST, collection, Some(&object)).await;
                    (status, answer, false)
                }
                _ => {
                    let patch = json!({"data": {"turn": turn.to_string()}});
                    let (status, answer) = send(&client, Method::PATCH, &path, Some(&patch)).await;
                    (status, answer, false)
                }
            };
            // The answer to a deletion carries the last version before it, not the deletion's own.
            if (200..300).contains(&status) && !deleted {
                self.note(&answer, kind, false);
            }
        }
    }
}
