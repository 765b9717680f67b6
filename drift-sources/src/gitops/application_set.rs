//! Applications that ApplicationSets declare.

mod applications;
mod clusters;
mod generators;
mod git_generator;
mod go_functions;
mod go_template;
mod go_values;
mod parameters;
mod templates;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::drift::rules::{Effect, FieldRule, Pattern, Rule, RuleTarget};
use drift_core::drift::{AppDeclaration, DeclarationError, DesiredObject, Tracked};
use drift_core::k8s::managers;
use drift_core::{Doc, FieldPath, Object, ResourceKey};
use serde_json::{Value, json};

use self::generators::{Generators, RepositoryCommit};
use self::templates::Templates;
use super::{AppState, GitOps, Rendered, last_applied};
use crate::argo::{ApplicationSet, ApplicationsSync, GROUP, application_key};
use crate::git::Commit;

/// Annotations of an Application that others keep records in, and the controller leaves as they are.
const RECORDS: &[&str] =
    &["argocd.argoproj.io/hydrate", "argocd.argoproj.io/refresh", "notified.notifications.argoproj.io"];

/// Finalizers that Argo CD adds for hooks and the controller leaves, by how they begin.
const HOOK_FINALIZERS: &[&str] =
    &["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];

impl GitOps<'_> {
    pub(super) fn application_set_declaration(
        &self,
        set: &ApplicationSet,
        owned: &[&Arc<Object>],
    ) -> AppDeclaration {
        let policy = self.set_options.policy_for(set);
        let mut declaration = AppDeclaration {
            app: set.key(),
            appliers: vec![managers::ARGO_CD_SETS.into()],
            default_namespace: Arc::clone(&set.namespace),
            desired: Ok(Vec::new()),
            applied: None,
            others: Vec::new(),
            inventory: owned.iter().map(|o| o.key()).collect(),
            tracked: Vec::new(),
            rules: set.rules.clone(),
            verdicts: BTreeMap::new(),
            correction: None,
            own: self.records_of(set),
            held_back: None,
            notes: Vec::new(),
            not_given: None,
        };
        if !policy.updates() {
            declaration.rules.rules.push(creates_only(policy));
        }
        if let Some(error) = set.error() {
            declaration.held_back = Some(format!("its controller reports: {}", error.message).into());
        }
        if self.set_options.is_dry_run {
            declaration.held_back = Some("its controller runs dry, and changes nothing".into());
        }
        if set.is_deleted {
            declaration.notes.push("is being deleted, and its Applications with it".to_owned());
            return declaration;
        }
        match self.generated_applications(set, None) {
            Ok(generated) => {
                let kept_by = (!policy.deletes()).then(|| policy_name(policy).into());
                let tracked = owned.iter().map(|o| o.key()).filter(|key| !generated.refused.contains(key));
                declaration.tracked = tracked
                    .map(|key| Tracked { key, once_declared: Some(true), kept_by: kept_by.clone() })
                    .collect();
                declaration.notes.extend(generated.notes);
                let desired = generated.objects.iter().map(|o| self.as_written(set, o));
                declaration.desired =
                    Ok(desired.map(|object| DesiredObject { object, declared: None }).collect());
            }
            Err(DeclarationError::Broken(why)) => declaration.desired = Err(DeclarationError::Broken(why)),
            Err(error) => self.declare_written(&mut declaration, owned, error),
        }
        declaration
    }

    /// Declares what the controller wrote last of each Application, where it is not known what is generated now.
    fn declare_written(
        &self,
        declaration: &mut AppDeclaration,
        owned: &[&Arc<Object>],
        error: DeclarationError,
    ) {
        let written: Vec<DesiredObject> = owned
            .iter()
            .filter_map(|o| last_applied::last_written(&self.cluster, &o.key(), managers::ARGO_CD_SETS))
            .map(|object| DesiredObject { object, declared: None })
            .collect();
        match written.is_empty() {
            true => declaration.desired = Err(error),
            false => {
                declaration.not_given = Some(error.to_string());
                declaration.desired = Ok(written);
            }
        }
    }

    /// Makes the Applications of an ApplicationSet.
    fn generated_applications(
        &self,
        set: &ApplicationSet,
        at: Option<RepositoryCommit<'_>>,
    ) -> Result<GeneratedApplications, DeclarationError> {
        let templates = Templates::of(set)?;
        let mut named: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for generated in Generators::new(self, set, &templates).reading(at).all()? {
            for parameters in &generated.parameters {
                let made = applications::application(set, &templates, &generated.template, parameters)?;
                let name = made.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                named.entry(name.to_owned()).or_default().push(made);
            }
        }
        let mut all = GeneratedApplications::default();
        for (name, mut made) in named {
            // Of what has no name of its own the controller applies nothing, and deletes nothing either.
            if name.is_empty() || made.len() > 1 {
                let what = if name.is_empty() { "no name".to_owned() } else { format!("the name `{name}`") };
                all.notes.push(format!("generates {} Applications with {what}: none is applied", made.len()));
                all.refused.insert(application_key(&set.namespace, &name));
                continue;
            }
            let Some(made) = made.pop() else { continue };
            if clusters::has_hash(&json!(name)) {
                return Err(DeclarationError::Unavailable(
                    "the name of an Application comes from a Secret, and is hashed in the store".to_owned(),
                ));
            }
            all.objects.push(self.remembered_object(&set.key(), made)?);
        }
        Ok(all)
    }

    /// Returns the repositories that the generators of an ApplicationSet read, by their URLs, with the commits that they are at.
    pub(super) fn generator_commits(&self, set: &ApplicationSet) -> Vec<(String, Commit)> {
        let Ok(templates) = Templates::of(set) else { return Vec::new() };
        let generators = Generators::new(self, set, &templates);
        let none = Value::Null;
        let read = git_generator::repositories_of(set.spec.get("generators").unwrap_or(&none));
        let at =
            |(url, revision)| Some((str::to_owned(url), generators.generator_commit(url, revision).ok()?));
        read.into_iter().filter_map(at).collect()
    }

    /// Makes the Applications of an ApplicationSet with a repository of its generators at a commit.
    pub(super) fn application_set_at(&self, set: &ApplicationSet, url: &str, commit: &Commit) -> Rendered {
        let key = format!("set {} {url} {} {}", set.key(), commit.tree_id(), set.spec);
        self.render_once(key, || {
            self.generated_applications(set, Some(RepositoryCommit { url, commit })).map(|g| g.objects)
        })
    }

    /// Returns the object of a value, the same one for the same value: what has not changed need not be compared again.
    fn remembered_object(&self, set: &ResourceKey, made: Value) -> Result<Arc<Object>, DeclarationError> {
        let rendered: Rendered = self.render_once(format!("set {set} {made}"), || {
            let doc = Doc::from_value(&made).map_err(|e| DeclarationError::Broken(e.to_string()))?;
            let object = Object::new(doc).map_err(|e| DeclarationError::Broken(e.to_string()))?;
            Ok(vec![Arc::new(object)])
        });
        let objects = rendered?;
        objects.first().cloned().ok_or_else(|| DeclarationError::Broken("made no object".to_owned()))
    }

    /// Returns a generated Application as the controller writes it over the live one.
    fn as_written(&self, set: &ApplicationSet, object: &Arc<Object>) -> Arc<Object> {
        let Some(live) = self.cluster.get(&object.key()) else { return Arc::clone(object) };
        let (mut desired, live) = (object.root().to_value(), live.root().to_value());
        let before = desired.clone();
        let live_finalizers = live.pointer("/metadata/finalizers").and_then(Value::as_array);
        for finalizer in live_finalizers.into_iter().flatten() {
            let of_hook = |f: &str| HOOK_FINALIZERS.iter().any(|h| f.starts_with(h));
            let list = desired.pointer_mut("/metadata/finalizers").and_then(Value::as_array_mut);
            match list {
                Some(list) if finalizer.as_str().is_some_and(of_hook) && !list.contains(finalizer) => {
                    list.push(finalizer.clone());
                }
                _ => {}
            }
        }
        if set.is_rolling && self.set_options.progressive_syncs.unwrap_or(set.tracks_rollout) {
            leave_syncs_to_the_set(&mut desired, &live);
        }
        clusters::leave_hashed(&mut desired, &live);
        match desired == before {
            true => Arc::clone(object),
            false => self.remembered_object(&set.key(), desired).unwrap_or_else(|_| Arc::clone(object)),
        }
    }

    /// Returns the fields of Applications that the controller leaves as they are, and the reference by which it owns them.
    fn records_of(&self, set: &ApplicationSet) -> Vec<FieldPath> {
        let options = &self.set_options;
        let annotations = RECORDS.iter().copied();
        let stated = set.preserved_annotations.iter().chain(&options.preserved_annotations);
        let annotations = annotations.chain(stated.map(|a| &**a));
        let labels = set.preserved_labels.iter().chain(&options.preserved_labels);
        let path = |part: &str, name: &str| FieldPath::of(&["metadata", part, name]);
        let texts = annotations.map(|a| path("annotations", a)).chain(labels.map(|l| path("labels", l)));
        texts.chain([FieldPath::of(&["metadata", "ownerReferences"])]).collect()
    }

    pub(super) fn application_set_state(&self, set: &ApplicationSet) -> AppState {
        let generated = if set.is_deleted { None } else { self.generated_applications(set, None).err() };
        let up_to_date = set.conditions.iter().any(|c| &*c.kind == "ResourcesUpToDate");
        let engine = match set.error() {
            Some(_) => "Error",
            None if up_to_date => "UpToDate",
            None => "Unknown",
        };
        AppState {
            engine: engine.to_owned(),
            reason: set.error().map(|c| c.message.to_string()),
            head: self.generator_commits(set).into_iter().map(|(_, commit)| commit.id.to_string()).collect(),
            error: generated.map(|e| e.to_string()),
            held_back: self.set_options.is_dry_run.then(|| "its controller changes nothing".to_owned()),
            ..AppState::default()
        }
    }
}

