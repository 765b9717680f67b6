//! The list-and-watch protocol of one target as a state machine: no IO, no clock.
//!
//! Every resourceVersion the server produces is either told once or lies inside a [`Gap`] that is told. To that end
//! a listing that does not begin a history is preceded by a gap from the last version told to the listing's own.

mod failing;
mod protocol;
mod telling;

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{GapReason, Object, Observation, ResourceVersion};
use jiff::Timestamp;

use super::cursor::Mark;
use super::decode::{Line, Page};
use super::known::{Known, Suspect, name_of};
use super::target::Target;
pub(crate) use protocol::{Begin, Ending, Failure, Input, Listed, Next, Rules, Span};

/// A watch that ends sooner without having said anything counts as a failure.
const SHORT_WATCH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Listing,
    Streaming,
    Watching,
}

/// A gap that will be told when the version of the next listing is known.
#[derive(Clone, Debug)]
struct Pending {
    reason: GapReason,
    from: Option<Timestamp>,
    from_version: Option<ResourceVersion>,
    message: String,
    /// Told only when the listing finds something.
    if_any: bool,
}

impl Pending {
    fn new(
        reason: GapReason,
        from: Option<Timestamp>,
        from_version: Option<ResourceVersion>,
        message: String,
    ) -> Self {
        Self { reason, from, from_version, message, if_any: false }
    }
}

/// The listing that is under way.
#[derive(Debug, Default)]
struct Listing {
    begun: bool,
    token: Option<String>,
    version: Option<ResourceVersion>,
}

/// A comparison whose differences may still be on their way.
#[derive(Debug)]
struct Settling {
    version: ResourceVersion,
    suspects: Vec<Suspect>,
}

/// The state of one target; see the module.
#[derive(Debug)]
pub(crate) struct Machine {
    target: Arc<Target>,
    id: String,
    rules: Rules,
    phase: Phase,
    /// Everything up to here was told.
    last: Option<ResourceVersion>,
    last_at: Option<Timestamp>,
    /// Since here everything was checked by no full comparison.
    base: Option<(ResourceVersion, Timestamp)>,
    known: Known,
    pending: Option<Pending>,
    listing: Listing,
    settling: Option<Settling>,
    opened_at: Option<Timestamp>,
    /// Consecutive failures of requests.
    failures: u32,
    /// Listings since the watch last made progress.
    relists: u32,
    /// Consecutive unreadable lines at one version.
    strikes: u32,
    /// Consecutive refusals, and whether they were told.
    refusals: u32,
    refused: bool,
    limit: u32,
    streaming: bool,
}

impl Machine {
    pub(crate) fn new(target: Arc<Target>, rules: Rules, begin: Begin) -> Self {
        let (mut last, mut last_at, mut pending) = (None, None, None);
        let gap = |from, from_version, message: &str, if_any| Pending {
            reason: GapReason::WatchLost,
            from,
            from_version,
            message: message.to_owned(),
            if_any,
        };
        match begin {
            Begin::Fresh => {}
            Begin::Appeared => {
                pending = Some(gap(None, None, "the kind appeared before it was listed", true))
            }
            Begin::Resume(Mark::At(version), at) => (last, last_at) = (Some(version), at),
            Begin::Resume(Mark::Lost(version), at) => {
                let if_any = version.is_none();
                pending = Some(gap(at, version, "the last run ended before its listing did", if_any));
            }
        }
        let streaming = rules.streaming && rules.span == Span::Forever;
        let mut machine = Self {
            id: target.id(),
            limit: rules.page_size.max(1),
            target,
            rules,
            phase: Phase::Watching,
            known: last.clone().map_or_else(Known::default, Known::resumed),
            last,
            last_at,
            base: None,
            pending,
            listing: Listing::default(),
            settling: None,
            opened_at: None,
            failures: 0,
            relists: 0,
            strikes: 0,
            refusals: 0,
            refused: false,
            streaming,
        };
        if machine.last.is_none() {
            machine.begin_listing();
        }
        machine
    }

