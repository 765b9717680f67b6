//! Applications that are templated by Helm.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::drift::DeclarationError;
use drift_core::{Node, Object};
use serde_json::Value;

use super::super::{GitOps, kustomize_edit, nondeterminism, objects_of};
use super::declaration_error;
use super::dependencies::local_dependencies;
use super::environment::Environment;
use crate::argo::{Application, ApplicationSource};
use crate::render::{CommitFiles, FileEdit, Program};

impl GitOps<'_> {
    pub(super) fn helm_template(
        &self,
        app: &Application,
        source: &ApplicationSource,
        (tree, path): (&CommitFiles, &str),
        references: &[(String, Arc<CommitFiles>)],
        environment: &Environment,
    ) -> Result<Vec<Arc<Object>>, DeclarationError> {
        let none = Value::Null;
        let helm = source.raw.get("helm").unwrap_or(&none);
        let text = |name: &str| helm.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        let flag = |name: &str| helm.get(name).and_then(Value::as_bool) == Some(true);
        let release = text("releaseName").unwrap_or(&app.name);
        let namespace = text("namespace").unwrap_or(&app.destination.namespace);
        let mut arguments: Vec<String> =
            ["template", ".", "--name-template", release, "--namespace", namespace].map(str::to_owned).into();
        if let Some(version) = text("kubeVersion").map(str::to_owned).or_else(|| self.cluster_version()) {
            arguments.extend(["--kube-version".to_owned(), version]);
        }
        let stated: Vec<String> =
            list_of(helm, "apiVersions").filter_map(Value::as_str).map(str::to_owned).collect();
        for version in if stated.is_empty() { self.served_versions() } else { stated } {
            arguments.extend(["--api-versions".to_owned(), version]);
        }
        if !flag("skipCrds") {
            arguments.push("--include-crds".to_owned());
        }
        for (name, skip) in
            [("--skip-tests", "skipTests"), ("--skip-schema-validation", "skipSchemaValidation")]
        {
            if flag(skip) {
                arguments.push(name.to_owned());
            }
        }
        let files = Files { tree, path, references, environment };
        let mut edits = files.value_files(helm, flag("ignoreMissingValueFiles"))?;
        let dependencies = local_dependencies(tree, path).map_err(DeclarationError::Broken)?;
        for (name, _) in &edits {
            let name = name.rsplit('/').next().unwrap_or(name);
            arguments.extend(["--values".to_owned(), name.to_owned()]);
        }
        edits.extend(dependencies);
        let names: Vec<String> = list_of(helm, "parameters").map(|p| text_of(p, "name")).collect();
        for (i, parameter) in list_of(helm, "parameters").enumerate() {
            let (name, value) = (text_of(parameter, "name"), text_of(parameter, "value"));
            let forced = parameter.get("forceString").and_then(Value::as_bool) == Some(true);
            let text = environment.expand_variables(&value);
            if is_alone(&name, &names) && is_plain_text(&text) {
                // Arguments are there to be read by everybody on this machine, files are not.
                let file = format!(".drift-parameter-{i}");
                edits.push((kustomize_edit::join_path(path, &file).unwrap_or_default(), text.into_bytes()));
                arguments.extend(["--set-file".to_owned(), format!("{name}={file}")]);
                continue;
            }
            let option = if forced { "--set-string" } else { "--set" };
            arguments.extend([option.to_owned(), format!("{name}={}", escape_commas(&text))]);
        }
        let (given, beside) = files.file_parameters(helm)?;
        arguments.extend(given);
        edits.extend(beside);
        let output = self
            .renderer
            .run(Program::Helm, tree, path, &arguments, &edits)
            .map_err(|e| declaration_error(&e))?;
        let objects = objects_of("helm template", &output).map_err(DeclarationError::Broken)?;
        if let Some(wait) = nondeterminism::may_vary(tree) {
            std::thread::sleep(wait);
            let again = self.renderer.run_uncached(Program::Helm, tree, path, &arguments, &edits);
            let again = again.map_err(|e| declaration_error(&e))?;
            let again = objects_of("helm template", &again).map_err(DeclarationError::Broken)?;
            self.add_unstable(app.key(), nondeterminism::compare(&objects, &again));
        }
        Ok(objects)
    }

    /// The newest version of Kubernetes that a node runs: Argo CD tells Helm the API server's, which no object holds.
    pub(in crate::gitops) fn cluster_version(&self) -> Option<String> {
        let nodes = self.cluster.live().iter().filter(|o| o.kind() == "Node" && o.group().is_empty());
        let versions = nodes.filter_map(|n| {
            let text = n.root().str_at(&["status", "nodeInfo", "kubeletVersion"])?;
            // What a vendor puts behind the numbers is left out, as Argo CD does.
            let numbers = text.trim_start_matches('v').split(['-', '+']).next()?;
            Some((super::super::semver::SemVersion::parse(numbers)?, numbers.to_owned()))
        });
        versions.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, text)| text)
    }

    /// The versions of custom kinds that the cluster serves; those of built-in kinds Helm knows by itself.
    pub(in crate::gitops) fn served_versions(&self) -> Vec<String> {
        let mut all = BTreeSet::new();
        for object in self.cluster.live().iter().filter(|o| o.kind() == "CustomResourceDefinition") {
            let spec = |path: &[&str]| object.root().at(&["spec"]).and_then(|s| s.str_at(path));
            let (Some(group), Some(kind)) = (spec(&["group"]), spec(&["names", "kind"])) else { continue };
            let versions = object.root().at(&["spec", "versions"]);
            for version in versions.into_iter().flat_map(Node::children) {
                let served = version.get("served").and_then(Node::as_bool) == Some(true);
                if let Some(name) = version.str_at(&["name"]).filter(|_| served) {
                    all.extend([format!("{group}/{name}"), format!("{group}/{name}/{kind}")]);
                }
            }
        }
        all.into_iter().collect()
    }
}

