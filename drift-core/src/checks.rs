//! Checks: the walks of an experienced operator, each a small pure function with a stated trigger.
//!
//! Faults tell what is broken now; latent breaks tell what will break at the next restart: a key, Secret, class or
//! account that is gone while old pods still run.
//!
//! **Invariant:** a check says what it saw and what to look at next; it changes nothing and guesses nothing.

mod advice;
mod latent;
mod operator;
mod policy;
mod traffic;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::cause::Investigation;
use crate::fault::FaultKind;
use crate::key::ResourceKey;
use crate::object::Object;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It will break when something is restarted or moved.
    Warning,
    /// It is broken.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CheckResult {
    /// How bad it is.
    pub severity: Severity,
    /// Which resource.
    pub key: ResourceKey,
    /// Which check.
    pub check: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What shows it.
    pub evidence: String,
    /// What to do next.
    pub next: &'static str,
}

/// What a check may look at: everything as it is at one moment.
#[derive(Debug)]
pub(crate) struct CheckContext<'c, 's> {
    pub(crate) case: &'c Investigation<'s>,
}

impl CheckContext<'_, '_> {
    pub(crate) fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.case.history().now(&ResourceKey::new(group, kind, namespace, name)).map(|o| &**o)
    }

    /// Returns `true` if an object is known not to be there, and not only outside of what was listed.
    pub(crate) fn is_absent(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        self.case.history().is_known_absent(&ResourceKey::new(group, kind, namespace, name))
    }

    /// Returns `true` if all objects of a kind in a namespace are known.
    pub(crate) fn knows_all(&self, group: &str, kind: &str, namespace: &str) -> bool {
        let any = ResourceKey::new(group, kind, namespace, "");
        self.case.history().recorded_scope().unseen(&any).is_none()
    }

    pub(crate) fn of_kind<'a>(
        &'a self,
        group: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a ResourceKey, &'a Object)> {
        let there = move |k: &'a ResourceKey| self.case.history().now(k).map(|o| (k, &**o));
        self.case.history().of_kind(group, kind).filter_map(there)
    }
}

/// One thing that a check found wrong with a resource.
#[derive(Debug)]
struct Problem {
    /// What is wrong, in one sentence.
    message: String,
    /// What shows it.
    evidence: String,
}

impl Problem {
    fn new(message: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { message: message.into(), evidence: evidence.into() }
    }
}

/// A check: its name, when it fires, and the function.
struct Check {
    name: &'static str,
    trigger: &'static str,
    severity: Severity,
    next: &'static str,
    run: fn(&CheckContext<'_, '_>, &ResourceKey, &Object) -> Vec<Problem>,
}

