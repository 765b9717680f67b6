//! A cluster as it is now, listed once.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::{Gap, Object, Observation, Scope, SourceError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::KubernetesSource;
use super::discovery::discover;
use super::driver::{Driver, Message, Order};
use super::machine::{Begin, Machine, Span};
use super::request::Requests;
use super::supervisor::{rules, wanted};
use super::telling::shared;

/// Failures of one kind in a row before its listing is given up.
const FAILURES: u32 = 4;

/// What is in a cluster, as far as it may be seen.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// All objects, in the order of their keys.
    pub objects: Vec<Object>,
    /// What could not be listed, and why; whatever lies in their scopes is unknown rather than absent.
    pub gaps: Vec<Gap>,
}

impl KubernetesSource {
    /// Lists everything the options take, Kubernetes Events left out, and says what could not be listed.
    ///
    /// Each kind is consistent in itself; two kinds may be moments apart.
    ///
    /// # Errors
    /// When the server cannot be reached or does not say what it serves.
    pub async fn snapshot(&self) -> Result<Snapshot, SourceError> {
        let requests = Requests::new(self.client.clone(), self.options.limits);
        let what = "the API server (what it serves); check the cluster and the context".to_owned();
        let found = discover(&requests).await.map_err(|failure| failure.into_error(what))?;
        let (shared, mut messages) = shared(requests, &self.options);
        let mut snapshot = Snapshot::default();
        let mut begun = BTreeSet::new();
        snapshot.gaps.extend(self.broken_groups(&found));
        let mut drivers = JoinSet::new();
        for (target, _) in wanted(&found, &self.options).into_values().filter(|(t, _)| !t.is_event()) {
            let rules = rules(&self.options, Span::Once { failures: FAILURES });
            let machine = Machine::new(Arc::clone(&target), rules, Begin::Fresh);
            // Nobody gives orders here; the sender is kept so that no one waits in vain.
            let (orders, receiver) = watch::channel(Order::Follow(Arc::clone(&target)));
            let driver = Driver::new(Arc::clone(&shared), target, machine, receiver);
            drivers.spawn(async move {
                let _orders = orders;
                driver.run().await;
            });
        }
        drop(shared);
        while let Some(message) = messages.recv().await {
            let Message::Told { said, .. } = message else { continue };
            for observation in said {
                snapshot.take(observation, &mut begun);
            }
        }
        snapshot.objects.sort_by_cached_key(|object| object.key());
        snapshot.objects.dedup_by(|a, b| a.key() == b.key());
        snapshot.gaps.sort_by(|a, b| a.scope.cmp(&b.scope));
        Ok(snapshot)
    }

    fn broken_groups(&self, found: &super::discovery::Discovered) -> Vec<Gap> {
        super::supervisor::gaps_of_groups(&found.broken, &self.options.cluster)
    }
}

impl Snapshot {
    fn take(&mut self, observation: Observation, begun: &mut BTreeSet<Scope>) {
        match observation {
            Observation::Applied(applied) => self.objects.push(Arc::unwrap_or_clone(applied.object)),
            Observation::Gap(gap) => self.gaps.push(gap),
            // A listing that began anew: what came of the first is old.
            Observation::RelistStarted(scope) if !begun.insert(scope.clone()) => {
                self.objects.retain(|o| !scope.contains(&o.key().in_cluster(&scope.cluster)));
            }
            _ => {}
        }
    }
}
