//! What a microVM costs, booted and copied from a template, beside QEMU alone with the same command line: `cargo run -p sessile-sandbox
//! --example microvm -- KERNEL_DIRECTORY [COUNT]`, as root. Prints Markdown for docs/benchmarks.md.
//!
//! The four ways take turns. Each start is timed from the call of the driver (from the start of QEMU) to the first answer of `cat`; memory is
//! what the kernel says of all processes of the machine (proportional share), with as many machines of its way alive as COUNT says.
//! `KERNEL_DIRECTORY` is what `sessile microvm setup` made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing, clippy::panic)]

mod bare;

use sessile_sandbox::{
    AcceleratorChoice, Driver, FileView, Limits, MicrovmConfig, ProcessConfig, Sandbox, SandboxId, SandboxSpec,
    TellTemplates, TemplateNews, TemplateTold, microvm_driver, process_driver,
};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
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
        cwd: "/tmp".into(),
        files,
        limits: Limits { memory: Some(256 << 20), pids: Some(64), disk: Some(16 << 20), ..Limits::default() },
        hostname: "bench".into(),
        start_timeout: Duration::from_secs(60),
        ..SandboxSpec::new(SandboxId::new(format!("bench-{number}")).unwrap(), vec!["/usr/bin/cat".into()])
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

/// A machine whose server has answered, whoever started it.
enum Machine {
    Session(Sandbox, Pipe, Pipe),
    Bare(bare::Bare),
}

type Pipe = std::fs::File;

impl Machine {
    fn pid(&self) -> i32 {
        match self {
            Self::Session(sandbox, ..) => sandbox.pid(),
            Self::Bare(bare) => i32::try_from(bare.child.id()).unwrap(),
        }
    }

    fn trip(&mut self) -> Duration {
        match self {
            Self::Session(_, stdin, stdout) => {
                let begun = Instant::now();
                ask(stdin, stdout);
                begun.elapsed()
            }
            Self::Bare(bare) => bare.trip(),
        }
    }
}

fn ask(stdin: &mut Pipe, stdout: &mut Pipe) {
    let mut answer = [0; 6];
    stdin.write_all(b"hello\n").unwrap();
    stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello\n");
}

/// Starts a session, up to its first answer.
async fn session(driver: &impl Driver, number: usize) -> (Machine, Duration) {
    let begun = Instant::now();
    let mut sandbox = driver.start(spec(number)).await.unwrap_or_else(|error| panic!("{error}"));
    let pipes = sandbox.take_pipes().unwrap();
    for pipe in [&pipes.stdin, &pipes.stdout] {
        rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::empty()).unwrap();
    }
    let (mut stdin, mut stdout) = (Pipe::from(pipes.stdin), Pipe::from(pipes.stdout));
    ask(&mut stdin, &mut stdout);
    let took = begun.elapsed();
    (Machine::Session(sandbox, stdin, stdout), took)
}

