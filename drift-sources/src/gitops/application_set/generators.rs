//! What generators make: sets of parameters, each for one Application, and the template that they are for.

use std::cell::Cell;
use std::collections::BTreeMap;

use drift_core::Doc;
use drift_core::drift::DeclarationError;
use drift_core::k8s::selector::Selector;
use serde_json::{Map, Value};

use super::super::GitOps;
use super::parameters::{Parameters, fill_empty, flatten, go_text, merge_over};
use super::templates::Templates;
use crate::argo::ApplicationSet;
use crate::git::Commit;
use crate::yaml;

/// Most sets of parameters of one ApplicationSet, those included from which others are made.
const MAX_PARAMETERS: usize = 20_000;
/// Deepest nesting of generators: one that combines may hold others that combine.
const MAX_NESTING: usize = 3;

/// Sets of parameters and the template that they are for.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) parameters: Vec<Parameters>,
    pub(super) template: Value,
}

/// Evaluates the generators of an ApplicationSet.
pub(super) struct Generators<'a> {
    pub(super) gitops: &'a GitOps<'a>,
    pub(super) set: &'a ApplicationSet,
    pub(super) templates: &'a Templates,
    /// A repository and the commit at which it is read; others are read where they should be.
    pub(super) at: Option<RepositoryCommit<'a>>,
    made: Cell<usize>,
}

/// A commit of the repository of a URL.
#[derive(Clone, Copy, Debug)]
pub(in crate::gitops) struct RepositoryCommit<'a> {
    pub(in crate::gitops) url: &'a str,
    pub(in crate::gitops) commit: &'a Commit,
}

pub(super) type Generation<T> = Result<T, DeclarationError>;

pub(super) fn broken(why: impl Into<String>) -> DeclarationError {
    DeclarationError::Broken(why.into())
}

pub(super) fn unavailable(why: impl Into<String>) -> DeclarationError {
    DeclarationError::Unavailable(why.into())
}

impl<'a> Generators<'a> {
    pub(super) fn new(gitops: &'a GitOps<'a>, set: &'a ApplicationSet, templates: &'a Templates) -> Self {
        Self { gitops, set, templates, at: None, made: Cell::new(0) }
    }

    /// Reads a repository at a commit.
    pub(super) fn reading(self, at: Option<RepositoryCommit<'a>>) -> Self {
        Self { at, ..self }
    }

    /// Returns what the generators of the ApplicationSet make, in their order.
    pub(super) fn all(&self) -> Generation<Vec<Generated>> {
        let none = Value::Null;
        let template = self.set.spec.get("template").unwrap_or(&none);
        let mut all = Vec::new();
        for generator in list_of(&self.set.spec, "generators") {
            all.extend(self.transform(generator, template, None, 0)?);
        }
        Ok(all)
    }

    /// Evaluates one generator. Parameters of another one are put into it first (`Transform`).
    fn transform(
        &self,
        generator: &Value,
        template: &Value,
        outer: Option<&Parameters>,
        depth: usize,
    ) -> Generation<Vec<Generated>> {
        let Some(map) = generator.as_object() else { return Err(broken("has a generator that is no map")) };
        let selector = selector_of(map.get("selector"))?;
        let mut all = Vec::new();
        for (kind, spec) in map.iter().filter(|(kind, spec)| *kind != "selector" && !spec.is_null()) {
            let mut own = spec.get("template").cloned().unwrap_or_default();
            fill_empty(&mut own, template);
            let filled = match outer.filter(|o| !o.is_empty()) {
                Some(outer) => self.filled(spec, outer)?,
                None => spec.clone(),
            };
            let mut parameters = self.parameters(kind, &filled, depth)?;
            if let Some(selector) = &selector {
                parameters.retain(|p| matches(selector, p));
            }
            all.push(Generated { parameters, template: own });
        }
        Ok(all)
    }

    /// Puts parameters into a generator; its values are left as they are where they use what is not there yet.
    fn filled(&self, spec: &Value, outer: &Parameters) -> Generation<Value> {
        let mut spec = spec.clone();
        let map = spec.as_object_mut();
        let values = map.and_then(|map| {
            map.remove("template");
            map.remove("values")
        });
        let mut filled = self.templates.value(&spec, outer)?;
        if let (Some(Value::Object(values)), Some(map)) = (values, filled.as_object_mut()) {
            let resolved = values.into_iter().map(|(name, value)| {
                let text = value.as_str().unwrap_or_default();
                let resolved = self.templates.strict_text(text, outer);
                (name, resolved.map_or(value.clone(), Value::from))
            });
            map.insert("values".to_owned(), resolved.collect::<Map<_, _>>().into());
        }
        Ok(filled)
    }

