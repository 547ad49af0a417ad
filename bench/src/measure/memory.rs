//! Memory as the kernel tells it in /proc (proc_pid_status(5), proc_pid_smaps(5)).

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Resident memory of a process in KiB (`VmRSS`), `None` when there is no such process.
pub fn resident_kib(pid: u32) -> Option<u64> {
    field(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// What the `sessile-init` processes of this machine hold in memory, on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InitMemory {
    /// How many there are.
    pub processes: u64,
    /// Resident KiB of one, pages shared with the others included.
    pub resident_kib: u64,
    /// Proportional KiB of one: a shared page counts only for its part.
    pub proportional_kib: u64,
}

/// Looks through /proc for `sessile-init`, which may be nobody's child any more and so is found by what
/// it runs. `None` when there is none, or none that may be looked at.
pub fn init_memory() -> Option<InitMemory> {
    let (mut processes, mut resident, mut proportional) = (0_u64, 0, 0);
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let path = entry.path();
        if !runs_init(&path) {
            continue;
        }
        let Ok(rollup) = fs::read_to_string(path.join("smaps_rollup")) else { continue };
        if let (Some(rss), Some(pss)) = (field(&rollup, "Rss:"), field(&rollup, "Pss:")) {
            processes += 1;
            resident += rss;
            proportional += pss;
        }
    }
    Some(InitMemory {
        processes,
        resident_kib: resident.checked_div(processes)?,
        proportional_kib: proportional.checked_div(processes)?,
    })
}

fn runs_init(process: &Path) -> bool {
    let is_process = process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    is_process && fs::read_link(process.join("exe")).is_ok_and(|exe| exe.to_string_lossy().contains("sessile-init"))
}

/// The number of a line such as `VmRSS: 4321 kB` or `Threads: 4`.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
