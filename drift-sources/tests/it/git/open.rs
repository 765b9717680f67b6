//! Opening, resolving and reading: local, bundled, remote.

use drift_sources::git::{
    FetchDepth, GitDesired, GitError, GitLimits, GitOptions, GitRepo, GitSpec, SkipReason,
};

use super::repository::Repository;

fn sample() -> Repository {
    let mut r = Repository::new();
    r.write("apps/web.yaml", "kind: Service\r\n");
    r.write("apps/README.md", "no manifest\n");
    r.commit("first");
    r.git(&["tag", "-a", "v1", "-m", "release"]);
    r.git(&["branch", "feature/x"]);
    r.write("apps/web.yaml", "kind: Deployment\n");
    r.write("apps/db/set.YML", "kind: StatefulSet\n");
    r.write("infra/role.json", "{}\n");
    r.commit("second");
    r
}

fn load(spec: &str) -> Result<(GitRepo, GitDesired), GitError> {
    GitDesired::load(&GitSpec::parse(spec)?, &GitOptions::default())
}

/// Summary of the commit, then path and length of each file.
fn seen(spec: &str) -> String {
    match load(spec) {
        Ok((_, desired)) => {
            let summary = desired.commit.summary.clone();
            let files = desired.into_files();
            let files: Vec<String> = files.iter().map(|(p, b)| format!("{p} {}", b.len())).collect();
            format!("{summary}: {}", files.join(", "))
        }
        Err(e) => format!("error: {e}"),
    }
}

#[test]
fn any_revision_is_read_without_a_checkout() {
    let r = sample();
    let head = r.git(&["rev-parse", "HEAD"]);
    let second = "second: apps/db/set.YML 18, apps/web.yaml 17, infra/role.json 3";
    let first = "first: apps/web.yaml 15";
    for (rest, expect) in [
        ("", second),
        ("@main", second),
        (&format!("@{head}"), second),
        (&format!("@{}", &head[..8]), second),
        ("@HEAD~1", first),
        ("@v1", first),
        ("@refs/tags/v1", first),
        ("@v1^{commit}", first),
        ("@feature/x", first),
        ("@main^", first),
        ("/apps@HEAD", "second: apps/db/set.YML 18, apps/web.yaml 17"),
        ("/apps@HEAD:db", "second: apps/db/set.YML 18"),
        ("@HEAD:infra/role.json", "second: infra/role.json 3"),
        ("/.git@HEAD:infra", "second: infra/role.json 3"),
    ] {
        assert_eq!(seen(&r.spec(rest)), expect, "for {rest}");
    }
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    let r = sample();
    let place = r.path().display().to_string();
    let short = r.git(&["rev-parse", "--short=10", "HEAD"]);
    for (rest, expect) in [
        ("@man", format!("{place} has no revision `man` (there is `main`, `v1`, `feature/x`)")),
        ("@feature", format!("{place} has no revision `feature` (there is `feature/x`, `main`, `v1`)")),
        ("@HEAD~9", format!("{place} has no revision `HEAD~9` (there is `main`, `v1`, `feature/x`)")),
        ("@main..v1", format!("{place} has no revision `main..v1` (there is `main`, `v1`, `feature/x`)")),
        (
            "@HEAD:apps/dv",
            format!(
                "`apps/dv` does not exist at commit {short} (there is `apps/README.md`, `apps/db`, `apps/web.yaml`)"
            ),
        ),
        ("@HEAD:x/y/z", format!("`x/y/z` does not exist at commit {short} (there is `apps`, `infra`)")),
        ("/none@HEAD", format!("`{place}/none` is not a Git repository: it does not exist")),
        (
            "/apps/web.yaml@HEAD",
            format!("`{place}/apps/web.yaml` is not a Git repository: a file that is no Git bundle"),
        ),
    ] {
        assert_eq!(seen(&r.spec(rest)), format!("error: {expect}"), "for {rest}");
    }
    let empty = tempfile::tempdir().unwrap();
    let place = empty.path().display().to_string();
    assert_eq!(
        seen(&place),
        format!("error: `{place}` is not a Git repository: neither it nor a folder above it holds one")
    );
}

#[test]
fn an_empty_repository_has_no_revision() {
    let r = Repository::new();
    assert_eq!(seen(&r.spec("")), format!("error: {} has no revision `HEAD`", r.path().display()));
}

