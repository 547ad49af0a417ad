//! Watching over a machine until it has ended, and saying how.

use super::boot::{self, Machine, Proofs};
use super::control::Control as Monitor;
use super::exec;
use super::keeping::Made;
use super::sleep::{self, Asleep};
use super::wire::{self, Wire, WireError, Word, understood};
use crate::sandbox::{Grip, Running};
use crate::{
    BoxFuture, Ended, Exec, ExecError, ExecSpec, Exit, FreezeError, HibernateError, Sandbox, SandboxId, StateSink,
    Usage,
};
use sessile_link::guest::FromGuest;
use sessile_link::porter::{Errand, FromPorter, Rest};
use sessile_link::streams::Opening;
use sessile_link::{FromInit, Loopback, ServerEnd, ToInit};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// How long the runtime may take to read what a server said last.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// How long a machine's last words may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How long a machine may take to come to rest, and to end that.
const REST: Duration = Duration::from_secs(10);

/// What may be asked of a machine at once.
const ASKS: usize = 8;

/// What is known of a machine.
pub(super) struct About {
    /// What it has, and where the driver keeps what that was made of.
    pub(super) made: Made,
    pub(super) stock: Arc<Path>,
    /// What is less than was asked for.
    pub(super) notes: Vec<String>,
    /// That no two are the same.
    pub(super) proofs: Arc<Proofs>,
    /// How often it was told to be another machine, and has not proved yet that it is.
    pub(super) owed: usize,
}

/// What the handle asks of the watch.
enum Ask {
    /// End the server.
    Terminate,
    /// Write the machine down, with what it is to be woken with beside.
    Hibernate { into: StateSink, beside: PathBuf, answer: oneshot::Sender<Result<String, HibernateError>> },
}

/// Why a machine was not written down, and what has ended it, if anything has.
struct Awake {
    why: HibernateError,
    over: Option<Over>,
}

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
    asks: mpsc::Sender<Ask>,
    killed: AtomicBool,
}

impl Grip for Control {
    fn close_stdin(&self) {
        // What init of the monitor's sandbox holds is what the server reads.
        self.monitor.close_stdin();
    }

    fn terminate(&self) {
        // Once is enough, and what waits before it is enough as well.
        let _ = self.asks.try_send(Ask::Terminate);
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.monitor.kill();
    }

    fn usage(&self) -> Usage {
        of_the_machine(self.monitor.usage())
    }

    fn hibernate(&self, into: StateSink, beside: PathBuf) -> BoxFuture<'static, Result<String, HibernateError>> {
        let (asks, monitor) = (self.asks.clone(), Arc::clone(&self.monitor));
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let asked = asks.send(Ask::Hibernate { into, beside, answer }).await;
            match (asked, answered.await) {
                (Ok(()), Ok(answer)) => answer,
                // Nobody watches over it any more: it is about to be gone.
                (Err(_), _) | (_, Err(_)) => Err(HibernateError::Ended(monitor.ended().await)),
            }
        })
    }

    fn freeze(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        // The machine with its monitor; its clocks go on with the host's.
        self.monitor.freeze()
    }

    fn thaw(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        self.monitor.thaw()
    }

    fn connect(&self, to: Loopback, port: u16) -> BoxFuture<'static, io::Result<OwnedFd>> {
        let monitor = Arc::clone(&self.monitor);
        Box::pin(async move {
            let stream = wire::open(&monitor, Opening::Port { to, port }).await?;
            Ok(stream.into_std()?.into())
        })
    }

    fn exec(&self, spec: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        exec::run(Arc::clone(&self.monitor), spec)
    }
}

/// What a machine uses of the host. Threads of its monitor are no processes of the server's, which nobody outside can count.
fn of_the_machine(usage: Usage) -> Usage {
    Usage { pids: None, out_of_memory_kills: None, ..usage }
}

