//! The one resource that a name means, and the namespace that is meant.

use std::collections::BTreeSet;

use drift_core::coverage::{RecordedScope, Unseen};
use drift_core::{ResourceKey, ResourceName};

use super::live::DefaultNamespace;
use super::opened::OpenInput;
use super::{ClusterScope, ComparedNamespaces, Estate, EstateError, InputNotes, LiveState, SearchedInput};

/// Most keys that an error names.
const MAX_NAMED: usize = 5;
/// No name in a cluster is longer than this; comparing two takes the product of their lengths.
const MAX_LENGTH: usize = 253;

/// Finds the one key of a name among those that are known.
///
/// # Errors
/// When it fits none or several; the error names the nearest, or those that it fits.
pub(super) fn find_resource<'a>(
    name: &ResourceName,
    keys: &'a [ResourceKey],
    namespace: Option<&str>,
) -> Result<&'a ResourceKey, EstateError> {
    let hits = matching(name, keys, namespace);
    match hits[..] {
        [key] => Ok(key),
        [] => Err(EstateError::UnknownResource {
            name: name.to_string(),
            searched: SearchedInput::History,
            nearest: nearest(name, keys),
        }),
        _ => Err(EstateError::AmbiguousName { name: name.to_string(), candidates: named(&hits) }),
    }
}

/// Returns the keys that a name fits, each once.
fn matching<'a>(
    name: &ResourceName,
    keys: &'a [ResourceKey],
    namespace: Option<&str>,
) -> Vec<&'a ResourceKey> {
    let mut hits: Vec<_> = keys.iter().filter(|k| name.matches(k, namespace)).collect();
    hits.sort();
    hits.dedup_by(|a, b| is_same(a, b));
    hits
}

/// Returns `true` if two keys name one resource, whether or not the cluster has a name.
fn is_same(one: &ResourceKey, other: &ResourceKey) -> bool {
    (&one.group, &one.kind, &one.namespace, &one.name)
        == (&other.group, &other.kind, &other.namespace, &other.name)
}

/// Names the first few of some keys.
fn named(keys: &[&ResourceKey]) -> Vec<String> {
    keys.iter().take(MAX_NAMED).map(ToString::to_string).collect()
}

/// Names the few keys of that kind, or of that name, whose names are most similar.
pub(super) fn nearest(name: &ResourceName, keys: &[ResourceKey]) -> Vec<String> {
    let similarity = |k: &ResourceKey| strsim::normalized_damerau_levenshtein(&k.name, name.name());
    let is_comparable = |k: &&ResourceKey| k.name.len() <= MAX_LENGTH && name.name().len() <= MAX_LENGTH;
    let near = keys.iter().filter(is_comparable);
    let near = near.filter(|k| *k.name == *name.name() || name.kind().matches(k));
    let mut near: Vec<_> = near.map(|k| ((-1000.0 * similarity(k)) as i64, k.to_string())).collect();
    near.sort();
    near.dedup();
    near.into_iter().take(MAX_NAMED).map(|(_, name)| name).collect()
}

/// Names the few namespaces whose names are most similar.
fn nearest_namespaces(namespace: &str, keys: &[ResourceKey]) -> Vec<String> {
    let similarity = |name: &str| strsim::normalized_damerau_levenshtein(name, namespace);
    let known: BTreeSet<&str> = keys.iter().filter_map(namespace_of).collect();
    let is_comparable = |name: &&str| name.len() <= MAX_LENGTH && namespace.len() <= MAX_LENGTH;
    let near = known.into_iter().filter(is_comparable);
    let mut near: Vec<_> = near.map(|name| ((-1000.0 * similarity(name)) as i64, name)).collect();
    near.sort_unstable();
    near.into_iter().take(MAX_NAMED).map(|(_, name)| name.to_owned()).collect()
}

/// Returns the namespace that a resource lies in, or is.
fn namespace_of(key: &ResourceKey) -> Option<&str> {
    let is_namespace = key.group.is_empty() && &*key.kind == "Namespace";
    let name = if is_namespace { &key.name } else { &key.namespace };
    (!name.is_empty()).then_some(&**name)
}

/// # What a name means
///
/// One rule, for every question about resources that are named:
///
/// 1. A namespace in the name counts (`Deployment.apps/shop/web`, `Node//node-a`), else the one that is
///    [asked about](super::EstateOptions::namespace).
/// 2. Where there is neither, a name is looked for everywhere, and means the one resource that it fits. Of several in a cluster it means
///    that in the namespace of the context, as for kubectl; a remark names the others.
/// 3. Several are an error that lists them, unless [all namespaces](super::ComparedNamespaces::All) are asked about: then it means
///    each of them.
impl Estate {
    /// Finds the one resource of a name, such as `deploy/web`, among all that is recorded.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] and [`EstateError::AmbiguousName`] when it fits none or several,
    /// [`EstateError::UnseenResource`] when it fits none, and what could not be looked at may hold it.
    pub async fn find(&self, name: &ResourceName) -> Result<ResourceKey, EstateError> {
        let keys = self.recorded().await?.keys().await?;
        match self.choose(name, &keys) {
            Err(EstateError::UnknownResource { nearest, .. }) => Err(self.unknown(name, nearest).await?),
            found => found.cloned(),
        }
    }

