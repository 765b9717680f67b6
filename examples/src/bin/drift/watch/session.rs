//! One run of `drift watch`: feeds the judge with what was appended, and prints what it finds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use drift_core::drift::DriftOptions;
use drift_core::redact::Redactor;
use drift_core::text::error_line;
use drift_core::time::format_time;
use drift_core::watch::{Absence, NamespaceBasis, WatchJudge, WatchOptions};
use drift_core::{Event, EventStore, Finding, FindingBody, FindingUpdate, Position, Sink, StoreError};
use drift_sinks::report::{CoverageV1, Styler, render_gap_lines};
use drift_sources::estate::{DesiredState, gather_schemas, local_renderer};
use drift_sources::render::RemoteHosts;
use futures::StreamExt;
use futures::channel::mpsc;
use jiff::Timestamp;

use super::state::{FirstState, Outage, describe_state};
use super::users::PostedUsers;
use crate::args::{LineFormat, WatchArgs};
use crate::failure::Failure;
use crate::findings::Printer;
use crate::looked_at::{PrintedNotes, report_grants};
use crate::output::{self, Outcome, Screen};
use crate::progress::Counter;

/// How long gaps wait for others like them: a server that goes away interrupts the watch of every kind.
const GAP_WAIT: Duration = Duration::from_secs(2);

/// What the ingest reports while it runs.
pub(super) enum IngestMessage {
    Appended(Vec<Event>),
    SourceFailed(String),
}

/// The judge, what is declared, and where findings are printed.
pub(super) struct WatchSession {
    judge: WatchJudge,
    desired: Option<DesiredState>,
    users: PostedUsers,
    printer: Printer,
    counter: Counter,
    notes: PrintedNotes,
    /// Fights and reverts that were reported.
    conflicts: usize,
    /// Events of the store that came in this run.
    appended: u64,
    /// Gaps that wait for others like them, and since when; in text they are printed together.
    gaps: Vec<Finding>,
    gaps_since: Option<Instant>,
    first_state: FirstState,
    outage: Outage,
    screen: Screen,
    is_tape: bool,
    is_text: bool,
}

impl WatchSession {
    pub(super) async fn open(
        args: &WatchArgs,
        namespace: &str,
        redactor: &Redactor,
        screen: Screen,
    ) -> Result<Self, Failure> {
        let mut notes = PrintedNotes::default();
        let counter = Counter::new("events");
        let mut options = WatchOptions {
            drift: DriftOptions {
                default_namespace: Some(namespace.into()),
                redactor: Some(redactor.clone()),
                ..DriftOptions::default()
            },
            namespace_basis: match &args.namespace {
                Some(_) => NamespaceBasis::Named,
                None => NamespaceBasis::Assumed,
            },
            absence: if args.tape.is_some() { Absence::AtOnce } else { Absence::OnceListed },
            ..WatchOptions::default()
        };
        let mut desired = None;
        let mut objects = None;
        let declared = args.declared.places(args.namespace.as_deref());
        if !declared.is_empty() {
            let renderer = Arc::new(local_renderer(RemoteHosts::default(), None));
            let mut read = DesiredState::read(&declared, &renderer).await?;
            redactor.values().learn(read.objects());
            let mut unread = read.take_notes();
            let schemas = gather_schemas(args.schemas.as_deref(), [], [], &mut unread)?;
            notes.append(&unread);
            let mut all = read.resolve(&schemas, namespace, Some(redactor));
            all.retain(|d| args.selector.as_ref().is_none_or(|s| s.matches_object(&d.object)));
            objects = Some(all);
            options.schemas = args.schemas.is_some().then_some(schemas);
            desired = Some(read);
        }
        Ok(Self {
            judge: WatchJudge::new(objects, options),
            desired,
            users: PostedUsers::new(redactor.clone()),
            printer: Printer::new(args.output, screen, counter.clone()),
            counter,
            notes,
            conflicts: 0,
            appended: 0,
            gaps: Vec::new(),
            gaps_since: None,
            first_state: FirstState::new(),
            outage: Outage::default(),
            screen,
            is_tape: args.tape.is_some(),
            is_text: args.output == LineFormat::Text,
        })
    }

    /// Loads what the store holds already.
    pub(super) async fn load(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        if self.desired.is_none() {
            return Ok(());
        }
        let mut events = store.read_all(Position::START);
        while let Some(event) = events.next().await {
            let event = event?;
            self.users.take(&event);
            self.judge.load(&event);
        }
        Ok(())
    }

