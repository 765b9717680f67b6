//! Counterfactual checks: had this change not been made, would the failing condition hold?
//!
//! Each check decides from recorded objects alone. What needs the application's own code, a registry or a network is
//! undecided, and said to be so.

mod admission;
mod network;
mod network_policy;
#[cfg(test)]
mod oracles;
mod rbac;
mod rollout;
mod scheduler_message;
mod scheduling;
mod storage;

pub(super) use rollout::keeps_apart;
pub(super) use scheduler_message::Refusals;

use crate::k8s::pod::{ConfigSource, ConfigUse, config_uses, pod_spec, template_labels};
use crate::k8s::resources::quantity_nanos;
use crate::k8s::selector::Selector;
use crate::k8s::status::is_node_ready;
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use super::Investigation;
use super::class::ChangeKind;
use super::effects::CandidateRole;
use super::reach::{Reached, names};
use crate::fault::{Fault, FaultKind};
use crate::history::Moment;
use crate::history::{Change, ResourceOp};

/// What a counterfactual check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterfactualVerdict {
    /// Undoing the change would make the failing condition true.
    Holds,
    /// It would not: the condition fails without the change too, or held with it.
    Fails,
    /// Cannot be decided from recorded objects.
    Undecided,
}

impl CounterfactualVerdict {
    /// Names it as reports do.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }

    /// Makes one of whether the condition holds before and after a change.
    fn of(before: bool, after: bool) -> Self {
        if before && !after { Self::Holds } else { Self::Fails }
    }
}

/// A verdict with what was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterfactual {
    /// The verdict.
    pub verdict: CounterfactualVerdict,
    /// What was compared, for people.
    pub text: String,
}

impl Counterfactual {
    pub(super) fn undecided() -> Self {
        Self { verdict: CounterfactualVerdict::Undecided, text: String::new() }
    }

    pub(super) fn new(verdict: CounterfactualVerdict, text: impl Into<String>) -> Self {
        Self { verdict, text: text.into() }
    }
}

/// Checks one change against one fault.
pub(super) fn prove(
    case: &Investigation<'_>,
    fault: &Fault,
    reached: &Reached,
    change: &Change,
    class: ChangeKind,
    ports: &[u16],
) -> Counterfactual {
    use ChangeKind as C;
    use FaultKind as F;
    if let Some(proof) = of_numbers(case, fault, change, class) {
        return proof;
    }
    match (fault.kind, class) {
        (F::ConfigMissing | F::Mount | F::Crash | F::NotReady, C::ConfigData | C::SecretData) => {
            config(case, fault, change)
        }
        (
            F::ConfigMissing | F::Mount,
            C::Env | C::Volumes | C::Containers | C::InitContainers | C::OtherTemplate,
        ) => reference(case, fault, change),
        (F::ImagePull, C::Image) => image(case, fault, change),
        (F::OutOfMemory, C::Limits) => memory(case, change),
        (F::Unschedulable, _) => scheduling::prove(case, fault, change, class),
        (F::OverQuota, _) => admission::quota(case, fault, change, class),
        (F::PodSecurity, C::NamespaceAdmission) => admission::pod_security(fault, change),
        (F::LimitRange, C::LimitRangeSpec) => admission::limit_range(fault, change),
        (F::Webhook | F::Refused, C::WebhookConfig | C::AdmissionPolicy) => {
            admission::webhook(case, fault, change)
        }
        (F::NoIdentity, C::Identity | C::PodIdentity) => identity(case, fault, change),
        (F::NoEndpoints, C::ServiceSelector) => selector(case, fault, change),
        (F::NoEndpoints, C::PodLabels | C::ScaledToZero | C::OtherTemplate) => {
            backing(case, fault, change, class)
        }
        (F::PortMismatch, _) => network::target_port(case, fault, change),
        (
            F::NotReady | F::Crash | F::LivenessKill | F::Webhook | F::Refused | F::BrokenRoute,
            C::ServicePorts,
        ) => network::port(change, ports),
        (_, C::ServiceSelector) if change.op == ResourceOp::Update => selector(case, fault, change),
        (_, C::WebhookConfig | C::AdmissionPolicy) if reached.place == CandidateRole::AdmissionWebhook => {
            admission::mutation(case, fault, change)
        }
        (F::SyncFailed, C::Revision) => revision(case, fault, change),
        (F::ConfigMissing, C::Security) => root_user(fault),
        (F::Mount, C::Replicas | C::Rollout) => storage::shared_volume(fault, change),
        (F::Crash | F::NotReady | F::LivenessKill, C::PodLabels)
            if reached.place == CandidateRole::SelfOrOwner =>
        {
            network::labels(case, fault, change)
        }
        (F::Crash | F::NotReady | F::LivenessKill, C::PodDns) => name_lookup(fault, change),
        (_, C::ServiceSelector)
            if change.op == ResourceOp::Delete && reached.place == CandidateRole::Peer =>
        {
            let back = case.history.at(&change.key, &fault.onset).is_some();
            let verdict = if back { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Holds };
            Counterfactual::new(verdict, "whether the Service is there that the faulty one talks to")
        }
        (_, C::Definition) => definition(fault, change),
        (_, C::NetworkPolicy) if &*change.key.group == "networking.k8s.io" => {
            network::policy(case, fault, reached, change)
        }
        (F::NodeDown, C::NodeStatus) => node(case, change),
        (F::Evicted, C::NodeTaint) => scheduling::eviction(case, fault, change),
        (
            F::Forbidden | F::Stuck | F::SyncFailed | F::Terminating | F::Crash | F::NotReady,
            C::RoleRules | C::Binding,
        ) => rbac::prove(case, fault, change),
        (F::NotScheduled, C::Schedule) => schedule(change),
        (F::JobFailed | F::Crash, C::JobLimits) => job_limits(fault, change),
        (
            F::ScaledDown
            | F::Stuck
            | F::SyncFailed
            | F::Terminating
            | F::Webhook
            | F::Refused
            | F::NoMetrics,
            C::ScaledToZero,
        ) => still(case, change),
        (F::RolloutHeld, C::Rollout) => {
            Counterfactual::new(CounterfactualVerdict::Holds, "the rollout is paused by it")
        }
        (F::NoMetrics, C::Requests | C::OtherTemplate | C::Containers) => requests(case, change),
        _ if change.op == ResourceOp::Delete => existence(case, fault, change),
        _ => Counterfactual::undecided(),
    }
}

