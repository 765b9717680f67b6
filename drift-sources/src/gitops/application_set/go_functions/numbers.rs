//! Functions of numbers.

use gotmpl::{TemplateError, Value};

use super::super::go_values::{float_of, integer_of};
use super::{Function, Result, argument, too_much};

/// Longest list of numbers.
const MAX_LIST: usize = 10_000;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("add", |a| Ok(Value::Int(a.iter().map(integer_of).fold(0, i64::wrapping_add)))),
    ("add1", |a| Ok(Value::Int(integer_of(argument(a, 0)?).wrapping_add(1)))),
    ("atoi", |a| Ok(Value::Int(integer_of(argument(a, 0)?)))),
    ("ceil", |a| Ok(Value::Float(float_of(argument(a, 0)?).ceil()))),
    ("div", |a| divided(a, i64::checked_div)),
    ("float64", |a| Ok(Value::Float(float_of(argument(a, 0)?)))),
    ("floor", |a| Ok(Value::Float(float_of(argument(a, 0)?).floor()))),
    ("int", |a| Ok(Value::Int(integer_of(argument(a, 0)?)))),
    ("int64", |a| Ok(Value::Int(integer_of(argument(a, 0)?)))),
    ("max", |a| Ok(Value::Int(a.iter().map(integer_of).max().unwrap_or_default()))),
    ("min", |a| Ok(Value::Int(a.iter().map(integer_of).min().unwrap_or_default()))),
    ("mod", |a| divided(a, i64::checked_rem)),
    ("mul", |a| Ok(Value::Int(a.iter().map(integer_of).fold(1, i64::wrapping_mul)))),
    ("sub", |a| Ok(Value::Int(integer_of(argument(a, 0)?).wrapping_sub(integer_of(argument(a, 1)?))))),
    ("until", |a| numbers(0, integer_of(argument(a, 0)?), 1)),
    ("untilStep", |a| {
        numbers(integer_of(argument(a, 0)?), integer_of(argument(a, 1)?), integer_of(argument(a, 2)?))
    }),
];

fn divided(arguments: &[Value], by: impl Fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let (a, b) = (integer_of(argument(arguments, 0)?), integer_of(argument(arguments, 1)?));
    by(a, b).map(Value::Int).ok_or_else(|| TemplateError::Exec("a division by zero".to_owned()))
}

fn numbers(from: i64, to: i64, step: i64) -> Result<Value> {
    let goes_on = |n: i64| if step > 0 { n < to } else { step < 0 && n > to };
    let mut all = Vec::new();
    let mut next = Some(from);
    while let Some(n) = next.filter(|n| goes_on(*n)) {
        if all.len() == MAX_LIST {
            return Err(too_much(MAX_LIST * 8, "a list of numbers"));
        }
        all.push(Value::Int(n));
        next = n.checked_add(step);
    }
    Ok(Value::List(all.into()))
}
