//! Rules that hide nothing although what they are about is there.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::ResourceKey;
use drift_core::drift::rules::{Effect, ResourcePair, Rule, RuleSet};
use drift_core::drift::{AppDeclaration, DriftReport};

use super::apps::is_stated;
use crate::gitops::ClusterSnapshot;

/// Returns a note for every rule that hides nothing, if a resource that it is about is live; one that all apps share is
/// noted once.
///
/// The rule may name fields that are not there, or that just do not differ.
pub(super) fn idle_rules(
    declarations: &[AppDeclaration],
    shared: &RuleSet,
    (report, cluster): (&DriftReport, &ClusterSnapshot),
) -> Vec<String> {
    let mut used: BTreeSet<(&ResourceKey, &str)> = BTreeSet::new();
    for resource in &report.resources {
        let Some(app) = &resource.app else { continue };
        let rules = resource.changes.iter().filter_map(|c| c.rule.as_deref()).chain(resource.rule.as_deref());
        used.extend(rules.map(|rule| (app, rule)));
    }
    let is_used_anywhere = |rule: &Rule| used.iter().any(|(_, name)| **name == *rule.name);
    let mut idle: BTreeMap<(Option<&ResourceKey>, &str), ()> = BTreeMap::new();
    for declaration in declarations {
        let stated = declaration.rules.rules.iter().filter(|rule| is_stated(rule) && is_written(rule));
        for rule in stated.filter(|rule| meets_live(rule, declaration, (report, cluster))) {
            let is_shared = shared.rules.contains(rule) || rule.because.is_some();
            let is_used = match is_shared {
                true => is_used_anywhere(rule),
                false => used.contains(&(&declaration.app, &*rule.name)),
            };
            if !is_used {
                idle.insert(((!is_shared).then_some(&declaration.app), &rule.name), ());
            }
        }
    }
    let note = |(app, rule): (Option<&ResourceKey>, &str)| {
        let of_app = app.map(|app| format!("{app}: ")).unwrap_or_default();
        format!("{of_app}no difference is hidden by rule `{rule}`, although what it is about is there")
    };
    idle.into_keys().map(note).collect()
}

/// Returns `true` if somebody wrote a rule; what only has typed paths is made here, for what renders differently each time.
fn is_written(rule: &Rule) -> bool {
    let names_fields = match &rule.effect {
        Effect::Fields(fields) => {
            !(fields.pointers.is_empty() && fields.jq.is_empty() && fields.managers.is_empty())
        }
        _ => false,
    };
    rule.because.is_some() || names_fields
}

/// Returns `true` if a rule is about a live resource of an app.
fn meets_live(
    rule: &Rule,
    declaration: &AppDeclaration,
    (report, cluster): (&DriftReport, &ClusterSnapshot),
) -> bool {
    let desired = declaration.desired.as_deref().unwrap_or_default();
    let mut of_app = report.resources.iter().filter(|r| r.app.as_ref() == Some(&declaration.app));
    of_app.any(|resource| {
        let key = &resource.key;
        let Some(live) = cluster.get(key) else { return false };
        let is_declared = |o: &drift_core::Object| {
            o.group() == &*key.group
                && o.kind() == &*key.kind
                && o.name() == &*key.name
                && (o.namespace().is_empty() || o.namespace() == &*key.namespace)
        };
        let desired = desired.iter().map(|d| &*d.object).find(|o| is_declared(o));
        rule.target.matches(ResourcePair { key, desired, live: Some(live) })
    })
}
