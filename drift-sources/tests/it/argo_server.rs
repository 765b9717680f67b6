//! Argo CD's API server over a real socket, as Argo CD 3.2 answers and as it does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drift_core::Object;
use drift_core::drift::compare_apps;
use drift_core::schema::SchemaSet;
use drift_sources::argo::server::{ArgoServer, ServerLimits, ServerOptions, Token};
use drift_sources::argo::{Application, answer};
use drift_sources::gitops::{ClusterSnapshot, GitOps, Repositories};
use drift_sources::jq::JqSandbox;
use drift_sources::render::{RenderOptions, Renderer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::gitops::{argo, config, entry, object, synced};

const TOKEN: &str = "eyJhbGciOi.tokentoken.yeast";

/// What a path is answered with: the start of the head, and the body.
type Routes = BTreeMap<&'static str, (String, String)>;

/// A server that answers by path, and keeps what it was asked.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn fake(routes: Routes) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let routes = Arc::new(routes);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (routes, kept) = (Arc::clone(&routes), Arc::clone(&kept));
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    // A TLS hello, which nobody here answers.
                    if head.is_empty() && byte == 0x16 {
                        return;
                    }
                    head.push(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                assert!(head.contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{head}");
                kept.lock().unwrap().push(target.clone());
                let path = target.split('?').next().unwrap();
                let missing = (
                    status(404, ""),
                    r#"{"error":"no such app","code":5,"message":"no such app"}"#.to_owned(),
                );
                let (start, body) = routes.get(&*target).or_else(|| routes.get(path)).unwrap_or(&missing);
                if start == "slow" {
                    tokio::time::sleep(Duration::from_secs(600)).await;
                }
                // A length of its own makes the answer end too early.
                let length = match start.contains("content-length") {
                    true => String::new(),
                    false => format!("content-length: {}\r\n", body.len()),
                };
                let _ = stream
                    .write_all(format!("{start}{length}connection: close\r\n\r\n{body}").as_bytes())
                    .await;
            });
        }
    });
    Fake { url, asked }
}

fn status(code: u16, headers: &str) -> String {
    format!("HTTP/1.1 {code} X\r\ncontent-type: application/json\r\n{headers}")
}

fn ok(body: &Value) -> (String, String) {
    (status(200, ""), body.to_string())
}

async fn server(url: &str, limits: ServerLimits) -> ArgoServer {
    let token = Token::new(&format!("{TOKEN}\n")).unwrap();
    ArgoServer::new(ServerOptions { url: url.to_owned(), token, ca_file: None, limits }).await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn listed() -> (String, String) {
    ok(&json!({"metadata":{},"items":[{"metadata":{"name":"web","namespace":"argocd"}}]}))
}

fn manifest(value: &str) -> String {
    json!({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":
        {"argocd.argoproj.io/tracking-id":"web:/ConfigMap:shop/a"}},"data":{"k":value}})
    .to_string()
}

