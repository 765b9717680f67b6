//! The live cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::coverage::{RecordedScope, Unseen};
use drift_core::redact::SecretValues;
use drift_core::{Gap, Object, ResourceKey, Scope};

use super::live::DefaultNamespace;
use super::{ClusterScope, EstateError, InputNotes, LiveState};
use crate::kubernetes::{
    ConnectOptions, Connection, KindFilter, KubernetesOptions, KubernetesSource, connect,
};

/// Connects as kubectl does.
///
/// # Errors
/// [`EstateError::NoCluster`] when there is no kubeconfig, or the server does not answer.
pub async fn connect_cluster(options: ConnectOptions) -> Result<Connection, EstateError> {
    connect(options).await.map_err(|source| EstateError::NoCluster { source })
}

/// Makes a source that follows a cluster, or some namespaces of it; all if none is named.
pub fn cluster_source(connection: &Connection, namespaces: &[String]) -> KubernetesSource {
    let options = KubernetesOptions { namespaces: namespaces.to_vec(), ..KubernetesOptions::default() };
    KubernetesSource::new(connection.client.clone(), options)
}

/// Learns the values of all Secrets in some namespaces, all if none is named, before anything is followed: a copy may come before
/// its Secret.
///
/// What may not be listed is not learnt; who follows the cluster reports it.
pub async fn learn_cluster(connection: &Connection, namespaces: &[String], values: &SecretValues) {
    let kinds = KindFilter { include: vec!["Secret.".to_owned()], ..KindFilter::default() };
    let options =
        KubernetesOptions { kinds, namespaces: namespaces.to_vec(), ..KubernetesOptions::default() };
    let listed = KubernetesSource::new(connection.client.clone(), options).snapshot().await;
    values.learn(&listed.map(|snapshot| snapshot.objects).unwrap_or_default());
}

impl LiveState {
    /// Lists what is live in a cluster, as far as a question needs it.
    ///
    /// # Errors
    /// When the server cannot be reached. Kinds that may not be listed are gaps, and notes.
    pub async fn of_cluster(connection: &Connection, scope: &ClusterScope) -> Result<Self, EstateError> {
        let mut namespaces = scope.namespaces.clone();
        if scope.default_namespace == DefaultNamespace::Include && !namespaces.contains(&connection.namespace)
        {
            namespaces.push(connection.namespace.clone());
        }
        let (objects, gaps) = list(connection, &namespaces, &scope.cluster_kinds).await?;
        let mut notes = InputNotes::default();
        let (declared, others): (Vec<_>, Vec<_>) = gaps.iter().partition(|gap| scope.concerns(&gap.scope));
        declared.into_iter().for_each(|gap| notes.add_unseen(Unseen::of_gap(gap)));
        if !others.is_empty() {
            notes.add(format!("not listed, and nothing is declared of them: {}", kinds_of(&others)));
        }
        let mut recorded = RecordedScope::default();
        gaps.iter().for_each(|gap| recorded.add_unlisted(gap));
        let namespace = Some(connection.namespace.clone());
        Ok(Self { objects, recorded, notes, namespace, redactor: None })
    }
}

/// Lists the Namespaces alone, with what could not be listed of them.
pub(super) async fn list_namespaces(
    connection: &Connection,
) -> Result<(Vec<ResourceKey>, RecordedScope), EstateError> {
    let kinds = KindFilter { include: vec!["Namespace.".to_owned()], ..KindFilter::default() };
    let options = KubernetesOptions { kinds, ..KubernetesOptions::default() };
    let listed = KubernetesSource::new(connection.client.clone(), options).snapshot().await;
    let listed = listed.map_err(|e| unlisted(connection, e))?;
    let mut recorded = RecordedScope::default();
    listed.gaps.iter().for_each(|gap| recorded.add_unlisted(gap));
    Ok((listed.objects.iter().map(Object::key).collect(), recorded))
}

fn unlisted(connection: &Connection, error: drift_core::SourceError) -> EstateError {
    let what = format!("cannot list what is in {}", connection.server);
    EstateError::Unreachable { what, source: Box::new(error) }
}

/// Names the kinds of some gaps, each once: `Secret`, and `all kinds of apps` where a group could not be discovered.
fn kinds_of(gaps: &[&Gap]) -> String {
    let name = |scope: &Scope| match &scope.kind {
        Some((_, kind)) if !kind.is_empty() => kind.to_string(),
        _ => Scope { namespace: "".into(), ..scope.clone() }.to_string(),
    };
    let kinds: BTreeSet<_> = gaps.iter().map(|gap| name(&gap.scope)).collect();
    kinds.into_iter().collect::<Vec<_>>().join(", ")
}

/// Lists all of some namespaces, and of the kinds outside of namespaces those that are named; no namespaces means all of
/// everything.
async fn list(
    connection: &Connection,
    namespaces: &[String],
    kinds: &BTreeSet<(String, String)>,
) -> Result<(Vec<Arc<Object>>, Vec<Gap>), EstateError> {
    let failed = |e| unlisted(connection, e);
    let snapshot = cluster_source(connection, namespaces).snapshot().await.map_err(failed)?;
    let (mut objects, mut gaps) = (snapshot.objects, snapshot.gaps);
    if !namespaces.is_empty() {
        // Definitions are listed too: they are the schemas of custom resources.
        let definitions = ("customresourcedefinitions".to_owned(), "apiextensions.k8s.io".to_owned());
        let named = kinds.iter().chain([&definitions]).map(|(kind, group)| format!("{kind}.{group}"));
        let kinds = KindFilter { include: named.collect(), ..KindFilter::default() };
        let options = KubernetesOptions { kinds, ..KubernetesOptions::default() };
        let rest =
            KubernetesSource::new(connection.client.clone(), options).snapshot().await.map_err(failed)?;
        objects.extend(rest.objects);
        gaps.extend(rest.gaps);
    }
    objects.sort_by_cached_key(Object::key);
    objects.dedup_by(|a, b| a.key() == b.key());
    Ok((objects.into_iter().map(Arc::new).collect(), gaps))
}

#[cfg(test)]
mod tests {
    use drift_core::GapReason;

    use super::*;

    #[test]
    fn a_group_that_cannot_be_discovered_has_a_name_in_a_list_of_kinds() {
        let gap = |group, kind| {
            let to = jiff::Timestamp::UNIX_EPOCH;
            let (scope, reason) = (Scope::of_kind(group, kind), GapReason::Denied);
            Gap { scope, from: None, to, from_version: None, to_version: None, reason, message: "".into() }
        };
        let gaps = [gap("metrics.k8s.io", ""), gap("", "Secret"), gap("", "Secret"), gap("", "")];
        let gaps: Vec<_> = gaps.iter().collect();
        assert_eq!(kinds_of(&gaps), "Secret, all kinds of metrics.k8s.io, all kinds of the core group");
        assert_eq!(kinds_of(&gaps[..1]), "all kinds of metrics.k8s.io");
    }
}
