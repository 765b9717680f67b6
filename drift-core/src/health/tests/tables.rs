//! What the rules of the table say, area by area: every kind and every rule of a table is held against an object.

use std::collections::BTreeSet;

use super::super::{HealthBasis, HealthRules};
use super::kinds::{health, rows};

/// A table of rules, and objects with the health that an operator of them would name.
pub(super) struct Area {
    name: &'static str,
    rules: &'static str,
    /// `STATUS(OURS) GROUP/VERSION/KIND {object}`, where the conventions alone say OURS.
    pub(super) expectations: &'static str,
}

macro_rules! area {
    ($name:literal) => {
        Area {
            name: $name,
            rules: include_str!(concat!("../../../data/health/", $name, ".txt")),
            expectations: include_str!(concat!("tables/", $name, ".txt")),
        }
    };
}

pub(super) const AREAS: [Area; 9] = [
    area!("no-status"),
    area!("delivery"),
    area!("network"),
    area!("clouds"),
    area!("clusters"),
    area!("workloads"),
    area!("data"),
    area!("observability"),
    area!("security"),
];

/// Returns the names of the rules of a table, `GROUP/KIND#N` with all kinds of their section.
fn rules(text: &str) -> Vec<Vec<String>> {
    let mut rules = Vec::new();
    let (mut kinds, mut n): (Vec<&str>, usize) = (Vec::new(), 0);
    for line in text.lines().map(|l| l.split('#').next().unwrap_or_default().trim()) {
        if let Some(named) = line.strip_prefix("for ") {
            (kinds, n) = (named.split_whitespace().collect(), 0);
        } else if !line.is_empty() && !line.starts_with("ignore") {
            n += 1;
            rules.push(kinds.iter().map(|kind| format!("{kind}#{n}")).collect());
        }
    }
    rules
}

#[test]
fn the_table_says_what_is_expected_and_marks_say_what_the_conventions_would() {
    let (none, bundled) = (HealthRules::none(), HealthRules::bundled());
    let mut wrong = Vec::new();
    for area in &AREAS {
        for row in rows(area.expectations) {
            let got = health(&row.object, &bundled);
            let without = format!("{:?}", health(&row.object, &none).status);
            let marked = row.conventions.as_ref().unwrap_or(&row.expected);
            if format!("{:?}", got.status) != row.expected || without != *marked {
                let (name, line, want) = (area.name, row.line, &row.expected);
                wrong.push(format!(
                    "{name} {line}: {want}({marked}) was wanted, {:?}({without}) was said: {got:?} {}",
                    got.status, row.object
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_and_every_rule_of_the_table_is_exercised() {
    let bundled = HealthRules::bundled();
    let all = AREAS.iter().flat_map(|area| rows(area.expectations));
    let decided: BTreeSet<String> = all
        .filter_map(|row| match health(&row.object, &bundled).basis {
            HealthBasis::Rule(name) => Some(name),
            _ => None,
        })
        .collect();
    let kinds: BTreeSet<&str> = decided.iter().filter_map(|name| name.split('#').next()).collect();
    let mut idle = Vec::new();
    for area in &AREAS {
        for names in rules(area.rules) {
            if !names.iter().any(|name| decided.contains(name)) {
                idle.push(format!("{}: no object for {}", area.name, names.join(" ")));
            }
            for kind in names.iter().filter_map(|name| name.split('#').next()) {
                if !kinds.contains(kind) {
                    idle.push(format!("{}: no object of {kind}", area.name));
                }
            }
        }
    }
    idle.sort_unstable();
    idle.dedup();
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
