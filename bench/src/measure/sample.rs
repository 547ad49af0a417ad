//! The outcome of one round of one workload against one target.

use std::time::Duration;

use serde::Serialize;

use super::{InitMemory, Latencies, LatencySummary, ParkedWeight};
use crate::client::Faults;

/// What one round saw. Every workload fills the same fields, so that every target compares with every other.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Units of work that were done right: calls, or sessions.
    pub done: u64,
    /// The time in which they were done.
    pub elapsed: Duration,
    /// How long each took, where the workload times them.
    pub latencies: Latencies,
    /// What went wrong.
    pub faults: Faults,
    /// Resident memory of the target's own process in KiB, servers excluded.
    pub resident_kib: Option<u64>,
    /// Memory of the `sessile-init` processes.
    pub init: Option<InitMemory>,
    /// What parked calls weigh.
    pub parked: Option<ParkedWeight>,
}

impl Sample {
    /// Counts one unit of work that went well.
    pub fn record(&mut self, latency: Duration) {
        self.done += 1;
        self.latencies.record(latency);
    }

    /// Adds what another worker saw in the same time.
    pub fn join(&mut self, other: &Self) {
        self.done += other.done;
        self.latencies.merge(&other.latencies);
        self.faults.merge(&other.faults);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// Adds what was seen in another round, one after the other.
    pub fn append(&mut self, other: &Self) {
        let elapsed = self.elapsed + other.elapsed;
        self.join(other);
        self.elapsed = elapsed;
        self.resident_kib = other.resident_kib.or(self.resident_kib);
        self.init = other.init.or(self.init);
        self.parked = other.parked.or(self.parked);
    }

    /// The figures to report.
    pub fn figures(&self) -> Figures {
        let seconds = self.elapsed.as_secs_f64();
        Figures {
            done: self.done,
            seconds,
            per_second: (seconds > 0.0).then(|| self.done as f64 / seconds),
            latency: self.latencies.summary(),
            faults: self.faults.clone(),
            resident_kib: self.resident_kib,
            init: self.init,
            parked: self.parked,
        }
    }
}

/// The figures of a [`Sample`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Units of work that were done right: calls, or sessions.
    pub done: u64,
    /// The time in which they were done, in seconds.
    pub seconds: f64,
    /// Units of work per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// How long each took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencySummary>,
    /// What went wrong.
    pub faults: Faults,
    /// Resident memory of the target's own process in KiB, servers excluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_kib: Option<u64>,
    /// Memory of the `sessile-init` processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<InitMemory>,
    /// What parked calls weigh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<ParkedWeight>,
}
