//! Go templates, as Argo CD evaluates them: `text/template` with the functions of sprig that are known here.
//!
//! Evaluated by a port of Go's package in this process, so that no program has to be there. A template is bounded: its size and
//! nesting, the rounds of all its loops, and the bytes that its functions read.

use std::fmt::{self, Write};

use drift_core::drift::DeclarationError;
use gotmpl::{MissingKey, Template, TemplateError};

use super::go_functions::{self, FunctionBudget};
use super::go_values::from_json;
use super::parameters::{Parameters, has_go_exponent};

/// Largest template, and most text that one makes.
const MAX_TEXT: usize = 1 << 20;
/// Most rounds of all loops of a template.
const MAX_ROUNDS: u64 = 100_000;

/// Name of the template that is evaluated.
const NAME: &str = "template";

/// What becomes of a parameter that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingKeys {
    /// As the options of the ApplicationSet set it.
    AsSet,
    /// An error.
    Error,
}

/// Go templates with the options of an ApplicationSet.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoTemplates {
    missing: MissingKey,
}

impl GoTemplates {
    pub(super) fn with_options(options: &[String]) -> Result<Self, DeclarationError> {
        let mut missing = MissingKey::default();
        for option in options {
            let parsed = option.strip_prefix("missingkey=").and_then(|text| text.parse().ok());
            missing = parsed.ok_or_else(|| {
                DeclarationError::Broken(format!(
                    "has the option `{option}` of Go templates, which does not exist"
                ))
            })?;
        }
        Ok(Self { missing })
    }

    /// Evaluates a template.
    pub(super) fn render(
        &self,
        text: &str,
        parameters: &Parameters,
        missing: MissingKeys,
    ) -> Result<String, DeclarationError> {
        let unknown = |why: String| DeclarationError::Unavailable(format!("its template {why}"));
        if text.len() > MAX_TEXT {
            return Err(unknown(format!("is larger than {MAX_TEXT} bytes")));
        }
        if parameters.values().any(has_go_exponent) {
            return Err(unknown(
                "has a number of a million or more as a parameter, which Go writes with an exponent: quote it".to_owned(),
            ));
        }
        let missing = if missing == MissingKeys::Error { MissingKey::Error } else { self.missing };
        let template = Template::new(NAME)
            .missing_key(missing)
            .max_range_iters(MAX_ROUNDS)
            .funcs(go_functions::functions(&FunctionBudget::default()))
            .parse(text)
            .map_err(|e| unknown(reason(&e)))?;
        // They may call each other, many times over.
        if template.templates().iter().any(|name| *name != NAME) {
            return Err(unknown("defines other templates, which are not evaluated here".to_owned()));
        }
        let mut out = BoundedText::default();
        match template.execute_fmt(&mut out, &from_json(&parameters.clone().into())) {
            Ok(()) => Ok(out.0),
            Err(TemplateError::Write) => Err(unknown(format!("makes more than {MAX_TEXT} bytes"))),
            Err(e) => Err(unknown(reason(&e))),
        }
    }
}

fn reason(error: &TemplateError) -> String {
    match error {
        TemplateError::UndefinedFunction(name) => {
            format!("uses the function `{name}`, which is not evaluated here")
        }
        TemplateError::RangeIterLimit => format!("takes more than {MAX_ROUNDS} rounds in its loops"),
        TemplateError::MissingKey { key } => format!("uses the parameter `{key}`, which is not there"),
        other => format!("cannot be evaluated: {other}"),
    }
}

/// Text that grows up to a limit.
#[derive(Default)]
struct BoundedText(String);

