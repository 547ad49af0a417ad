//! The tables of the page. Ratios first: they hold where absolute times only orient.

use super::scale::kib_per_session;
use super::{MEMORY_PLOT, Metric, Report, Verdict, floor_name, memory_plot, workload_name as name};
use crate::target::Kind;

/// A cell for something that was not measured.
pub(super) const NONE: &str = "–";

/// A Markdown table, empty when it has no rows.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::from("Nothing of this was measured.\n");
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    text.push_str(&line(head.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        text.push_str(&line(row.into_iter().map(|cell| cell.replace('|', "\\|")).collect()));
    }
    text
}

pub(super) fn aims(report: &Report) -> String {
    let rows = report.aims.iter().map(|aim| {
        let verdict = match &aim.verdict {
            Verdict::Met => "**met**".to_owned(),
            Verdict::NotMet => "**not met**".to_owned(),
            Verdict::NotMeasured(reason) => format!("not measured: {reason}"),
        };
        let measured = if aim.measured.is_empty() { NONE.to_owned() } else { aim.measured.clone() };
        vec![aim.figure.to_owned(), aim.against.to_owned(), aim.aim.to_owned(), measured, verdict]
    });
    table(&["figure", "held against", "aim", "measured", "verdict"], rows.collect())
}

/// The names of everything that has a row, floors first.
fn names(report: &Report) -> Vec<String> {
    let floors = [floor_name::EXEC, floor_name::NAMESPACES, floor_name::BY_HAND];
    floors.into_iter().map(str::to_owned).chain(report.targets.iter().map(|target| target.name.clone())).collect()
}

pub(super) fn millis(micros: Option<f64>) -> String {
    micros.map_or(NONE.to_owned(), |micros| match micros / 1e3 {
        ms if ms < 1.0 => format!("{ms:.3}"),
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms => format!("{ms:.1}"),
    })
}

pub(super) fn rate(per_second: Option<f64>) -> String {
    per_second.map_or(NONE.to_owned(), |rate| if rate < 1_000.0 { format!("{rate:.0}") } else { thousands(rate) })
}

fn thousands(rate: f64) -> String {
    let whole = rate.round() as u64;
    format!("{},{:03}", whole / 1_000, whole % 1_000)
}

pub(super) fn times(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.2} ×"))
}

pub(super) fn percent(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.to_owned(), |ratio| match ratio * 100.0 {
        percent if percent < 10.0 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    })
}

pub(super) fn calls(report: &Report) -> String {
    let (one, some, many) = (name::calls(1), name::calls(16), name::calls(64));
    let echo = Kind::BareEcho.name();
    let rows = names(report).into_iter().filter(|target| report.find(&one, target).is_some()).map(|target| {
        let target = target.as_str();
        vec![
            target.to_owned(),
            millis(report.value(&one, target, Metric::P50)),
            millis(report.value(&one, target, Metric::P99)),
            times(report.ratio(&one, Metric::P50, target, floor_name::BY_HAND)),
            rate(report.value(&some, target, Metric::PerSecond)),
            rate(report.value(&many, target, Metric::PerSecond)),
            millis(report.value(&many, target, Metric::P99)),
            percent(report.ratio(&many, Metric::PerSecond, target, echo)),
            percent(report.ratio(&many, Metric::PerSecond, target, Kind::OwnHttp.name())),
        ]
    });
    let head = [
        "target",
        "one client p50, ms",
        "p99, ms",
        "p50 against the pipe",
        "calls/s, 16 clients",
        "calls/s, 64 clients",
        "p99 there, ms",
        "of bare echo",
        "of the server's own HTTP",
    ];
    table(&head, rows.collect())
}

