//! The rights that an answer lacked, as the commands that grant them.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::coverage::{Coverage, UnseenReason};
use drift_core::schema::SchemaSet;

/// More kinds than these are granted at once.
const MAX_KINDS: usize = 8;

/// Returns the `kubectl` commands with which an administrator grants what could not be listed, one for each namespace; empty
/// where nothing was denied.
///
/// # Example
/// ```
/// use drift_core::Scope;
/// use drift_core::coverage::{Coverage, Unseen, UnseenReason};
/// use drift_sources::estate::grant_commands;
///
/// let mut coverage = Coverage::default();
/// let message = "secrets is forbidden: User \"ci\" cannot list resource \"secrets\" in API group \"\" at the cluster scope";
/// coverage.add(Unseen::of_scope(UnseenReason::Denied, Scope::of_kind("", "Secret"), message));
/// assert_eq!(
///     grant_commands(&coverage),
///     ["kubectl create clusterrole drift-reader --verb=get,list,watch --resource=secrets && \
///       kubectl create clusterrolebinding drift-reader --clusterrole=drift-reader --user=ci"]
/// );
/// ```
pub fn grant_commands(coverage: &Coverage) -> Vec<String> {
    let mut denied: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for unseen in coverage.unseen().iter().filter(|u| u.reason == UnseenReason::Denied) {
        let Some((scope, (group, kind))) = unseen.scope.as_ref().and_then(|s| Some((s, s.kind.as_ref()?)))
        else {
            continue;
        };
        let subject = subject(&unseen.message).unwrap_or_else(|| "--user=NAME".to_owned());
        let resources = denied.entry((scope.namespace.to_string(), subject)).or_default();
        resources.insert(resource(group, kind));
    }
    let command = |((namespace, subject), resources): (&(String, String), &BTreeSet<String>)| {
        let all: Vec<&str> = resources.iter().map(|r| &**r).collect();
        let resources = if all.len() > MAX_KINDS { "'*.*'".to_owned() } else { all.join(",") };
        let (role, place) = match &**namespace {
            "" => ("clusterrole", String::new()),
            namespace => ("role", format!(" -n {namespace}")),
        };
        format!(
            "kubectl create {role} drift-reader{place} --verb=get,list,watch --resource={resources} && \
             kubectl create {role}binding drift-reader{place} --{role}=drift-reader {subject}"
        )
    };
    denied.iter().map(command).collect()
}

/// Returns the resource of a kind as `--resource` takes it.
fn resource(group: &str, kind: &str) -> String {
    let schemas = SchemaSet::bundled();
    let known = schemas.versions(group, kind).next().map(|k| k.plural().to_owned());
    let plural = known.unwrap_or_else(|| format!("{}s", kind.to_lowercase()));
    if group.is_empty() { plural } else { format!("{plural}.{group}") }
}

/// Reads who was denied from the answer of an API server.
fn subject(message: &str) -> Option<String> {
    let (user, _) = message.split_once("User \"")?.1.split_once('"')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":@._-".contains(c);
    let user = Some(user).filter(|u| !u.is_empty() && u.chars().all(is_plain))?;
    Some(match user.strip_prefix("system:serviceaccount:") {
        Some(account) => format!("--serviceaccount={account}"),
        None => format!("--user={user}"),
    })
}

#[cfg(test)]
mod tests {
    use drift_core::Scope;
    use drift_core::coverage::Unseen;

    use super::*;

    fn check(denied: &[(&str, &str, &str, &str)], expect: &[&str]) {
        let mut coverage = Coverage::default();
        for (group, kind, namespace, user) in denied {
            let scope = Scope { namespace: (*namespace).into(), ..Scope::of_kind(group, kind) };
            let message = format!("x is forbidden: User \"{user}\" cannot list resource");
            coverage.add(Unseen::of_scope(UnseenReason::Denied, scope, message));
        }
        assert_eq!(grant_commands(&coverage), expect);
    }

    #[test]
    fn rights_are_granted_by_namespace_and_to_who_was_denied() {
        check(
            &[
                ("apps", "Deployment", "shop", "system:serviceaccount:ci:gate"),
                ("", "Secret", "shop", "system:serviceaccount:ci:gate"),
            ],
            &[
                "kubectl create role drift-reader -n shop --verb=get,list,watch --resource=deployments.apps,secrets && \
               kubectl create rolebinding drift-reader -n shop --role=drift-reader --serviceaccount=ci:gate",
            ],
        );
        let many: Vec<_> =
            ["A", "B", "C", "D", "E", "F", "G", "H", "I"].map(|k| ("x.io", k, "", "it's; me")).into();
        check(
            &many,
            &["kubectl create clusterrole drift-reader --verb=get,list,watch --resource='*.*' && \
               kubectl create clusterrolebinding drift-reader --clusterrole=drift-reader --user=NAME"],
        );
        check(&[], &[]);
    }
}
