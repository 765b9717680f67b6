//! How the state machine handles failures.

use std::time::Duration;

use drift_core::{GapReason, Observation};
use jiff::Timestamp;

use super::{Ending, Failure, Next, Phase, WatchMachine, WatchSpan};
use crate::kubernetes::backoff::Backoff;

/// Attempts before a version that is "too new" means that the server was restored from a backup: a server that has just
/// started reports the same until its cache has caught up.
const TOO_NEW_TRIES: u32 = 4;
/// Denials of a watch before they are reported: a server that has just started denies requests until it has read its roles.
const DENIALS: u32 = 4;

impl WatchMachine {
    pub(super) fn handle_failure(
        &mut self,
        failure: Failure,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        self.failures += 1;
        let watching = self.phase == Phase::Watching;
        match failure {
            Failure::Expired(message) if watching => {
                self.relist_after_loss(GapReason::Expired, message, now, out)
            }
            Failure::Expired(message) => {
                self.abandon_listing(GapReason::Expired, &message, now, out);
                self.retry_or_give_up(GapReason::Expired, &message, None, now, out)
            }
            Failure::TooNew(message) if watching && self.failures >= TOO_NEW_TRIES => {
                let message =
                    format!("the server is behind what it sent before, restored from a backup? {message}");
                self.relist_after_loss(GapReason::WatchLost, message, now, out)
            }
            Failure::Denied(message) => self.handle_denial(GapReason::Denied, &message, now, out),
            Failure::Missing(message) => self.handle_missing(&message, now, out),
            Failure::Unsupported(message) if self.phase == Phase::Streaming => {
                // A server without streaming lists: pages do as well.
                self.abandon_listing(GapReason::WatchLost, &message, now, out);
                self.next_request()
            }
            Failure::Unsupported(message) => self.handle_denial(GapReason::SourceDown, &message, now, out),
            Failure::TooLarge(_) if self.phase == Phase::Listing && self.limit > 1 => {
                self.limit /= 2;
                self.next_request()
            }
            Failure::TooLarge(message) => self.handle_unreadable(GapReason::TooLarge, &message, now, out),
            Failure::Corrupt(message) => self.handle_unreadable(GapReason::Corrupt, &message, now, out),
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

    /// Retries later. A broken streaming list starts again, pages continue with their token, a watch at its version.
    fn retry_or_give_up(
        &mut self,
        reason: GapReason,
        message: &str,
        after: Option<Duration>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if let WatchSpan::Once { failures } = self.rules.span
            && self.failures >= failures
        {
            return self.give_up(reason, message, now, out);
        }
        if self.phase == Phase::Streaming {
            self.abandon_listing(reason, message, now, out);
        }
        let delay = self.rules.backoff.delay_after(self.failures, &self.id);
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
        self.emit_unknown(reason, message, now, out);
        Next::Stop(Ending::Done)
    }

    /// Denied until somebody changes something: reported once, retried more and more slowly.
    fn handle_denial(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if self.rules.span != WatchSpan::Forever {
            return self.give_up(reason, message, now, out);
        }
        self.denials += 1;
        if !self.denial_reported && (self.last.is_none() || self.denials >= DENIALS) {
            self.denial_reported = true;
            self.emit_unknown(reason, message, now, out);
        }
        if self.phase != Phase::Watching {
            self.abandon_listing(reason, message, now, out);
        }
        self.wait_patiently(self.denials)
    }

    /// Not found: discovery decides whether the kind is gone.
    fn handle_missing(&mut self, message: &str, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if self.rules.span != WatchSpan::Forever {
            return self.give_up(GapReason::SourceDown, message, now, out);
        }
        if self.phase != Phase::Watching {
            self.abandon_listing(GapReason::SourceDown, message, now, out);
        }
        self.wait_patiently(self.failures)
    }

    fn wait_patiently(&self, count: u32) -> Next {
        let backoff = Backoff { max: self.rules.backoff.denied, ..self.rules.backoff };
        Next::Wait(backoff.delay_after(count, &self.id))
    }

    /// An unreadable response may be readable the second time; after that a watch is replaced by a list, and a list waits.
    fn handle_unreadable(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        self.unreadable_lines += 1;
        match self.phase {
            Phase::Watching if self.unreadable_lines > 1 => {
                self.relist_after_loss(reason, message.to_owned(), now, out)
            }
            Phase::Watching => self.wait_after(self.failures),
            Phase::Streaming => {
                self.abandon_listing(reason, message, now, out);
                self.wait_after(self.failures)
            }
            Phase::Listing if self.unreadable_lines > 2 => self.handle_denial(reason, message, now, out),
            Phase::Listing => self.retry_or_give_up(reason, message, None, now, out),
        }
    }

    /// The kind is no longer served, so none of its objects exist.
    pub(super) fn handle_removed(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if !self.known.is_surely_empty() && !self.target.is_event() {
            let last = self.last.clone();
            self.record_loss(
                GapReason::WatchLost,
                last,
                self.last_at,
                "the kind is no longer served".to_owned(),
            );
            if let Some(pending) = self.pending.take() {
                self.emit_gap(pending, None, now, out);
            }
            out.push(Observation::RelistStarted(self.target_scope()));
            out.push(Observation::RelistDone { scope: self.target_scope(), observed_at: now });
        }
        Next::Stop(Ending::Removed)
    }
}