/// Checks what is a matter of numbers and names alone; `None` where nothing of the kind decides.
fn of_numbers(
    case: &Investigation<'_>,
    fault: &Fault,
    change: &Change,
    class: ChangeKind,
) -> Option<Counterfactual> {
    use ChangeKind as C;
    use FaultKind as F;
    Some(match (fault.kind, class) {
        (F::NotReady | F::LivenessKill, C::Autoscaler) => rollout::held_at_bound(case, change),
        (F::BrokenRoute, C::ServicePorts) if network::port_name(fault, change) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            "a port of the name that the route asks for was there before",
        ),
        (F::Unschedulable, C::Replicas) if rollout::keeps_apart(case, fault, change) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            "its pods may not share a node, and no more nodes take them",
        ),
        (F::Unschedulable | F::ClaimPending, C::OtherTemplate)
            if &*change.key.kind == "StatefulSet" && change.op == ResourceOp::Create =>
        {
            storage::claim_class(case, fault, change)
        }
        (F::NoEndpoints, C::Rollout) => rollout::strategy(case, fault, change),
        (F::NotDrained, C::DisruptionBudget) => rollout::budget(case, fault, change),
        (F::AtBound, C::Autoscaler) => rollout::bound(change),
        _ => return None,
    })
}

/// Returns the pod, or what would make pods, that a fault is about, with the pod spec in it.
fn pod_of<'c>(case: &'c Investigation<'_>, key: &ResourceKey) -> Option<&'c Object> {
    case.history.last(key).map(|o| &**o).filter(|o| pod_spec(o).is_some())
}

/// Returns the places at which the faulty pod takes configuration from an object.
pub(super) fn uses_of(case: &Investigation<'_>, pod: &ResourceKey, target: &ResourceKey) -> Vec<ConfigUse> {
    let Some(object) = pod_of(case, pod) else { return Vec::new() };
    let Some((path, spec)) = pod_spec(object) else { return Vec::new() };
    let is_target = |u: &ConfigUse| *u.name == *target.name && u.source.kind() == &*target.kind;
    config_uses(spec, &path).into_iter().filter(is_target).collect()
}

fn keys_of(object: Option<&Object>) -> Vec<&str> {
    let Some(object) = object else { return Vec::new() };
    let lists = ["data", "binaryData", "stringData"].map(|f| object.root().get(f));
    lists.into_iter().flatten().flat_map(Node::children).map(Node::key).collect()
}