    fn parameters(&self, kind: &str, spec: &Value, depth: usize) -> Generation<Vec<Parameters>> {
        if depth >= MAX_NESTING {
            return Err(broken("nests generators deeper than Argo CD does"));
        }
        let all = match kind {
            "list" => self.list(spec)?,
            "clusters" => self.clusters(spec)?,
            "git" => self.git(spec)?,
            "clusterDecisionResource" => self.cluster_decisions(spec)?,
            "matrix" => return self.matrix(spec, depth),
            "merge" => self.merge(spec, depth)?,
            "scmProvider" | "pullRequest" => {
                let what = if kind == "pullRequest" { "pull requests" } else { "repositories" };
                return Err(unavailable(format!(
                    "its generator `{kind}` lists {what} of a service, which is not asked here"
                )));
            }
            "plugin" => {
                return Err(unavailable("its generator `plugin` asks a service, which is not done here"));
            }
            other => return Err(unavailable(format!("has a generator `{other}`, which is not known here"))),
        };
        self.count(all.len())?;
        Ok(all)
    }

    fn count(&self, more: usize) -> Generation<()> {
        let made = self.made.get() + more;
        self.made.set(made);
        match made > MAX_PARAMETERS {
            true => Err(unavailable(format!(
                "its generators make more than {MAX_PARAMETERS} sets of parameters, which is the limit here"
            ))),
            false => Ok(()),
        }
    }

    fn list(&self, spec: &Value) -> Generation<Vec<Parameters>> {
        let mut all = Vec::new();
        for element in list_of(spec, "elements") {
            let element =
                element.as_object().ok_or_else(|| broken("has an element of a list that is no map"))?;
            all.push(match self.templates.are_go() {
                true => element.clone(),
                false => flat_element(element)?,
            });
        }
        let text = spec.get("elementsYaml").and_then(Value::as_str).unwrap_or_default();
        if !text.is_empty() {
            let elements = parse_yaml(text.as_bytes()).map_err(|e| broken(format!("`elementsYaml`: {e}")))?;
            let elements = match elements {
                Value::Array(list) => list,
                Value::Null => Vec::new(),
                _ => return Err(broken("`elementsYaml` is no list")),
            };
            for element in elements {
                match element {
                    Value::Object(map) => all.push(map),
                    _ => return Err(broken("`elementsYaml` has an element that is no map")),
                }
            }
        }
        Ok(all)
    }

    /// Combines each set of the first generator with each of the second, into which it is put.
    fn matrix(&self, spec: &Value, depth: usize) -> Generation<Vec<Parameters>> {
        let generators: Vec<&Value> = list_of(spec, "generators").collect();
        let [first, second] = generators[..] else {
            return Err(broken(format!(
                "has a matrix of {} generators, where Argo CD takes two",
                generators.len()
            )));
        };
        let mut all = Vec::new();
        for outer in self.child(first, None, depth)? {
            for inner in self.child(second, Some(&outer), depth)? {
                self.count(1)?;
                all.push(match self.templates.are_go() {
                    true => {
                        let mut both = inner;
                        merge_over(&mut both, &outer);
                        both
                    }
                    false => combined(&outer, inner)?,
                });
            }
        }
        Ok(all)
    }

    /// Puts the sets of the other generators over those of the first that agree in the merge keys.
    fn merge(&self, spec: &Value, depth: usize) -> Generation<Vec<Parameters>> {
        let generators: Vec<&Value> = list_of(spec, "generators").collect();
        let [first, others @ ..] = &generators[..] else {
            return Err(broken("has a merge of no generators"));
        };
        if others.is_empty() {
            return Err(broken("has a merge of one generator, where Argo CD takes at least two"));
        }
        let keys: Vec<&str> = list_of(spec, "mergeKeys").filter_map(Value::as_str).collect();
        if keys.is_empty() {
            return Err(broken("has a merge without merge keys"));
        }
        let mut merged = by_keys(&keys, self.child(first, None, depth)?)?;
        for other in others {
            for (key, over) in by_keys(&keys, self.child(other, None, depth)?)? {
                let Some(base) = merged.get_mut(&key) else { continue };
                match self.templates.are_go() {
                    true => merge_over(base, &over),
                    false => base.extend(over),
                }
            }
        }
        Ok(merged.into_values().collect())
    }

