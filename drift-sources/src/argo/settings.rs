//! `argocd-cm` and `argocd-cmd-params-cm`: the settings of an Argo CD installation.

use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::rules::{Effect, FieldRule, Pattern, Rule, RuleProblem, RuleSet, RuleTarget};
use serde_json::Value;

use super::INSTANCE_LABEL;
use crate::yaml::{self, YamlError};

/// How Argo CD tracks the resources it manages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrackingMethod {
    /// By the annotation `argocd.argoproj.io/tracking-id`.
    #[default]
    Annotation,
    /// By the instance label.
    Label,
    /// By annotation; the label is set as well, for other tools.
    AnnotationAndLabel,
}

/// Kinds that are excluded: those that match one of the groups and one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindExclusion {
    /// Patterns of API groups.
    pub groups: Vec<Pattern>,
    /// Patterns of kinds.
    pub kinds: Vec<Pattern>,
}

/// The settings that apply to all Applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgoSettings {
    /// Namespace that Argo CD runs in.
    pub namespace: Arc<str>,
    /// How managed resources are tracked.
    pub tracking: TrackingMethod,
    /// Label with the name of the app.
    pub instance_label: String,
    /// Name of this installation, where several share a cluster.
    pub installation_id: Option<String>,
    /// Rules for all Applications.
    pub rules: RuleSet,
    /// Options of `kustomize build`.
    pub kustomize_options: Vec<String>,
    /// Kinds that Argo CD ignores entirely.
    pub exclusions: Vec<KindExclusion>,
    /// Whether the API server is asked what a sync would make, unless an Application switches that off.
    pub diffs_server_side: bool,
}

impl Default for ArgoSettings {
    fn default() -> Self {
        Self {
            namespace: "argocd".into(),
            tracking: TrackingMethod::default(),
            instance_label: INSTANCE_LABEL.to_owned(),
            installation_id: None,
            rules: RuleSet::default(),
            kustomize_options: Vec::new(),
            exclusions: Vec::new(),
            diffs_server_side: false,
        }
    }
}

const SETTINGS: &str = "argocd-cm";
const PARAMETERS: &str = "argocd-cmd-params-cm";

const CUSTOM: &str = "resource.customizations.ignoreDifferences.";

impl ArgoSettings {
    /// Returns `true` if an object is one of the ConfigMaps of settings.
    pub fn is_settings(object: &Object) -> bool {
        object.kind() == "ConfigMap"
            && object.group().is_empty()
            && matches!(object.name(), SETTINGS | PARAMETERS)
    }

    /// Reads the settings from the objects of a cluster; those of one installation, if there are several.
    pub fn from_objects<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let found = objects.into_iter().filter(|o| Self::is_settings(o));
        let (own, parameters): (Vec<_>, Vec<_>) = found.partition(|o| o.name() == SETTINGS);
        let own = own.into_iter().max_by_key(|o| o.namespace());
        let settings = own.map(Self::from_settings).unwrap_or_default();
        let of_it = |o: &&Object| own.is_none_or(|own| own.namespace() == o.namespace());
        let is_on = |o: &Object| {
            let text = o.root().str_at(&["data", "controller.diff.server.side"]);
            text.is_some_and(|t| t.eq_ignore_ascii_case("true"))
        };
        Self { diffs_server_side: parameters.into_iter().filter(of_it).any(is_on), ..settings }
    }

    /// Reads `argocd-cm`.
    fn from_settings(object: &Object) -> Self {
        let mut settings = Self { namespace: object.namespace().into(), ..Self::default() };
        for entry in object.root().get("data").into_iter().flat_map(drift_core::Node::children) {
            let (key, text) = (entry.key(), entry.as_str().unwrap_or_default());
            match key {
                "application.resourceTrackingMethod" => settings.tracking = parse_tracking_method(text),
                "application.instanceLabelKey" if !text.is_empty() => {
                    settings.instance_label = text.to_owned()
                }
                "installationID" if !text.is_empty() => settings.installation_id = Some(text.to_owned()),
                "kustomize.buildOptions" => {
                    settings.kustomize_options = text.split_whitespace().map(str::to_owned).collect();
                }
                "resource.exclusions" => settings.exclusions = parse_exclusions(text),
                "resource.customizations" => settings.add_legacy_customizations(text),
                _ => {
                    if let Some(kind) = key.strip_prefix(CUSTOM) {
                        settings.add_customization(key, kind, text);
                    }
                }
            }
        }
        settings
    }

    /// Returns `true` if `resource.exclusions` covers a kind.
    pub fn excludes_kind(&self, group: &str, kind: &str) -> bool {
        self.exclusions
            .iter()
            .any(|e| e.groups.iter().any(|g| g.matches(group)) && e.kinds.iter().any(|k| k.matches(kind)))
    }

    fn add_customization(&mut self, key: &str, kind: &str, text: &str) {
        let name: Arc<str> = format!("argocd-cm: {key}").into();
        let (group, kind) = match kind {
            "all" => ("*", "*"),
            _ => kind.rsplit_once('_').unwrap_or(("", kind)),
        };
        match parse_document(text) {
            Ok(value) => self.rules.rules.push(parse_ignore_rule(&name, group, kind, &value)),
            Err(e) => self.rules.problems.push(invalid_yaml(name, &e)),
        }
    }

    /// The old form: one map from `group/kind` to customizations.
    fn add_legacy_customizations(&mut self, text: &str) {
        let name: Arc<str> = "argocd-cm: resource.customizations".into();
        let value = match parse_document(text) {
            Ok(value) => value,
            Err(e) => return self.rules.problems.push(invalid_yaml(name, &e)),
        };
        for (key, custom) in value.as_object().into_iter().flatten() {
            let Some(text) = custom.get("ignoreDifferences").and_then(Value::as_str) else { continue };
            let (group, kind) = key.split_once('/').unwrap_or(("", key));
            match parse_document(text) {
                Ok(value) => self.rules.rules.push(parse_ignore_rule(&name, group, kind, &value)),
                Err(e) => self.rules.problems.push(invalid_yaml(Arc::clone(&name), &e)),
            }
        }
    }
}

