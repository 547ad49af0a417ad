//! A driver for the tests of those who use drivers: servers are plain child processes, and a sandbox that is "written down" is one that was
//! stopped by a signal and is kept aside. Everything that one does with a driver that hibernates can be done with it, failures included; what
//! a machine is, is not in it. Only with the feature `played`.

use crate::sandbox::{Grip, Running};
use crate::{BoxFuture, Capabilities, Driver, Ended, Exec, ExecError, ExecSpec, Exit, HibernateError, Pipes};
use crate::{Sandbox, SandboxSpec, StartError, StateSink, Usage, WakeError, WrittenDown};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, timeout};

/// Bytes of the state of every sandbox.
const STATE: usize = (1 << 20) + 100_000;
/// The file that is kept beside it, with the name under which it is kept aside.
const BESIDE: &str = "name";
/// Nothing more is said once nothing was for so long.
const SILENCE: Duration = Duration::from_millis(20);

/// The driver. Clones share everything.
#[derive(Clone, Debug)]
pub struct Played {
    capabilities: Arc<Capabilities>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    aside: HashMap<String, Resident>,
    /// How many were begun to be written down, each under a name of its own.
    named: u64,
    hibernated: u64,
    woken: u64,
    refuse_hibernation: Option<HibernateError>,
    refuse_wake: Option<WakeError>,
    wake_takes: Duration,
}

/// A server, whoever talks to it.
#[derive(Debug)]
struct Resident {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

enum Order {
    CloseStdin,
    Signal(Signal),
    Hibernate(StateSink, PathBuf, oneshot::Sender<Result<String, HibernateError>>),
}

struct Strings {
    orders: mpsc::UnboundedSender<Order>,
}

impl Default for Played {
    fn default() -> Self {
        let capabilities = Arc::new(Capabilities { driver: "played", rows: Vec::new() });
        Self { capabilities, shared: Arc::default() }
    }
}

impl Played {
    /// Lets the next attempt to write a sandbox down end so; the sandbox goes on.
    pub fn refuse_hibernation(&self, error: HibernateError) {
        self.shared.lock().refuse_hibernation = Some(error);
    }

    /// Lets the next attempt to wake a sandbox end so.
    pub fn refuse_wake(&self, error: WakeError) {
        self.shared.lock().refuse_wake = Some(error);
    }

    /// Lets waking take so long.
    pub fn delay_wakes(&self, by: Duration) {
        self.shared.lock().wake_takes = by;
    }

    /// How many sandboxes were written down, and woken.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.shared.lock();
        (inner.hibernated, inner.woken)
    }

    fn run(&self, spec: &SandboxSpec, resident: Resident) -> Result<Sandbox, StartError> {
        let host = |error: io::Error| StartError::host("play a sandbox")(error);
        let pid = resident.child.id().map_or(0, u32::cast_signed);
        let (from_runtime, stdin) = pipe().map_err(host)?;
        let (stdout, to_runtime) = pipe().map_err(host)?;
        let (stderr, to_log) = pipe().map_err(host)?;
        let ends = Ends {
            input: Some(pipe::Receiver::from_owned_fd(from_runtime).map_err(host)?),
            output: pipe::Sender::from_owned_fd(to_runtime).map_err(host)?,
            log: pipe::Sender::from_owned_fd(to_log).map_err(host)?,
        };
        let (orders, given) = mpsc::unbounded_channel();
        let (say_ended, ended) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let exit = play(resident, ends, given, shared).await;
            let _ = say_ended.send(Some(Ended { exit, usage: Usage::default() }));
        });
        let pipes = Pipes { stdin, stdout, stderr };
        let (id, notes, grip) = (spec.id.clone(), Vec::new(), Arc::new(Strings { orders }));
        Ok(Sandbox::new(Running { id, pid, notes, pipes, egress: None, grip, ended }))
    }

    async fn wake_one(&self, spec: SandboxSpec, written: WrittenDown) -> Result<Sandbox, WakeError> {
        let WrittenDown { asleep, mut state, beside } = written;
        let (refused, takes) = {
            let mut inner = self.shared.lock();
            (inner.refuse_wake.take(), inner.wake_takes)
        };
        tokio::time::sleep(takes).await;
        if let Some(error) = refused {
            return Err(error);
        }
        let mut read = Vec::new();
        let damaged = |what: String| WakeError::Damaged { what };
        state.read_to_end(&mut read).await.map_err(|error| damaged(error.to_string()))?;
        let kept = std::fs::read_to_string(beside.join(BESIDE)).map_err(|error| damaged(error.to_string()))?;
        if read != pattern(&asleep) || kept != asleep {
            return Err(damaged("it is not what was written".to_owned()));
        }
        let resident = self.shared.lock().aside.remove(&asleep);
        let resident = resident.ok_or_else(|| damaged("it was woken before".to_owned()))?;
        self.shared.lock().woken += 1;
        signal(&resident.child, Signal::CONT);
        Ok(self.run(&spec, resident)?)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Played {
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(async move {
            let (program, arguments) =
                spec.command.split_first().ok_or(StartError::InvalidSpec { what: "no command".to_owned() })?;
            let mut command = Command::new(program);
            command.args(arguments).env_clear().envs(spec.env.iter().cloned()).kill_on_drop(true);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().map_err(StartError::host("start the server"))?;
            let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
                return Err(StartError::InvalidSpec { what: "no pipes".to_owned() });
            };
            let stdin = child.stdin.take();
            self.run(&spec, Resident { child, stdin, stdout, stderr })
        })
    }

    fn hibernates(&self) -> bool {
        true
    }

    fn wake(&self, spec: SandboxSpec, written: WrittenDown) -> BoxFuture<'_, Result<Sandbox, WakeError>> {
        Box::pin(self.wake_one(spec, written))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

