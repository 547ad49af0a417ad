use std::time::Duration;

use super::{
    Metric, Report, TargetInfo, Verdict, aims, era_name, floor_name, keep_notes, median, page, summary,
    workload_name as name,
};
use crate::client::Fault;
use crate::measure::{Footprint, InitMemory, ParkedWeight, Sample};
use crate::target::Kind;

/// A round in which everything took `micros`, at `rate` per second.
fn round(micros: u64, rate: u64) -> Sample {
    let mut sample = Sample::default();
    (0..rate).for_each(|_| sample.record(Duration::from_micros(micros)));
    sample.elapsed = Duration::from_secs(1);
    sample
}

fn report() -> Report {
    let mut report = Report::begin("full");
    for kind in [Kind::OwnHttp, Kind::Sessile, Kind::Mcpway, Kind::Supergateway] {
        report.targets.push(TargetInfo {
            name: kind.name().to_owned(),
            note: kind.note().to_owned(),
            command: format!("run {kind:?}"),
            starts_processes: kind.starts_processes(),
            is_peer: kind.is_peer(),
        });
    }
    report
}

fn verdict_of(report: &Report, figure: &str, against: &str) -> (Verdict, String) {
    let found = aims(report).into_iter().find(|aim| aim.figure == figure && aim.against == against).unwrap();
    (found.verdict, found.measured)
}

#[test]
fn medians() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
}

#[test]
fn a_ratio_pairs_the_rounds_so_that_drift_cancels() {
    let mut report = report();
    for slower in [1, 2, 4] {
        report.push("w", "a", &round(0, 2_000 / slower));
        report.push("w", "b", &round(0, 1_000 / slower));
    }
    assert_eq!(report.ratio("w", Metric::PerSecond, "a", "b"), Some(2.0));
    assert_eq!(report.ratio("w", Metric::PerSecond, "a", "nobody"), None);
    assert_eq!(report.value("w", "a", Metric::PerSecond), Some(1_000.0));
    assert_eq!(report.find("w", "a").unwrap().all.done, 3_500);
}

#[test]
fn what_was_never_right_is_no_figure() {
    let mut report = report();
    let mut failed = Sample::default();
    failed.faults.add(&Fault::Unanswered);
    report.push("w", "a", &failed);
    assert!(report.find("w", "a").is_none());
    assert!(report.nothing_done());
    assert!(page(&report).contains("| a | w | 0 | 1 unanswered | ended before the answer |"));
}

#[test]
fn a_warm_call_is_held_against_pipe_plus_echo() {
    let mut report = report();
    let calls = name::calls(1);
    report.push(&calls, floor_name::BY_HAND, &round(60, 10));
    report.push(&calls, Kind::BareEcho.name(), &round(40, 10));
    let figure = ("warm call, one client, p50", "pipe round trip + HTTP echo");
    assert!(matches!(verdict_of(&report, figure.0, figure.1).0, Verdict::NotMeasured(_)));
    report.push(&calls, Kind::Sessile.name(), &round(139, 10));
    assert_eq!(verdict_of(&report, figure.0, figure.1).0, Verdict::Met);
    let sessile = report.measurements.iter().position(|found| found.target == Kind::Sessile.name()).unwrap();
    report.measurements.remove(sessile);
    report.push(&calls, Kind::Sessile.name(), &round(142, 10));
    assert_eq!(verdict_of(&report, figure.0, figure.1).0, Verdict::NotMet);
}

#[test]
fn the_best_peer_is_the_fastest_with_a_process_per_session() {
    let mut report = report();
    let calls = name::calls(64);
    report.push(&calls, Kind::Sessile.name(), &round(1, 1_600));
    report.push(&calls, Kind::Supergateway.name(), &round(1, 100));
    report.push(&calls, Kind::Mcpway.name(), &round(1, 1_000));
    // One process for all does not compare, however fast it is.
    report.push(&calls, Kind::McpProxy.name(), &round(1, 9_000));
    let (verdict, measured) =
        verdict_of(&report, "calls per second, 64 clients", "the best peer with a process per session");
    assert_eq!((verdict, measured.as_str()), (Verdict::NotMet, "1.60 × mcpway"));
}

#[test]
fn a_cold_session_may_take_five_milliseconds_more_than_by_hand() {
    let mut report = report();
    report.push(name::NEW_SESSION, floor_name::BY_HAND, &round(2_000, 10));
    report.push(name::NEW_SESSION, Kind::Sessile.name(), &round(7_200, 10));
    let figure = "new session to first result, cold, p50";
    assert_eq!(verdict_of(&report, figure, "the same by hand").0, Verdict::Met);
}

#[test]
fn memory_is_the_growth_over_the_sessions() {
    let mut report = report();
    for (sessions, kib) in [(10, 10_000), (2_010, 110_000)] {
        let mut sample = round(100, 10);
        sample.resident_kib = Some(kib);
        sample.init = Some(InitMemory { processes: sessions, resident_kib: 500, proportional_kib: 90 });
        report.push(&name::scale(sessions as usize), Kind::Sessile.name(), &sample);
    }
    let (verdict, measured) = verdict_of(&report, "runtime memory per idle session", "—");
    assert_eq!((verdict, measured.as_str()), (Verdict::Met, "50.0 KiB at 2010 sessions"));
    assert_eq!(verdict_of(&report, "resident memory of init", "—").0, Verdict::NotMet);
    assert_eq!(verdict_of(&report, "p50 of a warm call at the most live sessions", "at 10").0, Verdict::Met);
}

