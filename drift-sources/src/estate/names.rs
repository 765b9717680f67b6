//! The one resource that a name means.

use drift_core::{ResourceKey, ResourceName};

use super::EstateError;

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
        [] => Err(EstateError::UnknownResource { name: name.to_string(), nearest: nearest(name, keys) }),
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
