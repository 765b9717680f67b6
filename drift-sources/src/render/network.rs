//! A second net: programs run without a network where the system permits it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Whether a program may use the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkUse {
    /// Not at all.
    Offline,
    /// For hosts that the user allowed; references were checked before.
    AllowedHosts,
}

/// Nothing listens there; loopback addresses are asked directly all the same.
const NO_PROXY_THERE: &str = "http://127.0.0.1:9";

/// Variables that a program needs to reach an allowed host, where a proxy or a private authority stands between.
const REMOTE_VARIABLES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Returns the command that runs a program in a network namespace of its own, in which not even the loopback interface is up;
/// the program as it is where the system does not permit that.
pub(super) fn offline_command(program: &Path) -> Command {
    let mut command = match unshare() {
        Some(unshare) => {
            let mut command = Command::new(unshare);
            command.args(["-r", "-n", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.env_clear().envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, NO_PROXY_THERE)));
    command
}

/// Returns the command of a program that may fetch from allowed hosts; `home` gets a link to Git, which fetches bases.
pub(super) fn online_command(program: &Path, home: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(REMOTE_VARIABLES.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
    // No configuration of the user, no question, no transport but HTTP.
    command.envs([
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ALLOW_PROTOCOL", "https:http"),
    ]);
    #[cfg(unix)]
    if let Some(git) = find_in(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()), "git") {
        std::os::unix::fs::symlink(git, home.join("git"))?;
    }
    Ok(command)
}

fn find_in(folders: impl IntoIterator<Item = PathBuf>, name: &str) -> Option<PathBuf> {
    folders.into_iter().filter(|f| f.is_absolute()).map(|f| f.join(name)).find(|p| p.is_file())
}

/// Returns `unshare` if it works: user namespaces may be forbidden.
fn unshare() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let folders = || ["/usr/bin", "/bin"].map(PathBuf::from);
        let (unshare, check) = (find_in(folders(), "unshare")?, find_in(folders(), "true")?);
        let works = Command::new(&unshare)
            .args(["-r", "-n", "--"])
            .arg(check)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        works.then_some(unshare)
    };
    FOUND.get_or_init(|| if cfg!(target_os = "linux") { find() } else { None }).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offline_programs_have_no_network_where_the_system_permits_it() {
        let cat = find_in(["/usr/bin", "/bin"].map(PathBuf::from), "cat");
        let (Some(_), Some(cat)) = (unshare(), cat) else { return };
        let output = offline_command(&cat).arg("/proc/self/net/dev").output().expect("`cat` can be started");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let interfaces: Vec<&str> =
            text.lines().skip(2).filter_map(|l| l.split(':').next()).map(str::trim).collect();
        assert_eq!(interfaces, ["lo"], "{text}");
    }
}