/// Does every key that the pod reads exist before the change, and not after?
fn config(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let uses = uses_of(case, &fault.on, &change.key);
    let (before, after) = (keys_of(change.before.as_deref()), keys_of(change.after.as_deref()));
    let (had, has) = (change.before.is_some(), change.after.is_some());
    for u in uses.iter().filter(|u| !u.is_optional) {
        let (was, is) = match &u.key {
            Some(key) => (before.contains(&key.as_str()), after.contains(&key.as_str())),
            None => (had, has),
        };
        if was && !is {
            let what = u.key.as_deref().map_or("the object".to_owned(), |k| format!("key {k}"));
            // Somebody may have put it back since.
            let now = case.history.at(&change.key, &fault.onset);
            let back =
                now.is_some_and(|o| u.key.as_ref().is_none_or(|k| keys_of(Some(o)).contains(&k.as_str())));
            let verdict = if back { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Holds };
            return Counterfactual::new(
                verdict,
                format!("{what} is read at {} and was there before", u.path),
            );
        }
    }
    match fault.kind {
        FaultKind::ConfigMissing | FaultKind::Mount if !uses.is_empty() => {
            Counterfactual::new(CounterfactualVerdict::Fails, "takes away nothing that the pod reads")
        }
        // Volumes of a pod also come from files whose names the kubelet tells, and what the code does with a value only it knows.
        _ => Counterfactual::undecided(),
    }
}

/// Does the template refer to something that is not there, and did it not before?
fn reference(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let missing = |object: Option<&Object>, at: &Moment| {
        let object = object?;
        let (path, spec) = pod_spec(object)?;
        let namespace = &change.key.namespace;
        let mut out = Vec::new();
        for u in config_uses(spec, &path).into_iter().filter(|u| !u.is_optional) {
            let group_kind = match u.source {
                ConfigSource::ConfigMap => "ConfigMap",
                ConfigSource::Secret => "Secret",
            };
            let key = ResourceKey::new("", group_kind, namespace, &u.name);
            let there = case.history.at(&key, at);
            if there.is_none_or(|o| u.key.as_ref().is_some_and(|k| !keys_of(Some(o)).contains(&k.as_str()))) {
                out.push(format!(
                    "{}/{}{}",
                    group_kind,
                    u.name,
                    u.key.map(|k| format!("[{k}]")).unwrap_or_default()
                ));
            }
        }
        for volume in spec.get("volumes").into_iter().flat_map(Node::children) {
            if let Some(claim) = volume.str_at(&["persistentVolumeClaim", "claimName"]) {
                let key = ResourceKey::new("", "PersistentVolumeClaim", namespace, claim);
                if case.history.at(&key, at).is_none() {
                    out.push(format!("PersistentVolumeClaim/{claim}"));
                }
            }
        }
        Some(out)
    };
    let known =
        |name: &String| !name.contains("kube-root-ca.crt") && !name.contains("openshift-service-ca.crt");
    let side = |o: Option<&Object>, at: &Moment| -> Vec<String> {
        missing(o, at).unwrap_or_default().into_iter().filter(known).collect()
    };
    let at = &fault.onset;
    let (before, after) = (side(change.before.as_deref(), at), side(change.after.as_deref(), at));
    let then = side(change.after.as_deref(), &change.mark);
    if !after.is_empty() && after.iter().all(|m| !then.contains(m)) {
        return Counterfactual::new(
            CounterfactualVerdict::Fails,
            "what it refers to was there when it was made",
        );
    }
    match after.iter().find(|m| !before.contains(m)) {
        Some(new) => Counterfactual::new(
            CounterfactualVerdict::Holds,
            format!("it refers to {new}, which is not there"),
        ),
        None if after.is_empty() => Counterfactual::undecided(),
        None => Counterfactual::new(
            CounterfactualVerdict::Fails,
            "what is missing was referred to before as well",
        ),
    }
}

fn images(object: Option<&Object>) -> Vec<String> {
    let Some((_, spec)) = object.and_then(pod_spec) else { return Vec::new() };
    let lists = ["initContainers", "containers"].map(|l| spec.get(l));
    let containers = lists.into_iter().flatten().flat_map(Node::children);
    containers.filter_map(|c| c.str_at(&["image"]).map(str::to_owned)).collect()
}