fn secret(data: Value) -> Value {
    json!({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop"},"type":"Opaque","data":data})
}

fn hook() -> String {
    json!({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"h","annotations":{"argocd.argoproj.io/hook":"PreSync"}}})
        .to_string()
}

const APP: &str = "/api/v1/applications/web";
const MANIFESTS: &str = "/api/v1/applications/web/manifests";
const COMPARED: &str = "/api/v1/applications/web/managed-resources";
const SYNCED: &str = "abababababababababababababababababababab";

fn routes(manifests: &[String]) -> Routes {
    BTreeMap::from([
        ("/api/v1/applications", listed()),
        (APP, ok(&json!({"metadata":{"name":"web","namespace":"argocd","uid":"u1"}}))),
        (MANIFESTS, ok(&json!({"manifests": manifests}))),
    ])
}

/// Asks a server about an Application without a repository, and says what is told of the live objects then.
fn told(routes: Routes, live: &[Value]) -> (Vec<String>, Vec<String>) {
    runtime().block_on(async {
        let fake = fake(routes).await;
        let server = server(&fake.url, ServerLimits::default()).await;
        let mut app = argo("web", SYNCED, json!({}));
        app["metadata"]["uid"] = "u1".into();
        let live: Vec<Arc<Object>> = std::iter::once(&app).chain(live).map(object).collect();
        let cluster = ClusterSnapshot::now(live);
        let (repositories, renderer) =
            (Repositories::default(), Renderer::new(RenderOptions::in_folders(Vec::new())));
        let gitops = GitOps::new(&cluster, &repositories, &renderer);
        let answers = server.fetch_answers(&gitops.without_source()).await.unwrap();
        let mut out = Vec::new();
        let mut known = BTreeMap::new();
        for (app, answer) in answers {
            match answer {
                Ok(answer) => drop(known.insert(app, answer)),
                Err(why) => out.push(format!("{app}: {why}")),
            }
        }
        let gitops = gitops.with_answers(known);
        let schemas = SchemaSet::bundled();
        let report = compare_apps(&gitops.declarations(), cluster.live(), &schemas, &JqSandbox::default());
        for r in &report.resources {
            out.push(format!("{} {:?}", r.key, r.status));
            out.extend(
                r.changes
                    .iter()
                    .filter(|c| c.class.counts())
                    .map(|c| format!("{} {:?} {:?}", c.path, c.op, c.class)),
            );
            out.extend(r.notes.iter().map(|n| format!("note: {n}")));
        }
        out.extend(report.notes.iter().map(|n| format!("note: {n}")));
        out.extend(report.coverage.unseen().iter().map(|u| format!("not looked at: {u}")));
        let out = out.iter().map(|l| l.replace(&fake.url, "URL")).collect();
        let asked = fake.asked.lock().unwrap().clone();
        (out, asked)
    })
}

#[test]
fn what_argo_cd_renders_is_what_is_declared_where_git_is_not_at_hand() {
    let edit = entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}));
    let live = [config(json!({"k":"2"}), json!([edit]))];
    let (told, asked) = told(routes(&[manifest("1"), hook()]), &live);
    assert_eq!(
        told,
        [
            "ConfigMap/shop/a Drifted",
            ".data.k Replace Changed",
            "note: Application.argoproj.io/argocd/web: compared with what Argo CD at URL renders of main, as no repository is given for https://git.example.com/shop.git",
        ]
    );
    let query = "appNamespace=argocd&project=default";
    assert_eq!(
        asked,
        [
            "/api/v1/applications?fields=items.metadata.name,items.metadata.namespace".to_owned(),
            format!("{APP}?{query}"),
            format!("{MANIFESTS}?{query}"),
            format!("{MANIFESTS}?{query}&revision={SYNCED}"),
        ]
    );
}

#[test]
fn what_changed_since_the_last_sync_is_pending_and_not_drift() {
    let live = [config(json!({"k":"1"}), json!([synced()]))];
    let mut routes = routes(&[manifest("2")]);
    let then = "/api/v1/applications/web/manifests?appNamespace=argocd&project=default&revision=abababababababababababababababababababab";
    routes.insert(then, ok(&json!({"manifests":[manifest("1")],"revision":SYNCED})));
    let told = told(routes, &live).0;
    assert_eq!(told[..2], ["ConfigMap/shop/a Drifted", ".data.k Replace PendingSync"]);
}

#[test]
fn hidden_values_of_secrets_are_compared_with_nothing() {
    let mut declared = secret(json!({"k":"++++++++","l":"+++++++++","m":"++++++++","n":"bjE="}));
    declared["metadata"]["annotations"] = json!({"key":"++++++++"});
    let hash = "redacted:00112233445566778899aabbccddeeff";
    let mut live = secret(json!({"k":"c2VjcmV0","l":hash,"n":"bjI="}));
    live["metadata"]["annotations"] = json!({"key":"s3cret"});
    let told = told(routes(&[declared.to_string()]), &[live]).0;
    let unknown = |path: &str| format!("note: `{path}` cannot be compared: one side is redacted");
    let lines: Vec<&str> = told.iter().filter(|l| !l.contains("renders of main")).map(|l| &**l).collect();
    let (k, l, a) = (unknown(".data.k"), unknown(".data.l"), unknown(".metadata.annotations.key"));
    assert_eq!(
        lines,
        ["Secret/shop/s Drifted", ".data.m Remove Removed", ".data.n Replace Changed", &k, &l, &a]
    );
}

