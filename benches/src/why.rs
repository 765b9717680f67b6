//! Causes: the time of a question on a log of many events, and how much memory the index takes.

use std::time::Duration;

use drift_core::Until;
use drift_core::cause::{CauseIndex, Explanation};
use drift_core::schema::SchemaSet;
use drift_core::{Event, Position, ResourceKey};
use serde_json::json;

use crate::Failure;
use crate::fleet::{self, Chain, DesiredApp, Log};
use crate::measure::{Clock, percentile};

/// Events between two looks at the clock.
const BATCH: usize = 1000;
/// Every so many chains one breaks.
const BREAKS: usize = 40;
/// Names of what breaks, in turn.
const FAULTS: [&str; 7] = ["image", "config key", "crash", "selector", "unschedulable", "quota", "node"];

/// A question with what it is about and where its answer lies.
struct Question {
    about: &'static str,
    key: ResourceKey,
    asked_at: Position,
    root: ResourceKey,
}

pub(crate) fn run(events: usize) -> Result<(), Failure> {
    let chains = (events / 60).max(BREAKS * FAULTS.len());
    let before = resident();
    let mut timeline = CauseIndex::default();
    let mut feeding = Duration::ZERO;
    let mut raw = 0;
    let mut batch: Vec<Event> = Vec::new();
    let mut apply = |batch: &mut Vec<Event>| {
        let start = Clock::start();
        batch.iter().for_each(|e| timeline.apply(e));
        feeding += start.elapsed().1;
        batch.clear();
    };
    // Reading the clock takes as long as an event, so it is read for many.
    let mut feed = |event: &Event| {
        raw += event.object().map_or(0, |o| o.doc().to_json().len());
        batch.push(event.clone());
        if batch.len() == BATCH {
            apply(&mut batch);
        }
    };
    let questions = play(events, chains, &mut feed);
    apply(&mut batch);
    let start = Clock::start();
    timeline.settle();
    feeding += start.elapsed().1;
    let (resources, open, ever) = timeline.graph().size();
    println!(
        "{} events, {} MB of raw JSON, {resources} resources, {open} edges, {ever} ever",
        timeline.events(),
        raw >> 20
    );
    println!(
        "feeding: {:.1} µs of processor time an event",
        feeding.as_secs_f64() * 1e6 / timeline.events() as f64
    );
    println!(
        "versions held: {:.3} of the JSON, {} MB",
        timeline.heap_size() as f64 / raw as f64,
        timeline.heap_size() >> 20
    );
    if let (Some(before), Some(now)) = (before, resident()) {
        println!("resident, graph included: {} MB", now.saturating_sub(before) >> 20);
    }
    ask(&timeline, &questions);
    Ok(())
}

fn ask(timeline: &CauseIndex, questions: &[Question]) {
    let schemas = SchemaSet::bundled();
    let (mut all, mut all_busy) = (Vec::new(), Vec::new());
    for about in FAULTS.iter().copied().chain(["nothing wrong"]) {
        let (mut times, mut busy) = (Vec::new(), Vec::new());
        let (mut right, mut count) = (0, 0);
        for q in questions.iter().filter(|q| q.about == about) {
            for until in [Until::End, Until::Position(q.asked_at)] {
                let start = Clock::start();
                let answer = timeline.investigation(until, &schemas).why(&q.key);
                let (wall, cpu) = start.elapsed();
                times.push(wall);
                busy.push(cpu);
                if right == count && !is_right(&answer, q) {
                    show(&answer, q, until);
                }
                right += usize::from(is_right(&answer, q));
                count += 1;
            }
        }
        all.extend(times.iter().copied());
        all_busy.extend(busy.iter().copied());
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        println!(
            "{about:>14}: {count:>5} questions, p50 {p50:>9.1?}, p99 {p99:>9.1?}; of the processor p50 {:>9.1?}, p99 {:>9.1?}; first cause right {right}",
            percentile(&mut busy, 0.5),
            percentile(&mut busy, 0.99),
        );
    }
    let (p50, p99) = (percentile(&mut all, 0.5), percentile(&mut all, 0.99));
    let (busy50, busy99) = (percentile(&mut all_busy, 0.5), percentile(&mut all_busy, 0.99));
    println!(
        "why, all: p50 {p50:.1?}, p99 {p99:.1?} (budget 100 ms); of the processor p50 {busy50:.1?}, p99 {busy99:.1?}"
    );
}

