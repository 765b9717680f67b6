//! Applications that are built by kustomize.

use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::DeclarationError;
use serde_json::{Map, Value, json};

use super::super::{GitOps, kustomize_edit, objects_of};
use super::declaration_error;
use super::environment::Environment;
use crate::argo::ApplicationSource;
use crate::render::{CommitFiles, Program};

impl GitOps<'_> {
    pub(super) fn kustomize_build(
        &self,
        source: &ApplicationSource,
        (tree, path): (&CommitFiles, &str),
        environment: &Environment,
    ) -> Result<Vec<Arc<Object>>, DeclarationError> {
        let mut edits = Vec::new();
        if let Some(options) = source.raw.get("kustomize").and_then(Value::as_object) {
            let file = kustomize_edit::kustomization_file(tree, path)
                .ok_or_else(|| DeclarationError::Broken(format!("there is no kustomization in `{path}`")))?;
            let mut map = kustomize_edit::read(tree, &file).map_err(DeclarationError::Broken)?;
            apply_options(&mut map, options, environment).map_err(DeclarationError::Broken)?;
            let components = added_components(tree, path, options);
            kustomize_edit::append_some(&mut map, "components", components);
            edits.push((file, Value::Object(map).to_string().into_bytes()));
        }
        let mut arguments = vec!["build".to_owned(), ".".to_owned()];
        let options = &self.settings.kustomize_options;
        if options.iter().any(|o| o.contains("LoadRestrictionsNone")) {
            arguments.extend(["--load-restrictor".to_owned(), "LoadRestrictionsNone".to_owned()]);
        }
        if options.iter().any(|o| o.starts_with("--enable-helm")) {
            return Err(DeclarationError::Unavailable(
                "kustomize would fetch charts, which is not done here".to_owned(),
            ));
        }
        let output = self
            .renderer
            .run(Program::Kustomize, tree, path, &arguments, &edits)
            .map_err(|e| declaration_error(&e))?;
        objects_of("kustomize build", &output).map_err(DeclarationError::Broken)
    }
}

/// Puts the options of an Application into a kustomization, as `kustomize edit` would.
fn apply_options(
    map: &mut Map<String, Value>,
    options: &Map<String, Value>,
    environment: &Environment,
) -> Result<(), String> {
    for name in ["namePrefix", "nameSuffix", "namespace"] {
        if let Some(Value::String(text)) =
            options.get(name).filter(|v| v.as_str().is_some_and(|t| !t.is_empty()))
        {
            map.insert(name.to_owned(), Value::from(&**text));
        }
    }
    let images = list_of(options, "images")
        .filter_map(|i| i.as_str().and_then(|i| parse_image(&environment.expand_variables(i))));
    let images: Vec<Value> = images.collect();
    if !images.is_empty() {
        kustomize_edit::set_images(map, images);
    }
    let replicas: Vec<Value> = list_of(options, "replicas").cloned().collect();
    if !replicas.is_empty() {
        let count =
            |v: Value| match v.get("count").and_then(Value::as_str).and_then(|c| c.parse::<i64>().ok()) {
                Some(n) => json!({"name": v["name"], "count": n}),
                None => v,
            };
        kustomize_edit::append(map, "replicas", replicas.into_iter().map(count));
    }
    let without = options.get("labelWithoutSelector").and_then(Value::as_bool) == Some(true);
    let templates = options.get("labelIncludeTemplates").and_then(Value::as_bool) == Some(true);
    if let Some(labels) = options.get("commonLabels").and_then(Value::as_object).filter(|l| !l.is_empty()) {
        let labels = expand_texts(labels, Some(environment));
        if without {
            kustomize_edit::append(
                map,
                "labels",
                [json!({"pairs": labels, "includeSelectors": false, "includeTemplates": templates})],
            );
        } else {
            refuse_taken(map, "commonLabels", &labels, options, "forceCommonLabels")?;
            merge_map(map, "commonLabels", labels);
        }
    }
    if let Some(texts) = options.get("commonAnnotations").and_then(Value::as_object).filter(|l| !l.is_empty())
    {
        let replaces = options.get("commonAnnotationsEnvsubst").and_then(Value::as_bool) == Some(true);
        let texts = expand_texts(texts, replaces.then_some(environment));
        refuse_taken(map, "commonAnnotations", &texts, options, "forceCommonAnnotations")?;
        merge_map(map, "commonAnnotations", texts);
    }
    kustomize_edit::append_some(map, "patches", list_of(options, "patches").cloned().collect());
    Ok(())
}

