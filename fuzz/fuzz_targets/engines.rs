//! Objects of Argo CD and Flux, answers of Argo CD's API and their texts: any input is read the same twice, or refused.
#![no_main]

use drift_core::Object;
use drift_fuzz::{PLANTED, start};
use drift_sources::argo::{AppProject, Application, ArgoSettings, Schedule, TrackingId, answer};
use drift_sources::flux;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

/// Writes what all readers of objects make of one.
fn read(object: &Object) -> String {
    let app = Application::from_object(object);
    let mut out = format!("{app:?}{:?}", AppProject::from_object(object));
    if let Some(app) = &app {
        out += &format!("{:?}{:?}", app.key(), app.applied_revisions());
    }
    if ArgoSettings::is_settings(object) {
        out += &format!("{:?}", ArgoSettings::from_objects([object]));
    }
    out += &format!("{:?}", flux::Kustomization::from_object(object));
    out +=
        &format!("{:?}{:?}", flux::HelmRelease::from_object(object), flux::FluxSource::from_object(object));
    out
}

fuzz_target!(|data: &[u8]| {
    if let Ok(object) = Object::from_json(data) {
        assert_eq!(read(&object), read(&object));
        let _ = drift_core::k8s::hooks::is_hook(&object);
    }
    let errors = [
        answer::parse_manifests(data).err().map(|e| e.to_string()),
        answer::parse_managed_resources(data).err().map(|e| e.to_string()),
        answer::parse_resource_tree(data).err().map(|e| e.to_string()),
        answer::parse_applications(data).err().map(|e| e.to_string()),
    ];
    assert!(errors.iter().flatten().all(|why| !why.contains(PLANTED)), "{errors:?}");
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (TrackingId::parse(text), flux::FluxRevision::parse(text));
    if let Ok(schedule) = Schedule::parse(text) {
        let now = TimeZone::UTC.to_datetime(start());
        assert!(schedule.next_after(now).is_none_or(|next| next > now), "{text}");
    }
});