impl Grip for Strings {
    fn close_stdin(&self) {
        let _ = self.orders.send(Order::CloseStdin);
    }

    fn terminate(&self) {
        let _ = self.orders.send(Order::Signal(Signal::TERM));
    }

    fn kill(&self) {
        let _ = self.orders.send(Order::Signal(Signal::KILL));
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn exec(&self, _spec: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        Box::pin(std::future::ready(Err(ExecError::Ended)))
    }

    fn hibernate(&self, into: StateSink, beside: PathBuf) -> BoxFuture<'static, Result<String, HibernateError>> {
        let (tell, told) = oneshot::channel();
        let _ = self.orders.send(Order::Hibernate(into, beside, tell));
        let gone = || HibernateError::Failed { what: "nobody is there".to_owned() };
        Box::pin(async move { told.await.map_err(|_| gone())? })
    }
}

/// The other ends of a sandbox's pipes.
struct Ends {
    input: Option<pipe::Receiver>,
    output: pipe::Sender,
    log: pipe::Sender,
}

/// One life of a sandbox, to its end or until it is put aside.
async fn play(
    mut resident: Resident,
    mut ends: Ends,
    mut orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
) -> Exit {
    let (mut said, mut logged, mut asked) = (vec![0; 16384], vec![0; 4096], vec![0; 16384]);
    let mut hears = true;
    loop {
        tokio::select! {
            length = read(&mut ends.input, &mut asked) => match (length, &mut resident.stdin) {
                (0, _) => (ends.input, resident.stdin) = (None, None),
                (length, Some(stdin)) => drop(stdin.write_all(asked.get(..length).unwrap_or_default()).await),
                _ => {}
            },
            length = resident.stdout.read(&mut said), if hears => match length {
                Ok(length @ 1..) => drop(ends.output.write_all(said.get(..length).unwrap_or_default()).await),
                _ => hears = false,
            },
            Ok(length @ 1..) = resident.stderr.read(&mut logged) => {
                drop(ends.log.write_all(logged.get(..length).unwrap_or_default()).await);
            }
            status = resident.child.wait() => {
                while let Ok(length @ 1..) = resident.stdout.read(&mut said).await {
                    drop(ends.output.write_all(said.get(..length).unwrap_or_default()).await);
                }
                let status = status.ok();
                let signal = status.and_then(|status| status.signal());
                return signal.map_or_else(|| Exit::Code(status.and_then(|status| status.code()).unwrap_or(0)), Exit::Signal);
            }
            order = orders.recv() => match order {
                Some(Order::CloseStdin) => (ends.input, resident.stdin) = (None, None),
                Some(Order::Signal(which)) => signal(&resident.child, which),
                Some(Order::Hibernate(sink, beside, tell)) => {
                    let refused = shared.lock().refuse_hibernation.take();
                    if let Some(error) = refused {
                        let _ = tell.send(Err(error));
                        continue;
                    }
                    signal(&resident.child, Signal::STOP);
                    while let Ok(Ok(length @ 1..)) = timeout(SILENCE, resident.stdout.read(&mut said)).await {
                        drop(ends.output.write_all(said.get(..length).unwrap_or_default()).await);
                    }
                    match write(sink, &beside, &shared).await {
                        Ok(name) => {
                            let mut inner = shared.lock();
                            inner.aside.insert(name.clone(), resident);
                            inner.hibernated += 1;
                            drop(inner);
                            drop(ends);
                            let _ = tell.send(Ok(name));
                            return Exit::Killed;
                        }
                        Err(error) => {
                            signal(&resident.child, Signal::CONT);
                            let _ = tell.send(Err(HibernateError::Failed { what: error.to_string() }));
                        }
                    }
                }
                None => return Exit::Lost,
            },
        }
    }
}

async fn write(mut sink: StateSink, beside: &Path, shared: &Shared) -> io::Result<String> {
    let name = {
        let mut inner = shared.lock();
        inner.named += 1;
        format!("number {}", inner.named)
    };
    std::fs::create_dir(beside)?;
    std::fs::write(beside.join(BESIDE), &name)?;
    sink.write_all(&pattern(&name)).await?;
    sink.shutdown().await?;
    Ok(name)
}

async fn read(input: &mut Option<pipe::Receiver>, buffer: &mut [u8]) -> usize {
    match input {
        Some(input) => input.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// The state of the sandbox called `name`: nothing that could be another one's.
fn pattern(name: &str) -> Vec<u8> {
    let mut state = name
        .bytes()
        .fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(STATE).collect()
}

fn signal(child: &Child, which: Signal) {
    if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        let _ = kill_process(pid, which);
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}
