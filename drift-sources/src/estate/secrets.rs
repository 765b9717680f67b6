//! The values of Secrets in what is read, so that none of them is compared, stored or reported elsewhere.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use drift_core::Object;
use drift_core::drift::{DriftChange, DriftReport};
use drift_core::redact::{RedactOptions, Redactor, SecretValues, may_hold_secret};
use drift_core::tape::TapeEvent;

use super::InputFile;
use crate::tape::{TapeOptions, TapeReader};

/// Makes what hashes Secrets of an input that nobody hashed before, with a key that is used for nothing else.
pub(super) fn session_redactor(values: SecretValues) -> Redactor {
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        // Each state has its own random keys.
        part.copy_from_slice(&RandomState::new().hash_one(0_u8).to_le_bytes());
    }
    Redactor::with_values(RedactOptions::new(key), values)
}

/// Learns the values of all Secrets on a tape before any of it is used: a copy may come before its Secret.
///
/// What cannot be read is left out; who plays the tape reports it.
pub fn learn_tape(tape: &InputFile, values: &SecretValues) {
    let Ok(reader) = TapeReader::open(tape.path(), TapeOptions::default()) else { return };
    let object = |event| match event {
        TapeEvent::Listed(o) | TapeEvent::Added(o) | TapeEvent::Modified(o) | TapeEvent::Deleted(o) => {
            Some(o)
        }
        _ => None,
    };
    let lines = reader.keeping(|line| str::from_utf8(line).is_ok_and(may_hold_secret)).flatten();
    let objects: Vec<Object> = lines.filter_map(|line| object(line.event)).collect();
    values.learn(&objects);
}

/// Takes the values of Secrets out of a report that was made with them.
///
/// Who compares apps needs them: releases and variables lie in Secrets.
pub(super) fn redact_report(report: &mut DriftReport, redactor: &Redactor) {
    let values = redactor.values();
    let blank = |text: &mut String| {
        if let std::borrow::Cow::Owned(blank) = values.blank(text) {
            *text = blank;
        }
    };
    report.notes.iter_mut().for_each(blank);
    report.coverage.map_messages(|text| values.blank(text).into_owned());
    for resource in &mut report.resources {
        resource.notes.iter_mut().for_each(blank);
        for DriftChange { path, desired, live, default, .. } in &mut resource.changes {
            for value in [desired, live, default].into_iter().flatten() {
                *value = redactor.redact_value(&resource.key, path, value);
            }
        }
    }
}
