//! The dependency graph: what an event costs, at three sizes of the graph and on recorded tapes.

use std::path::Path;
use std::time::Duration;

use drift_core::Event;
use drift_core::graph::DependencyGraph;
use drift_core::tape::TapeEvent;
use drift_sources::tape::{TapeOptions, TapeReader};

use crate::Failure;
use crate::fleet::{self, Chain, DesiredApp, Log};
use crate::measure::Clock;

const SIZES: [usize; 3] = [10_000, 30_000, 100_000];
/// Updates that are measured on a graph of each size.
const UPDATES: usize = 60_000;

pub(crate) fn run(tapes: Option<&Path>) -> Result<(), Failure> {
    let mut costs = Vec::new();
    for pods in SIZES {
        costs.push((pods, estate(pods)));
    }
    let ratio = costs[2].1 / costs[0].1;
    println!(
        "an update at 100,000 pods against one at 10,000: {ratio:.2} (budget 1.50; independent of size is 1)"
    );
    let mut all: Vec<_> = match tapes {
        Some(folder) => std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    all.sort_by_key(std::fs::DirEntry::path);
    let mut files: Vec<_> =
        all.iter().map(|f| f.path().join("tape.jsonl.gz")).filter(|p| p.exists()).collect();
    if files.is_empty() {
        files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/demo/shop.tape.jsonl.gz"));
    }
    let (mut events, mut time) = (0, Duration::ZERO);
    for file in files {
        let (n, took) = tape(&file)?;
        events += n;
        time += took;
    }
    println!("recorded tapes: {events} events, {:.1} µs an event", micros(time, events));
    Ok(())
}

fn micros(time: Duration, events: usize) -> f64 {
    time.as_secs_f64() * 1e6 / events.max(1) as f64
}

/// Folds an estate, then updates of it; returns the microseconds of an update.
fn estate(pods: usize) -> f64 {
    let mut log = Log::default();
    let mut graph = DependencyGraph::default();
    let mut building = Duration::ZERO;
    let fold = |graph: &mut DependencyGraph, events: &[Event]| {
        let start = Clock::start();
        events.iter().for_each(|e| graph.apply(e));
        start.elapsed().1
    };
    for n in 0..fleet::nodes(pods) {
        let event = log.applied(fleet::node(n, "True", "2023-01-01T00:00:00Z"));
        building += fold(&mut graph, &[event]);
    }
    for n in 0..pods {
        let chain = Chain(n);
        let mut events = Vec::new();
        if n.is_multiple_of(100) {
            events.extend(fleet::team(chain.team(), 1000).into_iter().map(|o| log.applied(o)));
        }
        events.extend(chain.resources().into_iter().map(|o| log.applied(o)));
        building += fold(&mut graph, &events);
    }
    let built = log.len();
    let updating = (0..UPDATES / 6).map(|n| fold(&mut graph, &updates(&mut log, n, pods))).sum();
    let (resources, open, _) = graph.size();
    let update = micros(updating, log.len() - built);
    println!(
        "{pods} pods: {resources} resources, {open} edges; building {:.1} µs an event, updating {update:.1} µs an event",
        micros(building, built)
    );
    update
}

/// What moves in a cluster: statuses, a rollout, a changed Service.
fn updates(log: &mut Log, n: usize, pods: usize) -> Vec<Event> {
    let chain = Chain(n.wrapping_mul(2_654_435_761) % pods);
    let at = "2023-11-14T22:13:20Z";
    let next = DesiredApp { round: 1, image: "app:1.1", ..DesiredApp::FIRST };
    vec![
        log.applied(chain.pod(DesiredApp::FIRST, None, n as u64, at)),
        log.applied(chain.deployment(next, 1)),
        log.applied(chain.replica_set(next, None)),
        log.applied(chain.pod(next, None, 0, at)),
        log.deleted(chain.pod(next, None, 0, at)),
        log.applied(chain.service(if n.is_multiple_of(2) { "nobody" } else { "app" })),
    ]
}

fn tape(file: &Path) -> Result<(usize, Duration), Failure> {
    let mut events = Vec::new();
    let mut log = Log::default();
    for line in TapeReader::open(file, TapeOptions::default())? {
        match line.map(|l| l.event) {
            Ok(TapeEvent::Listed(o) | TapeEvent::Added(o) | TapeEvent::Modified(o)) => {
                events.push(log.applied(o.root().to_value()));
            }
            Ok(TapeEvent::Deleted(o)) => events.push(log.deleted(o.root().to_value())),
            _ => {}
        }
    }
    let mut graph = DependencyGraph::default();
    let start = Clock::start();
    events.iter().for_each(|e| graph.apply(e));
    Ok((events.len(), start.elapsed().1))
}