/// The Applications that an ApplicationSet generates.
#[derive(Debug, Default)]
struct GeneratedApplications {
    objects: Vec<Arc<Object>>,
    /// Those that are generated but not applied.
    refused: BTreeSet<ResourceKey>,
    notes: Vec<String>,
}

fn policy_name(policy: ApplicationsSync) -> String {
    format!("applicationsSync: {}", policy.as_str())
}

/// The rule of a controller that creates Applications and does not update them: how they differ from then on is their own.
fn creates_only(policy: ApplicationsSync) -> Rule {
    Rule {
        name: policy_name(policy).into(),
        target: RuleTarget {
            group: Pattern::exact(GROUP),
            kind: Pattern::exact("Application"),
            ..RuleTarget::default()
        },
        effect: Effect::Fields(FieldRule { paths: vec![FieldPath::default()], ..FieldRule::default() }),
        because: None,
    }
}

/// Where an ApplicationSet syncs its Applications itself, it switches off that they do so: by `enabled: false`, or by taking the
/// policy out, as earlier releases did.
fn leave_syncs_to_the_set(desired: &mut Value, live: &Value) {
    let is_there = live.pointer("/spec/syncPolicy/automated").is_some();
    let Some(policy) = desired.pointer_mut("/spec/syncPolicy").and_then(Value::as_object_mut) else { return };
    match policy.get_mut("automated") {
        Some(automated) if is_there => automated["enabled"] = false.into(),
        _ => drop(policy.remove("automated")),
    }
    if policy.is_empty()
        && let Some(spec) = desired.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.remove("syncPolicy");
    }
}
