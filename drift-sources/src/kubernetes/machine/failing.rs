//! What the state machine does about failures.

use std::time::Duration;

use drift_core::{GapReason, Observation};
use jiff::Timestamp;

use super::{Ending, Failure, Machine, Next, Phase, Span};
use crate::kubernetes::backoff::Backoff;

/// Tries before a version that the server calls too new counts as restored from a backup: a server that has just
/// started says the same until its cache has caught up.
const TOO_NEW_TRIES: u32 = 4;
/// Refusals of a watch before they are told: a server that has just started refuses until it has read its roles.
const REFUSALS: u32 = 4;

impl Machine {
    pub(super) fn failed(&mut self, failure: Failure, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        self.failures += 1;
        let watching = self.phase == Phase::Watching;
        match failure {
            Failure::Expired(message) if watching => self.lost(GapReason::Expired, message, now, out),
            Failure::Expired(message) => {
                self.abandon_listing(GapReason::Expired, &message, now, out);
                self.retry_or_give_up(GapReason::Expired, &message, None, now, out)
            }
            Failure::TooNew(message) if watching && self.failures >= TOO_NEW_TRIES => {
                let message =
                    format!("the server is behind what it told before, restored from a backup? {message}");
                self.lost(GapReason::WatchLost, message, now, out)
            }
            Failure::Denied(message) => self.refuse(GapReason::Denied, &message, now, out),
            Failure::Missing(message) => self.missing(&message, now, out),
            Failure::Unsupported(message) if self.phase == Phase::Streaming => {
                // A server without streaming lists: pages do as well.
                self.abandon_listing(GapReason::WatchLost, &message, now, out);
                self.request()
            }
            Failure::Unsupported(message) => self.refuse(GapReason::SourceDown, &message, now, out),
            Failure::TooLarge(_) if self.phase == Phase::Listing && self.limit > 1 => {
                self.limit /= 2;
                self.request()
            }
            Failure::TooLarge(message) => self.unreadable(GapReason::TooLarge, &message, now, out),
            Failure::Corrupt(message) => self.unreadable(GapReason::Corrupt, &message, now, out),
            Failure::Throttled(message, after) => {
                self.retry_or_give_up(GapReason::Throttled, &message, after, now, out)
            }
            Failure::TooNew(message) => {
                self.retry_or_give_up(GapReason::SourceDown, &message, None, now, out)
            }
            Failure::Unavailable(message, after) => {
                self.retry_or_give_up(GapReason::SourceDown, &message, after, now, out)
            }
        }
    }

    /// Tries again later. A broken streaming list begins anew, pages go on with their token, a watch at its version.
    fn retry_or_give_up(
        &mut self,
        reason: GapReason,
        message: &str,
        after: Option<Duration>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if let Span::Once { failures } = self.rules.span
            && self.failures >= failures
        {
            return self.give_up(reason, message, now, out);
        }
        if self.phase == Phase::Streaming {
            self.abandon_listing(reason, message, now, out);
        }
        let delay = self.rules.backoff.delay(self.failures, &self.id);
        // A server may ask for more, but not for hours.
        let asked = after.unwrap_or_default().min(self.rules.backoff.max * 10);
        Next::Wait(delay.max(asked))
    }

    fn give_up(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        self.tell_unknown(reason, message, now, out);
        Next::Stop(Ending::Done)
    }

    /// Refused until someone changes something: told once, tried more and more slowly.
    fn refuse(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if self.rules.span != Span::Forever {
            return self.give_up(reason, message, now, out);
        }
        self.refusals += 1;
        if !self.refused && (self.last.is_none() || self.refusals >= REFUSALS) {
            self.refused = true;
            self.tell_unknown(reason, message, now, out);
        }
        if self.phase != Phase::Watching {
            self.abandon_listing(reason, message, now, out);
        }
        self.wait_patiently(self.refusals)
    }

    /// Not found: the one who looks what is served decides whether it is gone.
    fn missing(&mut self, message: &str, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if self.rules.span != Span::Forever {
            return self.give_up(GapReason::SourceDown, message, now, out);
        }
        if self.phase != Phase::Watching {
            self.abandon_listing(GapReason::SourceDown, message, now, out);
        }
        self.wait_patiently(self.failures)
    }

    fn wait_patiently(&self, count: u32) -> Next {
        let backoff = Backoff { max: self.rules.backoff.denied, ..self.rules.backoff };
        Next::Wait(backoff.delay(count, &self.id))
    }

    /// An answer that cannot be read may be whole the second time; after that the watch gives way to a listing, and a
    /// listing to patience.
    fn unreadable(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        self.strikes += 1;
        match self.phase {
            Phase::Watching if self.strikes > 1 => self.lost(reason, message.to_owned(), now, out),
            Phase::Watching => self.wait(self.failures),
            Phase::Streaming => {
                self.abandon_listing(reason, message, now, out);
                self.wait(self.failures)
            }
            Phase::Listing if self.strikes > 2 => self.refuse(reason, message, now, out),
            Phase::Listing => self.retry_or_give_up(reason, message, None, now, out),
        }
    }

    /// The kind is no longer served: nothing of it is there.
    pub(super) fn removed(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if !self.known.is_surely_empty() && !self.target.is_event() {
            let last = self.last.clone();
            self.lose(GapReason::WatchLost, last, self.last_at, "the kind is no longer served".to_owned());
            if let Some(pending) = self.pending.take() {
                self.tell_gap(pending, None, now, out);
            }
            out.push(Observation::RelistStarted(self.scope()));
            out.push(Observation::RelistDone { scope: self.scope(), observed_at: now });
        }
        Next::Stop(Ending::Removed)
    }
}
