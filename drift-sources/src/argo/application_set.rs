//! ApplicationSets of Argo CD: what they generate Applications from, and how their controller treats these.

use std::sync::Arc;

use drift_core::drift::rules::RuleSet;
use drift_core::k8s::tracking::owning_application_set;
use drift_core::{Node, Object, ResourceKey};
use serde_json::{Value, json};

use super::application::{ApplicationCondition, list_at, parse_condition, text};
use super::{GROUP, parse_ignore_differences};

/// What the controller may do to Applications that are there (`applicationsSync`); it always creates those that are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplicationsSync {
    /// Updates and deletes.
    #[default]
    Sync,
    /// Nothing.
    CreateOnly,
    /// Updates.
    CreateUpdate,
    /// Deletes.
    CreateDelete,
}

impl ApplicationsSync {
    /// Parses the text of `applicationsSync` or of the controller's `--policy`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sync" => Some(Self::Sync),
            "create-only" => Some(Self::CreateOnly),
            "create-update" => Some(Self::CreateUpdate),
            "create-delete" => Some(Self::CreateDelete),
            _ => None,
        }
    }

    /// Returns the text of `applicationsSync`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::CreateOnly => "create-only",
            Self::CreateUpdate => "create-update",
            Self::CreateDelete => "create-delete",
        }
    }

    /// Returns `true` if Applications that are there are brought to what is generated.
    pub fn updates(self) -> bool {
        matches!(self, Self::Sync | Self::CreateUpdate)
    }

    /// Returns `true` if Applications that are no longer generated are deleted.
    pub fn deletes(self) -> bool {
        matches!(self, Self::Sync | Self::CreateDelete)
    }
}

/// An ApplicationSet: spec and status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationSet {
    /// Its namespace, which is that of its Applications.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// UID of the ApplicationSet; empty if the object has none.
    pub uid: Arc<str>,
    /// The spec as written, with generators and template.
    pub spec: Value,
    /// Whether templates are Go templates.
    pub uses_go_templates: bool,
    /// `spec.goTemplateOptions`.
    pub go_template_options: Vec<String>,
    /// `spec.syncPolicy.applicationsSync`.
    pub applications_sync: Option<ApplicationsSync>,
    /// Whether Applications are left without the finalizer by which their resources are deleted with them.
    pub preserves_resources: bool,
    /// Annotations of live Applications that are left as they are.
    pub preserved_annotations: Vec<String>,
    /// Labels of live Applications that are left as they are.
    pub preserved_labels: Vec<String>,
    /// Rules of `spec.ignoreApplicationDifferences`.
    pub rules: RuleSet,
    /// Whether the strategy is `RollingSync` with at least one step.
    pub is_rolling: bool,
    /// Whether the status tracks a rollout, as it does only where progressive syncs are switched on.
    pub tracks_rollout: bool,
    /// Whether it is being deleted.
    pub is_deleted: bool,
    /// Whether a generator reads clusters from the status of other resources.
    pub reads_resources: bool,
    /// The Applications that `status.resources` lists.
    pub resources: Vec<ResourceKey>,
    /// Conditions that are true.
    pub conditions: Vec<ApplicationCondition>,
}

impl ApplicationSet {
    /// Reads an ApplicationSet; `None` for any other object.
    pub fn from_object(object: &Object) -> Option<Self> {
        if object.group() != GROUP || object.kind() != "ApplicationSet" {
            return None;
        }
        let root = object.root();
        let (spec, status) = (root.get("spec"), root.get("status"));
        let flag = |path: &[&str]| spec.and_then(|s| s.at(path)).and_then(Node::as_bool) == Some(true);
        let texts = |path: &[&str]| -> Vec<String> {
            list_at(spec, path).filter_map(Node::as_str).map(str::to_owned).collect()
        };
        let entries = list_at(spec, &["ignoreApplicationDifferences"]).map(Node::to_value);
        let is_true = |c: &Node<'_>| c.str_at(&["status"]) == Some("True");
        let strategy = text(spec, &["strategy", "type"]);
        Some(Self {
            namespace: object.namespace().into(),
            name: object.name().into(),
            uid: text(Some(root), &["metadata", "uid"]).unwrap_or_default(),
            uses_go_templates: flag(&["goTemplate"]),
            go_template_options: texts(&["goTemplateOptions"]),
            applications_sync: text(spec, &["syncPolicy", "applicationsSync"])
                .and_then(|t| ApplicationsSync::parse(&t)),
            preserves_resources: flag(&["syncPolicy", "preserveResourcesOnDeletion"]),
            preserved_annotations: texts(&["preservedFields", "annotations"]),
            preserved_labels: texts(&["preservedFields", "labels"]),
            rules: rules_of(entries),
            is_rolling: strategy.as_deref() == Some("RollingSync")
                && list_at(spec, &["strategy", "rollingSync", "steps"]).next().is_some(),
            tracks_rollout: list_at(status, &["applicationStatus"]).next().is_some(),
            is_deleted: text(Some(root), &["metadata", "deletionTimestamp"]).is_some(),
            reads_resources: spec
                .and_then(|s| s.get("generators"))
                .is_some_and(|g| has_entry(g, "clusterDecisionResource")),
            resources: list_at(status, &["resources"])
                .filter_map(|r| Some(application_key(object.namespace(), r.str_at(&["name"])?)))
                .collect(),
            conditions: list_at(status, &["conditions"])
                .filter(is_true)
                .filter_map(parse_condition)
                .collect(),
            spec: spec.map(Node::to_value).unwrap_or_default(),
        })
    }

