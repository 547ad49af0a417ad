//! What a microVM costs: `cargo run -p sessile-sandbox --example microvm -- KERNEL_DIRECTORY [COUNT]`.
//!
//! Each start is timed from the call of the driver to the first answer of `cat`, and then to its end; memory is what the kernel says
//! of the monitor's processes (proportional share). `KERNEL_DIRECTORY` is what `sessile microvm setup` made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing, clippy::panic)]

use sessile_sandbox::{
    AcceleratorChoice, Driver, FileView, Limits, MicrovmConfig, Network, ProcessConfig, SandboxId, SandboxSpec,
    TellTemplates, microvm_driver, process_driver,
};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn spec(number: usize) -> SandboxSpec {
    let link = |name: &str| {
        let path = Path::new(name);
        match std::fs::read_link(path) {
            Ok(to) => FileView::Symlink { target: path.into(), to },
            Err(_) => FileView::ReadOnly { source: path.into(), target: path.into() },
        }
    };
    let mut files: Vec<_> = ["/usr", "/bin", "/lib", "/lib64"].into_iter().map(link).collect();
    files.push(FileView::Private { target: "/tmp".into() });
    SandboxSpec {
        id: SandboxId::new(format!("bench-{number}")).unwrap(),
        command: vec!["/usr/bin/cat".into()],
        env: vec![],
        cwd: "/tmp".into(),
        files,
        limits: Limits { memory: Some(256 << 20), pids: Some(64), disk: Some(16 << 20), ..Limits::default() },
        network: Network::Loopback,
        hostname: "bench".into(),
        orphan_grace: Duration::ZERO,
        estate: None,
        kept: None,
        held: None,
        given: Vec::new(),
        note: None,
        start_timeout: Duration::from_secs(60),
    }
}

/// Proportional and private memory of a process and its children, in KiB.
fn memory(pid: i32) -> (u64, u64) {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let of = |key: &str| {
        let lines = rollup.lines().filter_map(|line| line.strip_prefix(key));
        lines.filter_map(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).sum::<u64>()
    };
    let own = (of("Pss:"), of("Private_Dirty:") + of("Private_Clean:"));
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(memory).fold(own, |a, b| (a.0 + b.0, a.1 + b.1))
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let kernel = arguments.next().expect("the kernel's directory");
    let count = arguments.next().map_or(5, |count| count.parse().expect("a number"));
    let directory = std::env::temp_dir().join(format!("sessile-microvm-{}", std::process::id()));
    let walls = Arc::new(process_driver(ProcessConfig::default()).unwrap());
    let accelerator = AcceleratorChoice::Auto;
    let config = MicrovmConfig {
        directory: directory.clone(),
        kernel: kernel.into(),
        accelerator,
        template_memory: 1 << 30,
        tell_templates: TellTemplates::default(),
    };
    let begun = Instant::now();
    let driver = microvm_driver(config, walls).await.unwrap_or_else(|error| panic!("{error}"));
    println!("driver ready after {:?} (trial included)", begun.elapsed());
    for row in &driver.capabilities().rows {
        println!("  {:<28} {}", row.feature.to_string(), row.strength);
    }
    for number in 0..count {
        let begun = Instant::now();
        let mut sandbox = driver.start(spec(number)).await.unwrap_or_else(|error| panic!("{error}"));
        let running = begun.elapsed();
        let pipes = sandbox.take_pipes().unwrap();
        for note in sandbox.notes() {
            println!("  note: {note}");
        }
        for pipe in [&pipes.stdin, &pipes.stdout] {
            rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::empty()).unwrap();
        }
        let (mut stdin, mut stdout) = (std::fs::File::from(pipes.stdin), std::fs::File::from(pipes.stdout));
        let mut answer = [0; 6];
        stdin.write_all(b"hello\n").unwrap();
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello\n");
        let answered = begun.elapsed();
        let mut trips = Vec::new();
        for _ in 0..200 {
            let begun = Instant::now();
            stdin.write_all(b"hello\n").unwrap();
            stdout.read_exact(&mut answer).unwrap();
            trips.push(begun.elapsed());
        }
        trips.sort();
        let (pss, private) = memory(sandbox.pid());
        drop(stdin);
        let ended = sandbox.ended().await;
        println!(
            "server runs after {running:?}, first answer {answered:?}, round trip p50 {:?}; PSS {} MiB, private {} MiB; {} after {:?}",
            trips[trips.len() / 2],
            pss >> 10,
            private >> 10,
            ended.exit,
            begun.elapsed()
        );
    }
    let _ = std::fs::remove_dir_all(directory);
}
