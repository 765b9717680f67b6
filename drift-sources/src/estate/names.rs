//! The one resource that a name means, and the namespace that is meant.

use std::collections::BTreeSet;

use drift_core::coverage::{RecordedScope, Unseen};
use drift_core::{ResourceKey, ResourceName};

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
    let mut hits: Vec<_> = keys.iter().filter(|k| name.matches(k, namespace)).collect();
    hits.dedup();
    match hits[..] {
        [key] => Ok(key),
        [] => Err(EstateError::UnknownResource {
            name: name.to_string(),
            searched: SearchedInput::History,
            nearest: nearest(name, keys),
        }),
        _ => {
            let mut candidates: Vec<_> = hits.iter().map(ToString::to_string).collect();
            candidates.sort();
            candidates.dedup();
            candidates.truncate(MAX_NAMED);
            Err(EstateError::AmbiguousName { name: name.to_string(), candidates })
        }
    }
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

impl Estate {
    /// Finds the one resource of a name, such as `deploy/web`.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] and [`EstateError::AmbiguousName`] when it fits none or several,
    /// [`EstateError::UnseenResource`] when it fits none, and what could not be looked at may hold it.
    pub async fn find(&self, name: &ResourceName) -> Result<ResourceKey, EstateError> {
        let history = self.recorded().await?;
        let found = history.find(name, self.options.namespace.as_deref()).await;
        #[cfg(feature = "kubernetes")]
        if let (Err(EstateError::AmbiguousName { .. }), OpenInput::Cluster(connection)) =
            (&found, &self.input)
        {
            // As kubectl does, in the namespace of the context.
            return history.find(name, Some(&connection.namespace)).await.or(found);
        }
        match found {
            Err(EstateError::UnknownResource { nearest, .. }) => {
                let unseen = self.listed_scope().await?.unseen_name(name, self.options.namespace.as_deref());
                Err(match unseen {
                    Some(unseen) => {
                        EstateError::UnseenResource { name: name.to_string(), unseen: Box::new(unseen) }
                    }
                    None => {
                        let (name, searched) = (name.to_string(), self.searched());
                        EstateError::UnknownResource { name, searched, nearest }
                    }
                })
            }
            found => found,
        }
    }

    /// Checks that each name fits something, be it several resources. Notes where that is not known.
    ///
    /// # Errors
    /// [`EstateError::UnknownResource`] for the first that fits nothing, and as [`recorded`](Self::recorded).
    pub async fn require_known(&self, names: &[ResourceName]) -> Result<(), EstateError> {
        for name in names {
            match self.find(name).await {
                Ok(_) | Err(EstateError::AmbiguousName { .. }) => {}
                Err(EstateError::UnseenResource { unseen, .. }) => self.note_unseen_name(name, *unseen),
                Err(e) => return Err(e),
            }
        }
        Ok(())
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
        match (self.searched(), &self.options.namespace, self.options.compared_namespaces) {
            (SearchedInput::Cluster, Some(namespace), _) => {
                SearchedInput::ClusterNamespace(namespace.clone())
            }
            (SearchedInput::Cluster, None, ComparedNamespaces::Declared) => {
                SearchedInput::ClusterNamespace("default".to_owned())
            }
            (searched, ..) => searched,
        }
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
