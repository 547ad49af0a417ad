//! The tables of the era bridge: each pair of eras, what needs no session, and parked calls.

use super::tables::{NONE, millis, percent, rate, table, times};
use super::{Metric, Report, workload_name as name};

/// The names that the rows of these tables have in a report.
pub mod era_name {
    /// A legacy client, a legacy server: what the others are held against.
    pub const LEGACY_LEGACY: &str = "legacy → legacy";
    /// A modern client, a modern server.
    pub const MODERN_MODERN: &str = "modern → modern";
    /// A modern client, a legacy server.
    pub const MODERN_LEGACY: &str = "modern → legacy";
    /// A legacy client, a modern server.
    pub const LEGACY_MODERN: &str = "legacy → modern";
    /// Modern requests that name no session and get none that lasts.
    pub const STATELESS: &str = "stateless → legacy";
    /// The node that all of these go to.
    pub const NODE: &str = "Sessile, both eras";
    /// The node that calls are parked in.
    pub const PARKING: &str = "Sessile, parking";
    /// Sealing by itself.
    pub const SEALER: &str = "request states";
}
use era_name::{LEGACY_LEGACY, LEGACY_MODERN, MODERN_LEGACY, MODERN_MODERN, PARKING, SEALER, STATELESS};

/// What stands above the tables: a reader must know what was counted.
const ABOUT_CELLS: &str = "\
One node, new in each round, and one server program that is told to speak one era only; the four pairs in turns.
Every client has a session of its own: a legacy one by `initialize`, a modern one by `Sessile-Session`.

";
const ABOUT_STATELESS: &str = "\
A modern client that names no session, at a server with `scope = \"request\"`. Lists and the description were asked of the
server once; no session of it runs while they are asked again.

";
const ABOUT_PARKED: &str = "\
A modern client calls a tool of a legacy server that asks one form, so each call waits in its session for the answer.
Memory is `VmRSS` of the runtime, without servers and init, on a node that is new for each row: before, with all sessions
and connections there and one call parked and answered in each session; then with all calls parked. Call and question
are counted with the bytes that travelled. What earlier work has left free in the allocator is used first, which is why
more sessions can look lighter; the aim takes the heaviest row. A session holds 128 parked calls at the most. Calls are
answered one after another, oldest first, while the others wait. Threads that have started sandboxes stay for some
seconds; rows with one session have the fewest.

";

pub(super) fn cells(report: &Report) -> String {
    let (one, many) = (name::calls(1), name::calls(64));
    let cells = [LEGACY_LEGACY, MODERN_MODERN, MODERN_LEGACY, LEGACY_MODERN];
    let rows = cells.into_iter().filter(|cell| report.find(&one, cell).is_some()).map(|cell| {
        vec![
            cell.to_owned(),
            millis(report.value(&one, cell, Metric::P50)),
            millis(report.value(&one, cell, Metric::P99)),
            times(report.ratio(&one, Metric::P50, cell, LEGACY_LEGACY)),
            rate(report.value(&many, cell, Metric::PerSecond)),
            millis(report.value(&many, cell, Metric::P99)),
            percent(report.ratio(&many, Metric::PerSecond, cell, LEGACY_LEGACY)),
        ]
    });
    let head = [
        "client → server",
        "one client p50, ms",
        "p99, ms",
        "p50 against legacy → legacy",
        "calls/s, 64 clients",
        "p99 there, ms",
        "of legacy → legacy",
    ];
    format!("{ABOUT_CELLS}{}", table(&head, rows.collect()))
}

