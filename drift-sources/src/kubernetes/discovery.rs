//! Discovers the resource types that the API server serves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::machine::Failure;
use super::request::{JSON, Requests};
use super::target::{Reach, WatchTarget};

/// One request for all groups, from servers that know it.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// The resource types that can be listed and watched.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// By group and plural: the kind under its preferred version, and all versions it is served in.
    pub(crate) kinds: BTreeMap<(String, String), Served>,
    /// Groups that could not be discovered completely, with the reason.
    pub(crate) broken: BTreeMap<String, String>,
}

/// A kind that is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) target: WatchTarget,
    pub(crate) versions: BTreeSet<String>,
}

impl Discovered {
    /// Takes a resource; versions come with the preferred one first.
    fn add_resource(&mut self, group: &str, version: &str, kind: &str, plural: &str, reach: Reach) {
        let key = (group.to_owned(), plural.to_owned());
        let served = self.kinds.entry(key).or_insert_with(|| Served {
            target: WatchTarget {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                plural: plural.into(),
                reach,
            },
            versions: BTreeSet::new(),
        });
        served.versions.insert(version.to_owned());
    }

    /// Removes resource types that serve the objects of another group again: each object would be emitted twice.
    fn without_duplicates(mut self) -> Self {
        let kinds: BTreeSet<_> = self.kinds.keys().cloned().collect();
        let elsewhere = |plural: &str, groups: &[&str]| {
            groups.iter().any(|group| kinds.contains(&((*group).to_owned(), plural.to_owned())))
        };
        self.kinds.retain(|(group, plural), _| match (group.as_str(), plural.as_str()) {
            ("events.k8s.io", "events") => !elsewhere(plural, &[""]),
            ("extensions", _) => !elsewhere(plural, &["apps", "networking.k8s.io", "policy"]),
            _ => true,
        });
        self
    }
}

#[derive(Deserialize)]
struct GroupDiscoveryList {
    #[serde(default)]
    items: Vec<GroupDiscovery>,
}

#[derive(Deserialize)]
struct GroupDiscovery {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<VersionDiscovery>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct VersionDiscovery {
    version: String,
    #[serde(default)]
    resources: Vec<ResourceDiscovery>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDiscovery {
    resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<GroupVersion>,
    #[serde(default)]
    preferred_version: Option<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<ApiResource>,
}

#[derive(Deserialize)]
struct ApiResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

fn is_watchable(verbs: &[String]) -> bool {
    ["list", "watch"].iter().all(|verb| verbs.iter().any(|v| v == verb))
}

/// Discovers all resource types.
pub(crate) async fn discover_kinds(requests: &Requests) -> Result<Discovered, Failure> {
    let mut found = Discovered::default();
    for (path, core) in [("/api", true), ("/apis", false)] {
        let (body, media) = requests.get(path, AGGREGATED).await?;
        if media.contains("as=APIGroupDiscoveryList") {
            add_aggregated(&body, &mut found)?;
        } else if core {
            let versions: Versions = parse_json(&body)?;
            for version in versions.versions {
                add_resources(requests, "", &version, &mut found).await;
            }
        } else {
            one_by_one(requests, &body, &mut found).await?;
        }
    }
    Ok(found.without_duplicates())
}

fn parse_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|e| Failure::Corrupt(format!("discovery: {e}")))
}

fn add_aggregated(body: &[u8], found: &mut Discovered) -> Result<(), Failure> {
    let list: GroupDiscoveryList = parse_json(body)?;
    for group in list.items {
        let name = group.metadata.name;
        for version in group.versions {
            if version.freshness == "Stale" {
                let reason = format!("version {} of {name} cannot be asked now", version.version);
                found.broken.insert(name.clone(), reason);
            }
            for resource in version.resources.iter().filter(|r| is_watchable(&r.verbs)) {
                let Some(kind) = resource.response_kind.as_ref().filter(|k| !k.kind.is_empty()) else {
                    continue;
                };
                let reach =
                    if resource.scope == "Namespaced" { Reach::AllNamespaces } else { Reach::Cluster };
                found.add_resource(&name, &version.version, &kind.kind, &resource.resource, reach);
            }
        }
    }
    Ok(())
}

async fn one_by_one(requests: &Requests, body: &[u8], found: &mut Discovered) -> Result<(), Failure> {
    let list: GroupList = parse_json(body)?;
    for group in list.groups {
        let preferred = group.preferred_version.map(|v| v.version);
        let mut versions: Vec<_> = group.versions.into_iter().map(|v| v.version).collect();
        versions.sort_by_key(|version| Some(version) != preferred.as_ref());
        for version in versions {
            add_resources(requests, &group.name, &version, found).await;
        }
    }
    Ok(())
}

/// Adds what one group and version serves, or notes that it cannot be asked.
async fn add_resources(requests: &Requests, group: &str, version: &str, found: &mut Discovered) {
    let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let list = match requests.get(&path, JSON).await {
        Ok((body, _)) => parse_json::<ResourceList>(&body),
        Err(failure) => Err(failure),
    };
    let list = match list {
        Ok(list) => list,
        Err(failure) => {
            found.broken.insert(group.to_owned(), format!("{path}: {}", failure.message()));
            return;
        }
    };
    let whole = |r: &&ApiResource| is_watchable(&r.verbs) && !r.name.contains('/');
    for resource in list.resources.iter().filter(whole) {
        let reach = if resource.namespaced { Reach::AllNamespaces } else { Reach::Cluster };
        found.add_resource(group, version, &resource.kind, &resource.name, reach);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferred_versions_come_first_and_duplicates_go() {
        let body = br#"{"items":[
            {"metadata":{},"versions":[{"version":"v1","resources":[
                {"resource":"events","responseKind":{"kind":"Event"},"scope":"Namespaced","verbs":["list","watch"]},
                {"resource":"componentstatuses","responseKind":{"kind":"ComponentStatus"},"scope":"Cluster","verbs":["list"]}]}]},
            {"metadata":{"name":"events.k8s.io"},"versions":[{"version":"v1","resources":[
                {"resource":"events","responseKind":{"kind":"Event"},"scope":"Namespaced","verbs":["list","watch"]}]}]},
            {"metadata":{"name":"autoscaling"},"versions":[
                {"version":"v2","resources":[{"resource":"hpas","responseKind":{"kind":"HPA"},"scope":"Namespaced","verbs":["list","watch"]}]},
                {"version":"v1","resources":[{"resource":"hpas","responseKind":{"kind":"HPA"},"scope":"Namespaced","verbs":["list","watch"]}]}]},
            {"metadata":{"name":"metrics.example.com"},"versions":[{"version":"v1","freshness":"Stale"}]}]}"#;
        let mut found = Discovered::default();
        add_aggregated(body, &mut found).unwrap();
        let found = found.without_duplicates();
        let ids: Vec<_> =
            found.kinds.values().map(|s| format!("{} {}", s.target.id(), s.target.version)).collect();
        assert_eq!(ids, ["Event/events v1", "HPA.autoscaling/hpas v2"]);
        assert_eq!(found.kinds[&("autoscaling".to_owned(), "hpas".to_owned())].versions.len(), 2);
        assert_eq!(found.broken.keys().collect::<Vec<_>>(), ["metrics.example.com"]);
    }
}