#[test]
fn what_cannot_be_rendered_any_more_is_as_it_was_compared_last() {
    let live =
        [config(json!({"k":"2"}), json!([entry("kubectl-edit", "Update", json!({"f:data":{"f:k":{}}}))]))];
    let mut routes = routes(&[]);
    let broken = r#"{"error":"kustomize failed\n","code":2,"message":"kustomize failed\n"}"#;
    routes.insert(MANIFESTS, (status(500, ""), broken.to_owned()));
    let item = |kind: &str, target: &str, hook: bool| json!({"kind":kind,"namespace":"shop","name":"a","targetState":target,"liveState":"null","hook":hook,"resourceVersion":"1"});
    let pruned = item("Secret", "null", false);
    let items = [item("ConfigMap", &manifest("1"), false), item("Job", &hook(), true), pruned];
    routes.insert(COMPARED, ok(&json!({"items": items})));
    let told = told(routes, &live).0;
    assert_eq!(told[..2], ["ConfigMap/shop/a Drifted", ".data.k Replace Changed"]);
    assert!(
        told[2]
            .contains("compared last: GET URL/api/v1/applications/web/manifests: HTTP 500: kustomize failed"),
        "{told:?}"
    );
}

#[test]
fn an_answer_that_cannot_be_taken_leaves_the_application_unknown() {
    let live = [config(json!({"k":"1"}), json!([]))];
    let unlisted = ok(&json!({"items": null}));
    let other = ok(&json!({"metadata":{"name":"web","namespace":"argocd","uid":"u2"}}));
    let empty = ok(&json!({}));
    for (path, answer, expect) in [
        ("/api/v1/applications", unlisted, "URL does not list Application.argoproj.io/argocd/web"),
        (APP, other, "has another UID than in the cluster"),
        (MANIFESTS, empty, "the response is not one of Argo CD's API"),
    ] {
        let mut routes = routes(&[manifest("2")]);
        routes.insert(path, answer);
        let told = told(routes, &live).0;
        assert!(told[0].contains(expect), "{told:?}");
        assert!(told[1].ends_with("nothing is known of its resources") && told.len() == 2, "{told:?}");
    }
}

fn application() -> Application {
    Application::from_object(&object(&argo("web", SYNCED, json!({})))).unwrap()
}