    /// Returns the key of the ApplicationSet itself.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::new(GROUP, "ApplicationSet", &self.namespace, &self.name)
    }

    /// Returns the error that the controller reports, if it cannot generate or apply.
    pub fn error(&self) -> Option<&ApplicationCondition> {
        self.conditions.iter().find(|c| &*c.kind == "ErrorOccurred")
    }

    /// Returns `true` if an object is an Application that this ApplicationSet owns.
    pub fn owns(&self, object: &Object) -> bool {
        object.group() == GROUP
            && object.kind() == "Application"
            && object.namespace() == &*self.namespace
            && owning_application_set(object)
                .is_some_and(|(name, uid)| name == &*self.name && (self.uid.is_empty() || uid == &*self.uid))
    }
}

/// Returns the key of an Application.
pub(crate) fn application_key(namespace: &str, name: &str) -> ResourceKey {
    ResourceKey::new(GROUP, "Application", namespace, name)
}

/// Returns `true` if some map in a value has an entry of a name.
fn has_entry(node: Node<'_>, name: &str) -> bool {
    node.children().any(|child| child.key() == name || has_entry(child, name))
}

/// An entry names no group and no kind: it is always about Applications.
fn rules_of(entries: impl Iterator<Item = Value>) -> RuleSet {
    let of_applications = entries.map(|mut entry| {
        if let Some(map) = entry.as_object_mut() {
            map.insert("group".to_owned(), json!(GROUP));
            map.insert("kind".to_owned(), json!("Application"));
        }
        entry
    });
    let mut set = parse_ignore_differences(&of_applications.collect::<Vec<_>>());
    let rename = |name: &mut Arc<str>| *name = name.replace("ignoreDif", "ignoreApplicationDif").into();
    set.rules.iter_mut().for_each(|rule| rename(&mut rule.name));
    set.problems.iter_mut().for_each(|problem| rename(&mut problem.rule));
    set
}

/// Options of the ApplicationSet controller, as `argocd-cmd-params-cm` sets them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationSetOptions {
    /// Policy of the controller; `None` leaves it to each ApplicationSet.
    pub policy: Option<ApplicationsSync>,
    /// Whether an ApplicationSet may state its own policy although the controller has one.
    pub allows_override: bool,
    /// Whether the controller changes nothing.
    pub is_dry_run: bool,
    /// Whether the `RollingSync` strategy is carried out; `None` where it is not set.
    pub progressive_syncs: Option<bool>,
    /// Whether patterns of files are globs, with `**` for any number of folders, and no pathspecs of Git.
    pub globs_files: bool,
    /// Annotations that are left as they are on all Applications.
    pub preserved_annotations: Vec<String>,
    /// Labels that are left as they are on all Applications.
    pub preserved_labels: Vec<String>,
}

impl ApplicationSetOptions {
    /// Returns `true` if an object is the ConfigMap of the controllers' options.
    pub fn is_options(object: &Object) -> bool {
        object.group().is_empty() && object.kind() == "ConfigMap" && object.name() == "argocd-cmd-params-cm"
    }

