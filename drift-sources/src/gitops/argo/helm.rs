//! Applications that are templated by Helm.

use std::rc::Rc;
use std::sync::Arc;

use drift_core::Object;
use drift_core::drift::Undeclared;
use serde_json::Value;

use super::super::{GitOps, edit, objects_of, unstable};
use super::undeclared;
use crate::argo::{Application, Source};
use crate::render::{Program, Tree};

impl GitOps<'_> {
    pub(super) fn templated(
        &self,
        app: &Application,
        source: &Source,
        (tree, path): (&Tree, &str),
        references: &[(String, Rc<Tree>)],
    ) -> Result<Vec<Arc<Object>>, Undeclared> {
        let none = Value::Null;
        let helm = source.raw.get("helm").unwrap_or(&none);
        let text = |name: &str| helm.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
        let flag = |name: &str| helm.get(name).and_then(Value::as_bool) == Some(true);
        let release = text("releaseName").unwrap_or(&app.name);
        let namespace = text("namespace").unwrap_or(&app.destination.namespace);
        let mut arguments: Vec<String> =
            ["template", ".", "--name-template", release, "--namespace", namespace].map(str::to_owned).into();
        if let Some(version) = text("kubeVersion") {
            arguments.extend(["--kube-version".to_owned(), version.to_owned()]);
        }
        for version in list(helm, "apiVersions").filter_map(Value::as_str) {
            arguments.extend(["--api-versions".to_owned(), version.to_owned()]);
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
        let files = Files { tree, path, references };
        let edits = files.values(helm, flag("ignoreMissingValueFiles"))?;
        for (name, _) in &edits {
            let name = name.rsplit('/').next().unwrap_or(name);
            arguments.extend(["--values".to_owned(), name.to_owned()]);
        }
        for parameter in list(helm, "parameters") {
            let (name, value) = (word(parameter, "name"), word(parameter, "value"));
            let forced = parameter.get("forceString").and_then(Value::as_bool) == Some(true);
            let option = if forced { "--set-string" } else { "--set" };
            // A comma begins another value unless it is escaped.
            let value = value.replace(',', "\\,");
            arguments.extend([option.to_owned(), format!("{name}={}", environment(&value, app))]);
        }
        for parameter in list(helm, "fileParameters") {
            let (name, file) = (word(parameter, "name"), word(parameter, "path"));
            let inside = edit::join(path, &file).filter(|f| tree.has(f));
            let file = inside.ok_or_else(|| Undeclared::Broken(format!("there is no file `{file}`")))?;
            let up = "../".repeat(path.split('/').filter(|p| !p.is_empty()).count());
            arguments.extend(["--set-file".to_owned(), format!("{name}={up}{file}")]);
        }
        let output =
            self.renderer.run(Program::Helm, tree, path, &arguments, &edits).map_err(|e| undeclared(&e))?;
        let objects = objects_of("helm template", &output).map_err(Undeclared::Broken)?;
        if let Some(wait) = unstable::may_vary(tree) {
            std::thread::sleep(wait);
            let again = self.renderer.run_anew(Program::Helm, tree, path, &arguments, &edits);
            let again = again.map_err(|e| undeclared(&e))?;
            let again = objects_of("helm template", &again).map_err(Undeclared::Broken)?;
            let found = unstable::compare(&objects, &again);
            let mut all = self.unstable.borrow_mut();
            let known = all.entry(app.key()).or_default();
            found.into_iter().for_each(|(key, paths)| known.entry(key).or_default().extend(paths));
        }
        Ok(objects)
    }
}

/// What a build knows of its Application can stand in parameters.
fn environment(text: &str, app: &Application) -> String {
    text.replace("$ARGOCD_APP_NAMESPACE", &app.destination.namespace).replace("$ARGOCD_APP_NAME", &app.name)
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn word(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Where files of values are found.
struct Files<'a> {
    tree: &'a Tree,
    path: &'a str,
    references: &'a [(String, Rc<Tree>)],
}

impl Files<'_> {
    /// Puts all values beside the chart under names of their own, in the order in which they count.
    fn values(&self, helm: &Value, may_miss: bool) -> Result<Vec<(String, Vec<u8>)>, Undeclared> {
        let mut all = Vec::new();
        for file in list(helm, "valueFiles").filter_map(Value::as_str) {
            match self.read(file) {
                Some(bytes) => all.push(bytes),
                None if file.contains("://") => {
                    return Err(Undeclared::Unavailable(format!("`{file}` is not fetched here")));
                }
                None if may_miss => {}
                None => return Err(Undeclared::Broken(format!("there is no file `{file}`"))),
            }
        }
        // An object wins over a text of values.
        match (helm.get("valuesObject"), helm.get("values").and_then(Value::as_str)) {
            (Some(object @ Value::Object(_)), _) => all.push(object.to_string().into_bytes()),
            (_, Some(text)) if !text.is_empty() => all.push(text.as_bytes().to_vec()),
            _ => {}
        }
        let name = |i: usize| edit::join(self.path, &format!(".drift-values-{i}.yaml")).unwrap_or_default();
        Ok(all.into_iter().enumerate().map(|(i, bytes)| (name(i), bytes)).collect())
    }

    fn read(&self, file: &str) -> Option<Vec<u8>> {
        if let Some(rest) = file.strip_prefix('$') {
            let (name, rest) = rest.split_once('/')?;
            let tree = self.references.iter().find(|(n, _)| n == name).map(|(_, t)| t)?;
            return tree.read(&edit::join("", rest)?);
        }
        self.tree.read(&edit::join(self.path, file)?)
    }
}
