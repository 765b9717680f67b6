//! jq expressions of ignore rules, evaluated in a sandbox.
//!
//! An expression comes from an object that anybody may have written. It cannot see the environment, files, time or
//! input; constructs that need no bound (definitions of its own, loops, generators, repeated text) are refused before
//! it is compiled; what is left runs on a thread of its own, with a budget of what it may make, and is given up at a deadline,
//! after which the expression is never tried again.

mod budget;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use drift_core::Doc;
use drift_core::drift::rules::{JqPaths, PointerStep};
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data};
use jaq_json::Val;
use serde_json::Value;

/// Longest expression that is compiled.
const MAX_LENGTH: usize = 4096;
/// Most paths that one expression may name in one document.
const MAX_PATHS: usize = 10_000;
/// Deepest nesting of brackets, which the compiler follows by recursion.
const MAX_NESTING: usize = 64;
/// Documents whose result is cached.
const MAX_CACHED: usize = 10_000;

/// Of an expression that goes beyond its budget.
const TOO_MUCH: &str = "makes or looks at too much";

/// Of an expression that computes or edits a value: engines evaluate `del(…)` of it, which fails.
const NO_PLACE: &str = "names no place on this object: it makes or edits a value, which cannot be taken out";
/// Of an expression such as `select(.kind == "Job")`: `del(…)` leaves no object that could be compared.
const WHOLE: &str = "names the object as a whole, of which nothing would be left to compare";

/// Words that can run without bound.
const REFUSED: &[&str] = &[
    "def",
    "reduce",
    "foreach",
    "label",
    "import",
    "include",
    "repeat",
    "recurse",
    "while",
    "until",
    "range",
    "limit",
    "combinations",
    "walk",
    "input",
    "inputs",
    "debug",
    "stderr",
    "env",
    "halt",
    "halt_error",
    "now",
    "getpath",
    "error",
    "splits",
    "scan",
    "infinite",
    "implode",
    "tojson",
    "fromjson",
    "ltrimstr_repeat",
    "$__prog_args",
    "$ENV",
    "localtime",
    "mktime",
    "strftime",
    "strptime",
    "input_filename",
    "input_line_number",
    "skip",
    "nth",
];

/// What an expression is called, and the program that asks it for paths.
const EXPRESSION: &str = "drift_expression";
const PATHS: &str = "path(drift_expression)";

/// What jq defines and the library does not.
const MISSING: &str = "def IN(s): any(s == .; .); def IN(source; s): any(source == s; .);";

type Compiled = jaq_core::Filter<data::JustLut<Val>>;
type Found = Result<Vec<Vec<PointerStep>>, String>;

/// Why an expression named nothing.
enum JqFailure {
    /// It cannot be used on any object.
    Broken(String),
    /// It fails on this object, for example by looking for elements where there is no list.
    OnObject(String),
}

impl From<String> for JqFailure {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

/// Evaluates jq expressions with a deadline; see [`JqPaths`].
#[derive(Debug)]
pub struct JqSandbox {
    deadline: Duration,
    /// Expressions that cannot be used, and why.
    broken: Mutex<HashMap<String, String>>,
    cached: Mutex<HashMap<(String, Arc<str>), Found>>,
}

impl Default for JqSandbox {
    /// One second, as Argo CD gives.
    fn default() -> Self {
        Self::new(Duration::from_secs(1))
    }
}

impl JqSandbox {
    /// Makes a sandbox with this deadline for one expression on one document.
    pub fn new(deadline: Duration) -> Self {
        Self { deadline, broken: Mutex::default(), cached: Mutex::default() }
    }

    fn run_expression(&self, expression: &str, json: &str) -> Result<Vec<Vec<PointerStep>>, JqFailure> {
        refuse_unbounded(expression)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let (code, json) = (expression.to_owned(), json.to_owned());
        // A thread that is given up stays behind; that is why its expression is not tried again.
        let spawned = std::thread::Builder::new().name("jq".into()).stack_size(16 << 20).spawn(move || {
            let _ = sender.send(evaluate_paths(&code, &json));
        });
        spawned.map_err(|e| format!("cannot be evaluated: {e}"))?;
        match receiver.recv_timeout(self.deadline) {
            Ok(found) => found,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(format!("takes longer than {:?}", self.deadline).into())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err("broke off".to_owned().into()),
        }
    }
}

impl JqPaths for JqSandbox {
    fn paths(&self, expression: &str, doc: &Doc) -> Found {
        let broken =
            |s: &Self| s.broken.lock().unwrap_or_else(PoisonError::into_inner).get(expression).cloned();
        if let Some(why) = broken(self) {
            return Err(why);
        }
        let json = doc.to_json();
        let key = (expression.to_owned(), Arc::from(&*json));
        if let Some(found) = self.cached.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return found.clone();
        }
        let named = |why: String| format!("jq `{}` {why}", shorten_text(expression));
        let found = self.run_expression(expression, &json).map_err(|failure| match failure {
            JqFailure::Broken(why) => {
                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                broken.insert(expression.to_owned(), named(why.clone()));
                named(why)
            }
            JqFailure::OnObject(why) => named(why),
        });
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MAX_CACHED {
            cached.clear();
        }
        cached.insert(key, found.clone());
        found
    }
}

