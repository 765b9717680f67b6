//! Notices that an API server is back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::driver::Shared;
use super::machine::Failure;
use super::request::JSON;

/// A server that does not answer is asked about as often whether it is ready.
const INTERVAL: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks a server that went away whether it is ready again, and wakes the drivers that wait for it, until the stream is dropped.
///
/// The drivers themselves ask more and more rarely; 200 of them at this pace would be a burden to a server that starts.
pub(crate) async fn watch_readiness(shared: Arc<Shared>) {
    let pace = Backoff { first: INTERVAL, max: INTERVAL, denied: INTERVAL };
    let mut asked = 0_u32;
    while !shared.out.is_closed() {
        asked = asked.wrapping_add(1);
        sleep(pace.delay_after(asked.max(1), "readiness")).await;
        if !shared.reachable.load(Ordering::Relaxed) && is_ready(&shared).await {
            shared.reachable.store(true, Ordering::Relaxed);
            shared.back.notify_waiters();
        }
    }
}

/// Returns `true` if the server answers, and does not say that it is not ready. That one may not ask is an answer.
async fn is_ready(shared: &Shared) -> bool {
    let asked = timeout(PATIENCE, shared.requests.get("/readyz", JSON)).await;
    !matches!(asked, Err(_) | Ok(Err(Failure::Unavailable(..) | Failure::Throttled(..))))
}