    /// Reads `argocd-cmd-params-cm`.
    pub fn from_object(object: &Object) -> Self {
        let entry = |name: &str| {
            let key = format!("applicationsetcontroller.{name}");
            object.root().str_at(&["data", &key]).filter(|text| !text.is_empty())
        };
        let flag = |name: &str| entry(name).map(|text| text == "true");
        let list = |name: &str| -> Vec<String> {
            let texts = entry(name).into_iter().flat_map(|t| t.split(',')).map(str::trim);
            texts.filter(|t| !t.is_empty()).map(str::to_owned).collect()
        };
        Self {
            policy: entry("policy").and_then(ApplicationsSync::parse),
            allows_override: flag("enable.policy.override") == Some(true),
            is_dry_run: flag("dryrun") == Some(true),
            progressive_syncs: flag("enable.progressive.syncs"),
            globs_files: flag("enable.new.git.file.globbing") == Some(true),
            preserved_annotations: list("global.preserved.annotations"),
            preserved_labels: list("global.preserved.labels"),
        }
    }

    /// Returns what the controller may do to the Applications of an ApplicationSet.
    pub fn policy_for(&self, set: &ApplicationSet) -> ApplicationsSync {
        let own = set.applications_sync.filter(|_| self.policy.is_none() || self.allows_override);
        own.or(self.policy).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drift_core::Doc;

    fn object(value: &Value) -> Object {
        Object::new(Doc::from_value(value).unwrap()).unwrap()
    }

    fn set(spec: Value) -> ApplicationSet {
        let value = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
            "metadata": {"name": "teams", "namespace": "argocd", "uid": "u1"}, "spec": spec});
        ApplicationSet::from_object(&object(&value)).unwrap()
    }

    fn options(data: Value) -> ApplicationSetOptions {
        let value = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "argocd-cmd-params-cm", "namespace": "argocd"}, "data": data});
        ApplicationSetOptions::from_object(&object(&value))
    }

    #[test]
    fn a_set_states_its_policy_unless_the_controller_has_one() {
        let states = |policy: &str| set(json!({"syncPolicy": {"applicationsSync": policy}}));
        let of_controller = |more: Value| {
            let mut data = json!({"applicationsetcontroller.policy": "create-delete"});
            data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            options(data)
        };
        let no_policy = options(json!({"applicationsetcontroller.policy": ""}));
        for (options, set, want) in [
            (ApplicationSetOptions::default(), set(json!({})), "sync"),
            (no_policy.clone(), states("create-only"), "create-only"),
            (no_policy, states("nonsense"), "sync"),
            (of_controller(json!({})), states("create-only"), "create-delete"),
            (
                of_controller(json!({"applicationsetcontroller.enable.policy.override": "true"})),
                states("create-only"),
                "create-only",
            ),
            (
                of_controller(json!({"applicationsetcontroller.enable.policy.override": "true"})),
                set(json!({})),
                "create-delete",
            ),
        ] {
            assert_eq!(options.policy_for(&set).as_str(), want);
        }
    }

    #[test]
    fn a_set_owns_what_names_it_as_its_controller() {
        let owner = |kind: &str, name: &str, uid: &str, controller: bool| {
            let reference = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": uid,
                "controller": controller});
            object(&json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                "metadata": {"name": "a", "namespace": "argocd", "ownerReferences": [reference]}}))
        };
        let set = set(json!({}));
        assert!(set.owns(&owner("ApplicationSet", "teams", "u1", true)));
        for (object, why) in [
            (owner("ApplicationSet", "others", "u1", true), "another set"),
            (owner("ApplicationSet", "teams", "u0", true), "a set of that name that is gone"),
            (owner("ApplicationSet", "teams", "u1", false), "an owner that is no controller"),
            (owner("Application", "teams", "u1", true), "another kind"),
        ] {
            assert!(!set.owns(&object), "{why}");
        }
    }

    #[test]
    fn rules_are_about_applications_and_say_where_they_stand() {
        let entries = json!([{"jsonPointers": ["/spec/syncPolicy"]}, {"name": "a"}]);
        let set = set(json!({"ignoreApplicationDifferences": entries}));
        assert_eq!(&*set.rules.rules[0].name, "ignoreApplicationDifferences[0]");
        let target = &set.rules.rules[0].target;
        assert!(target.kind.matches("Application") && !target.kind.matches("AppProject"));
        assert_eq!(&*set.rules.problems[0].rule, "ignoreApplicationDifferences[1]");
    }
}
