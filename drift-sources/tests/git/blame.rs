//! Blame against `git blame --porcelain`.

use drift_sources::git::{GitOptions, GitRepo, GitSpec};

use crate::repository::Repository;

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

fn by_us(repo: &GitRepo, revision: &str, path: &str) -> Result<Origins, drift_sources::git::GitError> {
    let blame = repo.blame_lines(repo.resolve(revision).unwrap().id, path)?;
    Ok(blame.lines().iter().map(|l| (l.commit.id.to_string(), l.path.to_string(), l.line)).collect())
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

#[test]
fn lines_have_the_origins_that_git_gives_them() {
    let seeds: u64 = std::env::var("BLAME_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(12);
    let first: u64 = std::env::var("BLAME_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let (mut files, mut bad) = (0, 0);
    for seed in first..first + seeds {
        let repository = Repository::new();
        let commits = 60;
        repository.git_at(
            &["fast-import", "--quiet", "--done"],
            1_700_000_000,
            history(seed, commits).as_bytes(),
        );
        let repo =
            GitRepo::open(&GitSpec::parse(&repository.spec("")).unwrap(), &GitOptions::default()).unwrap();
        for n in (0..commits).step_by(7).chain([commits - 1]) {
            let revision = format!("c{n}");
            let path = repository.git(&["ls-tree", "-r", "--name-only", &revision]);
            let path = path.lines().next().unwrap();
            files += 1;
            let git = by_git(&repository, &revision, path);
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| by_us(&repo, &revision, path))) {
                Ok(Ok(us)) if us == git => {}
                Ok(Ok(us)) => {
                    bad += 1;
                    let d = us.iter().zip(&git).filter(|(a, b)| a != b).count();
                    eprintln!("{seed} {revision} {path}: {d} of {} differ ({} of ours)", git.len(), us.len());
                }
                Ok(Err(e)) => {
                    bad += 1;
                    eprintln!(
                        "{seed} {revision}: {e} {:?}",
                        std::error::Error::source(&e).map(|e| e.to_string())
                    )
                }
                Err(_) => {
                    bad += 1;
                    eprintln!("{seed} {revision}: panic")
                }
            }
        }
    }
    assert_eq!(bad, 0, "of {files}");
}