impl Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn render(text: &str, parameters: Value, options: &[&str]) -> Result<String, String> {
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        let templates = GoTemplates::with_options(&options).map_err(|e| e.to_string())?;
        let parameters = parameters.as_object().unwrap();
        templates.render(text, parameters, MissingKeys::AsSet).map_err(|e| e.to_string())
    }

    #[test]
    fn templates_of_sets_are_evaluated() {
        let parameters = json!({"name": "Prod_EU", "path": {"segments": ["apps", "web"], "basename": "web"}, "replicas": 3,
            "metadata": {"labels": {"env": "prod"}}, "on": true, "empty": ""});
        for (text, want) in [
            ("{{.path.basename}}-{{ index .path.segments 0 }}", "web-apps"),
            ("{{ .name | normalize }}", "prod-eu"),
            ("{{ .name | lower | replace \"_\" \"-\" | quote }}", "\"prod-eu\""),
            ("{{ .replicas }} {{ add .replicas 1 }} {{ .on }}", "3 4 true"),
            ("{{ default \"x\" .empty }}{{ ternary \"a\" \"b\" .on }}", "xa"),
            ("{{ if hasKey .metadata.labels \"env\" }}{{ .metadata.labels.env | upper }}{{ end }}", "PROD"),
            ("{{- range $i, $s := .path.segments }}{{ if $i }}/{{ end }}{{ $s }}{{ end }}", "apps/web"),
            ("{{ toYaml .path }}", "basename: web\nsegments:\n- apps\n- web"),
            ("{{ .path | toJson }}", "{\"basename\":\"web\",\"segments\":[\"apps\",\"web\"]}"),
            ("{{ join \",\" .path.segments }}{{ len .path.segments }}", "apps,web2"),
            ("{{ printf \"%s-%v\" .name .replicas }}", "Prod_EU-3"),
            ("{{ dig \"labels\" \"zone\" \"none\" .metadata }}", "none"),
            ("{{ .nope }}", "<no value>"),
        ] {
            assert_eq!(render(text, parameters.clone(), &[]).as_deref(), Ok(want), "{text}");
        }
    }

    /// What `helm template` makes of each, with Go's own engine and sprig.
    #[test]
    fn functions_do_what_sprig_does() {
        let check = |table: &[(&str, &str)]| {
            for (text, want) in table {
                assert_eq!(
                    render(&format!("{{{{ {text} }}}}"), json!({}), &[]).as_deref(),
                    Ok(*want),
                    "{text}"
                );
            }
        };
        check(&[
            ("trunc -3 \"abcdef\"", "def"),
            ("trunc 10 \"ab\"", "ab"),
            ("title \"hello wor_ld it's x-y\"", "Hello Wor_ld It'S X-Y"),
            ("substr 1 3 \"abcdef\"", "bc"),
            ("substr -1 2 \"abc\"", "ab"),
            ("substr 2 -1 \"abcdef\"", "cdef"),
            ("splitList \"/\" \"a/b\"", "[a b]"),
            ("splitList \"\" \"ab\"", "[a b]"),
            ("(split \"/\" \"a/b\")._1", "b"),
            ("cat \"a\" 1 nil \"b\"", "a 1 b"),
            ("list 1 2 | join \"-\"", "1-2"),
            ("join \",\" (list 1 nil \"a\")", "1,a"),
            ("squote \"a\" \"b\"", "'a' 'b'"),
            ("quote 1 nil \"a\\\"b\"", "\"1\" \"a\\\"b\""),
            ("nospace \"a b c\"", "abc"),
            ("trimAll \"-\" \"--a-\"", "a"),
            ("trimSuffix \"-x\" \"a-x\"", "a"),
            ("trimPrefix \"v\" \"v1\"", "1"),
            ("regexReplaceAll \"a(b+)\" \"xabbx\" \"${1}W\"", "xbbWx"),
            ("regexFind \"b+\" \"abbb\"", "bbb"),
            ("indent 2 \"a\\nb\"", "  a\n  b"),
            ("nindent 2 \"a\"", "\n  a"),
            ("untitle \"Hello\"", "hello"),
            ("b64enc \"ab\"", "YWI="),
            ("\"YWI=\" | b64dec", "ab"),
            ("repeat 3 \"ab\"", "ababab"),
            ("upper \"ä\"", "Ä"),
        ]);
        check(&[
            ("untilStep 0 10 3", "[0 3 6 9]"),
            ("untilStep 5 0 -2", "[5 3 1]"),
            ("until 3", "[0 1 2]"),
            ("div 7 2", "3"),
            ("mod 7 2", "1"),
            ("max 1.5 2.7", "2"),
            ("floor 1.7", "1"),
            ("ceil 1.2", "2"),
            ("int \"12\"", "12"),
            ("int \"08\"", "0"),
            ("int \"0x10\"", "16"),
            ("int true", "1"),
            ("int 1.9", "1"),
            ("int64 \"1.9\"", "0"),
            ("atoi \"x\"", "0"),
            ("float64 \"1.5\"", "1.5"),
            ("add 1 2 3", "6"),
            ("sub 5 2", "3"),
            ("mul 2 3 4", "24"),
            ("kindOf 1.5", "float64"),
        ]);
        check(&[
            ("rest (list 1 2 3)", "[2 3]"),
            ("initial (list 1 2 3)", "[1 2]"),
            ("without (list 1 2 3) 2", "[1 3]"),
            ("uniq (list 1 1 2)", "[1 2]"),
            ("compact (list 1 0 \"\" \"a\")", "[1 a]"),
            ("reverse (list 1 2)", "[2 1]"),
            ("prepend (list 1) 0", "[0 1]"),
            ("concat (list 1) (list 2)", "[1 2]"),
            ("has 4 (list 1 4)", "true"),
            ("pick (dict \"a\" 1 \"b\" 2) \"a\"", "map[a:1]"),
            ("omit (dict \"a\" 1 \"b\" 2) \"a\"", "map[b:2]"),
            ("get (dict \"a\" \"b\") \"a\"", "b"),
            ("get (dict) \"x\"", ""),
            ("default \"x\" 0", "x"),
            ("coalesce \"\" 0 \"z\"", "z"),
            ("toJson (dict \"a\" 1.0 \"b\" \"<x>\")", r#"{"a":1,"b":"\u003cx\u003e"}"#),
            ("toJson (list 1.5 \"a\" nil true)", "[1.5,\"a\",null,true]"),
            ("print 1 2 \"a\" \"b\" 3", "1 2ab3"),
            ("printf \"%5.2f|%-4s|%q\" 1.5 \"a\" \"b\"", " 1.50|a   |\"b\""),
            ("len \"äb\"", "3"),
            ("list \"b\" \"a\" | sortAlpha", "[a b]"),
        ]);
    }

    #[test]
    fn what_cannot_be_evaluated_is_named() {
        let error = |text: &str, options: &[&str]| render(text, json!({"a": "x"}), options).unwrap_err();
        assert_eq!(
            error("{{ .nope }}", &["missingkey=error"]),
            "its template uses the parameter `nope`, which is not there"
        );
        assert_eq!(
            error("{{ uuidv4 }}", &[]),
            "its template uses the function `uuidv4`, which is not evaluated here"
        );
        assert_eq!(
            error("{{ define \"b\" }}x{{ end }}", &[]),
            "its template defines other templates, which are not evaluated here"
        );
        assert!(error("{{ .a", &[]).starts_with("its template cannot be evaluated: "));
        assert_eq!(
            error("", &["missingkey=no"]),
            "has the option `missingkey=no` of Go templates, which does not exist"
        );
        let big = render("{{ .n }}", json!({"n": 123_456_789}), &[]).unwrap_err();
        assert!(big.contains("number of a million"), "{big}");
    }

    #[test]
    fn hostile_templates_end_with_an_error() {
        for (text, want) in [
            ("{{ $x := \"ab\" }}{{ range (until 40) }}{{ $x = print $x $x }}{{ end }}{{ $x }}", "more than"),
            (
                "{{ $x := list \"a\" }}{{ range (until 60) }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
                "more than",
            ),
            (
                "{{ $x := list \"a\" }}{{ range (until 60) }}{{ $x = concat $x $x }}{{ end }}{{ $x }}",
                "more than",
            ),
            (
                "{{ $x := list \"a\" }}{{ range (until 60) }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}",
                "more than",
            ),
            ("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", "rounds"),
            ("{{ range (until 1000000000) }}{{ end }}", "more than"),
            ("{{ repeat 1000000000 \"x\" }}", "more than"),
            ("{{ nindent 1000000000 \"x\" }}", "more than"),
            ("{{ $x := repeat 60000 \"x\" }}{{ replace \"x\" $x $x }}", "more than"),
            ("{{ $x := repeat 60000 \"x\" }}{{ regexReplaceAll \"x\" $x $x }}", "more than"),
            (
                "{{ printf \"%065000d%065000d%065000d%065000d%065000d%065000d%065000d%065000d\" 1 1 1 1 1 1 1 1 }}",
                "%",
            ),
            ("{{ range 100000 }}{{ upper (repeat 60000 \"x\") }}{{ end }}", "more than"),
        ] {
            let started = std::time::Instant::now();
            let error = render(text, json!({}), &[]).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
            assert!(started.elapsed().as_secs() < 20, "{text}");
        }
        let nested = format!("{}{}", "{{if 1}}".repeat(5000), "{{end}}".repeat(5000));
        assert!(render(&nested, json!({}), &[]).unwrap_err().contains("nesting"));
    }
}
