//! Watching over a machine until it has ended, and saying how.

use super::boot::{self, Machine};
use super::control::Control as Monitor;
use super::wire::{self, Wire, WireError, Word, understood};
use crate::sandbox::{Grip, Running};
use crate::{BoxFuture, Ended, Exec, ExecError, ExecSpec, Exit, Sandbox, SandboxId, Usage};
use sessile_link::guest::FromGuest;
use sessile_link::porter::{Errand, FromPorter};
use sessile_link::streams::Opening;
use sessile_link::{FromInit, Loopback, ServerEnd, ToInit};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// How long the runtime may take to read what a server said last.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// How long a machine's last words may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How the server in a machine ended, as its init says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Report {
    end: ServerEnd,
    /// Processes that the guest's kernel killed for want of memory.
    out_of_memory_kills: u64,
    /// Processor time that the guest counted.
    cpu: Duration,
}

/// What the handle and the watch over its machine share.
struct Control {
    /// The monitor's sandbox, and the porter's.
    monitor: Arc<Sandbox>,
    /// One word is enough: a server is asked to end once.
    terminate: mpsc::Sender<()>,
    killed: AtomicBool,
}

impl Grip for Control {
    fn close_stdin(&self) {
        // What init of the monitor's sandbox holds is what the server reads.
        self.monitor.close_stdin();
    }

    fn terminate(&self) {
        let _ = self.terminate.try_send(());
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.monitor.kill();
    }

    fn usage(&self) -> Usage {
        of_the_machine(self.monitor.usage())
    }

    fn connect(&self, to: Loopback, port: u16) -> BoxFuture<'static, io::Result<OwnedFd>> {
        let monitor = Arc::clone(&self.monitor);
        Box::pin(async move {
            let stream = wire::open(&monitor, Opening::Port { to, port }).await?;
            Ok(stream.into_std()?.into())
        })
    }

    fn exec(&self, _: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        Box::pin(async { Err(ExecError::InMachine) })
    }
}

/// What a machine uses of the host. Threads of its monitor are no processes of the server's, which nobody outside can count.
fn of_the_machine(usage: Usage) -> Usage {
    Usage { pids: None, out_of_memory_kills: None, ..usage }
}

/// Begins to watch over `machine`, in which the server runs, and gives out its handle.
pub(super) fn watch_over(machine: Machine, id: SandboxId, memory: u64, notes: Vec<String>) -> Sandbox {
    let Machine { mut monitor, pipes, control: qemu, wire, .. } = machine;
    let (pid, egress) = (monitor.pid(), monitor.take_egress());
    let (terminate, asked) = mpsc::channel(1);
    let control = Arc::new(Control { monitor: Arc::new(monitor), terminate, killed: AtomicBool::new(false) });
    let (say_ended, ended) = watch::channel(None);
    let watch = Watch { control: Arc::clone(&control), qemu, wire, asked, memory, out_of_memory_kills: 0 };
    // It ends by itself soon after the machine does.
    tokio::spawn(async move {
        let ended = watch.until_gone().await;
        let _ = say_ended.send(Some(ended));
    });
    Sandbox::new(Running { id, pid, notes, pipes, egress, grip: control, ended })
}

/// The watch over one machine.
struct Watch {
    control: Arc<Control>,
    qemu: Monitor,
    wire: Wire,
    asked: mpsc::Receiver<()>,
    /// Of the machine, in bytes.
    memory: u64,
    out_of_memory_kills: u64,
}

/// What ended a machine.
enum Over {
    /// Its init says how the server ended.
    Reported(Report),
    /// The guest broke the rules of its link, or the link itself broke.
    Link(WireError),
    /// The guest stopped without a word.
    Stopped,
    /// The monitor is gone.
    Gone,
}

