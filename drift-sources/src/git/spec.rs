//! `PATH_OR_URL[@REV][:SUBDIR]`, the way a repository is named on a command line.

use std::fmt;
use std::path::{Path, PathBuf};

use super::GitError;

/// A repository, and optionally a revision and a folder in it.
///
/// Text form `PATH_OR_URL[@REV][:SUBDIR]`:
///
/// | given | repository | revision | folder |
/// |---|---|---|---|
/// | `./deploy@main` | folder `deploy` (a repository, or a folder in one) | `main` | |
/// | `https://host/org/repo.git@v1.2:apps/web` | the remote | `v1.2` | `apps/web` |
/// | `git@host:org/repo.git@main` | the remote, by ssh | `main` | |
/// | `incident.bundle@HEAD~2` | the bundle file | `HEAD~2` | |
///
/// Paths and URLs may hold `@` and `:` themselves. A path is split where the left side exists, at the rightmost
/// place; a URL after its first `.git`, else at the last `@` of its path. A file or folder that exists with the whole name is never split.
/// `REPOSITORY//SUBDIR[@REV]`, as Kustomize writes it, is taken too.
/// `git@host:path` is always a remote; `./git@host:path` is a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSpec {
    /// Where the repository is.
    pub location: GitLocation,
    /// A branch, tag, full or abbreviated commit id, or an expression such as `HEAD~2`; `HEAD` if absent.
    pub revision: Option<String>,
    /// Folder or file below which to read, with `/` between names and none at the ends.
    pub subdir: Option<String>,
}

/// Where a repository is.
#[derive(Clone, PartialEq, Eq)]
pub enum GitLocation {
    /// A repository (bare or not), a folder in a work tree, or a bundle file.
    Local(PathBuf),
    /// A URL, or `user@host:path`. May hold credentials: `Display` and `Debug` leave them out.
    Remote(String),
}

impl fmt::Display for GitLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote(url) => f.write_str(&without_user_info(url)),
        }
    }
}

impl fmt::Debug for GitLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitLocation({self})")
    }
}

impl fmt::Display for GitSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        match &self.subdir {
            Some(subdir) => write!(f, ":{subdir}"),
            None => Ok(()),
        }
    }
}

impl GitSpec {
    /// Parses the text form. Looks at which local paths exist, and at nothing else.
    ///
    /// # Errors
    /// [`GitError::InvalidSpec`] for an empty part, a folder that leaves the repository, a scheme that is not
    /// `https`, `http`, `ssh`, `git` or `file`, or control characters.
    pub fn parse(text: &str) -> Result<Self, GitError> {
        Self::parse_with(text, &|path| path.exists())
    }

    /// Returns `true` if `text` can only mean Git: a URL, a revision of something that exists, a bundle, or a bare repository.
    /// An existing folder does not count, even if it is a work tree: its files are read as they are.
    pub fn looks_like_git(text: &str) -> bool {
        match Self::parse(text) {
            Ok(Self { location: GitLocation::Remote(_), .. }) => true,
            Ok(Self { location: GitLocation::Local(path), revision, .. }) => {
                path.exists()
                    && (revision.is_some()
                        || super::bundle::is_bundle(&path)
                        || super::open::is_bare_repository(&path))
            }
            // What looks like a URL shall get the error of a URL.
            Err(_) => scheme_of(text).is_some(),
        }
    }

    fn parse_with(text: &str, exists: &dyn Fn(&Path) -> bool) -> Result<Self, GitError> {
        let refuse = |why: &str| GitError::InvalidSpec { spec: without_user_info(text), why: why.to_owned() };
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("it holds a control character"));
        }
        let (location, rest) = match scheme_of(text) {
            Some(scheme) => split_url(text, scheme).map_err(refuse)?,
            None => match split_scp(text, exists) {
                Some(split) => split,
                None => split_path(text, exists),
            },
        };
        let (revision, subdir) = split_rest(rest).map_err(refuse)?;
        Ok(Self { location, revision, subdir })
    }
}

/// `Some` only for what has the shape of a URL, so that `C:\x` or `a:b` has none.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let shape = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (shape && scheme.starts_with(|c: char| c.is_ascii_alphabetic())).then_some(scheme)
}

