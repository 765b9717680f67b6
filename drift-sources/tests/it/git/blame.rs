//! Blame against `git blame --porcelain`.

use drift_sources::git::{BlameBasis, GitOptions, GitRepo, GitSpec, HistoryOptions, HistoryStop};

use super::repository::Repository;

/// Commit, path and line of origin of every line.
type Origins = Vec<(String, String, u32)>;

fn by_git(repository: &Repository, revision: &str, path: &str) -> Origins {
    let out = repository.git(&["blame", "--porcelain", revision, "--", path]);
    let mut names = std::collections::BTreeMap::<String, String>::new();
    let (mut origins, mut at) = (Origins::new(), (String::new(), 0));
    for line in out.lines() {
        if line.starts_with('\t') {
            origins.push((at.0.clone(), names[&at.0].clone(), at.1));
        } else if let Some(name) = line.strip_prefix("filename ") {
            names.insert(at.0.clone(), name.to_owned());
        } else if let [id, source, ..] = line.split(' ').collect::<Vec<_>>()[..]
            && id.len() == 40
            && id.bytes().all(|b| b.is_ascii_hexdigit())
        {
            at = (id.to_owned(), source.parse().unwrap());
        }
    }
    origins
}

fn by_us(repo: &GitRepo, revision: &str, path: &str) -> Origins {
    let blame = repo.blame_lines(repo.resolve(revision).unwrap().id, path).unwrap();
    blame.lines().iter().map(|l| (l.commit.id.to_string(), l.path.to_string(), l.line)).collect()
}

/// A small generator with a fixed seed: the same histories every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

fn some_line(dice: &mut Dice) -> String {
    let indent = "  ".repeat(dice.roll(4));
    let word = ["name", "image", "replicas", "key", "value", "port", "- name", "labels"][dice.roll(8)];
    let end = if dice.roll(20) == 0 { "\r\n" } else { "\n" };
    match dice.roll(6) {
        0 => format!("{indent}{word}:{end}"),
        1 => format!("---{end}"),
        2 => end.to_owned(),
        _ => format!("{indent}{word}: {}{end}", dice.roll(30)),
    }
}

fn edit(dice: &mut Dice, lines: &mut Vec<String>) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(lines.len() + 1);
        match dice.roll(4) {
            0 | 1 => {
                for _ in 0..=dice.roll(5) {
                    lines.insert(at, some_line(dice));
                }
            }
            2 if at < lines.len() => {
                let end = (at + 1 + dice.roll(4)).min(lines.len());
                lines.drain(at..end);
            }
            _ if at < lines.len() => lines[at] = some_line(dice),
            _ => {}
        }
    }
}

/// Lines of both, hunk by hunk, as a careless person merges.
fn blend(dice: &mut Dice, ours: &[String], theirs: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for at in (0..ours.len().max(theirs.len())).step_by(4) {
        let side = if dice.roll(2) == 0 { ours } else { theirs };
        out.extend(side[at.min(side.len())..(at + 4).min(side.len())].iter().cloned());
    }
    out
}

/// A history of `commits` with branches, merges, renames, line ends and unrelated roots, as input of `git fast-import`.
fn history(seed: u64, commits: usize) -> String {
    let mut dice = Dice(seed);
    let mut out = String::new();
    // Path and lines of each commit so far.
    let mut states: Vec<(String, Vec<String>)> = Vec::new();
    for n in 0..commits {
        let root = n == 0 || (n < commits - 1 && dice.roll(25) == 0);
        let parent = n.saturating_sub(1 + if dice.roll(3) == 0 { dice.roll(n.max(1)) } else { 0 });
        let (mut path, mut lines) =
            if root { ("app.yaml".to_owned(), Vec::new()) } else { states[parent].clone() };
        let before = path.clone();
        let merged = (!root && n > 1 && dice.roll(4) == 0).then(|| dice.roll(n)).filter(|m| *m != parent);
        match merged {
            Some(other) if dice.roll(3) > 0 => lines = blend(&mut dice, &lines, &states[other].1),
            Some(_) => {}
            None if !root && lines.len() > 20 && dice.roll(12) == 0 => path = format!("moved/{n}.yaml"),
            None if dice.roll(15) == 0 => {
                lines.iter_mut().for_each(|l| *l = l.replace("\r\n", "\n").replace('\n', "\r\n"))
            }
            None => edit(&mut dice, &mut lines),
        }
        if root {
            (0..30).for_each(|_| lines.push(some_line(&mut dice)));
        }
        let time = 1_700_000_000 + n * 60;
        out += &format!(
            "reset refs/heads/c{n}\ncommit refs/heads/c{n}\nmark :{}\ncommitter Ada <ada@example.com> {time} +0000\ndata 1\nx\n",
            n + 1
        );
        if !root {
            out += &format!("from :{}\n", parent + 1);
        }
        if let Some(other) = merged {
            out += &format!("merge :{}\n", other + 1);
        }
        if path != before {
            out += &format!("D {before}\n");
        }
        let text = lines.concat();
        out += &format!("M 100644 inline {path}\ndata {}\n{text}\n\n", text.len());
        states.push((path, lines));
    }
    out + "done\n"
}

