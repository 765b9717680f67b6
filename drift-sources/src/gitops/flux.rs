//! Desired state of Kustomizations.

use std::collections::BTreeMap;
use std::sync::Arc;

use drift_core::drift::{AppDeclaration, DeclarationError, DesiredObject, Tracked};
use drift_core::k8s::managers;
use drift_core::{Object, ResourceKey};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::ignore::IgnorePatterns;
use super::{AppState, GitOps, Rendered, kustomize_edit, objects_of, repositories};
use crate::flux::{FluxCondition, FluxRevision, FluxSource, GitReference, Kustomization, SourceKind};
use crate::git::Commit;
use crate::render::{CommitFiles, Program, RenderError, Unset, envsubst, is_kustomization_name};

/// Start of a value that SOPS encrypted.
const ENCRYPTED: &str = "ENC[AES256_GCM,";

/// A commit of a repository.
#[derive(Clone, Debug)]
pub(super) struct SourceCommit {
    /// URL of the repository, as the engine knows it.
    pub(super) url: String,
    pub(super) commit: Commit,
}

impl GitOps<'_> {
    pub(super) fn kustomization_declaration(
        &self,
        app: &Kustomization,
        tracked: &[&Arc<Object>],
    ) -> AppDeclaration {
        let moment = self.cluster.moment();
        let desired =
            self.kustomization_head(app).and_then(|place| self.kustomization_at(app, &place, moment));
        let plain = |o: &Arc<Object>| DesiredObject { object: Arc::clone(o), declared: None };
        let (mut not_given, mut tracked) = (None, tracked.to_vec());
        let (desired, applied) = match desired {
            Ok(objects) => (Ok(objects.iter().map(plain).collect()), self.kustomization_applied(app)),
            // Without the repository, what was applied last is all that is known to be declared.
            Err(DeclarationError::NotGiven(why)) => match self.kustomization_last_applied(app) {
                Some(objects) => {
                    not_given = Some(why);
                    tracked.retain(|o| !app.inventory.contains(&o.key()));
                    (Ok(objects.iter().map(plain).collect()), Some(vec![objects]))
                }
                None => (Err(DeclarationError::NotGiven(why)), None),
            },
            Err(why) => (Err(why), None),
        };
        let tracked = tracked.iter().map(|o| Tracked {
            key: o.key(),
            once_declared: None,
            kept_by: prune_protection(app, o),
        });
        AppDeclaration {
            app: app.key.clone(),
            appliers: managers::FLUX_KUSTOMIZE.iter().map(|m| (*m).into()).collect(),
            default_namespace: app.target_namespace.as_deref().unwrap_or("default").into(),
            desired,
            applied,
            others: Vec::new(),
            inventory: app.inventory.clone(),
            tracked: tracked.collect(),
            rules: app.rules.clone(),
            verdicts: BTreeMap::new(),
            own: Vec::new(),
            held_back: self.held_back_by_source(app),
            correction: None,
            notes: Vec::new(),
            not_given,
        }
    }

    /// Returns why nothing newer is fetched for a Kustomization.
    fn held_back_by_source(&self, app: &Kustomization) -> Option<Arc<str>> {
        let source = self.source_of(app).ok().filter(|source| source.is_suspended)?;
        Some(format!("syncs are held back: {} is suspended", source.key).into())
    }

    fn source_of(&self, app: &Kustomization) -> Result<&FluxSource, DeclarationError> {
        let reference = &app.source;
        let key = ResourceKey::new(
            crate::flux::SOURCE_GROUP,
            &reference.kind,
            &reference.namespace,
            &reference.name,
        );
        let missing = || DeclarationError::Broken(format!("the source {key} is not there"));
        self.sources.get(&key).ok_or_else(missing)
    }

    /// Returns the commit that the Kustomization should be at.
    pub(super) fn kustomization_head(&self, app: &Kustomization) -> Result<SourceCommit, DeclarationError> {
        if app.is_remote {
            return Err(DeclarationError::Broken("goes to another cluster".to_owned()));
        }
        let source = self.source_of(app)?;
        let artifact = source.artifact.as_ref();
        let not_given = |url: &str| DeclarationError::NotGiven(format!("no repository is given for {url}"));
        match source.kind {
            SourceKind::GitRepository => {
                let repo = self.repositories.find(&source.url).ok_or_else(|| not_given(&source.url))?;
                let Some(reference) = &source.git else { return Err(not_given(&source.url)) };
                let commit = repositories::head_at(repo, reference, self.git_moment(), artifact);
                let pinned = if let GitReference::Commit(id) = reference { id } else { "" };
                let commit = commit.map_err(|e| e.into_declaration_error(&self.named, pinned))?;
                Ok(SourceCommit { url: source.url.clone(), commit })
            }
            // What an artifact was made of is known where it says so.
            _ => {
                let origin =
                    artifact.and_then(|a| Some((a.origin_source.clone()?, a.origin_revision.clone()?)));
                let Some((url, revision)) = origin else {
                    let text = format!("what the artifact of {} holds is not known here", source.key);
                    return Err(DeclarationError::NotGiven(text));
                };
                self.find_source_commit(&url, &revision).ok_or_else(|| not_given(&url))
            }
        }
    }

    fn find_source_commit(&self, url: &str, revision: &str) -> Option<SourceCommit> {
        let revision = FluxRevision::parse(revision).ok()?;
        let commit = self.repositories.commit(url, revision.commit()?)?;
        Some(SourceCommit { url: url.to_owned(), commit })
    }

    /// Returns what was applied last, newest first; `None` if the commits are not available.
    fn kustomization_applied(&self, app: &Kustomization) -> Option<Vec<Vec<Arc<Object>>>> {
        // What is written under the status of a spec was rendered by that spec, with the variables of that time.
        let (settled, time) = self.last_settled(app);
        let url = self.source_of(app).ok().map(|s| match (&s.kind, &s.artifact) {
            (SourceKind::GitRepository, _) | (_, None) => s.url.clone(),
            (_, Some(a)) => a.origin_source.clone().unwrap_or_else(|| s.url.clone()),
        })?;
        let place = |revision: &Option<String>, origin: &Option<String>| {
            origin.as_deref().or(revision.as_deref()).and_then(|r| self.find_source_commit(&url, r))
        };
        let mut all: Vec<Vec<Arc<Object>>> = Vec::new();
        let default = app.target_namespace.as_deref().unwrap_or("default");
        let add =
            |all: &mut Vec<Vec<Arc<Object>>>, spec: &Kustomization, place: Option<SourceCommit>, time| {
                let objects = place.and_then(|p| self.kustomization_at(spec, &p, time).ok());
                let objects = objects.map(|o| (*o).clone());
                all.extend(objects.filter(|o| all.last() != Some(o)));
            };
        if app.last_attempted != app.last_applied || app.last_applied.is_none() {
            add(&mut all, app, place(&app.last_attempted, &None), self.cluster.moment());
            // What was tried may have been refused before it came to this: what was never live was never applied.
            if let Some(tried) = all.first_mut() {
                tried.retain(|o| self.was_live(o, default));
            }
        }
        let before = settled.last_applied.is_some();
        add(&mut all, &settled, place(&settled.last_applied, &settled.last_applied_origin), time);
        match (all.is_empty(), before) {
            (true, true) => None,
            _ => Some(all),
        }
    }

    /// Returns `true` if an object is live or was, as far as that is recorded.
    fn was_live(&self, object: &Object, default_namespace: &str) -> bool {
        let key = object.key();
        let other = ResourceKey::new(&key.group, &key.kind, default_namespace, &key.name);
        let known = |k: &ResourceKey| self.cluster.get(k).is_some() || !self.cluster.versions(k).is_empty();
        known(&key) || key.namespace.is_empty() && known(&other)
    }

    /// Returns the newest version of a Kustomization that had applied its own spec, and when that was.
    fn last_settled(&self, app: &Kustomization) -> (Kustomization, Option<Timestamp>) {
        let versions = self.cluster.versions(&app.key).iter().rev();
        let settled = versions.filter_map(|v| Some((v.at, Kustomization::from_object(v.object.as_ref()?)?)));
        match settled.into_iter().find(|(_, k)| k.is_settled()) {
            // Variables may have moved since the reconcile, but not by its own hand.
            Some((at, k)) => {
                let time = k.last_reconciled.map_or(at, |t| t.max(at));
                (k, Some(time))
            }
            None => (app.clone(), self.cluster.moment()),
        }
    }

    /// Renders a Kustomization at a commit, with the variables of a time.
    pub(super) fn kustomization_at(
        &self,
        app: &Kustomization,
        SourceCommit { url, commit }: &SourceCommit,
        time: Option<Timestamp>,
    ) -> Rendered {
        let vars = self.variables_at(app, time)?;
        let ignore = self.source_of(app).ok().and_then(|s| s.ignore.clone()).unwrap_or_default();
        let unset = self.unset_policy(app, commit);
        let tree = commit.tree_id();
        let key = format!("flux {} {url} {tree} {} {vars:?} {ignore:?} {unset:?}", app.key, spec_of(app));
        self.render_once(key, || {
            let ignored = IgnorePatterns::parse(Some(&ignore));
            let wanted = |path: &str| !ignored.leaves_out(path);
            let tree = self.repositories.tree(url, commit, &format!("flux {ignore}"), wanted);
            let tree = tree.map_err(DeclarationError::Unavailable)?;
            let folder = kustomize_edit::join_path("", app.path.trim_start_matches('/'));
            let folder =
                folder.ok_or_else(|| DeclarationError::Broken("the path leaves the source".to_owned()))?;
            if !tree.has_folder(&folder) {
                return Err(DeclarationError::Broken(format!(
                    "there is no path `{folder}` in commit {}",
                    commit.id.short()
                )));
            }
            let vars = vars.as_ref().map(|vars| (vars, unset));
            let objects = self.build_objects(app, &tree, &folder, vars)?;
            let objects = objects.into_iter().map(|o| strip_sops(app, o)).collect::<Result<Vec<_>, _>>()?;
            Ok(objects.into_iter().map(|o| with_owner_labels(app, o)).collect())
        })
    }

    fn build_objects(
        &self,
        app: &Kustomization,
        tree: &CommitFiles,
        folder: &str,
        vars: Option<(&BTreeMap<String, String>, Unset)>,
    ) -> Result<Vec<Arc<Object>>, DeclarationError> {
        let file = kustomize_edit::kustomization_file(tree, folder);
        let files = plain_files(tree, folder);
        let changes = spec_changes(app);
        if file.is_none() && changes.is_empty() && files.iter().all(|f| !f.ends_with('/')) {
            let read = read_plain(tree, &files)?;
            let vars_matter = vars.is_some() && read.1;
            if !vars_matter {
                return Ok(read.0);
            }
        }
        let (name, mut map) = match file {
            Some(file) => {
                let map = kustomize_edit::read(tree, &file).map_err(DeclarationError::Broken)?;
                (file, map)
            }
            None => {
                let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                let resources: Vec<&str> = files.iter().filter_map(|f| f.strip_prefix(&within)).collect();
                let mut map = Map::new();
                map.insert("apiVersion".to_owned(), json!("kustomize.config.k8s.io/v1beta1"));
                map.insert("kind".to_owned(), json!("Kustomization"));
                map.insert("resources".to_owned(), json!(resources));
                (format!("{within}kustomization.yaml"), map)
            }
        };
        apply_changes(&mut map, changes);
        let edits = [(name, Value::Object(map).to_string().into_bytes())];
        let arguments = ["build", ".", "--load-restrictor", "LoadRestrictionsNone"].map(str::to_owned);
        let output = self
            .renderer
            .run(Program::Kustomize, tree, folder, &arguments, &edits)
            .map_err(|e| declaration_error(&e))?;
        match vars {
            Some((vars, unset)) => substitute_variables(&output, vars, unset),
            None => objects_of("kustomize build", &output).map_err(DeclarationError::Broken),
        }
    }

    /// Returns what happens to variables that are not set at a commit. Newer controllers refuse them by default; a controller
    /// that reports this very commit as applied evidently does not.
    fn unset_policy(&self, app: &Kustomization, commit: &Commit) -> Unset {
        let applied = app.last_applied_origin.as_ref().or(app.last_applied.as_ref());
        let id = commit.id.to_string();
        let is_it = applied.is_some_and(|text| {
            FluxRevision::parse(text).is_ok_and(|r| r.commit().is_some_and(|c| *c == *id))
        });
        if is_it && app.is_settled() { Unset::Empty } else { Unset::Refused }
    }

    /// Returns the variables of a Kustomization as of a time; `None` if it substitutes none.
    fn variables_at(
        &self,
        app: &Kustomization,
        time: Option<Timestamp>,
    ) -> Result<Option<BTreeMap<String, String>>, DeclarationError> {
        let mut vars = BTreeMap::new();
        for from in &app.substitute_from {
            let Some(object) = self.cluster.as_of(&from.key, time) else {
                if from.optional {
                    continue;
                }
                return Err(DeclarationError::Broken(format!("{} with variables is not there", from.key)));
            };
            let secret = object.kind() == "Secret";
            for entry in object.root().get("data").into_iter().flat_map(drift_core::Node::children) {
                let text = entry.as_str().unwrap_or_default();
                let value = if secret { decode_base64(text) } else { Some(text.to_owned()) };
                let hidden = || {
                    DeclarationError::Unavailable(format!(
                        "the variables of {} are not readable here",
                        from.key
                    ))
                };
                vars.insert(entry.key().to_owned(), value.ok_or_else(hidden)?.replace('\n', ""));
            }
        }
        vars.extend(app.substitute.iter().map(|(k, v)| (k.clone(), v.replace('\n', ""))));
        Ok((!vars.is_empty()).then_some(vars))
    }

    /// Returns what the controller applied last, reconstructed from its fields in the objects of its inventory.
    fn kustomization_last_applied(&self, app: &Kustomization) -> Option<Vec<Arc<Object>>> {
        if app.is_remote {
            return None;
        }
        let remembered = |key: &ResourceKey| self.last_applied(key, managers::FLUX_KUSTOMIZE);
        let all: Vec<_> = app.inventory.iter().filter_map(remembered).collect();
        (!all.is_empty()).then_some(all)
    }

    pub(super) fn kustomization_state(&self, app: &Kustomization) -> AppState {
        let head = self.kustomization_head(app);
        let desired =
            head.clone().and_then(|place| self.kustomization_at(app, &place, self.cluster.moment()));
        let (engine, reason) = ready_condition(&app.conditions);
        let commit = |text: &String| {
            let parsed = FluxRevision::parse(text).ok();
            parsed.and_then(|r| r.digest_hex().map(str::to_owned)).unwrap_or_else(|| text.clone())
        };
        AppState {
            engine,
            reason,
            applied: app
                .last_applied_origin
                .as_ref()
                .or(app.last_applied.as_ref())
                .map(commit)
                .into_iter()
                .collect(),
            head: head.ok().map(|s| s.commit.id.to_string()).into_iter().collect(),
            suspended: app.is_suspended,
            held_back: None,
            waiting: None,
            error: desired.err().map(|e| e.to_string()),
        }
    }
}

