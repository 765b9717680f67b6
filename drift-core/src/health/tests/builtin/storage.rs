//! Claims, volumes, attachments, snapshots.

use serde_json::{Value, json};

use super::{condition, of};
use crate::health::HealthRules;
use crate::health::HealthStatus::{Degraded, Healthy, Progressing};
use crate::health::tests::check;

#[test]
fn storage() {
    let claim = |status: Value| of("v1", "PersistentVolumeClaim", json!({"status": status}));
    let volume = |spec: Value, phase: &str| {
        of("v1", "PersistentVolume", json!({"spec": spec, "status": {"phase": phase}}))
    };
    let attachment = |status: Value| of("storage.k8s.io/v1", "VolumeAttachment", json!({"status": status}));
    let snapshot =
        |status: Value| of("snapshot.storage.k8s.io/v1", "VolumeSnapshot", json!({"status": status}));
    check(
        &HealthRules::none(),
        &[
            (claim(json!({"phase": "Bound"})), Healthy, "Bound"),
            (claim(json!({"phase": "Pending"})), Progressing, "Pending"),
            (claim(json!({"phase": "Lost"})), Degraded, "Lost"),
            (
                claim(json!({"phase": "Bound", "conditions": [condition("NodeResizeError", "True", "")]})),
                Degraded,
                "NodeResizeError",
            ),
            (claim(json!({})), Progressing, "Pending"),
            (
                claim(
                    json!({"phase": "Bound", "conditions": [condition("FileSystemResizePending", "True", "")]}),
                ),
                Healthy,
                "Bound",
            ),
            (
                claim(json!({"phase": "Bound", "conditions": [condition("ModifyVolumeError", "True", "x")]})),
                Degraded,
                "x",
            ),
            (
                claim(
                    json!({"phase": "Bound", "allocatedResourceStatuses": {"storage": "NodeResizeInfeasible"}}),
                ),
                Degraded,
                "NodeResizeInfeasible",
            ),
            (snapshot(json!({"readyToUse": true})), Healthy, "readyToUse"),
            (snapshot(json!({"readyToUse": false})), Progressing, "readyToUse"),
            (snapshot(json!({"readyToUse": false, "error": {"message": "no class"}})), Degraded, "Error"),
            (snapshot(json!({})), Progressing, "NoStatus"),
            (
                attachment(json!({"attached": true, "detachError": {"message": "busy"}})),
                Degraded,
                "detachError",
            ),
            (attachment(json!({})), Progressing, "Attaching"),
            (volume(json!({}), "Bound"), Healthy, "Bound"),
            (volume(json!({}), "Available"), Healthy, "Available"),
            (volume(json!({"persistentVolumeReclaimPolicy": "Retain"}), "Released"), Healthy, "Released"),
            (volume(json!({"persistentVolumeReclaimPolicy": "Delete"}), "Released"), Progressing, "Released"),
            (volume(json!({}), "Failed"), Degraded, "Failed"),
            (volume(json!({}), "Pending"), Progressing, "Pending"),
            (attachment(json!({"attached": true})), Healthy, "Attached"),
            (attachment(json!({"attached": false})), Progressing, "Attaching"),
            (attachment(json!({"attachError": {"message": "in use elsewhere"}})), Degraded, "attachError"),
        ],
    );
}
