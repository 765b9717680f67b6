//! HTTP/1.1, as little as it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Fake, Fault, World};

pub(super) async fn accept(listener: TcpListener, fake: Fake) {
    while let Ok((tcp, _)) = listener.accept().await {
        if fake.world().down {
            continue;
        }
        let (fake, mut epoch) = (fake.clone(), fake.epoch.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                _ = epoch.changed() => {}
                _ = answer(tcp, fake) => {}
            }
        });
    }
}

struct Asked {
    path: String,
    query: BTreeMap<String, String>,
    metadata_only: bool,
}

async fn read_request(tcp: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.split(' ').nth(1)?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(k, v)| (k.to_owned(), v.replace("%3A", ":"))).collect();
    let metadata_only = head.contains("PartialObjectMetadataList");
    Some(Asked { path: path.to_owned(), query, metadata_only })
}

async fn reply(tcp: &mut TcpStream, status: u16, extra: &str, media: &str, body: &str) -> Option<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {}\r\nConnection: close\r\n{extra}\r\n",
        body.len()
    );
    tcp.write_all(head.as_bytes()).await.ok()?;
    tcp.write_all(body.as_bytes()).await.ok()?;
    tcp.flush().await.ok()
}

async fn refuse(
    tcp: &mut TcpStream,
    code: u16,
    after: Option<u64>,
    message: &str,
    cause: Option<&str>,
) -> Option<()> {
    let causes: Vec<_> = cause.into_iter().map(|reason| json!({ "reason": reason })).collect();
    let body = json!({"kind": "Status", "code": code, "message": message, "details": {"causes": causes}});
    let extra = after.map(|s| format!("Retry-After: {s}\r\n")).unwrap_or_default();
    reply(tcp, code, &extra, "application/json", &body.to_string()).await
}