/// Compares some files of one generated history; panics with the first line that differs.
fn check(seed: u64) {
    let (repository, commits) = (Repository::new(), 60);
    repository.git_with_input(&["fast-import", "--quiet", "--done"], history(seed, commits).as_bytes());
    let repo = GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap();
    for n in (0..commits).step_by(7).chain([commits - 1]) {
        let revision = format!("c{n}");
        let path = repository.git(&["ls-tree", "-r", "--name-only", &revision]);
        let path = path.lines().next().unwrap();
        let (ours, expect) = (by_us(&repo, &revision, path), by_git(&repository, &revision, path));
        assert_eq!(ours.len(), expect.len(), "seed {seed}, {revision}");
        for (number, (ours, expect)) in ours.iter().zip(&expect).enumerate() {
            assert_eq!(ours, expect, "seed {seed}, {revision}, {path}:{}", number + 1);
        }
    }
}

/// `BLAME_SEEDS=600` for a longer run: 6,000 files, one minute.
#[test]
fn lines_have_the_origins_that_git_gives_them() {
    let seeds = std::env::var("BLAME_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(12);
    // In 333 a merge doubles lines that have one origin.
    (0..seeds).chain([333]).for_each(check);
}

#[test]
fn renames_in_part_and_by_name_are_followed() {
    let mut repository = Repository::new();
    let text =
        |n: usize| (0..20).map(|i| format!("key{i}: {}\n", if i < n { 1 } else { 0 })).collect::<String>();
    repository.write("base/app.yaml", &text(0));
    repository.write("base/other.yaml", &text(0));
    let first = repository.commit("first");
    std::fs::remove_file(repository.path().join("base/app.yaml")).unwrap();
    std::fs::remove_file(repository.path().join("base/other.yaml")).unwrap();
    repository.write("overlays/prod/app.yaml", &text(4));
    let second = repository.commit("move and edit");
    let repo = GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap();
    let ours = by_us(&repo, "HEAD", "overlays/prod/app.yaml");
    assert_eq!(ours, by_git(&repository, "HEAD", "overlays/prod/app.yaml"));
    assert_eq!(ours[3], (second, "overlays/prod/app.yaml".to_owned(), 4));
    assert_eq!(ours[4], (first, "base/app.yaml".to_owned(), 5));
}

#[test]
fn blame_says_who_when_and_why() {
    let mut repository = Repository::new();
    repository.write("app.yaml", "replicas: 1\nimage: a\n");
    repository.commit("first");
    repository.write("app.yaml", "replicas: 5\nimage: a\n");
    let second = repository.commit("scale for the sale\n\nbecause of reasons");
    let repo = GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap();
    let head = repo.resolve("HEAD").unwrap();
    let blame = repo.blame_lines(head.id, "app.yaml").unwrap();
    let line = blame.line(1).unwrap();
    assert_eq!(line.commit.id.to_string(), second);
    assert_eq!(
        (line.commit.author.name.as_str(), line.commit.author.email.as_str()),
        ("Ada Writer", "ada@example.com")
    );
    assert_eq!(line.commit.committer.name, "Merge Button");
    assert_eq!(line.commit.authored_at.to_string(), "2023-11-14T22:15:20Z");
    assert_eq!(line.commit.summary, "scale for the sale");
    assert_eq!(line.basis, BlameBasis::History);
    assert_eq!((blame.line(0), blame.line(3)), (None, None));
    assert!(
        std::sync::Arc::ptr_eq(&blame, &repo.blame_lines(head.id, "app.yaml").unwrap()),
        "asked again it is kept"
    );
    let missing = repo.blame_lines(head.id, "apps/x.yaml").unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("`apps/x.yaml` does not exist at commit {} (there is `app.yaml`)", head.id.short())
    );
}

#[test]
fn a_shallow_clone_says_that_it_does_not_know() {
    let mut repository = Repository::new();
    repository.write("app.yaml", "replicas: 1\nimage: a\n");
    repository.commit("first");
    repository.write("app.yaml", "replicas: 5\nimage: a\n");
    repository.commit("second");
    repository.write("app.yaml", "replicas: 5\nimage: b\n");
    repository.commit("third");
    let url = format!("file://{}", repository.path().display());
    repository.git(&["clone", "--quiet", "--depth=2", "--bare", &url, "shallow"]);
    let repo = GitRepo::open(&GitSpec::parse(&repository.spec("/shallow")).unwrap(), &GitOptions::default())
        .unwrap();
    let head = repo.resolve("HEAD").unwrap().id;
    let blame = repo.blame_lines(head, "app.yaml").unwrap();
    let bases: Vec<_> = blame.lines().iter().map(|l| (l.commit.summary.as_str(), l.basis)).collect();
    assert_eq!(bases, [("second", BlameBasis::ShallowBoundary), ("third", BlameBasis::History)]);
    let history = repo.history("app.yaml", head, HistoryOptions::default()).unwrap();
    assert_eq!((history.commits.len(), history.stopped), (2, Some(HistoryStop::Shallow)));
}