/// Is the image that cannot be pulled one that came with the change?
fn image(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let (before, after) = (images(change.before.as_deref()), images(change.after.as_deref()));
    let new: Vec<_> = after.iter().filter(|i| !before.contains(i)).collect();
    let failing: Vec<_> = new.iter().filter(|i| names(&fault.message, i)).collect();
    if let Some(image) = failing.first() {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            format!("{image} came with it; what was there before had been pulled"),
        );
    }
    let pod = images(pod_of(case, &fault.on));
    if new.iter().any(|i| pod.contains(i)) && !fault.message.contains("image \"") {
        return Counterfactual::undecided();
    }
    Counterfactual::new(CounterfactualVerdict::Fails, "the image that cannot be pulled did not come with it")
}

fn memory_limits(object: Option<&Object>) -> Vec<(String, Option<i128>)> {
    let Some((_, spec)) = object.and_then(pod_spec) else { return Vec::new() };
    let one = |c: Node<'_>| {
        let limit = c.at(&["resources", "limits", "memory"]).and_then(quantity_nanos);
        (c.str_at(&["name"]).unwrap_or_default().to_owned(), limit)
    };
    spec.get("containers").into_iter().flat_map(Node::children).map(one).collect()
}

/// Was a memory limit lowered or set?
fn memory(_case: &Investigation<'_>, change: &Change) -> Counterfactual {
    let before = memory_limits(change.before.as_deref());
    let after = memory_limits(change.after.as_deref());
    let lowered = after.iter().any(|(name, limit)| {
        let old = before.iter().find(|(n, _)| n == name).and_then(|(_, l)| *l);
        before.iter().any(|(n, _)| n == name) && limit.is_some_and(|l| old.is_none_or(|o| l < o))
    });
    if change.before.is_none() {
        return Counterfactual::undecided();
    }
    if lowered {
        Counterfactual::new(
            CounterfactualVerdict::Holds,
            "a memory limit was lowered; the process ran within the one before",
        )
    } else {
        Counterfactual::new(CounterfactualVerdict::Fails, "no memory limit was lowered")
    }
}

/// Did the engine apply the revision before, and fail with this one?
fn revision(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let read = |o: Option<&Object>| {
        o.and_then(|o| o.root().str_at(&["status", "artifact", "revision"])).map(str::to_owned)
    };
    let (before, after) = (read(change.before.as_deref()), read(change.after.as_deref()));
    let Some(engine) = case.history.last(&fault.on) else { return Counterfactual::undecided() };
    let at = |f: &str| engine.root().str_at(&["status", f]).map(str::to_owned);
    if before.is_some() && at("lastAppliedRevision") == before && at("lastAttemptedRevision") == after {
        return Counterfactual::new(
            CounterfactualVerdict::Holds,
            "the revision before was applied, and this one is not",
        );
    }
    match at("lastAttemptedRevision") {
        Some(tried) if Some(&tried) != after.as_ref() => {
            Counterfactual::new(CounterfactualVerdict::Fails, "another revision is what fails")
        }
        _ => Counterfactual::undecided(),
    }
}

/// Does the text say that the user of the container is what is refused?
fn root_user(fault: &Fault) -> Counterfactual {
    let says = ["runAsNonRoot", "run as root", "runAsUser", "non-numeric user"];
    if says.iter().any(|t| fault.message.contains(t)) {
        Counterfactual::new(CounterfactualVerdict::Holds, "the user of the container is what is refused")
    } else {
        Counterfactual::new(CounterfactualVerdict::Fails, "something else than the user is refused")
    }
}

/// Can names of the cluster be looked up before, and not after?
fn name_lookup(fault: &Fault, change: &Change) -> Counterfactual {
    if !["lookup", "no such host", "resolve", "resolution", ":53"].iter().any(|t| fault.message.contains(t)) {
        return Counterfactual::undecided();
    }
    let knows = |o: Option<&Object>| {
        let policy = o.and_then(pod_spec).and_then(|(_, s)| s.str_at(&["dnsPolicy"]));
        matches!(policy, None | Some("ClusterFirst" | "ClusterFirstWithHostNet"))
    };
    let (was, is) = (knows(change.before.as_deref()), knows(change.after.as_deref()));
    if was && is {
        return Counterfactual::undecided();
    }
    Counterfactual::new(CounterfactualVerdict::of(was, is), "whether its names are asked for in the cluster")
}

