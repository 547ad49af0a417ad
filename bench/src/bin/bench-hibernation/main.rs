//! What sessions on the disk cost, and how long they take to wake: Markdown for docs/benchmarks.md on standard output. `bench/hibernation`
//! builds and runs it.
//!
//! Sessions are opened in waves, a few machines at a time, and written to the disk by command; some are woken one after the other, each
//! time beside a bare QEMU that takes in the same state, and then many at once. Every answer is checked: a session that had been woken twice,
//! or half, would not count on.

mod bare;
mod node;
mod page;

use anyhow::{Context, bail, ensure};
use bare::Bare;
use clap::Parser;
use node::{Node, resident_kib};
use page::Figures;
use sessile_bench::measure::say;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Measures hibernation with real machines
#[derive(Parser)]
struct Args {
    /// Directory with `sessile` and `fixture-counter`
    #[arg(long)]
    programs: PathBuf,
    /// Sessions to write to the disk
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    /// Machines that boot at a time
    #[arg(long, default_value_t = 2)]
    wave: usize,
    /// Sessions to wake one after the other
    #[arg(long, default_value_t = 40)]
    one_by_one: usize,
    /// Sessions to wake at once
    #[arg(long, default_value_t = 50)]
    at_once: usize,
    /// Memory of a machine, in MiB
    #[arg(long, default_value_t = 128)]
    memory: u64,
    /// A variable of the node's environment; the bare QEMU does not have it
    #[arg(long, value_name = "NAME=VALUE")]
    node_env: Vec<String>,
}

/// A session that the run has opened: its number is the key that names it.
struct Opened {
    number: usize,
    /// What it must answer next.
    count: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    ensure!(args.one_by_one.max(args.at_once) <= args.sessions, "there are fewer sessions than are to be woken");
    let scratch = tempfile::tempdir()?;
    let node = Node::start(&args.programs, scratch.path(), args.memory, &args.node_env).await?;
    let outcome = measure(&args, &node, scratch.path()).await;
    node.end().await;
    std::io::stdout().write_all(outcome?.to_string().as_bytes())?;
    Ok(())
}

async fn measure(args: &Args, node: &Node, scratch: &std::path::Path) -> anyhow::Result<Figures> {
    // What the first ones need is not counted for the others.
    let mut sessions = Vec::new();
    let (mut bare, mut first) = (None, String::new());
    let mut resident = Vec::new();
    let mut writing = Vec::new();
    while sessions.len() < args.sessions {
        let now = args.wave.min(args.sessions - sessions.len());
        let wave = open(node, sessions.len(), now).await?;
        if bare.is_none() {
            let name = wave.first().context("nothing was opened")?;
            bare = Some(Bare::copy(scratch, name)?);
            first = name.clone();
        }
        for name in &wave {
            let began = Instant::now();
            node.hibernate(name).await?;
            writing.push(began.elapsed());
        }
        sessions.extend((sessions.len()..).take(now).map(|number| Opened { number, count: 1 }));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let kib = resident_kib(node.pid())?;
        resident.push((sessions.len(), kib));
        say(format_args!("{} of {} sessions are on the disk, the node has {kib} KiB", sessions.len(), args.sessions));
    }
    let disk = node.files()?;
    ensure!(disk.len() == sessions.len(), "{} files of {} sessions", disk.len(), sessions.len());
    let mut bare = bare.context("there are no sessions")?;
    let unsealing = bare.take_state(node, &first)?;

    let (mut waking, mut floor) = (Vec::new(), Vec::new());
    for session in sessions.iter_mut().take(args.one_by_one) {
        waking.push(wake(node, session).await?);
        for name in node.running().await? {
            node.hibernate(&name).await?;
        }
        floor.push(bare.restore().await?);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    say(format_args!("{} were woken one after the other", waking.len()));

    let before = node.wakes().await?;
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for mut session in sessions.drain(..).take(args.at_once) {
        let node = node.clone();
        under_way.spawn(async move { wake(&node, &mut session).await });
    }
    let mut together = Vec::new();
    while let Some(woken) = under_way.join_next().await {
        together.push(woken??);
    }
    let all = began.elapsed();
    let woken = node.wakes().await? - before;
    node.stop_all().await?;
    ensure!(woken == args.at_once as u64, "{woken} wakes of {} sessions", args.at_once);
    Ok(Figures { memory_mib: args.memory, resident, disk, writing, waking, floor, unsealing, together, all })
}

/// Opens `count` sessions at once, lets each count to 1, and says what the node calls them.
async fn open(node: &Node, from: usize, count: usize) -> anyhow::Result<Vec<String>> {
    let mut under_way = JoinSet::new();
    for number in from..from + count {
        let node = node.clone();
        under_way.spawn(async move { node.increment(number).await });
    }
    while let Some(counted) = under_way.join_next().await {
        ensure!(counted?? == 1, "a new session does not count from the beginning");
    }
    // Those before are on the disk.
    let running = node.running().await?;
    ensure!(running.len() == count, "{} sessions run, not {count}", running.len());
    Ok(running)
}

/// Wakes a session with a request, and says how long its answer took.
async fn wake(node: &Node, session: &mut Opened) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let count = node.increment(session.number).await?;
    let took = began.elapsed();
    session.count += 1;
    if count != session.count {
        bail!("session {} was woken as another one: it counts {count}, not {}", session.number, session.count);
    }
    Ok(took)
}
