//! Counts of replicas and the like against how many there are to be.

use crate::health::verdict::{HealthVerdict, Subject};
use crate::health::words;
use crate::k8s::conditions::whole_number;
use crate::object::Node;

use super::{listed, maps};

/// Compares counts of replicas and the like with how many there are to be.
pub(in crate::health::conventions) fn replicas(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let status = subject.at(&["status"])?;
    let own = counts(status, subject.at(&["spec"]));
    maps(status)
        .chain(listed(status))
        .filter_map(|part| counts(part, None))
        .chain(own)
        .reduce(HealthVerdict::worse)
}

/// Replicas of an older spec that wait for their turn: a workload can be available and not be there yet.
///
/// Not where the spec holds some of them back on purpose.
pub(in crate::health::conventions) fn rollout(subject: &Subject<'_>) -> Option<HealthVerdict> {
    let wanted = subject.int(&["spec", "replicas"])?;
    let updated = subject.int(&["status", "updatedReplicas"]).filter(|n| *n < wanted)?;
    let strategies = ["updateStrategy", "strategy"].iter().filter_map(|f| subject.at(&["spec", f]));
    let mut fields =
        strategies.flat_map(|s| s.children().flat_map(|f| std::iter::once(f).chain(f.children())));
    if fields.any(|f| f.key() == "partition" || f.as_str() == Some("OnDelete")) {
        return None;
    }
    Some(HealthVerdict::progressing("RollingOut", format!("{updated} of {wanted} replicas are updated")))
}

/// What counts are about; the longer name before the one it begins with.
const COUNTED: &[&str] = &[
    "ready",
    "available",
    "updatedReady",
    "updatedAvailable",
    "updated",
    "upToDate",
    "online",
    "healthy",
    "running",
];
/// Names of how many there are to be, where the count has no noun: `ready` of `size`.
const WHOLES: &[&str] = &["desired", "size", "total", "expected", "replicas", "desiredReady", "count"];

/// Counts with names of their own, as a DaemonSet counts nodes and a budget what is there: how many are, of how many.
const PAIRS: &[(&str, &str, &str)] = &[
    ("numberReady", "desiredNumberScheduled", "ready"),
    ("numberAvailable", "desiredNumberScheduled", "available"),
    ("updatedNumberScheduled", "desiredNumberScheduled", "updated"),
    ("currentAvailable", "desiredAvailable", "available"),
    ("currentHealthy", "desiredHealthy", "healthy"),
];

/// How many of what there are to be are there.
struct Count<'a> {
    what: &'a str,
    there: i64,
    wanted: i64,
}

/// Compares the counts of one map: `readyReplicas` with `replicas`, `availableNodes` with `expectedNodes`.
fn counts(map: Node<'_>, spec: Option<Node<'_>>) -> Option<HealthVerdict> {
    let found: Vec<Count<'_>> = map.children().filter_map(|field| count(field, map, spec)).collect();
    if let Some(c) = found.iter().find(|c| c.there < c.wanted) {
        return Some(HealthVerdict::progressing(
            "Replicas",
            format!("{} of {} are {}", c.there, c.wanted, c.what),
        ));
    }
    if let Some(c) = found.first() {
        return Some(HealthVerdict::healthy("Replicas", format!("all of {} are {}", c.wanted, c.what)));
    }
    // How many there are, where nothing says how many work.
    let sizes = SIZES
        .iter()
        .filter_map(|name| Some((whole_number(map.get(name)?)?, whole_number(spec?.get(name)?)?)));
    if let Some((there, wanted)) = sizes.into_iter().next() {
        let message = format!("{there} of {wanted} are there");
        return Some(if there < wanted {
            HealthVerdict::progressing("Replicas", message)
        } else {
            HealthVerdict::healthy("Replicas", message)
        });
    }
    // A count of zero is left out when Go writes JSON, so no count means that none is ready.
    let expected = ["Replicas", "Nodes", "Members"].iter().find_map(|noun| {
        map.get(&format!("expected{noun}"))
            .or_else(|| map.get(&format!("desired{noun}")))
            .and_then(whole_number)
    });
    expected.filter(|n| *n > 0).map(|n| HealthVerdict::progressing("Replicas", format!("0 of {n} are ready")))
}

