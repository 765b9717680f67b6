//! Renders that differ each time: generated passwords, times, random suffixes.
//!
//! Such a field has no declared value, so a difference in it is reported as nondeterministic and not as drift.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use drift_core::drift::rules::{Effect, FieldRule, Pattern, Rule, RuleTarget};
use drift_core::{FieldPath, Object, ResourceKey, diff};

use crate::render::CommitFiles;

/// Name of the rules and notes about such fields.
pub(super) const NAME: &str = "RenderNondeterministic";

/// Template functions that return a different result each time.
const RANDOM: &[&str] = &[
    "randAlphaNum",
    "randAlpha",
    "randNumeric",
    "randAscii",
    "randBytes",
    "randInt",
    "genPrivateKey",
    "genCA",
    "genCAWithKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
    "uuidv4",
    "htpasswd",
    "bcrypt",
    "encryptAES",
    "shuffle",
];
/// Template functions that return the time.
const CLOCK: &[&str] = &["now", "ago", "unixEpoch"];

/// Fields that differ between two renders, by object; all of an object that is in one of them only.
pub(super) type UnstableFields = BTreeMap<ResourceKey, BTreeSet<FieldPath>>;

/// Returns how long to wait before a second render may differ; `None` if no template is known to vary.
pub(super) fn may_vary(tree: &CommitFiles) -> Option<Duration> {
    let (mut random, mut clock) = (false, false);
    for file in tree.files() {
        // A packed chart cannot be looked into cheaply.
        random |= file.ends_with(".tgz");
        if !file.contains("templates/") {
            continue;
        }
        let bytes = tree.read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            random |= RANDOM.contains(&word);
            clock |= CLOCK.contains(&word);
        }
    }
    match (random, clock) {
        // Times in templates are in whole seconds at most.
        (_, true) => Some(Duration::from_millis(1_050)),
        (true, false) => Some(Duration::ZERO),
        (false, false) => None,
    }
}

/// Compares two renders of one commit.
pub(super) fn compare(one: &[Arc<Object>], two: &[Arc<Object>]) -> UnstableFields {
    let by_key = |all: &[Arc<Object>]| -> BTreeMap<ResourceKey, Arc<Object>> {
        all.iter().map(|o| (o.key(), Arc::clone(o))).collect()
    };
    let (one, two) = (by_key(one), by_key(two));
    let mut found = UnstableFields::new();
    for (key, object) in &one {
        let paths: BTreeSet<FieldPath> = match two.get(key) {
            Some(other) => {
                diff(object.doc(), other.doc(), None).changes().iter().map(|c| c.path.clone()).collect()
            }
            None => [FieldPath::ROOT].into(),
        };
        // What a Secret declares as text is live as data.
        let folded: Vec<FieldPath> = paths.iter().filter_map(|p| secret_data_path(key, p)).collect();
        if !paths.is_empty() {
            found.insert(key.clone(), paths.into_iter().chain(folded).collect());
        }
    }
    found.extend(two.into_keys().filter(|k| !one.contains_key(k)).map(|k| (k, [FieldPath::ROOT].into())));
    found
}

fn secret_data_path(key: &ResourceKey, path: &FieldPath) -> Option<FieldPath> {
    let below = key.group_kind() == ("", "Secret") && path.starts_with_fields(&["stringData"]);
    let mut elements = path.elements().iter().skip(1).cloned();
    below.then(|| elements.by_ref().fold(FieldPath::of(&["data"]), |path, e| path.child(e)))
}

/// Returns rules that ignore such fields, and notes about them.
pub(super) fn rules(unstable: &UnstableFields) -> (Vec<Rule>, Vec<String>) {
    let rule = |(key, paths): (&ResourceKey, &BTreeSet<FieldPath>)| Rule {
        name: NAME.into(),
        target: RuleTarget {
            group: Pattern::exact(&key.group),
            kind: Pattern::exact(&key.kind),
            namespace: Pattern::exact(&key.namespace),
            name: Pattern::exact(&key.name),
            ..RuleTarget::default()
        },
        effect: match paths.contains(&FieldPath::ROOT) {
            true => Effect::Whole,
            false => {
                Effect::Fields(FieldRule { paths: paths.iter().cloned().collect(), ..FieldRule::default() })
            }
        },
        because: None,
    };
    let note = |(key, paths): (&ResourceKey, &BTreeSet<FieldPath>)| match paths.contains(&FieldPath::ROOT) {
        true => format!("{NAME}: {key} is named otherwise with each render of one commit"),
        false => {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            format!("{NAME}: {key} {} differs between two renders of one commit", paths.join(", "))
        }
    };
    (unstable.iter().map(rule).collect(), unstable.iter().map(note).collect())
}
