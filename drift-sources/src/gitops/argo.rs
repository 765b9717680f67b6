//! Desired state of Applications.

mod dependencies;
mod directory;
mod environment;
mod helm;
mod kustomize;

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::drift::rules::{Effect, LabelMatch, MarkedSides, Rule, RuleTarget};
use drift_core::drift::{AppDeclaration, DeclarationError, DesiredObject, Tracked};
use drift_core::k8s::hooks::is_hook;
use drift_core::k8s::managers;
use drift_core::{FieldPath, Object, ResourceKey};
use serde_json::Value;

use self::directory::read_directory;
use self::environment::Environment;
use super::{AppState, GitOps, Rendered, kustomize_edit, repositories};
use crate::argo::{Application, ApplicationSource, AppliedRevisions, TrackingMethod, sync_blocked_by};
use crate::git::Commit;
use crate::render::{CommitFiles, RenderError};
use crate::yaml;

/// The commit of every source; `None` for a source that is not in Git.
pub(super) type Commits = Vec<Option<Commit>>;

impl GitOps<'_> {
    pub(super) fn application_declaration(
        &self,
        app: &Application,
        tracked: &[&Arc<Object>],
    ) -> AppDeclaration {
        let head = self.application_head(app);
        let desired = head.and_then(|commits| self.application_at(app, &app.sources, &commits));
        let (mut notes, mut not_given, mut tracked) = (Vec::new(), None, tracked.to_vec());
        let plain = |o: &Arc<Object>| DesiredObject { object: Arc::clone(o), declared: None };
        let (desired, applied) = match desired {
            Ok(objects) => (Ok(objects.iter().map(plain).collect()), self.application_applied(app)),
            Err(DeclarationError::NotGiven(why)) => {
                match (self.answered_objects(app), self.application_last_applied(app)) {
                    (Some((objects, note)), _) => {
                        notes.push(format!("{note}, as {why}"));
                        (Ok(objects.iter().map(plain).collect()), self.application_applied(app))
                    }
                    // Without either, what was applied last is all that is known to be declared.
                    (None, Some(objects)) => {
                        not_given = Some(why);
                        let pruned =
                            |k: &ResourceKey| app.resources.iter().any(|r| r.requires_pruning && r.key == *k);
                        tracked.retain(|o| pruned(&o.key()));
                        let wanted = objects.iter().map(plain).chain(self.announced_objects(app, &objects));
                        (Ok(wanted.collect()), Some(vec![objects.clone()]))
                    }
                    (None, None) => (Err(DeclarationError::NotGiven(why)), None),
                }
            }
            Err(why) => (Err(why), None),
        };
        let synced = |r: &&crate::argo::ManagedResource| !r.hook && !r.requires_pruning;
        // What is out of sync may just not be there yet.
        let was = |r: &&crate::argo::ManagedResource| r.status.as_deref() == Some("Synced");
        let listed = app.resources.iter().filter(synced);
        let inventory: BTreeSet<ResourceKey> = match &desired {
            Ok(_) => listed.filter(was).map(|r| r.key.clone()).collect(),
            Err(_) => listed.map(|r| r.key.clone()).collect(),
        };
        let mut rules = crate::argo::parse_ignore_differences(&app.ignore_differences);
        rules.append(self.settings.rules.clone());
        rules.rules.extend(self.compare_options(app));
        if let Some(unstable) = self.unstable_of(&app.key()) {
            let (more, noted) = super::nondeterminism::rules(&unstable);
            rules.rules.extend(more);
            notes.extend(noted);
        }
        AppDeclaration {
            app: app.key(),
            appliers: managers::ARGO_CD.iter().map(|m| (*m).into()).collect(),
            default_namespace: app.destination.namespace.as_str().into(),
            desired,
            applied,
            others: Vec::new(),
            inventory,
            tracked: tracked
                .iter()
                .filter(|o| !is_made_namespace(app, o))
                .map(|o| Tracked { key: o.key(), once_declared: None, kept_by: None })
                .collect(),
            rules,
            verdicts: app.resources.iter().filter_map(|r| Some((r.key.clone(), r.status.clone()?))).collect(),
            own: self.own_fields(),
            held_back: self.held_back(app).map(Into::into),
            correction: None,
            notes,
            not_given,
        }
    }

    /// Returns why sync windows block the Application at the time of the report; `None` if they do not.
    fn held_back(&self, app: &Application) -> Option<String> {
        let project = self.projects.get(&*app.project)?;
        let held = match sync_blocked_by(&project.sync_windows, app, self.cluster.report_time()?) {
            Ok(held) => held?,
            Err(e) => return Some(format!("no sync goes through: {e}")),
        };
        let windows: Vec<String> = held.by.iter().map(|w| format!("`{}`", w.describe())).collect();
        let until = held.until.map_or_else(|| "with no end in sight".to_owned(), |t| format!("until {t}"));
        let hands = if held.allows_manual_sync { "; a sync by hand goes through" } else { "" };
        let windows = windows.join(", ");
        Some(format!("syncs are held back {until} by {windows} of project {}{hands}", app.project))
    }

    /// Returns the rules that objects, Applications and the installation ask for by options of the comparison.
    fn compare_options(&self, app: &Application) -> Vec<Rule> {
        const SERVER_SIDE: &str = "ServerSideDiff=true";
        let rule = |name: String, effect: Effect, mark: Option<&str>| {
            let key = "argocd.argoproj.io/compare-options".into();
            let mark =
                mark.map(|option| LabelMatch { key, value: option.into(), sides: MarkedSides::Either });
            Rule {
                name: name.into(),
                target: RuleTarget { mark, ..RuleTarget::default() },
                effect,
                because: None,
            }
        };
        let option = |option: &str| format!("compare-options: {option}");
        let states = |option: &str| app.compare_options.iter().any(|o| o == option);
        // The API server is asked what it would store, so that what admission makes of a declaration is none. Whether webhooks
        // count does not matter: they make of it again what they made of it before.
        let asked_by = match (states("ServerSideDiff=false"), states(SERVER_SIDE)) {
            (true, _) => None,
            (_, true) => Some(option(SERVER_SIDE)),
            _ if self.settings.diffs_server_side => {
                Some("argocd-cmd-params-cm: controller.diff.server.side".to_owned())
            }
            _ => None,
        };
        [
            rule(option("IgnoreExtraneous"), Effect::Extra, Some("IgnoreExtraneous")),
            rule(option(SERVER_SIDE), Effect::Admitted, Some(SERVER_SIDE)),
        ]
        .into_iter()
        .chain(asked_by.map(|name| rule(name, Effect::Admitted, None)))
        .collect()
    }

    /// Returns the commits that the Application should be at.
    pub(super) fn application_head(&self, app: &Application) -> Result<Commits, DeclarationError> {
        if !app.destination.is_in_cluster() {
            return Err(DeclarationError::Broken("goes to another cluster".to_owned()));
        }
        if app.sources.is_empty() {
            return Err(DeclarationError::Broken("has no source".to_owned()));
        }
        let commit = |source: &ApplicationSource| {
            if source.chart.is_some() {
                return Err(DeclarationError::NotGiven(format!(
                    "the chart of {} is not read here",
                    source.repo_url
                )));
            }
            let Some(repo) = self.repositories.find(&source.repo_url) else {
                return Err(DeclarationError::NotGiven(format!(
                    "no repository is given for {}",
                    source.repo_url
                )));
            };
            let text = source.target_revision.as_deref().unwrap_or("HEAD");
            let commit = repositories::resolve_revision(repo, text, self.git_moment());
            commit.map(Some).map_err(|e| e.into_declaration_error(&self.named, text))
        };
        app.sources.iter().map(commit).collect()
    }

    /// Returns what syncs applied last, newest first; `None` if a revision is not available.
    fn application_applied(&self, app: &Application) -> Option<Vec<Vec<Arc<Object>>>> {
        let mut all = Vec::new();
        for AppliedRevisions { revisions, sources } in app.applied_revisions() {
            let commits: Option<Commits> = revisions
                .iter()
                .zip(sources)
                .map(|(r, s)| self.repositories.commit(&s.repo_url, r).map(Some))
                .collect();
            let objects = match commits {
                Some(commits) => Some(self.application_at(app, sources, &commits)),
                None => self.answered_at(app, revisions).map(|objects| Ok(Arc::new(objects))),
            };
            match objects {
                Some(Ok(objects)) => all.push((*objects).clone()),
                _ if all.is_empty() => return None,
                _ => {}
            }
        }
        // A sync of chosen resources, or one that failed on the way, leaves the others as they were applied before.
        if let Some(operation) = app.operation.as_ref().filter(|o| !o.is_whole() && !o.revisions.is_empty())
            && let Some(now) = all.first().cloned()
            // Of the revision that was there before, it changes nothing.
            && (all.len() > 1 || app.history.is_empty())
        {
            let taken =
                |o: &&Arc<Object>| operation.has_applied(o.group(), o.kind(), o.namespace(), o.name());
            let before = all.get(1).cloned().unwrap_or_default();
            let kept = before.iter().filter(|o| !taken(o));
            all[0] = now.iter().filter(taken).chain(kept).cloned().collect();
        }
        Some(all)
    }

    /// Renders the sources of an Application at commits.
    pub(super) fn application_at(
        &self,
        app: &Application,
        sources: &[ApplicationSource],
        commits: &Commits,
    ) -> Rendered {
        let ids: Vec<String> =
            commits.iter().map(|c| c.as_ref().map(Commit::tree_id).unwrap_or_default()).collect();
        let raw: Vec<&Value> = sources.iter().map(|s| &s.raw).collect();
        let text = Value::from_iter(raw.into_iter().cloned()).to_string();
        // Two commits of the same files differ where the commit itself is a parameter.
        let named = text.contains("ARGOCD_APP_REVISION");
        let names: Vec<_> = commits.iter().flatten().filter(|_| named).map(|c| c.id.to_string()).collect();
        let key = format!("argo {} {ids:?} {names:?} {text}", app.key());
        self.render_once(key, || {
            let mut all: Vec<Arc<Object>> = Vec::new();
            for (i, source) in sources.iter().enumerate() {
                // A source that is only referred to has no path, and declares nothing.
                if source.reference.is_some() && source.path.is_none() {
                    continue;
                }
                all.extend(self.source_at(app, i, sources, commits)?);
            }
            Ok(self.synced_objects(app, &all).into_iter().map(|o| self.with_tracking_label(app, o)).collect())
        })
    }

    fn source_at(
        &self,
        app: &Application,
        i: usize,
        sources: &[ApplicationSource],
        commits: &Commits,
    ) -> Result<Vec<Arc<Object>>, DeclarationError> {
        let Some(Some(commit)) = commits.get(i) else {
            return Err(DeclarationError::Unavailable("has a source without a commit".to_owned()));
        };
        let source = &sources[i];
        let broken = |why: String| DeclarationError::Broken(why);
        let tree = self
            .repositories
            .tree(&source.repo_url, commit, "", |_| true)
            .map_err(DeclarationError::Unavailable)?;
        let path = kustomize_edit::join_path("", source.path.as_deref().unwrap_or(""))
            .ok_or_else(|| broken("the path leaves the repository".to_owned()))?;
        if !tree.has_folder(&path) {
            return Err(broken(format!("there is no path `{path}` in commit {}", commit.id.short())));
        }
        let source = &with_overrides(app, source, &tree, &path).map_err(broken)?;
        if let Some(link) = not_followed(&tree, &path, source) {
            return Err(DeclarationError::Unavailable(format!(
                "`{link}` is a link, which is not followed here"
            )));
        }
        let environment =
            Environment::new(app, app.instance_name(&self.settings.namespace), source, commit.id);
        let set =
            |name: &str| source.raw.get(name).is_some_and(|v| v.as_object().is_some_and(|o| !o.is_empty()));
        if source.raw.get("plugin").is_some_and(|p| !p.is_null()) {
            return Err(DeclarationError::Unavailable(
                "is rendered by a plugin, which is not run here".to_owned(),
            ));
        }
        let has = |name: &str| kustomize_edit::join_path(&path, name).is_some_and(|p| tree.has_file(&p));
        // Of a folder that is both, kustomize has it.
        let discovered = !set("helm") && !set("directory");
        if set("kustomize") || discovered && kustomize_edit::kustomization_file(&tree, &path).is_some() {
            self.kustomize_build(source, (&tree, &path), &environment)
        } else if set("helm") || discovered && has("Chart.yaml") {
            let trees = self.reference_trees(sources, commits)?;
            self.helm_template(app, source, (&tree, &path), &trees, &environment)
        } else {
            read_directory(source, &tree, &path)
        }
    }

    /// Returns the files of sources that other sources refer to, by their names.
    fn reference_trees(
        &self,
        sources: &[ApplicationSource],
        commits: &Commits,
    ) -> Result<Vec<(String, Arc<CommitFiles>)>, DeclarationError> {
        let mut trees = Vec::new();
        for (source, commit) in sources.iter().zip(commits) {
            if let (Some(name), Some(commit)) = (&source.reference, commit) {
                let tree = self.repositories.tree(&source.repo_url, commit, "", |_| true);
                trees.push((name.clone(), tree.map_err(DeclarationError::Unavailable)?));
            }
        }
        Ok(trees)
    }

    /// Returns the tracking label; the tracking annotation is bookkeeping in any comparison.
    fn own_fields(&self) -> Vec<FieldPath> {
        let label = self.settings.tracking != TrackingMethod::Annotation;
        let path = FieldPath::of(&["metadata", "labels", &self.settings.instance_label]);
        label.then_some(path).into_iter().collect()
    }

    /// Adds the tracking label to an object, where Argo CD does so.
    fn with_tracking_label(&self, app: &Application, object: Arc<Object>) -> Arc<Object> {
        // A definition of a kind gets no mark at all; the annotation is bookkeeping in any comparison.
        if self.settings.tracking == TrackingMethod::Annotation || object.kind() == "CustomResourceDefinition"
        {
            return object;
        }
        let mut name = app.instance_name(&self.settings.namespace);
        if self.settings.tracking == TrackingMethod::AnnotationAndLabel {
            name.truncate(63);
        }
        let tracking = [(&*self.settings.instance_label, &*name)];
        kustomize_edit::object(&object, |map| kustomize_edit::set_metadata(map, "labels", tracking))
            .unwrap_or(object)
    }

    /// Returns what syncs recorded in the listed resources themselves, for when no repository is available.
    fn application_last_applied(&self, app: &Application) -> Option<Vec<Arc<Object>>> {
        if !app.destination.is_in_cluster() {
            return None;
        }
        let listed = app.resources.iter().filter(|r| !r.hook && !r.requires_pruning);
        let remembered = listed.filter_map(|r| self.last_applied(&r.key, managers::ARGO_CD));
        let all: Vec<_> = remembered.collect();
        (!all.is_empty()).then_some(all)
    }

    /// Returns what is declared according to Argo CD's API, and a note on where that is from.
    fn answered_objects(&self, app: &Application) -> Option<(Vec<Arc<Object>>, &str)> {
        let answer = self.answers.get(&app.key())?;
        Some((self.synced_objects(app, &answer.manifests.objects), &answer.note))
    }

    /// Returns what was declared at revisions that a sync applied, according to Argo CD's API.
    fn answered_at(&self, app: &Application, revisions: &[String]) -> Option<Vec<Arc<Object>>> {
        let objects = self.answers.get(&app.key())?.applied.get(revisions)?;
        Some(self.synced_objects(app, objects))
    }

    /// Returns the rendered objects that Argo CD syncs: without hooks and excluded kinds.
    fn synced_objects(&self, app: &Application, objects: &[Arc<Object>]) -> Vec<Arc<Object>> {
        let is_kept = |o: &&Arc<Object>| !is_hook(o) && !self.settings.excludes_kind(o.group(), o.kind());
        objects.iter().filter(is_kept).cloned().chain(made_namespace(app)).collect()
    }

    /// Returns the resources that the Application lists as missing, of which only the name is known.
    fn announced_objects(&self, app: &Application, known: &[Arc<Object>]) -> Vec<DesiredObject> {
        let waits = |r: &&crate::argo::ManagedResource| {
            !r.hook
                && !r.requires_pruning
                && r.status.as_deref() == Some("OutOfSync")
                && self.cluster.get(&r.key).is_none()
                && self.cluster.versions(&r.key).is_empty()
                && !known.iter().any(|o| o.key() == r.key)
        };
        let stub = |r: &crate::argo::ManagedResource| {
            let group = if r.key.group.is_empty() { String::new() } else { format!("{}/", r.key.group) };
            let mut value = serde_json::json!({"apiVersion": format!("{group}{}", r.version), "kind": &*r.key.kind,
                "metadata": {"name": &*r.key.name}});
            if !r.key.namespace.is_empty() {
                value["metadata"]["namespace"] = (&*r.key.namespace).into();
            }
            let object = Object::new(drift_core::Doc::from_value(&value).ok()?).ok()?;
            Some(DesiredObject { object: Arc::new(object), declared: None })
        };
        app.resources.iter().filter(waits).filter_map(stub).collect()
    }

    pub(super) fn application_state(&self, app: &Application) -> AppState {
        let head = self.application_head(app);
        let desired = head.clone().and_then(|commits| self.application_at(app, &app.sources, &commits));
        let answer =
            self.answers.get(&app.key()).filter(|_| matches!(head, Err(DeclarationError::NotGiven(_))));
        let rendered_revision = answer.and_then(|a| a.manifests.revision.clone());
        let last = app.applied_revisions().into_iter().next();
        let condition = app.conditions.iter().find(|c| c.kind.ends_with("Error"));
        AppState {
            engine: app.sync_status.as_deref().unwrap_or("Unknown").to_owned(),
            reason: condition.map(|c| format!("{}: {}", c.kind, c.message)),
            applied: last.map(|a| a.revisions.to_vec()).unwrap_or_default(),
            head: head
                .into_iter()
                .flatten()
                .flatten()
                .map(|c| c.id.to_string())
                .chain(rendered_revision)
                .collect(),
            suspended: app.is_skipped,
            held_back: self.held_back(app),
            waiting: None,
            error: desired.err().filter(|_| answer.is_none()).map(|e| e.to_string()),
        }
    }
}