impl Watch {
    async fn until_gone(mut self) -> Ended {
        let mut gone = Box::pin(self.control.monitor.ended());
        let over = loop {
            tokio::select! {
                word = self.wire.next() => match word.and_then(|word| self.hear(word)) {
                    Ok(None) => {}
                    Ok(Some(report)) => break Over::Reported(report),
                    // The machine went, and its link first.
                    Err(WireError::Closed) => break Over::Gone,
                    Err(error) => break Over::Link(error),
                },
                Some(()) = self.asked.recv() => {
                    if let Err(error) = self.wire.say_to_init(&ToInit::Terminate).await {
                        break Over::Link(error);
                    }
                }
                () = self.qemu.stopped() => break Over::Stopped,
                _ = &mut gone => break Over::Gone,
            }
        };
        let killed = self.control.killed.load(Ordering::Relaxed);
        if !killed && let Some(words) = self.explain(&over).await {
            // The porter is gone, or says it.
            let _ = self.wire.ask(&Errand::End(format!("sessile: {words}\n"))).await;
        }
        // The porter ends by itself once everything is read, or nobody reads.
        let monitor = &self.control.monitor;
        let monitor = match timeout(AFTERWARDS, monitor.ended()).await {
            Ok(ended) => ended,
            Err(_) => {
                monitor.kill();
                monitor.ended().await
            }
        };
        let killed = self.control.killed.load(Ordering::Relaxed);
        self.judge(&over, killed, &monitor)
    }

    /// Takes in what is said. A report is the end.
    fn hear(&mut self, word: Word) -> Result<Option<Report>, WireError> {
        let late = |what: &dyn std::fmt::Debug| WireError::Nonsense(format!("{what:?} after the start"));
        match word {
            Word::Control(message) => match understood(&message)? {
                FromInit::Exited { end, cpu_us, .. } => {
                    let (cpu, out_of_memory_kills) = (Duration::from_micros(cpu_us), self.out_of_memory_kills);
                    return Ok(Some(Report { end, out_of_memory_kills, cpu }));
                }
                other => return Err(late(&other)),
            },
            Word::Machine(message) => match understood(&message)? {
                FromGuest::OutOfMemory { kills } => self.out_of_memory_kills = kills,
                other => return Err(late(&other)),
            },
            // It has said so on standard error itself.
            Word::Porter(FromPorter::Broken(why)) => return Err(WireError::Broken(why)),
            Word::Porter(FromPorter::Rested(_)) => {}
        }
        Ok(None)
    }

    /// What the operator cannot guess.
    async fn explain(&mut self, over: &Over) -> Option<String> {
        match over {
            Over::Stopped => {
                let words = timeout(LAST_WORDS, boot::last_words(&mut self.qemu)).await.ok().flatten();
                Some(format!("the guest's kernel ended: {}", words.unwrap_or_default()))
            }
            Over::Link(WireError::Broken(_)) | Over::Reported(_) | Over::Gone => None,
            Over::Link(error) => Some(error.to_string()),
        }
    }

    fn judge(&self, over: &Over, killed: bool, monitor: &Ended) -> Ended {
        let usage = of_the_machine(monitor.usage);
        let starved = Exit::OutOfMemory { limit: Some(self.memory), peak: None };
        let exit = match (over, monitor.exit) {
            (Over::Reported(report), _) => match report.end {
                // A server that lost one of its processes may well end of itself, but not in peace.
                ServerEnd::Signal(_) | ServerEnd::Code(1..) if report.out_of_memory_kills > 0 => starved,
                ServerEnd::Code(code) => Exit::Code(code),
                ServerEnd::Signal(signal) => Exit::Signal(signal),
            },
            (_, Exit::OutOfMemory { .. }) => starved,
            _ if killed => Exit::Killed,
            (Over::Stopped | Over::Link(_), _) => Exit::Crashed,
            (Over::Gone, Exit::Killed | Exit::Lost) => Exit::Lost,
            (Over::Gone, Exit::Code(_) | Exit::Signal(_) | Exit::Crashed) => Exit::Crashed,
        };
        let kills = match over {
            Over::Reported(report) => Some(report.out_of_memory_kills),
            _ => None,
        };
        Ended { exit, usage: Usage { out_of_memory_kills: kills, ..usage } }
    }
}
