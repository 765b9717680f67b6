//! The HTTP receiver, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use drift_core::redact::{RedactOptions, Redactor};
use drift_core::{Cursor, Observation, Source};
use drift_sources::audit;
use drift_sources::cdevents::EventDecoder;
use drift_sources::receiver::{PostDecoder, Receiver, ReceiverOptions, SenderAuth};
use futures::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn redactor() -> Redactor {
    Redactor::new(RedactOptions::new([1; 32]))
}

fn events() -> PostDecoder {
    EventDecoder::new("lab", redactor()).webhook_decoder()
}

async fn receiver(decode: PostDecoder, options: ReceiverOptions) -> Receiver {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Receiver::bind(address, SenderAuth::Token("yeast".into()), decode, options).await.unwrap()
}

/// Sends a request as it is and returns the status and the body of the answer.
async fn send(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, b)| b.to_owned()))
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const TOKEN: &str = "Authorization: Bearer yeast\r\n";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn events_in_both_modes_are_told_and_strangers_are_not_heard() {
    runtime().block_on(async {
        let receiver = receiver(events(), ReceiverOptions::default()).await;
        let address = receiver.address();
        let mut observed = receiver.observe(None);
        let event = json!({"specversion":"1.0","source":"ci","type":"built","time":"2030-01-01T00:00:00Z"}).to_string();
        assert_eq!(send(address, &post("", &event)).await.0, 401);
        assert_eq!(send(address, &post("Authorization: Bearer flour\r\n", &event)).await.0, 401);
        assert_eq!(send(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.0, 405);
        assert_eq!(send(address, &post(TOKEN, &event)).await.0, 202);
        let headers = format!("{TOKEN}ce-specversion: 1.0\r\nce-type: merged\r\nce-source: git\r\nce-time: 2030-01-01T00:00:01Z\r\n");
        assert_eq!(send(address, &post(&headers, "")).await.0, 202);
        let (status, answer) = send(address, &post(TOKEN, r#"{"specversion":"1.0","type":"s3cret"}"#)).await;
        assert_eq!((status, answer.as_str()), (400, "event 1: `source` is missing\n"));
        for expect in ["built", "merged"] {
            let Some(Ok(Observation::Happened(o))) = observed.next().await else { panic!("nothing came") };
            assert_eq!(&*o.reason, expect);
        }
    });
}

#[test]
fn bodies_and_times_have_bounds() {
    runtime().block_on(async {
        let timeout = Duration::from_millis(300);
        let options = ReceiverOptions { max_body: 100, timeout, max_connections: 2, queue: 1 };
        let receiver = receiver(events(), options).await;
        let address = receiver.address();
        let observed = receiver.observe(None);
        assert_eq!(send(address, &post(TOKEN, &"x".repeat(101))).await.0, 413);
        // A sender that does not send is let go, and those after it are served.
        let slow =
            format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{TOKEN}Content-Length: 50\r\n\r\n{{");
        let (first, second) = tokio::join!(send(address, &slow), send(address, &slow));
        assert_eq!((first.0, second.0), (408, 408));
        assert_eq!(send(address, &post("", "")).await.0, 401);
        // Once nobody observes, nobody is listened to.
        drop(observed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(TcpStream::connect(address).await.is_err());
        assert!(receiver.observe(None).next().await.unwrap().is_err());
        assert!(receiver.observe(Some(Cursor::new("x"))).next().await.unwrap().is_err());
    });
}

#[test]
fn the_audit_webhook_posts_its_batches_here() {
    runtime().block_on(async {
        let receiver = receiver(audit::webhook_decoder("lab", redactor()), ReceiverOptions::default()).await;
        let mut observed = receiver.observe(None);
        let entry = json!({"kind":"Event","stage":"ResponseComplete","verb":"delete","user":{"username":"ann"},
            "objectRef":{"resource":"configmaps","namespace":"bakery","name":"oven"},"stageTimestamp":"2030-01-01T00:00:00Z"});
        let read = json!({"kind":"Event","stage":"ResponseComplete","verb":"get","user":{"username":"ann"}});
        let list = json!({"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[entry, read, {"verb":"create","objectRef":{}}]});
        assert_eq!(send(receiver.address(), &post(TOKEN, &list.to_string())).await.0, 202);
        let Some(Ok(Observation::Happened(o))) = observed.next().await else { panic!("nothing came") };
        assert_eq!((o.about.unwrap().to_string().as_str(), o.actor.user.as_deref()), ("ConfigMap/bakery/oven", Some("ann")));
        assert!(matches!(observed.next().await, Some(Ok(Observation::Gap(_)))));
    });
}

#[test]
fn what_is_refused_is_counted_and_what_was_taken_outlives_the_listening() {
    runtime().block_on(async {
        let receiver = receiver(events(), ReceiverOptions::default()).await;
        let address = receiver.address();
        let mut observed = receiver.observe(None);
        let event = json!({"specversion":"1.0","source":"ci","type":"built","time":"2030-01-01T00:00:00Z"})
            .to_string();
        assert_eq!(send(address, &post(TOKEN, &event)).await.0, 202);
        assert_eq!(send(address, &post("", &event)).await.0, 401);
        assert_eq!(send(address, &post("", &event)).await.0, 401);
        assert_eq!(send(address, &post(TOKEN, "{")).await.0, 400);
        assert_eq!(send(address, "no such thing\r\n\r\n").await.0, 400);
        receiver.close();
        assert!(matches!(observed.next().await, Some(Ok(Observation::Happened(_)))));
        assert!(observed.next().await.is_none());
        assert!(TcpStream::connect(address).await.is_err());
        assert_eq!(receiver.refusal_counts().into_iter().collect::<Vec<_>>(), [(400, 2), (401, 2)]);
    });
}
