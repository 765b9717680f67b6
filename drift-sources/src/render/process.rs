//! Runs a program within limits on time and output.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::network::{NetworkUse, offline_command, online_command};
use super::{RenderError, RenderOptions};

/// Interval for checking a running program.
const PAUSE: Duration = Duration::from_millis(2);
/// Most characters of a program's error output.
const MAX_MESSAGE: usize = 600;

/// Runs a program to its end, and returns what it printed.
pub(super) fn run_limited(
    name: &'static str,
    path: &Path,
    arguments: &[String],
    folder: &Path,
    network: NetworkUse,
    options: &RenderOptions,
) -> Result<Vec<u8>, RenderError> {
    let failed = |message: String| RenderError::Failed { program: name, message };
    let limit = |what: String| RenderError::Limit { program: name, what };
    // An empty home: neither configuration nor plugins of the user are found, and no PATH leads to git or a shell.
    let home = tempfile::tempdir().map_err(|e| RenderError::Files(e.to_string()))?;
    let mut command = match network {
        NetworkUse::Offline => offline_command(path),
        NetworkUse::AllowedHosts => {
            online_command(path, home.path()).map_err(|e| RenderError::Files(e.to_string()))?
        }
    };
    let mut child = command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", home.path())
        .env("PATH", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| limit(format!("cannot be started: {e}")))?;
    let most = options.max_output as u64 + 1;
    let read = |stream: Option<Box<dyn Read + Send>>, most: u64| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(stream) = stream {
                // How the program ends shows whether a stream broke off.
                let _ = stream.take(most).read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let out = read(child.stdout.take().map(|s| Box::new(s) as _), most);
    let err = read(child.stderr.take().map(|s| Box::new(s) as _), 64 << 10);
    let deadline = Instant::now() + options.timeout;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            // One that has printed too much waits for a reader that is gone, and is ended as well.
            Ok(None) if Instant::now() < deadline && !out.is_finished() => thread::sleep(PAUSE),
            Ok(None) if Instant::now() < deadline => match wait_short(&mut child) {
                Some(status) => break Some(status),
                None => break None,
            },
            _ => break None,
        }
    };
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    match status {
        _ if out.len() > options.max_output => {
            Err(limit(format!("prints more than {} bytes", options.max_output)))
        }
        None => Err(limit(format!("takes longer than {:?}", options.timeout))),
        Some(status) if status.success() => Ok(out),
        Some(_) => Err(failed(error_message(&err, folder))),
    }
}

/// Waits a little for a program that has closed its output.
fn wait_short(child: &mut std::process::Child) -> Option<std::process::ExitStatus> {
    for _ in 0..500 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(PAUSE);
    }
    None
}

/// The last lines of what a program said, without the name of the scratch folder, which differs from run to run.
fn error_message(bytes: &[u8], folder: &Path) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut text = text.trim().replace('\n', "; ");
    let mut at = Some(folder);
    while let Some(path) = at.filter(|p| p.components().count() > 2) {
        text = text.replace(&*path.to_string_lossy(), ".");
        at = path.parent();
    }
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}
