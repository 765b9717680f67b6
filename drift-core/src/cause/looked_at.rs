//! What was looked at of a resource that shows no fault: what it promises, and what is seen of it.
//!
//! Somebody asks because something is not as it should be. That no fault shows is no answer then: the wanted version may not
//! be the one that runs, the controller may not have seen the newest specification, replicas may have come and gone, and what
//! reads the resource may be ill of it.

use jiff::Timestamp;

use crate::graph::Relation;
use crate::history::RecordedVersion;
use crate::k8s::conditions::{Condition, Conditions, Truth, whole_number};
use crate::k8s::pod::pod_spec;
use crate::k8s::status::container_statuses;
use crate::key::ResourceKey;
use crate::object::{Kind, Node, Object};
use crate::time::format_time;

use super::investigation::Investigation;
use super::lineage::pods_of;

/// Most observations of one subject.
const MAX_ALIKE: usize = 3;

/// Longest text of a status that is quoted, in characters.
const MAX_TEXT: usize = 160;

/// One thing that was looked at, with what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// What was looked at.
    pub subject: LookedAtSubject,
    /// Whether it is as the resource promises.
    pub as_promised: bool,
    /// What was seen, for people.
    pub text: String,
}

/// What is looked at of a resource that shows no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LookedAtSubject {
    /// The words of its status.
    Status,
    /// Its generation against the one that its controller has seen.
    Generation,
    /// Version or image that is wanted, against what runs.
    Version,
    /// Replicas now, and whether they came and went.
    Replicas,
    /// Whether containers were started again.
    Restarts,
    /// Kubernetes Events of type `Warning` about it.
    Warnings,
    /// What depends on it.
    Dependents,
}

impl LookedAtSubject {
    /// Returns the name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Generation => "generation",
            Self::Version => "version",
            Self::Replicas => "replicas",
            Self::Restarts => "restarts",
            Self::Warnings => "warnings",
            Self::Dependents => "dependents",
        }
    }
}

/// Looks at what a resource promises; what is not as promised comes first.
pub(super) fn looked_at(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<LookedAt> {
    let Some(object) = investigation.history.now(key) else { return Vec::new() };
    let root = object.root();
    let pods = pods(investigation, key);
    let mut out = Vec::new();
    out.extend(status(object, investigation));
    out.extend(generation(root));
    out.extend(versions(root, &pods));
    out.extend(replicas(root, investigation.history.versions(key)));
    out.extend(restarts(&pods));
    out.extend(warnings(investigation, key));
    out.extend(dependents(investigation, key));
    out.sort_by_key(|one| (one.as_promised, one.subject));
    out
}

fn seen(subject: LookedAtSubject, as_promised: bool, text: String) -> LookedAt {
    LookedAt { subject, as_promised, text }
}

/// Returns the pods of a resource that are there: itself, or those that it made.
fn pods<'a>(investigation: &'a Investigation<'_>, key: &ResourceKey) -> Vec<(ResourceKey, &'a Object)> {
    let all = if key.group_kind() == ("", "Pod") { vec![key.clone()] } else { pods_of(investigation, key) };
    let there = |k: ResourceKey| investigation.history.now(&k).map(|o| (k, &**o));
    all.into_iter().filter_map(there).collect()
}

