//! Any bytes on a connection of the receiver end in answers that show nothing of them; who does not know the secret adds nothing.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use drift_core::Source as _;
use drift_core::redact::{RedactOptions, Redactor};
use drift_fuzz::{KEY, PLANTED};
use drift_sources::cdevents::EventDecoder;
use drift_sources::receiver::{Receiver, ReceiverOptions, SenderAuth};
use futures::{FutureExt as _, StreamExt as _};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

/// The secret of the receiver; seeds hold it.
const SECRET: &str = "yeast-and-flour-and-water";

static SERVER: LazyLock<(Runtime, Receiver)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let decode = EventDecoder::new("c", Redactor::new(RedactOptions::new(KEY))).webhook_decoder();
    let options =
        ReceiverOptions { max_body: 4096, timeout: Duration::from_secs(2), ..ReceiverOptions::default() };
    let auth = SenderAuth::Token(SECRET.into());
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let receiver = runtime.block_on(Receiver::bind(local, auth, decode, options)).expect("a free port");
    (runtime, receiver)
});

/// Sends bytes from an address of its own, since ports of one are used up, and returns the answers.
async fn send(to: SocketAddr, number: u32, data: &[u8]) -> std::io::Result<Vec<u8>> {
    let socket = TcpSocket::new_v4()?;
    let [_, a, b, c] = number.to_be_bytes();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254)), 0)))?;
    let mut stream = socket.connect(to).await?;
    let (mut reader, mut writer) = stream.split();
    let write = async {
        // Refused, it may be closed before all of it is sent.
        let _ = writer.write_all(data).await;
        let _ = writer.shutdown().await;
    };
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(write, reader.read_to_end(&mut answer));
    // A reset comes after the answer, or instead of it.
    read.map(|_| answer.clone()).or(Ok(answer))
}

fuzz_target!(|data: &[u8]| {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SENT: AtomicU32 = AtomicU32::new(1);
    static OBSERVED: LazyLock<std::sync::Mutex<futures::stream::BoxStream<'static, ()>>> =
        LazyLock::new(|| {
            let (runtime, receiver) = &*SERVER;
            let _inside = runtime.enter();
            std::sync::Mutex::new(
                receiver.observe(None).map(|o| drop(o.expect("no error of the source"))).boxed(),
            )
        });
    let (runtime, receiver) = &*SERVER;
    let mut observed = OBSERVED.lock().expect("one thread");
    let number = SENT.fetch_add(1, Ordering::Relaxed);
    runtime.block_on(async {
        let sent =
            tokio::time::timeout(Duration::from_secs(20), send(receiver.address(), number, data)).await;
        let Ok(answer) = sent.expect("every connection ends") else { return };
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1."), "{text}");
        assert!(!text.contains(PLANTED) && !text.contains(SECRET), "{text}");
        let knows = data.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
        let mut added = 0;
        while observed.next().now_or_never().flatten().is_some() {
            added += 1;
        }
        assert!(added == 0 || knows, "{added} observations of somebody unknown");
    });
});
