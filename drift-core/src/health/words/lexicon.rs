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
    /// What nothing works without, so that having none is trouble: `quorum`.
    Vital,
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
    /// A participle in a condition's type that is neither good nor bad: `Limited`.
    TypeNeutral,
}

/// The senses of one word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Senses(u32);

impl Senses {
    pub(super) fn has(self, sense: Sense) -> bool {
        self.0 & (1 << sense as u8) != 0
    }

    /// Returns `true` if nothing is known of the word.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

const LISTS: &[(Sense, &str)] = &[
    (
        Sense::Trouble,
        "abandoned abnormal abort aborted alarm attention backoff bad blocked breached broken canceled \
         cancelled cannot clogged collapsed compromised conflict conflicting conflicts corrupt corrupted \
         crash crashed crashing crashlooping critical damaged dead deadlocked declined degraded denied \
         disallowed discarded disconnected disrupted diverged drifted dying err erroneous error errored \
         erroring errors evicted exceeded exhausted expired fail failed failing fails failure failures \
         fatal fault faulted faulty flapping forbidden hanging hung illegal impaired impossible \
         inaccessible incompatible inconsistent incorrect ineligible infected insufficient interrupted \
         invalid killed leaked lost malformed misbehaving misconfigured mismatch mismatched noncompliant \
         offline oom orphan orphaned outage overloaded panicked poisoned problem problems quarantined red \
         refused regressed rejected revoked saturated stale stalled starved stuck suspect tainted tampered \
         throttled timedout timeout unable unauthorized unavailable unfit unhealthy unknownerror \
         unreachable unreadable unreconcilable unrecoverable unreliable unresolvable unresolved \
         unresponsive unroutable unsafe unsatisfiable unschedulable unserviceable unstable unsuccessful \
         unsupported untrusted unusable vetoed violated violation violations vulnerable warn warning wedged \
         wrong",
    ),
    (Sense::UnderWay, "await awaits being bootstrap init inprogress pend progress wait yellow"),
    (
        Sense::Beginning,
        "canary creation deferred delayed dispatched draft enqueued incomplete initial initialisation \
         initialization initiated inqueue installation new outdated planned postponed preparation provision \
         queued received requested requeued retry scheduled staged submitted triggered unbound validation \
         waits",
    ),
    (
        Sense::Halted,
        "asleep cordoned deactivated deallocated detached disabled dormant frozen halt halted hibernate \
         hibernated hibernating hibernation idled ignored inactive locked maintain maintenance parked \
         paused quiesced retired shelved sleeping snoozed standby stopped suspended unmanaged",
    ),
    (
        Sense::Good,
        "accepted achieved acquired activated active admitted adopted advertised aligned allocated \
         announced applied approved archived assigned associated attached authenticated authorized \
         available bonded booted bootstrapped bound built cached captured certified checked claimed cloned \
         collected committed compiled complete completed completes compliant composed computed configured \
         confirmed connected consistent converged copied covered created current decrypted delivered \
         deployed discovered done downloaded effective elected embedded enabled encrypted enforced engaged \
         enrolled ensured established evaluated executed existing exists expanded exported exposed fetched \
         finished fixed formatted fulfilled functional generated granted green healthy hydrated idle \
         implemented imported indexed ingested initialised initialized injected inserted installed intact \
         integrated issued joined launched leased linked listed listening live loaded mapped matched \
         materialized merged met migrated mirrored monitored mounted negotiated nominal normal notified \
         offered ok okay online open operating operational optimal owned paired parsed passed passing \
         peered permitted persisted pinned placed populated present processed programmed promoted \
         propagated provisioned published pulled pushed ran ratified reachable ready realized rebalanced \
         reconciled recorded recovered refreshed registered released reloaded remediated rendered repaired \
         replenished replicated reserved resized resolved restored resumed retained retrieved rotated \
         routed running satisfied saved scanned sealed secured seeded selected sent served serving set \
         settled shared shipped signed sized solved stable started steady stored subscribed succeed \
         succeeded success successful successfully sufficient synced synchronised synchronized tested \
         tracked trained transferred transformed translated trusted unblocked uncordoned unlocked unpacked \
         unsealed up updated upgraded uploaded uptodate usable valid validated verified visible warm \
         working written",
    ),
    (
        Sense::NoActivity,
        "binding conflicting during existing failing listening missing nothing operating ping ring routing \
         running serving string thing working",
    ),
    (Sense::Denial, "not no non un"),
    (Sense::Decision, "accepted admitted compliant healthy reachable resolved valid validated verified"),
    (Sense::Vital, "capacity enough fit leader matched quorum space"),
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
        "accepted active admitted adopted allocated applied approved assigned attached authenticated authorized \
         available balanced bootstrapped bound built cloned complete completed configured connected converged created \
         deployed discovered established executed exists exported fetched formed functional granted healthy \
         imported initialised initialized injected installed issued joined launched loaded merged met migrated \
         mounted online operational paired passed programmed promoted propagated provided provisioned \
         published reachable ready reconciled registered rendered replicated reserved resolved restored \
         satisfied schedulable serving signed succeeded success successful synced synchronised synchronized updated \
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
    (
        Sense::TypeNeutral,
        "archived attempted capped changed cleared closed cordoned deleted deprecated detected drained evicted \
         limited managed modified needed observed opened outdated preempted pruned queued recycled removed \
         replaced requested required restarted retried scaled seen skipped started submitted superseded \
         terminated triggered unmanaged unused upgradable used",
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
