//! Runs a program within limits on time, output, memory and processes.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::limits::{Excess, excess, restrict};
use super::network::{NetworkUse, offline_command, online_command};
use super::{RenderError, RenderOptions};
use crate::scratch::{RunningProgram, ScratchFolder};

/// Interval for checking a running program.
const PAUSE: Duration = Duration::from_millis(2);
/// Time that a program has after it closed its output.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Most characters of a program's error output.
const MAX_MESSAGE: usize = 64 << 10;

/// How often the memory of a program is looked at, in pauses.
const USAGE_PAUSES: u32 = 2;

/// How a program ended.
enum End {
    Exited(ExitStatus),
    TooLong,
    Exceeded(Excess),
}

/// Runs a program to its end, and returns what it printed.
pub(super) fn run_limited(
    name: &'static str,
    path: &Path,
    arguments: &[String],
    folder: &Path,
    network: NetworkUse,
    options: &RenderOptions,
) -> Result<Vec<u8>, RenderError> {
    let limit = |what: String| RenderError::Limit { program: name, what };
    let files = |e: std::io::Error| RenderError::Files(e.to_string());
    // An empty home: neither configuration nor plugins of the user are found, and no PATH leads to git or a shell.
    let home = ScratchFolder::new("drift-home-").map_err(files)?;
    let mut command = match network {
        NetworkUse::Offline => offline_command(path),
        NetworkUse::AllowedHosts => online_command(path, home.path()).map_err(files)?,
    };
    command
        .args(arguments)
        .current_dir(folder)
        .env("HOME", home.path())
        .env("PATH", home.path())
        .env("TMPDIR", home.path())
        // Collects garbage early enough that the limit is met by what is in use.
        .env("GOMEMLIMIT", (options.max_memory / 4 * 3).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program =
        RunningProgram::start(&mut command).map_err(|e| limit(format!("cannot be started: {e}")))?;
    restrict(program.child(), options);
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
    let out = read(program.child().stdout.take().map(|s| Box::new(s) as _), options.max_output as u64 + 1);
    let err = read(program.child().stderr.take().map(|s| Box::new(s) as _), 64 << 10);
    let end = wait(program.child(), || out.is_finished(), options);
    // Before the streams are read to their end: what the program left running may hold them open.
    drop(program);
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    let memory = || limit(format!("needs more than {} MiB of memory", options.max_memory >> 20));
    match end {
        _ if out.len() > options.max_output => {
            Err(limit(format!("prints more than {} bytes", options.max_output)))
        }
        End::TooLong => Err(limit(format!("takes longer than {:?}", options.timeout))),
        End::Exceeded(Excess::Memory) => Err(memory()),
        End::Exceeded(Excess::Processes) => {
            Err(limit(format!("starts more than {} processes", options.max_processes)))
        }
        End::Exited(status) if status.success() => Ok(out),
        End::Exited(_) if is_out_of_memory(&err) => Err(memory()),
        End::Exited(_) => Err(RenderError::Failed { program: name, message: error_message(&err, folder) }),
    }
}

/// Waits until a program ends or exceeds a limit. One whose output was read up to the limit waits for a reader that is gone, and has
/// only a short time left.
fn wait(child: &mut Child, is_read: impl Fn() -> bool, options: &RenderOptions) -> End {
    let mut deadline = Instant::now() + options.timeout;
    let mut was_read = false;
    for pause in 0u32.. {
        if let Ok(Some(status)) = child.try_wait() {
            return End::Exited(status);
        }
        if !was_read && is_read() {
            was_read = true;
            deadline = deadline.min(Instant::now() + LAST_WORDS);
        }
        if Instant::now() >= deadline {
            break;
        }
        if pause % USAGE_PAUSES == 0
            && let Some(excess) = excess(child, options)
        {
            return End::Exceeded(excess);
        }
        thread::sleep(PAUSE);
    }
    End::TooLong
}

/// Returns `true` if the runtime of Go, or the system, refused more memory.
fn is_out_of_memory(err: &[u8]) -> bool {
    let text = String::from_utf8_lossy(err);
    text.contains("out of memory") || text.contains("cannot allocate memory")
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