fn shorten_text(text: &str) -> String {
    text.chars().take(120).collect()
}

/// Rejects expressions that could run without bound, before anything is compiled.
fn refuse_unbounded(expression: &str) -> Result<(), String> {
    if expression.len() > MAX_LENGTH {
        return Err(format!("is longer than {MAX_LENGTH} bytes"));
    }
    let (mut depth, mut word, mut quoted, mut escaped) = (0usize, String::new(), false, false);
    for c in expression.chars().chain([' ']) {
        if quoted {
            // An expression inside of a text is one all the same, so words in texts with `\(` are looked at too.
            match (escaped, c) {
                (false, '"') => quoted = false,
                (true, '(') => {
                    return Err("has an expression inside of a text, which is not evaluated here".into());
                }
                _ => {}
            }
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => quoted = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '*' => return Err("multiplies, which is not evaluated here".to_owned()),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(format!("is nested deeper than {MAX_NESTING} levels"));
        }
        if c.is_alphanumeric() || c == '_' || c == '$' {
            word.push(c);
            continue;
        }
        // The name of a field begins with a dot, and may be any word.
        if REFUSED.contains(&&*word) {
            return Err(format!("uses `{word}`, which is not evaluated here"));
        }
        word.clear();
        if c == '.' {
            word.push(c);
        }
    }
    Ok(())
}

fn compile_expression(code: &str) -> Result<Compiled, String> {
    const DEFS: &[&str] = &["debug", "stderr", "halt", "halt_error"];
    const FUNS: &[&str] = &["halt", "env", "now", "input", "inputs", "debug_empty", "stderr_empty"];
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs::<data::JustLut<Val>>().chain(jaq_std::funs()).chain(jaq_json::funs());
    let term = load::parse(code, |p| p.term()).ok_or("is not valid jq")?;
    let named = Def { name: EXPRESSION, args: Vec::new(), body: budget::metered(term) };
    let more = load::parse(MISSING, |p| p.defs()).expect("definitions of our own are valid jq");
    let defs = defs.chain(more).filter(|d| !DEFS.contains(&d.name));
    let defs = defs.map(budget::metered_definition).chain([named]);
    let (arena, loader) = (Arena::default(), Loader::new(defs));
    let file = File { code: PATHS, path: () };
    let modules = loader.load(&arena, file).map_err(|_| "is not valid jq".to_owned())?;
    let funs = funs.filter(|f| !FUNS.contains(&f.0)).chain(budget::filters());
    let compiler = Compiler::default().with_funs(funs);
    compiler
        .compile(modules)
        .map_err(|_| "is not valid jq: it names an unknown function or variable".to_owned())
}

/// Returns `true` if an error says that a value has no place in the document.
fn is_about_path(error: &jaq_core::Error<Val>) -> bool {
    /// Writes no more than the beginning of a text: the value in an error can be immense once it is written.
    struct Beginning(String);
    impl std::fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.push_str(text);
            if self.0.len() < 32 { Ok(()) } else { Err(std::fmt::Error) }
        }
    }
    let beginning = |error: &jaq_core::Error<Val>| {
        let mut text = Beginning(String::new());
        // It ends early by that error.
        let _ = write!(text, "{error}");
        text.0
    };
    let pattern = beginning(&jaq_core::Error::path_expr(Val::Null));
    beginning(error).starts_with(pattern.trim_end_matches("null"))
}

