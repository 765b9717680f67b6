//! What an answer could not look at, as every report carries it.

use std::collections::BTreeMap;

use drift_core::Scope;
use drift_core::coverage::{Coverage, Unseen, UnseenReason};
use drift_core::text::printable;
use jiff::Timestamp;
use serde::Serialize;

use super::Styler;

/// Parts with the same reason and text are listed one by one up to this many.
const MAX_ALIKE: usize = 3;

/// What an answer rests on: the moment that it is about, and what could not be looked at.
///
/// `drift diff -o json` of an account that may not list Secrets has
/// `{"complete": false, "unseen": [{"reason": "Denied", "scope": "Secret", "message": "secrets is forbidden"}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoverageV1 {
    /// Whether everything that the question is about was looked at.
    pub complete: bool,
    /// Moment that the answer is about, in UTC; missing for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// What was not looked at, in the order in which it was met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<UnseenV1>,
}

/// A part that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnseenV1 {
    /// Why, such as `Denied`, `OutsideRecording` or `NotGiven`.
    pub reason: &'static str,
    /// Kind and namespace that it concerns, such as `Secret in shop`; missing where it is no part of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Why, for people.
    pub message: String,
}

impl From<&Coverage> for CoverageV1 {
    fn from(coverage: &Coverage) -> Self {
        let unseen = merge_alike(coverage.unseen()).into_iter();
        Self { complete: coverage.is_complete(), as_of: coverage.as_of(), unseen: unseen.collect() }
    }
}

impl CoverageV1 {
    /// Writes what was not looked at as text for people, a line each; nothing where the answer is complete.
    pub fn render_text(&self, styler: Styler) -> String {
        let line = |unseen: &UnseenV1| {
            let scope = unseen.scope.as_ref().map_or_else(String::new, |s| format!("{s}: "));
            let text = printable(&format!("{scope}{}", unseen.message));
            format!("{} {text}\n", styler.alarm("not looked at:"))
        };
        self.unseen.iter().map(line).collect()
    }

    /// Adds to a text that says that there is nothing, such as `nothing found`, that this is only true of what was looked at.
    pub(super) fn qualify(&self, nothing: &str) -> String {
        if self.complete { nothing.to_owned() } else { format!("{nothing} in what could be looked at") }
    }
}

/// Lists what an account may not list, or what has the same text, in one entry: an expired role concerns 60 kinds.
fn merge_alike(all: &[Unseen]) -> Vec<UnseenV1> {
    let group = |unseen: &Unseen| match (&unseen.scope, unseen.reason) {
        (Some(scope), UnseenReason::Denied) => {
            Some((scope.namespace.to_string(), unseen.reason, String::new()))
        }
        (Some(scope), reason) => Some((scope.namespace.to_string(), reason, unseen.message.clone())),
        (None, _) => None,
    };
    let mut alike: BTreeMap<_, Vec<&Unseen>> = BTreeMap::new();
    for unseen in all {
        group(unseen).into_iter().for_each(|group| alike.entry(group).or_default().push(unseen));
    }
    alike.retain(|_, members| members.len() > MAX_ALIKE);
    let mut merged = Vec::new();
    for unseen in all {
        match group(unseen).filter(|group| alike.contains_key(group)) {
            None => merged.push(UnseenV1::from(unseen)),
            // The first of them stands for all.
            Some(group) if alike[&group].first().is_some_and(|first| std::ptr::eq(*first, unseen)) => {
                merged.push(UnseenV1::of_many(&alike[&group]));
            }
            Some(_) => {}
        }
    }
    merged
}

impl From<&Unseen> for UnseenV1 {
    fn from(unseen: &Unseen) -> Self {
        let scope = unseen.scope.as_ref().map(ToString::to_string);
        Self { reason: unseen.reason.as_str(), scope, message: unseen.message.clone() }
    }
}

impl UnseenV1 {
    fn of_many(members: &[&Unseen]) -> Self {
        let kinds = |scope: &Scope| Scope { namespace: "".into(), ..scope.clone() }.to_string();
        let scopes: Vec<&Scope> = members.iter().filter_map(|u| u.scope.as_ref()).collect();
        let kinds: Vec<String> = scopes.iter().map(|s| kinds(s)).collect();
        let namespace = scopes.first().map(|s| &*s.namespace).filter(|n| !n.is_empty());
        let place = namespace.map_or_else(String::new, |n| format!(" in {n}"));
        let first = members.first().map(|u| u.message.as_str()).unwrap_or_default();
        Self {
            reason: members.first().map_or("", |u| u.reason.as_str()),
            scope: Some(format!("{} kinds{place}", kinds.len())),
            message: format!("{first}, and so on for {}", kinds.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(kind: &str) -> Unseen {
        let scope = Scope { namespace: "shop".into(), ..Scope::of_kind("", kind) };
        Unseen::of_scope(UnseenReason::Denied, scope, format!("may not list {kind}"))
    }

    #[test]
    fn many_denials_are_one_entry_that_names_each_kind() {
        let mut coverage = Coverage::default();
        ["Pod", "Secret", "Service", "Node"].map(denied).into_iter().for_each(|u| coverage.add(u));
        coverage.add(Unseen::other(UnseenReason::NotGiven, "no repository"));
        let text = CoverageV1::from(&coverage).render_text(Styler::default());
        let first =
            "not looked at: 4 kinds in shop: may not list Pod, and so on for Pod, Secret, Service, Node\n";
        assert_eq!(text, format!("{first}not looked at: no repository\n"));
    }

    #[test]
    fn nothing_is_only_nothing_of_what_was_looked_at() {
        let mut coverage = Coverage::default();
        assert_eq!(CoverageV1::from(&coverage).qualify("nothing found"), "nothing found");
        coverage.add(denied("Pod"));
        let of_a_part = CoverageV1::from(&coverage);
        assert_eq!(of_a_part.qualify("nothing found"), "nothing found in what could be looked at");
        let json = serde_json::to_value(&of_a_part).unwrap();
        let unseen =
            serde_json::json!([{"reason":"Denied","scope":"Pod in shop","message":"may not list Pod"}]);
        assert_eq!(json, serde_json::json!({"complete":false,"unseen":unseen}));
    }
}
