//! Applications made of a template and parameters.

use drift_core::drift::DeclarationError;
use serde_json::{Map, Value, json};

use super::generators::{Generation, broken, parse_yaml, unavailable};
use super::parameters::{Parameters, is_empty};
use super::templates::Templates;
use crate::argo::ApplicationSet;

/// Finalizer with which an Application is deleted only after its resources.
const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// Makes the Application of a template and parameters, as the controller writes it.
pub(super) fn application(
    set: &ApplicationSet,
    templates: &Templates,
    template: &Value,
    parameters: &Parameters,
) -> Generation<Value> {
    // Without any parameter the template is taken as it stands.
    let made = match parameters.is_empty() {
        true => template.clone(),
        false => templates.value(template, parameters)?,
    };
    let mut application =
        json!({"metadata": {}, "spec": made.get("spec").cloned().unwrap_or_else(|| json!({}))});
    for field in ["name", "labels", "annotations", "finalizers"] {
        if let Some(value) = made.pointer(&format!("/metadata/{field}")).filter(|v| !is_empty(v)) {
            application["metadata"][field] = value.clone();
        }
    }
    let finalizers = application.pointer("/metadata/finalizers").is_some();
    if !parameters.is_empty() && !finalizers && !set.preserves_resources {
        application["metadata"]["finalizers"] = json!([RESOURCES_FINALIZER]);
    }
    if let Some(patch) = set.spec.get("templatePatch").and_then(Value::as_str) {
        let text = templates.text(patch, parameters)?;
        let patch = parse_yaml(text.as_bytes()).map_err(|e| broken(format!("`templatePatch`: {e}")))?;
        patch_application(&mut application, patch)?;
    }
    application["apiVersion"] = "argoproj.io/v1alpha1".into();
    application["kind"] = "Application".into();
    // Wherever the template puts it: an Application lies beside its ApplicationSet.
    application["metadata"]["namespace"] = (&*set.namespace).into();
    normalize_spec(&mut application["spec"]);
    Ok(application)
}

/// Applies a strategic merge patch; the project stays as the template has it.
fn patch_application(application: &mut Value, patch: Value) -> Result<(), DeclarationError> {
    let Value::Object(mut patch) = patch else {
        return if patch.is_null() { Ok(()) } else { Err(broken("has a `templatePatch` that is no map")) };
    };
    patch.retain(|field, _| matches!(field.as_str(), "metadata" | "spec"));
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .retain(|field, _| matches!(field.as_str(), "name" | "labels" | "annotations" | "finalizers"));
    }
    let project = application.pointer("/spec/project").cloned();
    merge(application, Value::Object(patch), "")?;
    if let Some(spec) = application.get_mut("spec").and_then(Value::as_object_mut) {
        match project {
            Some(project) => drop(spec.insert("project".to_owned(), project)),
            None => drop(spec.remove("project")),
        }
    }
    Ok(())
}

/// Merges maps, and lists of finalizers; everything else is replaced, and null removes.
fn merge(target: &mut Value, patch: Value, field: &str) -> Result<(), DeclarationError> {
    match (target, patch) {
        (target, Value::Object(patch)) => {
            if !target.is_object() {
                *target = json!({});
            }
            let Value::Object(map) = target else { return Ok(()) };
            for (key, value) in patch {
                if key.starts_with('$') {
                    return Err(unavailable(format!(
                        "its `templatePatch` has `{key}`, which is not evaluated here"
                    )));
                }
                match value {
                    Value::Null => drop(map.remove(&key)),
                    value => merge(map.entry(&key).or_insert(Value::Null), value, &key)?,
                }
            }
        }
        (Value::Array(list), Value::Array(more)) if field == "finalizers" => {
            more.into_iter().for_each(|f| {
                if !list.contains(&f) {
                    list.push(f);
                }
            });
        }
        (target, patch) => *target = patch,
    }
    Ok(())
}

/// Leaves out of a spec what is empty and fills in the project, as the controller does (`NormalizeApplicationSpec`).
fn normalize_spec(spec: &mut Value) {
    let Value::Object(spec) = spec else { return };
    if spec.get("project").is_none_or(is_empty) {
        spec.insert("project".to_owned(), "default".into());
    }
    let says_nothing = |policy: &Value| {
        policy.as_object().is_none_or(|map| {
            map.iter().all(|(key, value)| match &**key {
                // That it is there says something, whatever is in it.
                "automated" | "retry" | "managedNamespaceMetadata" => value.is_null(),
                _ => is_empty(value),
            })
        })
    };
    if spec.get("syncPolicy").is_some_and(says_nothing) {
        spec.remove("syncPolicy");
    }
    if let Some(source) = spec.get_mut("source").and_then(Value::as_object_mut) {
        normalize_source(source);
    }
    for source in spec.get_mut("sources").and_then(Value::as_array_mut).into_iter().flatten() {
        source.as_object_mut().into_iter().for_each(normalize_source);
    }
}

