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
        "abandoned abort aborted abnormal backoff bad blocked broken cancelled canceled cannot conflict conflicts \
         conflicting corrupt corrupted crash crashed critical dead degraded denied disconnected err erroneous error \
         errored errors evicted exceeded expired fail failed failing fails failure failures fatal fault faulted \
         faulty forbidden impaired incompatible inconsistent insufficient interrupted invalid killed lost \
         misconfigured mismatch mismatched noncompliant offline oom orphan orphaned red refused rejected stalled \
         stale stuck timeout timedout unable unauthorized unavailable unhealthy unreachable unrecoverable \
         unresolvable unresponsive unschedulable unsupported violated violation violations warn warning",
    ),
    (Sense::UnderWay, "await awaits being bootstrap init pend progress yellow"),
    (Sense::Beginning, "inqueue new queued requested retry scheduled submitted incomplete unbound"),
    (
        Sense::Halted,
        "cordoned disabled halted hibernate hibernated hibernation inactive paused standby stopped suspended",
    ),
    (
        Sense::Good,
        "accepted active admitted allocated applied approved assigned attached available bound complete completed \
         compliant configured connected created current deployed done enabled enrolled established existing exists \
         finished functional granted green healthy initialised initialized installed issued joined live loaded \
         listening mounted normal ok okay online open operational passed permitted present programmed promoted \
         propagated provisioned published ready reconciled registered released resolved running serving stable \
         started succeed succeeded success successful successfully synced synchronised synchronized up updated \
         uploaded valid validated verified working",
    ),
    (
        Sense::NoActivity,
        "binding conflicting during existing failing listening missing nothing ping ring routing running serving \
         string thing working",
    ),
    (Sense::Denial, "not no non"),
    (Sense::Decision, "accepted admitted compliant healthy resolved valid validated verified"),
    (Sense::Over, "available complete completed done expected finished ready succeeded success successful"),
    (Sense::Start, "running started active created accepted initialized scheduled provisioned"),
    (
        Sense::RunsOnce,
        "action analysis backup benchmark build clone download execution experiment export import job migration \
         operation order request restore run scan session snapshot task test trial upload workflow",
    ),
    (Sense::TypeWhole, "ready available healthy succeeded complete completed finished done"),
    (
        Sense::TypePart,
        "accepted active admitted allocated applied approved assigned attached available bootstrapped bound built \
         complete completed configured connected created deployed discovered established exists formed granted \
         healthy initialised initialized installed issued joined launched loaded mounted passed programmed promoted \
         propagated provided provisioned published reachable ready reconciled registered reserved resolved satisfied \
         success succeeded successful synced synchronised synchronized updated valid validated verified",
    ),
    (Sense::TypeWeak, "active enabled running"),
    (
        Sense::TypeTrouble,
        "aborted conflict conflicts conflicted degraded denied error errors errored exceeded exhausted failed failing \
         failure fallback interrupted invalid irreconcilable killed orphan orphaned recoverable rejected stalled \
         terminal unavailable unhealthy unreachable",
    ),
    (Sense::TypePartTrouble, "pressure mismatch violation violations misconfigured"),
    (Sense::TypeHalt, "cordoned paused suspended stopped hibernated hibernation ignored unmanaged"),
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
