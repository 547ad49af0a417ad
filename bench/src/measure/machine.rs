//! The machine of a measurement: absolute times mean nothing without it.

use std::fs;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What /proc says about this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of the CPU.
    pub cpu: String,
    /// How many CPUs this process may use.
    pub cores: usize,
    /// Main memory in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The load average of the minute before: on a busy machine even ratios shake.
    pub load: f64,
}

impl Machine {
    /// Reads it; what cannot be read is `unknown` or 0.
    pub fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: cpu_model(&text("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: super::memory::field(&text("/proc/meminfo"), "MemTotal:").unwrap_or(0) / 1024,
            kernel: known(text("/proc/sys/kernel/osrelease").trim()),
            load: first_number(&text("/proc/loadavg")),
        }
    }

    /// One line for a table's head.
    pub fn line(&self) -> String {
        let Self { cpu, cores, memory_mib, kernel, load } = self;
        format!("{cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}, load average before {load:.2}")
    }
}

pub(super) fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| matches!(name.trim(), "model name" | "Processor" | "cpu model"));
    known(model.map_or("", |(_, value)| value.trim()))
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn known(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

/// The time now in UTC, as RFC 3339 writes it.
pub fn now_text() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
