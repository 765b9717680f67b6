//! The table of conversions, read.

use std::sync::OnceLock;

use super::step::ConversionStep;

const TABLE: &str = include_str!("../../../data/conversions.txt");

/// The steps of some older versions of some kinds.
#[derive(Debug)]
pub(super) struct ConversionSection {
    groups: Vec<&'static str>,
    pub(super) kinds: Vec<&'static str>,
    versions: Vec<&'static str>,
    /// `apiVersion` of the newest version.
    pub(super) target: &'static str,
    pub(super) steps: Vec<ConversionStep>,
}

impl ConversionSection {
    pub(super) fn covers(&self, group: &str, version: &str, kind: &str) -> bool {
        self.groups.contains(&group) && self.versions.contains(&version) && self.kinds.contains(&kind)
    }
}

/// Returns the sections of the table.
pub(super) fn sections() -> &'static [ConversionSection] {
    static SECTIONS: OnceLock<Vec<ConversionSection>> = OnceLock::new();
    SECTIONS.get_or_init(|| parse(TABLE).expect("a test reads the table that is compiled in"))
}

/// Reads the table; the error is the number of the line that cannot be read.
fn parse(text: &'static str) -> Result<Vec<ConversionSection>, usize> {
    let mut sections: Vec<ConversionSection> = Vec::new();
    for (line, content) in text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(head) = content.strip_prefix('[').and_then(|c| c.strip_suffix(']')) {
            sections.push(section(head).ok_or(line)?);
            continue;
        }
        let step = ConversionStep::parse(content).ok_or(line)?;
        sections.last_mut().ok_or(line)?.steps.push(step);
    }
    Ok(sections)
}

/// Reads `GROUP,… KIND,… VERSION,… -> GROUP VERSION`.
fn section(head: &'static str) -> Option<ConversionSection> {
    let (older, newer) = head.split_once(" -> ")?;
    let words: Vec<_> = older.split(' ').map(|w| w.split(',').collect::<Vec<_>>()).collect();
    let [groups, kinds, versions] = <[_; 3]>::try_from(words).ok()?;
    let (group, version) = newer.split_once(' ')?;
    // Made once for each section, and as long-lived as the table.
    let target = Box::leak(format!("{group}/{version}").into_boxed_str());
    Some(ConversionSection { groups, kinds, versions, target, steps: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(parse(TABLE).map(|s| s.len() > 30), Ok(true));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for line in [
            "[a B v1 v2]",
            "[a B -> c v1]",
            "[a B v1 -> v2]",
            "move spec a -> b",
            "set spec: a = {",
            "code no-such-code",
            "default a = x",
            "replace a: b {} {}",
            "wrap a: b",
        ] {
            let text: &'static str = Box::leak(format!("[g K v1 -> g v2]\n\n{line}").into_boxed_str());
            assert_eq!(parse(text).map(|_| ()), Err(3), "{line}");
        }
        assert_eq!(parse("drop spec: a").map(|_| ()), Err(1), "outside any section");
    }
}