#[test]
fn only_what_can_mean_nothing_else_is_claimed() {
    let r = sample();
    r.git(&["clone", "--quiet", "--bare", ".", "bare"]);
    r.bundle(&["--all"]);
    for (rest, expect) in [
        ("", false),
        ("/apps", false),
        ("@main", true),
        ("/apps@main", true),
        ("/bare", true),
        ("/out.bundle", true),
        ("/none@x", false),
    ] {
        assert_eq!(GitSpec::looks_like_git(&r.spec(rest)), expect, "{rest}");
    }
    assert!(GitSpec::looks_like_git("https://host.example/r.git"));
    assert!(GitSpec::looks_like_git("git@host.example:r.git"));
    assert!(!GitSpec::looks_like_git("-"));
}

#[test]
fn bare_repositories_linked_work_trees_and_bundles_read_the_same() {
    let r = sample();
    r.git(&["clone", "--quiet", "--bare", ".", "bare.git"]);
    r.git(&["worktree", "add", "--quiet", "linked", "v1"]);
    r.bundle(&["--all"]);
    let second = "second: apps/db/set.YML 18, apps/web.yaml 17, infra/role.json 3";
    assert_eq!(seen(&r.spec("/bare.git")), second);
    assert_eq!(seen(&r.spec("/out.bundle")), second);
    assert_eq!(seen(&r.spec("/out.bundle@v1:apps")), "first: apps/web.yaml 15");
    assert_eq!(seen(&r.spec("/out.bundle@feature/x")), "first: apps/web.yaml 15");
    assert_eq!(seen(&r.spec("/linked")), "first: apps/web.yaml 15");
    let (repo, desired) = load(&r.spec("/out.bundle@HEAD")).unwrap();
    assert_eq!(
        repo.blame_lines(desired.commit.id, "apps/web.yaml").unwrap().lines()[0].commit.summary,
        "second"
    );
}

#[test]
fn a_broken_or_partial_bundle_is_refused() {
    let r = sample();
    let file = r.bundle(&["main", "^v1"]);
    let place = file.display();
    assert_eq!(
        seen(&r.spec("/out.bundle")),
        format!(
            "error: bundle {place} needs commits that it does not hold; make it with `git bundle create FILE --all`"
        )
    );
    let bytes = std::fs::read(r.bundle(&["--all"])).unwrap();
    for cut in [20, 60, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..cut]).unwrap();
        assert_eq!(
            seen(&r.spec("/out.bundle")),
            format!("error: cannot read bundle {place}"),
            "cut at {cut}"
        );
    }
    let mut flipped = bytes.clone();
    let middle = bytes.len() - 60;
    flipped[middle] ^= 0x40;
    std::fs::write(&file, &flipped).unwrap();
    assert_eq!(seen(&r.spec("/out.bundle")), format!("error: cannot read bundle {place}"));
}

#[test]
fn a_remote_is_fetched_whole_or_only_its_tip() {
    let r = sample();
    let head = r.git(&["rev-parse", "HEAD"]);
    let first = r.git(&["rev-parse", "v1^{commit}"]);
    let url = format!("file://{}/.git", r.path().display());
    let tip = GitOptions { depth: FetchDepth::Tip, ..Default::default() };
    for (rev, options, expect, shallow) in [
        ("", GitOptions::default(), &head, false),
        ("@HEAD~1", GitOptions::default(), &first, false),
        ("@feature/x", GitOptions::default(), &first, false),
        ("", tip.clone(), &head, true),
        ("@main", tip.clone(), &head, true),
        ("@v1", tip.clone(), &first, true),
        (&format!("@{head}"), tip.clone(), &head, true),
        ("@HEAD~1", tip.clone(), &first, false),
    ] {
        let spec = GitSpec::parse(&format!("{url}{rev}")).unwrap();
        let (repo, desired) =
            GitDesired::load(&spec, &options).unwrap_or_else(|e| panic!("{rev} {options:?}: {e:?}"));
        assert_eq!(desired.commit.id.to_string(), **expect, "{rev} {options:?}");
        assert_eq!(repo.is_shallow(), shallow, "{rev} {options:?}");
    }
    let unknown = seen(&format!("{url}@man"));
    assert!(unknown.ends_with("has no revision `man` (there is `main`, `v1`, `feature/x`)"), "{unknown}");
}

