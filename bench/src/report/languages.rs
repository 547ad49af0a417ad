//! The table of servers in other languages.

use super::tables::{NONE, millis, table, times};
use super::{Metric, Report, floor_name::BY_HAND, workload_name as name};
use crate::target::Kind;

const ABOUT: &str = "\
From the connect to the first tool result, the whole start of the interpreter included. By hand the same command is started
without a sandbox and spoken to over its pipes. From a pool the interpreter has started before anybody asked.

";

pub(super) fn table_of(report: &Report) -> String {
    let (cold, warm) = (Kind::Sessile.name(), Kind::SessilePool.name());
    let workloads = report.measurements.iter().filter(|found| found.target == BY_HAND);
    let rows = workloads.filter_map(|found| {
        let workload = found.workload.as_str();
        let language = name::language_of(workload)?;
        let p50 = |target| report.value(workload, target, Metric::P50);
        let limit = p50(BY_HAND).map(|micros| micros * 1.15 + 5_000.0);
        let held = p50(cold).zip(limit).map_or(NONE, |(cold, limit)| if cold <= limit { "yes" } else { "no" });
        Some(vec![
            language.to_owned(),
            millis(p50(BY_HAND)),
            millis(p50(cold)),
            times(report.ratio(workload, Metric::P50, cold, BY_HAND)),
            format!("{} ({held})", millis(limit)),
            millis(p50(warm)),
            millis(report.value(workload, warm, Metric::P99)),
            times(report.ratio(workload, Metric::P50, cold, warm)),
        ])
    });
    let head = [
        "server",
        "by hand p50, ms",
        "Sessile cold p50, ms",
        "against by hand",
        "1.15 × + 5 ms (held)",
        "from a pool p50, ms",
        "p99, ms",
        "cold against the pool",
    ];
    format!("{ABOUT}{}", table(&head, rows.collect()))
}
