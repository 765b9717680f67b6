//! Folders and programs that must not outlive the process.
//!
//! A value of the standard library cleans up when it is dropped, which no signal does. A program that is about to exit on one calls
//! [`end_all`].

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

/// What has to be cleaned up.
#[derive(Debug)]
struct Leftovers {
    folders: BTreeSet<PathBuf>,
    /// Process groups of running programs, by the id of their first process.
    groups: BTreeSet<u32>,
}

static LEFTOVERS: Mutex<Leftovers> =
    Mutex::new(Leftovers { folders: BTreeSet::new(), groups: BTreeSet::new() });

fn leftovers() -> MutexGuard<'static, Leftovers> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary folder that only its owner can read, removed when this is dropped or by [`end_all`].
#[derive(Debug)]
pub struct ScratchFolder(TempDir);

impl ScratchFolder {
    /// Makes a folder whose name begins with `prefix`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(prefix: &str) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        // Under the lock, so that no folder is made while all are removed.
        let mut leftovers = leftovers();
        let folder = builder.tempdir()?;
        leftovers.folders.insert(folder.path().to_owned());
        Ok(Self(folder))
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        leftovers().folders.remove(self.0.path());
    }
}

/// A program that runs in a process group of its own, which is ended when this is dropped or by [`end_all`].
#[cfg(feature = "render")]
#[derive(Debug)]
pub(crate) struct RunningProgram(std::process::Child);

#[cfg(feature = "render")]
impl RunningProgram {
    /// Starts a program.
    pub(crate) fn start(command: &mut std::process::Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut leftovers = leftovers();
        let child = command.spawn()?;
        leftovers.groups.insert(child.id());
        Ok(Self(child))
    }

    /// Returns the first process.
    pub(crate) fn child(&mut self) -> &mut std::process::Child {
        &mut self.0
    }
}

#[cfg(feature = "render")]
impl Drop for RunningProgram {
    fn drop(&mut self) {
        // What the program started and left behind is ended too.
        end_group(self.0.id());
        let _ = self.0.kill();
        let _ = self.0.wait();
        leftovers().groups.remove(&self.0.id());
    }
}

#[cfg(all(unix, feature = "render"))]
fn end_group(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // Already gone is as good.
        let _ = kill_process_group(id, Signal::KILL);
    }
}

#[cfg(not(all(unix, feature = "render")))]
fn end_group(_: u32) {}

/// Ends all programs that render and removes all scratch folders, for a process that exits right after: nothing new is started or made
/// from now on, and whoever tries waits.
pub fn end_all() {
    let leftovers = leftovers();
    leftovers.groups.iter().for_each(|id| end_group(*id));
    for folder in &leftovers.folders {
        // A program that is just ending may still write.
        for _ in 0..20 {
            match std::fs::remove_dir_all(folder) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(5)),
                _ => break,
            }
        }
    }
    std::mem::forget(leftovers);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_scratch_folder_is_for_its_owner_only_and_is_removed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = ScratchFolder::new("drift-test-").expect("the temporary folder can be written");
        let path = folder.path().to_owned();
        let mode = std::fs::metadata(&path).expect("the folder is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(leftovers().folders.contains(&path));
        drop(folder);
        assert!(!path.exists() && !leftovers().folders.contains(&path));
    }
}
