//! The rights that an answer lacked, as the commands that grant them.

use std::collections::{BTreeMap, BTreeSet};

use drift_core::Scope;
use drift_core::coverage::{Coverage, UnseenReason};
use drift_core::schema::SchemaSet;

/// Returns the `kubectl` commands with which an administrator grants what could not be listed, one for each namespace; empty
/// where nothing was denied.
///
/// They grant the kinds that the answer lacked and nothing else: a role for everything would also show every Secret.
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
        let kind = |scope: &Scope| scope.kind.clone().filter(|(_, kind)| !kind.is_empty());
        let Some((scope, (group, kind))) = unseen.scope.as_ref().and_then(|s| Some((s, kind(s)?))) else {
            continue;
        };
        let subject = subject(&unseen.message).unwrap_or_else(|| "--user=NAME".to_owned());
        let resources = denied.entry((scope.namespace.to_string(), subject)).or_default();
        resources.insert(denied_resource(&unseen.message).unwrap_or_else(|| resource(&group, &kind)));
    }
    let command = |((namespace, subject), resources): (&(String, String), &BTreeSet<String>)| {
        let resources = resources.iter().map(|r| &**r).collect::<Vec<_>>().join(",");
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

/// Reads which resource was denied from the answer of an API server, as `--resource` takes it: `cannot list resource "policies" in API
/// group "example.com"`.
fn denied_resource(message: &str) -> Option<String> {
    let (plural, rest) = message.split_once("resource \"")?.1.split_once('"')?;
    let (group, _) = rest.strip_prefix(" in API group \"")?.split_once('"')?;
    let is_name =
        |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
    let is_plain = !plural.is_empty() && is_name(plural) && is_name(group);
    is_plain.then(|| qualified(plural, group))
}

/// Returns the resource of a kind as `--resource` takes it.
fn resource(group: &str, kind: &str) -> String {
    let schemas = SchemaSet::bundled();
    let known = schemas.versions(group, kind).next().map(|k| k.plural().to_owned());
    let plural = known.unwrap_or_else(|| format!("{}s", kind.to_lowercase()));
    qualified(&plural, group)
}

fn qualified(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
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
        check(
            &[("x.io", "Widget", "", "it's; me")],
            &["kubectl create clusterrole drift-reader --verb=get,list,watch --resource=widgets.x.io && \
               kubectl create clusterrolebinding drift-reader --clusterrole=drift-reader --user=NAME"],
        );
        check(&[], &[]);
    }
    #[test]
    fn however_much_was_denied_nothing_else_is_granted() {
        let kinds: Vec<String> = (b'a'..=b'z').map(|c| format!("Kind{}", char::from(c))).collect();
        let mut coverage = Coverage::default();
        for kind in &kinds {
            let scope = Scope { namespace: "shop".into(), ..Scope::of_kind("x.io", kind) };
            coverage.add(Unseen::of_scope(UnseenReason::Denied, scope, "forbidden: User \"me\" cannot"));
        }
        // A group that could not be discovered has no kinds yet.
        coverage.add(Unseen::of_scope(UnseenReason::Denied, Scope::of_kind("y.io", ""), "User \"me\""));
        let commands = grant_commands(&coverage);
        assert_eq!(commands.len(), 1, "{commands:?}");
        assert!(!commands[0].contains('*') && !commands[0].contains("y.io"), "{commands:?}");
        let named =
            kinds.iter().filter(|kind| commands[0].contains(&format!("{}s.x.io", kind.to_lowercase())));
        assert_eq!(named.count(), 26, "{commands:?}");
    }

    #[test]
    fn the_resource_is_named_as_the_server_names_it() {
        let message = "policies.x.io is forbidden: User \"me\" cannot list resource \"policies\" in API group \"x.io\" at the cluster scope";
        let mut coverage = Coverage::default();
        coverage.add(Unseen::of_scope(UnseenReason::Denied, Scope::of_kind("x.io", "Policy"), message));
        assert!(grant_commands(&coverage)[0].contains(" --resource=policies.x.io "), "{coverage:?}");
        assert_eq!(denied_resource("cannot list resource \"a;b\" in API group \"\""), None);
    }
}
