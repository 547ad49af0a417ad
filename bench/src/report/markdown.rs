//! The page `docs/benchmarks.md`, and the short form for a terminal.

use super::{Report, eras, languages, notes, tables};

/// The whole page, with an empty section for notes.
pub fn page(report: &Report) -> String {
    let mut page = String::from("# Benchmarks\n\n");
    page.push_str("Written by `make bench`; only the part between the notes markers is written by people.\n");
    page.push_str("Every target stands in one run on one machine, measured in turns, and the client shares its\n");
    page.push_str("cores. The ratios decide; absolute times only orient. `benchmarks.json` has every round.\n\n");
    page.push_str(&format!("- machine: {}\n", report.machine.line()));
    page.push_str(&format!("- begun: {} ({} run, {:.0} s)\n", report.began, report.mode, report.seconds));
    let versions = report.versions.iter().map(|(name, version)| format!("{name} {version}"));
    page.push_str(&format!("- versions: {}\n", versions.collect::<Vec<_>>().join(", ")));
    for (title, text) in [
        ("Aims", tables::aims(report)),
        ("Where the time goes", notes::empty_section()),
        ("Warm calls", tables::calls(report)),
        ("New sessions, connect to first tool result", tables::new_sessions(report)),
        ("Servers in other languages", languages::table_of(report)),
        ("Sessions that come and go, and calm calls beside them", tables::churn(report)),
        ("Both eras", eras::cells(report)),
        ("Without a session", eras::stateless(report)),
        ("Idle sessions", tables::scale(report)),
        ("Parked calls", eras::parked(report)),
        ("Faults", tables::faults(report)),
        ("Not measured", skipped(report)),
        ("What was measured", commands(report)),
    ] {
        page.push_str(&format!("\n## {title}\n\n{text}"));
    }
    page
}

fn skipped(report: &Report) -> String {
    if report.skipped.is_empty() {
        return "Nothing was left out.\n".to_owned();
    }
    report.skipped.iter().map(|skipped| format!("- {}: {}\n", skipped.name, skipped.reason)).collect()
}

fn commands(report: &Report) -> String {
    let line = |name: &str, note: &str, command: &str| format!("- {name} ({note}): `{command}`\n");
    report.targets.iter().map(|target| line(&target.name, &target.note, &target.command)).collect()
}

/// One line per measurement, for a terminal.
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    for found in &report.measurements {
        let all = &found.all;
        text.push_str(&format!("{}, {}: {} done", found.target, found.workload, all.done));
        if let Some(rate) = all.per_second {
            text.push_str(&format!(", {rate:.1} per second"));
        }
        if let Some(l) = &all.latency {
            let ms = |us: f64| us / 1e3;
            text.push_str(&format!(
                ", p50 {:.3} ms, p90 {:.3} ms, p99 {:.3} ms, max {:.3} ms",
                ms(l.p50_us),
                ms(l.p90_us),
                ms(l.p99_us),
                ms(l.max_us)
            ));
        }
        if let Some(kib) = all.resident_kib {
            text.push_str(&format!(", {kib} KiB resident"));
        }
        text.push_str(&format!(", {} faults", all.faults.total()));
        if let Some(first) = &all.faults.first {
            text.push_str(&format!(" ({first})"));
        }
        text.push('\n');
    }
    text
}