/// Returns a symbolic link among the files of a source that Argo CD would follow.
fn not_followed<'t>(tree: &'t CommitFiles, path: &str, source: &ApplicationSource) -> Option<&'t str> {
    let within = if path.is_empty() { String::new() } else { format!("{path}/") };
    let recurse = source.raw.pointer("/directory/recurse").and_then(Value::as_bool) == Some(true);
    let plain =
        source.raw.get("directory").is_some() || kustomize_edit::kustomization_file(tree, path).is_none();
    let is_meant = |rest: &str| {
        let name = rest.rsplit('/').next().unwrap_or(rest);
        let manifest = [".yaml", ".yml", ".json", ".jsonnet"].iter().any(|end| name.ends_with(end));
        // A chart is a folder of its own, and what a kustomization leads to is named in it.
        manifest && (recurse || !plain || !rest.contains('/')) || !plain && !name.contains('.')
    };
    let links = tree.skipped().iter().map(|l| &**l);
    links.into_iter().find(|l| l.strip_prefix(&*within).is_some_and(is_meant))
}

/// Returns a source with the overrides of `.argocd-source.yaml` and `.argocd-source-APP.yaml` merged in.
fn with_overrides(
    app: &Application,
    source: &ApplicationSource,
    tree: &CommitFiles,
    path: &str,
) -> Result<ApplicationSource, String> {
    let mut source = source.clone();
    for name in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{}.yaml", app.name)] {
        let Some(file) = kustomize_edit::join_path(path, &name).filter(|f| tree.has_file(f)) else {
            continue;
        };
        let bytes = tree.read(&file).ok_or_else(|| format!("{file} cannot be read"))?;
        match yaml::read(&bytes).into_iter().next() {
            Some(Ok(document)) => {
                kustomize_edit::merge_patch(&mut source.raw, document.doc.root().to_value())
            }
            Some(Err(e)) => return Err(format!("{file}: {e}")),
            None => {}
        }
    }
    Ok(source)
}