    /// The kind is served under another version: goes on there.
    pub(crate) fn retarget(&mut self, target: Arc<Target>) {
        self.target = target;
    }

    /// Tells how far the history has been told.
    pub(crate) fn mark(&self) -> Mark {
        match (self.phase, &self.last, &self.pending) {
            (Phase::Watching, Some(last), _) => Mark::At(last.clone()),
            (_, _, Some(pending)) => Mark::Lost(pending.from_version.clone()),
            (_, last, None) => Mark::Lost(last.clone()),
        }
    }

    /// Tells whether the listing is done.
    pub(crate) fn is_watching(&self) -> bool {
        self.phase == Phase::Watching
    }

    /// Tells whether a full comparison makes sense now.
    pub(crate) fn may_compare(&self) -> bool {
        self.phase == Phase::Watching && self.settling.is_none() && !self.target.is_event()
    }

    /// Tells whether differences wait for the watch to explain them.
    pub(crate) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Takes what happened, says what follows from it, and tells what to do next.
    pub(crate) fn step(&mut self, input: Input, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        match input {
            Input::Proceed => self.request(),
            Input::Page(page) => self.page(page, now, out),
            Input::Opened => self.opened(now),
            Input::Line(Line::Applied(object)) => self.change(object, Change::Applied, now, out),
            Input::Line(Line::Deleted(object)) => self.change(object, Change::Deleted, now, out),
            Input::Line(Line::Bookmark { version, initial_events_end }) => {
                self.bookmark(version, initial_events_end, now, out)
            }
            Input::Line(Line::Refused(failure)) | Input::Failed(failure) => self.failed(failure, now, out),
            Input::Closed => self.closed(now, out),
            Input::ComparisonBegun => {
                self.known.comparison_begins();
                Next::Read
            }
            Input::Compared { version, entries } => self.compared(version, entries, now, out),
            Input::ComparisonEnds => self.judge(now, out),
            Input::Removed => self.removed(now, out),
        }
    }

    fn request(&self) -> Next {
        match (self.phase, &self.last) {
            (Phase::Watching, Some(from)) => Next::Watch { from: from.clone() },
            (Phase::Streaming, _) => Next::StreamList,
            _ => Next::List { limit: self.limit, token: self.listing.token.clone() },
        }
    }

    fn wait(&self, count: u32) -> Next {
        match self.rules.backoff.delay(count, &self.id) {
            Duration::ZERO => self.request(),
            delay => Next::Wait(delay),
        }
    }

    // Listing.

    /// A listing that follows a gap is paged: there the version is known before the first object is told, so that the
    /// gap comes first.
    fn begin_listing(&mut self) {
        self.listing = Listing::default();
        self.settling = None;
        self.known.comparison_ends();
        self.phase = if self.streaming && self.pending.is_none() { Phase::Streaming } else { Phase::Listing };
    }

    /// Gives up a listing; where a part of it was told, versions between it and the next one may be lost.
    ///
    /// A streaming list that failed is not asked for again: there are servers that offer it and cannot do it.
    fn abandon_listing(
        &mut self,
        reason: GapReason,
        message: &str,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        self.streaming &= self.phase != Phase::Streaming;
        if let Some(version) = self.listing.version.take() {
            let message = format!("a listing broke off: {message}");
            // As unreadable: so the end of the listing says of nothing that it is gone.
            let broken = Pending::new(GapReason::Corrupt, None, Some(version.clone()), message.clone());
            self.tell_gap(broken, None, now, out);
            self.listing_done(now, out);
            self.lose(reason, Some(version), None, message);
        }
        self.begin_listing();
    }

