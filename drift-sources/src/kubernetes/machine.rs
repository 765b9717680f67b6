//! The list-and-watch protocol of one target as a state machine: no IO, no clock.
//!
//! Each resourceVersion is emitted exactly once or is covered by an emitted [`Gap`]. A relist therefore starts with a gap
//! that spans from the last emitted version to the version of the list.

mod emit;
mod failures;
mod protocol;

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use drift_core::{GapReason, Object, Observation, ResourceVersion};
use jiff::Timestamp;

use super::cursor::WatchProgress;
use super::decode::{Page, WatchLine};
use super::seen_versions::{Discrepancy, SeenVersions, listed_name};
use super::target::WatchTarget;
pub(crate) use protocol::{
    Begin, Ending, Failure, ListedVersion, MachineInput, MachineRules, Next, WatchSpan,
};

/// A watch that ends sooner without any event counts as a failure.
const SHORT_WATCH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Listing,
    Streaming,
    Watching,
}

/// A gap that is emitted once the version of the next list is known.
#[derive(Clone, Debug)]
struct PendingGap {
    reason: GapReason,
    from: Option<Timestamp>,
    from_version: Option<ResourceVersion>,
    message: String,
    /// Emitted only if the list finds an object.
    if_any: bool,
}

impl PendingGap {
    fn new(
        reason: GapReason,
        from: Option<Timestamp>,
        from_version: Option<ResourceVersion>,
        message: String,
    ) -> Self {
        Self { reason, from, from_version, message, if_any: false }
    }
}

/// The list in progress.
#[derive(Debug, Default)]
struct ListingState {
    begun: bool,
    token: Option<String>,
    version: Option<ResourceVersion>,
}

/// A comparison whose differences may still be explained by watch events.
#[derive(Debug)]
struct UnresolvedComparison {
    version: ResourceVersion,
    discrepancies: Vec<Discrepancy>,
}

/// State machine of one target; see the [module](self).
#[derive(Debug)]
pub(crate) struct WatchMachine {
    target: Arc<WatchTarget>,
    id: String,
    rules: MachineRules,
    phase: Phase,
    /// Everything up to this version was emitted.
    last: Option<ResourceVersion>,
    last_at: Option<Timestamp>,
    /// Version and time of the last full comparison.
    base: Option<(ResourceVersion, Timestamp)>,
    known: SeenVersions,
    pending: Option<PendingGap>,
    listing: ListingState,
    unresolved: Option<UnresolvedComparison>,
    opened_at: Option<Timestamp>,
    /// Consecutive failures of requests.
    failures: u32,
    /// Listings since the watch last made progress.
    relists: u32,
    /// Consecutive unreadable lines at one version.
    unreadable_lines: u32,
    /// Consecutive denials, and whether they were reported.
    denials: u32,
    denial_reported: bool,
    limit: u32,
    streaming: bool,
}

impl WatchMachine {
    pub(crate) fn new(target: Arc<WatchTarget>, rules: MachineRules, begin: Begin) -> Self {
        let (mut last, mut last_at, mut pending) = (None, None, None);
        let gap = |from, from_version, message: &str, if_any| PendingGap {
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
            Begin::Resume(WatchProgress::At(version), at) => (last, last_at) = (Some(version), at),
            Begin::Resume(WatchProgress::Lost(version), at) => {
                let if_any = version.is_none();
                pending = Some(gap(at, version, "the last run ended before its listing did", if_any));
            }
        }
        let streaming = rules.streaming && rules.span == WatchSpan::Forever;
        let mut machine = Self {
            id: target.id(),
            limit: rules.page_size.max(1),
            target,
            rules,
            phase: Phase::Watching,
            known: last.clone().map_or_else(SeenVersions::default, SeenVersions::resumed_at),
            last,
            last_at,
            base: None,
            pending,
            listing: ListingState::default(),
            unresolved: None,
            opened_at: None,
            failures: 0,
            relists: 0,
            unreadable_lines: 0,
            denials: 0,
            denial_reported: false,
            streaming,
        };
        if machine.last.is_none() {
            machine.begin_listing();
        }
        machine
    }

