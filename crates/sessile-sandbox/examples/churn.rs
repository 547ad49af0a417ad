//! What starting and ending sandboxes costs on this host, beside starting the same program by hand.
//!
//! ```sh
//! cargo run --release -p sessile-sandbox --example churn
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a tool for people, which may stop at the first surprise

use sessile_sandbox::{Driver, FileView, Limits, ProcessConfig, Sandbox, SandboxId, SandboxSpec, process_driver};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program: the least that a dynamic program can do.
const PROGRAM: &str = "/usr/bin/true";

/// Starts of each kind, unless an argument says otherwise.
const ROUNDS: usize = 500;

/// Sandboxes that start and end at once.
const LANES: usize = 4;

/// Sandboxes that wait while their init's memory is looked at.
const IDLE: usize = 20;

fn spec(name: String, command: &[&str]) -> SandboxSpec {
    let mut files = vec![FileView::ReadOnly { source: "/usr".into(), target: "/usr".into() }];
    for name in ["bin", "lib", "lib64"] {
        files.push(FileView::Symlink { target: format!("/{name}").into(), to: format!("usr/{name}").into() });
    }
    for target in ["/tmp", "/home/server", "/workspace"] {
        files.push(FileView::Private { target: target.into() });
    }
    SandboxSpec {
        env: vec![("PATH".into(), "/usr/bin".into())],
        cwd: "/workspace".into(),
        files,
        limits: Limits {
            memory: Some(512 << 20),
            cpu: Some(1.0),
            pids: Some(256),
            disk: Some(1 << 30),
            open_files: 4096,
        },
        hostname: "churn".into(),
        orphan_grace: Duration::from_secs(1),
        ..SandboxSpec::new(SandboxId::new(name).unwrap(), command.iter().map(|word| (*word).to_owned()).collect())
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn report(what: &str, times: &mut [Duration]) {
    let (p50, p99) = (percentile(times, 50), percentile(times, 99));
    println!("{what:<44} p50 {:>7.3} ms   p99 {:>7.3} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
}

fn by_hand() -> Duration {
    let from = Instant::now();
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap().wait().unwrap();
    from.elapsed()
}

/// One number of `/proc/<pid>/smaps_rollup`, in KiB.
fn rollup(pid: i32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::main]
async fn main() {
    let rounds = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(ROUNDS);
    let from = Instant::now();
    let driver = Arc::new(process_driver(ProcessConfig::default()).unwrap());
    println!("driver and trial sandbox {:.1} ms", from.elapsed().as_secs_f64() * 1e3);
    for row in &driver.capabilities().rows {
        println!("  {:<28} {}", row.feature.to_string(), row.strength);
    }

    let mut times: Vec<_> = (0..rounds).map(|_| by_hand()).collect();
    report("by hand: spawn and wait", &mut times);
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let from = Instant::now();
        let sandbox = driver.start(spec(format!("one-{round}"), &[PROGRAM])).await.unwrap();
        starts.push(from.elapsed());
        sandbox.ended().await;
        ends.push(from.elapsed());
    }
    report("sandbox: start until the program runs", &mut starts);
    report("sandbox: start until everything is gone", &mut ends);

    let from = Instant::now();
    let lanes = (0..LANES).map(|_| {
        std::thread::spawn(move || {
            (0..rounds / LANES).for_each(|_| {
                by_hand();
            })
        })
    });
    lanes.collect::<Vec<_>>().into_iter().for_each(|lane| lane.join().unwrap());
    let hand = rounds as f64 / from.elapsed().as_secs_f64();
    let from = Instant::now();
    let lanes = (0..LANES).map(|lane| {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            for round in 0..rounds / LANES {
                let sandbox = driver.start(spec(format!("lane-{lane}-{round}"), &[PROGRAM])).await.unwrap();
                sandbox.ended().await;
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    let sandboxes = rounds as f64 / from.elapsed().as_secs_f64();
    println!("churn, {LANES} at once: {sandboxes:.0} sandboxes/s, {hand:.0}/s by hand");

    let mut idle: Vec<Sandbox> = Vec::new();
    for number in 0..IDLE {
        idle.push(driver.start(spec(format!("idle-{number}"), &["/usr/bin/cat"])).await.unwrap());
    }
    for name in ["Rss:", "Pss:", "Private_Dirty:"] {
        let total: u64 = idle.iter().map(|sandbox| rollup(sandbox.pid(), name)).sum();
        println!("init, {IDLE} idle: {name:<15} {} KiB each", total / IDLE as u64);
    }
    let from = Instant::now();
    for sandbox in &idle {
        sandbox.stop(Duration::from_secs(1)).await;
    }
    println!("stop of one after the other: {:.2} ms each", from.elapsed().as_secs_f64() * 1e3 / IDLE as f64);
}
