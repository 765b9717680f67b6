//! What Applications declare.

mod helm;
mod kustomize;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use drift_core::drift::{AppDeclaration, DesiredObject, Tracked, Undeclared};
use drift_core::rules::{Effect, Mark, Pattern, Rule, RuleTarget};
use drift_core::{Object, ResourceKey};
use serde_json::Value;

use super::{AppState, GitOps, Rendered, edit, objects_of, repositories};
use crate::argo::{Application, MANAGERS, Source, TrackingMethod, held, is_hook};
use crate::git::Commit;
use crate::render::{RenderError, Tree};

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
            // Without the repository, what was applied last is all that is known to be declared.
            Err(Undeclared::NotGiven(why)) => match self.application_remembered(app) {
                Some(objects) => {
                    notes.push(format!("compared with what was applied last: {why}"));
                    let pruned =
                        |k: &ResourceKey| app.resources.iter().any(|r| r.requires_pruning && r.key == *k);
                    tracked.retain(|o| pruned(&o.key()));
                    let wanted = objects.iter().map(plain).chain(self.announced(app, &objects));
                    (Ok(wanted.collect()), Some(vec![objects.clone()]))
                }
                None => (Err(Undeclared::NotGiven(why)), None),
            },
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
        if let Some(unstable) = self.unstable.borrow().get(&app.key()) {
            let (more, told) = super::unstable::rules(unstable);
            rules.rules.extend(more);
            notes.extend(told);
        }
        AppDeclaration {
            app: app.key(),
            appliers: MANAGERS.iter().map(|m| (*m).into()).collect(),
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
    pub(super) fn application_head(&self, app: &Application) -> Result<Commits, Undeclared> {
        if !app.destination.is_in_cluster() {
            return Err(Undeclared::Broken("goes to another cluster".to_owned()));
        }
        if app.sources.is_empty() {
            return Err(Undeclared::Broken("has no source".to_owned()));
        }
        let commit = |source: &Source| {
            if source.chart.is_some() {
                return Err(Undeclared::NotGiven(format!(
                    "the chart of {} is not read here",
                    source.repo_url
                )));
            }
            let Some(repo) = self.repositories.find(&source.repo_url) else {
                return Err(Undeclared::NotGiven(format!("no repository is given for {}", source.repo_url)));
            };
            let text = source.target_revision.as_deref().unwrap_or("HEAD");
            repositories::revision(repo, text, self.git_moment()).map(Some).map_err(Undeclared::Broken)
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
            let objects = commits.map(|c| self.application_at(app, sources, &c));
            match objects {
                Some(Ok(objects)) => all.push((*objects).clone()),
                _ if all.is_empty() => return None,
                _ => {}
            }
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
        let key = format!("argo {} {ids:?} {}", app.key(), Value::from_iter(raw.into_iter().cloned()));
        self.kept(key, || {
            let mut all: Vec<Arc<Object>> = Vec::new();
            for (i, source) in sources.iter().enumerate() {
                // A source that is only referred to has no path, and declares nothing.
                if source.reference.is_some() && source.path.is_none() {
                    continue;
                }
                all.extend(self.source_at(app, i, sources, commits)?);
            }
            all.retain(|o| !is_hook(o) && !self.settings.excludes(o.group(), o.kind()));
            all.extend(made_namespace(app));
            Ok(all.into_iter().map(|o| self.marked(app, o)).collect())
        })
    }

    fn source_at(
        &self,
        app: &Application,
        i: usize,
        sources: &[Source],
        commits: &Commits,
    ) -> Result<Vec<Arc<Object>>, Undeclared> {
        let source = &sources[i];
        let Some(Some(commit)) = commits.get(i) else {
            return Err(Undeclared::Unavailable("has a source without a commit".to_owned()));
        };
        let broken = |why: String| Undeclared::Broken(why);
        let tree = self
            .repositories
            .tree(&source.repo_url, commit, "", |_| true)
            .map_err(Undeclared::Unavailable)?;
        let path = edit::join("", source.path.as_deref().unwrap_or(""))
            .ok_or_else(|| broken("the path leaves the repository".to_owned()))?;
        if !tree.has_folder(&path) {
            return Err(broken(format!("there is no path `{path}` in commit {}", commit.id.short())));
        }
        let set =
            |name: &str| source.raw.get(name).is_some_and(|v| v.as_object().is_some_and(|o| !o.is_empty()));
        if source.raw.get("plugin").is_some_and(|p| !p.is_null()) {
            return Err(Undeclared::Unavailable("is rendered by a plugin, which is not run here".to_owned()));
        }
        let has = |name: &str| edit::join(&path, name).is_some_and(|p| tree.has(&p));
        if set("kustomize")
            || !set("helm")
                && !set("directory")
                && edit::kustomization_file(&tree, &path).is_some()
                && !has("Chart.yaml")
        {
            self.kustomized(app, source, &tree, &path)
        } else if set("helm") || !set("directory") && has("Chart.yaml") {
            let trees = self.trees(sources, commits)?;
            self.templated(app, source, (&tree, &path), &trees)
        } else {
            directory(source, &tree, &path)
        }
    }

    /// The trees of sources that others refer to, by their names.
    fn trees(&self, sources: &[Source], commits: &Commits) -> Result<Vec<(String, Rc<Tree>)>, Undeclared> {
        let mut trees = Vec::new();
        for (source, commit) in sources.iter().zip(commits) {
            if let (Some(name), Some(commit)) = (&source.reference, commit) {
                let tree = self.repositories.tree(&source.repo_url, commit, "", |_| true);
                trees.push((name.clone(), tree.map_err(Undeclared::Unavailable)?));
            }
        }
        Ok(trees)
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
        let remembered = listed.filter_map(|r| self.remembered(&r.key, MANAGERS));
        let all: Vec<_> = remembered.collect();
        (!all.is_empty()).then_some(all)
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
        let last = app.applied().into_iter().next();
        let condition = app.conditions.iter().find(|c| c.kind.ends_with("Error"));
        AppState {
            engine: app.sync_status.as_deref().unwrap_or("Unknown").to_owned(),
            reason: condition.map(|c| format!("{}: {}", c.kind, c.message)),
            applied: last.map(|(r, _)| r.to_vec()).unwrap_or_default(),
            head: head.into_iter().flatten().flatten().map(|c| c.id.to_string()).collect(),
            suspended: app.is_skipped,
            held_back: self.held_back(app),
            waiting: None,
            error: desired.err().map(|e| e.to_string()),
        }
    }
}

fn ignore_extraneous() -> Rule {
    let mark =
        Some(Mark { key: "argocd.argoproj.io/compare-options".into(), value: "IgnoreExtraneous".into() });
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
    Object::new(drift_core::Doc::from_value(&value).ok()?).ok().map(Arc::new)
}

fn is_made_namespace(app: &Application, object: &Object) -> bool {
    object.kind() == "Namespace"
        && object.name() == app.destination.namespace
        && app.has_option("CreateNamespace=true")
}

/// A program that is not here, or a file of another place, is no fault of the declaration.
fn undeclared(error: &RenderError) -> Undeclared {
    let text = error.to_string();
    let elsewhere =
        ["://", "missing in charts", "'git'", "git cmd", "no such host", "dial tcp", "github.com/"];
    if error.is_broken() && !elsewhere.iter().any(|e| text.contains(e)) {
        Undeclared::Broken(text)
    } else {
        Undeclared::Unavailable(text)
    }
}

/// All files of a folder that hold objects.
fn directory(source: &Source, tree: &Tree, path: &str) -> Result<Vec<Arc<Object>>, Undeclared> {
    let options = source.raw.get("directory");
    let recurse = options.and_then(|o| o.get("recurse")).and_then(Value::as_bool) == Some(true);
    let patterns = |name: &str| -> Vec<Pattern> {
        let text = options.and_then(|o| o.get(name)).and_then(Value::as_str).unwrap_or_default();
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
        let parts: Vec<&str> = inner.map_or_else(|| vec![text], |t| t.split(',').collect());
        parts.into_iter().map(str::trim).filter(|p| !p.is_empty()).map(Pattern::glob).collect()
    };
    let (include, exclude) = (patterns("include"), patterns("exclude"));
    let within = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut all = Vec::new();
    for file in tree.files() {
        let Some(rest) = file.strip_prefix(&within) else { continue };
        let ends = |end: &str| rest.ends_with(end);
        let wanted = (recurse || !rest.contains('/'))
            && (include.is_empty() || include.iter().any(|p| p.matches(rest)))
            && !exclude.iter().any(|p| p.matches(rest));
        if wanted && ends(".jsonnet") {
            return Err(Undeclared::Unavailable(format!("`{file}` is Jsonnet, which is not evaluated here")));
        }
        if !wanted || !(ends(".yaml") || ends(".yml") || ends(".json")) {
            continue;
        }
        let bytes =
            tree.read(file).ok_or_else(|| Undeclared::Unavailable(format!("{file} cannot be read")))?;
        match objects_of(file, &bytes) {
            Ok(objects) => all.extend(objects),
            // A file that does not look like an object is none that anybody meant to be one.
            Err(why) if looks_like_objects(&bytes) => return Err(Undeclared::Broken(why)),
            Err(_) => {}
        }
    }
    all.retain(|o| !o.group().ends_with("kustomize.config.k8s.io"));
    Ok(all)
}

fn looks_like_objects(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["apiVersion:", "kind:", "metadata:"].iter().all(|w| text.contains(w))
        || ["\"apiVersion\"", "\"kind\"", "\"metadata\""].iter().all(|w| text.contains(w))
}
