//! A budget of one evaluation: whatever an expression makes is measured, and once all of it together is too much it fails.
//!
//! The library has no limit of its own. The expression is therefore rewritten before it is compiled: behind everything that makes a
//! value (arrays, objects, sums, formats, calls) comes a filter that measures it, and in everything that repeats comes one that
//! counts. Each step makes at most a few times what was measured before it, so that memory is bounded as well as time, and a thread
//! that was given up ends by itself.

use std::cell::Cell;

use jaq_core::box_iter::box_once;
use jaq_core::load::parse::{BinaryOp, Def, Term};
use jaq_core::native::Fun;
use jaq_core::path::{Part, Path};
use jaq_core::{Cv, Error, Exn, Native, data};
use jaq_json::Val;

/// Values, entries and sixteenths of bytes of texts that one evaluation may make or look at: about 100 MB where they are all held.
const BUDGET: u64 = 4_000_000;

const MEASURE: &str = "drift_measure";
const COUNT: &str = "drift_count";

type Data = data::JustLut<Val>;

thread_local! {
    /// What is left to the evaluation of this thread.
    static LEFT: Cell<u64> = const { Cell::new(BUDGET) };
}

/// Returns `true` if the evaluation of this thread made too much; an expression may have caught the error.
pub(super) fn is_exhausted() -> bool {
    LEFT.get() == 0
}

/// Takes so much from the budget.
fn spend(cost: u64) -> Result<(), Exn<'static, Val>> {
    LEFT.set(LEFT.get().saturating_sub(cost));
    if is_exhausted() { Err(Exn::from(Error::str("makes too much"))) } else { Ok(()) }
}

/// Measures a value with all that is in it, as far as the budget goes: parts are shared, so it can be far larger than its memory.
fn measure(value: &Val) -> Result<(), Exn<'static, Val>> {
    match value {
        Val::Null | Val::Bool(_) | Val::Num(_) => spend(1),
        Val::BStr(text) | Val::TStr(text) => spend(1 + text.len() as u64 / 16),
        Val::Arr(list) => spend(1).and_then(|()| list.iter().try_for_each(measure)),
        Val::Obj(map) => {
            let entry = |(key, value): (&Val, &Val)| {
                spend(2).and_then(|()| measure(key)).and_then(|()| measure(value))
            };
            spend(1).and_then(|()| map.iter().try_for_each(entry))
        }
    }
}

/// Returns the filters that a rewritten expression calls. Both pass on what they are given.
pub(super) fn filters() -> [Fun<Data>; 2] {
    fn measured(cv: Cv<'_, Data>) -> jaq_core::ValXs<'_, Val> {
        box_once(measure(&cv.1).map(|()| cv.1))
    }
    fn counted(cv: Cv<'_, Data>) -> jaq_core::ValXs<'_, Val> {
        box_once(spend(1).map(|()| cv.1))
    }
    let measured = Native::<Data>::new(measured).with_paths(|cv| box_once(measure(&cv.1.0).map(|()| cv.1)));
    let counted = Native::<Data>::new(counted).with_paths(|cv| box_once(spend(1).map(|()| cv.1)));
    [(MEASURE, [].into(), measured), (COUNT, [].into(), counted)]
}

/// Which calls are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    /// All, for an expression that defines nothing.
    Measured,
    /// None, for definitions: one that calls itself would no longer do so in place of itself.
    Plain,
}

/// Rewrites a definition of the library.
pub(super) fn metered_definition<'s>(def: Def) -> Def<&'s str> {
    let def: Def<&'s str> = def;
    Def { body: rewrite(def.body, Calls::Plain), ..def }
}

/// Rewrites an expression that defines nothing.
pub(super) fn metered(term: Term<&str>) -> Term<&str> {
    rewrite(term, Calls::Measured)
}

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn call(name: &'static str) -> Term<&'static str> {
    Term::Call(name, Vec::new())
}

fn rewrite<'s>(term: Term<&'s str>, calls: Calls) -> Term<&'s str> {
    let inner = |term: Term<&'s str>| rewrite(term, calls);
    let boxed = |term: Box<Term<&'s str>>| Box::new(rewrite(*term, calls));
    let all = |terms: Vec<Term<&'s str>>| terms.into_iter().map(inner).collect();
    match term {
        Term::Arr(Some(f)) => pipe(Term::Arr(Some(Box::new(pipe(inner(*f), call(COUNT))))), call(MEASURE)),
        Term::Obj(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (inner(key), value.map(inner)));
            pipe(Term::Obj(entries.collect()), call(MEASURE))
        }
        // Expressions in texts are refused before.
        Term::Str(Some(format), parts) => pipe(Term::Str(Some(format), parts), call(MEASURE)),
        Term::BinOp(left, op, right) => operation(inner(*left), op, inner(*right)),
        Term::Call(name, args) => match calls {
            Calls::Measured => pipe(Term::Call(name, all(args)), call(MEASURE)),
            Calls::Plain => Term::Call(name, all(args)),
        },
        Term::Fold(name, over, pattern, args) => {
            Term::Fold(name, Box::new(pipe(inner(*over), call(COUNT))), pattern, all(args))
        }
        Term::Def(defs, body) => {
            let defs = defs.into_iter().map(|def| Def { body: inner(def.body), ..def });
            Term::Def(defs.collect(), boxed(body))
        }
        Term::Path(of, Path(parts)) => {
            let part = |part| match part {
                Part::Index(i) => Part::Index(inner(i)),
                Part::Range(from, to) => Part::Range(from.map(inner), to.map(inner)),
            };
            Term::Path(boxed(of), Path(parts.into_iter().map(|(p, optional)| (part(p), optional)).collect()))
        }
        Term::Neg(of) => Term::Neg(boxed(of)),
        Term::Label(name, of) => Term::Label(name, boxed(of)),
        Term::TryCatch(of, catch) => Term::TryCatch(boxed(of), catch.map(boxed)),
        Term::IfThenElse(cases, other) => {
            let cases = cases.into_iter().map(|(test, then)| (inner(test), inner(then)));
            Term::IfThenElse(cases.collect(), other.map(boxed))
        }
        other => other,
    }
}

fn operation<'s>(left: Term<&'s str>, op: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    match op {
        BinaryOp::Pipe(Some(pattern)) => {
            let right = pipe(call(COUNT), right);
            Term::BinOp(Box::new(left), BinaryOp::Pipe(Some(pattern)), Box::new(right))
        }
        BinaryOp::Math(_)
        | BinaryOp::Assign
        | BinaryOp::Update
        | BinaryOp::UpdateMath(_)
        | BinaryOp::UpdateAlt => pipe(Term::BinOp(Box::new(left), op, Box::new(right)), call(MEASURE)),
        op => Term::BinOp(Box::new(left), op, Box::new(right)),
    }
}
