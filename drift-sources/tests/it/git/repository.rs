//! Small repositories in scratch folders, made by `git` in an empty environment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub(crate) struct Repository {
    dir: TempDir,
    /// Seconds since 1970 of the next commit.
    clock: i64,
}

impl Repository {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let this = Self { dir, clock: 1_700_000_000 };
        this.git(&["init", "--quiet", "--initial-branch=main", "."]);
        this
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn spec(&self, rest: &str) -> String {
        format!("{}{rest}", self.path().display())
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_with_input(args, &[])
    }

    /// Runs `git` with `input`; panics with its message if it fails.
    pub(crate) fn git_with_input(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = git_in(self.path());
        let date = format!("{} +0200", self.clock);
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).args(args);
        String::from_utf8_lossy(&run(command, input)).trim_end_matches('\n').to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits everything in the work tree, one minute after the commit before; returns the id.
    pub(crate) fn commit(&mut self, message: &str) -> String {
        self.clock += 60;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn bundle(&self, refs: &[&str]) -> PathBuf {
        let file = self.path().join("out.bundle");
        self.git(&[&["bundle", "create", "--quiet", "out.bundle"], refs].concat());
        file
    }
}

fn git_in(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Ada Writer")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Merge Button")
        .env("GIT_COMMITTER_EMAIL", "merge@example.com");
    command
}

fn run(mut command: Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().expect("these tests make repositories with the `git` program: it must be on PATH");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}