    fn child(
        &self,
        generator: &Value,
        outer: Option<&Parameters>,
        depth: usize,
    ) -> Generation<Vec<Parameters>> {
        let mut all = self.transform(generator, &Value::Null, outer, depth + 1)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(one.parameters),
            (None, _) => Err(broken("combines a generator that is none")),
            _ => Err(broken("combines a generator that is several")),
        }
    }

    /// Adds the `values` of a generator, in which its own parameters are put.
    pub(super) fn with_values(&self, spec: &Value, mut parameters: Parameters) -> Generation<Parameters> {
        let values = spec.get("values").and_then(Value::as_object).into_iter().flatten();
        let mut made = Map::new();
        for (name, value) in values {
            let text = value.as_str().unwrap_or_default();
            made.insert(name.clone(), self.templates.text(text, &parameters)?.into());
        }
        self.insert_values(made, &mut parameters);
        Ok(parameters)
    }

    /// Adds values under `values`, or each under `values.NAME` where parameters are flat.
    pub(super) fn insert_values(&self, values: Map<String, Value>, parameters: &mut Parameters) {
        if values.is_empty() {
            return;
        }
        match self.templates.are_go() {
            true => drop(parameters.insert("values".to_owned(), values.into())),
            false => parameters.extend(values.into_iter().map(|(k, v)| (format!("values.{k}"), v))),
        }
    }
}

/// An element of a list for flat parameters: texts, and texts under `values`.
fn flat_element(element: &Parameters) -> Generation<Parameters> {
    let mut flat = Parameters::new();
    let no_text = |name: &str| broken(format!("has a list with an element in which `{name}` is no text"));
    for (name, value) in element {
        match value {
            Value::Object(values) if name == "values" => {
                for (name, value) in values {
                    let text = value.as_str().ok_or_else(|| no_text(name))?;
                    flat.insert(format!("values.{name}"), text.into());
                }
            }
            Value::String(text) => drop(flat.insert(name.clone(), text.as_str().into())),
            _ => return Err(no_text(name)),
        }
    }
    Ok(flat)
}

/// Joins flat parameters of two generators, which may not contradict each other.
fn combined(outer: &Parameters, inner: Parameters) -> Generation<Parameters> {
    let mut all: Parameters = outer.iter().map(|(k, v)| (k.clone(), go_text(v).into())).collect();
    for (name, value) in inner {
        let text = Value::from(go_text(&value));
        match all.get(&name) {
            Some(other) if *other != text => {
                return Err(broken(format!("has a matrix whose generators both make a parameter `{name}`")));
            }
            _ => drop(all.insert(name, text)),
        }
    }
    Ok(all)
}

fn by_keys(keys: &[&str], all: Vec<Parameters>) -> Generation<BTreeMap<String, Parameters>> {
    let mut keyed = BTreeMap::new();
    for parameters in all {
        let values = keys.iter().map(|k| ((*k).to_owned(), parameters.get(*k).cloned().unwrap_or_default()));
        let key = Value::from(values.collect::<Map<_, _>>()).to_string();
        if keyed.insert(key, parameters).is_some() {
            return Err(broken("has a merge in which two sets of parameters agree in all merge keys"));
        }
    }
    Ok(keyed)
}

/// Reads a selector, if there is one.
pub(super) fn selector_of(spec: Option<&Value>) -> Generation<Option<Selector>> {
    let Some(spec) = spec.filter(|s| !s.is_null()) else { return Ok(None) };
    let doc = Doc::from_value(spec).map_err(|_| broken("has a selector that cannot be read"))?;
    // Without any requirement it matches everything.
    let is_set = ["matchLabels", "matchExpressions"].iter().any(|f| spec.get(f).is_some());
    Ok(Some(Selector::read(doc.root()).filter(|_| is_set).unwrap_or_default()))
}

/// Returns `true` if a selector matches parameters, under their flat names.
pub(super) fn matches(selector: &Selector, parameters: &Parameters) -> bool {
    let flat = Doc::from_value(&flatten(parameters).into());
    flat.is_ok_and(|doc| selector.matches(Some(doc.root())))
}

pub(super) fn list_of<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Reads the first document of YAML or JSON.
pub(super) fn parse_yaml(bytes: &[u8]) -> Result<Value, String> {
    match yaml::read(bytes).into_iter().next() {
        Some(Ok(document)) => Ok(document.doc.root().to_value()),
        Some(Err(e)) => Err(e.to_string()),
        None => Ok(Value::Null),
    }
}