/// All checks that look for more than present faults.
#[rustfmt::skip]
const CHECKS: &[Check] = &[
    Check { name: "missing-config", severity: Severity::Warning, run: latent::missing_config,
        trigger: "a workload refers to a ConfigMap, a Secret or a key of one that is not there, and it is not optional",
        next: "put the object or key back, or change the reference, before the next restart" },
    Check { name: "missing-account", severity: Severity::Warning, run: latent::missing_account,
        trigger: "the service account of a workload is not there",
        next: "create the service account; no new pod can be made without it" },
    Check { name: "missing-claim", severity: Severity::Warning, run: latent::missing_claim,
        trigger: "a workload mounts a claim that is not there",
        next: "create the claim or change the volume; a new pod would stay Pending" },
    Check { name: "missing-class", severity: Severity::Warning, run: latent::missing_class,
        trigger: "a priority, runtime, storage or ingress class that something names is not there",
        next: "create the class or name another one" },
    Check { name: "missing-pull-secret", severity: Severity::Warning, run: latent::missing_pull_secret,
        trigger: "an image pull secret of a workload is not there",
        next: "create the Secret; a node that does not have the image cannot pull it" },
    Check { name: "stale-variable", severity: Severity::Warning, run: latent::stale_variable,
        trigger: "a ConfigMap or Secret that a running pod reads as variables is newer than the pod",
        next: "restart the workload on purpose, and watch it: the next pod starts with other values" },
    Check { name: "no-node-fits", severity: Severity::Warning, run: latent::no_node_fits,
        trigger: "no node has the labels, taints and room that the template of a workload asks for",
        next: "compare node selector, affinity and tolerations with the labels and taints of the nodes" },
    Check { name: "quota-exhausted", severity: Severity::Warning, run: latent::quota_exhausted,
        trigger: "a quota is used up: used is at or above hard",
        next: "raise the quota or free something; the next pod is refused" },
    Check { name: "admission-level", severity: Severity::Warning, run: latent::admission_level,
        trigger: "a namespace enforces a Pod Security level that the template of a workload in it violates",
        next: "change the template or the label of the namespace; running pods stay, new ones are refused" },
    Check { name: "webhook-backend", severity: Severity::Warning, run: policy::webhook_backend,
        trigger: "a webhook that fails closed points to a Service that is not there or has no endpoints",
        next: "bring the backend back or delete the webhook; writes it matches are refused" },
    Check { name: "binding-to-nothing", severity: Severity::Warning, run: policy::binding_to_nothing,
        trigger: "a binding names a role or service account that is not there",
        next: "create the role or account, or delete the binding" },
    Check { name: "policy-selects-nothing", severity: Severity::Info, run: policy::policy_selects_nothing,
        trigger: "a NetworkPolicy with a selector matches no pod",
        next: "compare the selector with the labels of the pods" },
    Check { name: "budget-blocks", severity: Severity::Info, run: policy::budget_blocks,
        trigger: "a PodDisruptionBudget allows no disruption at all",
        next: "nodes cannot be drained; run more replicas or ask for fewer" },
    Check { name: "service-without-pods", severity: Severity::Warning, run: traffic::service_without_pods,
        trigger: "the selector of a Service matches no pod",
        next: "compare the selector with the labels of the pods" },
    Check { name: "target-port", severity: Severity::Warning, run: traffic::target_port,
        trigger: "a named target port of a Service is no port of the pods it selects",
        next: "compare targetPort with the names of the container ports" },
    Check { name: "route-backend", severity: Severity::Error, run: traffic::route_backend,
        trigger: "an Ingress names a Service, a port or a TLS Secret that is not there",
        next: "create what is named, or change the route" },
    Check { name: "autoscaler-target", severity: Severity::Error, run: traffic::autoscaler_target,
        trigger: "the target of an autoscaler is not there, or has no requests to measure by",
        next: "name a target that is there; set requests for what is measured" },
    Check { name: "volume-released", severity: Severity::Info, run: policy::volume_released,
        trigger: "a PersistentVolume is Released or Failed",
        next: "its data is kept but no claim can bind it; clear claimRef or delete it" },
    Check { name: "value-does-not-arrive", severity: Severity::Error, run: operator::value_does_not_arrive,
        trigger: "a value of a custom resource used to stand in another object, and the new value does not",
        next: "look at the operator: is it running, what does it log, may it write; restarting it is often enough" },
];

/// Runs all checks on everything as it is at the end of a history, worst first.
///
/// That something is not there is only said where it is known: see [`crate::history::History::is_known_absent`].
pub fn check(case: &Investigation<'_>) -> Vec<CheckResult> {
    let scene = CheckContext { case };
    let keys: Vec<&ResourceKey> = case.history().keys().collect();
    let mut out = Vec::new();
    for key in keys {
        let Some(object) = case.history().now(key) else { continue };
        faults(case, key, &mut out);
        for check in CHECKS {
            for Problem { message, evidence } in (check.run)(&scene, key, object) {
                let (check, severity, next) = (check.name, check.severity, check.next);
                out.push(CheckResult { severity, key: key.clone(), check, message, evidence, next });
            }
        }
    }
    out.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    out
}

fn faults(case: &Investigation<'_>, key: &ResourceKey, out: &mut Vec<CheckResult>) {
    for fault in case.faults_of(key) {
        // What a person asked for is no trouble.
        let severity = match fault.kind {
            kind if kind.is_asked_for() || kind == FaultKind::AtBound => Severity::Info,
            FaultKind::Gone => continue,
            _ => Severity::Error,
        };
        let reason = if fault.reason.is_empty() { String::new() } else { format!(" ({})", fault.reason) };
        out.push(CheckResult {
            severity,
            key: key.clone(),
            check: advice::name(fault.kind),
            message: format!("{}{reason} {}", fault.kind, fault.describe_since()),
            evidence: fault.message,
            next: advice::next(fault.kind),
        });
    }
}

/// Lists all checks by name with what makes them fire.
pub fn list() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> = CHECKS.iter().map(|c| (c.name, c.trigger)).collect();
    all.extend(advice::triggers());
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests;
