//! Defaults that depend on other fields.
//!
//! Learned from the `defaults.go` files and admission plugins of Kubernetes 1.36; each rule names the field it is of.

use super::rule_pod as pod;
use super::rule_value::{completed, empty_struct, given, int, make, text, word};
use crate::object::{Doc, Node};

/// How a missing field is worked out from the rest of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// `imagePullPolicy` and an image volume's `pullPolicy`: `Always` for the tag `latest` or none, else `IfNotPresent`.
    ImagePullPolicy,
    /// `volumes[].emptyDir`: what a volume without a source is.
    EmptyDirVolume,
    /// `resources.requests` of a Pod's containers: what is limited and not requested is requested as limited.
    ContainerRequests,
    /// `resources.requests` of a Pod as a whole: summed up by the server where there are limits.
    PodRequests,
    /// `ports[].hostPort`: the container's port in the network of the host.
    HostPort,
    /// `serviceAccount`, the old name: mirrors `serviceAccountName`.
    ServiceAccountMirror,
    /// `serviceAccountName` where only the old name is given.
    ServiceAccountName,
    /// `serviceAccountName` of a Pod: `default` where neither name is given.
    PodServiceAccountName,
    /// `serviceAccount` of a Pod: mirrors the name after it has been defaulted.
    PodServiceAccount,
    /// `ports[].targetPort` of a Service: its port.
    TargetPort,
    /// `sessionAffinityConfig`: three hours where affinity is by client IP.
    SessionAffinityConfig,
    /// `externalTrafficPolicy`: `Cluster` for a Service that is reachable from outside.
    ExternalTrafficPolicy,
    /// `internalTrafficPolicy`: `Cluster` for a Service that has a cluster IP.
    InternalTrafficPolicy,
    /// `ipFamilyPolicy` of a Service: one family, but what the cluster has for a headless one without a selector.
    IpFamilyPolicy,
    /// `allocateLoadBalancerNodePorts`: `true` for a load balancer.
    LoadBalancerNodePorts,
    /// `strategy.rollingUpdate` and `updateStrategy.rollingUpdate`: filled in for the type `RollingUpdate`.
    RollingUpdate,
    /// `updateStrategy.rollingUpdate` of a StatefulSet: filled in where no type is given.
    StatefulSetRollingUpdate,
    /// Selector or labels of an old controller: the labels of its template.
    TemplateLabels,
    /// `completions` of a Job: 1 where neither it nor `parallelism` is given.
    JobCompletions,
    /// `backoffLimit` of a Job: 6, or without limit where each index has its own.
    JobBackoffLimit,
    /// `podReplacementPolicy` of a Job: depends on whether it has a `podFailurePolicy`.
    PodReplacementPolicy,
    /// `limits[].default` of a LimitRange for containers: completed by `max`.
    LimitDefault,
    /// `limits[].defaultRequest` of a LimitRange for containers: completed by `default`, `max` and `min`.
    LimitDefaultRequest,
    /// `policyTypes` of a NetworkPolicy: `Ingress`, and `Egress` where it has egress rules.
    PolicyTypes,
    /// `subjects[].apiGroup`: that of RBAC for users and groups.
    SubjectApiGroup,
    /// `names.singular` of a CustomResourceDefinition: the kind in lower case.
    CrdSingular,
    /// `names.listKind` of a CustomResourceDefinition: the kind and `List`.
    CrdListKind,
    /// `count` of a device request: 1 where devices are counted.
    DeviceCount,
    /// `allocationMode` of a device request of v1beta1, only where it names a class.
    DeviceAllocationMode,
    /// `rules` of a ClusterRole: made by the aggregation controller where there is an `aggregationRule`.
    AggregatedRules,
    /// `dataSourceRef` of a claim: mirrors `dataSource`.
    DataSourceRef,
    /// `dataSource` of a claim: mirrors `dataSourceRef` without its namespace.
    DataSource,
    /// `labels["kubernetes.io/metadata.name"]` of a Namespace stands in all its labels: completed by the name.
    NamespaceLabels,
    /// `data` of a Secret: made by the token controller for a token of a service account.
    TokenData,
    /// `selector` of a Job: generated unless the selector is said to be manual.
    JobSelector,
}

/// What a [`Rule`] makes of a missing field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computed {
    /// This value; an empty map stands for a struct whose own fields are defaulted in turn.
    Value(Doc),
    /// Whatever the API server or a controller puts there.
    Allocated,
}

