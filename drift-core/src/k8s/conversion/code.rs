//! Conversions that are more than moves.

use serde_json::{Map, Value, json};

/// A conversion by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// `autoscaling/v1`: one target for the processor, the rest in annotations.
    AutoscalerV1,
    /// `autoscaling/v2beta1`: targets stand beside the name of the metric.
    AutoscalerV2beta1,
    /// `apiextensions.k8s.io/v1beta1`: one schema, status and list of columns for all versions.
    Definition,
    /// `discovery.k8s.io/v1beta1`: the topology of an endpoint as a map.
    EndpointTopology,
    /// `rbac.authorization.k8s.io/v1alpha1`: subjects with a version, and `*` for everybody.
    Subjects,
}

const NAMES: [(&str, Code); 5] = [
    ("autoscaler-v1", Code::AutoscalerV1),
    ("autoscaler-v2beta1", Code::AutoscalerV2beta1),
    ("definition", Code::Definition),
    ("endpoint-topology", Code::EndpointTopology),
    ("subjects", Code::Subjects),
];

type JsonFields = Map<String, Value>;

impl Code {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|n| n.0 == name).map(|n| n.1)
    }

    pub(super) fn apply(self, root: &mut Value) {
        match self {
            Self::AutoscalerV1 => autoscaler_v1(root),
            Self::AutoscalerV2beta1 => {
                let metrics = root.get_mut("spec").and_then(|s| s.get_mut("metrics"));
                elements(metrics).for_each(metric);
            }
            Self::Definition => definition(root),
            Self::EndpointTopology => elements(root.get_mut("endpoints")).for_each(endpoint),
            Self::Subjects => elements(root.get_mut("subjects")).for_each(subject),
        }
    }
}