/// Is a version that the fault's text asks for served before, and not after?
fn definition(fault: &Fault, change: &Change) -> Counterfactual {
    let served = |o: Option<&Object>| -> Vec<String> {
        let versions =
            o.and_then(|o| o.root().at(&["spec", "versions"])).into_iter().flat_map(Node::children);
        let is_served = |v: &Node<'_>| v.get("served").and_then(Node::as_bool) == Some(true);
        versions.filter(is_served).filter_map(|v| v.str_at(&["name"]).map(str::to_owned)).collect()
    };
    let (before, after) = (served(change.before.as_deref()), served(change.after.as_deref()));
    if change.op == ResourceOp::Delete {
        return Counterfactual::new(CounterfactualVerdict::Holds, "the kind was defined before");
    }
    match before.iter().find(|v| !after.contains(v)) {
        Some(version) if names(&fault.message, version) => {
            Counterfactual::new(CounterfactualVerdict::Holds, format!("version {version} was served before"))
        }
        Some(_) => Counterfactual::undecided(),
        None if change.op == ResourceOp::Update && !before.is_empty() => {
            Counterfactual::new(CounterfactualVerdict::Fails, "every version is served as before")
        }
        None => Counterfactual::undecided(),
    }
}

fn identity(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let account = |o: Option<&Object>| {
        let (_, spec) = o.and_then(pod_spec)?;
        Some(spec.str_at(&["serviceAccountName"]).unwrap_or("default").to_owned())
    };
    let there = |name: &Option<String>| {
        name.as_ref().is_some_and(|n| {
            let key = ResourceKey::new("", "ServiceAccount", &fault.on.namespace, n);
            case.history.at(&key, &fault.onset).is_some()
        })
    };
    if &*change.key.kind == "ServiceAccount" {
        let is_named = names(&fault.message, &change.key.name);
        return if change.op == ResourceOp::Delete && is_named {
            Counterfactual::new(CounterfactualVerdict::Holds, "the service account was there before")
        } else {
            Counterfactual::new(
                CounterfactualVerdict::Fails,
                "not the service account that is missing, or still there",
            )
        };
    }
    let (before, after) = (account(change.before.as_deref()), account(change.after.as_deref()));
    let verdict = if change.before.is_none() {
        if there(&after) { CounterfactualVerdict::Fails } else { CounterfactualVerdict::Undecided }
    } else {
        CounterfactualVerdict::of(there(&before), there(&after))
    };
    Counterfactual::new(verdict, "whether the service account exists that the template names")
}

/// Pods of a namespace at a time whose labels match, and of them those that are ready.
fn matched(case: &Investigation<'_>, namespace: &str, selector: &Selector, at: &Moment) -> usize {
    let pods = case.history.of_kind_in("", "Pod", namespace);
    let there = pods.filter_map(|k| case.history.at(k, at));
    there.filter(|p| selector.matches(template_labels(p))).count()
}

/// Does the selector before match pods, and the one after not?
fn selector(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let read = |o: &Option<std::sync::Arc<Object>>| {
        o.as_ref()
            .and_then(|o| o.root().at(&["spec", "selector"]))
            .and_then(Selector::read)
            .filter(|s| !s.is_empty())
    };
    let count = |s: &Option<Selector>| {
        s.as_ref().map_or(0, |s| matched(case, &change.key.namespace, s, &fault.onset))
    };
    let (before, after) = (read(&change.before), read(&change.after));
    let (was, is) = (count(&before), count(&after));
    let show = |s: &Option<Selector>| s.as_ref().map_or("nothing".to_owned(), Selector::to_string);
    let text = format!("{} matches {was} pods, {} matches {is}", show(&before), show(&after));
    Counterfactual::new(CounterfactualVerdict::of(was > 0, is > 0), text)
}

/// Would the workload give the Service endpoints without the change?
fn backing(case: &Investigation<'_>, fault: &Fault, change: &Change, class: ChangeKind) -> Counterfactual {
    let service = case
        .history
        .last(&fault.on)
        .and_then(|o| o.root().at(&["spec", "selector"]))
        .and_then(Selector::read);
    let Some(selector) = service else { return Counterfactual::undecided() };
    let gives = |o: Option<&Object>| {
        o.is_some_and(|o| {
            let replicas = o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1);
            selector.matches(template_labels(o)) && replicas > 0
        })
    };
    let (was, is) = (gives(change.before.as_deref()), gives(change.after.as_deref()));
    if class == ChangeKind::OtherTemplate && change.op == ResourceOp::Update {
        return Counterfactual::undecided();
    }
    Counterfactual::new(
        CounterfactualVerdict::of(was, is),
        format!("whether its pods match {selector} and any are asked for"),
    )
}

