//! Lists a cluster once.

use std::collections::BTreeSet;
use std::sync::Arc;

use drift_core::{Gap, Object, Observation, Scope, SourceError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::KubernetesSource;
use super::discovery::discover_kinds;
use super::driver::{Command, Driver, Message};
use super::machine::{Begin, WatchMachine, WatchSpan};
use super::observation_stream::make_shared;
use super::request::Requests;
use super::supervisor::{machine_rules, watch_targets};
use super::target::WatchTarget;

/// Failures of one kind in a row before its listing is given up.
const FAILURES: u32 = 4;

/// The objects of a cluster, as far as they may be read.
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
        let (mut snapshot, mut begun) = (Snapshot::default(), BTreeSet::new());
        self.list(
            |target| !target.is_event(),
            |observation| snapshot.add_observation(observation, &mut begun),
        )
        .await?;
        snapshot.objects.sort_by_cached_key(|object| object.key());
        snapshot.objects.dedup_by(|a, b| a.key() == b.key());
        snapshot.gaps.sort_by(|a, b| a.scope.cmp(&b.scope));
        Ok(snapshot)
    }

    /// Lists everything the options take, Kubernetes Events as well, as the observations from which a history of one moment is
    /// made: the objects of each kind between the start and the end of its listing, and a gap for what could not be listed.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub async fn observe_once(&self) -> Result<Vec<Observation>, SourceError> {
        let mut observations = Vec::new();
        self.list(|_| true, |observation| observations.push(observation)).await?;
        Ok(observations)
    }

    /// Lists what is wanted once.
    async fn list(
        &self,
        is_wanted: impl Fn(&WatchTarget) -> bool,
        mut take: impl FnMut(Observation),
    ) -> Result<(), SourceError> {
        let requests = Requests::new(self.client.clone(), self.options.limits);
        let what = "the API server (what it serves); check the cluster and the context".to_owned();
        let found = discover_kinds(&requests).await.map_err(|failure| failure.into_error(what))?;
        let (shared, mut messages) = make_shared(requests, self);
        self.broken_groups(&found).into_iter().map(Observation::Gap).for_each(&mut take);
        let mut drivers = JoinSet::new();
        for (target, _) in watch_targets(&found, &self.options).into_values().filter(|(t, _)| is_wanted(t)) {
            let rules = machine_rules(&self.options, WatchSpan::Once { failures: FAILURES });
            let machine = WatchMachine::new(Arc::clone(&target), rules, Begin::Fresh);
            // No commands are sent here; the sender is held so that the driver does not see a closed channel.
            let (commands, receiver) = watch::channel(Command::Watch(Arc::clone(&target)));
            let driver = Driver::new(Arc::clone(&shared), target, machine, receiver);
            drivers.spawn(async move {
                let _orders = commands;
                driver.run().await;
            });
        }
        drop(shared);
        while let Some(message) = messages.recv().await {
            if let Message::Observed { observations, .. } = message {
                observations.into_iter().for_each(&mut take);
            }
        }
        Ok(())
    }

    fn broken_groups(&self, found: &super::discovery::Discovered) -> Vec<Gap> {
        super::supervisor::gaps_of_groups(&found.broken, &self.options.cluster)
    }
}

impl Snapshot {
    fn add_observation(&mut self, observation: Observation, begun: &mut BTreeSet<Scope>) {
        match observation {
            Observation::Applied(applied) => self.objects.push(Arc::unwrap_or_clone(applied.object)),
            Observation::Gap(gap) => self.gaps.push(gap),
            // The list started again: the objects of the first attempt are outdated.
            Observation::RelistStarted(scope) if !begun.insert(scope.clone()) => {
                self.objects.retain(|o| !scope.contains(&o.key().in_cluster(&scope.cluster)));
            }
            _ => {}
        }
    }
}
