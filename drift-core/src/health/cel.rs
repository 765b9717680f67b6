//! Tests of rules that are written in CEL.
//!
//! CEL has no loops but the macros over lists, and those are counted: two of them over lists of a thousand are the
//! most work that an expression can ask for.

use cel::{Context, ExecutionError, Program, Value};

use super::verdict::Subject;
use crate::object::{Kind, Node};

const MAX_TEXT: usize = 4096;
const MAX_LOOPS: usize = 2;
const MAX_LIST: usize = 1000;
const MAX_VALUES: usize = 100_000;

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Predicate(Program);

impl Predicate {
    /// Compiles an expression, and says what is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("the expression is longer than {MAX_TEXT} bytes"));
        }
        // Counted in the text, a quoted ".map(" counts too: rather one too many than an hour of work.
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let macros = [".all(", ".exists(", ".exists_one(", ".map(", ".filter("];
        let loops: usize = macros.iter().map(|m| compact.matches(m).count()).sum();
        if loops > MAX_LOOPS {
            return Err(format!("{loops} loops in one expression, at most {MAX_LOOPS} are allowed"));
        }
        let program = Program::compile(text).map_err(|e| format!("no CEL: {e}").replace('\n', " "))?;
        let references = program.references();
        if let Some(name) = references.variables().into_iter().find(|v| unknown(v, &compact)) {
            return Err(format!("no variable `{name}`; there are `object` and `now`"));
        }
        Ok(Self(program))
    }

    /// Evaluates for an object. A field that is not there makes it false.
    ///
    /// # Errors
    /// When the object is too large, or the expression does not fit its types or is no boolean.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> Result<bool, String> {
        if !is_bounded(subject.root, &mut 0) {
            return Err(format!("the object is too large for CEL: more than {MAX_LIST} in a list"));
        }
        let mut context = Context::default();
        let object = cel::to_value(subject.root.to_value()).map_err(|e| e.to_string())?;
        context.add_variable_from_value("object", object);
        context.add_variable_from_value("now", subject.now.to_string());
        match self.0.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives a {:?} and no boolean", other.type_of())),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Tells whether a name is neither given nor bound by a macro.
fn unknown(name: &str, compact: &str) -> bool {
    let bound = |m: &str| compact.contains(&format!("{m}({name},"));
    !["object", "now"].contains(&name)
        && !["all", "exists", "exists_one", "map", "filter"].iter().any(|m| bound(m))
}

fn is_bounded(node: Node<'_>, seen: &mut usize) -> bool {
    *seen += 1;
    let short = node.kind() != Kind::List || node.len() <= MAX_LIST;
    short && *seen <= MAX_VALUES && node.children().all(|child| is_bounded(child, seen))
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
            &format!("'{}' == ''", "x".repeat(MAX_TEXT)),
        ] {
            assert!(Predicate::compile(text).is_err(), "{}", &text[..20.min(text.len())]);
        }
    }
}
