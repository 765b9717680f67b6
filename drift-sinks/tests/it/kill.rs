//! Killing a writer, and taking its disk away, at any moment. The writer is this test program, started again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use drift_core::{EventStore, EventStoreExt};
use drift_sinks::store::embedded::EmbeddedStore;
use futures::executor::block_on;

use crate::sample::{noisy, small};

const CHILD: &str = "DRIFT_TEST_WRITER";
const LARGE: &str = "DRIFT_TEST_LARGE_SEGMENTS";

/// Appends without end and says what was acknowledged; does nothing unless started by a test below.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let mut options = small();
    if std::env::var_os(LARGE).is_some() {
        options.segment_bytes = u64::MAX;
    }
    let store = EmbeddedStore::open_with(&dir, &options).unwrap();
    // The line feed, since what the test harness wrote of this line must not run into ours.
    println!("\nready");
    let start = block_on(store.last_position()).unwrap().get();
    std::thread::scope(|scope| {
        for caller in 0..3u64 {
            let store = &store;
            scope.spawn(move || {
                for round in 0.. {
                    // A large batch now and then: a write of many pages is one that a kill can tear.
                    let size = if round % 9 == 2 + caller { 120 } else { (round * 7 + caller) % 30 + 1 };
                    let batch = (0..size)
                        .flat_map(|i| noisy(&format!("web-{}", (round + i) % 11), start + round * 31 + i))
                        .collect();
                    let text = match block_on(store.append(batch)) {
                        Ok(events) => {
                            let line = |e: &drift_core::Event| format!("ack {} {:#}\n", e.position, e.id);
                            events.iter().map(line).collect::<String>()
                        }
                        Err(e) => format!("failed {e}\n"),
                    };
                    let failed = text.starts_with("failed");
                    // One write, so that lines of two callers do not mix. The parent being gone ends this too.
                    std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
                    if failed {
                        return;
                    }
                }
            });
        }
    });
}

/// What a writer said before it ended.
#[derive(Debug, Default)]
struct Said {
    acknowledged: BTreeMap<u64, String>,
    failed: Vec<String>,
}

fn said(out: impl std::io::Read, ready: &mpsc::Sender<()>) -> Said {
    let mut said = Said::default();
    for line in BufReader::new(out).split(b'\n').map(Result::unwrap) {
        let line = String::from_utf8(line).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            // The last line may be cut short.
            ["ack", position, id] if id.len() == 64 => {
                said.acknowledged.insert(position.parse().unwrap(), id.to_owned());
            }
            // Nobody waits for it where the kill comes early.
            ["ready"] => drop(ready.send(())),
            ["failed", ..] => said.failed.push(line),
            _ => {}
        }
    }
    said
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::writer", "--nocapture", "--test-threads=1"]).env(CHILD, dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Checks that all that was acknowledged is there, and returns what is there.
fn check(dir: &Path, acknowledged: &BTreeMap<u64, String>) -> BTreeMap<u64, String> {
    let store = EmbeddedStore::open_with(dir, &small()).unwrap();
    let all = block_on(store.read_all_to_end()).unwrap();
    let found: BTreeMap<_, _> = all.iter().map(|e| (e.position.get(), format!("{:#}", e.id))).collect();
    for (position, id) in acknowledged {
        assert_eq!(found.get(position), Some(id), "position {position} was acknowledged");
    }
    drop(store);
    let report = EmbeddedStore::verify(dir).unwrap();
    assert!(report.is_sound() && report.torn.is_none(), "{report:?}");
    assert_eq!(report.events, found.len() as u64);
    found
}

/// Kills the writer of one store again and again; returns how many events it acknowledged and how often its end was torn.
fn kill(seed: u64, times: usize) -> (usize, usize) {
    let dir = tempfile::tempdir().unwrap();
    let (mut random, mut known) = (seed, BTreeMap::new());
    let (mut acknowledged, mut torn) = (0, 0);
    for _ in 0..times {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = program(dir.path()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (ready, is_ready) = mpsc::channel();
        let reader = std::thread::spawn(move || said(out, &ready));
        // Most kills come while it appends, some while it starts, makes the store or recovers.
        if random % 8 > 0 {
            is_ready.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        std::thread::sleep(Duration::from_micros(random / 8 % 80_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = reader.join().unwrap();
        assert_eq!(said.failed, Vec::<String>::new());
        acknowledged += said.acknowledged.len();
        known.extend(said.acknowledged);
        let open = EmbeddedStore::open_with(dir.path(), &small()).unwrap();
        torn += usize::from(open.recovered().is_some());
        drop(open);
        known = check(dir.path(), &known);
    }
    (acknowledged, torn)
}

#[test]
fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    const STORES: u64 = 20;
    const TIMES: usize = 10;
    let next = AtomicU64::new(1);
    let work = || {
        let (mut acknowledged, mut torn) = (0, 0);
        while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n <= STORES) {
            let done = kill(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), TIMES);
            (acknowledged, torn) = (acknowledged + done.0, torn + done.1);
        }
        (acknowledged, torn)
    };
    let (acknowledged, torn) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    println!("{acknowledged} events acknowledged in 200 runs, {torn} ends were torn");
    assert!(acknowledged > 1000, "the writer hardly got to work: {acknowledged}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_loses_nothing_that_was_acknowledged() {
    // A limit on the size of files stands for a full disk: writing beyond it fails half way, as there. Rotation is
    // off, so that the log runs into it. `trap ''` turns the signal that comes along into an error.
    for blocks in [24, 25, 61, 100] {
        let dir = tempfile::tempdir().unwrap();
        let limited = program(dir.path());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""));
        shell.arg(limited.get_program()).args(limited.get_args()).env(CHILD, dir.path());
        shell.env(LARGE, "1").stdin(Stdio::null()).stderr(Stdio::null());
        let output = shell.stdout(Stdio::piped()).output().unwrap();
        let said = said(&output.stdout[..], &mpsc::channel().0);
        assert_eq!(said.failed.len(), 3, "{}", String::from_utf8_lossy(&output.stdout));
        assert!(said.failed[0].contains("the store is unavailable: writing to segment 1"), "{said:?}");
        let found = check(dir.path(), &said.acknowledged);
        assert_eq!(found.len(), said.acknowledged.len(), "nothing that failed is there");
    }
}