fn parse_tracking_method(text: &str) -> TrackingMethod {
    match text {
        "label" => TrackingMethod::Label,
        "annotation+label" => TrackingMethod::AnnotationAndLabel,
        _ => TrackingMethod::Annotation,
    }
}

fn invalid_yaml(rule: Arc<str>, error: &YamlError) -> RuleProblem {
    RuleProblem { rule, why: format!("is not valid YAML: {error}") }
}

/// Reads one YAML document.
fn parse_document(text: &str) -> Result<Value, YamlError> {
    match yaml::read(text.as_bytes()).into_iter().next() {
        Some(Ok(document)) => Ok(document.doc.root().to_value()),
        Some(Err(e)) => Err(e),
        None => Ok(Value::Null),
    }
}

fn parse_exclusions(text: &str) -> Vec<KindExclusion> {
    let value = parse_document(text).unwrap_or(Value::Null);
    let patterns = |v: Option<&Value>| -> Vec<Pattern> {
        let texts = v.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let all: Vec<_> = texts.map(Pattern::glob).collect();
        if all.is_empty() { vec![Pattern::Any] } else { all }
    };
    let entries = value.as_array().into_iter().flatten();
    // An exclusion for some clusters does not apply to all.
    let everywhere = |e: &&Value| {
        e.get("clusters").and_then(Value::as_array).is_none_or(|c| c.is_empty() || c.iter().any(|c| c == "*"))
    };
    let exclusion =
        |e: &Value| KindExclusion { groups: patterns(e.get("apiGroups")), kinds: patterns(e.get("kinds")) };
    entries.filter(everywhere).map(exclusion).collect()
}

/// Reads an entry of `ignoreDifferences`, of an Application or of the settings.
fn parse_ignore_rule(name: &Arc<str>, group: &str, kind: &str, value: &Value) -> Rule {
    let texts = |key: &str| -> Vec<String> {
        let list = value.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    Rule {
        name: Arc::clone(name),
        target: RuleTarget {
            group: Pattern::glob(group),
            kind: Pattern::glob(kind),
            namespace: Pattern::exact(text("namespace")),
            name: Pattern::exact(text("name")),
            ..RuleTarget::default()
        },
        effect: Effect::Fields(FieldRule {
            pointers: texts("jsonPointers"),
            jq: texts("jqPathExpressions"),
            managers: texts("managedFieldsManagers"),
            paths: Vec::new(),
        }),
        because: None,
    }
}

/// Reads `spec.ignoreDifferences` of an Application.
pub fn parse_ignore_differences(entries: &[Value]) -> RuleSet {
    let mut set = RuleSet::default();
    for (i, entry) in entries.iter().enumerate() {
        let name: Arc<str> = format!("ignoreDifferences[{i}]").into();
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let rule = parse_ignore_rule(&name, text("group"), text("kind"), entry);
        let empty = match &rule.effect {
            Effect::Fields(f) => f.pointers.is_empty() && f.jq.is_empty() && f.managers.is_empty(),
            _ => false,
        };
        if empty {
            let why =
                "names no field: one of jsonPointers, jqPathExpressions, managedFieldsManagers is needed";
            set.problems.push(RuleProblem { rule: name, why: why.to_owned() });
        } else {
            set.rules.push(rule);
        }
    }
    set
}
