//! What was seen at each number of live sessions.

use super::{Metric, Report};
use crate::measure::InitMemory;

/// One number of live sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Live sessions, the one that calls included.
    pub(super) sessions: usize,
    /// The median of its warm calls, in microseconds.
    pub(super) p50_us: f64,
    /// Resident memory of the target's own process in KiB.
    pub(super) resident_kib: Option<u64>,
    /// Memory of the init processes.
    pub(super) init: Option<InitMemory>,
}

/// The steps of a target, fewest sessions first.
pub(super) fn scale_steps(report: &Report, target: &str) -> Vec<Step> {
    let of_target = report.measurements.iter().filter(|found| found.target == target);
    let mut steps: Vec<_> = of_target
        .filter_map(|found| {
            let sessions = found.workload.strip_prefix("calls beside ")?.strip_suffix(" sessions")?.parse().ok()?;
            let (p50_us, all) = (Metric::P50.of(&found.all)?, &found.all);
            Some(Step { sessions, p50_us, resident_kib: all.resident_kib, init: all.init })
        })
        .collect();
    steps.sort_by_key(|step| step.sessions);
    steps
}

/// KiB of the target's own process per idle session, from the fewest to the most.
pub(super) fn kib_per_session(report: &Report, target: &str) -> Option<(usize, f64)> {
    let steps = scale_steps(report, target);
    let (few, many) = (steps.first()?, steps.last()?);
    let grown = many.resident_kib? as f64 - few.resident_kib? as f64;
    (many.sessions > few.sessions).then(|| (many.sessions, grown / (many.sessions - few.sessions) as f64))
}
