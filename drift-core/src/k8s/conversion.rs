//! One object in another version of its kind: what moved between the versions that were ever served.
//!
//! Always from an older version to the newest; two objects of different versions are compared in that. The table is
//! `data/conversions.txt`, whose head explains the notation; what it cannot say is [`code`].

mod code;
mod step;
mod table;

use serde_json::Value;

use crate::object::{Doc, Node, Object};
use crate::path::FieldPath;
use step::ConversionStep;
use table::ConversionSection;

pub(crate) use step::OlderDefault;

/// What leads from one older version of a kind to its newest.
#[derive(Clone, Debug)]
pub(crate) struct VersionConversion {
    /// Group and version of the newest, as in `apiVersion`.
    target: &'static str,
    sections: Vec<&'static ConversionSection>,
}

impl VersionConversion {
    /// Returns the conversion of an object's version; `None` where that is the newest, or nothing is known of it.
    ///
    /// # Example
    /// ```text
    /// let claim = VersionConversion::of("extensions/v1beta1", "Ingress").unwrap();
    /// assert_eq!(claim.target(), "networking.k8s.io/v1");
    /// ```
    pub(crate) fn of(api_version: &str, kind: &str) -> Option<Self> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("core", api_version));
        let sections: Vec<_> = table::sections().iter().filter(|s| s.covers(group, version, kind)).collect();
        Some(Self { target: sections.first()?.target, sections })
    }

    /// Returns `apiVersion` of the newest version.
    pub(crate) fn target(&self) -> &'static str {
        self.target
    }

    fn steps(&self) -> impl DoubleEndedIterator<Item = &'static ConversionStep> {
        self.sections.iter().flat_map(|s| &s.steps)
    }

    /// Returns an object in the newest version; `None` where it has no such form.
    pub(crate) fn apply(&self, object: &Object) -> Option<Object> {
        Object::new(self.apply_to(object.root())?).ok()
    }

    /// Returns a document in the newest version.
    pub(crate) fn apply_to(&self, root: Node<'_>) -> Option<Doc> {
        let mut value = root.to_value();
        for step in self.steps() {
            step.apply(&mut value);
        }
        *value.get_mut("apiVersion")? = Value::from(self.target);
        Doc::from_value(&value).ok()
    }

    /// Returns what the older version fills in, where the newer one fills in something else or nothing.
    pub(crate) fn defaults(&self) -> impl Iterator<Item = &'static OlderDefault> {
        self.steps().filter_map(|s| match s {
            ConversionStep::Default(default) => Some(default),
            _ => None,
        })
    }

    /// Returns the path that a field has in the older version; the same path for one that did not move.
    pub(crate) fn older_path(&self, path: &FieldPath) -> FieldPath {
        let back = |path: FieldPath, step: &ConversionStep| step.older_path(&path).unwrap_or(path);
        self.steps().rev().fold(path.clone(), back)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::SchemaSet;

    fn check(api: (&str, &str), body: Value, target: &str, expect: Value) {
        let with = |mut body: Value, version: &str| {
            body["apiVersion"] = json!(version);
            body["kind"] = json!(api.1);
            body["metadata"]["name"] = json!("a");
            body
        };
        let object = Object::new(Doc::from_value(&with(body, api.0)).unwrap()).unwrap();
        let conversion = VersionConversion::of(api.0, api.1).unwrap_or_else(|| panic!("{api:?}"));
        let got = conversion.apply(&object).unwrap().root().to_value();
        assert_eq!(got, with(expect, target));
    }

    #[test]
    fn every_section_leads_to_a_built_in_kind() {
        let schemas = SchemaSet::bundled();
        for section in table::sections() {
            let (group, version) = section.target.rsplit_once('/').unwrap();
            for kind in &section.kinds {
                assert!(schemas.kind(group, version, kind).is_some(), "{} {kind}", section.target);
                assert!(VersionConversion::of(section.target, kind).is_none(), "{} {kind}", section.target);
            }
        }
    }

    #[test]
    fn what_older_versions_fill_in_is_a_field_of_the_newer() {
        let schemas = SchemaSet::bundled();
        for section in table::sections() {
            let (group, version) = section.target.rsplit_once('/').unwrap();
            for (kind, step) in section.kinds.iter().flat_map(|k| section.steps.iter().map(move |s| (k, s))) {
                if let ConversionStep::Default(default) = step {
                    let root = schemas.kind(group, version, kind).unwrap().root();
                    assert!(default.has_field(root), "{kind} {default:?}");
                }
            }
        }
    }

    #[test]
    fn backends_of_an_ingress_are_structs() {
        let old = json!({"spec":{"backend":{"serviceName":"a","servicePort":"http"},"rules":[{"host":"x","http":{"paths":[
            {"path":"/","backend":{"serviceName":"b","servicePort":80}},
            {"path":"/c","pathType":"Prefix","backend":{"resource":{"kind":"Bucket","name":"c"}}}]}}]}});
        let new = json!({"spec":{"defaultBackend":{"service":{"name":"a","port":{"name":"http"}}},"rules":[{"host":"x","http":{"paths":[
            {"path":"/","pathType":"ImplementationSpecific","backend":{"service":{"name":"b","port":{"number":80}}}},
            {"path":"/c","pathType":"Prefix","backend":{"resource":{"kind":"Bucket","name":"c"}}}]}}]}});
        for api in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
            check((api, "Ingress"), old.clone(), "networking.k8s.io/v1", new.clone());
        }
    }

    #[test]
    fn metrics_of_an_autoscaler_have_targets() {
        let target = json!({"type":"Utilization","averageUtilization":70});
        let cpu = json!({"type":"Resource","resource":{"name":"cpu","target":target}});
        check(
            ("autoscaling/v1", "HorizontalPodAutoscaler"),
            json!({"spec":{"maxReplicas":3,"targetCPUUtilizationPercentage":70}}),
            "autoscaling/v2",
            json!({"spec":{"maxReplicas":3,"metrics":[cpu]}}),
        );
        let older = json!([
            {"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"10"}},
            {"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}},
            {"type":"Object","object":{"target":{"kind":"Ingress","name":"i"},"metricName":"hits","targetValue":"5"}},
            {"type":"External","external":{"metricName":"queue","metricSelector":{"matchLabels":{"q":"a"}},"targetAverageValue":"3"}},
            {"type":"ContainerResource","containerResource":{"name":"cpu","container":"main","targetAverageUtilization":70}},
        ]);
        let newer = json!([
            {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}},
            {"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"1Gi"}}},
            {"type":"Object","object":{"describedObject":{"kind":"Ingress","name":"i"},"metric":{"name":"hits"},"target":{"type":"Value","value":"5"}}},
            {"type":"External","external":{"metric":{"name":"queue","selector":{"matchLabels":{"q":"a"}}},"target":{"type":"AverageValue","averageValue":"3"}}},
            {"type":"ContainerResource","containerResource":{"name":"cpu","container":"main","target":target}},
        ]);
        let spec = |metrics: &Value| json!({"spec":{"metrics":metrics}});
        check(
            ("autoscaling/v2beta1", "HorizontalPodAutoscaler"),
            spec(&older),
            "autoscaling/v2",
            spec(&newer),
        );
        check(
            ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
            spec(&newer),
            "autoscaling/v2",
            spec(&newer),
        );
        // What version 1 has no field for, it has in annotations.
        let mut both = newer.as_array().unwrap().clone();
        both.push(json!({"type":"Resource","resource":{"name":"cpu","target":target}}));
        let behavior = json!({"scaleDown":{"stabilizationWindowSeconds":60}});
        let annotations = json!({"autoscaling.alpha.kubernetes.io/metrics":older.to_string(),
            "autoscaling.alpha.kubernetes.io/behavior":behavior.to_string(),
            "autoscaling.alpha.kubernetes.io/conditions":"[]","mine":"1"});
        check(
            ("autoscaling/v1", "HorizontalPodAutoscaler"),
            json!({"metadata":{"annotations":annotations},"spec":{"targetCPUUtilizationPercentage":70}}),
            "autoscaling/v2",
            json!({"metadata":{"annotations":{"mine":"1"}},"spec":{"metrics":both,"behavior":behavior}}),
        );
    }

    #[test]
    fn definitions_have_schema_and_columns_by_version() {
        let schema = json!({"openAPIV3Schema":{"type":"object"}});
        check(
            ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
            json!({"spec":{"group":"x.io","version":"v1","validation":schema,"subresources":{"status":{}},
                "additionalPrinterColumns":[{"name":"Age","type":"date","JSONPath":".metadata.creationTimestamp"}],
                "conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"https://x"}}}}),
            "apiextensions.k8s.io/v1",
            json!({"spec":{"group":"x.io","versions":[{"name":"v1","served":true,"storage":true,"schema":schema,
                "subresources":{"status":{}},
                "additionalPrinterColumns":[{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}]}],
                "conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://x"},"conversionReviewVersions":["v1beta1"]}}}}),
        );
        let own = json!({"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}});
        check(
            ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
            json!({"spec":{"version":"v1","subresources":{"status":{}},"versions":[{"name":"v1","served":true,"storage":true,"schema":own},
                {"name":"v0","served":true,"storage":false,"schema":schema}]}}),
            "apiextensions.k8s.io/v1",
            json!({"spec":{"versions":[{"name":"v1","served":true,"storage":true,"schema":own,"subresources":{"status":{}}},
                {"name":"v0","served":true,"storage":false,"schema":schema,"subresources":{"status":{}}}]}}),
        );
    }

    #[test]
    fn smaller_moves() {
        check(
            ("node.k8s.io/v1alpha1", "RuntimeClass"),
            json!({"spec":{"runtimeHandler":"kata","overhead":{"podFixed":{"cpu":"1"}}}}),
            "node.k8s.io/v1",
            json!({"handler":"kata","overhead":{"podFixed":{"cpu":"1"}}}),
        );
        let shares = |field: &str, shares: i64| json!({"spec":{"type":"Limited","limited":{field:shares,"limitResponse":{"type":"Reject"}}}});
        let kind = "PriorityLevelConfiguration";
        let group = "flowcontrol.apiserver.k8s.io";
        for version in ["v1alpha1", "v1beta1", "v1beta2"] {
            check(
                (&format!("{group}/{version}"), kind),
                shares("assuredConcurrencyShares", 5),
                &format!("{group}/v1"),
                shares("nominalConcurrencyShares", 5),
            );
        }
        check(
            (&format!("{group}/v1beta3"), kind),
            shares("nominalConcurrencyShares", 0),
            &format!("{group}/v1"),
            json!({"spec":{"type":"Limited","limited":{"limitResponse":{"type":"Reject"}}}}),
        );
        check(
            ("rbac.authorization.k8s.io/v1alpha1", "ClusterRoleBinding"),
            json!({"subjects":[{"kind":"User","name":"*"},{"kind":"User","name":"ann","apiVersion":"rbac.authorization.k8s.io/v1alpha1"},
                {"kind":"ServiceAccount","name":"s","namespace":"n","apiVersion":"v1"}]}),
            "rbac.authorization.k8s.io/v1",
            json!({"subjects":[{"kind":"Group","name":"system:authenticated","apiGroup":"rbac.authorization.k8s.io"},
                {"kind":"User","name":"ann","apiGroup":"rbac.authorization.k8s.io"},{"kind":"ServiceAccount","name":"s","namespace":"n"}]}),
        );
        check(
            ("discovery.k8s.io/v1beta1", "EndpointSlice"),
            json!({"endpoints":[{"addresses":["10.0.0.1"],"nodeName":"n","topology":{"kubernetes.io/hostname":"n","topology.kubernetes.io/zone":"z","x":"y"}}]}),
            "discovery.k8s.io/v1",
            json!({"endpoints":[{"addresses":["10.0.0.1"],"nodeName":"n","zone":"z","deprecatedTopology":{"x":"y"}}]}),
        );
        check(
            ("resource.k8s.io/v1beta1", "ResourceClaim"),
            json!({"spec":{"devices":{"requests":[{"name":"gpu","deviceClassName":"gpu.example.com","count":2},{"name":"any","firstAvailable":[]}]}}}),
            "resource.k8s.io/v1",
            json!({"spec":{"devices":{"requests":[{"name":"gpu","exactly":{"deviceClassName":"gpu.example.com","count":2}},{"name":"any","firstAvailable":[]}]}}}),
        );
        check(
            ("resource.k8s.io/v1beta1", "ResourceSlice"),
            json!({"spec":{"devices":[{"name":"d","basic":{"capacity":{"m":{"value":"1Gi"}}}}]}}),
            "resource.k8s.io/v1",
            json!({"spec":{"devices":[{"name":"d","capacity":{"m":{"value":"1Gi"}}}]}}),
        );
        check(
            ("policy/v1beta1", "PodDisruptionBudget"),
            json!({"spec":{"minAvailable":1,"selector":{}}}),
            "policy/v1",
            json!({"spec":{"minAvailable":1,"selector":{"matchExpressions":[
                {"key":"pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match","operator":"Exists"}]}}}),
        );
    }

    #[test]
    fn paths_lead_back_to_the_older_version() {
        let back = |api: &str, kind: &str, path: &str| {
            VersionConversion::of(api, kind).unwrap().older_path(&FieldPath::parse(path).unwrap()).to_string()
        };
        let ingress = |path| back("extensions/v1beta1", "Ingress", path);
        assert_eq!(ingress("spec.defaultBackend.service.name"), ".spec.backend.serviceName");
        assert_eq!(
            ingress("spec.rules[0].http.paths[1].backend.service.port.name"),
            ".spec.rules[0].http.paths[1].backend.servicePort"
        );
        assert_eq!(ingress("spec.tls"), ".spec.tls");
        let autoscaler = |path| back("autoscaling/v1", "HorizontalPodAutoscaler", path);
        assert_eq!(autoscaler("spec.metrics"), ".spec.targetCPUUtilizationPercentage");
        assert_eq!(autoscaler("spec.maxReplicas"), ".spec.maxReplicas");
    }

    #[test]
    fn odd_objects_are_left_as_they_are() {
        for (api, kind) in [
            ("autoscaling/v1", "HorizontalPodAutoscaler"),
            ("extensions/v1beta1", "Ingress"),
            ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
            ("rbac.authorization.k8s.io/v1alpha1", "RoleBinding"),
            ("discovery.k8s.io/v1beta1", "EndpointSlice"),
            ("autoscaling/v2beta1", "HorizontalPodAutoscaler"),
        ] {
            for odd in [
                json!({}),
                json!({"spec":null}),
                json!({"spec":[1]}),
                json!({"spec":{"rules":3,"metrics":[3],"versions":"x"}}),
                json!({"subjects":[1],"endpoints":{"a":1}}),
            ] {
                let target = VersionConversion::of(api, kind).unwrap().target();
                check((api, kind), odd.clone(), target, odd);
            }
        }
    }
}