    /// Takes a message and all that wait behind it.
    pub(super) async fn drain(
        &mut self,
        first: Option<IngestMessage>,
        messages: &mut mpsc::UnboundedReceiver<IngestMessage>,
        store: &dyn EventStore,
    ) -> Result<(), StoreError> {
        let mut next = first.or_else(|| messages.try_recv().ok());
        while let Some(message) = next {
            self.handle(message);
            if self.judge.should_scan_conflicts() {
                self.scan_conflicts(store).await?;
            }
            next = messages.try_recv().ok();
        }
        Ok(())
    }

    fn handle(&mut self, message: IngestMessage) {
        match message {
            IngestMessage::SourceFailed(why) => {
                let text = format!("{}  {why}", format_time(Timestamp::now()));
                self.counter.suspend(|| self.notes.add_incomplete(&text));
            }
            IngestMessage::Appended(events) => {
                self.appended += events.len() as u64;
                self.first_state.note_event();
                self.counter.set(self.appended);
                let now = Timestamp::now();
                for event in &events {
                    self.users.take(event);
                    self.judge.handle(event, now);
                }
            }
        }
    }

    /// Judges what came since the last time if it is due, and prints what is new.
    pub(super) async fn judge_if_due(&mut self) {
        if self.judge.deadline().is_some_and(|deadline| deadline <= Timestamp::now()) {
            self.judge().await;
        }
    }

    /// Judges what came since the last time, and prints what is new.
    pub(super) async fn judge(&mut self) {
        let (desired, users) = (&self.desired, &self.users);
        let updates = self.judge.judge(&mut |report| {
            desired.iter().for_each(|d| d.fill_lines(report));
            users.name(report);
        });
        self.print(updates).await;
    }

    /// Looks for fights and reverts in what came since the last time, and prints what is new.
    pub(super) async fn scan_conflicts(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        let updates = self.judge.scan_conflicts(store).await?;
        self.conflicts += updates.len();
        self.print(updates).await;
        Ok(())
    }

    async fn print(&mut self, updates: Vec<FindingUpdate>) {
        let is_gap = |f: &Finding| self.is_text && matches!(f.body, FindingBody::GapSeen(_));
        let (gaps, findings): (Vec<_>, Vec<_>) = updates.into_iter().map(|u| u.finding).partition(is_gap);
        if !gaps.is_empty() {
            self.gaps_since.get_or_insert_with(Instant::now);
            self.gaps.extend(gaps);
        }
        if findings.is_empty() {
            return;
        }
        if let Err(e) = self.printer.deliver(&findings).await {
            output::remark(&format!("error: {}", error_line(&e)));
        }
    }

    /// Reports what there is to report from time to time: how things stand once everything was listed, that the server is gone or back, and
    /// the gaps that came together.
    pub(super) fn report_state(&mut self, is_reachable: bool) {
        let change = self.outage.update(is_reachable, Timestamp::now());
        self.note(change);
        if !self.is_tape && is_reachable && self.first_state.take_if_due() {
            self.note(self.judge.summary().as_ref().map(describe_state));
            self.judge.misplaced().iter().for_each(|u| self.note(Some(format!("not looked at: {u}"))));
            self.note_namespace_option();
        }
        if self.gaps_since.is_some_and(|since| since.elapsed() >= GAP_WAIT) {
            self.flush_gaps();
        }
    }

    /// Prints how to name the namespace of what is declared, where that is not known.
    fn note_namespace_option(&self) {
        let hint = "hint: -n NAME is the namespace of all that is declared without one, --desired NAME=FOLDER that of a folder";
        self.note((!self.judge.misplaced().is_empty()).then(|| hint.to_owned()));
    }

    fn flush_gaps(&mut self) {
        self.gaps_since = None;
        let gaps = std::mem::take(&mut self.gaps);
        let text = render_gap_lines(&gaps, self.screen.styler());
        if let Err(failure) = self.counter.suspend(|| output::print_text(&text)) {
            failure.print();
        }
    }

    /// Prints a note beside the counter.
    pub(super) fn note(&self, text: Option<String>) {
        text.iter().for_each(|text| self.counter.suspend(|| output::remark(text)));
    }

    /// Returns how many events were appended in this run.
    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    pub(super) fn finish(mut self) -> Result<Outcome, Failure> {
        self.flush_gaps();
        self.counter.finish();
        if !self.is_tape && self.first_state.take() {
            self.note(self.judge.summary().as_ref().map(describe_state));
        }
        let coverage = CoverageV1::from(&self.judge.coverage());
        let text = coverage.render_text(Styler::default());
        text.lines().for_each(output::remark);
        report_grants(&self.judge.coverage());
        if self.is_tape {
            self.note_namespace_option();
        }
        let found = self.judge.findings().len() + self.conflicts > 0;
        Ok(match (self.notes.is_partial() || !coverage.complete, found) {
            (true, found) => Outcome::Incomplete { found },
            (false, true) => Outcome::Found,
            (false, false) => Outcome::Nothing,
        })
    }
}
