//! What a HelmRelease will be upgraded to: the chart that its release holds, with the values of now.
//!
//! A release is stored with its chart and the values that it was given. Where the values of now are others, the chart is rendered
//! with both: only if the old ones give just the manifest that was applied, what the new ones give is what the release declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::{Object, ResourceKey};
use serde_json::Value;

use super::helm_values::{is_same, merged_values, texts_of_secrets};
use super::{GitOps, kustomize_edit, objects_of};
use crate::flux::{HELM_GROUP, HelmRelease};
use crate::helm::{ReleaseChart, StoredRelease};
use crate::render::{CommitFiles, FileEdit, Program};

/// Name of the file of values beside a chart.
const VALUES_FILE: &str = ".drift-values.yaml";

/// What the values of now make of a release, or why that is not known.
type Pending = Result<Vec<Arc<Object>>, String>;

impl GitOps<'_> {
    /// Returns what a HelmRelease declares with the values of now; `None` where they are those of the deployed revision, or where it
    /// is not known whether they are.
    pub(super) fn pending_release(&self, app: &HelmRelease, deployed: &StoredRelease) -> Option<Pending> {
        let values = match merged_values(&self.cluster, app)? {
            Ok(values) => values,
            Err(why) => return Some(Err(why)),
        };
        if blake3::hash(values.to_string().as_bytes()).to_hex().as_str() == deployed.values_digest {
            return None;
        }
        let storage = self.storage_of(deployed)?;
        let chart = match ReleaseChart::from_object(storage) {
            Ok(chart) => chart,
            Err(why) => return Some(Err(format!("the chart of revision {} {why}", deployed.version))),
        };
        if is_same(&values, &chart.config) {
            return None;
        }
        texts_of_secrets(&self.cluster, app, &chart.config).iter().for_each(|t| self.secrets.learn_text(t));
        let key =
            format!("helm {} {} {}", app.key, deployed.version, blake3::hash(values.to_string().as_bytes()));
        let rendered = self.render_once(key, || {
            self.render_release(app, &chart, deployed, &values)
                .map_err(drift_core::drift::DeclarationError::Unavailable)
        });
        Some(rendered.map(|objects| (*objects).clone()).map_err(|why| why.to_string()))
    }

    fn storage_of(&self, release: &StoredRelease) -> Option<&Arc<Object>> {
        let name = format!("sh.helm.release.v1.{}.v{}", release.name, release.version);
        let key = |kind: &str| ResourceKey::new("", kind, &release.storage_namespace, &name);
        self.cluster.get(&key("Secret")).or_else(|| self.cluster.get(&key("ConfigMap")))
    }

    fn render_release(
        &self,
        app: &HelmRelease,
        chart: &ReleaseChart,
        deployed: &StoredRelease,
        values: &Value,
    ) -> Pending {
        let tree = CommitFiles::from_memory(&chart.files)
            .map_err(|e| format!("the chart cannot be laid out: {e}"))?;
        let is_labelled = deployed.objects.iter().any(|o| app.tracks_object(o));
        let render = |values: &Value, is_upgrade: bool| {
            let edits: [FileEdit; 1] = [(VALUES_FILE.to_owned(), values.to_string().into_bytes())];
            let arguments = self.release_arguments(deployed, is_upgrade);
            let output = self.renderer.run(Program::Helm, &tree, "", &arguments, &edits);
            let objects = objects_of("helm template", &output.map_err(|e| e.to_string())?)?;
            let labelled = |o| if is_labelled { with_origin(app, o) } else { o };
            Ok::<_, String>(objects.into_iter().map(labelled).collect::<Vec<_>>())
        };
        let before = render(&chart.config, deployed.version > 1)?;
        if by_key(&before) != by_key(&deployed.objects) {
            let why =
                format!("the chart of revision {} does not render here as it was applied", deployed.version);
            return Err(why);
        }
        render(values, true)
    }

    fn release_arguments(&self, deployed: &StoredRelease, is_upgrade: bool) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["template", ".", "--name-template", &deployed.name, "--namespace", &deployed.namespace]
                .map(str::to_owned)
                .into();
        arguments.extend(["--no-hooks", "--values", VALUES_FILE].map(str::to_owned));
        arguments.extend(is_upgrade.then(|| "--is-upgrade".to_owned()));
        arguments.extend(self.cluster_version().into_iter().flat_map(|v| ["--kube-version".to_owned(), v]));
        for version in self.served_versions() {
            arguments.extend(["--api-versions".to_owned(), version]);
        }
        arguments
    }
}

/// Returns an object with the labels that helm-controller adds to what Helm rendered.
fn with_origin(app: &HelmRelease, object: Arc<Object>) -> Arc<Object> {
    let name = format!("{HELM_GROUP}/name");
    let namespace = format!("{HELM_GROUP}/namespace");
    let labels = [(&*name, &*app.key.name), (&*namespace, &*app.key.namespace)];
    kustomize_edit::object(&object, |map| kustomize_edit::set_metadata(map, "labels", labels))
        .unwrap_or(object)
}

fn by_key(objects: &[Arc<Object>]) -> BTreeMap<(String, ResourceKey), &Object> {
    objects.iter().map(|o| ((o.api_version().to_owned(), o.key()), &**o)).collect()
}
