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