/// Shows the first wrong answer of its sort: a wrong one does not count as fast.
fn show(answer: &Explanation, q: &Question, until: Until) {
    println!("{:>14}: wrong about {} at {until:?}: {:?}", q.about, q.key, answer.abstained_because);
    for symptom in &answer.symptoms {
        println!("{:>16}{:?} of {}", "", symptom.fault.kind, symptom.fault.on);
    }
    for c in answer.causes.iter().take(3) {
        println!("{:>16}{:.2} {} {:?} {:?}", "", c.score, c.root.key, c.candidate.parts, c.candidate.notes);
    }
}

fn is_right(answer: &Explanation, q: &Question) -> bool {
    match q.about {
        "nothing wrong" => answer.abstained_because.is_some(),
        _ => answer.explaining().next().is_some_and(|c| c.root.key == q.root),
    }
}

/// Returns the bytes of memory that this process has, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? << 10)
}

/// Plays the log: the estate comes to be, statuses move, and in the last third some chains break.
fn play(events: usize, chains: usize, feed: &mut impl FnMut(&Event)) -> Vec<Question> {
    let mut log = Log::default();
    for n in 0..fleet::nodes(chains) {
        feed(&log.applied(fleet::node(n, "True", "2023-01-01T00:00:00Z")));
    }
    for n in 0..chains {
        if n.is_multiple_of(100) {
            fleet::team(n / 100, 1000).into_iter().for_each(|o| feed(&log.applied(o)));
        }
        Chain(n).resources().into_iter().for_each(|o| feed(&log.applied(o)));
    }
    let mut questions = Vec::new();
    let broken: Vec<_> = (0..chains).step_by(BREAKS).collect();
    // What runs on a node that goes down is not fine.
    let is_node = |(i, _): &(usize, &usize)| FAULTS[i % FAULTS.len()] == "node";
    let down: Vec<_> = broken.iter().enumerate().filter(is_node).map(|(_, n)| Chain(*n).node()).collect();
    let calm = events * 2 / 3;
    let pause = (events.saturating_sub(calm) / broken.len().max(1)).max(1);
    let mut moved = 0_usize;
    while log.len() < calm {
        moved += 1;
        feed(&stir(&mut log, moved, chains));
    }
    for (i, n) in broken.into_iter().enumerate() {
        let about = FAULTS[i % FAULTS.len()];
        let (key, root) = break_it(&mut log, Chain(n), about, feed);
        questions.push(Question { about, key, root, asked_at: Position::new(log.len() as u64) });
        for _ in 0..pause {
            if log.len() < events {
                moved += 1;
                feed(&stir(&mut log, moved, chains));
            }
        }
        let fine = Chain(n + 1);
        if down.contains(&fine.node()) {
            continue;
        }
        let key = ResourceKey::new("apps", "Deployment", &fine.namespace(), &fine.name());
        questions.push(Question {
            about: "nothing wrong",
            root: key.clone(),
            key,
            asked_at: Position::new(log.len() as u64),
        });
    }
    questions
}

/// A status that moves and says nothing.
fn stir(log: &mut Log, n: usize, chains: usize) -> Event {
    // Chains that break keep still, or their last version would be a sound one.
    let n_th = n.wrapping_mul(2_654_435_761) % chains;
    let chain = Chain(if n_th.is_multiple_of(BREAKS) { (n_th + 1) % chains } else { n_th });
    let at = "2023-01-01T00:00:00Z";
    let mut object = match n % 4 {
        0 => chain.deployment(DesiredApp::FIRST, 1),
        1 => chain.slice(DesiredApp::FIRST, true),
        _ => chain.pod(DesiredApp::FIRST, None, n as u64, at),
    };
    object["metadata"]["creationTimestamp"] = json!(at);
    object["metadata"]["annotations"] = json!({});
    object["status"]["moved"] = json!(n);
    log.applied(object)
}

