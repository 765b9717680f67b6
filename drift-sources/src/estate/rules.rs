//! Files of rules: edges of custom kinds, health of custom kinds, exceptions.

use std::io::Read;
use std::path::{Path, PathBuf};

use drift_core::drift::rules::{RuleSet, exceptions};
use drift_core::graph::EdgeRules;
use drift_core::health::HealthRules;

use super::EstateError;
use crate::yaml;

/// Largest file of edge rules that is read.
const MAX_EDGES: u64 = 1 << 20;
/// Largest file of exceptions that is read.
const MAX_EXCEPTIONS: u64 = 16 << 20;

/// Reads files of edge rules, one `KIND.GROUP RELATION PATH -> TARGET` a line, on top of the bundled ones.
///
/// # Errors
/// Names the file, and the first line that is not a rule.
pub fn read_edge_rules(files: &[PathBuf]) -> Result<EdgeRules, EstateError> {
    let mut rules = EdgeRules::bundled();
    for path in files {
        let what = format!("edge rules `{}`", path.display());
        let failed = |e: std::io::Error| EstateError::unreadable(what.clone(), e);
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MAX_EDGES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_EDGES {
            return Err(EstateError::unreadable(what, format!("larger than {MAX_EDGES} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|e| EstateError::unreadable(what.clone(), e))?;
        rules = rules.with(&text).map_err(|e| {
            EstateError::unreadable(what, e)
                .expecting("KIND.GROUP RELATION PATH -> TARGET, one a line; see docs/edges.md")
        })?;
    }
    Ok(rules)
}

/// Reads files of health rules, to be tried before `bundled`; of two files the first goes first.
///
/// # Errors
/// Names the file, and the first line that is not a rule.
pub fn read_health_rules(files: &[PathBuf], bundled: HealthRules) -> Result<HealthRules, EstateError> {
    files.iter().rev().try_fold(bundled, |rules, path| {
        let what = format!("the rules in `{}`", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| EstateError::unreadable(what.clone(), e))?;
        let own = HealthRules::parse(&text).map_err(|e| EstateError::unreadable(what, e))?;
        Ok(own.before(&rules))
    })
}

/// Reads a file of own exceptions: selector, paths, reason, owner, expiry.
///
/// # Errors
/// When the file cannot be read. A rule that makes no sense is among the problems of the set.
pub fn read_exceptions(path: &Path) -> Result<RuleSet, EstateError> {
    let what = format!("exceptions in `{}`", path.display());
    let failed = |e: std::io::Error| EstateError::unreadable(what.clone(), e);
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_EXCEPTIONS {
        return Err(EstateError::unreadable(what, format!("larger than {MAX_EXCEPTIONS} bytes")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let mut set = RuleSet::default();
    for document in yaml::read(&bytes) {
        let document = document.map_err(|e| EstateError::unreadable(what.clone(), e))?;
        set.append(exceptions(&document.doc.root().to_value()));
    }
    Ok(set)
}