/// The process id and the command line of the monitor of a session.
fn monitor(machine: &Machine) -> (i32, Vec<String>) {
    let mut below = vec![machine.pid()];
    while let Some(pid) = below.pop() {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> =
            line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        if words[0].contains("qemu") {
            return (pid, words[..words.len() - 1].to_vec());
        }
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        below.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    panic!("a session has a monitor");
}

/// What was measured of one way to a machine.
#[derive(Default)]
struct Way {
    name: &'static str,
    answered: Vec<Duration>,
    trips: Vec<Duration>,
    /// KiB of each, with all of them alive: proportional share, private.
    memory: Vec<(u64, u64)>,
}

fn median<T: Copy + Ord>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Way {
    fn print(&self) {
        let (least, most) = (self.answered.iter().min().unwrap(), self.answered.iter().max().unwrap());
        let of = |part: fn(&(u64, u64)) -> u64| median(&self.memory.iter().map(part).collect::<Vec<_>>()) >> 10;
        println!(
            "| {} | {:.0} ms ({:.0}–{:.0}) | {:.2} ms | {} MiB | {} MiB |",
            self.name,
            millis(median(&self.answered)),
            millis(*least),
            millis(*most),
            millis(median(&self.trips)),
            of(|known| known.0),
            of(|known| known.1),
        );
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let kernel = arguments.next().expect("the kernel's directory");
    let count: usize = arguments.next().map_or(8, |count| count.parse().expect("a number"));
    let directory = std::env::temp_dir().join(format!("sessile-microvm-{}", std::process::id()));
    let made = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&made);
    let is_made = move |told: &TemplateTold<'_>| tell.store(matches!(told.news, TemplateNews::Made { .. }), Relaxed);
    let config = |template_memory, tell_templates| MicrovmConfig {
        directory: directory.clone(),
        kernel: kernel.clone().into(),
        accelerator: AcceleratorChoice::Auto,
        template_memory,
        tell_templates,
    };
    let walls = || Arc::new(process_driver(ProcessConfig::default()).unwrap());
    let boots =
        microvm_driver(config(0, TellTemplates::default()), walls()).await.unwrap_or_else(|error| panic!("{error}"));
    let copies = microvm_driver(config(1 << 30, TellTemplates::new(is_made)), walls()).await.unwrap();
    copies.prepare(spec(0)).await;
    while !made.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let template = bare::template().expect("the template that was just made");
    let machine = boots.capabilities().of(sessile_sandbox::Feature::Machine).unwrap().to_string();

    // One of each way lives on, for QEMU alone to be given the same parts.
    let (booted, _) = session(&boots, 0).await;
    let (copied, _) = session(&copies, 1).await;
    let ((boot_pid, boot_line), (copy_pid, copy_line)) = (monitor(&booted), monitor(&copied));
    assert!(copy_line.iter().any(|word| word == "-incoming"));
    let parts = |pid: i32| format!("/proc/{pid}/root");

    let names = ["booted by Sessile", "booted by QEMU alone", "template, Sessile", "template, QEMU alone"];
    let mut ways = names.map(|name| Way { name, ..Way::default() });
    let mut alive: [Vec<Machine>; 4] = Default::default();
    let mut steps = Vec::new();
    for round in 0..count {
        for at in 0..ways.len() {
            let (machine, took) = match at {
                0 => session(&boots, 2 * round + 2).await,
                2 => session(&copies, 2 * round + 3).await,
                _ => {
                    let (line, parts) =
                        if at == 1 { (&boot_line, parts(boot_pid)) } else { (&copy_line, parts(copy_pid)) };
                    let bare = bare::start(line, &parts, (at == 3).then_some(&template));
                    let reached = bare.steps;
                    if at == 3 {
                        steps.push(reached);
                    }
                    (Machine::Bare(bare), reached.answered)
                }
            };
            ways[at].answered.push(took);
            alive[at].push(machine);
        }
    }
    for (way, machines) in ways.iter_mut().zip(&mut alive) {
        for machine in machines.iter_mut() {
            way.trips.push(median(&(0..100).map(|_| machine.trip()).collect::<Vec<_>>()));
        }
        way.memory = machines.iter().map(|machine| memory(machine.pid())).collect();
    }
    println!("{machine}; machines of 256 MiB, {count} of each way, all alive when memory is counted\n");
    println!("| | first answer, p50 (range) | round trip, p50 | memory (PSS) | of it private |");
    println!("| --- | --- | --- | --- | --- |");
    ways.iter().for_each(Way::print);
    let ratio = |of: usize, to: usize| millis(median(&ways[of].answered)) / millis(median(&ways[to].answered));
    println!("\nSessile against QEMU alone: {:.2} × booted, {:.2} × from a template;", ratio(0, 1), ratio(2, 3));
    println!("a template against a boot: {:.2} ×.", ratio(2, 0));
    let step = |part: fn(&bare::Steps) -> Duration| millis(median(&steps.iter().map(part).collect::<Vec<_>>()));
    println!(
        "QEMU alone, from a template: it runs after {:.0} ms, is another machine after {:.0} ms, answers after {:.0} ms.",
        step(|steps| steps.runs),
        step(|steps| steps.renewed),
        step(|steps| steps.answered)
    );
    drop((alive, booted, copied));
    let _ = std::fs::remove_dir_all(&directory);
}