/// The components that an Application adds; those that are not there are passed over if it says so.
fn added_components(tree: &CommitFiles, path: &str, options: &Map<String, Value>) -> Vec<Value> {
    let may_miss = options.get("ignoreMissingComponents").and_then(Value::as_bool) == Some(true);
    let there = |v: &&Value| {
        let folder = v.as_str().and_then(|c| kustomize_edit::join_path(path, c));
        !may_miss || folder.is_some_and(|f| tree.has_folder(&f))
    };
    list_of(options, "components").filter(there).cloned().collect()
}

/// `kustomize edit add` does not overwrite existing entries, unless it is forced to.
fn refuse_taken(
    map: &Map<String, Value>,
    field: &str,
    texts: &Map<String, Value>,
    options: &Map<String, Value>,
    force: &str,
) -> Result<(), String> {
    if options.get(force).and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    let there = |key: &&String| map.get(field).is_some_and(|m| m.get(*key).is_some());
    let taken = texts.keys().find(there);
    taken
        .map_or(Ok(()), |key| Err(format!("`{key}` is in the kustomization already, and {force} is not set")))
}

fn list_of<'a>(options: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    options.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// What a build knows of its Application can stand in labels and annotations.
fn expand_texts(texts: &Map<String, Value>, environment: Option<&Environment>) -> Map<String, Value> {
    let text = |v: &Value| {
        let text = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        Value::from(environment.map_or_else(|| text.clone(), |e| e.expand_variables(&text)))
    };
    texts.iter().map(|(k, v)| (k.clone(), text(v))).collect()
}

fn merge_map(map: &mut Map<String, Value>, name: &str, more: Map<String, Value>) {
    match map.get_mut(name) {
        Some(Value::Object(there)) => there.extend(more),
        _ => drop(map.insert(name.to_owned(), Value::Object(more))),
    }
}

/// Reads `name=new:tag@digest`, `name:tag`, `name@digest`, `name=new`.
fn parse_image(text: &str) -> Option<Value> {
    let (name, new) = match text.split_once('=') {
        Some((name, new)) => (Some(name), new),
        None => (None, text),
    };
    let (rest, digest) = new.split_once('@').map_or((new, None), |(r, d)| (r, Some(d)));
    // A colon before the last slash is that of a port.
    let tag = rest.rfind(':').filter(|i| !rest[*i..].contains('/'));
    let (base, tag) = tag.map_or((rest, None), |i| (&rest[..i], Some(&rest[i + 1..])));
    let name = name.unwrap_or(base);
    if name.is_empty() || base.is_empty() {
        return None;
    }
    let mut value = json!({"name": name});
    if base != name {
        value["newName"] = base.into();
    }
    match (tag, digest) {
        (_, Some(digest)) => value["digest"] = digest.into(),
        (Some(tag), None) => value["newTag"] = tag.into(),
        (None, None) => {}
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_as_kustomize_edit_takes_them() {
        for (text, want) in [
            ("web=reg.example.com/web:2", json!({"name":"web","newName":"reg.example.com/web","newTag":"2"})),
            ("web:2", json!({"name":"web","newTag":"2"})),
            ("reg.example.com:5000/web", json!({"name":"reg.example.com:5000/web"})),
            ("web@sha256:ab", json!({"name":"web","digest":"sha256:ab"})),
            ("web=other", json!({"name":"web","newName":"other"})),
        ] {
            assert_eq!(parse_image(text), Some(want), "{text}");
        }
        assert_eq!(parse_image("=x"), None);
    }
}