fn node(case: &Investigation<'_>, change: &Change) -> Counterfactual {
    let ready = |o: Option<&Object>| o.is_some_and(|n| is_node_ready(n.root()));
    let _ = case;
    let verdict = CounterfactualVerdict::of(ready(change.before.as_deref()), ready(change.after.as_deref()));
    Counterfactual::new(verdict, "whether the node is ready")
}

fn schedule(change: &Change) -> Counterfactual {
    let runs = |o: Option<&Object>| {
        o.is_some_and(|o| o.root().at(&["spec", "suspend"]).and_then(Node::as_bool) != Some(true))
    };
    let (was, is) = (runs(change.before.as_deref()), runs(change.after.as_deref()));
    if was && is {
        return Counterfactual::undecided();
    }
    Counterfactual::new(CounterfactualVerdict::of(was, is), "whether it is suspended")
}

/// Was the limit lowered that the Job ran into?
fn job_limits(fault: &Fault, change: &Change) -> Counterfactual {
    let field = match fault.reason.as_str() {
        "DeadlineExceeded" => "activeDeadlineSeconds",
        "BackoffLimitExceeded" => "backoffLimit",
        _ => return Counterfactual::undecided(),
    };
    let number = |o: Option<&Object>| {
        let root = o?.root();
        let spec = root.at(&["spec", "jobTemplate", "spec"]).or_else(|| root.get("spec"))?;
        spec.get(field).and_then(Node::as_i64)
    };
    let (before, after) = (number(change.before.as_deref()), number(change.after.as_deref()));
    let verdict = match (before, after) {
        (Some(b), Some(a)) if a >= b => CounterfactualVerdict::Fails,
        (_, None) => CounterfactualVerdict::Fails,
        // Attempts that were left might have failed as well.
        _ if field == "backoffLimit" => CounterfactualVerdict::Undecided,
        _ => CounterfactualVerdict::Holds,
    };
    Counterfactual::new(verdict, format!("{field} was {before:?} and is {after:?}"))
}

/// Is nothing asked for since the change, still at the time of the fault?
fn still(case: &Investigation<'_>, change: &Change) -> Counterfactual {
    let asked = |o: Option<&Object>| {
        o.is_some_and(|o| o.root().at(&["spec", "replicas"]).and_then(Node::as_i64).unwrap_or(1) > 0)
    };
    let now = case.history.now(&change.key).map(|o| &**o);
    let verdict = CounterfactualVerdict::of(
        asked(change.before.as_deref()),
        asked(change.after.as_deref()) || asked(now),
    );
    Counterfactual::new(verdict, "whether any replicas are asked for")
}

fn requests(_case: &Investigation<'_>, change: &Change) -> Counterfactual {
    let has = |o: Option<&Object>| {
        o.and_then(pod_spec).is_some_and(|(_, spec)| {
            let mut containers = spec.get("containers").into_iter().flat_map(Node::children);
            containers.all(|c| c.at(&["resources", "requests", "cpu"]).is_some())
        })
    };
    if change.before.is_none() || change.after.is_none() {
        return Counterfactual::undecided();
    }
    let verdict = CounterfactualVerdict::of(has(change.before.as_deref()), has(change.after.as_deref()));
    Counterfactual::new(verdict, "whether every container has a CPU request")
}

/// Is something that the faulty one refers to gone?
fn existence(case: &Investigation<'_>, fault: &Fault, change: &Change) -> Counterfactual {
    let back = case
        .history
        .at(&change.key, &fault.onset)
        .is_some_and(|o| o.root().at(&["metadata", "deletionTimestamp"]).is_none());
    if back {
        return Counterfactual::new(CounterfactualVerdict::Fails, "it is there again");
    }
    let refers = case.graph.ever_from(&fault.on).iter().any(|e| *e.to == change.key);
    if refers || names(&fault.message, &change.key.name) || fault.on == change.key {
        return Counterfactual::new(CounterfactualVerdict::Holds, "it was there before, and is referred to");
    }
    Counterfactual::undecided()
}
