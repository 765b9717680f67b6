//! Limits of a running program beyond time and output: memory and processes.

use std::process::Child;

use super::RenderOptions;

/// Why a program is stopped.
pub(super) enum Excess {
    /// It takes more memory.
    Memory,
    /// It starts more processes.
    Processes,
}

/// Limits a program that was just started, as far as the system does it by itself.
#[cfg(target_os = "linux")]
pub(super) fn restrict(child: &Child, options: &RenderOptions) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = Pid::from_child(child);
    let to = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    let seconds = options.timeout.as_secs() + 1;
    // Not the address space, most of which a Go program reserves and never uses. What it writes to counts as data.
    let limits = [
        (Resource::Data, options.max_memory),
        (Resource::Cpu, seconds.saturating_mul(4)),
        (Resource::Fsize, 64 << 20),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        // A program that has ended already needs none; the loop that watches it holds in any case.
        let _ = prlimit(Some(pid), resource, to(limit));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn restrict(_: &Child, _: &RenderOptions) {}

/// Returns which limit a program and those that it started exceed now.
#[cfg(target_os = "linux")]
pub(super) fn excess(child: &Child, options: &RenderOptions) -> Option<Excess> {
    let mut usage = Usage::default();
    usage.add(child.id(), options.max_processes);
    match usage {
        Usage { memory, .. } if memory > options.max_memory => Some(Excess::Memory),
        Usage { processes, .. } if processes > options.max_processes => Some(Excess::Processes),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn excess(_: &Child, _: &RenderOptions) -> Option<Excess> {
    None
}

/// What a process and its descendants take.
#[cfg(target_os = "linux")]
#[derive(Default)]
struct Usage {
    /// Bytes of resident memory.
    memory: u64,
    processes: usize,
}

#[cfg(target_os = "linux")]
impl Usage {
    /// Adds a process and its descendants, until more than `most` are counted.
    fn add(&mut self, pid: u32, most: usize) {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return };
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        self.memory += resident.and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) << 10;
        self.processes += 1;
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
                if self.processes > most {
                    return;
                }
                self.add(child, most);
            }
        }
    }
}
