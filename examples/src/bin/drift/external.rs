//! Whole objects through a diff program of the user's choice, as `kubectl diff` does it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use drift_core::drift::{DesiredObject, DriftReport, ResourceDrift, Status};
use drift_core::schema::SchemaSet;
use drift_core::text::printable;
use drift_core::{Diff, Doc, FieldChange, Object, ResourceKey};
use drift_sinks::report::{ManagedFieldsVisibility, to_yaml, visible_object};
use drift_sources::scratch::ScratchFolder;

use crate::failure::Failure;
use crate::output;

/// Writes what drifted as files into two folders and lets `$KUBECTL_EXTERNAL_DIFF` show them; `diff -u -N` without it.
///
/// The folders are LIVE (what is live) and MERGED (the live object with the declared values put in), as kubectl has
/// them, so that tools made for it work.
pub(crate) fn diff(
    report: &DriftReport,
    desired: &[DesiredObject],
    live: &[Arc<Object>],
    schemas: &SchemaSet,
) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::new("cannot write files for the diff program").because(&e);
    let folder = ScratchFolder::new("drift-").map_err(failed)?;
    let (left, right) = (folder.path().join("LIVE"), folder.path().join("MERGED"));
    for path in [&left, &right] {
        std::fs::create_dir(path).map_err(failed)?;
    }
    for resource in &report.resources {
        let key = &resource.key;
        let found = live.iter().find(|o| o.key() == *key);
        match (resource.status, found) {
            (Status::Drifted, Some(live)) => {
                write(&left, key, live.doc()).map_err(failed)?;
                write(&right, key, &merged(resource, live, schemas)).map_err(failed)?;
            }
            (Status::Missing, _) => {
                let named = |o: &&Arc<Object>| *o.kind() == *key.kind && *o.name() == *key.name;
                if let Some(wanted) = desired.iter().map(|d| &d.object).rev().find(named) {
                    write(&right, key, wanted.doc()).map_err(failed)?;
                }
            }
            _ => {}
        }
    }
    run(&left, &right)
}

/// Puts the declared values into the live object; where that cannot be done, the field stays as it is.
fn merged(resource: &ResourceDrift, live: &Object, schemas: &SchemaSet) -> Doc {
    let ty = schemas.kind(live.group(), live.version(), live.kind()).map(|s| s.root());
    let mut doc = live.doc().clone();
    for change in resource.changes.iter().filter(|c| c.class.counts()) {
        let back = FieldChange {
            path: change.path.clone(),
            before: change.live.clone(),
            after: change.desired.clone(),
        };
        doc = Diff::from_iter([back]).patch(&doc, ty).unwrap_or(doc);
    }
    doc
}

fn write(folder: &Path, key: &ResourceKey, doc: &Doc) -> std::io::Result<()> {
    let name = printable(&key.to_string()).replace('/', ".");
    let text = to_yaml(&visible_object(key, doc, ManagedFieldsVisibility::Hidden));
    std::fs::write(folder.join(name), &*output::secret_values().blank(&text))
}

/// Runs the program; like kubectl takes only plain words of the variable as its arguments.
fn run(left: &Path, right: &Path) -> Result<(), Failure> {
    let named = std::env::var("KUBECTL_EXTERNAL_DIFF").ok().filter(|v| !v.trim().is_empty());
    let line = named.unwrap_or_else(|| "diff -u -N".to_owned());
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("diff");
    let plain = |w: &&str| w.chars().all(|c| c.is_ascii_alphanumeric() || "-=".contains(c));
    let status = Command::new(program).args(words.filter(plain)).arg(left).arg(right).status();
    let status = status.map_err(|e| {
        Failure::new(format!("cannot run the diff program `{program}`"))
            .because(&e)
            .hint("set KUBECTL_EXTERNAL_DIFF to another program; the default is `diff -u -N`")
    })?;
    match status.code() {
        // 1 is how diff programs say that something differs.
        Some(0 | 1) => Ok(()),
        _ => Err(Failure::new(format!("the diff program `{program}` failed: {status}"))),
    }
}
