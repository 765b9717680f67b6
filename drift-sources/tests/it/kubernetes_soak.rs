//! 10,000 changes under seeded faults, restarts, a compaction and kills of the watcher.

use std::time::{Duration, Instant};

use drift_sources::kubernetes::KubernetesOptions;
use serde_json::json;

use crate::fake_apiserver::{Fake, Fault};
use crate::kubernetes::{Rig, options};

pub(crate) const CHANGES: usize = 10_000;

/// xorshift: the same seed gives the same run, as far as the scheduler lets it.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

pub(crate) fn change(fake: &Fake, dice: &mut Dice, turn: usize) {
    let plural = if dice.roll(3) == 0 { "deployments" } else { "configmaps" };
    let name = format!("o{}", dice.roll(40));
    if dice.roll(6) == 0 {
        fake.delete(plural, &name);
    } else {
        fake.put(plural, &name, &json!({"data": {"turn": turn.to_string()}}));
    }
}

pub(crate) fn mischief(fake: &Fake, dice: &mut Dice) {
    let plural = if dice.roll(2) == 0 { "deployments" } else { "configmaps" };
    let n = usize::try_from(dice.roll(20)).unwrap();
    let faults = [
        Fault::CutMidLine(n),
        Fault::Garbage(n),
        Fault::Twice,
        Fault::ErrorEvent(n, 500),
        Fault::ErrorEvent(n, 410),
        Fault::Status(429, Some(0), "slow down"),
        Fault::Status(500, None, "no"),
        Fault::Backwards(n),
        Fault::WrongKind(n),
    ];
    let fault = faults[usize::try_from(dice.roll(9)).unwrap()].clone();
    fake.next_watch(plural, fault);
    match dice.roll(4) {
        0 => fake.next_list(plural, Fault::Status(500, None, "no")),
        1 => fake.next_list(plural, Fault::CutPage),
        2 => fake.bookmark(),
        _ => fake.cut(),
    }
}

async fn soak(seed: u64) {
    let compare = KubernetesOptions { full_comparison: Some(Duration::from_millis(200)), ..options() };
    let mut rig = Rig::new(compare).await;
    let mut dice = Dice(seed);
    rig.touch(0..20);
    rig.catch_up().await;
    let before = rig.fake.produced().len();
    let fake = rig.fake.clone();
    let mut turn = 0;
    for part in 1..=3 {
        let mut down_at = None;
        let dice = &mut dice;
        let turn = &mut turn;
        rig.observe(|_, _| {
            for _ in 0..dice.roll(3) {
                change(&fake, dice, *turn);
                *turn += 1;
            }
            if dice.roll(100) == 0 {
                mischief(&fake, dice);
            }
            // A restart in the first and second part, the compaction in the second.
            if part < 3 && down_at.is_none() && *turn > CHANGES * part / 3 - 1000 {
                fake.down();
                down_at = Some(Instant::now());
                if part == 2 {
                    fake.compact();
                }
            }
            if down_at.is_some_and(|at| at.elapsed() > Duration::from_millis(100)) {
                fake.up();
            }
            *turn >= CHANGES * part / 3
        })
        .await;
        fake.up();
    }
    rig.observe(|ledger, fake| !ledger.is_listing() && ledger.live == fake.there()).await;
    let produced = rig.fake.produced();
    let (recorded, excused) = rig.ledger.assert_covers(&produced[before..]);
    // Shown with `--nocapture`.
    println!(
        "seed {seed}: {recorded} recorded, {excused} in {} gaps, {} relists, {} checkpoints",
        rig.ledger.gaps.len(),
        rig.ledger.relists.values().sum::<u32>(),
        rig.ledger.checkpoints
    );
    assert!(rig.ledger.recorded.keys().all(|version| produced.contains(version) || version.version == 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_is_recorded_or_in_a_gap() {
    for seed in [7, 4711, 0xdead_beef] {
        soak(seed).await;
    }
}