/// Returns the namespace that Argo CD creates for an Application, if the Application sets metadata on it.
fn made_namespace(app: &Application) -> Option<Arc<Object>> {
    let managed = app.managed_namespace.as_ref().filter(|_| app.has_option("CreateNamespace=true"))?;
    let mut value = serde_json::json!({"apiVersion":"v1","kind":"Namespace","metadata":{"name":app.destination.namespace}});
    for name in ["labels", "annotations"] {
        if let Some(texts) = managed.get(name).filter(|t| t.is_object()) {
            value["metadata"][name] = texts.clone();
        }
    }
    // It is applied on the server's side, so that what others put on it stays (`appendSSAAnnotation`).
    value["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] = "ServerSideApply=true".into();
    Object::new(drift_core::Doc::from_value(&value).ok()?).ok().map(Arc::new)
}

fn is_made_namespace(app: &Application, object: &Object) -> bool {
    object.kind() == "Namespace"
        && object.name() == app.destination.namespace
        && app.has_option("CreateNamespace=true")
}

/// Returns `Unavailable` if a program or a remote file is missing here, else `Broken`.
fn declaration_error(error: &RenderError) -> DeclarationError {
    let text = error.to_string();
    let elsewhere = [
        "://",
        "missing in charts",
        "'git'",
        "git cmd",
        "no such host",
        "dial tcp",
        "github.com/",
        "kubeVersion",
    ];
    if error.is_broken() && !elsewhere.iter().any(|e| text.contains(e)) {
        DeclarationError::Broken(text)
    } else {
        DeclarationError::Unavailable(text)
    }
}
