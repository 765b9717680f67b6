//! The cluster that the command line names.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::{Gap, Object};
use drift_sources::kubernetes::{
    ConnectOptions, Connection, KindFilter, KubernetesOptions, KubernetesSource, connect,
};

use crate::args::ClusterArgs;
use crate::failure::Failure;

/// Connects as kubectl does.
pub(crate) async fn open(args: &ClusterArgs) -> Result<Connection, Failure> {
    let options = ConnectOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        ..ConnectOptions::default()
    };
    connect(options).await.map_err(|e| {
        Failure::new("no cluster to look at")
            .because(&e)
            .hint("--live, --tape and --store need no cluster; `drift demo` needs nothing at all")
    })
}

/// Makes a source of a cluster; no namespaces means all.
pub(crate) fn source(connection: &Connection, namespaces: &[String]) -> KubernetesSource {
    let options = KubernetesOptions { namespaces: namespaces.to_vec(), ..KubernetesOptions::default() };
    KubernetesSource::new(connection.client.clone(), options)
}

/// Lists what is live: all of some namespaces, and of the kinds outside of namespaces those that are named.
///
/// No namespaces means all of everything.
pub(crate) async fn list(
    connection: &Connection,
    namespaces: &[String],
    kinds: &BTreeSet<(String, String)>,
) -> Result<(Vec<Arc<Object>>, Vec<Gap>), Failure> {
    let failed = |e| Failure::new(format!("cannot list what is in {}", connection.server)).because(&e);
    let snapshot = source(connection, namespaces).snapshot().await.map_err(failed)?;
    let (mut objects, mut gaps) = (snapshot.objects, snapshot.gaps);
    if !namespaces.is_empty() {
        // Definitions come along: they are the schemas of custom resources.
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