#[test]
fn a_cached_clone_follows_its_remote() {
    let mut r = sample();
    let cache = tempfile::tempdir().unwrap();
    let spec = |rest: &str| GitSpec::parse(&format!("file://{}/.git{rest}", r.path().display())).unwrap();
    let options = GitOptions { cache: Some(cache.path().to_owned()), ..Default::default() };
    let (plain, x) = (spec(""), spec("@feature/x"));
    let resolve = |spec: &GitSpec| {
        let repo = GitRepo::open(spec, &options)?;
        repo.resolve(spec.revision.as_deref().unwrap_or("HEAD")).map(|c| c.summary)
    };
    assert_eq!(resolve(&plain).unwrap(), "second");
    assert_eq!(resolve(&x).unwrap(), "first");
    r.git(&["checkout", "--quiet", "-b", "trunk"]);
    r.write("new.yaml", "x: 1\n");
    r.commit("third");
    r.git(&["branch", "--quiet", "-D", "feature/x"]);
    assert_eq!(resolve(&plain).unwrap(), "third", "HEAD moved to another branch");
    assert!(
        matches!(resolve(&x), Err(GitError::UnknownRevision { .. })),
        "a deleted branch is gone here too"
    );
    r.git(&["commit", "--quiet", "--amend", "-m", "third, rewritten"]);
    assert_eq!(resolve(&plain).unwrap(), "third, rewritten", "a forced push is followed");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 1);
}

#[test]
fn an_unreachable_remote_is_an_error_that_hides_its_password() {
    let missing = tempfile::tempdir().unwrap();
    let text = seen(&format!("file://{}/none.git@main", missing.path().display()));
    assert_eq!(text, format!("error: remote file://{}/none.git cannot be reached", missing.path().display()));
    // A port where nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        let error = load(&format!("{scheme}://me:hunter2@127.0.0.1:{port}/r.git@main")).unwrap_err();
        assert_eq!(error.to_string(), format!("remote {scheme}://127.0.0.1:{port}/r.git cannot be reached"));
        assert!(!chain(&error).contains("hunter2"), "{}", chain(&error));
    }
}

#[test]
fn a_remote_that_asks_for_credentials_or_never_answers_ends() {
    let url = serve(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    let error = load(&format!("http://{url}/r.git")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("remote http://{url}/r.git refused access: no credentials were given; it may also not exist")
    );
    let error = load(&format!("http://me:hunter2@{url}/r.git")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "remote http://{url}/r.git refused access: it asks for credentials, which are not sent in clear text; use https or ssh"
        )
    );
    assert!(!format!("{error:?}").contains("hunter2"));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r.git", silent.local_addr().unwrap());
    let limits = GitLimits { remote_time: std::time::Duration::from_secs(1), ..Default::default() };
    let error = GitRepo::open(&GitSpec::parse(&url).unwrap(), &GitOptions { limits, ..Default::default() })
        .unwrap_err();
    assert_eq!(error.to_string(), format!("remote {url} cannot be reached within 1 s"));
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(chain).unwrap_or_default();
    format!("{error} {error:?} {source}")
}

/// Answers every connection with `answer`; returns host and port.
fn serve(answer: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn links_submodules_and_large_files_are_listed_as_skipped() {
    let mut r = sample();
    std::os::unix::fs::symlink("../../../etc/passwd", r.path().join("apps/link.yaml")).unwrap();
    r.write("apps/large.yaml", &"x".repeat(300));
    let head = r.git(&["rev-parse", "HEAD"]);
    r.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},vendor/charts")]);
    r.git(&["add", "apps"]);
    r.git(&["commit", "--quiet", "-m", "third"]);
    let limits = GitLimits { file_bytes: 200, ..Default::default() };
    let options = GitOptions { limits, ..Default::default() };
    let (_, desired) = GitDesired::load(&GitSpec::parse(&r.spec("@HEAD")).unwrap(), &options).unwrap();
    let skipped: Vec<_> = desired.skipped.iter().map(|s| (s.path.as_str(), s.reason.clone())).collect();
    assert_eq!(
        skipped,
        [
            ("apps/large.yaml", SkipReason::TooLarge(300)),
            ("apps/link.yaml", SkipReason::Symlink("../../../etc/passwd".to_owned())),
            ("vendor/charts", SkipReason::Submodule),
        ]
    );
    assert_eq!(desired.files.len(), 3);
    r.commit("so that the repository is used mutably");
}