fn status(object: &Object, investigation: &Investigation<'_>) -> Vec<LookedAt> {
    use LookedAtSubject::Status;
    let root = object.root();
    let Some(status) = root.get("status").filter(|s| !s.is_empty()) else {
        let text = "it has no status: it reports nothing about itself".to_owned();
        return vec![seen(Status, true, text)];
    };
    let now = investigation.history.end().map_or(Timestamp::UNIX_EPOCH, |end| end.time);
    let health = investigation.health_of(object, now);
    let mut words = format!("its status reads {:?}", health.status);
    if !health.message.is_empty() {
        words = format!("{words}: {}", beginning(&health.message));
    }
    let mut out = vec![seen(Status, true, words)];
    let all = Conditions::of(status.get("conditions"));
    let (good, other): (Vec<&Condition<'_>>, Vec<_>) = all.iter().partition(|c| c.is_true());
    if !good.is_empty() {
        let names: Vec<_> = good.iter().map(|c| c.name).collect();
        out.push(seen(Status, true, format!("conditions that are true: {}", names.join(", "))));
    }
    for condition in other.into_iter().take(MAX_ALIKE) {
        let truth = if condition.truth == Truth::False { "False" } else { "Unknown" };
        let reason =
            if condition.reason.is_empty() { String::new() } else { format!(" ({})", condition.reason) };
        let since = condition.since.map_or_else(String::new, |t| format!(" since {}", format_time(t)));
        let says = if condition.message.is_empty() {
            String::new()
        } else {
            format!(": {}", beginning(condition.message))
        };
        out.push(seen(Status, true, format!("condition {} is {truth}{reason}{since}{says}", condition.name)));
    }
    out
}

fn generation(root: Node<'_>) -> Option<LookedAt> {
    let wanted = root.at(&["metadata", "generation"]).and_then(whole_number)?;
    let observed = root.at(&["status", "observedGeneration"]).and_then(whole_number)?;
    let text = if observed < wanted {
        format!(
            "its controller has seen generation {observed}, and the specification is at generation {wanted}"
        )
    } else {
        format!("its controller has seen the newest specification (generation {wanted})")
    };
    Some(seen(LookedAtSubject::Generation, observed >= wanted, text))
}

/// Compares versions and images that are wanted with those that run.
fn versions(root: Node<'_>, pods: &[(ResourceKey, &Object)]) -> Vec<LookedAt> {
    use LookedAtSubject::Version;
    let mut out = Vec::new();
    for name in ["version", "image", "tag", "release"] {
        let Some(wanted) = root.at(&["spec", name]).and_then(|n| n.as_str()) else { continue };
        let capital = format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]);
        let names = [
            name.to_owned(),
            format!("current{capital}"),
            format!("observed{capital}"),
            format!("running{capital}"),
        ];
        let reported = names.iter().find_map(|n| root.str_at(&["status", n]));
        if let Some(reported) = reported {
            let is_same = same_version(wanted, reported);
            let text = match is_same {
                true => format!("{name} {wanted} is wanted, and its status reports it"),
                false => format!("{name} {wanted} is wanted, and its status reports {reported}"),
            };
            out.push(seen(Version, is_same, text));
        }
    }
    let wanted = pod_template(root).map(images).unwrap_or_default();
    for (container, image) in wanted.iter().take(MAX_ALIKE) {
        let others: Vec<_> = pods
            .iter()
            .filter_map(|(key, pod)| {
                let running = pod_spec(pod).map(|(_, spec)| images(spec)).unwrap_or_default();
                let found = running.into_iter().find(|(name, _)| name == container)?.1;
                (found != *image).then(|| format!("{key} runs {found}"))
            })
            .collect();
        let (is_same, text) = match (pods.len(), others.is_empty()) {
            (0, _) => (true, format!("container {container} wants {image}; no pod of it is there")),
            (n, true) => (true, format!("container {container} wants {image}, and {} it", all_run(n))),
            (_, false) => {
                let shown = others.iter().take(MAX_ALIKE).cloned().collect::<Vec<_>>().join(", ");
                (false, format!("container {container} wants {image}, and {shown}"))
            }
        };
        out.push(seen(Version, is_same, text));
    }
    out
}

fn all_run(pods: usize) -> String {
    if pods == 1 { "its pod runs".to_owned() } else { format!("all {pods} pods run") }
}

/// Returns `true` if two versions are the same: a leading `v` and parts that one of them leaves out tell nothing.
fn same_version(wanted: &str, reported: &str) -> bool {
    let plain = |v: &str| v.trim_start_matches('v').to_owned();
    let (wanted, reported) = (plain(wanted), plain(reported));
    let begins = |whole: &str, part: &str| {
        whole
            .strip_prefix(part)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+', '@', ' ']))
    };
    begins(&reported, &wanted) || begins(&wanted, &reported)
}

