//! Errors of the store, with the place or operation they are about.

use std::io;

use drift_core::StoreError;

/// Returns the error of a failed system call.
pub(super) fn unavailable_error(what: &str) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let what = what.to_owned();
    move |e| StoreError::Unavailable { what, source: Some(Box::new(e)) }
}

/// Returns the error of a damaged place.
pub(super) fn corrupt_error(segment: u32, offset: u64, what: &str) -> StoreError {
    StoreError::Corrupt { what: format!("segment {segment}, byte {offset}: {what}") }
}

/// Formats an error with its causes.
pub(super) fn describe_error(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