    /// Notes that something is lost; of several losses in a row the first says since when.
    fn lose(
        &mut self,
        reason: GapReason,
        from_version: Option<ResourceVersion>,
        from: Option<Timestamp>,
        message: String,
    ) {
        match &mut self.pending {
            Some(pending) => pending.if_any = false,
            None => self.pending = Some(Pending::new(reason, from, from_version, message)),
        }
    }

    fn page(&mut self, page: Page, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        (self.failures, self.strikes, self.refusals, self.refused) = (0, 0, 0, false);
        if !self.listing.begun {
            if let Some(pending) = self.pending.take().filter(|p| !p.if_any || !page.objects.is_empty()) {
                self.tell_gap(pending, Some(page.version.clone()), now, out);
            }
            self.listing_begins(out);
            self.listing.version = Some(page.version);
        }
        for object in page.objects {
            self.listed(object, now, out);
        }
        self.listing.token = page.token;
        if self.listing.token.is_some() {
            return self.request();
        }
        let version = self.listing.version.take();
        self.listing_ends(version, now, out)
    }

    fn listing_begins(&mut self, out: &mut Vec<Observation>) {
        self.listing.begun = true;
        if !self.target.is_event() {
            // Versions of Events are kept: one that was told does not happen again.
            self.known.clear();
            out.push(Observation::RelistStarted(self.scope()));
        }
    }

    fn listing_done(&self, now: Timestamp, out: &mut Vec<Observation>) {
        if !self.target.is_event() {
            out.push(Observation::RelistDone { scope: self.scope(), observed_at: now });
        }
    }

    fn listed(&mut self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        let Some(version) = object.resource_version() else { return };
        let name = name_of(&object);
        if self.target.is_event() && self.known.version(&name) == Some(&version) {
            return;
        }
        self.known.applied(name, version);
        self.tell_applied(object, now, out);
    }

    fn listing_ends(
        &mut self,
        version: Option<ResourceVersion>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if !self.listing.begun {
            self.listing_begins(out);
        }
        self.listing_done(now, out);
        self.known.completed();
        self.listing = Listing::default();
        self.base = version.clone().map(|v| (v, now));
        (self.last, self.last_at) = (version, Some(now));
        if self.rules.span != Span::Forever {
            return Next::Stop(Ending::Done);
        }
        let streamed = self.phase == Phase::Streaming;
        self.phase = Phase::Watching;
        if streamed { Next::Read } else { self.request() }
    }

    // Watching.

    fn opened(&mut self, now: Timestamp) -> Next {
        (self.refusals, self.refused) = (0, false);
        self.opened_at = Some(now);
        Next::Read
    }

    fn change(&mut self, object: Object, change: Change, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        let Some(version) = object.resource_version() else { return Next::Read };
        let name = name_of(&object);
        if self.phase == Phase::Streaming {
            if !self.listing.begun {
                self.listing_begins(out);
            }
            // The highest version told bounds from below what an interrupted listing loses.
            let higher =
                self.listing.version.as_ref().is_none_or(|v| version.order(v) == Some(Ordering::Greater));
            if higher {
                self.listing.version = Some(version.clone());
            }
            self.tell_change(object, change, name, version, now, out);
            return Next::Read;
        }
        let order = self.last.as_ref().and_then(|last| version.order(last));
        let again = match change {
            Change::Applied => self.known.version(&name) == Some(&version),
            Change::Deleted => order == Some(Ordering::Equal) && self.known.version(&name).is_none(),
        };
        if again {
            return Next::Read;
        }
        if matches!(order, Some(Ordering::Less | Ordering::Equal)) {
            return self.went_backwards(&version, now, out);
        }
        self.tell_change(object, change, name, version.clone(), now, out);
        self.progressed(version, now, out)
    }

    fn tell_change(
        &mut self,
        object: Object,
        change: Change,
        name: Box<str>,
        version: ResourceVersion,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        match change {
            Change::Applied => {
                self.known.applied(name, version);
                self.tell_applied(object, now, out);
            }
            Change::Deleted => {
                self.known.deleted(name, version);
                self.tell_deleted(object, now, out);
            }
        }
    }