/// Returns the Ready condition as one word, and its reason.
pub(super) fn ready_condition(conditions: &[FluxCondition]) -> (String, Option<String>) {
    let ready = conditions.iter().find(|c| &*c.kind == "Ready");
    let word = match ready.map(|c| &*c.status) {
        Some("True") => "Ready",
        Some("False") => "NotReady",
        _ => "Unknown",
    };
    (word.to_owned(), ready.map(|c| c.reason.to_string()).filter(|r| !r.is_empty()))
}

/// Returns the parts of the spec that a render depends on.
fn spec_of(app: &Kustomization) -> Value {
    let names = [
        "path",
        "targetNamespace",
        "namePrefix",
        "nameSuffix",
        "patches",
        "images",
        "components",
        "commonMetadata",
    ];
    let part = |name: &&str| Some(((*name).to_owned(), app.spec.get(*name)?.clone()));
    Value::Object(names.iter().filter_map(part).collect())
}

pub(super) fn decode_base64(text: &str) -> Option<String> {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

/// Returns what Flux adds to the kustomization file, in its order.
fn spec_changes(app: &Kustomization) -> Vec<(&'static str, Value)> {
    let names = ["targetNamespace", "namePrefix", "nameSuffix", "patches", "components", "images"];
    let set = |v: &&Value| match v {
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        _ => false,
    };
    let change = |name: &'static str| app.spec.get(name).filter(set).map(|v| (name, v.clone()));
    names.into_iter().filter_map(change).collect()
}

fn apply_changes(map: &mut Map<String, Value>, changes: Vec<(&'static str, Value)>) {
    for (name, value) in changes {
        match (name, value) {
            ("targetNamespace", value) => drop(map.insert("namespace".to_owned(), value)),
            ("images", Value::Array(images)) => kustomize_edit::set_images(map, images),
            (name @ ("patches" | "components"), Value::Array(list)) => {
                kustomize_edit::append(map, name, list)
            }
            (name, value) => drop(map.insert(name.to_owned(), value)),
        }
    }
}

/// Returns the files below a folder that Flux would list; a folder with its own kustomization is one entry.
fn plain_files(tree: &CommitFiles, folder: &str) -> Vec<String> {
    let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut files: Vec<String> = Vec::new();
    let mut folders: Vec<String> = Vec::new();
    for file in tree.files().filter(|f| f.starts_with(&within)) {
        let (parent, name) = file.rsplit_once('/').unwrap_or(("", file));
        if is_kustomization_name(name) && parent != folder {
            folders.push(format!("{parent}/"));
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            files.push(file.to_owned());
        }
    }
    files.retain(|f| !folders.iter().any(|d| f.starts_with(d)));
    let outer = folders.iter().filter(|d| !folders.iter().any(|o| o != *d && d.starts_with(&**o)));
    files.extend(outer.cloned());
    files.sort();
    files
}

/// Reads plain files as kustomize would; the flag is `true` if they may contain a variable.
fn read_plain(tree: &CommitFiles, files: &[String]) -> Result<(Vec<Arc<Object>>, bool), DeclarationError> {
    let (mut all, mut any) = (Vec::new(), false);
    let mut seen = std::collections::BTreeSet::new();
    for file in files {
        let bytes =
            tree.read(file).ok_or_else(|| DeclarationError::Unavailable(format!("{file} cannot be read")))?;
        any |= bytes.contains(&b'$');
        for object in objects_of(file, &bytes).map_err(DeclarationError::Broken)? {
            let id = (object.api_version().to_owned(), object.key());
            if !seen.insert(id) {
                return Err(DeclarationError::Broken(format!("{file}: {} is declared twice", object.key())));
            }
            all.push(object);
        }
    }
    Ok((all, any))
}

/// Substitutes variables in each document, except in those that opt out.
fn substitute_variables(
    output: &[u8],
    vars: &BTreeMap<String, String>,
    unset: Unset,
) -> Result<Vec<Arc<Object>>, DeclarationError> {
    const OPT_OUT: &str = "kustomize.toolkit.fluxcd.io/substitute";
    let text = String::from_utf8_lossy(output);
    let mut all = Vec::new();
    for document in text.split("\n---\n") {
        let plain = objects_of("kustomize build", document.as_bytes());
        let off = |o: &Arc<Object>| {
            o.annotation(OPT_OUT) == Some("disabled") || o.label(OPT_OUT) == Some("disabled")
        };
        match plain {
            Ok(objects) if objects.iter().any(off) || !document.contains('$') => all.extend(objects),
            _ => {
                let text = envsubst(document, vars, unset)
                    .map_err(|e| DeclarationError::Broken(format!("substitution: {e}")))?;
                all.extend(objects_of("kustomize build", text.as_bytes()).map_err(DeclarationError::Broken)?);
            }
        }
    }
    Ok(all)
}

/// Removes the metadata of SOPS from an object; its values stay encrypted and are compared as such.
fn strip_sops(app: &Kustomization, object: Arc<Object>) -> Result<Arc<Object>, DeclarationError> {
    let data = object.root().get("data").filter(|_| object.kind() == "Secret");
    let mut values = data.into_iter().flat_map(drift_core::Node::children).filter_map(|n| n.as_str());
    if values.any(|v| decode_base64(v).is_some_and(|text| text.contains(ENCRYPTED))) {
        let text = format!("{} is made of an encrypted file, which is not decrypted here", object.key());
        return Err(DeclarationError::Unavailable(text));
    }
    if object.root().str_at(&["sops", "mac"]).is_none() {
        return Ok(object);
    }
    if !app.decrypts {
        let text = format!("{} is encrypted, and the Kustomization has no decryption", object.key());
        return Err(DeclarationError::Broken(text));
    }
    Ok(kustomize_edit::object(&object, |map| drop(map.remove("sops"))).unwrap_or(object))
}

/// Adds to an object what Flux adds: the owner labels and the common metadata.
fn with_owner_labels(app: &Kustomization, object: Arc<Object>) -> Arc<Object> {
    let own = [
        ("kustomize.toolkit.fluxcd.io/name", &*app.key.name),
        ("kustomize.toolkit.fluxcd.io/namespace", &*app.key.namespace),
    ];
    let (labels, annotations) = (&app.common_labels, &app.common_annotations);
    let marked = kustomize_edit::object(&object, |map| {
        let all = labels.iter().map(|(k, v)| (&**k, &**v)).chain(own);
        kustomize_edit::set_metadata(map, "labels", all);
        kustomize_edit::set_metadata(map, "annotations", annotations.iter().map(|(k, v)| (&**k, &**v)));
        // The controller drops what it finds of it before it applies.
        if let Some(Value::Object(annotations)) =
            map.get_mut("metadata").and_then(|m| m.get_mut("annotations"))
        {
            annotations.remove(drift_core::k8s::annotations::LAST_APPLIED);
        }
    });
    marked.unwrap_or(object)
}

/// Returns what keeps the controller from pruning an object.
fn prune_protection(app: &Kustomization, object: &Object) -> Option<Arc<str>> {
    let marked = |name: &str| {
        let key = format!("{}/{name}", crate::flux::KUSTOMIZE_GROUP);
        let on = |text: Option<&str>| text.is_some_and(|t| t.eq_ignore_ascii_case("disabled"));
        (on(object.annotation(&key)) || on(object.label(&key))).then(|| Arc::from(format!("{key}: disabled")))
    };
    marked("prune")
        .or_else(|| marked("reconcile"))
        .or_else(|| (!app.prunes).then(|| "spec.prune: false".into()))
}

/// Returns `Unavailable` if a program or a remote base is missing here, else `Broken`.
fn declaration_error(error: &RenderError) -> DeclarationError {
    let text = error.to_string();
    let elsewhere = ["://", "'git'", "git cmd", "no such host", "dial tcp", "github.com/"];
    if error.is_broken() && !elsewhere.iter().any(|e| text.contains(e)) {
        DeclarationError::Broken(text)
    } else {
        DeclarationError::Unavailable(text)
    }
}
