//! Decode, normalize and diff of one declared and live pair, on one core.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drift_core::Object;
use drift_core::drift::{Context, DriftOptions, compare, compare_object};
use serde_json::Value;

use crate::Failure;
use crate::estate::{Case, schemas};
use crate::measure::best;

pub(crate) fn run(cases: &[Case], argo_diff: Option<&Path>) -> Result<(), Failure> {
    let pairs: Vec<&(String, String)> = cases.iter().flat_map(|c| &c.pairs).collect();
    let bytes: usize = pairs.iter().map(|(d, l)| d.len() + l.len()).sum();
    println!("{} pairs of {} bytes, one core", pairs.len(), bytes / pairs.len().max(1));
    let schemas = schemas(cases);
    let context = Context::new(&schemas);
    let object = |text: &str| Object::from_json(text.as_bytes()).expect("what was an object is one");
    let row = |name: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        println!(
            "{name:44} {:>9.0} pairs/s {:>7.1} MB/s",
            pairs.len() as f64 / seconds,
            bytes as f64 / seconds / 1e6
        );
        seconds
    };
    let parse = row(
        "serde_json::Value, parsing alone",
        best(|| {
            for (d, l) in &pairs {
                black_box((serde_json::from_str::<Value>(d).ok(), serde_json::from_str::<Value>(l).ok()));
            }
        }),
    );
    let decode = row(
        "drift, decoding alone",
        best(|| {
            for (d, l) in &pairs {
                black_box((object(d), object(l)));
            }
        }),
    );
    let whole = row(
        "drift, decode + normalize + diff + verdict",
        best(|| {
            for (d, l) in &pairs {
                let (d, l) = (object(d), object(l));
                black_box(compare_object(&l.key(), &d, &l, &context));
            }
        }),
    );
    println!("ratio to serde_json: decode {:.2}, whole {:.2} (budget 2.00)", decode / parse, whole / parse);
    if let Some(program) = argo_diff {
        argo(program, cases, pairs.len() as f64 / whole)?;
    }
    estates(cases, &schemas);
    Ok(())
}

/// Runs Argo CD's engine on the same cases.
fn argo(program: &Path, cases: &[Case], ours: f64) -> Result<(), Failure> {
    let output =
        Command::new(program).args(["-seconds", "3"]).args(cases.iter().map(|c| &c.path)).output()?;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().ok_or("the peer printed nothing")?;
    let line: Value = serde_json::from_str(last)?;
    println!("peer, Argo CD's engine: {line}");
    for (name, rate) in line.as_object().into_iter().flatten() {
        if let Some(rate) = rate.as_f64().filter(|_| name.contains("per_s") || name.contains("pairs/s")) {
            println!("ratio to Argo CD's {name}: {:.0}", ours / rate);
        }
    }
    Ok(())
}

fn estates(cases: &[Case], schemas: &drift_core::schema::SchemaSet) {
    let declared: usize = cases.iter().map(|c| c.desired.len()).sum();
    let time = best(|| {
        for case in cases {
            black_box(compare(&case.desired, &case.live, schemas, &DriftOptions::default()));
        }
    });
    let micros = time.as_secs_f64() * 1e6 / declared as f64;
    println!(
        "whole estates, decoded: {micros:.1} µs a declared resource, {:.2} s for 100,000",
        micros / 10.0
    );
}
