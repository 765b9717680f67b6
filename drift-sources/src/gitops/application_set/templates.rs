//! The two languages of templates: `{{name}}` (fasttemplate) and Go templates.

use std::cell::Cell;

use drift_core::drift::DeclarationError;
use serde_json::Value;

use super::go_template::{GoTemplates, MissingKeys};
use super::parameters::Parameters;
use crate::argo::ApplicationSet;

/// Most bytes of text that the templates of one ApplicationSet make.
const MAX_OUTPUT: usize = 64 << 20;
/// Deepest value that is read.
const MAX_DEPTH: usize = 128;

/// Replaces what is templated in texts, within a limit on all that an ApplicationSet makes.
#[derive(Debug)]
pub(super) struct Templates {
    go: Option<GoTemplates>,
    written: Cell<usize>,
}

impl Templates {
    pub(super) fn of(set: &ApplicationSet) -> Result<Self, DeclarationError> {
        let go = match set.uses_go_templates {
            true => Some(GoTemplates::with_options(&set.go_template_options)?),
            false => None,
        };
        Ok(Self { go, written: Cell::new(0) })
    }

    /// Returns `true` if templates are Go templates, whose parameters may be nested.
    pub(super) fn are_go(&self) -> bool {
        self.go.is_some()
    }

    /// Replaces what is templated in a text.
    pub(super) fn text(&self, text: &str, parameters: &Parameters) -> Result<String, DeclarationError> {
        self.text_with(text, parameters, MissingKeys::AsSet)
    }

    /// Replaces what is templated in a text; in a Go template a parameter that is missing is an error.
    pub(super) fn strict_text(
        &self,
        text: &str,
        parameters: &Parameters,
    ) -> Result<String, DeclarationError> {
        self.text_with(text, parameters, MissingKeys::Error)
    }

    fn text_with(
        &self,
        text: &str,
        parameters: &Parameters,
        missing: MissingKeys,
    ) -> Result<String, DeclarationError> {
        // Where nothing is templated, both languages leave the text as it is.
        if !text.contains("{{") {
            self.count(text.len())?;
            return Ok(text.to_owned());
        }
        let made = match &self.go {
            Some(go) => go.render(text, parameters, missing)?,
            None => replace_names(text, parameters)?,
        };
        self.count(made.len())?;
        Ok(made)
    }

    /// Replaces what is templated in all texts of a value, names of entries included.
    pub(super) fn value(&self, value: &Value, parameters: &Parameters) -> Result<Value, DeclarationError> {
        self.value_at(value, parameters, 0)
    }

    fn value_at(
        &self,
        value: &Value,
        parameters: &Parameters,
        depth: usize,
    ) -> Result<Value, DeclarationError> {
        if depth > MAX_DEPTH {
            return Err(DeclarationError::Unavailable(format!(
                "its template is nested more than {MAX_DEPTH} deep"
            )));
        }
        Ok(match value {
            Value::String(text) => self.text(text, parameters)?.into(),
            Value::Array(list) => {
                let all = list.iter().map(|v| self.value_at(v, parameters, depth + 1));
                all.collect::<Result<Vec<_>, _>>()?.into()
            }
            Value::Object(map) => {
                // An entry that is null is left out.
                let entries = map
                    .iter()
                    .filter(|(_, v)| !v.is_null())
                    .map(|(k, v)| Ok((self.text(k, parameters)?, self.value_at(v, parameters, depth + 1)?)));
                entries.collect::<Result<Parameters, DeclarationError>>()?.into()
            }
            other => other.clone(),
        })
    }

    fn count(&self, bytes: usize) -> Result<(), DeclarationError> {
        let written = self.written.get().saturating_add(bytes);
        self.written.set(written);
        match written > MAX_OUTPUT {
            true => Err(DeclarationError::Unavailable(format!(
                "its templates make more than {} MiB of text, which is the limit here",
                MAX_OUTPUT >> 20
            ))),
            false => Ok(()),
        }
    }
}

/// Replaces `{{name}}` by the parameter of that name; what names none is left as it is.
fn replace_names(text: &str, parameters: &Parameters) -> Result<String, DeclarationError> {
    // Only where one line has both, anything is taken for a template.
    if !text.lines().any(|line| line.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}"))) {
        return Ok(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, next)) = after.split_once("}}") else {
            return Err(DeclarationError::Broken("has a template in which `{{` is not closed".to_owned()));
        };
        out.push_str(before);
        match parameters.get(name.trim()).and_then(Value::as_str).filter(|_| !name.trim().is_empty()) {
            Some(value) => out.push_str(value),
            None => out.extend(["{{", name, "}}"]),
        }
        if out.len() > MAX_OUTPUT {
            break;
        }
        rest = next;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_in_double_braces_are_replaced() {
        let parameters = json!({"name": "a", "values.x": "{{name}}", "n": 1, "path[0]": "apps"});
        let parameters = parameters.as_object().unwrap();
        for (text, want) in [
            ("plain", Ok("plain")),
            ("{{name}}-{{ name }}", Ok("a-a")),
            // What comes in is not replaced again.
            ("{{values.x}}", Ok("{{name}}")),
            ("{{path[0]}}", Ok("apps")),
            // No such name, no name, no text: left as it is.
            ("{{ nope }} {{}} {{n}}", Ok("{{ nope }} {{}} {{n}}")),
            ("{{name", Ok("{{name")),
            ("{{\nname}}", Ok("{{\nname}}")),
            ("{{name}} {{name", Err(())),
        ] {
            assert_eq!(replace_names(text, parameters).map_err(|_| ()), want.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_template_that_makes_too_much_is_an_error() {
        let set = ApplicationSet::default();
        let templates = Templates::of(&set).unwrap();
        let big = json!({"big": "x".repeat(1 << 20)});
        let text = "{{big}}".repeat(65);
        let error = templates.text(&text, big.as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "its templates make more than 64 MiB of text, which is the limit here");
    }
}