fn split_url<'a>(text: &'a str, scheme: &str) -> Result<(GitLocation, &'a str), &'static str> {
    if !["https", "http", "ssh", "git", "file"].contains(&scheme) {
        return Err("the scheme is not one of https, http, ssh, git, file");
    }
    let authority = scheme.len() + "://".len();
    let path = authority + text[authority..].find('/').ok_or("the URL has no path")?;
    if path == authority && scheme != "file" {
        return Err("the URL has no host");
    }
    if text[authority..].starts_with('-') {
        return Err("the host begins with `-`");
    }
    let at = path + end_of_repository(&text[path..]);
    if at - path < 2 {
        return Err("the URL names no repository");
    }
    Ok((GitLocation::Remote(text[..at].to_owned()), &text[at..]))
}

/// `user@host:path`. The user `git` decides; any other could be `folder@rev:subdir`, which wins if the folder exists.
fn split_scp<'a>(text: &'a str, exists: &dyn Fn(&Path) -> bool) -> Option<(GitLocation, &'a str)> {
    let (before, path) = text.split_once(':')?;
    let (user, host) = before.split_once('@')?;
    let plain = |s: &str| {
        !s.is_empty()
            && !s.starts_with('-')
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if !plain(user) || !plain(host) || path.is_empty() {
        return None;
    }
    if user != "git" && (exists(Path::new(user)) || exists(Path::new(text))) {
        return None;
    }
    let at = before.len() + 1 + end_of_repository(path);
    Some((GitLocation::Remote(text[..at].to_owned()), &text[at..]))
}

/// Index where the repository's own path ends and `@REV`, `:SUBDIR` or `//SUBDIR` begins.
fn end_of_repository(path: &str) -> usize {
    // As Kustomize and Terraform write a folder of a remote.
    let folder = path.match_indices("//").map(|(i, _)| i).find(|i| *i > 0);
    let end = end_before_revision(path);
    folder.filter(|i| *i < end).unwrap_or(end)
}

fn end_before_revision(path: &str) -> usize {
    for (start, suffix) in path.match_indices(".git") {
        let end = start + suffix.len();
        if matches!(path[end..].chars().next(), None | Some('@' | ':')) {
            return end;
        }
    }
    // `/@scope/repo` is a name, not a revision.
    let revision = path.rmatch_indices('@').find(|(i, _)| *i > 0 && !path[..*i].ends_with('/'));
    match revision {
        Some((i, _)) => i,
        None => path.find(':').unwrap_or(path.len()),
    }
}

/// Splits where the left side exists, as far right as possible. Where nothing exists, at the last `@`, so that the
/// error names the path meant.
fn split_path<'a>(text: &'a str, exists: &dyn Fn(&Path) -> bool) -> (GitLocation, &'a str) {
    let local = |end: usize| (GitLocation::Local(PathBuf::from(&text[..end])), &text[end..]);
    if exists(Path::new(text)) {
        return local(text.len());
    }
    let mut separators: Vec<usize> = text.match_indices(['@', ':']).map(|(i, _)| i).collect();
    separators.extend(text.match_indices("//").map(|(i, _)| i));
    separators.retain(|i| *i > 0);
    separators.sort_unstable();
    if let Some(end) = separators.iter().rev().find(|i| exists(Path::new(&text[..**i]))) {
        return local(*end);
    }
    local(text.rfind('@').filter(|i| *i > 0).unwrap_or(text.len()))
}

fn split_rest(rest: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    if let Some(rest) = rest.strip_prefix("//") {
        // The other order: a folder can hold `@` only where the revision follows.
        let (subdir, revision) = match rest.rsplit_once('@') {
            Some((subdir, revision)) => (subdir, Some(revision)),
            None => (rest, None),
        };
        return checked_rest(revision, Some(subdir));
    }
    let (revision, subdir) = match rest.strip_prefix('@') {
        // A reference cannot hold `:`.
        Some(rest) => match rest.split_once(':') {
            Some((revision, subdir)) => (Some(revision), Some(subdir)),
            None => (Some(rest), None),
        },
        None => (None, rest.strip_prefix(':')),
    };
    checked_rest(revision, subdir)
}

fn checked_rest(
    revision: Option<&str>,
    subdir: Option<&str>,
) -> Result<(Option<String>, Option<String>), &'static str> {
    if revision == Some("") {
        return Err("there is nothing after `@`");
    }
    if revision.is_some_and(|r| r.starts_with('-')) {
        return Err("the revision begins with `-`");
    }
    Ok((revision.map(str::to_owned), subdir.map(normal_subdir).transpose()?.flatten()))
}

/// Drops `.` and empty names; `None` for the root.
pub(super) fn normal_subdir(subdir: &str) -> Result<Option<String>, &'static str> {
    let names: Vec<&str> = subdir.split('/').filter(|n| !n.is_empty() && *n != ".").collect();
    if names.contains(&"..") {
        return Err("the folder leaves the repository");
    }
    Ok((!names.is_empty()).then(|| names.join("/")))
}