/// Begins to watch over `machine`, in which the server runs, and gives out its handle.
pub(super) fn watch_over(machine: Machine, id: SandboxId, about: About) -> Sandbox {
    let Machine { mut monitor, pipes, control: qemu, wire, .. } = machine;
    let (pid, egress) = (monitor.pid(), monitor.take_egress());
    let (asks, asked) = mpsc::channel(ASKS);
    let notes = about.notes.clone();
    let control = Arc::new(Control { monitor: Arc::new(monitor), asks, killed: AtomicBool::new(false) });
    let (say_ended, ended) = watch::channel(None);
    let watch = Watch { control: Arc::clone(&control), qemu, wire, asked, about, out_of_memory_kills: 0 };
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
    asked: mpsc::Receiver<Ask>,
    about: About,
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
    /// It was written down.
    Asleep { asleep: String, answer: oneshot::Sender<Result<String, HibernateError>> },
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
                Some(ask) = self.asked.recv() => match ask {
                    Ask::Terminate => if let Err(error) = self.wire.say_to_init(&ToInit::Terminate).await {
                        break Over::Link(error);
                    },
                    Ask::Hibernate { mut into, beside, answer } => match self.write_down(&mut into, &beside).await {
                        Ok(asleep) => break Over::Asleep { asleep, answer },
                        Err(Awake { why, over }) => {
                            // Whoever asked may have given up.
                            let _ = answer.send(Err(why));
                            if let Some(over) = over {
                                break over;
                            }
                        }
                    },
                },
                () = self.qemu.stopped() => break Over::Stopped,
                _ = &mut gone => break Over::Gone,
            }
        };
        let over = if let Over::Gone = over { self.last_word().await } else { over };
        let killed = self.control.killed.load(Ordering::Relaxed);
        if !killed && let Some(words) = self.explain(&over).await {
            // The porter is gone, or says it.
            let _ = self.wire.ask(&Errand::End(format!("sessile: {words}\n"))).await;
        }
        if let Over::Asleep { .. } = over {
            self.control.monitor.kill();
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
        let ended = self.judge(&over, killed, &monitor);
        if let Over::Asleep { asleep, answer } = over {
            let _ = answer.send(Ok(asleep));
        }
        ended
    }

    /// What a machine that is gone had said before, and nobody had heard: its porter says how a server ended, and goes.
    async fn last_word(&mut self) -> Over {
        let report = async {
            loop {
                match self.wire.next().await.and_then(|word| self.hear(word)) {
                    Ok(None) => {}
                    Ok(Some(report)) => return Some(report),
                    Err(_) => return None,
                }
            }
        };
        match timeout(LAST_WORDS, report).await {
            Ok(Some(report)) => Over::Reported(report),
            Ok(None) | Err(_) => Over::Gone,
        }
    }

    /// Has the machine rest and writes it down.
    async fn write_down(&mut self, into: &mut StateSink, beside: &Path) -> Result<String, Awake> {
        let failed = |what: &dyn std::fmt::Display| HibernateError::Failed { what: what.to_string() };
        let rest = match timeout(REST, self.until_it_rests()).await {
            Ok(Ok(rest)) => rest,
            Ok(Err(over)) => {
                let why = match &over {
                    Over::Link(error) => failed(error),
                    _ => failed(&"the machine ended"),
                };
                return Err(Awake { why, over: Some(over) });
            }
            Err(_) => {
                let why = HibernateError::Busy { what: "what its server said is not all read".into() };
                return Err(Awake { why, over: self.go_on().await });
            }
        };
        let asleep = Asleep { made: self.about.made.clone(), rest, notes: self.about.notes.clone() };
        let text = serde_json::to_string(&asleep).map_err(|error| error.to_string());
        let kept = text.and_then(|text| self.about.made.keep(&self.about.stock, beside).map(|()| text));
        let written = match kept {
            Ok(text) => sleep::write_down(&mut self.qemu, into).await.map(|()| text),
            Err(why) => Err(why),
        };
        match written {
            Ok(text) => Ok(text),
            Err(why) => Err(Awake { why: failed(&why), over: self.go_on().await }),
        }
    }

    /// Waits until the machine rests, and everything it said is passed on.
    async fn until_it_rests(&mut self) -> Result<Rest, Over> {
        let over = |error| match error {
            WireError::Closed => Over::Gone,
            error => Over::Link(error),
        };
        let mut is_asked = false;
        loop {
            // A proof that is on its way would end the rest.
            if !is_asked && self.about.owed == 0 {
                self.wire.ask(&Errand::Rest).await.map_err(over)?;
                is_asked = true;
            }
            match self.wire.next().await.map_err(over)? {
                Word::Porter(FromPorter::Rested(rest)) if is_asked => return Ok(rest),
                word => match self.hear(word).map_err(over)? {
                    None => {}
                    Some(report) => return Err(Over::Reported(report)),
                },
            }
        }
    }

    /// Ends the machine's rest. Gives what ended the machine, if that did.
    async fn go_on(&mut self) -> Option<Over> {
        match timeout(REST, self.until_it_goes_on()).await {
            Ok(Ok(None)) => None,
            Ok(Ok(Some(report))) => Some(Over::Reported(report)),
            Ok(Err(WireError::Closed)) => Some(Over::Gone),
            Ok(Err(error)) => Some(Over::Link(error)),
            Err(_) => Some(Over::Link(WireError::Nonsense("it does not end its rest".into()))),
        }
    }

    async fn until_it_goes_on(&mut self) -> Result<Option<Report>, WireError> {
        boot::say_renew(&mut self.wire).await?;
        self.about.owed += 1;
        while self.about.owed > 0 {
            // Also that it rests, which comes late.
            let word = self.wire.next().await?;
            if let Some(report) = self.hear(word)? {
                return Ok(Some(report));
            }
        }
        Ok(None)
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
                FromGuest::Renewed { proof } if self.about.owed > 0 => {
                    if !self.about.proofs.is_new(proof) {
                        return Err(WireError::Nonsense("a proof that another machine has given".into()));
                    }
                    self.about.owed -= 1;
                }
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
            Over::Link(WireError::Broken(_)) | Over::Reported(_) | Over::Gone | Over::Asleep { .. } => None,
            Over::Link(error) => Some(error.to_string()),
        }
    }

    fn judge(&self, over: &Over, killed: bool, monitor: &Ended) -> Ended {
        let usage = of_the_machine(monitor.usage);
        let starved = Exit::OutOfMemory { limit: Some(self.about.made.memory), peak: None };
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
            (Over::Asleep { .. }, _) => Exit::Killed,
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
