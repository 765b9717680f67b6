//! Compares two manifests in memory: no cluster, no file, no runtime.
//!
//! `cargo run --example compare_two`
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::{DesiredObject, DriftOptions, compare};
use drift_core::schema::SchemaSet;
use drift_sinks::report::{DriftTextOptions, render_drift_text};
use drift_sources::manifests::ManifestReader;

const DECLARED: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - {name: web, image: 'registry.example/web:1.4', resources: {limits: {cpu: '1', memory: 1Gi}}}
";
const LIVE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web}
  managedFields:
  - manager: kustomize-controller
    operation: Apply
    fieldsV1:
      f:metadata: {'f:labels': {'f:app': {}}}
      f:spec: {'f:template': {'f:spec': {'f:containers': {'k:{"name":"web"}': {'f:image': {}, 'f:resources': {}}}}}}
  - {manager: kubectl-edit, operation: Update, time: '2026-11-21T01:31:39Z', fieldsV1: {'f:spec': {'f:replicas': {}}}}
spec:
  replicas: 5
  template:
    spec:
      containers:
      - {name: web, image: 'registry.example/web:1.4', resources: {limits: {cpu: 1000m, memory: 1024Mi}}}
"#;

/// Reads objects from YAML as kubectl would.
fn read(yaml: &str) -> Vec<Arc<Object>> {
    let mut reader = ManifestReader::new();
    reader.add_file("inline.yaml", yaml.as_bytes());
    reader.finish().declared.into_iter().map(|d| Arc::new(d.object)).collect()
}

fn main() {
    let desired: Vec<_> =
        read(DECLARED).into_iter().map(|object| DesiredObject { object, declared: None }).collect();
    // `1000m` is `1` and `1024Mi` is `1Gi`: the schema says so. Only the replicas differ, and by whom is known.
    let report = compare(&desired, &read(LIVE), &SchemaSet::bundled(), &DriftOptions::default());
    print!("{}", render_drift_text(&report, &DriftTextOptions::default()));
}