fn count<'a>(field: Node<'a>, map: Node<'_>, spec: Option<Node<'_>>) -> Option<Count<'a>> {
    let key = field.key();
    if let Some((ready, all)) = field.as_str().and_then(|t| t.split_once('/')) {
        return is_count_name(key).then_some(Count {
            what: "ready",
            there: ready.trim().parse().ok()?,
            wanted: all.trim().parse().ok()?,
        });
    }
    if let Some((_, all, what)) = PAIRS.iter().find(|(there, ..)| *there == key) {
        let wanted = map.get(all).and_then(whole_number)?;
        return Some(Count { what, there: whole_number(field)?, wanted });
    }
    if matches!(key, "ready" | "available" | "succeeded" | "completed" | "updated" | "upToDate" | "healthy") {
        let wanted = WHOLES.iter().find_map(|name| map.get(name).and_then(whole_number))?;
        return Some(Count { what: key, there: field.as_i64()?, wanted });
    }
    if let Some(count) = counted_noun(field, map, spec) {
        return Some(count);
    }
    let (what, noun) = COUNTED.iter().find_map(|p| Some((p, key.strip_prefix(p)?)))?;
    noun.starts_with(char::is_uppercase).then_some(())?;
    Some(Count { what, there: whole_number(field)?, wanted: wanted(noun, map, spec)? })
}

/// Reads `injectedTargetsCount` of `desiredTargetsCount`, `nodesReady` of `nodesTotal`, `currentReplicas` of the spec's.
fn counted_noun<'a>(field: Node<'a>, map: Node<'_>, spec: Option<Node<'_>>) -> Option<Count<'a>> {
    let there = whole_number(field)?;
    let (what, noun) = counted(field.key()).filter(|(what, _)| words::is_good(what))?;
    let wanted = match what.as_str() {
        // As many as there are now is not as many as work.
        "current" if noun == "replicas" && map.get("readyReplicas").is_none() => {
            spec?.get("replicas").and_then(whole_number)?
        }
        "current" => return None,
        _ => map.children().find_map(|other| {
            let (wanted, of) = counted(other.key())?;
            let is_whole =
                WANTED.contains(&wanted.as_str()) || (wanted == "total" && OF_TOTAL.contains(&what.as_str()));
            whole_number(other).filter(|_| is_whole && of == noun)
        })?,
    };
    Some(Count { what: field.key(), there, wanted })
}

const WANTED: &[&str] = &["desired", "expected", "wanted", "required", "requested"];
/// What is to be said of all there are; that not all of them run or are connected may be as it should.
const OF_TOTAL: &[&str] = &["ready", "available", "healthy", "updated", "deployed"];

/// Splits the name of a count into its participle and its noun: `readyNodes`, `nodesReady`, `readyNodesCount`.
fn counted(key: &str) -> Option<(String, String)> {
    let words = words::split(key);
    let parts: Vec<&str> =
        words.iter().filter(|w| !matches!(*w, "count" | "number" | "num" | "of")).collect();
    let is_participle = |word: &str| word == "total" || WANTED.contains(&word) || words::is_good(word);
    match parts.as_slice() {
        [first, noun @ ..] if is_participle(first) && !noun.is_empty() => {
            Some(((*first).to_owned(), noun.concat()))
        }
        [noun @ .., last] if is_participle(last) && !noun.is_empty() => {
            Some(((*last).to_owned(), noun.concat()))
        }
        _ => None,
    }
}

/// Returns `true` if `1/2` in a field of this name says how many there are: `readyReplicas`, `replicas`, `tasksReady`.
fn is_count_name(key: &str) -> bool {
    let words = words::split(key);
    words.iter().any(|w| ["ready", "available", "replicas", "nodes", "members", "instances"].contains(&w))
}

/// Returns how many there are to be of a noun.
fn wanted(noun: &str, map: Node<'_>, spec: Option<Node<'_>>) -> Option<i64> {
    let lower = lower_first(noun);
    let names = ["desired", "expected", "total", "target", "matched"].map(|p| format!("{p}{noun}"));
    let declared = spec.and_then(|s| s.get(&lower)).and_then(whole_number);
    let of_size = || {
        // Of members and replicas there is one number, whatever it is called.
        let one = matches!(noun, "Replicas" | "Members" | "Nodes" | "Instances" | "Pods");
        SIZES.iter().find_map(|name| spec.filter(|_| one)?.get(name).and_then(whole_number))
    };
    declared
        .or_else(|| map.get(&lower).and_then(whole_number))
        .or_else(|| names.iter().find_map(|name| map.get(name).and_then(whole_number)))
        .or_else(of_size)
}

/// Names of how many there are to be of what a spec asks for.
const SIZES: &[&str] = &["replicas", "size", "members", "nodes", "instances", "nodeCount", "clusterSize"];

fn lower_first(noun: &str) -> String {
    let mut chars = noun.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