fn pod_template(root: Node<'_>) -> Option<Node<'_>> {
    root.at(&["spec", "template", "spec"])
}

/// Returns the containers of a pod specification with their images.
fn images(spec: Node<'_>) -> Vec<(String, String)> {
    let all = spec.get("containers").into_iter().flat_map(Node::children);
    let one = |c: Node<'_>| Some((c.str_at(&["name"])?.to_owned(), c.str_at(&["image"])?.to_owned()));
    all.filter_map(one).collect()
}

/// Replicas that are wanted and ready in one version.
fn ready_of(root: Node<'_>) -> Option<(i64, i64)> {
    let number = |path: &[&str]| root.at(path).and_then(Node::as_i64);
    let status = root.get("status").filter(|s| s.kind() == Kind::Map)?;
    if let Some(wanted) = number(&["status", "desiredNumberScheduled"]) {
        return Some((wanted, number(&["status", "numberReady"]).unwrap_or(0)));
    }
    // What counts no replicas in its status promises none.
    let counts = ["replicas", "readyReplicas", "availableReplicas"].iter().any(|f| status.get(f).is_some());
    let wanted = number(&["spec", "replicas"]).filter(|_| counts)?;
    let ready = number(&["status", "readyReplicas"]).or_else(|| number(&["status", "availableReplicas"]));
    Some((wanted, ready.unwrap_or(0)))
}

fn replicas(root: Node<'_>, versions: &[RecordedVersion]) -> Vec<LookedAt> {
    use LookedAtSubject::Replicas;
    let Some((wanted, ready)) = ready_of(root) else { return Vec::new() };
    let now = format!("{ready} of {wanted} replicas are ready");
    let mut out = vec![seen(Replicas, ready >= wanted, now)];
    let mut drops: Vec<(Timestamp, i64, i64)> = Vec::new();
    let (mut was_full, mut full_since) = (false, None);
    for version in versions {
        let Some((wanted, ready)) = version.object.as_ref().and_then(|o| ready_of(o.root())) else {
            continue;
        };
        if ready >= wanted {
            full_since = (!was_full).then_some(version.at.time).or(full_since);
        } else if was_full {
            drops.push((version.at.time, ready, wanted));
        }
        was_full = ready >= wanted;
    }
    if !drops.is_empty() {
        let last: Vec<_> = drops.iter().rev().take(MAX_ALIKE).rev().collect();
        let shown: Vec<_> =
            last.iter().map(|(at, ready, of)| format!("{} ({ready} of {of})", format_time(*at))).collect();
        let back = full_since.filter(|_| was_full);
        let back =
            back.map_or_else(String::new, |at| format!("; all are ready again since {}", format_time(at)));
        let times = if drops.len() == 1 { "once".to_owned() } else { format!("{} times", drops.len()) };
        out.push(seen(Replicas, false, format!("replicas were lost {times}: {}{back}", shown.join(", "))));
    }
    out
}

fn restarts(pods: &[(ResourceKey, &Object)]) -> Vec<LookedAt> {
    let mut out = Vec::new();
    for (key, pod) in pods {
        for container in container_statuses(pod.root()).filter(|c| c.restarts() > 0) {
            let ended = container.last_termination().map_or_else(String::new, |t| {
                let when = t.finished.map_or_else(String::new, |at| format!(" at {}", format_time(at)));
                format!("; the last one ended with {} (exit code {}){when}", t.reason, t.exit_code)
            });
            let text = format!(
                "container {} of {key} was started again {}{ended}",
                container.name(),
                times(container.restarts())
            );
            out.push(seen(LookedAtSubject::Restarts, false, text));
        }
    }
    if out.is_empty() && !pods.is_empty() {
        out.push(seen(LookedAtSubject::Restarts, true, "no container was started again".to_owned()));
    }
    out.truncate(MAX_ALIKE);
    out
}

fn times(n: i64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

fn warnings(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<LookedAt> {
    let all = investigation.history.kubernetes_events(key).iter().rev().filter(|e| e.is_warning);
    let mut out: Vec<LookedAt> = Vec::new();
    for event in all {
        let text = format!(
            "a Warning at {} ({}): {}",
            format_time(event.mark.at.time),
            event.reason,
            beginning(&event.message)
        );
        if out.len() < MAX_ALIKE && out.iter().all(|o| o.text != text) {
            out.push(seen(LookedAtSubject::Warnings, false, text));
        }
    }
    out
}

/// Names what depends on a resource and is not well: the fault may show there.
fn dependents(investigation: &Investigation<'_>, key: &ResourceKey) -> Vec<LookedAt> {
    let mut out: Vec<LookedAt> = Vec::new();
    let depends = |r: Relation| {
        !matches!(r, Relation::OwnedBy | Relation::Within | Relation::RunsOn | Relation::DefinedBy)
    };
    let mut looked = 0;
    for edge in investigation.graph.ever_to(key).into_iter().filter(|e| depends(e.relation)) {
        let is_there = investigation.history.now(edge.from).is_some();
        looked += usize::from(is_there);
        if !is_there || out.len() >= MAX_ALIKE || looked > 50 {
            continue;
        }
        if let Some(fault) = investigation.faults_of(edge.from).first() {
            let text = format!("{} ({} it) is not well: {}", edge.from, edge.relation.word(), fault.kind);
            out.push(seen(LookedAtSubject::Dependents, false, text));
        }
    }
    if out.is_empty() && looked > 0 {
        let what =
            if looked == 1 { "1 resource depends".to_owned() } else { format!("{looked} resources depend") };
        out.push(seen(
            LookedAtSubject::Dependents,
            true,
            format!("{what} on it, and none of them shows a fault"),
        ));
    }
    out
}

/// Returns the beginning of a text on one line.
fn beginning(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