fn evaluate_paths(code: &str, json: &str) -> Result<Vec<Vec<PointerStep>>, JqFailure> {
    let filter = compile_expression(code)?;
    let on_object = |why: &str| JqFailure::OnObject(why.to_owned());
    let input: Val = serde_json::from_str(json).map_err(|_| on_object("cannot be asked of this object"))?;
    let document: Value =
        serde_json::from_str(json).map_err(|_| on_object("cannot be asked of this object"))?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut found = Vec::new();
    for result in filter.id.run((context, input)).take(MAX_PATHS + 1) {
        let path = result.map_err(|e| match budget::is_exhausted() {
            true => TOO_MUCH.to_owned().into(),
            false if e.get_err().is_ok_and(|e| is_about_path(&e)) => on_object(NO_PLACE),
            false => on_object("fails on this object"),
        })?;
        let path: Value = serde_json::from_str(&path.to_string()).map_err(|_| on_object("names no path"))?;
        if path.as_array().is_some_and(Vec::is_empty) {
            return Err(on_object(WHOLE));
        }
        found.extend(parse_steps(&path, &document).ok_or_else(|| on_object("names no path"))?);
        if found.len() > MAX_PATHS {
            return Err(format!("names more than {MAX_PATHS} paths").into());
        }
    }
    // An expression can catch the error, but makes nothing more after it.
    if budget::is_exhausted() { Err(TOO_MUCH.to_owned().into()) } else { Ok(found) }
}

/// Reads a path of a document; a slice at its end is all the places that it covers.
fn parse_steps(path: &Value, document: &Value) -> Option<Vec<Vec<PointerStep>>> {
    let (mut steps, mut at) = (Vec::new(), Some(document));
    let path = path.as_array()?;
    for (i, element) in path.iter().enumerate() {
        let length = at.and_then(Value::as_array).map_or(0, Vec::len);
        let from_end = |n: i64| if n < 0 { n.saturating_add_unsigned(length as u64) } else { n };
        match element {
            Value::String(key) => steps.push(PointerStep::Key(key.clone())),
            Value::Number(n) => match usize::try_from(from_end(n.as_i64()?)) {
                Ok(index) => steps.push(PointerStep::Index(index)),
                // Before the beginning of the list there is nothing.
                Err(_) => return Some(Vec::new()),
            },
            Value::Object(slice) if i + 1 == path.len() => {
                let end = |name: &str, default: usize| match slice.get(name).and_then(Value::as_i64) {
                    Some(n) => usize::try_from(from_end(n)).unwrap_or(0).min(length),
                    None => default,
                };
                let places = (end("start", 0)..end("end", length))
                    .map(|n| steps.iter().cloned().chain([PointerStep::Index(n)]).collect());
                return Some(places.collect());
            }
            _ => return None,
        }
        at = at.and_then(|value| match steps.last()? {
            PointerStep::Index(n) => value.get(*n),
            PointerStep::Key(key) | PointerStep::Either(key) => value.get(key),
        });
    }
    Some(vec![steps])
}

#[cfg(test)]
mod tests {
    use super::*;
    use drift_core::Doc;
    use serde_json::json;

    fn check(expression: &str, expect: Result<&[&str], &str>) {
        check_within(Duration::from_millis(500), expression, expect);
    }