/// Breaks a chain; returns what to ask about and the changed resource.
fn break_it(
    log: &mut Log,
    chain: Chain,
    about: &str,
    feed: &mut impl FnMut(&Event),
) -> (ResourceKey, ResourceKey) {
    let old = "2023-01-01T00:00:00Z";
    let kept = |mut o: serde_json::Value| {
        o["metadata"]["creationTimestamp"] = json!(old);
        o
    };
    let ns = chain.namespace();
    let key = |group: &str, kind: &str, name: &str| ResourceKey::new(group, kind, &ns, name);
    let pod_key = |round: u32| key("", "Pod", &format!("{}-r{round}-p", chain.name()));
    let mut put = |log: &mut Log, object| feed(&log.applied(object));
    let at = "2023-11-14T23:59:59Z";
    match about {
        "image" | "unschedulable" => {
            let (desired, reason, text) = if about == "image" {
                (
                    DesiredApp { image: "app:1.O", round: 1, ..DesiredApp::FIRST },
                    "ImagePullBackOff",
                    "Back-off pulling image \"registry.example.com/app:1.O\"",
                )
            } else {
                (
                    DesiredApp { cpu: "64", round: 1, ..DesiredApp::FIRST },
                    "Unschedulable",
                    "0/200 nodes are available: 200 Insufficient cpu.",
                )
            };
            put(log, kept(chain.deployment(desired, 1)));
            put(log, chain.replica_set(desired, None));
            put(log, chain.pod(desired, Some((reason, text)), 0, at));
            (pod_key(1), key("apps", "Deployment", &chain.name()))
        }
        "config key" => {
            put(log, kept(chain.config(DesiredApp { key: "Mode", ..DesiredApp::FIRST }, "fast")));
            let text = format!("couldn't find key mode in ConfigMap {ns}/{}", chain.name());
            restart(log, chain, ("CreateContainerConfigError", &text), feed);
            (pod_key(0), key("", "ConfigMap", &chain.name()))
        }
        "crash" => {
            put(log, kept(chain.config(DesiredApp::FIRST, "turbo")));
            restart(
                log,
                chain,
                ("CrashLoopBackOff", "back-off restarting failed container: unknown mode turbo"),
                feed,
            );
            (pod_key(0), key("", "ConfigMap", &chain.name()))
        }
        "selector" => {
            put(log, kept(chain.service("nobody")));
            put(log, kept(chain.slice(DesiredApp::FIRST, false)));
            (key("", "Service", &chain.name()), key("", "Service", &chain.name()))
        }
        "quota" => {
            put(log, fleet::team(chain.team(), 50).swap_remove(1));
            let desired = DesiredApp { image: "app:1.2", round: 1, ..DesiredApp::FIRST };
            put(log, kept(chain.deployment(desired, 0)));
            let text = format!(
                "pods \"{}-r1-p\" is forbidden: exceeded quota: room, requested: pods=1, used: pods=100, limited: pods=50",
                chain.name()
            );
            put(log, chain.replica_set(desired, Some(&text)));
            (key("apps", "ReplicaSet", &format!("{}-r1", chain.name())), key("", "ResourceQuota", "room"))
        }
        _ => {
            put(log, fleet::node(chain.node(), "Unknown", at));
            let mut pod = kept(chain.pod(DesiredApp::FIRST, None, 1, old));
            pod["status"]["conditions"][1]["status"] = json!("False");
            put(log, pod);
            (pod_key(0), ResourceKey::new("", "Node", "", &format!("node-{}", chain.node())))
        }
    }
}

/// The pod of a chain goes, and another one of the same name comes and waits, as in a set.
fn restart(log: &mut Log, chain: Chain, waits: (&str, &str), feed: &mut impl FnMut(&Event)) {
    let at = "2023-11-14T23:59:59Z";
    feed(&log.deleted(chain.pod(DesiredApp::FIRST, None, 2, "2023-01-01T00:00:00Z")));
    let mut pod = chain.pod(DesiredApp::FIRST, Some(waits), 2, at);
    pod["metadata"]["uid"] = json!(format!("again-{}", chain.0));
    feed(&log.applied(pod));
}
