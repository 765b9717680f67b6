//! Tests of rules that are written in CEL.
//!
//! CEL has no loops but the macros over lists, and those are counted. What an expression can ask for at most is known
//! before it is evaluated, from its length, its loops, and the longest list and text of the object: what could take
//! longer than a few seconds is refused, since nothing here has a clock to stop it by.

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value};

use super::verdict::Subject;
use crate::object::{Kind, Node};

const MAX_TEXT: usize = 1024;
/// How deep an expression may be nested: its parser and evaluator call themselves.
const MAX_DEPTH: usize = 32;
const MAX_LOOPS: usize = 2;
/// Calls of `matches`, each of which compiles its pattern again.
const MAX_PATTERNS: usize = 4;
const MAX_VALUES: usize = 100_000;
/// How many bytes may be looked at at most: a few seconds.
const MAX_WORK: usize = 4_000_000_000;

/// The functions of CEL: making them takes longer than most expressions.
static FUNCTIONS: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Predicate {
    program: Program,
    /// How many operations stand in it, at most.
    operations: usize,
    loops: u32,
}

impl Predicate {
    /// Compiles an expression, and says what is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("the expression is longer than {MAX_TEXT} bytes"));
        }
        let depth = depth(text);
        if depth > MAX_DEPTH {
            return Err(format!("the expression is nested {depth} deep, at most {MAX_DEPTH} are allowed"));
        }
        // Counted in the text, a quoted ".map(" counts too: rather one too many than an hour of work.
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let macros = [".all(", ".exists(", ".exists_one(", ".map(", ".filter("];
        let loops: usize = macros.iter().map(|m| compact.matches(m).count()).sum();
        if loops > MAX_LOOPS {
            return Err(format!("{loops} loops in one expression, at most {MAX_LOOPS} are allowed"));
        }
        let patterns = compact.matches("matches(").count();
        if patterns > MAX_PATTERNS || (loops > 0 && patterns > 0) {
            return Err(format!(
                "at most {MAX_PATTERNS} `matches`, and none in a loop; there is startsWith and contains"
            ));
        }
        // What a loop adds up could double in every turn.
        if loops > 0 && compact.contains('+') {
            return Err("no `+` together with a loop".to_owned());
        }
        let program = Program::compile(text).map_err(|e| format!("no CEL: {e}").replace('\n', " "))?;
        let references = program.references();
        if let Some(name) = references.variables().into_iter().find(|v| unknown(v, &compact)) {
            return Err(format!("no variable `{name}`; there are `object` and `now`"));
        }
        Ok(Self { program, operations: text.len(), loops: loops.try_into().unwrap_or(u32::MAX) })
    }

    /// Evaluates for an object. A field that is not there makes it false.
    ///
    /// # Errors
    /// When the object is too large, or the expression does not fit its types or is no boolean.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> Result<bool, String> {
        let mut size = Size::default();
        size.add(subject.root);
        if size.values > MAX_VALUES {
            return Err(format!("the object is too large for CEL: more than {MAX_VALUES} values"));
        }
        let turns = size.longest_list.max(1).saturating_pow(self.loops);
        let work = self.operations.saturating_mul(turns).saturating_mul(size.longest_text.max(64));
        if work > MAX_WORK {
            let Size { longest_list, longest_text, .. } = size;
            return Err(format!(
                "the object is too large for this expression: a list of {longest_list}, a text of {longest_text} bytes"
            ));
        }
        let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
        let object = cel::to_value(subject.root.to_value()).map_err(|e| e.to_string())?;
        context.add_variable_from_value("object", object);
        context.add_variable_from_value("now", subject.now.to_string());
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives a {:?} and no boolean", other.type_of())),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Returns `true` if a name is neither given nor bound by a macro.
fn unknown(name: &str, compact: &str) -> bool {
    let bound = |m: &str| compact.contains(&format!("{m}({name},"));
    !["object", "now"].contains(&name)
        && !["all", "exists", "exists_one", "map", "filter"].iter().any(|m| bound(m))
}

/// Returns how deep brackets and signs are nested, counting those in quotes too.
fn depth(text: &str) -> usize {
    let (mut open, mut signs, mut deepest) = (0usize, 0usize, 0usize);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '?' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '!' | '-' => signs += 1,
            c if c.is_whitespace() => {}
            _ => signs = 0,
        }
        deepest = deepest.max(open + signs);
    }
    deepest
}

