//! Making a damaged store usable.

use std::path::Path;

use drift_core::StoreError;

/// x
#[derive(Debug)]
pub struct Lost;

/// x
#[derive(Debug)]
pub struct RepairReport;

pub(super) fn repair(_store: &Path) -> Result<RepairReport, StoreError> {
    todo!()
}
