//! Declared state through time.

use std::sync::Arc;

use drift_core::{Cursor, Doc, Object, Observation, Source, SourceError};
use drift_sources::git::{DecodedFile, GitOptions, GitSource, GitSpec};
use futures::StreamExt;

use super::repository::Repository;

/// Takes files of one JSON object a line; stands in for the reader of manifests.
fn decode(path: &str, bytes: &[u8]) -> DecodedFile {
    let mut decoded = DecodedFile::default();
    for (number, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
        let object =
            serde_json::from_str(line).ok().and_then(|v| Object::new(Doc::from_value(&v).unwrap()).ok());
        match object {
            Some(object) => decoded.objects.push(object),
            None => decoded.problems.push(format!("{path}:{}: broken", number + 1)),
        }
    }
    decoded
}

fn map(name: &str, value: u32) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},"data":{{"x":"{value}"}}}}"#
    ) + "\n"
}

fn source(repository: &Repository, rest: &str) -> Arc<dyn Source> {
    let spec = GitSpec::parse(&repository.spec(rest)).unwrap();
    Arc::new(GitSource::new(spec, GitOptions::default(), Arc::new(decode)))
}

/// What a source says, a line each.
fn said(source: &dyn Source, after: Option<Cursor>) -> Vec<String> {
    let observations: Vec<_> = futures::executor::block_on(source.observe(after).collect());
    let line = |item: Result<Observation, SourceError>| match item {
        Ok(Observation::Applied(a)) => {
            let value = a.object.root().str_at(&["data", "x"]).unwrap().to_owned();
            format!("{} = {value} at {} by {}", a.key.name, a.observed_at, a.actor.user.unwrap())
        }
        Ok(Observation::Deleted(d)) => format!("{} is gone", d.key.name),
        Ok(Observation::Happened(o)) => format!("commit {}", o.message),
        Ok(Observation::Gap(g)) => format!("gap {:?}: {}", g.reason, g.message),
        Ok(Observation::Checkpoint(cursor)) => format!("checkpoint {cursor}"),
        Ok(other) => format!("{other:?}"),
        Err(e) => format!("error {e}"),
    };
    observations.into_iter().map(line).collect()
}

fn without_checkpoints(lines: Vec<String>) -> Vec<String> {
    lines
        .into_iter()
        .filter(|l| !l.starts_with("checkpoint"))
        .map(|l| l.replace(" by Ada Writer <ada@example.com>", ""))
        .collect()
}

fn sample() -> Repository {
    let mut r = Repository::new();
    r.write("apps/a.json", &(map("web", 1) + &map("db", 1)));
    r.write("other/x.json", &map("elsewhere", 1));
    r.commit("first");
    r.write("apps/a.json", &(map("web", 2) + &map("db", 1)));
    r.commit("web to 2");
    r.write("other/x.json", &map("elsewhere", 2));
    r.commit("elsewhere");
    std::fs::rename(r.path().join("apps/a.json"), r.path().join("apps/b.json")).unwrap();
    r.commit("rename");
    r.write("apps/b.json", &(map("web", 3) + "{broken\n"));
    r.commit("break");
    r.write("apps/b.json", &map("web", 3));
    r.commit("drop db");
    r.write("apps/c.json", &map("web", 9));
    r.commit("declare web again");
    r
}

#[test]
fn each_commit_says_what_is_declared_otherwise() {
    let r = sample();
    assert_eq!(
        without_checkpoints(said(&*source(&r, "@main:apps"), None)),
        [
            "commit first",
            "db = 1 at 2023-11-14T22:14:20Z",
            "web = 1 at 2023-11-14T22:14:20Z",
            "commit web to 2",
            "web = 2 at 2023-11-14T22:15:20Z",
            "commit rename",
            "commit break",
            "gap Corrupt: apps/b.json:2: broken",
            "web = 3 at 2023-11-14T22:18:20Z",
            "commit drop db",
            "db is gone",
            "commit declare web again",
            "web = 9 at 2023-11-14T22:20:20Z",
        ]
    );
}

#[test]
fn going_on_from_any_checkpoint_gives_the_rest() {
    let r = sample();
    for rest in ["@main:apps", "@main"] {
        let source = source(&r, rest);
        let whole = said(&*source, None);
        let mut checkpoints = 0;
        for (at, line) in whole.iter().enumerate() {
            if let Some(cursor) = line.strip_prefix("checkpoint ") {
                checkpoints += 1;
                assert_eq!(said(&*source, Some(Cursor::new(cursor))), whole[at + 1..], "after line {at}");
            }
        }
        assert_eq!(checkpoints, if rest == "@main" { 7 } else { 6 });
    }
}

#[test]
fn a_rewritten_branch_is_a_gap_and_then_the_difference() {
    let r = sample();
    let cursor = Cursor::new(r.git(&["rev-parse", "HEAD"]));
    r.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let head = r.git(&["rev-parse", "HEAD"]);
    assert_eq!(
        without_checkpoints(said(&*source(&r, "@main:apps"), Some(cursor.clone()))),
        [
            format!("gap WatchLost: {cursor} is not in the history of {head} any more"),
            "commit break".to_owned(),
            "gap Corrupt: apps/b.json:2: broken".to_owned(),
            "web = 3 at 2023-11-14T22:18:20Z".to_owned(),
        ]
    );
}

#[test]
fn cursors_and_repositories_that_do_not_exist_are_errors() {
    let r = sample();
    for cursor in ["main", "1111111111111111111111111111111111111111"] {
        let lines = said(&*source(&r, "@main"), Some(Cursor::new(cursor)));
        assert_eq!(lines, [format!("error cannot go on from cursor `{cursor}`")]);
    }
    assert_eq!(said(&*source(&r, "/none@main"), None), ["error the Git repository cannot be read"]);
}

#[test]
fn a_listener_may_leave_early() {
    let r = sample();
    let source = source(&r, "@main");
    let first = futures::executor::block_on(source.observe(None).take(2).collect::<Vec<_>>());
    assert_eq!(first.len(), 2);
}

#[cfg(feature = "manifests")]
#[test]
fn plain_manifests_are_read_as_files_are() {
    let mut r = Repository::new();
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {x: 'VALUE'}\n";
    r.write("apps/web.yaml", &text.replace("VALUE", "1"));
    r.write("apps/Chart.yaml", "name: chart\n");
    r.commit("first");
    r.write("apps/web.yaml", &(text.replace("VALUE", "2") + "---\n{broken\n"));
    r.commit("second");
    let source = GitSource::manifests(GitSpec::parse(&r.spec("@main")).unwrap(), GitOptions::default());
    let lines = without_checkpoints(said(&source, None));
    assert_eq!(lines[..3], ["commit first", "web = 1 at 2023-11-14T22:14:20Z", "commit second"]);
    assert!(lines[3].starts_with("gap Corrupt: apps/web.yaml:"), "{}", lines[3]);
    assert_eq!(lines[4..], ["web = 2 at 2023-11-14T22:15:20Z"]);
}
