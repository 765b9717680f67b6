//! Timing a closure.

use std::time::{Duration, Instant};

/// Runs a closure over and over for about a second and returns the time of its best run.
///
/// The best, not the mean: what disturbs a run on a shared machine only ever adds to it.
pub(crate) fn best(mut run: impl FnMut()) -> Duration {
    run();
    let start = Instant::now();
    let mut best = Duration::MAX;
    let mut runs = 0;
    while runs < 5 || start.elapsed() < Duration::from_millis(1200) {
        let one = Instant::now();
        run();
        best = best.min(one.elapsed());
        runs += 1;
    }
    best
}

/// Returns the value below which a share of the samples lies.
pub(crate) fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort_unstable();
    let at = (samples.len() as f64 * share) as usize;
    samples.get(at.min(samples.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// The time that this thread was on a processor, where the system tells; the time that passed elsewhere.
///
/// On a machine that others use as well the time that passed says more of them than of what is measured.
pub(crate) struct Clock {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: on_processor() }
    }

    /// Returns the time that passed and the time on a processor.
    pub(crate) fn elapsed(&self) -> (Duration, Duration) {
        let wall = self.wall.elapsed();
        let cpu = on_processor().zip(self.cpu).map(|(now, then)| now.saturating_sub(then));
        (wall, cpu.unwrap_or(wall))
    }
}

fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
