//! The control files of version 1.

use super::{CgroupError, Controller, number, row, write};
use crate::{Limits, Usage};
use std::path::Path;
use std::time::Duration;

/// The period that a processor limit is counted over, in microseconds.
const PERIOD: u64 = 100_000;

/// Sets what `limits` say about the controllers of one directory.
pub(super) fn limit(directory: &Path, controllers: &[Controller], limits: &Limits) -> Result<(), CgroupError> {
    for controller in controllers {
        match controller {
            Controller::Memory => {
                if let Some(bytes) = limits.memory {
                    memory(directory, bytes)?;
                }
            }
            Controller::Pids => {
                if let Some(count) = limits.pids {
                    write(directory, "pids.max", &count.to_string())?;
                }
            }
            Controller::Cpu => {
                if let Some(quota) = limits.cpu.and_then(|cpus| super::group::quota(cpus, PERIOD)) {
                    write(directory, "cpu.cfs_period_us", &PERIOD.to_string())?;
                    write(directory, "cpu.cfs_quota_us", &quota.to_string())?;
                }
            }
            Controller::CpuAccounting | Controller::Freezer => {}
        }
    }
    Ok(())
}

/// Memory, and memory with swap at the same limit, which leaves none to swap.
fn memory(directory: &Path, bytes: u64) -> Result<(), CgroupError> {
    let bytes = bytes.to_string();
    write(directory, "memory.limit_in_bytes", &bytes)?;
    if has_swap_limit(directory) {
        write(directory, "memory.memsw.limit_in_bytes", &bytes)?;
    }
    Ok(())
}

/// Whether the kernel counts swap.
pub(super) fn has_swap_limit(directory: &Path) -> bool {
    directory.join("memory.memsw.limit_in_bytes").exists()
}

/// Adds what one directory counts to `usage`.
pub(super) fn count(directory: &Path, controllers: &[Controller], usage: &mut Usage) {
    for controller in controllers {
        match controller {
            Controller::Memory => {
                usage.memory = number(directory, "memory.usage_in_bytes");
                usage.memory_peak = number(directory, "memory.max_usage_in_bytes");
                usage.out_of_memory_kills = row(directory, "memory.oom_control", "oom_kill");
            }
            Controller::Pids => usage.pids = number(directory, "pids.current"),
            Controller::Cpu => {
                usage.throttled = row(directory, "cpu.stat", "throttled_time").map(Duration::from_nanos);
            }
            Controller::Freezer => {}
            Controller::CpuAccounting => {
                if let Some(nanos) = number(directory, "cpuacct.usage") {
                    usage.cpu = Duration::from_nanos(nanos);
                }
            }
        }
    }
}
