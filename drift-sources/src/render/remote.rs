//! Names of what is not in a tree: URLs, and repositories as kustomize takes them.

/// Hosts from which kustomize may fetch bases and files; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteHosts(Vec<String>);

impl<H: Into<String>> FromIterator<H> for RemoteHosts {
    fn from_iter<T: IntoIterator<Item = H>>(hosts: T) -> Self {
        Self(hosts.into_iter().map(|h| h.into().to_ascii_lowercase()).collect())
    }
}

impl RemoteHosts {
    /// Returns `true` if nothing may be fetched.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns why an entry is not fetched; `None` if its host is allowed.
    pub(super) fn refusal(&self, entry: &str) -> Option<String> {
        let shown: String = without_user(entry).chars().filter(|c| !c.is_control()).take(200).collect();
        let Some(host) = host_of(entry) else {
            return Some(format!("`{shown}` is not in the repository, and is not fetched"));
        };
        if needs_ssh(entry) && self.0.contains(&host) {
            return Some(format!(
                "`{shown}` would be fetched by ssh, for which there is no key here; use https"
            ));
        }
        (!self.0.contains(&host)).then(|| {
            format!("`{shown}` is remote, and nothing is fetched while rendering; `--allow-remote-bases {host}` would allow it")
        })
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Returns `true` if kustomize fetches a file by HTTP.
pub(super) fn is_fetched_as_file(entry: &str) -> bool {
    let entry = entry.trim();
    has_prefix(entry, "http:") || has_prefix(entry, "https:")
}

/// Returns `true` if kustomize takes an entry for a Git repository.
pub(super) fn is_repository(entry: &str) -> bool {
    let entry = entry.trim();
    let hosts =
        ["github.com/", "github.com:", "gitlab.com/", "gitlab.com:", "bitbucket.org/", "bitbucket.org:"];
    entry.contains("://")
        || entry.contains("::")
        || has_prefix(entry, "gh:")
        || hosts.iter().any(|host| has_prefix(entry, host))
        || user_of(entry).is_some()
}

/// Returns what stands before the `@` of `user@host:path` or `user@host/path`.
fn user_of(entry: &str) -> Option<&str> {
    let (user, rest) = entry.split_once('@')?;
    let is_name = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (is_name && rest.contains([':', '/'])).then_some(user)
}

fn needs_ssh(entry: &str) -> bool {
    let rest = after_transport(entry);
    has_prefix(rest, "ssh:") || !rest.contains("://") && user_of(rest).is_some()
}

/// Splits off a prefix such as `git::`.
fn after_transport(entry: &str) -> &str {
    let entry = entry.trim();
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    entry.split_once("::").filter(|(name, _)| is_name(name)).map_or(entry, |(_, rest)| rest)
}

/// Splits off `git::` and the scheme.
fn after_scheme(entry: &str) -> &str {
    let rest = after_transport(entry);
    rest.split_once("://").map_or(rest, |(_, rest)| rest)
}

/// Returns the host of an entry, in lower case.
fn host_of(entry: &str) -> Option<String> {
    let rest = after_scheme(entry);
    if has_prefix(rest, "gh:") {
        return Some("github.com".to_owned());
    }
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest[..end].rsplit('@').next()?;
    // An address of IP version 6 stands in brackets.
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Leaves out a user and a password.
fn without_user(entry: &str) -> String {
    let rest = after_scheme(entry);
    let end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return entry.trim().to_owned() };
    let scheme = entry.trim().len() - rest.len();
    format!("{}{}", &entry.trim()[..scheme], &rest[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kustomize_fetches_is_remote() {
        for (entry, host) in [
            ("http://a.example/x.yaml", "a.example"),
            ("HTTPS://A.example:8443/x", "a.example"),
            ("https://user:pw@a.example/x?ref=1", "a.example"),
            ("github.com/a/b//c?ref=x", "github.com"),
            ("GitHub.com:a/b", "github.com"),
            ("gh:a/b", "github.com"),
            ("git::https://a.example/b.git", "a.example"),
            ("ssh://git@a.example:22/b", "a.example"),
            ("git@a.example:b/c.git", "a.example"),
            ("org-12@a.example/b", "a.example"),
            ("http://[::1]:80/x", "::1"),
        ] {
            assert!(is_fetched_as_file(entry) || is_repository(entry), "{entry}");
            assert_eq!(host_of(entry).as_deref(), Some(host), "{entry}");
        }
        for entry in
            ["../base", "a.yaml", "./github.com", "overlays/a@b", "x.example/y", "https-proxy.yaml", "@a/b"]
        {
            assert!(!is_fetched_as_file(entry) && !is_repository(entry), "{entry}");
        }
    }

    #[test]
    fn only_allowed_hosts_are_fetched_from_and_no_password_is_shown() {
        let hosts: RemoteHosts = ["Bases.example"].into_iter().collect();
        assert_eq!(hosts.refusal("https://bases.EXAMPLE/x.yaml"), None);
        let other = hosts.refusal("https://me:s3cret@other.example/x").unwrap_or_default();
        assert!(other.contains("--allow-remote-bases other.example") && !other.contains("s3cret"), "{other}");
        // The host is what stands behind the last `@`, as for a URL.
        assert!(hosts.refusal("https://bases.example@other.example/x").is_some());
        assert!(hosts.refusal("https://other.example\\@bases.example/x").is_some());
        assert!(hosts.refusal("git@bases.example:a/b").is_some_and(|r| r.contains("ssh")));
        assert!(hosts.refusal("file:///etc/passwd").is_some());
    }
}
