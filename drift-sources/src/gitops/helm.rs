//! Desired state of Helm releases.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::drift::rules::RuleSet;
use drift_core::drift::{AppDeclaration, DeclarationError, DesiredObject, DriftCorrection, Tracked};
use drift_core::k8s::managers;
use drift_core::{Object, ResourceKey};

use super::{AppState, GitOps};
use crate::flux::{DriftDetectionMode, HelmRelease, ValuesReference};
use crate::helm::{self, StoredRelease};

impl GitOps<'_> {
    /// Returns the stored revisions of a release, newest first.
    fn stored_revisions(&self, namespace: &str, name: &str) -> &[StoredRelease] {
        let at = |storage: &str| self.releases.get(&(storage.into(), name.into())).map_or(&[][..], |r| r);
        let found = at(namespace);
        if !found.is_empty() {
            return found;
        }
        // Stored elsewhere than where its resources are.
        let elsewhere = self
            .releases
            .values()
            .find(|r| r.first().is_some_and(|r| *r.namespace == *namespace && *r.name == *name));
        elsewhere.map_or(&[], |r| r)
    }

    pub(super) fn release_declaration(
        &self,
        namespace: &str,
        name: &str,
        tracked: &[&Arc<Object>],
    ) -> AppDeclaration {
        let app = ResourceKey::new(helm::GROUP, "Release", namespace, name);
        self.declared_by(
            app,
            managers::HELM,
            (namespace, name),
            tracked,
            RuleSet::default(),
            &BTreeSet::new(),
        )
    }

    pub(super) fn helm_release_declaration(
        &self,
        app: &HelmRelease,
        tracked: &[&Arc<Object>],
    ) -> AppDeclaration {
        let storage = (&*app.storage_namespace, &*app.release_name);
        let managers = &["helm-controller", "helm"];
        let mut declaration =
            self.declared_by(app.key.clone(), managers, storage, tracked, app.rules.clone(), &app.inventory);
        declaration.default_namespace = app.target_namespace.as_str().into();
        declaration.correction = Some(drift_correction(app));
        declaration.notes.extend(waiting_note(app));
        let changed = self.changed_values(app);
        let (are_noted, revisions) = (!changed.is_empty(), self.stored_revisions(storage.0, storage.1));
        declaration.notes.extend(changed);
        // What a newer revision tried is no plan any more.
        let deployed = revisions.first().filter(|r| r.status == "deployed" && declaration.desired.is_ok());
        let Some((deployed, pending)) = deployed.and_then(|r| Some((r, self.pending_release(app, r)?)))
        else {
            return declaration;
        };
        match pending {
            Ok(objects) => {
                let wanted = |o: &Arc<Object>| DesiredObject {
                    object: with_helm_marks(o, &deployed.namespace, &deployed.name),
                    declared: None,
                };
                declaration.desired = Ok(objects.iter().map(wanted).collect());
                declaration.held_back =
                    app.is_suspended.then(|| "upgrades are held back: the HelmRelease is suspended".into());
                if !are_noted {
                    let note = format!("pending: the values are not those of revision {}", deployed.version);
                    declaration.notes.push(note);
                }
            }
            Err(why) => declaration.notes.push(format!(
                "not known what the values of now declare: {why}; compared with revision {}",
                deployed.version
            )),
        }
        declaration
    }

    fn declared_by(
        &self,
        app: ResourceKey,
        managers: &[&str],
        (namespace, name): (&str, &str),
        tracked: &[&Arc<Object>],
        rules: RuleSet,
        inventory: &BTreeSet<ResourceKey>,
    ) -> AppDeclaration {
        let revisions = self.stored_revisions(namespace, name);
        let uninstalled = uninstalled(revisions);
        let deployed = revisions.iter().find(|r| r.status == "deployed" && uninstalled.is_none());
        let newest = deployed.or(uninstalled);
        let default: Arc<str> = newest.map_or_else(|| namespace.into(), |r| Arc::clone(&r.namespace));
        let wanted =
            |o: &Arc<Object>| DesiredObject { object: with_helm_marks(o, &default, name), declared: None };
        let desired = match deployed {
            Some(r) if r.is_incomplete => Err(DeclarationError::Broken(format!(
                "revision {} is stored without its manifest",
                r.version
            ))),
            Some(r) if r.problems.iter().any(|p| p.kind.is_error()) => Err(DeclarationError::Broken(
                format!("the manifest of revision {} cannot be read", r.version),
            )),
            Some(r) => Ok(r.objects.iter().map(wanted).collect()),
            None if uninstalled.is_some() => Ok(Vec::new()),
            None => Err(DeclarationError::Broken("no revision is deployed".to_owned())),
        };
        // Of a release that is gone every revision stood once.
        let version = newest.map_or(0, |r| r.version);
        // Revisions that stood once; a failed one never did.
        let once: Vec<_> = revisions
            .iter()
            .filter(|r| {
                r.version <= version && matches!(&*r.status, "deployed" | "superseded" | "uninstalled")
            })
            .collect();
        let was = |key: &ResourceKey| {
            once.iter().flat_map(|r| &r.objects).any(|o| {
                let own = o.namespace();
                *key.kind == *o.kind()
                    && *key.name == *o.name()
                    && *key.group == *o.group()
                    && (own == &*key.namespace
                        || own.is_empty() && (key.namespace.is_empty() || *key.namespace == *default))
            })
        };
        let tracked = tracked.iter().map(|o| {
            let key = o.key();
            Tracked { once_declared: Some(was(&key)), kept_by: helm::resource_policy(o), key }
        });
        AppDeclaration {
            appliers: managers.iter().map(|m| (*m).into()).collect(),
            applied: newest.map(|r| vec![r.objects.clone()]),
            others: revisions
                .iter()
                .filter(|r| r.version > version)
                .flat_map(|r| r.objects.iter().cloned())
                .collect(),
            default_namespace: Arc::clone(&default),
            desired,
            inventory: inventory.clone(),
            tracked: tracked.collect(),
            rules,
            verdicts: Default::default(),
            own: Vec::new(),
            held_back: None,
            correction: None,
            notes: uninstalled.iter().map(|r| uninstalled_note(r)).collect(),
            not_given: None,
            app,
        }
    }

    pub(super) fn release_state(&self, namespace: &str, name: &str) -> AppState {
        let revisions = self.stored_revisions(namespace, name);
        let deployed = revisions.iter().find(|r| r.status == "deployed");
        let newest = revisions.first();
        AppState {
            engine: newest.map(|r| r.status.clone()).unwrap_or_default(),
            reason: newest.map(|r| r.description.clone()).filter(|d| !d.is_empty()),
            applied: deployed.map(|r| r.version.to_string()).into_iter().collect(),
            head: newest.map(|r| r.version.to_string()).into_iter().collect(),
            suspended: false,
            waiting: None,
            held_back: None,
            error: (deployed.is_none() && uninstalled(revisions).is_none())
                .then(|| "no revision is deployed".to_owned()),
        }
    }

    /// Returns a note for every object behind `valuesFrom` that is not there, or whose values have changed since the release was
    /// made of them: what they would declare is not rendered here.
    fn changed_values(&self, app: &HelmRelease) -> Vec<String> {
        let of_history = app.history.first().and_then(|s| s.last_deployed);
        let of_storage = || {
            let stored = self.stored_revisions(&app.storage_namespace, &app.release_name);
            stored.iter().find(|r| r.status == "deployed").and_then(|r| r.last_deployed)
        };
        let Some(made) = of_history.or_else(of_storage) else { return Vec::new() };
        let note = |from: &ValuesReference| {
            let values =
                |object: &Arc<Object>| object.root().at(&["data", &*from.entry]).map(|n| n.to_value());
            match self.cluster.get(&from.key) {
                None if from.optional || self.cluster.versions(&from.key).is_empty() => None,
                None => Some(format!("pending: {} of `valuesFrom` is gone", from.key)),
                Some(now) => {
                    let then = self.cluster.as_of(&from.key, Some(made));
                    let is_same = then.is_none_or(|then| values(then) == values(now));
                    (!is_same).then(|| {
                        format!(
                            "pending: `{}` of {} was changed after the release was made of it",
                            from.entry, from.key
                        )
                    })
                }
            }
        };
        app.values_from.iter().filter_map(note).collect()
    }

    pub(super) fn helm_release_state(&self, app: &HelmRelease) -> AppState {
        let stored = self.release_state(&app.storage_namespace, &app.release_name);
        let (engine, reason) = super::flux::ready_condition(&app.conditions);
        let waiting = waiting_note(app).or_else(|| self.changed_values(app).into_iter().next());
        AppState { engine, reason, suspended: app.is_suspended, waiting, ..stored }
    }
}

