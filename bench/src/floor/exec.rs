//! Processes that start and end, nothing else.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::UnshareFlags;

use super::tiny_elf;
use crate::measure::{Sample, Stop};

/// How the process is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spawn {
    /// Clone and exec, as `posix_spawn` does it.
    Plain,
    /// The same with new user, mount, PID, network, IPC and UTS namespaces: what the kernel asks for a
    /// sandbox before anybody has put anything into it.
    Namespaces,
}

/// Starts a program that does nothing and waits for its end, over and over on `concurrency` threads.
/// A unit of work is one process.
///
/// # Errors
/// When the program cannot be written or started, such as where namespaces are forbidden.
pub async fn exec_churn(how: Spawn, concurrency: usize, duration: Duration, stop: &Stop) -> anyhow::Result<Sample> {
    let folder = tempfile::tempdir()?;
    let program = tiny_elf::write(folder.path())?;
    let begin = Instant::now();
    let mut threads = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (program, stop) = (program.clone(), stop.clone());
        threads.spawn_blocking(move || -> io::Result<Sample> {
            let mut sample = Sample::default();
            while begin.elapsed() < duration && !stop.is_set() {
                let started = Instant::now();
                one_process(&program, how)?;
                sample.record(started.elapsed());
            }
            sample.elapsed = begin.elapsed();
            Ok(sample)
        });
    }
    let mut all = Sample::default();
    while let Some(done) = threads.join_next().await {
        all.join(&done??);
    }
    Ok(all)
}

fn one_process(program: &Path, how: Spawn) -> io::Result<()> {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env_clear();
    if how == Spawn::Namespaces {
        enter_namespaces(&mut command);
    }
    let status = command.spawn()?.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the empty program ended with {status}"))) }
}

#[allow(unsafe_code)]
fn enter_namespaces(command: &mut Command) {
    let flags = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    // SAFETY: between fork and exec the closure makes one system call and allocates nothing; `unshare`
    // of these flags leaves the memory and the descriptors of the process as they are.
    unsafe {
        command.pre_exec(move || rustix::thread::unshare_unsafe(flags).map_err(io::Error::from));
    }
}
