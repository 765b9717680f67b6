//! Applications by the thousand with their resources in one tape: from cold, and after one change.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drift_core::drift::Status;
use drift_core::drift::rules::RuleSet;
use drift_core::schema::SchemaSet;
use drift_core::tape::TapeEvent;
use drift_core::{Doc, Object, ResourceKey};
use drift_sources::gitops::{ClusterSnapshot, IncrementalGitOps, Repositories, Version};
use drift_sources::render::{RenderOptions, Renderer};
use drift_sources::tape::{TapeOptions, TapeReader};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Failure;
use crate::measure::percentile;

/// Resources of an Application.
const EACH: usize = 100;
/// Every so many resources one was changed by hand.
const EDITED: usize = 50;
const CHANGES: usize = 1_000;
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(crate) fn run(apps: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let tape = folder.path().join("estate.tape.jsonl");
    let bytes = write(&tape, apps)?;
    println!("{apps} Applications, {} resources, {} MB of tape", apps * EACH, bytes / 1_000_000);
    let before = resident();
    let start = Instant::now();
    let versions = read(&tape)?;
    let read = start.elapsed();
    let live: Vec<Arc<Object>> = versions.values().filter_map(|v| v.last()?.object.clone()).collect();
    let held: usize = live.iter().map(|o| o.doc().heap_size()).sum();
    let (repositories, renderer) =
        (Repositories::default(), Renderer::new(RenderOptions::in_folders(Vec::new())));
    let schemas = (*SchemaSet::bundled()).clone();
    let cluster = ClusterSnapshot::at(live, versions, None);
    let mut kept = IncrementalGitOps::new(cluster, &repositories, &renderer, schemas, RuleSet::default());
    let cold = start.elapsed();
    let report = kept.report();
    let drifted = report.resources.iter().filter(|r| r.status == Status::Drifted).count();
    assert_eq!(drifted, (apps * EACH).div_ceil(EDITED), "what was edited drifted, and nothing else");
    assert_eq!(report.resources.len(), apps * EACH, "every resource has its authority");
    drop(report);
    println!(
        "cold, one core: {:.2} s, of it reading the tape {:.2} s (budget 10 s); {drifted} drifted",
        cold.as_secs_f64(),
        read.as_secs_f64()
    );
    println!(
        "memory: {} MB resident, {:.1} KB a resource; live objects decoded {:.2} of their JSON",
        (resident() - before) / 1_000_000,
        (resident() - before) as f64 / 1000.0 / (apps * EACH) as f64,
        held as f64 / bytes as f64
    );
    let mut edits = after_one(&mut kept, apps, |n| deployment(n / EACH, n % EACH, true, n));
    row("after one edit", &mut edits);
    let mut moved = after_one(&mut kept, apps, |n| application(n / EACH, n));
    row("after one change of an Application", &mut moved);
    Ok(())
}

fn row(name: &str, times: &mut [Duration]) {
    let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
    let most = times.last().copied().unwrap_or_default();
    println!("{name}: p50 {p50:?}, p99 {p99:?}, most {most:?} (budget 5 ms)");
}

fn after_one(kept: &mut IncrementalGitOps<'_>, apps: usize, make: impl Fn(usize) -> Value) -> Vec<Duration> {
    let one = |i: usize| {
        // A fixed walk over all resources: the same changes in every run.
        let n = (i * 7_919 + 1) % (apps * EACH);
        let object = object(&make(n));
        let at = Timestamp::from_second(1_800_000_000 + i as i64).expect("a time in range");
        let (key, version) = (object.key(), Version { at, object: Some(object) });
        let start = Instant::now();
        kept.apply(&key, version);
        start.elapsed()
    };
    (0..CHANGES).map(one).collect()
}

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::new(Doc::from_value(value).expect("a document")).expect("an object"))
}

