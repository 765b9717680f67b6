//! etcd and kube-apiserver on loopback, owned by a test and gone with it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

/// The token of a member of `system:masters`.
pub(crate) const TOKEN: &str = "admin-of-the-test";
/// The token of someone who may read nothing.
pub(crate) const NOBODY: &str = "nobody-of-the-test";

/// Finds a program in `KUBEBUILDER_ASSETS` or on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    assets
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// A control plane; both programs end when it is dropped.
pub(crate) struct ControlPlane {
    dir: tempfile::TempDir,
    etcd: Child,
    etcd_port: u16,
    server: Option<Child>,
    pub(crate) port: u16,
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.kill_server();
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// Writes a key pair for service account tokens, which the server wants though no one uses them here.
fn write_keys(dir: &Path) {
    let random = ring::rand::SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap();
    // SubjectPublicKeyInfo of a point on P-256: RFC 5480.
    let mut public = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    public.extend_from_slice(pair.public_key().as_ref());
    std::fs::write(dir.join("sa.key"), pem("PRIVATE KEY", key.as_ref())).unwrap();
    std::fs::write(dir.join("sa.pub"), pem("PUBLIC KEY", &public)).unwrap();
    let tokens = format!("{TOKEN},admin,admin,\"system:masters\"\n{NOBODY},nobody,nobody\n");
    std::fs::write(dir.join("tokens.csv"), tokens).unwrap();
}

impl ControlPlane {
    /// Starts both programs and waits until the server is ready.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_keys(dir.path());
        let (etcd_port, peer, port) = (free_port(), free_port(), free_port());
        let (client, peers) = (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peer}"));
        let etcd = Command::new(find("etcd").unwrap())
            .arg("--data-dir")
            .arg(dir.path().join("etcd"))
            .args(["--unsafe-no-fsync", "--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .arg(format!("--initial-cluster=default={peers}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("etcd.log")).unwrap())
            .spawn()
            .unwrap();
        let mut plane = Self { dir, etcd, etcd_port, server: None, port };
        plane.start_server();
        plane
    }

    /// Starts the API server, on the same port as before.
    pub(crate) fn start_server(&mut self) {
        assert!(self.server.is_none(), "one server at a time");
        let dir = self.dir.path();
        let log = std::fs::File::options().create(true).append(true).open(dir.join("server.log")).unwrap();
        let file = |name: &str| dir.join(name).display().to_string();
        let server = Command::new(find("kube-apiserver").unwrap())
            .arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port))
            .arg(format!("--secure-port={}", self.port))
            .arg(format!("--cert-dir={}", file("certs")))
            .arg(format!("--service-account-key-file={}", file("sa.pub")))
            .arg(format!("--service-account-signing-key-file={}", file("sa.key")))
            .arg(format!("--token-auth-file={}", file("tokens.csv")))
            .args([
                "--bind-address=127.0.0.1",
                "--service-cluster-ip-range=10.0.0.0/16",
                "--authorization-mode=RBAC",
            ])
            .args(["--service-account-issuer=https://kubernetes.default.svc", "--shutdown-delay-duration=0s"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
    }

    /// Ends the API server at once.
    pub(crate) fn kill_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Asks the API server to end, and makes it after a while.
    pub(crate) fn terminate_server(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let asked = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
        let until = Instant::now() + Duration::from_secs(5);
        while asked.is_ok() && Instant::now() < until {
            if server.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = server.kill();
        let _ = server.wait();
    }

    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        text.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    }

    /// Makes etcd forget all versions up to its present one; returns that.
    pub(crate) fn compact(&self) -> u64 {
        let head = self.etcd("/v3/kv/range", r#"{"key":"AA==","limit":1}"#);
        let revision = head["header"]["revision"].as_str().unwrap().to_owned();
        let answer =
            self.etcd("/v3/kv/compaction", &format!(r#"{{"revision":"{revision}","physical":true}}"#));
        assert!(answer["header"].is_object(), "{answer}");
        revision.parse().unwrap()
    }

    /// Posts to etcd's gateway.
    fn etcd(&self, path: &str, body: &str) -> serde_json::Value {
        let address = SocketAddr::from(([127, 0, 0, 1], self.etcd_port));
        let mut tcp = TcpStream::connect(address).unwrap();
        write!(
            tcp,
            "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }
}