fn normalize_source(source: &mut Map<String, Value>) {
    for tool in ["helm", "kustomize", "directory"] {
        if source.get(tool).is_some_and(is_empty) {
            source.remove(tool);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(spec: Value, parameters: Value) -> Result<Value, String> {
        let go = spec.get("goTemplate") == Some(&Value::Bool(true));
        let preserves = spec.pointer("/syncPolicy/preserveResourcesOnDeletion").is_some();
        let set = ApplicationSet {
            namespace: "argocd".into(),
            uses_go_templates: go,
            preserves_resources: preserves,
            spec: spec.clone(),
            ..ApplicationSet::default()
        };
        let templates = Templates::of(&set).map_err(|e| e.to_string())?;
        application(&set, &templates, &spec["template"], parameters.as_object().unwrap())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn an_application_is_what_the_controller_writes() {
        let template = json!({"metadata": {"name": "{{name}}", "namespace": "elsewhere", "annotations": {"a/{{name}}": "x"}},
            "spec": {"source": {"repoURL": "r", "helm": {}, "directory": {"recurse": true}},
                "syncPolicy": {"syncOptions": []}, "destination": {"name": "{{name}}"}}});
        let want = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "a", "namespace": "argocd", "annotations": {"a/a": "x"},
                "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
            "spec": {"source": {"repoURL": "r", "directory": {"recurse": true}}, "destination": {"name": "a"},
                "project": "default"}});
        assert_eq!(made(json!({"template": template}), json!({"name": "a"})), Ok(want.clone()));
        let preserved = made(
            json!({"template": template, "syncPolicy": {"preserveResourcesOnDeletion": true}}),
            json!({"name": "a"}),
        );
        assert_eq!(preserved.unwrap().pointer("/metadata/finalizers"), None);
        let without =
            made(json!({"template": {"metadata": {"name": "{{name}}"}, "spec": {}}}), json!({})).unwrap();
        assert_eq!(
            (&without["metadata"]["name"], without["metadata"].get("finalizers")),
            (&json!("{{name}}"), None)
        );
    }

    #[test]
    fn an_automated_policy_without_options_stays() {
        let template = json!({"metadata": {"name": "x"}, "spec": {"syncPolicy": {"automated": {}}}});
        let app = made(json!({"template": template}), json!({"a": "b"})).unwrap();
        assert_eq!(app["spec"]["syncPolicy"], json!({"automated": {}}));
    }

    #[test]
    fn a_patch_is_merged_and_leaves_the_project() {
        let template = json!({"metadata": {"name": "{{ .name }}", "finalizers": ["f"], "labels": {"a": "1", "b": "2"}},
            "spec": {"project": "p", "source": {"path": "x", "helm": {"valueFiles": ["a"]}}}});
        let patch = "metadata:\n  finalizers: [g]\n  labels: {a: null, c: '3'}\nspec:\n  project: other\n  source:\n\
             \x20   helm:\n      valueFiles:\n      {{- range .files }}\n      - {{ . }}\n      {{- end }}\n";
        let spec = json!({"goTemplate": true, "template": template, "templatePatch": patch});
        let app = made(spec, json!({"name": "a", "files": ["b", "c"]})).unwrap();
        assert_eq!(app["metadata"]["finalizers"], json!(["f", "g"]));
        assert_eq!(app["metadata"]["labels"], json!({"b": "2", "c": "3"}));
        assert_eq!(app["spec"]["project"], "p");
        assert_eq!(app["spec"]["source"], json!({"path": "x", "helm": {"valueFiles": ["b", "c"]}}));
        let template = json!({"metadata": {"name": "x"}, "spec": {}});
        let with = |patch: &str| {
            made(
                json!({"goTemplate": true, "template": template, "templatePatch": patch}),
                json!({"on": false}),
            )
        };
        assert_eq!(with("{{ if .on }}spec: {}{{ end }}"), with("spec: {}"));
        assert!(with("spec: {$patch: replace}").unwrap_err().contains("`$patch`"));
        assert!(with("- x").unwrap_err().contains("no map"));
    }
}
