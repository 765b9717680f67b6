//! Which words stand for what. No name of a kind or of an operator is in here.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word can stand for, in states and reasons or as part of a condition's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sense {
    /// It failed, or cannot work: `failed`.
    Trouble,
    /// Work under way besides words in `-ing`: `pending`.
    UnderWay,
    /// Work under way when it stands alone: `NewReplicaSetAvailable` is no beginning.
    Beginning,
    /// Halted on purpose: `paused`.
    Halted,
    /// It is there and works: `ready`.
    Good,
    /// In `-ing`, but no activity under way: `missing`.
    NoActivity,
    /// Denies what follows: `not`.
    Denial,
    /// Somebody decides it, so that its opposite is an answer and no delay: `accepted`.
    Decision,
    /// An activity is over: `finished`.
    Over,
    /// It began, and did not end: `started`.
    Start,
    /// Kinds that run to an end: `backup`.
    RunsOnce,
    /// A condition's type that is about the whole: `Ready`.
    TypeWhole,
    /// A condition's type that ought to be true: `Synced`.
    TypePart,
    /// A condition's type that ought to be true, but only counts where no other does: `Active`.
    TypeWeak,
    /// A condition's type that ought to be false: `Failed`.
    TypeTrouble,
    /// The same, of a part: `DiskPressure`.
    TypePartTrouble,
    /// A condition's type for a halt: `Paused`.
    TypeHalt,
}

/// The senses of one word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Senses(u32);

impl Senses {
    pub(super) fn has(self, sense: Sense) -> bool {
        self.0 & (1 << sense as u8) != 0
    }
}

const LISTS: &[(Sense, &str)] = &[
    (
        Sense::Trouble,
        "abandoned abnormal abort aborted backoff bad blocked breached broken canceled cancelled cannot \
         clogged collapsed compromised conflict conflicting conflicts corrupt corrupted crash crashed \
         crashing crashlooping critical damaged dead declined degraded denied disallowed disconnected \
         disrupted dying err erroneous error errored erroring errors evicted exceeded exhausted expired fail \
         failed failing fails failure failures fatal fault faulted faulty flapping forbidden hanging impaired \
         incompatible inconsistent insufficient interrupted invalid killed leaked lost misconfigured mismatch \
         mismatched noncompliant offline oom orphan orphaned overloaded panicked poisoned quarantined red \
         refused rejected revoked saturated stale stalled starved stuck tainted throttled timedout timeout \
         unable unauthorized unavailable unhealthy unknownerror unreachable unreconcilable unrecoverable \
         unresolvable unresolved unresponsive unschedulable unsupported violated violation violations warn \
         warning wedged",
    ),
    (Sense::UnderWay, "await awaits being bootstrap init pend progress yellow"),
    (
        Sense::Beginning,
        "canary deferred delayed dispatched enqueued incomplete inqueue new outdated postponed queued \
         received requested retry scheduled submitted triggered unbound waits",
    ),
    (
        Sense::Halted,
        "asleep cordoned deactivated deallocated detached disabled dormant frozen halt halted hibernate \
         hibernated hibernating hibernation idled ignored inactive maintain maintenance parked paused shelved \
         sleeping snoozed standby stopped suspended unmanaged",
    ),
    (
        Sense::Good,
        "accepted acquired activated active admitted aligned allocated applied approved archived assigned \
         attached authenticated authorized available bound built claimed cloned collected complete completed \
         completes compliant configured connected converged copied covered created current delivered deployed \
         done downloaded elected enabled enrolled established executed existing exists expanded exported \
         fetched finished formatted fulfilled functional generated granted green healthy idle imported \
         indexed initialised initialized injected inserted installed issued joined listed listening live \
         loaded merged migrated mirrored mounted normal ok okay online open operating operational paired \
         passed peered permitted present programmed promoted propagated provisioned published ran reachable \
         ready rebalanced reconciled recovered refreshed registered released rendered replicated reserved \
         resized resolved restored resumed rotated running satisfied saved sealed selected sent serving set \
         settled signed stable started stored subscribed succeed succeeded success successful successfully \
         sufficient synced synchronised synchronized tested trained transferred unlocked unsealed up updated \
         upgraded uploaded uptodate valid validated verified working written",
    ),
    (
        Sense::NoActivity,
        "binding conflicting during existing failing listening missing nothing operating ping ring routing \
         running serving string thing working",
    ),
    (Sense::Denial, "not no non"),
    (Sense::Decision, "accepted admitted compliant healthy reachable resolved valid validated verified"),
    (Sense::Over, "available complete completed done expected finished ready succeeded success successful"),
    (Sense::Start, "running started active created accepted initialized scheduled provisioned"),
    (
        Sense::RunsOnce,
        "action analysis backup benchmark build cleanup clone conversion copy download drain evaluation \
         execution expansion experiment export failover finetune import inspection invocation job load \
         maintenance migrate migration op operation ops order prefetch purge rebalance reboot recovery \
         remediation request resize restart restore rollback run scan session snapshot switchover task test \
         transfer trial upgrade upload workflow",
    ),
    (
        Sense::TypeWhole,
        "available complete completed done finished functional healthy online operational ready succeeded",
    ),
    (
        Sense::TypePart,
        "accepted active admitted allocated applied approved assigned attached authenticated authorized \
         available bootstrapped bound built cloned complete completed configured connected converged created \
         deployed discovered established executed exists exported fetched formed functional granted healthy \
         imported initialised initialized injected installed issued joined launched loaded merged migrated \
         mounted online operational paired passed programmed promoted propagated provided provisioned \
         published reachable ready reconciled registered rendered replicated reserved resolved restored \
         satisfied schedulable signed succeeded success successful synced synchronised synchronized updated \
         upgraded valid validated verified",
    ),
    (Sense::TypeWeak, "active enabled running"),
    (
        Sense::TypeTrouble,
        "aborted blocked broken conflict conflicted conflicts corrupted crashed crashing degraded denied \
         disconnected error errored errors exceeded exhausted failed failing failure fallback interrupted \
         invalid irreconcilable killed lost misconfigured offline orphan orphaned recoverable rejected \
         stalled stuck terminal timedout timeout unavailable unhealthy unreachable unreconcilable \
         unresponsive unschedulable",
    ),
    (Sense::TypePartTrouble, "pressure mismatch violation violations"),
    (
        Sense::TypeHalt,
        "asleep cordoned disabled frozen halted hibernated hibernating hibernation ignored maintenance paused \
         sleeping stopped suspended unmanaged",
    ),
];

static LEXICON: LazyLock<HashMap<&'static str, Senses>> = LazyLock::new(|| {
    let mut lexicon: HashMap<&'static str, Senses> = HashMap::new();
    for (sense, list) in LISTS {
        for word in list.split_ascii_whitespace() {
            lexicon.entry(word).or_default().0 |= 1 << *sense as u8;
        }
    }
    lexicon
});

/// Looks a lower-case word up.
pub(super) fn senses(word: &str) -> Senses {
    LEXICON.get(word).copied().unwrap_or_default()
}
