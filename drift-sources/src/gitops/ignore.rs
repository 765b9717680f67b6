//! Files that a Flux source ignores, by patterns in the syntax of `.gitignore`.

use drift_core::drift::rules::Pattern;

/// What source-controller ignores by default.
const DEFAULT: &str = "*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
";

struct IgnoreLine {
    pattern: Pattern,
    again: bool,
}

/// Patterns in order; the last one that matches decides.
pub(super) struct IgnorePatterns(Vec<IgnoreLine>);

impl IgnorePatterns {
    /// Parses the patterns of a source, added to the default ones.
    pub(super) fn parse(patterns: Option<&str>) -> Self {
        let lines = DEFAULT.lines().chain(patterns.unwrap_or_default().lines());
        Self(lines.filter_map(parse_line).collect())
    }

    /// Returns `true` if a file is ignored.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        self.0.iter().rev().find(|l| l.pattern.matches(path)).is_some_and(|l| !l.again)
    }
}

fn parse_line(text: &str) -> Option<IgnoreLine> {
    let text = text.trim_end();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    let (again, text) = text.strip_prefix('!').map_or((false, text), |t| (true, t));
    let (folder, text) = text.strip_suffix('/').map_or((false, text), |t| (true, t));
    // A slash anywhere but at the end ties the pattern to the root.
    let anchored = text.contains('/');
    let text = text.strip_prefix('/').unwrap_or(text);
    let mut regex = String::from(if anchored { "" } else { "(?:.*/)?" });
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.next_if_eq(&'/').is_some() {
                    regex.push_str("(?:.*/)?");
                } else {
                    regex.push_str(".*");
                }
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            c if c.is_alphanumeric() || "/_- ".contains(c) => regex.push(c),
            c => {
                regex.push('\\');
                regex.push(c);
            }
        }
    }
    regex.push_str(if folder { "/.*" } else { "(?:/.*)?" });
    Pattern::regex(&regex).ok().map(|pattern| IgnoreLine { pattern, again })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_leave_files_out() {
        let ignored = IgnorePatterns::parse(Some("/docs/\n*.md\n!keep.md\nlocal/**/x.yaml\nbuild"));
        for (path, want) in [
            ("docs/a.yaml", true),
            ("a/docs/a.yaml", false),
            ("a/readme.md", true),
            ("a/keep.md", false),
            ("local/a/b/x.yaml", true),
            ("local/x.yaml", true),
            ("build/a.yaml", true),
            ("a/build", true),
            (".github/workflows/x.yaml", true),
            ("apps/web.yaml", false),
        ] {
            assert_eq!(ignored.leaves_out(path), want, "{path}");
        }
    }
}
