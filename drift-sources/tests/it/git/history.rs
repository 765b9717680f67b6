//! History and comparison against `git log` and `git diff`.

use drift_sources::git::{
    FileChangeKind, GitOptions, GitRepo, GitSpec, HistoryOptions, HistoryStop, ParentChoice,
};

use super::repository::Repository;

fn open(repository: &Repository) -> GitRepo {
    GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap()
}

/// Two branches over three folders: one merge with changes of its own, one that took a side's file as it was.
fn with_merges() -> Repository {
    let mut r = Repository::new();
    r.write("apps/web.yaml", "a: 1\n");
    r.write("infra/db.yaml", "b: 1\n");
    r.commit("first");
    r.git(&["checkout", "--quiet", "-b", "side"]);
    r.write("apps/web.yaml", "a: 2\n");
    r.commit("side edits web");
    r.git(&["checkout", "--quiet", "main"]);
    r.write("infra/db.yaml", "b: 2\n");
    r.commit("main edits db");
    r.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    r.commit("merge side");
    r.git(&["checkout", "--quiet", "side"]);
    r.write("apps/web.yaml", "a: 3\n");
    r.commit("side edits web again");
    r.git(&["checkout", "--quiet", "main"]);
    r.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    r.write("infra/db.yaml", "b: 3\n");
    r.write("apps/web.yaml", "a: 4\n");
    r.commit("evil merge");
    std::fs::remove_file(r.path().join("infra/db.yaml")).unwrap();
    r.commit("drop db");
    r
}

#[test]
fn history_of_a_path_is_that_of_git_log() {
    let repository = with_merges();
    let repo = open(&repository);
    let head = repo.resolve("HEAD").unwrap().id;
    for path in ["apps/web.yaml", "infra/db.yaml", "apps", "infra", "", "nothing/here.yaml"] {
        for (parents, flags) in
            [(ParentChoice::All, &[][..]), (ParentChoice::First, &["--first-parent", "-m"])]
        {
            let args =
                [&["log", "--format=%H"], flags, &["HEAD", "--", if path.is_empty() { "." } else { path }]]
                    .concat();
            let expect = repository.git(&args);
            let history = repo.history(path, head, HistoryOptions { parents, ..Default::default() }).unwrap();
            let ours: Vec<String> = history.commits.iter().map(|c| c.id.to_string()).collect();
            assert_eq!(ours, expect.lines().collect::<Vec<_>>(), "{path:?} {parents:?}");
            assert_eq!(history.stopped, None);
        }
    }
}

#[test]
fn history_stops_at_the_limit_and_says_so() {
    let repository = with_merges();
    let repo = open(&repository);
    let head = repo.resolve("HEAD").unwrap().id;
    let get = |limit| {
        let history = repo.history("apps", head, HistoryOptions { limit, ..Default::default() }).unwrap();
        (history.commits.iter().map(|c| c.summary.clone()).collect::<Vec<_>>(), history.stopped)
    };
    assert_eq!(get(1), (vec!["evil merge".to_owned()], Some(HistoryStop::Limit)));
    let whole = get(usize::MAX);
    assert_eq!(get(whole.0.len()), whole, "exactly as many as there are is not cut off");
}

#[test]
fn changed_files_are_those_of_git_diff() {
    let repository = with_merges();
    let repo = open(&repository);
    let ids = repository.git(&["rev-list", "HEAD"]);
    let ids: Vec<&str> = ids.lines().collect();
    for (a, b) in ids.iter().zip(&ids[1..]).chain([(&ids[0], &ids[ids.len() - 1])]) {
        for subdir in [None, Some("infra"), Some("apps/web.yaml")] {
            let expect =
                repository.git(&["diff", "--name-status", "--no-renames", b, a, "--", subdir.unwrap_or(".")]);
            let (old, new) = (repo.resolve(b).unwrap(), repo.resolve(a).unwrap());
            let ours: Vec<String> = repo
                .changed_files(Some(&old), &new, subdir)
                .unwrap()
                .iter()
                .map(|c| {
                    assert_eq!(
                        (c.before.is_some(), c.after.is_some()),
                        (c.kind != FileChangeKind::Added, c.kind != FileChangeKind::Deleted)
                    );
                    let letter = match c.kind {
                        FileChangeKind::Added => 'A',
                        FileChangeKind::Modified => 'M',
                        FileChangeKind::Deleted => 'D',
                    };
                    format!("{letter}\t{}", c.path)
                })
                .collect();
            assert_eq!(ours.join("\n"), expect, "{b} {a} {subdir:?}");
        }
    }
    let first = repo.resolve(ids[ids.len() - 1]).unwrap();
    let all = repo.changed_files(None, &first, None).unwrap();
    assert_eq!(all.iter().map(|c| c.path.as_str()).collect::<Vec<_>>(), ["apps/web.yaml", "infra/db.yaml"]);
}

#[test]
fn a_file_that_became_a_folder_is_one_gone_and_others_come() {
    let mut repository = Repository::new();
    repository.write("apps", "a: 1\n");
    repository.commit("file");
    std::fs::remove_file(repository.path().join("apps")).unwrap();
    repository.write("apps/web.yaml", "a: 1\n");
    repository.commit("folder");
    let repo = open(&repository);
    let changes = repo
        .changed_files(Some(&repo.resolve("HEAD~1").unwrap()), &repo.resolve("HEAD").unwrap(), None)
        .unwrap();
    let short: Vec<_> = changes.iter().map(|c| (c.path.as_str(), c.kind)).collect();
    assert_eq!(short, [("apps", FileChangeKind::Deleted), ("apps/web.yaml", FileChangeKind::Added)]);
}
