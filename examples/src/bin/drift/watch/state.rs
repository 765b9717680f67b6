//! What `drift watch` says of itself on standard error: how things stand once everything was listed, and whether the API server
//! answers.

use std::time::{Duration, Instant};

use drift_core::drift::Summary;
use drift_core::time::format_time;
use drift_sinks::report::{count_things, describe_summary};
use jiff::Timestamp;

/// The first listing is over when nothing came for this long; a server that has nothing new sends nothing at all.
const QUIET: Duration = Duration::from_millis(700);
/// Not before this time after the start.
const EARLIEST: Duration = Duration::from_secs(1);

/// Decides when the state is first reported.
#[derive(Debug)]
pub(super) struct FirstState {
    started: Instant,
    last_event: Instant,
    is_reported: bool,
}

impl FirstState {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), last_event: Instant::now(), is_reported: false }
    }

    /// Notes that something came.
    pub(super) fn note_event(&mut self) {
        self.last_event = Instant::now();
    }

    /// Returns `true` once, when the state should be reported.
    pub(super) fn take_if_due(&mut self) -> bool {
        let is_due = self.started.elapsed() >= EARLIEST && self.last_event.elapsed() >= QUIET;
        is_due && self.take()
    }

    /// Returns `true` if it was not reported yet.
    pub(super) fn take(&mut self) -> bool {
        !std::mem::replace(&mut self.is_reported, true)
    }
}

/// Writes how things stand: `290 resources, 11 declared: 11 in sync`.
pub(super) fn describe_state((live, summary): &(usize, Summary)) -> String {
    format!("{}, {}", count_things(*live, "resource"), describe_summary(summary))
}

/// Whether the API server answers, and since when it does not.
#[derive(Debug, Default)]
pub(super) struct Outage(Option<Timestamp>);

impl Outage {
    /// Returns what to report of a server that answers or does not, as of a time.
    pub(super) fn update(&mut self, reachable: bool, now: Timestamp) -> Option<String> {
        match (self.0, reachable) {
            (None, false) => {
                self.0 = Some(now);
                Some(format!("{}  the API server is gone; trying again", format_time(now)))
            }
            (Some(since), true) => {
                self.0 = None;
                let seconds = now.duration_since(since).as_secs();
                Some(format!("{}  the API server is back after {seconds} s", format_time(now)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_reported_at_both_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut outage = Outage::default();
        assert_eq!(outage.update(true, at(0)), None);
        let gone = outage.update(false, at(10));
        assert_eq!(gone.as_deref(), Some("1970-01-01 00:00:10Z  the API server is gone; trying again"));
        assert_eq!(outage.update(false, at(15)), None);
        let back = outage.update(true, at(22));
        assert_eq!(back.as_deref(), Some("1970-01-01 00:00:22Z  the API server is back after 12 s"));
        assert_eq!(outage.update(true, at(23)), None);
    }
}