/// How large an object is.
#[derive(Debug, Default)]
struct Size {
    values: usize,
    longest_list: usize,
    longest_text: usize,
}

impl Size {
    /// Counts a value and what is in it, until it is more than is taken.
    fn add(&mut self, node: Node<'_>) {
        self.values += 1;
        self.longest_text = self.longest_text.max(node.as_str().map_or(0, str::len));
        if matches!(node.kind(), Kind::List | Kind::Map) {
            self.longest_list = self.longest_list.max(node.len());
        }
        for child in node.children() {
            if self.values > MAX_VALUES {
                return;
            }
            self.add(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, HealthContext, HealthRules, HealthStatus, assess};
    use crate::object::{Doc, Object};
    use serde_json::json;

    fn judged(rule: &str) -> Health {
        let text = format!("for lab.example/Kiln\n{rule}\n");
        let rules = HealthRules::parse(&text).unwrap();
        let doc = Doc::from_value(&json!({
            "apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"name": "a"},
            "status": {"zones": [{"heat": 900}, {"heat": 20}], "note": "x"}
        }));
        let object = Object::new(doc.unwrap()).unwrap();
        assess(&object, &HealthContext { now: jiff::Timestamp::UNIX_EPOCH, rules: &rules, previous: None })
    }

    #[test]
    fn an_expression_decides() {
        let health = judged(r#"Degraded Cold when cel "object.status.zones.exists(z, z.heat < 100)""#);
        assert_eq!((health.status, health.reason.as_str()), (HealthStatus::Degraded, "Cold"));
        let health = judged(r#"Degraded Cold when cel "object.status.zones.all(z, z.heat < 100)""#);
        assert_eq!(health.status, HealthStatus::Unknown, "falls to the conventions, which see nothing");
        assert_eq!(health.reason, "NoSignal");
    }

    #[test]
    fn a_missing_field_is_false_and_a_wrong_type_is_said() {
        assert_eq!(judged(r#"Degraded when cel "object.status.nowhere > 3""#).reason, "NoSignal");
        let health = judged(r#"Degraded when cel "object.status.note > 3""#);
        assert_eq!((health.status, health.reason.as_str()), (HealthStatus::Unknown, "RuleFailed"));
        let health = judged(r#"Degraded when cel "object.status.note""#);
        assert_eq!((health.status, health.reason.as_str()), (HealthStatus::Unknown, "RuleFailed"));
    }

    #[test]
    fn what_could_run_for_long_or_names_nothing_is_refused() {
        for text in [
            "a.map(x, x).map(y, y).map(z, z)",
            "object.status.",
            "subject.status == 1",
            "object.a.exists(x, x.matches('a+'))",
            "object.a.map(x, x + x) == []",
            &format!("'{}' == ''", "x".repeat(MAX_TEXT)),
            &format!("{}true{}", "(".repeat(400), ")".repeat(400)),
            &format!("{}true", "!".repeat(900)),
            &format!("{}true", "- ".repeat(400)),
            &format!("{}1", "true ? 1 : ".repeat(80)),
        ] {
            assert!(Predicate::compile(text).is_err(), "{}", &text[..20.min(text.len())]);
        }
        // As long as may be, in the shapes that are not nested by brackets.
        for text in [
            format!("object{} == 1", ".a".repeat(400)),
            format!("{}true", "true && ".repeat(120)),
            format!("1{} == 2", " + 1".repeat(240)),
        ] {
            let _ = Predicate::compile(&text);
        }
    }

    #[test]
    fn work_is_bounded_before_it_begins() {
        let heats: Vec<i64> = (0..20_000).collect();
        let text = "for lab.example/Kiln\nDegraded when cel \"object.heats.exists(a, object.heats.exists(b, a < 0))\"\n";
        let rules = HealthRules::parse(text).unwrap();
        let doc = Doc::from_value(&json!({
            "apiVersion": "lab.example/v1", "kind": "Kiln", "metadata": {"name": "a"}, "heats": heats
        }));
        let object = Object::new(doc.unwrap()).unwrap();
        let context = HealthContext { now: jiff::Timestamp::UNIX_EPOCH, rules: &rules, previous: None };
        let health = assess(&object, &context);
        assert_eq!((health.status, health.reason.as_str()), (HealthStatus::Unknown, "RuleFailed"));
        assert!(health.message.contains("a list of 20000"), "{health:?}");
    }
}