async fn answer(mut tcp: TcpStream, fake: Fake) -> Option<()> {
    let tcp = &mut tcp;
    let asked = read_request(tcp).await?;
    let json = "application/json";
    match asked.path.as_str() {
        "/version" => return reply(tcp, 200, "", json, r#"{"major":"1","minor":"36"}"#).await,
        "/api/v1/namespaces/kube-system" => {
            return reply(tcp, 200, "", json, r#"{"metadata":{"uid":"cluster-1"}}"#).await;
        }
        "/api" | "/apis" => {
            let (media, body) = root(&fake.world(), asked.path == "/api");
            return reply(tcp, 200, "", media, &body).await;
        }
        _ => {}
    }
    let group = asked.path.strip_prefix("/apis/").and_then(|path| path.split('/').next());
    let broken = group.is_some_and(|group| fake.world().broken_groups.contains(group));
    if broken {
        return refuse(tcp, 503, None, "the service behind the group is down", None).await;
    }
    let resources = group_version(&fake.world(), &asked.path);
    if let Some(body) = resources {
        return reply(tcp, 200, "", json, &body).await;
    }
    let found = fake
        .world()
        .kinds
        .values()
        .find(|kind| collection(kind) == asked.path)
        .map(|k| (k.plural.clone(), k.denied));
    let Some((plural, denied)) = found else {
        return refuse(tcp, 404, None, "the server could not find the requested resource", None).await;
    };
    if denied {
        return refuse(tcp, 403, None, &format!("{plural} is forbidden"), None).await;
    }
    if asked.query.contains_key("watch") {
        watch(tcp, &fake, &plural, &asked).await
    } else {
        list(tcp, &fake, &plural, &asked).await
    }
}

fn collection(kind: &super::FakeKind) -> String {
    if kind.group.is_empty() {
        format!("/api/{}/{}", kind.version, kind.plural)
    } else {
        format!("/apis/{}/{}/{}", kind.group, kind.version, kind.plural)
    }
}

/// What `/api` or `/apis` says, in the form the server knows.
fn root(world: &World, core: bool) -> (&'static str, String) {
    let kinds = || world.kinds.values().filter(|kind| kind.group.is_empty() == core);
    let mut groups: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for kind in kinds() {
        groups.entry((&kind.group, &kind.version)).or_default().push(json!({
            "resource": kind.plural, "responseKind": {"kind": kind.kind}, "scope": "Namespaced", "verbs": ["list", "watch"],
        }));
    }
    if world.aggregated {
        let items: Vec<_> = groups
            .iter()
            .map(|((group, version), resources)| {
                let stale = world.broken_groups.contains(*group);
                let resources = if stale { &Vec::new() } else { resources };
                let freshness = if stale { "Stale" } else { "Current" };
                json!({"metadata": {"name": group}, "versions": [{"version": version, "freshness": freshness, "resources": resources}]})
            })
            .collect();
        let media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        return (media, json!({ "items": items }).to_string());
    }
    let body = if core {
        json!({"kind": "APIVersions", "versions": ["v1"]})
    } else {
        let groups: Vec<_> = groups
            .keys()
            .map(|(group, version)| json!({"name": group, "versions": [{"version": version}], "preferredVersion": {"version": version}}))
            .collect();
        json!({"kind": "APIGroupList", "groups": groups})
    };
    ("application/json", body.to_string())
}

fn group_version(world: &World, path: &str) -> Option<String> {
    let of =
        |kind: &&super::FakeKind| collection(kind).strip_suffix(&format!("/{}", kind.plural)) == Some(path);
    let kinds: Vec<_> = world.kinds.values().filter(of).collect();
    let resource = |k: &&super::FakeKind| json!({"name": k.plural, "kind": k.kind, "namespaced": true, "verbs": ["list", "watch"]});
    let resources: Vec<_> = kinds.iter().map(resource).collect();
    (!kinds.is_empty()).then(|| json!({ "resources": resources }).to_string())
}

async fn list(tcp: &mut TcpStream, fake: &Fake, plural: &str, asked: &Asked) -> Option<()> {
    let fault = {
        let mut world = fake.world();
        if !asked.metadata_only {
            *world.requests.entry("list".to_owned()).or_default() += 1;
        }
        let kind = world.kinds.get_mut(plural)?;
        // Comparisons are not what the scripts mean.
        if asked.metadata_only { None } else { kind.list_faults.pop_front() }
    };
    match fault {
        Some(Fault::Status(code, after, message)) => return refuse(tcp, code, after, message, None).await,
        Some(Fault::Silence) => {
            sleep(Duration::from_secs(60)).await;
            return None;
        }
        _ => {}
    }
    let page = {
        let world = &mut *fake.world();
        let limit = asked.query.get("limit").and_then(|l| l.parse().ok()).unwrap_or(usize::MAX);
        let (version, mut rest) = match asked.query.get("continue") {
            Some(token) => world.tokens.remove(token).unwrap_or_default(),
            None => (world.version, world.kinds[plural].objects.values().cloned().collect()),
        };
        if version == 0 {
            None
        } else {
            let more = rest.split_off(limit.min(rest.len()));
            let mut meta = json!({"resourceVersion": version.to_string()});
            if !more.is_empty() {
                let token = format!("{plural}:{version}:{}", more.len());
                meta["continue"] = json!(token);
                world.tokens.insert(token, (version, more));
            }
            for item in &mut rest {
                // Items of built-in kinds come without these.
                item.as_object_mut().unwrap().retain(|key, _| key != "apiVersion" && key != "kind");
            }
            Some(json!({"kind": "List", "metadata": meta, "items": rest}).to_string())
        }
    };
    let Some(page) = page else {
        return refuse(tcp, 410, None, "The provided continue parameter is too old", None).await;
    };
    if fault == Some(Fault::CutPage) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        tcp.write_all(head.as_bytes()).await.ok()?;
        return tcp.write_all(&page.as_bytes()[..page.len() / 2]).await.ok();
    }
    reply(tcp, 200, "", "application/json", &page).await
}

/// What one watch has sent and how.
struct Watching<'a> {
    tcp: &'a mut TcpStream,
    fault: Option<Fault>,
    sent: usize,
}

impl Watching<'_> {
    async fn raw(&mut self, bytes: &[u8]) -> Option<()> {
        if self.fault == Some(Fault::Trickle) {
            for byte in bytes {
                self.tcp.write_all(format!("1\r\n{}\r\n", char::from(*byte)).as_bytes()).await.ok()?;
                self.tcp.flush().await.ok()?;
                tokio::task::yield_now().await;
            }
            return Some(());
        }
        self.tcp.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await.ok()?;
        self.tcp.write_all(bytes).await.ok()?;
        self.tcp.write_all(b"\r\n").await.ok()
    }

    async fn event(&mut self, kind: &str, object: &Value) -> Option<()> {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.raw(line.as_bytes()).await
    }

    /// Sends an event of the history, or what the script has in its place; `None` ends the watch.
    async fn change(&mut self, kind: &str, object: &Value) -> Option<()> {
        let due = self.sent;
        self.sent += 1;
        match self.fault.clone() {
            Some(Fault::CutMidLine(n)) if n == due => {
                let line = json!({"type": kind, "object": object}).to_string();
                self.raw(&line.as_bytes()[..line.len() / 2]).await?;
                None
            }
            Some(Fault::ErrorEvent(n, code)) if n == due => {
                self.event("ERROR", &json!({"kind": "Status", "code": code, "message": "by script"})).await?;
                None
            }
            Some(Fault::Garbage(n)) if n == due => {
                self.raw(b"{\"type\":\"ADDED\",\"object\":{]}\n").await?;
                self.event(kind, object).await
            }
            Some(Fault::HugeLine(n, size)) if n == due => {
                self.raw(&vec![b'x'; size]).await?;
                self.event(kind, object).await
            }
            Some(Fault::WrongKind(n)) if n == due => {
                let mut other = object.clone();
                other["kind"] = json!("Impostor");
                self.event(kind, &other).await
            }
            Some(Fault::Backwards(n)) if n == due => {
                let mut old = object.clone();
                old["metadata"]["resourceVersion"] = json!("3");
                self.event("MODIFIED", &old).await?;
                self.event(kind, object).await
            }
            Some(Fault::LeaveOut(n)) if n == due => Some(()),
            Some(Fault::Twice) => {
                self.event(kind, object).await?;
                self.event(kind, object).await
            }
            _ => self.event(kind, object).await,
        }
    }
}

