//! The control files of version 2.

use super::{CgroupError, number, row, write};
use crate::{Limits, Usage};
use std::path::Path;
use std::time::Duration;

/// The period that a processor limit is counted over, in microseconds.
const PERIOD: u64 = 100_000;

/// Sets what `limits` say, as far as the directory's parent passed the controllers on.
pub(super) fn limit(directory: &Path, controllers: &[String], limits: &Limits) -> Result<(), CgroupError> {
    let has = |name: &str| controllers.iter().any(|controller| controller == name);
    if let Some(bytes) = limits.memory.filter(|_| has("memory")) {
        write(directory, "memory.max", &bytes.to_string())?;
        if has_swap_limit(directory) {
            write(directory, "memory.swap.max", "0")?;
        }
        // A server that lost one of its processes is no server any more.
        write(directory, "memory.oom.group", "1")?;
    }
    if let Some(count) = limits.pids.filter(|_| has("pids")) {
        write(directory, "pids.max", &count.to_string())?;
    }
    let quota = limits.cpu.and_then(|cpus| super::group::quota(cpus, PERIOD));
    if let Some(quota) = quota.filter(|_| has("cpu")) {
        write(directory, "cpu.max", &format!("{quota} {PERIOD}"))?;
    }
    Ok(())
}

/// Whether the kernel counts swap.
pub(super) fn has_swap_limit(directory: &Path) -> bool {
    directory.join("memory.swap.max").exists()
}

/// Adds what the directory counts to `usage`. What version 1 counts for it is left as it is.
pub(super) fn count(directory: &Path, controllers: &[String], usage: &mut Usage) {
    let has = |name: &str| controllers.iter().any(|controller| controller == name);
    if has("memory") {
        usage.memory = number(directory, "memory.current");
        usage.memory_peak = number(directory, "memory.peak");
        usage.out_of_memory_kills = row(directory, "memory.events", "oom_kill");
    }
    if has("pids") {
        usage.pids = number(directory, "pids.current");
    }
    if has("cpu") {
        usage.throttled = row(directory, "cpu.stat", "throttled_usec").map(Duration::from_micros);
    }
    // Every cgroup of version 2 counts processor time, with or without the controller.
    if let Some(micros) = row(directory, "cpu.stat", "usage_usec").filter(|_| usage.cpu.is_zero()) {
        usage.cpu = Duration::from_micros(micros);
    }
}
