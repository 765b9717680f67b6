//! Changes in what engines report about themselves: status, health, operations, revisions, suspension.
//!
//! Argo CD records no time for a sync status and Flux folds its history, so these changes can only be found by comparing
//! two versions of an object.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::Object;
use drift_core::timeline::Transition;
use jiff::Timestamp;

use crate::argo::{Application, RevisionHistory, SyncInitiator, SyncOperation};
use crate::flux::{FluxCondition, FluxSource, HelmRelease, Kustomization};

/// Returns what changed between two versions of an engine's object; empty for any other object.
pub fn transitions(before: &Object, after: &Object) -> Vec<Transition> {
    if let (Some(a), Some(b)) = (Application::from_object(before), Application::from_object(after)) {
        return application_transitions(&a, &b, after);
    }
    let mut all = Vec::new();
    if let (Some(a), Some(b)) = (Kustomization::from_object(before), Kustomization::from_object(after)) {
        add_conditions(&a.conditions, &b.conditions, b.last_attempted.as_ref(), &mut all);
        all.extend(state_change("revision", a.last_applied.as_ref(), b.last_applied.as_ref()));
        all.extend(switch_change("suspended", a.is_suspended, b.is_suspended));
    } else if let (Some(a), Some(b)) = (HelmRelease::from_object(before), HelmRelease::from_object(after)) {
        add_conditions(&a.conditions, &b.conditions, b.last_attempted.as_ref(), &mut all);
        all.extend(state_change("revision", a.last_attempted.as_ref(), b.last_attempted.as_ref()));
        let mode = |r: &HelmRelease| r.drift_mode.as_str().to_owned();
        all.extend(state_change("drift detection", Some(&mode(&a)), Some(&mode(&b))));
        let newest = |r: &HelmRelease| r.history.first().map(|s| format!("v{} {}", s.version, s.status));
        let at = b.history.first().and_then(|s| s.last_deployed);
        all.extend(
            state_change("release", newest(&a).as_ref(), newest(&b).as_ref()).map(|t| Transition { at, ..t }),
        );
        all.extend(switch_change("suspended", a.is_suspended, b.is_suspended));
    } else if let (Some(a), Some(b)) = (FluxSource::from_object(before), FluxSource::from_object(after)) {
        let revision = |s: &FluxSource| s.artifact.as_ref().map(|a| a.revision.clone());
        all.extend(state_change("revision", revision(&a).as_ref(), revision(&b).as_ref()));
    }
    all
}

fn state_change(what: &str, from: Option<&String>, to: Option<&String>) -> Option<Transition> {
    (from != to).then(|| Transition {
        what: what.to_owned(),
        from: from.cloned(),
        to: to.cloned(),
        ..Transition::default()
    })
}

fn switch_change(what: &str, before: bool, after: bool) -> Option<Transition> {
    let word = |on: bool| if on { "on" } else { "off" }.to_owned();
    state_change(what, Some(&word(before)), Some(&word(after)))
}

fn application_transitions(a: &Application, b: &Application, after: &Object) -> Vec<Transition> {
    let mut all = Vec::new();
    let text = |t: &Option<Arc<str>>| t.as_ref().map(ToString::to_string);
    let revision = |r: &[String]| (!r.is_empty()).then(|| r.join(","));
    let (compared, now) = (revision(&a.compared_revisions), revision(&b.compared_revisions));
    let sync = state_change("sync", text(&a.sync_status).as_ref(), text(&b.sync_status).as_ref());
    all.extend(sync.map(|t| Transition { revision: now.clone(), ..t }));
    all.extend(state_change("revision", compared.as_ref(), now.as_ref()));
    let health = state_change("health", text(&a.health).as_ref(), text(&b.health).as_ref());
    let since = after.root().str_at(&["status", "health", "lastTransitionTime"]);
    all.extend(health.map(|t| Transition { at: since.and_then(|s| s.parse().ok()), ..t }));
    all.extend(operation_transition(a.operation.as_ref(), b.operation.as_ref()));
    let known = |d: &&RevisionHistory| !a.history.iter().any(|h| h.id == d.id);
    all.extend(b.history.iter().filter(known).map(|d| Transition {
        what: "deployed".to_owned(),
        from: a.history.last().and_then(|h| revision(&h.revisions)),
        to: revision(&d.revisions),
        who: initiator_name(&d.initiated_by),
        at: d.deployed_at,
        ..Transition::default()
    }));
    all.extend(switch_change("auto-sync", a.is_automated, b.is_automated));
    all.extend(switch_change("suspended", a.is_skipped, b.is_skipped));
    add_raised(a, b, &mut all);
    all
}

fn initiator_name(initiator: &SyncInitiator) -> Option<String> {
    match initiator {
        SyncInitiator::Automated => Some("automated".to_owned()),
        SyncInitiator::User(user) => Some(user.to_string()),
        SyncInitiator::Unknown => None,
    }
}

fn operation_transition(before: Option<&SyncOperation>, after: Option<&SyncOperation>) -> Option<Transition> {
    let after = after?;
    // Another beginning is another operation, whatever became of the one before.
    let before = before.filter(|b| b.started_at == after.started_at);
    let (from, to) = (before.map(|b| b.phase.to_string()), after.phase.to_string());
    let partial = if after.is_partial { " (partial)" } else { "" };
    state_change(&format!("operation{partial}"), from.as_ref(), Some(&to)).map(|t| Transition {
        who: initiator_name(&after.initiated_by),
        revision: (!after.revisions.is_empty()).then(|| after.revisions.join(",")),
        at: after.finished_at.or(after.started_at),
        message: after.message.as_ref().map(ToString::to_string),
        ..t
    })
}