    /// Continues under another version of the kind.
    pub(crate) fn set_target(&mut self, target: Arc<WatchTarget>) {
        self.target = target;
    }

    /// Returns the progress in the history.
    pub(crate) fn watch_progress(&self) -> WatchProgress {
        match (self.phase, &self.last, &self.pending) {
            (Phase::Watching, Some(last), _) => WatchProgress::At(last.clone()),
            (_, _, Some(pending)) => WatchProgress::Lost(pending.from_version.clone()),
            (_, last, None) => WatchProgress::Lost(last.clone()),
        }
    }

    /// Returns `true` if the initial list is complete.
    pub(crate) fn is_watching(&self) -> bool {
        self.phase == Phase::Watching
    }

    /// Returns `true` if a full comparison is possible now.
    pub(crate) fn may_compare(&self) -> bool {
        self.phase == Phase::Watching && self.unresolved.is_none() && !self.target.is_event()
    }

    /// Returns `true` if differences of a comparison are waiting for watch events.
    pub(crate) fn has_unresolved(&self) -> bool {
        self.unresolved.is_some()
    }

    /// Handles an input, appends the resulting observations to `out`, and returns what to do next.
    pub(crate) fn step(&mut self, input: MachineInput, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        match input {
            MachineInput::Proceed => self.next_request(),
            MachineInput::Page(page) => self.handle_page(page, now, out),
            MachineInput::Opened => self.handle_opened(now),
            MachineInput::Line(WatchLine::Applied(object)) => {
                self.handle_change(object, WatchedChange::Applied, now, out)
            }
            MachineInput::Line(WatchLine::Deleted(object)) => {
                self.handle_change(object, WatchedChange::Deleted, now, out)
            }
            MachineInput::Line(WatchLine::Bookmark { version, initial_events_end }) => {
                self.handle_bookmark(version, initial_events_end, now, out)
            }
            MachineInput::Line(WatchLine::Refused(failure)) | MachineInput::Failed(failure) => {
                self.handle_failure(failure, now, out)
            }
            MachineInput::Closed => self.handle_closed(now, out),
            MachineInput::ComparisonBegun => {
                self.known.comparison_begins();
                Next::Read
            }
            MachineInput::Compared { version, entries } => self.handle_comparison(version, entries, now, out),
            MachineInput::ComparisonEnds => self.resolve_comparison(now, out),
            MachineInput::Removed => self.handle_removed(now, out),
        }
    }

    fn next_request(&self) -> Next {
        match (self.phase, &self.last) {
            (Phase::Watching, Some(from)) => Next::Watch { from: from.clone() },
            (Phase::Streaming, _) => Next::StreamList,
            _ => Next::List { limit: self.limit, token: self.listing.token.clone() },
        }
    }

    fn wait_after(&self, count: u32) -> Next {
        match self.rules.backoff.delay_after(count, &self.id) {
            Duration::ZERO => self.next_request(),
            delay => Next::Wait(delay),
        }
    }

    // Listing.

    /// A list after a gap is paged: its version is then known before the first object is emitted, so the gap comes first.
    fn begin_listing(&mut self) {
        self.listing = ListingState::default();
        self.unresolved = None;
        self.known.comparison_ends();
        self.phase = if self.streaming && self.pending.is_none() { Phase::Streaming } else { Phase::Listing };
    }