    /// Finds the resources of some names. Notes where it is not known whether one exists.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] and [`EstateError::AmbiguousName`] for the first that fits nothing or several, and as
    /// [`recorded`](Self::recorded).
    pub async fn find_all(&self, names: &[ResourceName]) -> Result<Vec<ResourceKey>, EstateError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.recorded().await?.keys().await?;
        let mut all = Vec::new();
        for name in names {
            match self.choose_all(name, &keys) {
                Err(EstateError::UnknownResource { nearest, .. }) => match self.unknown(name, nearest).await?
                {
                    EstateError::UnseenResource { unseen, .. } => self.note_unseen_name(name, *unseen),
                    error => return Err(error),
                },
                found => all.extend(found?.into_iter().cloned()),
            }
        }
        Ok(all)
    }

    /// Returns which of some keys a name means, by the rule above.
    fn choose<'k>(
        &self,
        name: &ResourceName,
        keys: &'k [ResourceKey],
    ) -> Result<&'k ResourceKey, EstateError> {
        let found = find_resource(name, keys, self.options.namespace.as_deref());
        #[cfg(feature = "kubernetes")]
        if let (Err(EstateError::AmbiguousName { .. }), OpenInput::Cluster(connection)) =
            (&found, &self.input)
        {
            let Ok(near) = find_resource(name, keys, Some(&connection.namespace)) else { return found };
            let others = matching(name, keys, None);
            let others: Vec<_> = others.into_iter().filter(|k| *k != near).collect();
            let mut notes = InputNotes::default();
            let others = named(&others).join(", ");
            notes.add(format!("`{name}` is that in the namespace of the context; there is also {others}"));
            self.note(notes);
            return Ok(near);
        }
        found
    }

    /// Returns the same, or each that the name fits where all namespaces are asked about.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] and [`EstateError::AmbiguousName`].
    pub fn choose_all<'k>(
        &self,
        name: &ResourceName,
        keys: &'k [ResourceKey],
    ) -> Result<Vec<&'k ResourceKey>, EstateError> {
        let namespace = self.options.namespace.as_deref();
        let hits = matching(name, keys, namespace);
        match self.options.compared_namespaces {
            ComparedNamespaces::All if !hits.is_empty() => Ok(hits),
            _ => Ok(vec![self.choose(name, keys)?]),
        }
    }

    /// Returns the error for a name that fits nothing that is recorded.
    async fn unknown(&self, name: &ResourceName, nearest: Vec<String>) -> Result<EstateError, EstateError> {
        let unseen = self.listed_scope().await?.unseen_name(name, self.options.namespace.as_deref());
        let (searched, text) = (self.searched(), name.to_string());
        Ok(match unseen {
            Some(unseen) => EstateError::UnseenResource { name: text, unseen: Box::new(unseen) },
            None => EstateError::UnknownResource { name: text, searched, nearest },
        })
    }

    /// Returns `true` if a question is about a resource, by the names and the namespace that are asked about.
    pub(super) fn is_asked_about(&self, key: &ResourceKey) -> bool {
        let (only, namespace) = (&self.options.only, self.options.namespace.as_deref());
        match only.is_empty() {
            true => namespace.is_none_or(|n| *n == *key.namespace),
            false => only.iter().any(|name| name.matches(key, namespace)),
        }
    }

    /// Checks the same of one name that none of the live resources has, by what was listed of them.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] where it would have been seen.
    pub fn require_live(
        &self,
        name: &ResourceName,
        live: &[ResourceKey],
        listed: &RecordedScope,
    ) -> Result<(), EstateError> {
        match listed.unseen_name(name, self.options.namespace.as_deref()) {
            Some(unseen) => self.note_unseen_name(name, unseen),
            None => {
                let nearest = nearest(name, live);
                let (name, searched) = (name.to_string(), self.searched_live());
                return Err(EstateError::UnknownResource { name, searched, nearest });
            }
        }
        Ok(())
    }

    fn note_unseen_name(&self, name: &ResourceName, unseen: Unseen) {
        let message = format!("not known whether `{name}` exists: {}", unseen.message);
        // Without a scope: what else could not be listed is not a part of this.
        self.note_unseen(Unseen::other(unseen.reason, message));
    }

    fn note_unseen(&self, unseen: Unseen) {
        let mut notes = InputNotes::default();
        notes.add_unseen(unseen);
        self.note(notes);
    }

    /// Checks that the namespace that is asked about is there, if one is: something that was seen already lies in it, or
    /// anything that is known. Notes where that is not known.
    ///
    /// # Errors
    /// [`EstateError::UnknownNamespace`] where it would have been seen, and as [`recorded`](Self::recorded).
    pub async fn require_namespace(&self, seen: &[ResourceKey]) -> Result<(), EstateError> {
        let Some(namespace) = self.options.namespace.as_deref() else { return Ok(()) };
        let is_there = |keys: &[ResourceKey]| keys.iter().any(|key| namespace_of(key) == Some(namespace));
        if is_there(seen) {
            return Ok(());
        }
        let (keys, listed) = self.known_namespaces().await?;
        if is_there(&keys) {
            return Ok(());
        }
        match listed.unseen_namespace(namespace) {
            Some(unseen) => self.note_unseen(unseen),
            None => {
                let (namespace, nearest) = (namespace.to_owned(), nearest_namespaces(namespace, &keys));
                return Err(EstateError::UnknownNamespace { namespace, searched: self.searched(), nearest });
            }
        }
        Ok(())
    }

    /// Returns resources from which the namespaces are known, and what was listed of them.
    async fn known_namespaces(&self) -> Result<(Vec<ResourceKey>, RecordedScope), EstateError> {
        #[cfg(feature = "kubernetes")]
        if let (OpenInput::Cluster(connection), None) = (&self.input, self.history.get()) {
            return super::cluster::list_namespaces(connection).await;
        }
        Ok((self.recorded().await?.keys().await?, self.listed_scope().await?))
    }

    /// Returns what was listed: of a dump that may be less than what its history holds.
    async fn listed_scope(&self) -> Result<RecordedScope, EstateError> {
        match &self.input {
            OpenInput::Dump(dump) if !dump.is_tape() => {
                let (needed, values) = (ClusterScope::default(), self.options.values.clone());
                Ok(LiveState::read(dump, self.options.until, &needed, values).await?.recorded)
            }
            _ => Ok(self.recorded_scope().await?.clone()),
        }
    }

    /// Returns where live resources are looked for, as [`live`](Self::live) does.
    fn searched_live(&self) -> SearchedInput {
        match &self.input {
            #[cfg(feature = "kubernetes")]
            OpenInput::Cluster(connection) => {
                let scope = self.live_scope(self.options.namespace.as_deref());
                match (scope.default_namespace, &scope.namespaces[..]) {
                    (DefaultNamespace::Include, []) => {
                        SearchedInput::ClusterNamespace(connection.namespace.clone())
                    }
                    (_, [namespace]) => SearchedInput::ClusterNamespace(namespace.clone()),
                    _ => SearchedInput::Cluster,
                }
            }
            _ => self.searched(),
        }
    }

    /// Returns which part of a cluster a question about its live objects needs: the named resources, if any are named, else a
    /// namespace.
    pub(super) fn live_scope(&self, namespace: Option<&str>) -> ClusterScope {
        let only = &self.options.only;
        let is_all = self.options.compared_namespaces == ComparedNamespaces::All;
        let places: Option<Vec<&str>> = only.iter().map(|name| name.namespace_in(namespace)).collect();
        let Some(places) = places.filter(|_| !is_all || namespace.is_some()) else {
            return ClusterScope::default();
        };
        let outside = only.iter().filter(|name| name.namespace_in(namespace) == Some(""));
        let cluster_kinds: Option<BTreeSet<_>> = outside
            .map(|name| name.kind().built_in().map(|(group, kind)| (kind.to_owned(), group.to_owned())))
            .collect();
        // Where a kind is not known here it is looked for among all.
        let Some(cluster_kinds) = cluster_kinds else { return ClusterScope::default() };
        let places = if only.is_empty() { namespace.into_iter().collect() } else { places };
        let namespaces: BTreeSet<String> =
            places.into_iter().filter(|n| !n.is_empty()).map(str::to_owned).collect();
        // None at all would mean all of them.
        let default_namespace =
            if namespaces.is_empty() { DefaultNamespace::Include } else { DefaultNamespace::Leave };
        let namespaces = namespaces.into_iter().collect();
        ClusterScope { namespaces, default_namespace, cluster_kinds, declared_kinds: None }
    }

    fn searched(&self) -> SearchedInput {
        match &self.input {
            OpenInput::Dump(dump) if !dump.is_tape() => SearchedInput::Dump,
            OpenInput::Dump(_) | OpenInput::Tape(_) | OpenInput::Store => SearchedInput::History,
            #[cfg(feature = "kubernetes")]
            OpenInput::Cluster(_) => SearchedInput::Cluster,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_none_or_several_says_what_there_is() {
        let keys = ["Deployment.apps/a/web", "Deployment.apps/b/web", "Pod/a/x"]
            .map(|k| ResourceKey::parse(k).unwrap());
        let find = |name: &str, namespace| {
            let name = name.parse().unwrap();
            let found = find_resource(&name, &keys, namespace);
            found.map_or_else(|e| format!("{e}: {:?}", e.hint()), ToString::to_string)
        };
        assert_eq!(find("deploy/web", Some("a")), "Deployment.apps/a/web");
        assert!(find("deploy/web", None).contains("say which: Deployment.apps/a/web, Deployment.apps/b/web"));
        assert!(find("deploy/wbe", None).contains("nearest: Deployment.apps/a/web, "));
        assert!(find("cm/q", None).ends_with(": None"));
    }
}