#[test]
fn eras_are_held_against_the_legacy_pair() {
    let mut report = report();
    for (cell, micros, rate) in [(era_name::LEGACY_LEGACY, 100, 1_000), (era_name::MODERN_LEGACY, 150, 800)] {
        report.push(&name::calls(1), cell, &round(micros, rate));
        report.push(&name::calls(64), cell, &round(micros, rate));
    }
    report.push(&name::asks("tools/list", 1), era_name::STATELESS, &round(40, 2_000));
    let page = page(&report);
    for part in
        ["| modern → legacy | 0.150 | 0.150 | 1.50 × | 800 | 0.150 | 80 % |", "| `tools/list`, from memory | 0.040 |"]
    {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(!page.contains("| modern → modern"), "what was not measured has no row");
}

/// `calls` parked, with so many threads after that there were 5 before.
fn parked(calls: u64, grown_kib: u64, threads: u64) -> Sample {
    let before = Footprint { resident_kib: 10_000, threads: 5 };
    let after = Footprint { resident_kib: 10_000 + grown_kib, threads };
    let weight =
        ParkedWeight { calls, sessions: 1, message_bytes: calls * 1_024, before: Some(before), after: Some(after) };
    Sample { parked: Some(weight), ..round(200, calls) }
}

#[test]
fn the_heaviest_parked_call_counts_and_one_alone_is_not_weighed() {
    let mut report = report();
    let figure = ("memory per parked call, beyond its messages", "—");
    let push = |report: &mut Report, calls, grown, threads| {
        report.push(&name::parked(calls as usize, 1), era_name::PARKING, &parked(calls, grown, threads));
    };
    push(&mut report, 1, 64, 5);
    assert!(matches!(verdict_of(&report, figure.0, figure.1).0, Verdict::NotMeasured(_)));
    push(&mut report, 1_000, 3_000, 5);
    assert_eq!(verdict_of(&report, figure.0, figure.1).0, Verdict::Met);
    let threads = ("threads of the runtime with the most parked calls", "with none");
    assert_eq!(verdict_of(&report, threads.0, threads.1).0, Verdict::Met);
    push(&mut report, 100, 950, 6);
    let (verdict, measured) = verdict_of(&report, figure.0, figure.1);
    assert_eq!((verdict, measured.as_str()), (Verdict::NotMet, "at most 8.5 KiB (100 calls in 1 sessions)"));
    push(&mut report, 2_000, 3_000, 6);
    assert_eq!(verdict_of(&report, threads.0, threads.1).0, Verdict::NotMet);
    assert!(page(&report).contains("| 100 | 1 | 950.0 | 9.5 | 1.0 | 8.5 | 5 → 6 | 0.200 |"));
}

#[test]
fn growth_to_fewer_sessions_than_the_aim_names_decides_nothing() {
    let mut report = report();
    report.push(&name::scale(10), Kind::Sessile.name(), &round(100, 10));
    report.push(&name::scale(300), Kind::Sessile.name(), &round(100, 10));
    let (verdict, _) = verdict_of(&report, "p50 of a warm call at the most live sessions", "at 10");
    assert!(matches!(verdict, Verdict::NotMeasured(_)));
}

#[test]
fn churn_that_did_not_come_about_proves_no_calm() {
    let mut report = report();
    let target = Kind::Sessile.name();
    report.push(name::CALM, target, &round(100, 10));
    report.push(name::CALM_BESIDE, target, &round(200, 10));
    report.push(name::CHURN_BESIDE, target, &round(100, 20));
    let figure = "p99 of calls beside 50 new sessions per second";
    assert_eq!(verdict_of(&report, figure, "p99 without").0, Verdict::NotMet);
    report.push(name::CHURN_BESIDE, target, &round(100, 80));
    assert_eq!(verdict_of(&report, figure, "p99 without").0, Verdict::Met);
}

#[test]
fn notes_are_kept_and_nothing_else_is() {
    let new = page(&report());
    let old = "# Old\n<!-- notes -->\nHere the time goes.\n<!-- /notes -->\nold table\n";
    let kept = keep_notes(&new, old);
    assert!(kept.contains("<!-- notes -->\nHere the time goes.\n<!-- /notes -->"));
    assert!(!kept.contains("old table") && !kept.contains("Nobody has written"));
    assert_eq!(keep_notes(&kept, &kept), kept);
    assert_eq!(keep_notes(&new, "<!-- notes --> never ended"), new);
}

#[test]
fn the_page_names_the_machine_the_aims_and_what_is_missing() {
    let mut report = report();
    report.skipped.push(super::Skipped { name: "mcp-proxy".to_owned(), reason: "no compiler".to_owned() });
    report.push(name::CHURN, Kind::Sessile.name(), &round(1_000, 200));
    report.aims = aims(&report);
    let page = page(&report);
    for part in [
        &report.machine.line(),
        "- mcp-proxy: no compiler",
        "| session churn | — | ≥ 150 per second | 200 per second",
        "- Sessile (a sandbox per session): `run Sessile`",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(summary(&report).starts_with("Sessile, churn: 200 done, 200.0 per second, p50 1.000 ms"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["measurements"][0]["rounds"][0]["done"], 200);
    assert!(json["aims"].as_array().unwrap().iter().any(|aim| aim["verdict"] == "met"));
}
