//! What a process takes of the machine, and what parked calls add to that.

use serde::Serialize;

use super::memory::{field, resident_kib};

/// Memory and threads of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Resident memory in KiB (`VmRSS`).
    pub resident_kib: u64,
    /// Threads (`Threads`).
    pub threads: u64,
}

impl Footprint {
    /// Reads it from /proc, `None` when there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self { resident_kib: resident_kib(pid)?, threads: field(&status, "Threads:")? })
    }
}

/// What parked calls weigh in the process that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ParkedWeight {
    /// Calls that were parked at one time.
    pub calls: u64,
    /// Sessions that they were parked in.
    pub sessions: u64,
    /// Bytes of those calls and of their questions, as they travelled.
    pub message_bytes: u64,
    /// The target with these sessions and connections, and no call.
    pub before: Option<Footprint>,
    /// The target with all calls parked.
    pub after: Option<Footprint>,
}

impl ParkedWeight {
    /// By how many KiB the target grew.
    pub fn grown_kib(&self) -> Option<f64> {
        Some(self.after?.resident_kib as f64 - self.before?.resident_kib as f64)
    }

    /// KiB that one call and its questions have.
    pub fn message_kib_per_call(&self) -> f64 {
        self.message_bytes as f64 / 1_024.0 / self.calls.max(1) as f64
    }

    /// KiB of growth for one call, that call and its questions included.
    pub fn kib_per_call(&self) -> Option<f64> {
        Some(self.grown_kib()? / self.calls.max(1) as f64)
    }

    /// KiB of growth for one call beyond the messages.
    pub fn kib_beyond_messages(&self) -> Option<f64> {
        Some(self.kib_per_call()? - self.message_kib_per_call())
    }
}
