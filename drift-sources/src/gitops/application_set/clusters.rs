//! Generators that make an Application for each cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::redact::is_redacted;
use drift_core::{Doc, Node, Object};
use serde_json::{Map, Value, json};

use super::generators::{Generation, Generators, broken, selector_of, unavailable};
use super::parameters::{Parameters, go_text, normalize_name};
use crate::argo::{ArgoCluster, IN_CLUSTER_NAME, IN_CLUSTER_SERVER};

impl Generators<'_> {
    pub(super) fn clusters(&self, spec: &Value) -> Generation<Vec<Parameters>> {
        let selector = selector_of(spec.get("selector"))?.unwrap_or_default();
        let mut chosen: BTreeMap<&str, &ArgoCluster> = BTreeMap::new();
        let mut has_in_cluster = false;
        for cluster in self.registered_clusters()? {
            let labels =
                Doc::from_value(&json!(cluster.labels)).map_err(|_| broken("has labels too deep"))?;
            if selector.matches(Some(labels.root())) {
                has_in_cluster |= cluster.server == IN_CLUSTER_SERVER;
                chosen.insert(&cluster.name, cluster);
            }
        }
        let mut all = Vec::new();
        for cluster in chosen.into_values() {
            all.push(self.with_values(spec, self.cluster_parameters(cluster))?);
        }
        // Argo CD's own cluster needs no Secret, and then has no labels that a selector could ask for.
        if selector.is_empty() && !has_in_cluster {
            let own = json!({"name": IN_CLUSTER_NAME, "nameNormalized": IN_CLUSTER_NAME, "server": IN_CLUSTER_SERVER,
                "project": ""});
            all.push(self.with_values(spec, own.as_object().cloned().unwrap_or_default())?);
        }
        if spec.get("flatList").and_then(Value::as_bool) == Some(true) {
            let all: Vec<Value> = all.into_iter().map(Value::from).collect();
            return Ok(vec![Map::from_iter([("clusters".to_owned(), all.into())])]);
        }
        Ok(all)
    }

    /// Returns the clusters whose Secrets lie where Argo CD looks for them.
    fn registered_clusters(&self) -> Generation<impl Iterator<Item = &ArgoCluster>> {
        let namespace = &self.gitops.settings.namespace;
        let is_known = |o: &Arc<Object>| o.kind() == "Secret" && *o.namespace() == **namespace;
        if !self.gitops.cluster.live().iter().any(is_known) {
            return Err(unavailable(format!(
                "its generator takes clusters from Secrets in {namespace}, of which none is recorded"
            )));
        }
        let clusters = self.gitops.clusters.iter();
        Ok(clusters.filter(|(key, _)| key.namespace == *namespace).map(|(_, cluster)| cluster))
    }

    fn cluster_parameters(&self, cluster: &ArgoCluster) -> Parameters {
        // What is hashed has to stay recognizable as such.
        let normalized = match is_redacted(&cluster.name) {
            true => cluster.name.clone(),
            false => normalize_name(&cluster.name),
        };
        let parameters = json!({"name": cluster.name, "nameNormalized": normalized, "server": cluster.server,
            "project": cluster.project});
        let mut parameters = parameters.as_object().cloned().unwrap_or_default();
        let metadata = [("annotations", &cluster.annotations), ("labels", &cluster.labels)];
        match self.templates.are_go() {
            true => {
                let given = metadata.into_iter().filter(|(_, texts)| !texts.is_empty());
                let given = given.map(|(name, texts)| (name.to_owned(), json!(texts)));
                parameters.insert("metadata".to_owned(), given.collect::<Map<_, _>>().into());
            }
            false => {
                for (name, texts) in metadata {
                    let flat = texts.iter().map(|(k, v)| (format!("metadata.{name}.{k}"), v.as_str().into()));
                    parameters.extend(flat);
                }
            }
        }
        parameters
    }

    /// Makes parameters for the clusters that the status of some resource lists.
    pub(super) fn cluster_decisions(&self, spec: &Value) -> Generation<Vec<Parameters>> {
        let namespace = &*self.gitops.settings.namespace;
        let text = |name: &str| spec.get(name).and_then(Value::as_str).unwrap_or_default();
        let settings = text("configMapRef");
        let live = self.gitops.cluster.live();
        let is_settings = |o: &&Arc<Object>| {
            o.kind() == "ConfigMap"
                && o.group().is_empty()
                && o.namespace() == namespace
                && o.name() == settings
        };
        let settings = live.iter().find(is_settings).ok_or_else(|| {
            unavailable(format!(
                "its generator reads the ConfigMap {namespace}/{settings}, which is not recorded"
            ))
        })?;
        let entry = |name: &str| settings.root().str_at(&["data", name]).unwrap_or_default();
        let (group, _) =
            entry("apiVersion").split_once('/').ok_or_else(|| broken("names no resource of decisions"))?;
        let (plural, name) = (entry("kind"), text("name"));
        let selector = selector_of(spec.get("labelSelector"))?.unwrap_or_default();
        if name.is_empty() == selector.is_empty() {
            return Err(broken("names its resource of decisions neither by name nor by labels, or by both"));
        }
        let kinds = self.kinds_called(group, plural);
        let is_meant = |o: &&Arc<Object>| {
            o.group() == group
                && kinds.contains(o.kind())
                && o.namespace() == namespace
                && (name.is_empty() || o.name() == name)
                && selector.matches(o.root().at(&["metadata", "labels"]))
        };
        let decisive: Vec<&Arc<Object>> = live.iter().filter(is_meant).collect();
        if decisive.is_empty() {
            return Err(unavailable(format!(
                "its generator reads {plural}.{group}, of which none is recorded"
            )));
        }
        let list = Some(entry("statusListKey")).filter(|k| !k.is_empty()).unwrap_or("clusters");
        let decisions = decisive.iter().filter_map(|o| o.root().at(&["status", list]));
        let decisions: Vec<Value> = decisions.flat_map(Node::children).map(Node::to_value).collect();
        self.decided_clusters(spec, entry("matchKey"), &decisions)
    }

    fn decided_clusters(&self, spec: &Value, key: &str, decisions: &[Value]) -> Generation<Vec<Parameters>> {
        let mut clusters: BTreeMap<&str, &str> = BTreeMap::from([(IN_CLUSTER_NAME, IN_CLUSTER_SERVER)]);
        for cluster in self.registered_clusters()? {
            if is_redacted(&cluster.name) {
                return Err(unavailable(
                    "its generator looks for names of clusters, which are hashed in the store",
                ));
            }
            clusters.insert(&cluster.name, &cluster.server);
        }
        let mut all = Vec::new();
        for decision in decisions.iter().filter_map(Value::as_object) {
            let name = decision.get(key).map(go_text).unwrap_or_default();
            let Some(server) = clusters.get(&*name).filter(|_| !key.is_empty()) else { continue };
            let mut parameters = Parameters::new();
            parameters.insert("name".to_owned(), name.as_str().into());
            parameters.insert("server".to_owned(), (*server).into());
            parameters.extend(decision.iter().map(|(k, v)| (k.clone(), go_text(v).into())));
            let values = spec.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
            self.insert_values(values, &mut parameters);
            all.push(parameters);
        }
        Ok(all)
    }

    /// Returns the kinds of a group that the API calls by a plural: by their definitions, else as plurals are made.
    fn kinds_called(&self, group: &str, plural: &str) -> BTreeSet<String> {
        let live = self.gitops.cluster.live().iter();
        let definitions = live.clone().filter(|o| o.kind() == "CustomResourceDefinition").filter(|o| {
            let spec = |path: &[&str]| o.root().get("spec").and_then(|s| s.str_at(path));
            spec(&["group"]) == Some(group) && spec(&["names", "plural"]) == Some(plural)
        });
        let defined = definitions.filter_map(|o| o.root().str_at(&["spec", "names", "kind"]));
        let defined: BTreeSet<String> = defined.map(str::to_owned).collect();
        if !defined.is_empty() {
            return defined;
        }
        let is_called = |o: &&Arc<Object>| {
            o.group() == group && format!("{}s", o.kind().to_lowercase()) == plural.to_lowercase()
        };
        live.filter(is_called).map(|o| o.kind().to_owned()).collect()
    }
}

/// Returns `true` if a value holds a text that is hashed in the store.
pub(super) fn has_hash(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            !matches!(drift_core::redact::without_hashes(text), std::borrow::Cow::Borrowed(_))
        }
        Value::Array(list) => list.iter().any(has_hash),
        Value::Object(map) => map.iter().any(|(k, v)| has_hash(v) || has_hash(&Value::from(k.as_str()))),
        _ => false,
    }
}

/// Takes live values in place of declared ones that hold a hash: what of them is templated is not known.
pub(super) fn leave_hashed(desired: &mut Value, live: &Value) {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            for (key, value) in desired.iter_mut() {
                if let Some(live) = live.get(key) {
                    leave_hashed(value, live);
                }
            }
        }
        (Value::Array(desired), Value::Array(live)) => {
            desired.iter_mut().zip(live).for_each(|(value, live)| leave_hashed(value, live));
        }
        (desired, live) if desired != live && has_hash(desired) => *desired = live.clone(),
        _ => {}
    }
}