/// Names of the rules in the table of defaults.
const NAMES: [(&str, Rule); 35] = [
    ("image-pull-policy", Rule::ImagePullPolicy),
    ("empty-dir-volume", Rule::EmptyDirVolume),
    ("container-requests", Rule::ContainerRequests),
    ("pod-requests", Rule::PodRequests),
    ("host-port", Rule::HostPort),
    ("service-account-mirror", Rule::ServiceAccountMirror),
    ("service-account-name", Rule::ServiceAccountName),
    ("pod-service-account-name", Rule::PodServiceAccountName),
    ("pod-service-account", Rule::PodServiceAccount),
    ("target-port", Rule::TargetPort),
    ("session-affinity-config", Rule::SessionAffinityConfig),
    ("external-traffic-policy", Rule::ExternalTrafficPolicy),
    ("internal-traffic-policy", Rule::InternalTrafficPolicy),
    ("ip-family-policy", Rule::IpFamilyPolicy),
    ("load-balancer-node-ports", Rule::LoadBalancerNodePorts),
    ("rolling-update", Rule::RollingUpdate),
    ("stateful-set-rolling-update", Rule::StatefulSetRollingUpdate),
    ("template-labels", Rule::TemplateLabels),
    ("job-completions", Rule::JobCompletions),
    ("job-backoff-limit", Rule::JobBackoffLimit),
    ("pod-replacement-policy", Rule::PodReplacementPolicy),
    ("limit-default", Rule::LimitDefault),
    ("limit-default-request", Rule::LimitDefaultRequest),
    ("policy-types", Rule::PolicyTypes),
    ("subject-api-group", Rule::SubjectApiGroup),
    ("crd-singular", Rule::CrdSingular),
    ("crd-list-kind", Rule::CrdListKind),
    ("device-count", Rule::DeviceCount),
    ("device-allocation-mode", Rule::DeviceAllocationMode),
    ("aggregated-rules", Rule::AggregatedRules),
    ("data-source-ref", Rule::DataSourceRef),
    ("data-source", Rule::DataSource),
    ("namespace-labels", Rule::NamespaceLabels),
    ("job-selector", Rule::JobSelector),
    ("token-data", Rule::TokenData),
];