#[test]
fn what_is_no_answer_is_an_error_that_says_what_to_do_and_no_token() {
    let page = || "<html>log in</html>".to_owned();
    let large = json!({"manifests":[manifest(&"x".repeat(5000))]}).to_string();
    let cut = r#"{"manifests":["{\"apiVersion\":\"v1\","#.to_owned();
    let echo = format!(r#"{{"message":"invalid session: {TOKEN}\u001b[2J"}}"#);
    let leak = json!({"manifests": {"s3cret": 1}}).to_string();
    let quoted = json!({"manifests": ["{\"kind\":\"Secret\",\"s3cret\":1}"]}).to_string();
    let deep = format!(r#"{{"manifests":["{}"]}}"#, "[".repeat(2000));
    let nested = "[".repeat(3000);
    let elsewhere = status(307, "location: https://login.example.com/?token=s3cret\r\n");
    let short = status(200, "content-length: 9000\r\n");
    runtime().block_on(async {
        for (start, body, expect) in [
            (status(401, ""), echo.clone(), "the token was rejected (401); create a new one"),
            (
                status(403, ""),
                echo.clone(),
                "forbidden (403): invalid session: <token> [2J; grant the account",
            ),
            (status(404, ""), page(), "not found (404); check that the Application belongs to this server"),
            (status(502, ""), page(), "HTTP 502"),
            (elsewhere, page(), "redirects to login.example.com, which is not followed"),
            (status(200, ""), page(), "not the JSON that Argo CD returns (line 1, column 1)"),
            (status(200, ""), leak, "not the JSON that Argo CD returns (line 1, column 13)"),
            (status(200, ""), quoted, "entry 0 of `manifests` is not a Kubernetes object"),
            (status(200, ""), deep, "entry 0 of `manifests` is not a Kubernetes object"),
            (status(200, ""), nested, "not the JSON that Argo CD returns"),
            (status(200, ""), "{}".to_owned(), "`manifests` is missing"),
            (status(200, ""), String::new(), "cut off after 0 bytes"),
            (status(200, ""), cut, "cut off after 38 bytes"),
            (short, "{".to_owned(), "the answer broke off"),
            (status(200, ""), large, "the response is larger than 4096 bytes"),
            ("slow".to_owned(), String::new(), "no complete response within 0.5 s"),
            ("SSH-2.0-x\r\n".to_owned(), String::new(), "check that this is the address of Argo CD"),
        ] {
            let fake = fake(BTreeMap::from([(MANIFESTS, (start, body))])).await;
            let limits = ServerLimits { time: Duration::from_millis(500), bytes: 4096 };
            let server = server(&fake.url, limits).await;
            let error = server.render_manifests(&application(), &[]).await.unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let text = format!("{error}: {source}");
            assert!(text.starts_with(&format!("GET {}{MANIFESTS}: ", fake.url)), "{text}");
            assert!(text.contains(expect), "{text}");
            let all = format!("{text} {error:?} {server:?}");
            assert!(!all.contains("yeast") && !all.contains("s3cret") && !all.contains('\u{1b}'), "{all}");
        }
    });
}

#[test]
fn nobody_there_or_no_tls_is_said() {
    runtime().block_on(async {
        let fake = fake(Routes::new()).await;
        for url in ["http://127.0.0.1:1".to_owned(), fake.url.replace("http:", "https:")] {
            let error = server(&url, ServerLimits::default())
                .await
                .list_applications()
                .await
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(&format!("GET {url}/api/v1/applications: ")), "{error}");
            assert!(
                error
                    .contains("check that this is the address of Argo CD and that its certificate is signed"),
                "{error}"
            );
        }
    });
}

#[test]
fn the_root_path_of_a_server_is_kept_and_what_is_no_address_is_refused() {
    runtime().block_on(async {
        let fake = fake(BTreeMap::from([("/argo-cd/api/v1/applications", listed())])).await;
        let server = server(&format!("{}/argo-cd/", fake.url), ServerLimits::default()).await;
        assert_eq!(server.list_applications().await.unwrap()[0].name, "web");
        for url in [
            "",
            "argocd.example.com",
            "ftp://x",
            "https://",
            "https://ann:s3cret@x",
            "https://x/?a=b",
            "https://x y",
        ] {
            let token = Token::new(TOKEN).unwrap();
            let limits = ServerLimits::default();
            let options = ServerOptions { url: url.to_owned(), token, ca_file: None, limits };
            assert!(!format!("{options:?}").contains(TOKEN));
            let error = ArgoServer::new(options).await.unwrap_err().to_string();
            assert!(
                error.contains("is not the URL of an Argo CD server") && !error.contains("s3cret"),
                "{error}"
            );
        }
        let options = ServerOptions {
            url: "https://argocd.example.com".to_owned(),
            token: Token::new(TOKEN).unwrap(),
            ca_file: Some("/nowhere/ca.pem".into()),
            limits: ServerLimits::default(),
        };
        let error = ArgoServer::new(options).await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/ca.pem") && error.contains("check the CA file"), "{error}");
    });
    for text in ["", " \n", "two words", "line\nbreak", "ü"] {
        assert!(Token::new(text).is_none(), "{text:?}");
    }
}

#[test]
fn trees_are_read() {
    let tree = json!({"nodes":[
        {"group":"apps","version":"v1","kind":"Deployment","namespace":"shop","name":"d","health":{"status":"Healthy"}},
        {"kind":"Pod","namespace":"shop","name":"p","parentRefs":[{"group":"apps","kind":"Deployment","namespace":"shop","name":"d"}]}],
        "orphanedNodes":[{"kind":"ConfigMap","namespace":"shop","name":"o","parentRefs":null}],"hosts":[{"name":"n"}]});
    let nodes = answer::parse_resource_tree(tree.to_string().as_bytes()).unwrap();
    let line = |n: &answer::TreeNode| {
        let parents: Vec<String> = n.parents.iter().map(ToString::to_string).collect();
        format!("{} {parents:?} {:?} {}", n.key, n.health.as_deref(), n.is_orphan)
    };
    assert_eq!(
        nodes.iter().map(line).collect::<Vec<_>>(),
        [
            "Deployment.apps/shop/d [] Some(\"Healthy\") false",
            "Pod/shop/p [\"Deployment.apps/shop/d\"] None false",
            "ConfigMap/shop/o [] None true",
        ]
    );
    assert!(answer::parse_resource_tree(b"{}").unwrap().is_empty());
    assert!(answer::parse_resource_tree(b"[1]").is_err());
}
