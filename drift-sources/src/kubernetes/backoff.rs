//! Delays after failures.

use std::time::Duration;

/// Delays after consecutive failures: doubling from `first` to `max`.
///
/// A hash of the waiting target shortens the delay by up to a quarter, so that 200 watches lost at once do not reconnect at
/// once, while the same run still waits the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub first: Duration,
    /// Longest delay.
    pub max: Duration,
    /// Longest delay after a request was denied or its resource is not served: somebody has to change that first.
    pub denied: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(800),
            max: Duration::from_secs(30),
            denied: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// Returns the delay after this many consecutive failures; zero after none.
    pub(crate) fn delay_after(&self, failures: u32, who: &str) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let grown = self.first.saturating_mul(1 << (failures - 1).min(16)).min(self.max);
        let off = fnv_hash(who, failures) % 64;
        grown.saturating_sub(grown * u32::try_from(off).unwrap_or(0) / 256)
    }
}

/// FNV-1a: small, fixed, and good enough to spread.
fn fnv_hash(text: &str, salt: u32) -> u64 {
    text.bytes()
        .chain(salt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_repeat_exactly() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay_after(0, "pods"), Duration::ZERO);
        for (failures, most) in [(1, 800), (2, 1600), (5, 12_800), (6, 25_600), (7, 30_000), (1000, 30_000)] {
            let most = Duration::from_millis(most);
            let delay = backoff.delay_after(failures, "pods");
            assert!(delay <= most && delay >= most * 3 / 4, "{failures}: {delay:?}");
            assert_eq!(delay, backoff.delay_after(failures, "pods"));
        }
        assert_ne!(backoff.delay_after(3, "pods"), backoff.delay_after(3, "nodes"));
    }
}