/// Returns `true` if no other parameter sets the same value, a part of it or one around it: `--set-file` wins over `--set`.
fn is_alone(name: &str, names: &[String]) -> bool {
    let is_around = |a: &str, b: &str| {
        a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    names.iter().filter(|other| is_around(other, name) || is_around(name, other)).count() == 1
}

/// Returns `true` if Helm makes of the text of a parameter just that text, as it does of the content of a file.
fn is_plain_text(text: &str) -> bool {
    text.len() > "false".len()
        && !text.contains('\\')
        && !text.starts_with('{')
        && text.trim() == text
        && text.parse::<i64>().is_err()
}

/// A comma begins another value, unless it is escaped or the value is a list as a whole (`cleanSetParameters`).
fn escape_commas(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let (mut out, mut before) = (String::with_capacity(value.len()), ' ');
    for c in value.chars() {
        if c == ',' && before != '\\' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// The files of the source that a name beginning with `$` refers to, and the rest of the name.
fn reference_file<'a, 'f>(
    references: &'a [(String, Arc<CommitFiles>)],
    file: &'f str,
) -> Option<(&'a CommitFiles, &'f str)> {
    let (name, rest) = file.strip_prefix('$')?.split_once('/')?;
    references.iter().find(|(n, _)| n == name).map(|(_, tree)| (&**tree, rest))
}

fn list_of<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text_of(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Where files of values are found.
struct Files<'a> {
    tree: &'a CommitFiles,
    path: &'a str,
    references: &'a [(String, Arc<CommitFiles>)],
    environment: &'a Environment,
}

impl Files<'_> {
    /// Puts all values beside the chart under names of their own, in the order in which they count.
    fn value_files(&self, helm: &Value, may_miss: bool) -> Result<Vec<(String, Vec<u8>)>, DeclarationError> {
        let mut all = Vec::new();
        for file in list_of(helm, "valueFiles").filter_map(Value::as_str) {
            match self.read_file(file) {
                Some(bytes) => all.push(bytes),
                None if file.contains("://") => {
                    return Err(DeclarationError::Unavailable(format!("`{file}` is not fetched here")));
                }
                None if may_miss => {}
                None => return Err(DeclarationError::Broken(format!("there is no file `{file}`"))),
            }
        }
        // An object wins over a text of values.
        match (helm.get("valuesObject"), helm.get("values").and_then(Value::as_str)) {
            (Some(object @ Value::Object(_)), _) => all.push(object.to_string().into_bytes()),
            (_, Some(text)) if !text.is_empty() => all.push(text.as_bytes().to_vec()),
            _ => {}
        }
        let name = |i: usize| {
            kustomize_edit::join_path(self.path, &format!(".drift-values-{i}.yaml")).unwrap_or_default()
        };
        Ok(all.into_iter().enumerate().map(|(i, bytes)| (name(i), bytes)).collect())
    }

    /// Returns the arguments for parameters whose values are files, and the files of other sources that are put beside the chart.
    fn file_parameters(&self, helm: &Value) -> Result<(Vec<String>, Vec<FileEdit>), DeclarationError> {
        let (mut arguments, mut edits) = (Vec::new(), Vec::new());
        for (i, parameter) in list_of(helm, "fileParameters").enumerate() {
            let (name, given) = (text_of(parameter, "name"), text_of(parameter, "path"));
            let missing = || DeclarationError::Broken(format!("there is no file `{given}`"));
            let file = if reference_file(self.references, &given).is_some() {
                let beside = format!(".drift-file-{i}");
                let bytes = self.read_file(&given).ok_or_else(missing)?;
                edits.push((kustomize_edit::join_path(self.path, &beside).unwrap_or_default(), bytes));
                beside
            } else {
                let file = self.environment.expand_variables(&given);
                let inside = kustomize_edit::join_path(self.path, &file).filter(|f| self.tree.has_file(f));
                let up = "../".repeat(self.path.split('/').filter(|p| !p.is_empty()).count());
                format!("{up}{}", inside.ok_or_else(missing)?)
            };
            arguments.extend(["--set-file".to_owned(), format!("{name}={file}")]);
        }
        Ok((arguments, edits))
    }

    /// Variables are replaced in names of files, but not in the name of a source.
    fn read_file(&self, file: &str) -> Option<Vec<u8>> {
        match reference_file(self.references, file) {
            Some((tree, rest)) => {
                tree.read(&kustomize_edit::join_path("", &self.environment.expand_variables(rest))?)
            }
            None => self
                .tree
                .read(&kustomize_edit::join_path(self.path, &self.environment.expand_variables(file))?),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_that_are_plain_text_may_lie_in_a_file() {
        for (text, want) in [
            ("k3J9x2pQ", true),
            ("a=b,c=d", true),
            ("false", false),
            ("null", false),
            ("1234567", false),
            ("{a,b,c}", false),
            (r"a\,bcdef", false),
            (" abcdefg", false),
            ("0123456789", false),
        ] {
            assert_eq!(super::is_plain_text(text), want, "{text}");
        }
        let names = ["a.b", "a.c", "d", "d.e", "f[0]", "f"].map(str::to_owned);
        let alone: Vec<_> = names.iter().filter(|n| super::is_alone(n, &names)).collect();
        assert_eq!(alone, ["a.b", "a.c"]);
    }

    #[test]
    fn commas_of_parameters_are_escaped_once() {
        for (value, want) in
            [("a,b", "a\\,b"), ("a\\,b", "a\\,b"), ("{a,b}", "{a,b}"), ("{a},b", "{a}\\,b"), ("", "")]
        {
            assert_eq!(super::escape_commas(value), want, "{value}");
        }
    }
}
