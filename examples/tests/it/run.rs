//! Running the binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The folder of the demo's data.
pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo")
}

/// Runs `drift` with words; `DEMO` stands for the demo's folder, `DIR` for another one.
pub(crate) fn drift(words: &str, dir: &Path) -> Ran {
    drift_with(words, dir, b"")
}

/// Runs `drift` with something on standard input.
pub(crate) fn drift_with(words: &str, dir: &Path, input: &[u8]) -> Ran {
    let fill = |w: &str| w.replace("DEMO", &demo().to_string_lossy()).replace("DIR", &dir.to_string_lossy());
    let mut command = Command::new(env!("CARGO_BIN_EXE_drift"));
    command.args(words.split_whitespace().map(fill)).current_dir(dir);
    // Nothing of the machine it runs on: no cluster, no colours, no width.
    for name in [
        "DRIFT_STORE",
        "DRIFT_CONFIG",
        "XDG_CONFIG_HOME",
        "TZ",
        "KUBECONFIG",
        "KUBECTL_EXTERNAL_DIFF",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "KUBERNETES_SERVICE_HOST",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", dir).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that fails early does not read to the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&*dir.to_string_lossy(), "DIR");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Makes a folder that goes away by itself.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file below a folder.
pub(crate) fn write(dir: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}
