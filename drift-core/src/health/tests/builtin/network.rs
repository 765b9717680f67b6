//! Services, Ingresses, and what only has to exist.

use serde_json::{Value, json};

use super::{condition, of};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Healthy, Progressing};
use crate::health::tests::check;

#[test]
fn network() {
    let service =
        |kind: &str, status: Value| of("v1", "Service", json!({"spec": {"type": kind}, "status": status}));
    let ingress = |status: Value| of("networking.k8s.io/v1", "Ingress", json!({"status": status}));
    let address = || json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}});
    let of_none = |api: &str, kind: &str| of(api, kind, json!({}));
    check(
        &HealthRules::none(),
        &[
            (service("ClusterIP", json!({"loadBalancer": {}})), Healthy, "ClusterIP"),
            (service("LoadBalancer", json!({"loadBalancer": {}})), Progressing, "LoadBalancerPending"),
            (service("LoadBalancer", address()), Healthy, "LoadBalancerReady"),
            (service("ExternalName", json!({"loadBalancer": {}})), Healthy, "ExternalName"),
            (service("NodePort", json!({})), Healthy, "NodePort"),
            (of_none("v1", "Service"), Healthy, "ClusterIP"),
            (service("", json!({})), Healthy, "ClusterIP"),
            (ingress(json!({"loadBalancer": {}})), Progressing, "NoAddress"),
            (ingress(address()), Healthy, "AddressAssigned"),
            (of_none("networking.k8s.io/v1", "NetworkPolicy"), Healthy, "Exists"),
            (of_none("discovery.k8s.io/v1", "EndpointSlice"), Healthy, "Exists"),
            (of_none("rbac.authorization.k8s.io/v1", "Role"), Healthy, "Exists"),
            (of_none("networking.k8s.io/v1", "IngressClass"), Healthy, "Exists"),
            (of_none("coordination.k8s.io/v1", "Lease"), Healthy, "Exists"),
            (of_none("v1", "Endpoints"), Healthy, "Exists"),
            (of_none("v1", "ConfigMap"), Healthy, "Exists"),
            (of_none("v1", "Secret"), Healthy, "Exists"),
            (of_none("v1", "ServiceAccount"), Healthy, "Exists"),
            (of_none("v1", "LimitRange"), Healthy, "Exists"),
            (of_none("apps/v1", "ControllerRevision"), Healthy, "Exists"),
            (of_none("storage.k8s.io/v1", "StorageClass"), Healthy, "Exists"),
            (of_none("storage.k8s.io/v1", "CSINode"), Healthy, "Exists"),
            (of_none("scheduling.k8s.io/v1", "PriorityClass"), Healthy, "Exists"),
            (of_none("node.k8s.io/v1", "RuntimeClass"), Healthy, "Exists"),
            (of_none("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"), Healthy, "Exists"),
            (of_none("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"), Healthy, "Exists"),
            (of_none("resource.k8s.io/v1", "DeviceClass"), Healthy, "Exists"),
            (
                of(
                    "networking.k8s.io/v1",
                    "ServiceCIDR",
                    json!({"status": {"conditions": [condition("Ready", "True", "")]}}),
                ),
                Healthy,
                "Ready",
            ),
            (
                of("v1", "ResourceQuota", json!({"status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}})),
                Healthy,
                "Exists",
            ),
            (of("v1", "ResourceQuota", json!({"status": {"hard": {"pods": "3"}}})), Healthy, "Exists"),
        ],
    );
}
