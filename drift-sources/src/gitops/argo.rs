//! What Applications declare.

mod directory;
mod environment;
mod helm;
mod kustomize;

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::drift::rules::{Effect, LabelMatch, Rule, RuleTarget};
use drift_core::drift::{AppDeclaration, DeclarationError, DesiredObject, Tracked};
use drift_core::k8s::managers;
use drift_core::{FieldPath, Object, ResourceKey};
use serde_json::Value;

use self::directory::directory;
use self::environment::Environment;
use super::{AppState, GitOps, Rendered, edit, repositories};
use crate::argo::{Application, Source, TrackingMethod, held, is_hook};
use crate::git::Commit;
use crate::render::{RenderError, Tree};
use crate::yaml;

/// The commit of every source; `None` for one that has no Git.
pub(super) type Commits = Vec<Option<Commit>>;

impl GitOps<'_> {
    pub(super) fn application(&self, app: &Application, tracked: &[&Arc<Object>]) -> AppDeclaration {
        let head = self.application_head(app);
        let desired = head.and_then(|commits| self.application_at(app, &app.sources, &commits));
        let (mut notes, mut tracked) = (Vec::new(), tracked.to_vec());
        let plain = |o: &Arc<Object>| DesiredObject { object: Arc::clone(o), declared: None };
        let (desired, applied) = match desired {
            Ok(objects) => (Ok(objects.iter().map(plain).collect()), self.application_applied(app)),
            Err(DeclarationError::NotGiven(why)) => {
                match (self.answered(app), self.application_remembered(app)) {
                    (Some((objects, note)), _) => {
                        notes.push(format!("{note}, as {why}"));
                        (Ok(objects.iter().map(plain).collect()), self.application_applied(app))
                    }
                    // Without either, what was applied last is all that is known to be declared.
                    (None, Some(objects)) => {
                        notes.push(format!("compared with what was applied last: {why}"));
                        let pruned =
                            |k: &ResourceKey| app.resources.iter().any(|r| r.requires_pruning && r.key == *k);
                        tracked.retain(|o| pruned(&o.key()));
                        let wanted = objects.iter().map(plain).chain(self.announced(app, &objects));
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
        let mut rules = crate::argo::ignore_differences(&app.ignore_differences);
        rules.append(self.settings.rules.clone());
        rules.rules.push(ignore_extraneous());
        if let Some(unstable) = self.unstable_of(&app.key()) {
            let (more, told) = super::unstable::rules(&unstable);
            rules.rules.extend(more);
            notes.extend(told);
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
            notes,
        }
    }

    /// What sync windows of its project say to the Application at the moment of the report, where they hold it back.
    fn held_back(&self, app: &Application) -> Option<String> {
        let project = self.projects.get(&*app.project)?;
        let held = match held(&project.sync_windows, app, self.cluster.report_time()?) {
            Ok(held) => held?,
            Err(e) => return Some(format!("no sync goes through: {e}")),
        };
        let windows: Vec<String> = held.by.iter().map(|w| format!("`{}`", w.text())).collect();
        let until = held.until.map_or_else(|| "with no end in sight".to_owned(), |t| format!("until {t}"));
        let hands = if held.lets_hands_through { "; a sync by hand goes through" } else { "" };
        let windows = windows.join(", ");
        Some(format!("syncs are held back {until} by {windows} of project {}{hands}", app.project))
    }

    /// The commits that the Application should be at.
    pub(super) fn application_head(&self, app: &Application) -> Result<Commits, DeclarationError> {
        if !app.destination.is_in_cluster() {
            return Err(DeclarationError::Broken("goes to another cluster".to_owned()));
        }
        if app.sources.is_empty() {
            return Err(DeclarationError::Broken("has no source".to_owned()));
        }
        let commit = |source: &Source| {
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
            repositories::revision(repo, text, self.git_moment()).map(Some).map_err(DeclarationError::Broken)
        };
        app.sources.iter().map(commit).collect()
    }

    /// What syncs applied last, newest first; `None` where a revision of them is not at hand.
    fn application_applied(&self, app: &Application) -> Option<Vec<Vec<Arc<Object>>>> {
        let mut all = Vec::new();
        for (revisions, sources) in app.applied() {
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
            let taken = |o: &&Arc<Object>| operation.applied(o.group(), o.kind(), o.namespace(), o.name());
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
        sources: &[Source],
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
        self.kept(key, || {
            let mut all: Vec<Arc<Object>> = Vec::new();
            for (i, source) in sources.iter().enumerate() {
                // A source that is only referred to has no path, and declares nothing.
                if source.reference.is_some() && source.path.is_none() {
                    continue;
                }
                all.extend(self.source_at(app, i, sources, commits)?);
            }
            Ok(self.kept_of(app, &all).into_iter().map(|o| self.marked(app, o)).collect())
        })
    }

    fn source_at(
        &self,
        app: &Application,
        i: usize,
        sources: &[Source],
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
        let path = edit::join("", source.path.as_deref().unwrap_or(""))
            .ok_or_else(|| broken("the path leaves the repository".to_owned()))?;
        if !tree.has_folder(&path) {
            return Err(broken(format!("there is no path `{path}` in commit {}", commit.id.short())));
        }
        let source = &overridden(app, source, &tree, &path).map_err(broken)?;
        if let Some(link) = not_followed(&tree, &path, source) {
            return Err(DeclarationError::Unavailable(format!(
                "`{link}` is a link, which is not followed here"
            )));
        }
        let environment =
            Environment::of(app, app.instance_name(&self.settings.namespace), source, commit.id);
        let set =
            |name: &str| source.raw.get(name).is_some_and(|v| v.as_object().is_some_and(|o| !o.is_empty()));
        if source.raw.get("plugin").is_some_and(|p| !p.is_null()) {
            return Err(DeclarationError::Unavailable(
                "is rendered by a plugin, which is not run here".to_owned(),
            ));
        }
        let has = |name: &str| edit::join(&path, name).is_some_and(|p| tree.has(&p));
        // Of a folder that is both, kustomize has it.
        let discovered = !set("helm") && !set("directory");
        if set("kustomize") || discovered && edit::kustomization_file(&tree, &path).is_some() {
            self.kustomized(source, (&tree, &path), &environment)
        } else if set("helm") || discovered && has("Chart.yaml") {
            let trees = self.trees(sources, commits)?;
            self.templated(app, source, (&tree, &path), &trees, &environment)
        } else {
            directory(source, &tree, &path)
        }
    }

    /// The trees of sources that others refer to, by their names.
    fn trees(
        &self,
        sources: &[Source],
        commits: &Commits,
    ) -> Result<Vec<(String, Arc<Tree>)>, DeclarationError> {
        let mut trees = Vec::new();
        for (source, commit) in sources.iter().zip(commits) {
            if let (Some(name), Some(commit)) = (&source.reference, commit) {
                let tree = self.repositories.tree(&source.repo_url, commit, "", |_| true);
                trees.push((name.clone(), tree.map_err(DeclarationError::Unavailable)?));
            }
        }
        Ok(trees)
    }

    /// The label by which Argo CD finds what is its own; the annotation is bookkeeping in any comparison.
    fn own_fields(&self) -> Vec<FieldPath> {
        let label = self.settings.tracking != TrackingMethod::Annotation;
        let path = FieldPath::of(&["metadata", "labels", &self.settings.instance_label]);
        label.then_some(path).into_iter().collect()
    }

    /// Puts on an object what Argo CD puts on it.
    fn marked(&self, app: &Application, object: Arc<Object>) -> Arc<Object> {
        // A definition of a kind gets no mark at all; the annotation is bookkeeping in any comparison.
        if self.settings.tracking == TrackingMethod::Annotation || object.kind() == "CustomResourceDefinition"
        {
            return object;
        }
        let mut name = app.instance_name(&self.settings.namespace);
        if self.settings.tracking == TrackingMethod::AnnotationAndLabel {
            name.truncate(63);
        }
        let marks = [(&*self.settings.instance_label, &*name)];
        edit::object(&object, |map| edit::set_metadata(map, "labels", marks)).unwrap_or(object)
    }

    /// What syncs left in `last-applied` annotations of what the Application lists, where no repository is at hand.
    fn application_remembered(&self, app: &Application) -> Option<Vec<Arc<Object>>> {
        if !app.destination.is_in_cluster() {
            return None;
        }
        let listed = app.resources.iter().filter(|r| !r.hook && !r.requires_pruning);
        let remembered = listed.filter_map(|r| self.remembered(&r.key, managers::ARGO_CD));
        let all: Vec<_> = remembered.collect();
        (!all.is_empty()).then_some(all)
    }

    /// What Argo CD's API says is declared, and where that is from.
    fn answered(&self, app: &Application) -> Option<(Vec<Arc<Object>>, &str)> {
        let answer = self.answers.get(&app.key())?;
        Some((self.kept_of(app, &answer.manifests.objects), &answer.note))
    }

    /// What Argo CD's API says was declared at revisions that a sync applied.
    fn answered_at(&self, app: &Application, revisions: &[String]) -> Option<Vec<Arc<Object>>> {
        let objects = self.answers.get(&app.key())?.applied.get(revisions)?;
        Some(self.kept_of(app, objects))
    }

    /// What Argo CD keeps of what it renders: hooks are run, and excluded kinds are not looked at.
    fn kept_of(&self, app: &Application, objects: &[Arc<Object>]) -> Vec<Arc<Object>> {
        let is_kept = |o: &&Arc<Object>| !is_hook(o) && !self.settings.excludes(o.group(), o.kind());
        objects.iter().filter(is_kept).cloned().chain(made_namespace(app)).collect()
    }

    /// What the Application says is not live yet, of which nothing but the name is known.
    fn announced(&self, app: &Application, known: &[Arc<Object>]) -> Vec<DesiredObject> {
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
        let told = answer.and_then(|a| a.manifests.revision.clone());
        let last = app.applied().into_iter().next();
        let condition = app.conditions.iter().find(|c| c.kind.ends_with("Error"));
        AppState {
            engine: app.sync_status.as_deref().unwrap_or("Unknown").to_owned(),
            reason: condition.map(|c| format!("{}: {}", c.kind, c.message)),
            applied: last.map(|(r, _)| r.to_vec()).unwrap_or_default(),
            head: head.into_iter().flatten().flatten().map(|c| c.id.to_string()).chain(told).collect(),
            suspended: app.is_skipped,
            held_back: self.held_back(app),
            waiting: None,
            error: desired.err().filter(|_| answer.is_none()).map(|e| e.to_string()),
        }
    }
}

/// A link among the files of a source that Argo CD would follow, to a file or to a folder.
fn not_followed<'t>(tree: &'t Tree, path: &str, source: &Source) -> Option<&'t str> {
    let within = if path.is_empty() { String::new() } else { format!("{path}/") };
    let recurse = source.raw.pointer("/directory/recurse").and_then(Value::as_bool) == Some(true);
    let plain = source.raw.get("directory").is_some() || edit::kustomization_file(tree, path).is_none();
    let is_meant = |rest: &str| {
        let name = rest.rsplit('/').next().unwrap_or(rest);
        let manifest = [".yaml", ".yml", ".json", ".jsonnet"].iter().any(|end| name.ends_with(end));
        // A chart is a folder of its own, and what a kustomization leads to is named in it.
        manifest && (recurse || !plain || !rest.contains('/')) || !plain && !name.contains('.')
    };
    let links = tree.skipped().iter().map(|l| &**l);
    links.into_iter().find(|l| l.strip_prefix(&*within).is_some_and(is_meant))
}

/// A source with what `.argocd-source.yaml` and `.argocd-source-APP.yaml` beside its files put into it.
fn overridden(app: &Application, source: &Source, tree: &Tree, path: &str) -> Result<Source, String> {
    let mut source = source.clone();
    for name in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{}.yaml", app.name)] {
        let Some(file) = edit::join(path, &name).filter(|f| tree.has(f)) else { continue };
        let bytes = tree.read(&file).ok_or_else(|| format!("{file} cannot be read"))?;
        match yaml::read(&bytes).into_iter().next() {
            Some(Ok(document)) => edit::merge_patch(&mut source.raw, document.doc.root().to_value()),
            Some(Err(e)) => return Err(format!("{file}: {e}")),
            None => {}
        }
    }
    Ok(source)
}

fn ignore_extraneous() -> Rule {
    let mark = Some(LabelMatch {
        key: "argocd.argoproj.io/compare-options".into(),
        value: "IgnoreExtraneous".into(),
    });
    Rule {
        name: "compare-options: IgnoreExtraneous".into(),
        target: RuleTarget { mark, ..RuleTarget::default() },
        effect: Effect::Extra,
        because: None,
    }
}

/// The namespace that Argo CD makes for an Application, where it has something to say about it.
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

/// A program that is not here, or a file of another place, is no fault of the declaration.
fn undeclared(error: &RenderError) -> DeclarationError {
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