    fn check_within(deadline: Duration, expression: &str, expect: Result<&[&str], &str>) {
        let doc = Doc::from_value(
            &json!({"spec":{"replicas":3,"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},
            "metadata":{"annotations":{"x/y":"1","z":"2"}}}),
        )
        .unwrap();
        let text = |path: &Vec<PointerStep>| {
            path.iter()
                .map(|s| match s {
                    PointerStep::Key(k) | PointerStep::Either(k) => k.clone(),
                    PointerStep::Index(i) => i.to_string(),
                })
                .collect::<Vec<_>>()
                .join("|")
        };
        let found = JqSandbox::new(deadline).paths(expression, &doc);
        match (found, expect) {
            (Ok(found), Ok(expect)) => {
                assert_eq!(found.iter().map(text).collect::<Vec<_>>(), expect, "{expression}")
            }
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{expression}: {why}"),
            (found, expect) => panic!("{expression}: {found:?} for {expect:?}"),
        }
    }

    #[test]
    fn expressions_name_paths() {
        check(".spec.replicas", Ok(&["spec|replicas"]));
        check(".spec.env[]? | select(.name == \"A\") | .value", Ok(&["spec|env|0|value"]));
        check(".spec.env[1]", Ok(&["spec|env|1"]));
        check(".webhooks[]?.clientConfig.caBundle", Ok(&[]));
        check(".metadata.annotations[\"x/y\"]", Ok(&["metadata|annotations|x/y"]));
        check(".spec.env[] | select(.name | test(\"^B\"))", Ok(&["spec|env|1"]));
        check(".spec.replicas, .spec.missing", Ok(&["spec|replicas", "spec|missing"]));
        check(".range.input", Ok(&["range|input"]));
        check(".spec.env[-1].value", Ok(&["spec|env|1|value"]));
        check(".spec.env[-9]", Ok(&[]));
        check(".spec.env[1:]", Ok(&["spec|env|1"]));
        check(".spec.env[:-1]", Ok(&["spec|env|0"]));
        check(".spec | .replicas, .env[0].name", Ok(&["spec|replicas", "spec|env|0|name"]));
        check("first(.spec.env[] | select(.value != null))", Ok(&["spec|env|0"]));
        check(".spec | (.replicas, .missing?)", Ok(&["spec|replicas", "spec|missing"]));
    }

    #[test]
    fn what_is_broken_or_could_run_away_is_an_error_and_names_itself() {
        check("def f: f; f", Err("uses `def`"));
        check("def f: [f]; f", Err("uses `def`"));
        check("[recurse(.)]", Err("uses `recurse`"));
        check("range(1e12)", Err("uses `range`"));
        check("\"x\" * 1000000000", Err("multiplies"));
        check("env.HOME", Err("uses `env`"));
        check("$ENV", Err("uses `$ENV`"));
        check("\"\\(repeat(1))\"", Err("inside of a text"));
        check(".spec.replicas[]", Err("fails on this object"));
        check(".a | nothing_known", Err("names an unknown function"));
        check(".a |", Err("is not valid jq"));
        check(&"(".repeat(100), Err("nested deeper"));
        check(&format!(".{}", "a".repeat(5000)), Err("longer than"));
        check("1", Err("names no place"));
    }

    #[test]
    fn what_fails_on_one_object_is_asked_of_the_next() {
        let doc = |value: Value| Doc::from_value(&value).unwrap();
        let sandbox = JqSandbox::default();
        let expression = ".spec.list[].image";
        assert!(
            sandbox.paths(expression, &doc(json!({"spec":{}}))).unwrap_err().contains("fails on this object")
        );
        assert_eq!(
            sandbox.paths(expression, &doc(json!({"spec":{"list":[{"image":"a"}]}}))).unwrap().len(),
            1
        );
    }

    #[test]
    fn what_would_grow_beyond_memory_ends() {
        let doubled = |text: &str, step: &str| format!("{text}{}", format!(" | {step}").repeat(60));
        for grown in [
            doubled("\"abcdefgh\"", ".+."),
            doubled("[1]", ".+."),
            doubled("[1]", "[.[],.[]]"),
            doubled("[1]", "map(.,.)"),
            // Small in memory, and immense once it is written.
            doubled("1", "[.,.]") + " | tostring",
            doubled("1", "{a:.,b:.}") + " | @json",
            doubled("\"\\\"\"", "@json"),
            doubled("1", "[.,.]") + " | . == .",
            format!(
                "\"{}\" | gsub(\"\"; \"{}\") | gsub(\"\"; \"{}\")",
                "a".repeat(1000),
                "b".repeat(1000),
                "c".repeat(1000)
            ),
            "[.env[] | ..]".to_owned() + &" | [.[] as $x | .[] as $y | [$x, $y]]".repeat(8),
        ] {
            let grown = format!(".spec | select({grown} | length > 0)");
            // It ends by its budget, however slow the machine is.
            check_within(Duration::from_secs(60), &grown, Err("too much"));
        }
        let caught = format!(".spec | select(try ({} | true) catch true)", doubled("[1]", ".+."));
        check_within(Duration::from_secs(60), &caught, Err("too much"));
    }

    #[test]
    fn a_deadline_ends_what_takes_too_long_and_is_not_asked_twice() {
        let doc = Doc::from_value(&json!({"a": (0..400).collect::<Vec<i32>>()})).unwrap();
        let sandbox = JqSandbox::new(Duration::from_millis(50));
        let slow = ".a | select(any(.[] as $x | .[] as $y | .[] as $z | .[] as $w | $x; . == -1))";
        let began = std::time::Instant::now();
        assert!(sandbox.paths(slow, &doc).unwrap_err().contains("takes longer"));
        assert!(sandbox.paths(slow, &doc).unwrap_err().contains("takes longer"));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
