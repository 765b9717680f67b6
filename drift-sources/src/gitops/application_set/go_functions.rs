//! Functions of Go templates: those of sprig that ApplicationSets use, and Argo CD's own.
//!
//! What is random, reads a clock, or changes its argument in place is not among them: a template that uses it is not evaluated.
//! Every call is charged by the size of its arguments, so that no template runs for long or grows without end.

mod collections;
mod numbers;
mod strings;
mod yaml_text;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gotmpl::{FuncMap, Template, TemplateError, Value};

use super::go_values::{size_up_to, text_of};

/// Most bytes that one call reads or makes.
pub(super) const MAX_CALL: usize = 256 << 10;
/// Most bytes that all calls of one template read.
const MAX_READ: usize = 32 << 20;
/// What a call costs at least.
const CALL_COST: usize = 64;
/// Most verbs of a format: each may be 64 KiB wide.
const MAX_VERBS: usize = 4;

type Result<T> = gotmpl::Result<T>;
type Function = fn(&[Value]) -> Result<Value>;

/// Bytes that the functions of one template have read.
#[derive(Clone, Debug, Default)]
pub(super) struct FunctionBudget(Arc<AtomicUsize>);

impl FunctionBudget {
    fn charge(&self, arguments: &[Value]) -> Result<()> {
        let size: usize = arguments.iter().map(|a| size_up_to(a, MAX_CALL)).sum();
        let read = self.0.fetch_add(size + CALL_COST, Ordering::Relaxed);
        if size > MAX_CALL {
            return Err(too_much(MAX_CALL, "a function"));
        }
        if read > MAX_READ { Err(too_much(MAX_READ, "its functions")) } else { Ok(()) }
    }
}

fn too_much(limit: usize, what: &str) -> TemplateError {
    TemplateError::Exec(format!("more than {limit} bytes in {what}, which is the limit here"))
}

/// Returns the functions, each charged to a budget.
pub(super) fn functions(budget: &FunctionBudget) -> FuncMap {
    let all = strings::FUNCTIONS.iter().chain(numbers::FUNCTIONS).chain(collections::FUNCTIONS);
    let all = all.chain(yaml_text::FUNCTIONS).chain(BUILT_IN);
    all.map(|(name, function)| {
        let (budget, function) = (budget.clone(), *function);
        let charged = move |arguments: &[Value]| {
            budget.charge(arguments)?;
            function(arguments)
        };
        ((*name).to_owned(), Arc::new(charged) as gotmpl::ValueFunc)
    })
    .collect()
}

/// Functions of the language itself that make text.
const BUILT_IN: &[(&str, Function)] = &[
    ("html", |a| built_in("html", a)),
    ("js", |a| built_in("js", a)),
    ("print", |a| built_in("print", a)),
    ("printf", |a| {
        let verbs = a.first().map_or(0, |format| text_of(format).matches('%').count());
        if verbs > MAX_VERBS && text_of(&a[0]).bytes().any(|b| matches!(b, b'*' | b'1'..=b'9')) {
            return Err(TemplateError::Exec(format!("a format with more than {MAX_VERBS} `%` and a width")));
        }
        built_in("printf", a)
    }),
    ("println", |a| built_in("println", a)),
    ("urlquery", |a| built_in("urlquery", a)),
];

/// Calls a function of the language, which the charged one of that name stands before.
fn built_in(name: &str, arguments: &[Value]) -> Result<Value> {
    let names: String = (0..arguments.len()).map(|i| format!(" (index . {i})")).collect();
    let template = Template::new(name).parse(&format!("{{{{ {name}{names} }}}}"))?;
    Ok(Value::String(template.execute_to_string(&Value::List(arguments.into()))?.into()))
}

/// Returns an argument; its place is counted from 0.
fn argument(arguments: &[Value], place: usize) -> Result<&Value> {
    arguments.get(place).ok_or_else(|| TemplateError::Exec(format!("argument {} is missing", place + 1)))
}

fn text_at(arguments: &[Value], place: usize) -> Result<String> {
    argument(arguments, place).map(text_of)
}

fn text(text: impl AsRef<str>) -> Result<Value> {
    match text.as_ref().len() > MAX_CALL {
        true => Err(too_much(MAX_CALL, "a function")),
        false => Ok(Value::String(text.as_ref().into())),
    }
}

fn list_at(arguments: &[Value], place: usize) -> Result<&[Value]> {
    match argument(arguments, place)? {
        Value::List(list) => Ok(list),
        Value::Nil => Ok(&[]),
        other => Err(TemplateError::TypeMismatch { expected: "list", got: other.type_name() }),
    }
}

/// Checks that a text made of parts will not be too large.
fn check_size(bytes: usize) -> Result<()> {
    if bytes > MAX_CALL { Err(too_much(MAX_CALL, "a function")) } else { Ok(()) }
}