/// The maps in a list.
fn elements(list: Option<&mut Value>) -> impl Iterator<Item = &mut JsonFields> {
    list.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Annotations in which version 1 has what only newer versions have fields for.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const STATUS: [&str; 2] =
    ["autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics"];

fn autoscaler_v1(root: &mut Value) {
    let annotations = root.get_mut("metadata").and_then(|m| m.get_mut("annotations"));
    let (mut metrics, mut behavior) = (Vec::new(), None);
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        let mut read = |name: &str| -> Option<Value> {
            let value = serde_json::from_str(annotations.get(name)?.as_str()?).ok()?;
            annotations.remove(name);
            Some(value)
        };
        if let Some(Value::Array(mut list)) = read(METRICS) {
            list.iter_mut().filter_map(Value::as_object_mut).for_each(metric);
            metrics = list;
        }
        behavior = read(BEHAVIOR);
        STATUS.iter().for_each(|name| drop(annotations.remove(*name)));
    }
    let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if let Some(target) = spec.remove("targetCPUUtilizationPercentage").filter(|t| !t.is_null()) {
        let target = json!({"type": "Utilization", "averageUtilization": target});
        metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    if !metrics.is_empty() {
        spec.insert("metrics".into(), metrics.into());
    }
    spec.extend(behavior.map(|b| ("behavior".to_owned(), b)));
}

/// Gives one metric the form of version 2: a metric to look at, and a target.
fn metric(metric: &mut JsonFields) {
    for (kind, source) in metric.iter_mut() {
        let Some(source) = source.as_object_mut() else { continue };
        // A description of the object in an annotation is in the newer form already.
        let selector = match kind.as_str() {
            "object" if source.contains_key("describedObject") => continue,
            "object" | "pods" => "selector",
            "external" => "metricSelector",
            "resource" | "containerResource" => "",
            _ => continue,
        };
        if kind == "object" {
            let described = source.remove("target");
            source.extend(described.map(|d| ("describedObject".to_owned(), d)));
        }
        let target = target(source);
        source.extend(target.map(|t| ("target".to_owned(), t)));
        let identifier: JsonFields = [("metricName", "name"), (selector, "selector")]
            .into_iter()
            .filter_map(|(from, to)| Some((to.to_owned(), source.remove(from)?)))
            .collect();
        if !identifier.is_empty() {
            source.insert("metric".into(), identifier.into());
        }
    }
}

/// Takes the target out of a metric of an older version; an average goes before a value, as the conversion has it.
fn target(source: &mut JsonFields) -> Option<Value> {
    const FORMS: [(&str, &str, &str); 4] = [
        ("targetAverageUtilization", "Utilization", "averageUtilization"),
        ("targetAverageValue", "AverageValue", "averageValue"),
        ("averageValue", "AverageValue", "averageValue"),
        ("targetValue", "Value", "value"),
    ];
    let mut target = JsonFields::new();
    for (field, kind, name) in FORMS {
        let Some(value) = source.remove(field).filter(|v| !v.is_null()) else { continue };
        // The reader of version 2beta1 fills in a value of zero beside an average.
        if target.is_empty() {
            target.insert("type".into(), kind.into());
            target.insert(name.into(), value);
        }
    }
    (!target.is_empty()).then_some(target.into())
}

fn definition(root: &mut Value) {
    let Some(spec) = root.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let mut shared: Vec<(&str, Value)> = Vec::new();
    for (from, to) in [
        ("validation", "schema"),
        ("subresources", "subresources"),
        ("additionalPrinterColumns", "additionalPrinterColumns"),
    ] {
        shared.extend(spec.remove(from).filter(|v| !v.is_null()).map(|v| (to, v)));
    }
    let version = spec.remove("version");
    if let Some(name) = version.filter(|_| !spec.contains_key("versions")) {
        let only = json!([{"name": name, "served": true, "storage": true}]);
        spec.insert("versions".into(), only);
    }
    for version in elements(spec.get_mut("versions")) {
        for (field, value) in &shared {
            if version.get(*field).is_none_or(Value::is_null) {
                version.insert((*field).to_owned(), value.clone());
            }
        }
        for column in elements(version.get_mut("additionalPrinterColumns")) {
            let path = column.remove("JSONPath");
            column.extend(path.map(|p| ("jsonPath".to_owned(), p)));
        }
    }
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) {
        let client = conversion.remove("webhookClientConfig").filter(|c| !c.is_null());
        let versions = conversion.remove("conversionReviewVersions");
        if conversion.get("strategy").and_then(Value::as_str) == Some("Webhook") {
            let mut webhook = JsonFields::new();
            webhook.extend(client.map(|c| ("clientConfig".to_owned(), c)));
            webhook.insert("conversionReviewVersions".into(), versions.unwrap_or_else(|| json!(["v1beta1"])));
            conversion.insert("webhook".into(), webhook.into());
        }
    }
}

fn endpoint(endpoint: &mut JsonFields) {
    let Some(Value::Object(mut topology)) = endpoint.remove("topology") else { return };
    let zone = topology.remove("topology.kubernetes.io/zone");
    endpoint.extend(zone.map(|z| ("zone".to_owned(), z)));
    if topology.get("kubernetes.io/hostname").is_some_and(|h| Some(h) == endpoint.get("nodeName")) {
        topology.remove("kubernetes.io/hostname");
    }
    if !topology.is_empty() {
        endpoint.insert("deprecatedTopology".into(), topology.into());
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn subject(subject: &mut JsonFields) {
    let version = subject.remove("apiVersion");
    let group =
        version.as_ref().and_then(Value::as_str).and_then(|v| v.split_once('/')).map(|v| v.0.to_owned());
    subject.extend(group.map(|g| ("apiGroup".to_owned(), g.into())));
    let is = |field: &str, text: &str| subject.get(field).and_then(Value::as_str) == Some(text);
    if is("kind", "User") && is("name", "*") {
        subject.extend(
            [("kind", "Group"), ("name", "system:authenticated"), ("apiGroup", RBAC)]
                .map(|(k, v)| (k.to_owned(), v.into())),
        );
    }
}
