use std::time::Duration;

use super::machine::cpu_model;
use super::memory::field;
use super::{Footprint, Latencies, ParkedWeight, Sample, Stop, resident_kib};

fn millis(range: std::ops::RangeInclusive<u64>) -> Latencies {
    let mut latencies = Latencies::default();
    range.for_each(|ms| latencies.record(Duration::from_millis(ms)));
    latencies
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= expected * 0.002
}

#[test]
fn percentiles_of_a_known_set() {
    let summary = millis(1..=1000).summary().unwrap();
    assert_eq!(summary.count, 1000);
    assert!(near(summary.p50_us, 500_000.0), "{summary:?}");
    assert!(near(summary.p90_us, 900_000.0), "{summary:?}");
    assert!(near(summary.p99_us, 990_000.0), "{summary:?}");
    assert!(near(summary.max_us, 1_000_000.0), "{summary:?}");
    assert!(near(summary.mean_us, 500_500.0), "{summary:?}");
}

#[test]
fn merging_is_the_same_as_recording_all() {
    let mut merged = millis(1..=500);
    merged.merge(&millis(501..=1000));
    assert_eq!(merged.summary(), millis(1..=1000).summary());
}

#[test]
fn nothing_recorded_has_no_percentiles_and_the_extremes_fit() {
    assert_eq!(Latencies::default().summary(), None);
    let mut latencies = Latencies::default();
    latencies.record(Duration::from_nanos(1));
    latencies.record(Duration::from_secs(1_000));
    assert_eq!(latencies.count(), 2);
}

#[test]
fn workers_share_a_time_and_rounds_add_theirs() {
    let worker = |done: u64, seconds: u64| {
        let mut sample = Sample::default();
        (0..done).for_each(|_| sample.record(Duration::from_millis(1)));
        sample.elapsed = Duration::from_secs(seconds);
        sample
    };
    let mut together = worker(10, 2);
    together.join(&worker(20, 3));
    assert_eq!(together.figures().per_second, Some(10.0));
    let mut rounds = worker(10, 2);
    rounds.append(&worker(20, 3));
    assert_eq!(rounds.figures().per_second, Some(6.0));
    assert_eq!(rounds.figures().done, 30);
    assert_eq!(Sample::default().figures().per_second, None);
}

#[test]
fn proc_files_are_read() {
    assert_eq!(field("VmPeak:\t 99 kB\nVmRSS:\t    4321 kB\n", "VmRSS:"), Some(4321));
    assert_eq!(field("VmPeak:\t 99 kB\n", "VmRSS:"), None);
    assert_eq!(cpu_model("processor : 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
    assert_eq!(cpu_model(""), "unknown");
    assert!(resident_kib(std::process::id()).unwrap() > 100);
}

#[test]
fn parked_calls_weigh_what_the_process_grew_by() {
    let at = |resident_kib| Some(Footprint { resident_kib, threads: 5 });
    let weight = ParkedWeight { calls: 100, sessions: 2, message_bytes: 51_200, before: at(10_000), after: at(10_300) };
    assert_eq!(weight.grown_kib(), Some(300.0));
    assert_eq!((weight.kib_per_call(), weight.message_kib_per_call()), (Some(3.0), 0.5));
    assert_eq!(weight.kib_beyond_messages(), Some(2.5));
    assert_eq!(ParkedWeight { before: None, ..weight }.kib_per_call(), None);
    assert!(Footprint::of(std::process::id()).unwrap().threads > 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_work_two_seconds() {
    let stop = Stop::default();
    stop.set();
    let began = tokio::time::Instant::now();
    assert_eq!(stop.bound(std::future::pending::<()>()).await, None);
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(stop.bound(async { 1 }).await, Some(1));
    stop.sleep(Duration::from_secs(3600)).await;
    assert_eq!(began.elapsed().as_secs(), 2);
}