pub(super) fn new_sessions(report: &Report) -> String {
    let workload = name::NEW_SESSION;
    let rows = names(report).into_iter().filter(|target| report.find(workload, target).is_some()).map(|target| {
        let target = target.as_str();
        vec![
            target.to_owned(),
            millis(report.value(workload, target, Metric::P50)),
            millis(report.value(workload, target, Metric::P99)),
            times(report.ratio(workload, Metric::P50, target, floor_name::BY_HAND)),
        ]
    });
    table(&["target", "p50, ms", "p99, ms", "p50 against by hand"], rows.collect())
}

pub(super) fn churn(report: &Report) -> String {
    let rows = names(report).into_iter().filter(|target| report.find(name::CHURN, target).is_some()).map(|target| {
        let target = target.as_str();
        let calm = report.value(name::CALM, target, Metric::P99);
        let beside = report.value(name::CALM_BESIDE, target, Metric::P99);
        vec![
            target.to_owned(),
            rate(report.value(name::CHURN, target, Metric::PerSecond)),
            percent(report.ratio(name::CHURN, Metric::PerSecond, target, floor_name::EXEC)),
            percent(report.ratio(name::CHURN, Metric::PerSecond, target, floor_name::NAMESPACES)),
            percent(report.ratio(name::CHURN, Metric::PerSecond, target, floor_name::BY_HAND)),
            millis(calm),
            millis(beside),
            rate(report.value(name::CHURN_BESIDE, target, Metric::PerSecond)),
        ]
    });
    let head = [
        "target",
        "sessions/s",
        "of clone + exec",
        "of unshare + exec",
        "of by hand",
        "calm calls p99, ms",
        "the same beside churn",
        "churn beside, sessions/s",
    ];
    table(&head, rows.collect())
}

pub(super) fn scale(report: &Report) -> String {
    let mut rows = Vec::new();
    for target in &report.targets {
        let of_target = report.measurements.iter().filter(|found| found.target == target.name);
        for found in
            of_target.filter(|found| found.workload.starts_with("calls beside") || found.workload == name::SCALE_BACK)
        {
            let init = found
                .all
                .init
                .map_or(NONE.to_owned(), |init| format!("{} / {}", init.resident_kib, init.proportional_kib));
            rows.push(vec![
                target.name.clone(),
                live_sessions(&found.workload),
                millis(Metric::P50.of(&found.all)),
                millis(Metric::P99.of(&found.all)),
                found.all.resident_kib.map_or(NONE.to_owned(), |kib| kib.to_string()),
                init,
            ]);
        }
    }
    let per_session = report.targets.iter().filter_map(|target| {
        let (sessions, kib) = kib_per_session(report, &target.name)?;
        Some(format!("- {}: {kib:.1} KiB of its own memory per idle session (up to {sessions})\n", target.name))
    });
    let head =
        ["target", "live sessions", "p50, ms", "p99, ms", "own memory, KiB", "one init, KiB resident / proportional"];
    let plot =
        memory_plot(report).map_or(String::new(), |_| format!("\n![memory over live sessions]({MEMORY_PLOT})\n"));
    format!("{}\n{}{plot}", table(&head, rows), per_session.collect::<String>())
}

/// The number of sessions out of the name of a workload.
fn live_sessions(workload: &str) -> String {
    match workload.strip_prefix("calls beside ").and_then(|rest| rest.strip_suffix(" sessions")) {
        Some(sessions) => sessions.to_owned(),
        None => "the first number again".to_owned(),
    }
}

pub(super) fn faults(report: &Report) -> String {
    let rows = report.measurements.iter().filter(|found| found.all.faults.total() > 0).map(|found| {
        let kinds = found.all.faults.by_kind.iter().map(|(kind, count)| format!("{count} {kind}"));
        vec![
            found.target.clone(),
            found.workload.clone(),
            found.all.done.to_string(),
            kinds.collect::<Vec<_>>().join(", "),
            found.all.faults.first.clone().unwrap_or_default().replace('\n', " "),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return "Every answer of this run was right.\n".to_owned();
    }
    table(&["target", "workload", "done right", "faults", "the first"], rows)
}