async fn watch(tcp: &mut TcpStream, fake: &Fake, plural: &str, asked: &Asked) -> Option<()> {
    let streaming = asked.query.get("sendInitialEvents").is_some_and(|v| v == "true");
    let (fault, version, compacted) = {
        let mut world = fake.world();
        *world.requests.entry(if streaming { "stream" } else { "watch" }.to_owned()).or_default() += 1;
        let fault = world.kinds.get_mut(plural)?.watch_faults.pop_front();
        (fault, world.version, world.compacted)
    };
    let from = asked.query.get("resourceVersion").and_then(|v| v.parse().ok());
    match fault {
        Some(Fault::Status(code, after, message)) => return refuse(tcp, code, after, message, None).await,
        Some(Fault::TooLargeVersion) => {
            return refuse(
                tcp,
                504,
                None,
                "Timeout: Too large resource version",
                Some("ResourceVersionTooLarge"),
            )
            .await;
        }
        Some(Fault::Silence) => {
            sleep(Duration::from_secs(60)).await;
            return None;
        }
        _ => {}
    }
    if streaming && !fake.world().streaming_lists {
        return refuse(tcp, 422, None, "sendInitialEvents is forbidden for watch", None).await;
    }
    if from.is_some_and(|from| from > version) {
        return refuse(
            tcp,
            504,
            None,
            "Timeout: Too large resource version",
            Some("ResourceVersionTooLarge"),
        )
        .await;
    }
    tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        .await
        .ok()?;
    let mut out = Watching { tcp, fault, sent: 0 };
    if from.is_some_and(|from| from < compacted) {
        return out
            .event("ERROR", &json!({"kind": "Status", "code": 410, "message": "too old resource version"}))
            .await;
    }
    let mut at = from.unwrap_or(version);
    if streaming {
        let objects: Vec<_> = fake.world().kinds.get(plural)?.objects.values().cloned().collect();
        for object in objects {
            let rv: u64 = object["metadata"]["resourceVersion"].as_str()?.parse().ok()?;
            at = at.max(rv);
            out.change("ADDED", &object).await?;
        }
        let end = json!({"kind": "X", "metadata": {"resourceVersion": at.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}});
        out.event("BOOKMARK", &end).await?;
    }
    follow(out, fake, plural, at, asked).await
}

async fn follow(mut out: Watching<'_>, fake: &Fake, plural: &str, mut at: u64, asked: &Asked) -> Option<()> {
    let seconds = asked.query.get("timeoutSeconds").and_then(|s| s.parse().ok()).unwrap_or(300);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut moved = fake.moved.subscribe();
    let mut bookmarks = fake.world().bookmarks;
    loop {
        let (events, version, marks, forgotten) = {
            let world = fake.world();
            let kind = world.kinds.get(plural)?;
            let new =
                kind.history.iter().filter(|e| e.version > at).map(|e| (e.version, e.kind, e.object.clone()));
            (new.collect::<Vec<_>>(), world.version, world.bookmarks, kind.forgotten)
        };
        // A watch that was accepted before a compaction and has not sent what it took away must not pass over it.
        if at < forgotten {
            return out
                .event(
                    "ERROR",
                    &json!({"kind": "Status", "code": 410, "message": "too old resource version"}),
                )
                .await;
        }
        for (version, kind, object) in events {
            at = version;
            out.change(kind, &object).await?;
        }
        if marks > bookmarks {
            bookmarks = marks;
            at = at.max(version);
            out.event("BOOKMARK", &json!({"kind": "X", "metadata": {"resourceVersion": at.to_string()}}))
                .await?;
        }
        tokio::select! {
            () = sleep_until(end) => return out.tcp.write_all(b"0\r\n\r\n").await.ok(),
            changed = moved.changed() => changed.ok()?,
        }
    }
}
