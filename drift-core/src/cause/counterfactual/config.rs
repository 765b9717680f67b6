//! Is the configuration there that a pod reads, and what it refers to?

use crate::fault::FaultKind;
use crate::history::Moment;
use crate::k8s::pod::{ConfigSource, config_uses, pod_spec};
use crate::key::ResourceKey;
use crate::object::{Node, Object};

use crate::cause::suspicion::Suspicion;

use crate::cause::lineage::uses_of;
use crate::cause::verdict::{Counterfactual, CounterfactualVerdict};

fn keys_of(object: Option<&Object>) -> Vec<&str> {
    let Some(object) = object else { return Vec::new() };
    let lists = ["data", "binaryData", "stringData"].map(|f| object.root().get(f));
    lists.into_iter().flatten().flat_map(Node::children).map(Node::key).collect()
}

/// Does every key that the pod reads exist before the change, and not after?
pub(super) fn keys(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    let uses = uses_of(investigation, &fault.on, &change.key);
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
            let now = investigation.history.at(&change.key, &fault.onset);
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
            Counterfactual::new(CounterfactualVerdict::Fails, "the pod does not read what was removed")
        }
        // Volumes of a pod also come from files whose names the kubelet tells, and what the code does with a value only it knows.
        _ => Counterfactual::undecided(),
    }
}

/// Does the template refer to something that is not there, and did it not before?
pub(super) fn references(suspicion: &Suspicion<'_>) -> Counterfactual {
    let Suspicion { investigation, fault, change, .. } = *suspicion;
    // What may not be listed is not known to be missing.
    let is_listed = |key: &ResourceKey| investigation.history.recorded_scope().unseen(key).is_none();
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
            let there = investigation.history.at(&key, at);
            if there.is_none() && !is_listed(&key) {
                continue;
            }
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
                if investigation.history.at(&key, at).is_none() && is_listed(&key) {
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
