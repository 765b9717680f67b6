//! Nodes, Namespaces, APIs, definitions, signing requests.

use serde_json::{Value, json};

use super::{condition, of, old};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing, Suspended};
use crate::health::tests::check;

#[test]
fn cluster() {
    let node = |spec: Value, conditions: Value| {
        of("v1", "Node", json!({"spec": spec, "status": {"conditions": conditions}}))
    };
    let kubelet = |status: &str| condition("Ready", status, "Kubelet");
    let api =
        |c: Value| of("apiregistration.k8s.io/v1", "APIService", json!({"status": {"conditions": [c]}}));
    let definition = |conditions: Value| {
        of(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": conditions}}),
        )
    };
    let names = || condition("NamesAccepted", "True", "NoConflicts");
    let request =
        |status: Value| of("certificates.k8s.io/v1", "CertificateSigningRequest", json!({"status": status}));
    let flow = |c: Value| {
        of("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", json!({"status": {"conditions": [c]}}))
    };
    let policy = |status: Value| {
        let metadata = json!({"generation": 1});
        of(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            json!({"metadata": metadata, "status": status}),
        )
    };
    let claim = |status: Value| of("resource.k8s.io/v1", "ResourceClaim", json!({"status": status}));
    let migration = |step: &str| {
        let conditions = json!([condition(step, "True", "")]);
        of(
            "storagemigration.k8s.io/v1alpha1",
            "StorageVersionMigration",
            json!({"status": {"conditions": conditions}}),
        )
    };
    check(
        &HealthRules::none(),
        &[
            (node(json!({}), json!([kubelet("True")])), Healthy, "Kubelet"),
            (node(json!({}), json!([])), Progressing, "NoStatus"),
            (node(json!({}), json!([kubelet("False")])), Degraded, "Kubelet"),
            (node(json!({}), json!([kubelet("Unknown")])), Degraded, "Kubelet"),
            (
                node(json!({}), json!([kubelet("True"), condition("DiskPressure", "True", "Full")])),
                Degraded,
                "Full",
            ),
            (node(json!({"unschedulable": true}), json!([kubelet("True")])), Suspended, "Cordoned"),
            (
                node(json!({}), json!([kubelet("True"), condition("NetworkUnavailable", "True", "NoRoute")])),
                Degraded,
                "NoRoute",
            ),
            // A cordoned node that is not ready is in trouble all the same.
            (node(json!({"unschedulable": true}), json!([kubelet("Unknown")])), Degraded, "Kubelet"),
            (of("v1", "Namespace", json!({})), Healthy, "Active"),
            (
                of(
                    "v1",
                    "Namespace",
                    json!({"status": {"phase": "Terminating", "conditions": [
                        condition("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered"),
                        condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain")
                    ]}}),
                ),
                Progressing,
                "Terminating",
            ),
            (api(json!({})), Progressing, "NoStatus"),
            (flow(condition("Dangling", "True", "NotFound")), Degraded, "NotFound"),
            (flow(condition("Dangling", "False", "Found")), Healthy, "Found"),
            (policy(json!({"observedGeneration": 1, "typeChecking": {}})), Healthy, "TypesChecked"),
            (
                policy(json!({"observedGeneration": 1, "typeChecking": {"expressionWarnings": [
                    {"fieldRef": "spec.validations[0].expression", "warning": "undefined field 'x'"}
                ]}})),
                Degraded,
                "ExpressionWarnings",
            ),
            (policy(json!({"observedGeneration": 0})), Progressing, "NotObserved"),
            (claim(json!({})), Progressing, "NotAllocated"),
            (claim(json!({"allocation": {"devices": {}}})), Healthy, "Allocated"),
            (migration("Succeeded"), Healthy, "Succeeded"),
            (migration("Failed"), Degraded, "Failed"),
            (migration("Running"), Progressing, "Running"),
            (of("v1", "Namespace", json!({"status": {"phase": "Active"}})), Healthy, "Active"),
            (of("v1", "Namespace", json!({"status": {"phase": "Terminating"}})), Progressing, "Terminating"),
            (api(condition("Available", "True", "Local")), Healthy, "Local"),
            (
                api(condition("Available", "False", "FailedDiscoveryCheck")),
                Progressing,
                "FailedDiscoveryCheck",
            ),
            // More than upstream: an API that has been away for long does not come back by waiting.
            (api(old("Available", "False", "FailedDiscoveryCheck")), Degraded, "FailedDiscoveryCheck"),
            (
                definition(json!([names(), condition("Established", "True", "Initial")])),
                Healthy,
                "Established",
            ),
            (
                definition(json!([names(), condition("Established", "False", "Installing")])),
                Progressing,
                "Installing",
            ),
            (
                definition(json!([names(), condition("Established", "False", "NotAccepted")])),
                Degraded,
                "NotAccepted",
            ),
            (
                definition(json!([condition("NamesAccepted", "False", "ListKindConflict")])),
                Degraded,
                "ListKindConflict",
            ),
            (
                definition(json!([names(), condition("NonStructuralSchema", "True", "Violations")])),
                Degraded,
                "Violations",
            ),
            (
                definition(json!([condition("Terminating", "True", "InstanceDeletion")])),
                Progressing,
                "Terminating",
            ),
            (definition(json!([])), Progressing, "NoStatus"),
            (request(json!({})), Progressing, "Pending"),
            (request(json!({"conditions": [condition("Approved", "True", "A")]})), Progressing, "Approved"),
            (
                request(json!({"certificate": "eA==", "conditions": [condition("Approved", "True", "A")]})),
                Healthy,
                "Issued",
            ),
            (request(json!({"conditions": [condition("Denied", "True", "No")]})), Degraded, "No"),
            (
                request(
                    json!({"conditions": [condition("Approved", "True", "A"), condition("Failed", "True", "SignerValidationFailure")]}),
                ),
                Degraded,
                "SignerValidationFailure",
            ),
        ],
    );
}
