//! The user's exceptions over recorded history: what they would have hidden, when, and what would still have counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drift_core::drift::rules::RuleSet;
use drift_core::drift::{DriftClass, ResourceDrift, Status};
use drift_core::time::format_time;
use drift_core::{FieldPath, ResourceKey};
use drift_sinks::report::{RuleEpisodeV1, RuleReplayV1};
use drift_sources::estate::DeclaredApps;
use drift_sources::gitops::{AppResourceDrift, ClusterSnapshot, IncrementalGitOps, Version};
use jiff::Timestamp;

/// What differs by one app: the rule that hides it, by path.
type Now = BTreeMap<FieldPath, Option<Arc<str>>>;

/// The rule that hides something, and since when it is so.
type State = (Option<Arc<str>>, Timestamp);

#[derive(Default)]
struct Episodes {
    /// What differs at the moment, by resource and app.
    open: BTreeMap<(ResourceKey, ResourceKey), BTreeMap<FieldPath, State>>,
    all: Vec<RuleEpisodeV1>,
}

/// Replays a record with rules; `None` if only one moment is known. Also returns the problems of the rules.
pub(super) fn replay(apps: &DeclaredApps, tried: &RuleSet) -> Option<(RuleReplayV1, Vec<String>)> {
    let mut versions: Vec<(&ResourceKey, &Version)> = apps.cluster().all_versions().collect();
    versions.sort_by_key(|(_, v)| v.at);
    let (from, to) = (versions.first()?.1.at, versions.last()?.1.at);
    // As of the first moment nothing was live; from there Git is looked at as it was with each step.
    let empty = ClusterSnapshot::at(Vec::new(), BTreeMap::new(), Some(from));
    let (repositories, renderer) = (apps.repositories(), apps.renderer());
    let mut kept =
        IncrementalGitOps::new(empty, repositories, renderer, apps.schemas().clone(), tried.clone());
    let own: BTreeSet<Arc<str>> = tried.rules.iter().map(|r| Arc::clone(&r.name)).collect();
    let mut episodes = Episodes::default();
    let mut problems = BTreeSet::new();
    for moment in versions.chunk_by(|a, b| a.1.at == b.1.at) {
        let at = moment[0].1.at;
        let changes = moment.iter().map(|(key, version)| ((*key).clone(), (*version).clone()));
        for standing in kept.apply_all(changes) {
            episodes.take(&standing, &own, at);
        }
        let found = kept.problems().into_keys().filter(|p| own.contains(&p.rule));
        problems.extend(found.map(|p| p.to_string()));
    }
    let all = episodes.finish(tried);
    let expired = |r: &&drift_core::drift::rules::Rule| {
        r.because.as_ref().and_then(|b| b.expires).is_some_and(|e| e <= to)
    };
    problems.extend(tried.problems.iter().map(ToString::to_string));
    let when = |r: &drift_core::drift::rules::Rule| r.because.as_ref().and_then(|b| b.expires);
    problems.extend(tried.rules.iter().filter(expired).filter_map(|r| {
        Some(format!("rule `{}`: expired at {}: it hides nothing any more", r.name, format_time(when(r)?)))
    }));
    let (hidden, remaining) = all.into_iter().partition(|e: &RuleEpisodeV1| e.rule.is_some());
    Some((RuleReplayV1 { from, to, hidden, remaining }, problems.into_iter().collect()))
}

/// What of a verdict counts, or would without the rules that are tried.
fn now(drift: &ResourceDrift, own: &BTreeSet<Arc<str>>) -> Now {
    let mut now = Now::new();
    let mut add = |path: &FieldPath, class: Option<DriftClass>, rule: &Option<Arc<str>>| {
        let ours = rule.as_ref().filter(|r| own.contains(*r));
        if ours.is_some() || class.is_none_or(DriftClass::counts) {
            now.insert(path.clone(), ours.cloned());
        }
    };
    if matches!(drift.status, Status::Missing | Status::Extra) {
        add(&FieldPath::ROOT, drift.class, &drift.rule);
    }
    drift.changes.iter().for_each(|c| add(&c.path, Some(c.class), &c.rule));
    now
}

impl Episodes {
    fn take(&mut self, standing: &AppResourceDrift, own: &BTreeSet<Arc<str>>, at: Timestamp) {
        let mut now = standing.drift.as_ref().map(|d| now(d, own)).unwrap_or_default();
        let slot = (standing.key.clone(), standing.app.clone());
        let before = self.open.remove(&slot).unwrap_or_default();
        let mut open = BTreeMap::new();
        for (path, (rule, since)) in before {
            match now.get(&path) {
                Some(same) if *same == rule => {
                    now.remove(&path);
                    open.insert(path, (rule, since));
                }
                _ => self.all.push(episode(&slot, path, (rule, since), Some(at))),
            }
        }
        open.extend(now.into_iter().map(|(path, rule)| (path, (rule, at))));
        if !open.is_empty() {
            self.open.insert(slot, open);
        }
    }

    fn finish(mut self, tried: &RuleSet) -> Vec<RuleEpisodeV1> {
        for (slot, open) in std::mem::take(&mut self.open) {
            self.all.extend(open.into_iter().map(|(path, state)| episode(&slot, path, state, None)));
        }
        let expires = |name: &str| {
            let rule = tried.rules.iter().find(|r| *r.name == *name)?;
            rule.because.as_ref()?.expires
        };
        let mut all: Vec<RuleEpisodeV1> = Vec::new();
        for mut episode in self.all {
            // What stood on after its rule had expired was hidden no more.
            let end = episode.rule.as_deref().and_then(expires);
            if let Some(end) = end.filter(|end| episode.until.is_none_or(|until| *end < until)) {
                let rest = RuleEpisodeV1 {
                    key: episode.key.clone(),
                    app: episode.app.clone(),
                    path: episode.path.clone(),
                    path_text: episode.path_text.clone(),
                    rule: None,
                    since: end.max(episode.since),
                    until: episode.until,
                };
                let was_hidden = end > episode.since;
                episode.until = Some(end);
                all.extend(was_hidden.then_some(episode));
                all.push(rest);
            } else {
                all.push(episode);
            }
        }
        all.sort_by(|a, b| (a.since, &a.path_text, &a.rule).cmp(&(b.since, &b.path_text, &b.rule)));
        all
    }
}

fn episode(
    (key, app): &(ResourceKey, ResourceKey),
    path: FieldPath,
    (rule, since): State,
    until: Option<Timestamp>,
) -> RuleEpisodeV1 {
    RuleEpisodeV1 {
        key: key.into(),
        app: app.into(),
        path_text: path.to_string(),
        path,
        rule: rule.map(|r| r.to_string()),
        since,
        until,
    }
}