    /// Gives up a list; if a part of it was emitted, versions between it and the next one may be lost.
    ///
    /// A streaming list that failed is not requested again, because some servers offer it but fail.
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
            let broken = PendingGap::new(GapReason::Corrupt, None, Some(version.clone()), message.clone());
            self.emit_gap(broken, None, now, out);
            self.listing_done(now, out);
            self.record_loss(reason, Some(version), None, message);
        }
        self.begin_listing();
    }

    /// Records a loss; of several consecutive losses the first determines the start.
    fn record_loss(
        &mut self,
        reason: GapReason,
        from_version: Option<ResourceVersion>,
        from: Option<Timestamp>,
        message: String,
    ) {
        match &mut self.pending {
            Some(pending) => pending.if_any = false,
            None => self.pending = Some(PendingGap::new(reason, from, from_version, message)),
        }
    }

    fn handle_page(&mut self, page: Page, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        (self.failures, self.unreadable_lines, self.denials, self.denial_reported) = (0, 0, 0, false);
        if !self.listing.begun {
            if let Some(pending) = self.pending.take().filter(|p| !p.if_any || !page.objects.is_empty()) {
                self.emit_gap(pending, Some(page.version.clone()), now, out);
            }
            self.listing_begins(out);
            self.listing.version = Some(page.version);
        }
        for object in page.objects {
            self.handle_listed(object, now, out);
        }
        self.listing.token = page.token;
        if self.listing.token.is_some() {
            return self.next_request();
        }
        let version = self.listing.version.take();
        self.listing_ends(version, now, out)
    }

    fn listing_begins(&mut self, out: &mut Vec<Observation>) {
        self.listing.begun = true;
        if !self.target.is_event() {
            // Versions of Events are not forgotten: one that was emitted does not happen again.
            self.known.forget_all();
            out.push(Observation::RelistStarted(self.target_scope()));
        }
    }

    fn listing_done(&self, now: Timestamp, out: &mut Vec<Observation>) {
        if !self.target.is_event() {
            out.push(Observation::RelistDone { scope: self.target_scope(), observed_at: now });
        }
    }

    fn handle_listed(&mut self, object: Object, now: Timestamp, out: &mut Vec<Observation>) {
        let Some(version) = object.resource_version() else { return };
        let name = listed_name(&object);
        if self.target.is_event() && self.known.version_of(&name) == Some(&version) {
            return;
        }
        self.known.note_applied(name, version);
        self.emit_applied(object, now, out);
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
        self.known.mark_complete();
        self.listing = ListingState::default();
        self.base = version.clone().map(|v| (v, now));
        (self.last, self.last_at) = (version, Some(now));
        if self.rules.span != WatchSpan::Forever {
            return Next::Stop(Ending::Done);
        }
        let streamed = self.phase == Phase::Streaming;
        self.phase = Phase::Watching;
        if streamed { Next::Read } else { self.next_request() }
    }

    // Watching.

    fn handle_opened(&mut self, now: Timestamp) -> Next {
        (self.denials, self.denial_reported) = (0, false);
        self.opened_at = Some(now);
        Next::Read
    }

    fn handle_change(
        &mut self,
        object: Object,
        change: WatchedChange,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        let Some(version) = object.resource_version() else { return Next::Read };
        let name = listed_name(&object);
        if self.phase == Phase::Streaming {
            if !self.listing.begun {
                self.listing_begins(out);
            }
            // The highest emitted version is a lower bound for what an interrupted list loses.
            let higher =
                self.listing.version.as_ref().is_none_or(|v| version.order(v) == Some(Ordering::Greater));
            if higher {
                self.listing.version = Some(version.clone());
            }
            self.emit_change(object, change, name, version, now, out);
            return Next::Read;
        }
        let order = self.last.as_ref().and_then(|last| version.order(last));
        let again = match change {
            WatchedChange::Applied => self.known.version_of(&name) == Some(&version),
            WatchedChange::Deleted => {
                order == Some(Ordering::Equal) && self.known.version_of(&name).is_none()
            }
        };
        if again {
            return Next::Read;
        }
        if matches!(order, Some(Ordering::Less | Ordering::Equal)) {
            return self.went_backwards(&version, now, out);
        }
        self.emit_change(object, change, name, version.clone(), now, out);
        self.note_progress(version, now, out)
    }

    fn emit_change(
        &mut self,
        object: Object,
        change: WatchedChange,
        name: Box<str>,
        version: ResourceVersion,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) {
        match change {
            WatchedChange::Applied => {
                self.known.note_applied(name, version);
                self.emit_applied(object, now, out);
            }
            WatchedChange::Deleted => {
                self.known.note_deleted(name, version);
                self.emit_deleted(object, now, out);
            }
        }
    }

    fn handle_bookmark(
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
            _ => self.note_progress(version, now, out),
        }
    }

    fn note_progress(
        &mut self,
        version: ResourceVersion,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        (self.last, self.last_at) = (Some(version), Some(now));
        (self.failures, self.relists, self.unreadable_lines) = (0, 0, 0);
        let caught_up = |unresolved: &UnresolvedComparison| {
            self.last.as_ref().and_then(|last| last.order(&unresolved.version)).is_some_and(Ordering::is_ge)
        };
        if self.unresolved.as_ref().is_some_and(caught_up) {
            self.resolve_comparison(now, out)
        } else {
            Next::Read
        }
    }

    fn went_backwards(
        &mut self,
        version: &ResourceVersion,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        let last = self.last.as_ref().map_or("", ResourceVersion::as_str);
        self.relist_after_loss(
            GapReason::WatchLost,
            format!("the watch went back from version {last} to {version}"),
            now,
            out,
        )
    }

    fn handle_closed(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        if self.phase == Phase::Streaming {
            self.abandon_listing(GapReason::WatchLost, "the connection ended", now, out);
            self.failures += 1;
            return self.wait_after(self.failures);
        }
        let short = jiff::SignedDuration::try_from(SHORT_WATCH).unwrap_or_default();
        let healthy = self.opened_at.take().is_some_and(|opened| {
            self.last_at.is_some_and(|last| last >= opened) || now.duration_since(opened) >= short
        });
        self.failures = if healthy { 0 } else { self.failures + 1 };
        self.wait_after(self.failures)
    }

    /// The watch cannot continue: a new list is needed, and the versions up to it are a gap.
    ///
    /// The server would report an expired version again; any other loss is emitted at once, without an end, so that it is not
    /// forgotten if the process is killed before the list.
    fn relist_after_loss(
        &mut self,
        reason: GapReason,
        message: String,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        let from = self.last_at.or(Some(now));
        self.record_loss(reason, self.last.clone(), from, message);
        if reason != GapReason::Expired
            && let Some(pending) = self.pending.clone()
        {
            self.emit_gap(pending, None, now, out);
        }
        self.begin_listing();
        self.relists += 1;
        self.unreadable_lines = 0;
        // The first listing goes at once, those that follow without progress between wait longer and longer.
        self.wait_after(self.relists - 1)
    }

    // Full comparison.

    fn handle_comparison(
        &mut self,
        version: ResourceVersion,
        entries: Vec<ListedVersion>,
        now: Timestamp,
        out: &mut Vec<Observation>,
    ) -> Next {
        if self.phase != Phase::Watching {
            return Next::Read;
        }
        let discrepancies = self.known.find_discrepancies(entries, &version);
        let settled = discrepancies.is_empty();
        self.unresolved = Some(UnresolvedComparison { version, discrepancies });
        if settled { self.resolve_comparison(now, out) } else { Next::Read }
    }

    fn resolve_comparison(&mut self, now: Timestamp, out: &mut Vec<Observation>) -> Next {
        let unresolved = self.unresolved.take();
        let missed = unresolved.as_ref().and_then(|unresolved| {
            let left: Vec<_> = unresolved
                .discrepancies
                .iter()
                .filter(|s| !self.known.is_explained(s, &unresolved.version))
                .collect();
            let first = left.first()?;
            Some(format!(
                "a full comparison found {} missed changes, the first of {}",
                left.len(),
                first.name
            ))
        });
        self.known.comparison_ends();
        let Some(missed) = missed else {
            if let Some(unresolved) = unresolved {
                self.base = Some((unresolved.version, now));
            }
            return Next::Read;
        };
        // It is not known which versions since the last comparison were missed, so the gap covers all of them.
        let (version, at) = self.base.take().unzip();
        self.record_loss(GapReason::WatchLost, version.or_else(|| self.last.clone()), at, missed.clone());
        self.relist_after_loss(GapReason::WatchLost, missed, now, out)
    }
}

#[derive(Clone, Copy, Debug)]
enum WatchedChange {
    Applied,
    Deleted,
}

#[cfg(test)]
mod tests;
