//! Who may hold a connection: what is slow gives its place to what comes.
//!
//! A connection that has sent no whole head, or a body of a sender that is not known yet, can be held open by anybody. Of those only
//! the newest are kept, so that a sender that sends at once is served however many others wait. A sender that is known is never
//! ended for the sake of others.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No whole head of a request has come, or none since the last request.
    Head,
    /// A body is being received, and whether its sender is known shows at its end, if at all.
    UnprovenBody,
    /// A request of a sender that is known.
    Known,
}

/// How many connections may be at a stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaceLimits {
    pub(super) heads: usize,
    pub(super) heads_per_address: usize,
    pub(super) unproven_bodies: usize,
}

/// Time that a connection has to go on before it can be ended for another one.
const SETTLED: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct Held {
    address: IpAddr,
    stage: Stage,
    /// Order in which connections came to their stages.
    since: u64,
    at: Instant,
    task: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Connections {
    /// By the order in which they were accepted.
    held: BTreeMap<u64, Held>,
    next: u64,
}

impl Connections {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn set_stage(&mut self, id: u64, stage: Stage) {
        let since = self.tick();
        if let Some(held) = self.held.get_mut(&id) {
            (held.stage, held.since, held.at) = (stage, since, Instant::now());
        }
    }

    /// Ends the oldest connection at a stage, of one address or of all, if there are `most` of them. Returns how long it takes until
    /// one may be ended, if none is old enough.
    fn make_place(
        &mut self,
        (stage, address): (Stage, Option<IpAddr>),
        most: usize,
        age: Duration,
    ) -> Result<(), Duration> {
        let fits = |h: &Held| h.stage == stage && address.is_none_or(|a| h.address == a);
        if self.held.values().filter(|h| fits(h)).count() < most {
            return Ok(());
        }
        let oldest = self.held.iter().filter(|(_, h)| fits(h)).min_by_key(|(_, h)| h.since);
        let Some((id, missing)) = oldest.map(|(id, h)| (*id, age.saturating_sub(h.at.elapsed()))) else {
            return Ok(());
        };
        if !missing.is_zero() {
            return Err(missing);
        }
        // The place is free from now on; its guard finds nothing left to free.
        if let Some(Held { task: Some(task), .. }) = self.held.remove(&id) {
            task.abort();
        }
        Ok(())
    }
}

/// The connections of a receiver.
#[derive(Clone, Debug)]
pub(super) struct Places {
    limits: PlaceLimits,
    connections: Arc<Mutex<Connections>>,
}

impl Places {
    pub(super) fn new(limits: PlaceLimits) -> Self {
        Self { limits, connections: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a connection that was just accepted, or returns after which time to try again.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, Duration> {
        let mut connections = self.lock();
        // An address may exceed its share for a moment, as long as there is a place.
        let _ = connections.make_place((Stage::Head, Some(address)), self.limits.heads_per_address, SETTLED);
        connections.make_place((Stage::Head, None), self.limits.heads, SETTLED)?;
        let id = connections.tick();
        let held = Held { address, stage: Stage::Head, since: id, at: Instant::now(), task: None };
        connections.held.insert(id, held);
        drop(connections);
        Ok(Place { places: self.clone(), id })
    }

    /// Returns how many connections are held.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().held.len()
    }
}

/// The place of one connection, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    id: u64,
}

impl Place {
    /// Names the task that is ended if the place is needed.
    pub(super) fn set_task(places: &Places, id: u64, task: AbortHandle) {
        match places.lock().held.get_mut(&id) {
            Some(held) => held.task = Some(task),
            // It was ended, or is over, before it could be named.
            None => task.abort(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Notes how far the connection is.
    pub(super) fn set_stage(&self, stage: Stage) {
        self.places.lock().set_stage(self.id, stage);
    }

    /// Waits until a body of a sender that is not known may be received.
    pub(super) async fn wait_for_body(&self) {
        while let Err(wait) = self.start_body() {
            tokio::time::sleep(wait).await;
        }
    }

    fn start_body(&self) -> Result<(), Duration> {
        let mut connections = self.places.lock();
        connections.make_place((Stage::UnprovenBody, None), self.places.limits.unproven_bodies, SETTLED)?;
        connections.set_stage(self.id, Stage::UnprovenBody);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().held.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_waits_gives_its_place_and_who_is_known_keeps_it() {
        let places = Places::new(PlaceLimits { heads: 4, heads_per_address: 3, unproven_bodies: 1 });
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let take = |n: u8| places.take(address(n)).expect("there is a place");
        let known = take(1);
        known.set_stage(Stage::Known);
        // All are young: there are as many as fit at all, and one more has to wait.
        let slow: Vec<Place> = (0..4).map(|_| take(1)).collect();
        assert!(places.take(address(2)).is_err_and(|wait| wait <= SETTLED));
        std::thread::sleep(SETTLED);
        let is_held = |place: &Place| places.lock().held.contains_key(&place.id);
        let more = take(1);
        assert_eq!(slow.iter().map(is_held).collect::<Vec<_>>(), [false, true, true, true]);
        let others: Vec<Place> = (2..5).map(take).collect();
        assert_eq!(slow.iter().map(is_held).collect::<Vec<_>>(), [false; 4]);
        assert!(is_held(&known) && is_held(&more) && others.iter().all(is_held));
        assert!(others[0].start_body().is_ok() && others[1].start_body().is_err());
        std::thread::sleep(SETTLED);
        assert!(others[1].start_body().is_ok());
        assert_eq!(others.iter().map(is_held).collect::<Vec<_>>(), [false, true, true]);
        drop((known, slow, more, others));
        assert_eq!(places.len(), 0);
    }
}