/// The text of a URL without `user:password@`; `user@` alone goes too, since tokens are given there.
pub(super) fn without_user_info(url: &str) -> String {
    let Some(scheme) = scheme_of(url) else { return url.to_owned() };
    let start = scheme.len() + "://".len();
    let end = url[start..].find('/').map_or(url.len(), |i| start + i);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}{}", &url[..start], &url[start + at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `existing` are the paths that exist; the expectation is `location | revision | subdir`.
    #[track_caller]
    fn check(text: &str, existing: &[&str], expect: &str) {
        let got = match GitSpec::parse_with(text, &|p| existing.iter().any(|e| Path::new(e) == p)) {
            Ok(spec) => {
                let place = match &spec.location {
                    GitLocation::Local(path) => format!("local {}", path.display()),
                    GitLocation::Remote(url) => format!("remote {url}"),
                };
                format!(
                    "{place} | {} | {}",
                    spec.revision.unwrap_or_default(),
                    spec.subdir.unwrap_or_default()
                )
            }
            Err(e) => format!("error {e}"),
        };
        assert_eq!(got, expect, "for {text}");
    }

    #[test]
    fn remotes_are_told_from_revisions() {
        for (text, expect) in [
            ("https://host/org/repo.git", "remote https://host/org/repo.git |  | "),
            ("https://host/org/repo.git@main", "remote https://host/org/repo.git | main | "),
            ("https://host/org/repo@main:apps/web", "remote https://host/org/repo | main | apps/web"),
            ("https://host/org/repo.git:apps", "remote https://host/org/repo.git |  | apps"),
            ("https://host/org/repo.git@feature/a@b", "remote https://host/org/repo.git | feature/a@b | "),
            (
                "https://host/org/repo.git//apps/web@v1.4",
                "remote https://host/org/repo.git | v1.4 | apps/web",
            ),
            ("https://host/org/repo//apps", "remote https://host/org/repo |  | apps"),
            ("git@host.example:org/repo.git//apps@v1", "remote git@host.example:org/repo.git | v1 | apps"),
            ("https://host/@scope/repo", "remote https://host/@scope/repo |  | "),
            ("https://host/@scope/repo@v1", "remote https://host/@scope/repo | v1 | "),
            (
                "https://org@dev.host/org/p/_git/repo@main",
                "remote https://org@dev.host/org/p/_git/repo | main | ",
            ),
            ("https://host:8443/repo@HEAD~2", "remote https://host:8443/repo | HEAD~2 | "),
            ("ssh://git@host:22/org/repo.git@main:x", "remote ssh://git@host:22/org/repo.git | main | x"),
            ("git@host.example:org/repo.git", "remote git@host.example:org/repo.git |  | "),
            ("git@host.example:org/repo.git@main", "remote git@host.example:org/repo.git | main | "),
            ("git@host.example:org/repo@main:apps/", "remote git@host.example:org/repo | main | apps"),
            ("deploy@host.example:repo.git@v1", "remote deploy@host.example:repo.git | v1 | "),
            ("file:///srv/repo@main", "remote file:///srv/repo | main | "),
        ] {
            check(text, &[], expect);
        }
    }

    #[test]
    fn existing_paths_win_over_separators() {
        check("repo@main:apps", &["repo"], "local repo | main | apps");
        check("repo:apps", &["repo"], "local repo |  | apps");
        check("repo@main", &["repo", "repo@main"], "local repo@main |  | ");
        check("a@b/repo@main", &["a@b", "a@b/repo"], "local a@b/repo | main | ");
        check("a@b/repo@feature/x", &["a@b/repo"], "local a@b/repo | feature/x | ");
        check("git@host.example:r.git", &["git"], "remote git@host.example:r.git |  | ");
        check("./git@main:x", &["./git"], "local ./git | main | x");
        check("r.git//apps@v1", &["r.git"], "local r.git | v1 | apps");
        check("r//apps@v1", &["r", "r//apps"], "local r//apps | v1 | ");
        check("missing@main", &[], "local missing | main | ");
        check("x.bundle@HEAD~2:./a//b/", &["x.bundle"], "local x.bundle | HEAD~2 | a/b");
    }

    #[test]
    fn malformed_specs_are_refused_with_the_reason() {
        for (text, why) in [
            ("", "it is empty"),
            ("repo@", "there is nothing after `@`"),
            ("repo@--upload-pack=x", "the revision begins with `-`"),
            ("repo@main:../x", "the folder leaves the repository"),
            ("ext::sh -c x://a", "it names"),
            ("ext://host/repo", "the scheme is not one of https, http, ssh, git, file"),
            ("https://host", "the URL has no path"),
            ("https:///repo", "the URL has no host"),
            ("https://host/", "the URL names no repository"),
            ("ssh://-oProxyCommand=x/repo", "the host begins with `-`"),
            ("a\nb", "it holds a control character"),
        ] {
            match GitSpec::parse_with(text, &|p| p == Path::new("repo")) {
                Err(GitError::InvalidSpec { why: got, .. }) => assert_eq!(got, why, "for {text}"),
                // Without a scheme's shape it is a path that does not exist; opening says so.
                Ok(spec) => assert_eq!(why, "it names", "for {text}: {spec}"),
                Err(e) => panic!("{text}: {e}"),
            }
        }
    }

    #[test]
    fn credentials_are_never_shown() {
        let spec = GitSpec::parse("https://user:hunter2@host/r.git@main").unwrap();
        assert_eq!(spec.to_string(), "https://host/r.git@main");
        assert!(!format!("{spec:?}").contains("hunter2"));
        let error = GitSpec::parse("https://user:hunter2@host").unwrap_err();
        assert_eq!(error.to_string(), "`https://host` names no repository: the URL has no path");
    }
}