/// Conditions of Argo CD, which are there or not.
fn add_raised(a: &Application, b: &Application, all: &mut Vec<Transition>) {
    let texts = |app: &Application| -> BTreeMap<Arc<str>, (Arc<str>, Option<Timestamp>)> {
        let one =
            |c: &crate::argo::ApplicationCondition| (Arc::clone(&c.kind), (Arc::clone(&c.message), c.since));
        app.conditions.iter().map(one).collect()
    };
    let (a, b) = (texts(a), texts(b));
    let word = |there: bool| there.then(|| "raised".to_owned());
    for kind in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
        let (before, after) = (a.contains_key(kind), b.get(kind));
        if before != after.is_some() {
            all.push(Transition {
                what: kind.to_string(),
                from: word(before),
                to: word(after.is_some()),
                at: after.and_then(|a| a.1),
                message: after.map(|a| a.0.to_string()),
                ..Transition::default()
            });
        }
    }
}

/// Conditions of Flux, which hold or do not, for a reason.
fn add_conditions(
    a: &[FluxCondition],
    b: &[FluxCondition],
    revision: Option<&String>,
    all: &mut Vec<Transition>,
) {
    let word = |c: &FluxCondition| format!("{} ({})", c.status, c.reason);
    let of = |all: &[FluxCondition], kind: &str| all.iter().find(|c| *c.kind == *kind).cloned();
    let gone = a.iter().filter(|c| of(b, &c.kind).is_none());
    for kind in b.iter().chain(gone).map(|c| Arc::clone(&c.kind)) {
        let (before, after) = (of(a, &kind), of(b, &kind));
        let step = state_change(&kind, before.as_ref().map(word).as_ref(), after.as_ref().map(word).as_ref());
        all.extend(step.map(|t| Transition {
            revision: revision.cloned(),
            at: after.as_ref().and_then(|c| c.since),
            message: after.as_ref().map(|c| c.message.to_string()),
            ..t
        }));
    }
}

#[cfg(test)]
mod tests {
    use drift_core::Doc;
    use serde_json::{Value, json};

    use super::*;

    fn told(kind: (&str, &str), before: Value, after: Value) -> Vec<String> {
        let object = |v: Value| {
            let mut value = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "web", "namespace": "a"},
                "spec": {}, "status": {}});
            for (name, part) in v.as_object().expect("a map") {
                value[name] = part.clone();
            }
            Object::new(Doc::from_value(&value).expect("a document")).expect("an object")
        };
        let (before, after) = (object(before), object(after));
        transitions(&before, &after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_application_tells_who_started_what() {
        let kind = ("argoproj.io/v1alpha1", "Application");
        let running = json!({"phase": "Running", "startedAt": "2026-01-01T00:00:00Z",
            "operation": {"initiatedBy": {"username": "dana"}, "sync": {"revision": "abc"}}});
        let mut done = running.clone();
        done["phase"] = "Succeeded".into();
        done["finishedAt"] = "2026-01-01T00:00:05Z".into();
        done["message"] = "ok".into();
        assert_eq!(
            told(
                kind,
                json!({"status": {"sync": {"status": "OutOfSync"}, "operationState": running}}),
                json!({"status": {"sync": {"status": "Synced", "revision": "abc"}, "operationState": done,
                    "health": {"status": "Healthy"},
                    "history": [{"id": 1, "revision": "abc", "initiatedBy": {"username": "dana"}}]}})
            ),
            [
                "sync OutOfSync \u{2192} Synced at abc",
                "revision none \u{2192} abc",
                "health none \u{2192} Healthy",
                "operation Running \u{2192} Succeeded by dana at abc: ok",
                "deployed none \u{2192} abc by dana",
            ]
        );
        let healed = json!({"phase": "Succeeded", "startedAt": "2026-01-01T01:00:00Z",
            "operation": {"initiatedBy": {"automated": true}, "sync": {"revision": "abc", "resources": [{"kind": "A", "name": "b"}]}}});
        assert_eq!(
            told(
                kind,
                json!({"status": {"operationState": done}, "spec": {"syncPolicy": {"automated": {}}}}),
                json!({"status": {"operationState": healed, "conditions": [{"type": "SyncError", "message": "no"}]}})
            ),
            [
                "operation (partial) none \u{2192} Succeeded by automated at abc",
                "auto-sync on \u{2192} off",
                "SyncError none \u{2192} raised: no",
            ]
        );
    }

    #[test]
    fn flux_tells_conditions_revisions_and_suspension() {
        let kind = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");
        let ready = |status: &str, reason: &str| {
            json!([{"type": "Ready", "status": status, "reason": reason,
            "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        };
        let one = json!({"spec": {}, "status": {"conditions": ready("True", "ok"), "lastAppliedRevision": "main@sha1:1"}});
        let two = json!({"spec": {"suspend": true}, "status": {"conditions": ready("False", "BuildFailed"),
            "lastAppliedRevision": "main@sha1:2", "lastAttemptedRevision": "main@sha1:3"}});
        assert_eq!(
            told(kind, one.clone(), two),
            [
                "Ready True (ok) \u{2192} False (BuildFailed) at main@sha1:3: m",
                "revision main@sha1:1 \u{2192} main@sha1:2",
                "suspended off \u{2192} on",
            ]
        );
        assert!(told(kind, one.clone(), one).is_empty());
        let kind = ("helm.toolkit.fluxcd.io/v2", "HelmRelease");
        let history = |n: i64| json!({"status": {"history": [{"version": n, "status": "deployed"}]}});
        assert_eq!(told(kind, history(1), history(2)), ["release v1 deployed \u{2192} v2 deployed"]);
    }
}
