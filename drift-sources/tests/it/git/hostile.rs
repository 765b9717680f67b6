//! Trees and settings that no honest repository has.

use drift_sources::git::{GitDesired, GitError, GitLimits, GitOptions, GitSpec, SkipReason};

use super::repository::Repository;

fn load(r: &Repository, limits: GitLimits) -> Result<GitDesired, GitError> {
    let options = GitOptions { limits, ..Default::default() };
    GitDesired::load(&GitSpec::parse(&r.spec("@HEAD")).unwrap(), &options).map(|(_, desired)| desired)
}

/// Stores a tree object as it stands, which git's own commands would refuse.
fn raw_tree(r: &Repository, entries: &[(&str, &[u8], &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend((0..20).map(|i| u8::from_str_radix(&id[2 * i..2 * i + 2], 16).unwrap()));
    }
    r.git_with_input(&["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], &bytes)
}

fn commit_tree(r: &Repository, tree: &str) {
    let commit = r.git(&["commit-tree", tree, "-m", "hostile"]);
    r.git(&["update-ref", "refs/heads/main", &commit]);
}

fn blob(r: &Repository, text: &str) -> String {
    r.git_with_input(&["hash-object", "-w", "--stdin"], text.as_bytes())
}

#[test]
fn names_that_leave_their_folder_are_skipped_and_named() {
    let r = Repository::new();
    let file = blob(&r, "a: 1\n");
    let folder = raw_tree(&r, &[("100644", b"x.yaml", &file)]);
    let tree = raw_tree(
        &r,
        &[
            ("40000", b"..", &folder),
            ("40000", b".", &folder),
            ("100644", b"a/b.yaml", &file),
            ("100644", b"bad\xff.yaml", &file),
            ("100644", b"esc\x1b[31m.yaml", &file),
            ("100644", b"fine.yaml", &file),
        ],
    );
    commit_tree(&r, &tree);
    let desired = load(&r, GitLimits::default()).unwrap();
    assert_eq!(desired.files.iter().map(|f| f.file.path.as_str()).collect::<Vec<_>>(), ["fine.yaml"]);
    assert!(desired.skipped.iter().all(|s| s.reason == SkipReason::UnsafeName));
    let names: Vec<_> = desired.skipped.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(names, [".", "..", "a/b.yaml", "bad\\xff.yaml", "esc\\x1b[31m.yaml"]);
}

#[test]
fn a_tag_that_cannot_be_read_leads_nowhere() {
    let r = Repository::new();
    commit_tree(&r, &raw_tree(&r, &[("100644", b"x.yaml", &blob(&r, "a: 1\n"))]));
    r.git(&["tag", "-a", "-m", "sound", "good", "refs/heads/main"]);
    let tag = |text: &str| {
        r.git_with_input(&["hash-object", "-t", "tag", "-w", "--stdin", "--literally"], text.as_bytes())
    };
    let bad = tag("object 1234\ntype commit\ntag bad\n\n");
    let of_bad = tag(&format!("object {bad}\ntype tag\ntag of-bad\ntagger a <a@b> 1 +0000\n\nx\n"));
    for (name, id) in [("bad", &bad), ("of-bad", &of_bad)] {
        std::fs::write(r.path().join(".git/refs/tags").join(name), format!("{id}\n")).unwrap();
    }
    let spec = GitSpec::parse(&r.spec("")).unwrap();
    let repo = drift_sources::git::GitRepo::open(&spec, &GitOptions::default()).unwrap();
    let found: Vec<_> = repo.references_with_prefix("refs/tags/").into_iter().map(|tag| tag.name).collect();
    assert_eq!(found, ["refs/tags/good"]);
    for name in ["bad", "of-bad"] {
        for end in ["", "^", "~1", "^0", "^{}", "^{commit}", "^{tree}", "^{/x}"] {
            let found = repo.resolve(&format!("{name}{end}"));
            assert!(matches!(found, Err(GitError::UnknownRevision { .. })), "{name}{end}: {found:?}");
        }
    }
    for name in ["good", "good^{}", "good^{commit}", "good^0", "main~0"] {
        assert_eq!(repo.resolve(name).unwrap(), repo.resolve("HEAD").unwrap(), "{name}");
    }
}

#[test]
fn a_tree_bomb_ends_at_the_limit() {
    let r = Repository::new();
    let mut tree = raw_tree(&r, &[("100644", b"x.yaml", &blob(&r, "a: 1\n"))]);
    // Ten folders of ten folders of ...: 10^12 files in 13 objects.
    for _ in 0..12 {
        let names: Vec<String> = (0..10).map(|i| format!("d{i}")).collect();
        let entries: Vec<_> = names.iter().map(|n| ("40000", n.as_bytes(), tree.as_str())).collect();
        tree = raw_tree(&r, &entries);
    }
    commit_tree(&r, &tree);
    let limits = GitLimits { entries: 20_000, ..Default::default() };
    assert_eq!(
        load(&r, limits.clone()).unwrap_err().to_string(),
        "the number of files and folders exceeds the limit of 20000"
    );
    let repo = drift_sources::git::GitRepo::open(
        &GitSpec::parse(&r.spec("")).unwrap(),
        &GitOptions { limits, ..Default::default() },
    )
    .unwrap();
    let head = repo.resolve("HEAD").unwrap();
    assert!(matches!(repo.changed_files(None, &head, None), Err(GitError::TooLarge { .. })));
}

#[test]
fn depth_and_total_size_are_bounded() {
    let r = Repository::new();
    let mut tree = raw_tree(&r, &[("100644", b"x.yaml", &blob(&r, "a: 1\n"))]);
    for _ in 0..150 {
        tree = raw_tree(&r, &[("40000", b"d", &tree)]);
    }
    commit_tree(&r, &tree);
    let error = load(&r, GitLimits::default()).unwrap_err().to_string();
    assert!(
        error.starts_with("the depth of folder d/d/d/") && error.ends_with("... exceeds the limit of 100"),
        "{error}"
    );
    let file = blob(&r, &"x".repeat(1000));
    commit_tree(&r, &raw_tree(&r, &[("100644", b"a.yaml", &file), ("100644", b"b.yaml", &file)]));
    let error = load(&r, GitLimits { total_bytes: 1500, ..Default::default() }).unwrap_err();
    assert_eq!(error.to_string(), "the size of all manifests together exceeds the limit of 1500");
}

#[test]
fn missing_and_damaged_objects_are_errors() {
    let mut r = Repository::new();
    r.write("a.yaml", "a: 1\n");
    r.commit("first");
    let id = r.git(&["rev-parse", "HEAD:a.yaml"]);
    let object = r.path().join(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    let bytes = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    let missing = load(&r, GitLimits::default()).unwrap_err().to_string();
    assert_eq!(missing, format!("cannot read file a.yaml (blob {})", &id[..10]));
    std::fs::write(&object, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(load(&r, GitLimits::default()), Err(GitError::Corrupt { .. })));
    let cycle = raw_tree(&r, &[("40000", b"d", "1111111111111111111111111111111111111111")]);
    commit_tree(&r, &cycle);
    assert!(matches!(load(&r, GitLimits::default()), Err(GitError::Corrupt { .. })));
}

#[test]
fn nothing_that_the_repository_configures_is_executed() {
    let mut r = Repository::new();
    r.write(".gitattributes", "*.yaml filter=evil diff=evil text eol=crlf\n");
    r.write("a.yaml", "a: 1\nb: 1\n");
    r.commit("first");
    r.write("a.yaml", "a: 2\nb: 1\n");
    r.commit("second");
    let witness = r.path().join("witness");
    let touch = format!("touch {}; cat", witness.display());
    for key in [
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.fsmonitor",
        "core.sshCommand",
    ] {
        r.git(&["config", key, &touch]);
    }
    r.write("config-included", "[core]\n\tbare = true\n[this is not a config\n");
    r.git(&["config", "include.path", "../config-included"]);
    let (repo, desired) =
        GitDesired::load(&GitSpec::parse(&r.spec("@HEAD")).unwrap(), &GitOptions::default()).unwrap();
    assert_eq!(desired.files[0].bytes, b"a: 2\nb: 1\n", "bytes are those stored");
    let blame = repo.blame_lines(desired.commit.id, "a.yaml").unwrap();
    let summaries: Vec<_> = blame.lines().iter().map(|l| l.commit.summary.as_str()).collect();
    assert_eq!(summaries, ["second", "first"]);
    assert!(!witness.exists());
}

#[test]
fn odd_dates_and_names_do_not_stop_a_walk() {
    let r = Repository::new();
    let file = blob(&r, "a: 1\n");
    let tree = raw_tree(&r, &[("100644", b"a.yaml", &file)]);
    let raw =
        format!("tree {tree}\nauthor  <> 99999999999999999999 +9999\ncommitter x\u{1b} <y> -5 +0000\n\n\n");
    let commit =
        r.git_with_input(&["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], raw.as_bytes());
    r.git(&["update-ref", "refs/heads/main", &commit]);
    let desired = load(&r, GitLimits::default()).unwrap();
    assert_eq!(desired.commit.author.name, "");
    assert_eq!(desired.commit.authored_at.as_second(), 0);
    assert_eq!(desired.commit.summary, "");
}