/// Returns the newest revision, if it records that the release was uninstalled: its history was left, and it declares nothing.
fn uninstalled(revisions: &[StoredRelease]) -> Option<&StoredRelease> {
    revisions.first().filter(|r| r.status == "uninstalled")
}

fn uninstalled_note(r: &StoredRelease) -> String {
    format!("was uninstalled (revision {}): it declares nothing", r.version)
}

/// Returns what the controller does about drift of a HelmRelease; it looks for it when nothing else is to be done.
fn drift_correction(app: &HelmRelease) -> DriftCorrection {
    let mode = app.drift_mode.as_str();
    let stalled = app.find_condition("Stalled").filter(|c| &*c.status == "True");
    let left = |why: String| DriftCorrection::Left(format!("stays: {why}").into());
    if app.is_suspended {
        return left("the HelmRelease is suspended".to_owned());
    }
    if let Some(stalled) = stalled {
        return left(format!("the HelmRelease is stalled ({})", stalled.reason));
    }
    match app.drift_mode {
        DriftDetectionMode::Enabled => {
            let interval = app.interval.as_ref().map_or_else(String::new, |i| format!(", interval: {i}"));
            let note = format!(
                "helm-controller puts it back at its next reconcile (driftDetection.mode: {mode}{interval})"
            );
            DriftCorrection::PutBack(note.into())
        }
        DriftDetectionMode::Warn => {
            left(format!("helm-controller reports it and leaves it (driftDetection.mode: {mode})"))
        }
        DriftDetectionMode::Disabled => {
            left(format!("helm-controller does not look for it (driftDetection.mode: {mode})"))
        }
    }
}

/// Returns a note if a HelmRelease was changed and its controller has not reconciled it yet; the new desired state is then
/// not in the storage.
fn waiting_note(app: &HelmRelease) -> Option<String> {
    let (generation, observed) = (app.generation?, app.observed_generation.unwrap_or(0));
    let why = if app.is_suspended { ", and it is suspended" } else { "" };
    // A controller that failed may have seen the spec and left it unapplied; its condition says so.
    (generation > observed).then(|| {
        format!("pending: the spec was changed (generation {generation}, reconciled {observed}){why}")
    })
}

/// Returns a declared object with the labels and annotations that Helm adds.
fn with_helm_marks(object: &Arc<Object>, namespace: &str, name: &str) -> Arc<Object> {
    let marked = super::kustomize_edit::object(object, |map| {
        super::kustomize_edit::set_metadata(map, "labels", [("app.kubernetes.io/managed-by", "Helm")]);
        let tracking = [("meta.helm.sh/release-name", name), ("meta.helm.sh/release-namespace", namespace)];
        super::kustomize_edit::set_metadata(map, "annotations", tracking);
    });
    marked.unwrap_or_else(|| Arc::clone(object))
}
