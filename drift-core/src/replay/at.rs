//! One resource at one time, without reading all of its history.

use futures::StreamExt;
use jiff::Timestamp;

use crate::event::{Event, EventBody};
use crate::store::{EventStore, StoreError};
use crate::stream::{Revision, StreamId};

/// How far times may be out of order within a stream, in events; also the number of events read at once.
const WINDOW: u64 = 64;

/// Returns the newest event at or before a time that has an object or its deletion.
///
/// Reads a number of events that grows with the logarithm of the stream's length. Within a stream times may go back, when
/// clocks are set or sources differ, by up to 64 events; events further out of order are not seen.
///
/// # Errors
/// When the store cannot be read.
pub async fn event_at(
    store: &dyn EventStore,
    stream: &StreamId,
    time: Timestamp,
) -> Result<Option<Event>, StoreError> {
    let Some(head) = store.head(stream, None).await? else { return Ok(None) };
    // The first revision observed after the time, if times are in order.
    let (mut low, mut high) = (1, head.revision.get() + 1);
    while high - low > WINDOW {
        let middle = low + (high - low) / 2;
        match nth(store, stream, middle).await? {
            Some(event) if event.observed_at <= time => low = middle + 1,
            _ => high = middle,
        }
    }
    let end = high.saturating_add(WINDOW);
    let mut reach = 2 * WINDOW;
    loop {
        let start = low.saturating_sub(reach).max(1);
        if let Some(event) = last_between(store, stream, (start, end), time).await? {
            return Ok(Some(event));
        }
        if start == 1 {
            return Ok(None);
        }
        // Only occurrences so far back.
        reach = reach.saturating_mul(8);
    }
}

async fn nth(store: &dyn EventStore, stream: &StreamId, n: u64) -> Result<Option<Event>, StoreError> {
    match Revision::new(n) {
        Some(revision) => store.read(stream, revision).next().await.transpose(),
        None => Ok(None),
    }
}

async fn last_between(
    store: &dyn EventStore,
    stream: &StreamId,
    (start, end): (u64, u64),
    time: Timestamp,
) -> Result<Option<Event>, StoreError> {
    let mut events = store.read(stream, Revision::new(start).unwrap_or(Revision::FIRST));
    let mut found = None;
    while let Some(event) = events.next().await {
        let event = event?;
        if event.revision.get() > end {
            break;
        }
        let is_version = matches!(event.body, EventBody::Applied(_) | EventBody::Deleted(_));
        if is_version && event.observed_at <= time {
            found = Some(event);
        }
    }
    Ok(found)
}