/// Bytes of this process in memory; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn read(path: &Path) -> Result<BTreeMap<ResourceKey, Vec<Version>>, Failure> {
    let mut versions: BTreeMap<ResourceKey, Vec<Version>> = BTreeMap::new();
    for line in TapeReader::open(path, TapeOptions::default())? {
        let line = line?;
        if let TapeEvent::Listed(object) = line.event {
            let version = Version { at: line.at, object: None };
            let key = object.key();
            versions.entry(key).or_default().push(Version { object: Some(Arc::new(object)), ..version });
        }
    }
    Ok(versions)
}

fn write(path: &Path, apps: usize) -> Result<usize, Failure> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let mut bytes = 0;
    let mut line = |group: &str, version: &str, resource: &str, object: Value| -> Result<(), Failure> {
        let text =
            json!({"ts": "2026-01-01T00:00:00Z", "group": group, "version": version, "resource": resource,
            "type": "LISTED", "object": object})
            .to_string();
        bytes += text.len() + 1;
        Ok(writeln!(out, "{text}")?)
    };
    for app in 0..apps {
        line("argoproj.io", "v1alpha1", "applications", application(app, 0))?;
        for n in 0..EACH {
            let edited = (app * EACH + n).is_multiple_of(EDITED);
            line("apps", "v1", "deployments", deployment(app, n, edited, 0))?;
        }
    }
    out.flush()?;
    Ok(bytes)
}

fn application(app: usize, version: usize) -> Value {
    let resource = |n: usize| {
        json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": format!("team-{app}"),
            "name": format!("service-{n}"), "status": "Synced", "health": {"status": "Healthy"}})
    };
    let source = json!({"repoURL": "https://git.example.com/teams.git", "path": format!("team-{app}"), "targetRevision": "main"});
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": format!("team-{app}"), "namespace": "argocd", "resourceVersion": version.to_string()},
        "spec": {"project": "default", "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": format!("team-{app}")},
            "syncPolicy": {"automated": {"prune": true}},
            "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/template/metadata/annotations"]}]},
        "status": {"sync": {"status": "Synced", "revision": "0123456789012345678901234567890123456789"},
            "resources": (0..EACH).map(resource).collect::<Vec<_>>(),
            "history": [{"id": version, "revision": "0123456789012345678901234567890123456789", "source": source}]}})
}

/// A Deployment as a sync left it, and where it was edited by hand its image and an annotation since.
fn deployment(app: usize, n: usize, edited: bool, version: usize) -> Value {
    let (name, namespace) = (format!("service-{n}"), format!("team-{app}"));
    let id = format!("team-{app}:apps/Deployment:{namespace}/{name}");
    let mut declared = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, "team": namespace},
            "annotations": {"argocd.argoproj.io/tracking-id": id}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": format!("registry.example.com/{name}:1.0"),
                "ports": [{"containerPort": 8080, "name": "http"}],
                "env": [{"name": "MODE", "value": "live"}, {"name": "TEAM", "value": namespace}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}}]}}}});
    let applied = declared.to_string();
    let meta = json!({"f:metadata": {"f:annotations": {format!("f:{LAST_APPLIED}"): {}, "f:argocd.argoproj.io/tracking-id": {}},
            "f:labels": {"f:app": {}, "f:team": {}}},
        "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:env": {}, "f:ports": {},
                "f:resources": {}, "f:readinessProbe": {}}}}}}});
    let image = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {"f:image": {}}}}}}});
    let entry = |manager: &str, time: &str, fields: &Value| {
        json!({"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let writer = if edited { "kubectl-edit" } else { "argocd-controller" };
    declared["metadata"]["annotations"][LAST_APPLIED] = applied.into();
    declared["metadata"]["managedFields"] = json!([
        entry("argocd-controller", "2026-01-01T00:00:00Z", &meta),
        entry(writer, "2026-01-02T00:00:00Z", &image)
    ]);
    declared["metadata"]["uid"] = format!("00000000-0000-0000-{app:04}-{n:012}").into();
    declared["metadata"]["resourceVersion"] = version.to_string().into();
    if edited {
        let image = format!("registry.example.com/service-{n}:hotfix-{version}");
        declared["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
    }
    declared["status"] = json!({"replicas": 2, "readyReplicas": 2, "availableReplicas": 2, "observedGeneration": 1,
        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]});
    declared
}