    fn bookmark(
        &mut self,
        version: ResourceVersion,
        ends: bool,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if self.phase == Phase::Streaming {
            return if ends { self.listing_ends(Some(version), now, out) } else { Next::Read };
        }
        match self.last.as_ref().and_then(|last| version.order(last)) {
            Some(Ordering::Less) => self.went_backwards(&version, now, out),
            _ => self.progressed(version, now, out),
        }
    }

    fn progressed(&mut self, version: ResourceVersion, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        (self.last, self.last_at) = (Some(version), Some(now));
        (self.failures, self.relists, self.strikes) = (0, 0, 0);
        let caught_up = |settling: &Settling| {
            self.last.as_ref().and_then(|last| last.order(&settling.version)).is_some_and(Ordering::is_ge)
        };
        if self.settling.as_ref().is_some_and(caught_up) { self.judge(now, out) } else { Next::Read }
    }

    fn went_backwards(
        &mut self,
        version: &ResourceVersion,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        let last = self.last.as_ref().map_or("", ResourceVersion::as_str);
        self.lost(
            GapReason::WatchLost,
            format!("the watch went back from version {last} to {version}"),
            now,
            out,
        )
    }

    fn closed(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if self.phase == Phase::Streaming {
            self.abandon_listing(GapReason::WatchLost, "the connection ended", now, out);
            self.failures += 1;
            return self.wait(self.failures);
        }
        let short = jiff::SignedDuration::try_from(SHORT_WATCH).unwrap_or_default();
        let healthy = self.opened_at.take().is_some_and(|opened| {
            self.last_at.is_some_and(|last| last >= opened) || now.duration_since(opened) >= short
        });
        self.failures = if healthy { 0 } else { self.failures + 1 };
        self.wait(self.failures)
    }

    /// The watch cannot be gone on with: a new listing is needed, and what lies between is a gap.
    ///
    /// The server would say again that a version is expired; any other loss is told at once, without an end, lest a
    /// kill before the listing makes it forgotten.
    fn lost(
        &mut self,
        reason: GapReason,
        message: String,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        let from = self.last_at.or(Some(now));
        self.lose(reason, self.last.clone(), from, message);
        if reason != GapReason::Expired
            && let Some(pending) = self.pending.clone()
        {
            self.tell_gap(pending, None, now, out);
        }
        self.begin_listing();
        self.relists += 1;
        self.strikes = 0;
        // The first listing goes at once, those that follow without progress between wait longer and longer.
        self.wait(self.relists - 1)
    }

    // Full comparison.

    fn compared(
        &mut self,
        version: ResourceVersion,
        entries: Vec<Listed>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if self.phase != Phase::Watching {
            return Next::Read;
        }
        let suspects = self.known.suspects(entries, &version);
        let settled = suspects.is_empty();
        self.settling = Some(Settling { version, suspects });
        if settled { self.judge(now, out) } else { Next::Read }
    }

    fn judge(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        let settling = self.settling.take();
        let missed = settling.as_ref().and_then(|settling| {
            let left: Vec<_> =
                settling.suspects.iter().filter(|s| !self.known.explains(s, &settling.version)).collect();
            let first = left.first()?;
            Some(format!(
                "a full comparison found {} missed changes, the first of {}",
                left.len(),
                first.name
            ))
        });
        self.known.comparison_ends();
        let Some(missed) = missed else {
            if let Some(settling) = settling {
                self.base = Some((settling.version, now));
            }
            return Next::Read;
        };
        // Which of the versions since the last comparison were missed is not known: all of them may be.
        let (version, at) = self.base.take().unzip();
        self.lose(GapReason::WatchLost, version.or_else(|| self.last.clone()), at, missed.clone());
        self.lost(GapReason::WatchLost, missed, now, out)
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Applied,
    Deleted,
}

#[cfg(test)]
mod tests;