impl Rule {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|n| n.0 == name).map(|n| n.1)
    }

    /// Returns `true` if the rule also completes a field that is there, as it adds what is limited to what is requested.
    ///
    /// [`Rule::evaluate`] then gives the whole completed value, or `None` where nothing is to be added.
    pub fn completes(self) -> bool {
        use Rule::{ContainerRequests, LimitDefault, LimitDefaultRequest, NamespaceLabels};
        matches!(self, ContainerRequests | LimitDefault | LimitDefaultRequest | NamespaceLabels)
    }

    /// Works out the field: `parent` is the struct that holds it, `root` the whole object, both as declared.
    ///
    /// A parent that is not declared is `null`. `None` means that the field stays missing.
    pub fn evaluate(self, parent: Node<'_>, root: Node<'_>) -> Option<Computed> {
        use Rule::*;
        let when = |condition: bool, doc: fn() -> Doc| condition.then(doc);
        let value = match self {
            TokenData => {
                let token = word(root, "type") == "kubernetes.io/service-account-token";
                return token.then_some(Computed::Allocated);
            }
            AggregatedRules => return given(root, "aggregationRule").then_some(Computed::Allocated),
            IpFamilyPolicy if word(parent, "clusterIP") == "None" && !given(parent, "selector") => {
                return Some(Computed::Allocated);
            }
            IpFamilyPolicy => when(word(parent, "type") != "ExternalName", || text("SingleStack")),
            PodRequests => return given(parent, "limits").then_some(Computed::Allocated),
            JobSelector => {
                let manual = parent.get("manualSelector").and_then(Node::as_bool) == Some(true);
                return (!manual).then_some(Computed::Allocated);
            }
            ImagePullPolicy => Some(text(pod::pull_policy(parent))),
            EmptyDirVolume => when(pod::is_bare_volume(parent), empty_struct),
            ContainerRequests => completed(parent.get("requests"), &[parent.get("limits")]),
            HostPort => pod::host_port(parent, root),
            ServiceAccountMirror => pod::account(parent, "serviceAccountName"),
            ServiceAccountName => pod::account(parent, "serviceAccount"),
            PodServiceAccountName => Some(pod::account_or_default(parent, "serviceAccount")),
            PodServiceAccount => Some(pod::account_or_default(parent, "serviceAccountName")),
            TargetPort => parent.get("port").map(Node::to_doc),
            SessionAffinityConfig | ExternalTrafficPolicy | InternalTrafficPolicy | LoadBalancerNodePorts => {
                service(self, parent)
            }
            RollingUpdate => when(matches!(word(parent, "type"), "" | "RollingUpdate"), empty_struct),
            StatefulSetRollingUpdate => when(word(parent, "type").is_empty(), empty_struct),
            TemplateLabels => {
                let labels = root.at(&["spec", "template", "metadata", "labels"]);
                labels.filter(|l| !l.is_empty()).map(Node::to_doc)
            }
            JobCompletions => when(!given(parent, "parallelism"), || int(1)),
            JobBackoffLimit => {
                Some(int(if given(parent, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 }))
            }
            PodReplacementPolicy => {
                Some(text(if given(parent, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" }))
            }
            LimitDefault | LimitDefaultRequest => limit(self, parent),
            PolicyTypes => Some(policy_types(parent)),
            SubjectApiGroup => {
                when(matches!(word(parent, "kind"), "User" | "Group"), || text("rbac.authorization.k8s.io"))
            }
            CrdSingular => Some(text(&word(parent, "kind").to_lowercase())),
            CrdListKind => Some(text(&format!("{}List", word(parent, "kind")))),
            DeviceCount => when(matches!(word(parent, "allocationMode"), "" | "ExactCount"), || int(1)),
            DeviceAllocationMode => when(given(parent, "deviceClassName"), || text("ExactCount")),
            DataSourceRef => parent.get("dataSource").filter(|n| !n.is_empty()).map(Node::to_doc),
            DataSource => parent
                .get("dataSourceRef")
                .filter(|r| !given(*r, "namespace") && !r.is_empty())
                .map(Node::to_doc),
            NamespaceLabels => namespace_labels(parent),
        };
        value.map(Computed::Value)
    }
}

fn service(rule: Rule, spec: Node<'_>) -> Option<Doc> {
    let kind = word(spec, "type");
    let outside = matches!(kind, "NodePort" | "LoadBalancer");
    match rule {
        Rule::SessionAffinityConfig => (word(spec, "sessionAffinity") == "ClientIP").then(empty_struct),
        Rule::ExternalTrafficPolicy => {
            let reachable = outside || (matches!(kind, "" | "ClusterIP") && given(spec, "externalIPs"));
            reachable.then(|| text("Cluster"))
        }
        Rule::InternalTrafficPolicy => (kind != "ExternalName").then(|| text("Cluster")),
        _ => (kind == "LoadBalancer").then(|| make(|b| b.bool(true))),
    }
}

fn limit(rule: Rule, item: Node<'_>) -> Option<Doc> {
    if word(item, "type") != "Container" {
        return None;
    }
    match rule {
        Rule::LimitDefault => completed(item.get("default"), &[item.get("max")]),
        // `default` is completed by `max` first.
        _ => completed(item.get("defaultRequest"), &[item.get("default"), item.get("max"), item.get("min")]),
    }
}

fn policy_types(spec: Node<'_>) -> Doc {
    make(|b| {
        b.begin_list();
        b.str("Ingress");
        if given(spec, "egress") {
            b.str("Egress");
        }
        b.end();
    })
}

fn namespace_labels(metadata: Node<'_>) -> Option<Doc> {
    let name = make(|b| {
        b.begin_map();
        b.key("kubernetes.io/metadata.name");
        b.str(word(metadata, "name"));
        b.end();
    });
    completed(metadata.get("labels"), &[Some(name.root())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(rule: Rule, parent: Value, root: Value, expect: Option<Value>) {
        let (parent, root) = (Doc::from_value(&parent).unwrap(), Doc::from_value(&root).unwrap());
        let got = rule.evaluate(parent.root(), root.root()).map(|c| match c {
            Computed::Value(doc) => doc.root().to_value(),
            Computed::Allocated => json!("allocated"),
        });
        assert_eq!(got, expect, "{rule:?} of {parent:?}");
    }

    #[test]
    fn every_rule_has_a_name() {
        for (name, rule) in NAMES {
            assert_eq!(Rule::from_name(name), Some(rule));
        }
        assert_eq!(Rule::from_name("x"), None);
    }

    #[test]
    fn service_fields_depend_on_its_type() {
        let none = json!({});
        for (kind, external, internal, ports) in [
            ("", None, Some("Cluster"), None),
            ("ClusterIP", None, Some("Cluster"), None),
            ("NodePort", Some("Cluster"), Some("Cluster"), None),
            ("LoadBalancer", Some("Cluster"), Some("Cluster"), Some(true)),
            ("ExternalName", None, None, None),
        ] {
            let spec = json!({"type": kind});
            check(Rule::ExternalTrafficPolicy, spec.clone(), none.clone(), external.map(Value::from));
            check(Rule::InternalTrafficPolicy, spec.clone(), none.clone(), internal.map(Value::from));
            check(Rule::LoadBalancerNodePorts, spec, none.clone(), ports.map(Value::from));
        }
        check(
            Rule::ExternalTrafficPolicy,
            json!({"externalIPs": ["1.2.3.4"]}),
            none.clone(),
            Some(json!("Cluster")),
        );
        check(
            Rule::SessionAffinityConfig,
            json!({"sessionAffinity": "ClientIP"}),
            none.clone(),
            Some(json!({})),
        );
        check(Rule::SessionAffinityConfig, none.clone(), none.clone(), None);
        check(Rule::IpFamilyPolicy, none.clone(), none.clone(), Some(json!("SingleStack")));
        check(Rule::IpFamilyPolicy, json!({"clusterIP": "None"}), none.clone(), Some(json!("allocated")));
        check(Rule::IpFamilyPolicy, json!({"type": "ExternalName"}), none.clone(), None);
        check(Rule::TargetPort, json!({"port": 80}), none, Some(json!(80)));
    }

    #[test]
    fn job_fields_depend_on_each_other() {
        let none = Value::Null;
        check(Rule::JobCompletions, json!({}), none.clone(), Some(json!(1)));
        check(Rule::JobCompletions, json!({"parallelism": 2}), none.clone(), None);
        check(
            Rule::JobBackoffLimit,
            json!({"backoffLimitPerIndex": 1}),
            none.clone(),
            Some(json!(2_147_483_647)),
        );
        check(Rule::JobBackoffLimit, none.clone(), none.clone(), Some(json!(6)));
        check(
            Rule::PodReplacementPolicy,
            json!({"podFailurePolicy": {"rules": []}}),
            none.clone(),
            Some(json!("Failed")),
        );
        check(Rule::JobSelector, json!({"manualSelector": true}), none.clone(), None);
        check(Rule::JobSelector, json!({}), none, Some(json!("allocated")));
    }

    #[test]
    fn maps_are_completed_not_overwritten() {
        let item = json!({"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "default": {"cpu": "1"}, "min": {"cpu": "1m", "x": "1"}});
        check(Rule::LimitDefault, item.clone(), Value::Null, Some(json!({"cpu": "1", "memory": "1Gi"})));
        check(
            Rule::LimitDefaultRequest,
            item,
            Value::Null,
            Some(json!({"cpu": "1", "memory": "1Gi", "x": "1"})),
        );
        check(Rule::LimitDefault, json!({"type": "Pod", "max": {"cpu": "2"}}), Value::Null, None);
        let metadata = json!({"name": "a", "labels": {"x": "y"}});
        check(
            Rule::NamespaceLabels,
            metadata,
            Value::Null,
            Some(json!({"x": "y", "kubernetes.io/metadata.name": "a"})),
        );
    }

    #[test]
    fn the_rest_as_the_server_does_it() {
        let none = Value::Null;
        check(Rule::RollingUpdate, none.clone(), none.clone(), Some(json!({})));
        check(Rule::RollingUpdate, json!({"type": "Recreate"}), none.clone(), None);
        check(Rule::StatefulSetRollingUpdate, json!({"type": "RollingUpdate"}), none.clone(), None);
        check(Rule::PolicyTypes, json!({"egress": [{}]}), none.clone(), Some(json!(["Ingress", "Egress"])));
        check(Rule::PolicyTypes, json!({"egress": []}), none.clone(), Some(json!(["Ingress"])));
        check(
            Rule::SubjectApiGroup,
            json!({"kind": "User"}),
            none.clone(),
            Some(json!("rbac.authorization.k8s.io")),
        );
        check(Rule::SubjectApiGroup, json!({"kind": "ServiceAccount"}), none.clone(), None);
        check(Rule::CrdSingular, json!({"kind": "CronTab"}), none.clone(), Some(json!("crontab")));
        check(Rule::CrdListKind, json!({"kind": "CronTab"}), none.clone(), Some(json!("CronTabList")));
        check(
            Rule::AggregatedRules,
            none.clone(),
            json!({"aggregationRule": {"clusterRoleSelectors": []}}),
            Some(json!("allocated")),
        );
        check(Rule::AggregatedRules, none.clone(), json!({"rules": []}), None);
        let token = json!({"type": "kubernetes.io/service-account-token"});
        check(Rule::TokenData, none.clone(), token, Some(json!("allocated")));
        check(Rule::TokenData, none.clone(), json!({"type": "Opaque"}), None);
        check(
            Rule::TemplateLabels,
            none,
            json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
            Some(json!({"a": "b"})),
        );
    }
}