pub(super) fn stateless(report: &Report) -> String {
    let methods = ["tools/list", "server/discover"];
    let remembered = methods.into_iter().filter_map(|method| {
        let (one, many) = (name::asks(method, 1), name::asks(method, 64));
        report.find(&one, STATELESS)?;
        Some(vec![
            format!("`{method}`, from memory"),
            millis(report.value(&one, STATELESS, Metric::P50)),
            rate(report.value(&one, STATELESS, Metric::PerSecond)),
            rate(report.value(&many, STATELESS, Metric::PerSecond)),
            millis(report.value(&many, STATELESS, Metric::P99)),
        ])
    });
    let churned = [
        (LEGACY_LEGACY, "legacy: `initialize`, one call, `DELETE`"),
        (STATELESS, "modern, `scope = \"request\"`: one call, a sandbox of its own"),
    ];
    let churn =
        churned.into_iter().filter(|(target, _)| report.find(name::CHURN, target).is_some()).map(|(target, what)| {
            vec![
                what.to_owned(),
                rate(report.value(name::CHURN, target, Metric::PerSecond)),
                percent(report.ratio(name::CHURN, Metric::PerSecond, target, LEGACY_LEGACY)),
                millis(report.value(name::CHURN, target, Metric::P50)),
                millis(report.value(name::CHURN, target, Metric::P99)),
            ]
        });
    let asked = table(
        &["request", "one client p50, ms", "requests/s, one client", "requests/s, 64 clients", "p99 there, ms"],
        remembered.collect(),
    );
    let churned = table(&["8 at a time", "calls/s", "of legacy", "to the result p50, ms", "p99, ms"], churn.collect());
    format!("{ABOUT_STATELESS}{asked}\n{churned}")
}

/// Fewer calls than this weigh less than the pages that memory is counted in.
const ENOUGH_TO_WEIGH: u64 = 100;

pub(super) fn parked(report: &Report) -> String {
    let rows = report.measurements.iter().filter(|found| found.target == PARKING).filter_map(|found| {
        let weight = found.all.parked?;
        let kib = |kib: Option<f64>| kib.map_or(NONE.to_owned(), |kib| format!("{kib:.1}"));
        let each = |value: Option<f64>| kib(value.filter(|_| weight.calls >= ENOUGH_TO_WEIGH));
        let threads = weight.before.zip(weight.after);
        Some(vec![
            weight.calls.to_string(),
            weight.sessions.to_string(),
            kib(weight.grown_kib()),
            each(weight.kib_per_call()),
            kib(Some(weight.message_kib_per_call())),
            each(weight.kib_beyond_messages()),
            threads.map_or(NONE.to_owned(), |(before, after)| format!("{} → {}", before.threads, after.threads)),
            millis(Metric::P50.of(&found.all)),
            millis(Metric::P99.of(&found.all)),
        ])
    });
    let head = [
        "calls",
        "sessions",
        "memory grown, KiB",
        "per call, KiB",
        "call + question, KiB",
        "beyond these, KiB",
        "threads",
        "answer to result p50, ms",
        "p99, ms",
    ];
    format!("{ABOUT_PARKED}{}\n{}", table(&head, rows.collect()), sealing(report))
}

fn sealing(report: &Report) -> String {
    let micros = |workload| report.value(workload, SEALER, Metric::P50);
    match (micros(name::SEAL), micros(name::OPEN)) {
        (Some(seal), Some(open)) => {
            format!(
                "- sealing the request state of a call takes {seal:.1} µs, opening it {open:.1} µs (p50, one thread)\n"
            )
        }
        _ => String::new(),
    }
}

/// What calls weigh that were enough to be weighed: the number, the sessions, and KiB of each beyond its messages.
pub(super) fn weighed(report: &Report) -> Vec<(u64, u64, f64)> {
    let weights = report.measurements.iter().filter_map(|found| found.all.parked);
    let enough = weights.filter(|weight| weight.calls >= ENOUGH_TO_WEIGH);
    enough.filter_map(|weight| Some((weight.calls, weight.sessions, weight.kib_beyond_messages()?))).collect()
}

/// Threads before and after, of the run that parked the most; of several, the one that gained the most.
pub(super) fn threads(report: &Report) -> Option<(u64, u64, u64)> {
    let weights = report.measurements.iter().filter_map(|found| found.all.parked);
    let looked = weights.filter_map(|weight| Some((weight.calls, weight.before?.threads, weight.after?.threads)));
    looked.max_by_key(|(calls, before, after)| (*calls, after.saturating_sub(*before)))
}
