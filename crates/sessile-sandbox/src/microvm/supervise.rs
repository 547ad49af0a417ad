//! Watching over a machine until it has ended, and saying how.

use super::boot::{self, Machine};
use super::qmp::Qmp;
use super::streams::{Report, Streams};
use super::wire::WireError;
use crate::sandbox::{Grip, Running};
use crate::{BoxFuture, Ended, Exec, ExecError, ExecSpec, Exit, Sandbox, SandboxId, StartError, Usage};
use sessile_link::{ServerEnd, ToInit};
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

/// What the handle and the watch over its machine share.
struct Control {
    monitor: Sandbox,
    /// One word is enough: a server is asked to end once.
    terminate: mpsc::Sender<()>,
    killed: AtomicBool,
}

impl Grip for Control {
    fn close_stdin(&self) {} // nobody but the runtime holds a copy

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

    fn exec(&self, _: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        Box::pin(async { Err(ExecError::InMachine) })
    }
}

/// What a machine uses of the host. Threads of its monitor are no processes of the server's, which nobody outside can count.
fn of_the_machine(usage: Usage) -> Usage {
    Usage { pids: None, out_of_memory_kills: None, ..usage }
}

/// Begins to watch over `machine`, in which the server runs, and gives out its handle.
pub(super) fn watch_over(
    machine: Machine,
    id: SandboxId,
    memory: u64,
    notes: Vec<String>,
) -> Result<Sandbox, StartError> {
    let Machine { monitor, control: qmp, wire, .. } = machine;
    let (streams, pipes) = Streams::over(wire).map_err(StartError::host("make the server's pipes"))?;
    let pid = monitor.pid();
    let (terminate, asked) = mpsc::channel(1);
    let control = Arc::new(Control { monitor, terminate, killed: AtomicBool::new(false) });
    let (say_ended, ended) = watch::channel(None);
    let watch = Watch { control: Arc::clone(&control), qmp, streams, asked, memory };
    // It ends by itself soon after the machine does.
    tokio::spawn(async move {
        let (ended, streams) = watch.until_gone().await;
        let _ = say_ended.send(Some(ended));
        let _ = timeout(AFTERWARDS, streams.finish()).await;
    });
    Ok(Sandbox::new(Running { id, pid, notes, pipes, egress: None, grip: control, ended }))
}

/// The watch over one machine.
struct Watch {
    control: Arc<Control>,
    qmp: Qmp,
    streams: Streams,
    asked: mpsc::Receiver<()>,
    /// Of the machine, in bytes.
    memory: u64,
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
    async fn until_gone(mut self) -> (Ended, Streams) {
        let mut gone = Box::pin(self.control.monitor.ended());
        let mut monitor = None;
        let over = loop {
            tokio::select! {
                over = self.streams.carry() => break match over {
                    Ok(report) => Over::Reported(report),
                    // The machine went, and its link first.
                    Err(WireError::Closed) => Over::Gone,
                    Err(error) => Over::Link(error),
                },
                Some(()) = self.asked.recv() => {
                    if let Err(error) = self.streams.say(&ToInit::Terminate) {
                        break Over::Link(error);
                    }
                }
                stopped = self.qmp.stopped() => break if stopped.is_ok() { Over::Stopped } else { Over::Gone },
                ended = &mut gone => {
                    monitor = Some(ended);
                    break Over::Gone;
                }
            }
        };
        let killed = self.control.killed.load(Ordering::Relaxed);
        if let (false, Some(words)) = (killed, self.explain(&over).await) {
            self.streams.add_to_stderr(&format!("sessile: {words}\n"));
        }
        if !matches!(over, Over::Gone) {
            self.control.monitor.kill();
        }
        let monitor = match monitor {
            Some(ended) => ended,
            None => gone.await,
        };
        (self.judge(&over, killed, &monitor), self.streams)
    }

    /// What the operator cannot guess.
    async fn explain(&mut self, over: &Over) -> Option<String> {
        match over {
            Over::Stopped => {
                let words = timeout(LAST_WORDS, boot::last_words(&mut self.qmp)).await.ok().flatten();
                Some(format!("the guest's kernel ended: {}", words.unwrap_or_default()))
            }
            Over::Link(error) => Some(error.to_string()),
            Over::Reported(_) | Over::Gone => None,
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
