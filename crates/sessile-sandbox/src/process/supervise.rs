//! Watching a sandbox until it has ended, and clearing up after it.

use crate::cgroup::Group;
use crate::process::answers::receive;
use crate::process::asking::{Asking, gone};
use crate::process::exec::Entrance;
use crate::process::freeze::Frost;
use crate::process::init_process::InitProcess;
use crate::process::launch::Launched;
use crate::process::node::Node;
use crate::process::rendezvous::Place;
use crate::sandbox::{Grip, Running};
use crate::{BoxFuture, Ended, Exec, ExecError, ExecSpec, Exit, FreezeError, Sandbox, SandboxId, StartError, Usage};
use crate::{process_tree, readiness};
use rustix::net::SendFlags;
use rustix::process::{Signal, pidfd_send_signal};
use sessile_link::{FromInit, Inbox, Loopback, ServerEnd, ToInit};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// What the handle and the watch over its sandbox share.
struct Control {
    pid: i32,
    pidfd: OwnedFd,
    link: BlockingStream,
    asking: Asking,
    group: Arc<Group>,
    entrance: Entrance,
    /// Whether the driver killed it: then no report is no surprise.
    killed: AtomicBool,
    frost: Arc<Frost>,
}

impl Control {
    /// Says something to init. The link's buffer holds thousands of such messages; if it is full, init is no longer there to
    /// listen, and this is `false`.
    fn say(&self, message: &ToInit) -> bool {
        let mut bytes = Vec::new();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sessile_link::control::encode(message, &mut bytes).is_ok()
            && rustix::net::send(&self.link, &bytes, flags).is_ok_and(|sent| sent == bytes.len())
    }
}

impl Grip for Control {
    fn close_stdin(&self) {
        self.say(&ToInit::CloseStdin);
    }

    fn terminate(&self) {
        self.say(&ToInit::Terminate);
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        self.frost.killed(&self.group);
    }

    fn usage(&self) -> Usage {
        if self.group.is_empty() { process_tree::usage(self.pid) } else { self.group.usage() }
    }

    fn connect(&self, to: Loopback, port: u16) -> BoxFuture<'static, io::Result<OwnedFd>> {
        let answer = self.asking.ask().and_then(|(id, answer)| {
            if self.say(&ToInit::Connect { id, to, port }) {
                return Ok(answer);
            }
            self.asking.unsent(id);
            Err(gone())
        });
        Box::pin(async { answer?.await.map_err(|_| gone())? })
    }

    fn exec(&self, spec: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        self.entrance.run(self.pidfd.try_clone(), Arc::clone(&self.group), spec)
    }

    fn freeze(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        self.frost.freeze(&self.group)
    }

    fn thaw(&self) -> BoxFuture<'static, Result<(), FreezeError>> {
        self.frost.thaw(&self.group)
    }
}

/// The link as the watch reads it.
struct Ear {
    link: UnixStream,
    inbox: Inbox<FromInit>,
    /// Sockets whose messages have not been read yet.
    sockets: VecDeque<OwnedFd>,
    control: Arc<Control>,
    /// How the server ended, once init has said so.
    end: Option<ServerEnd>,
    /// What init counted, for where no cgroup does.
    counted: Usage,
}

impl Ear {
    /// Takes in what is there. `false` once there will be no more.
    fn hear(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.link.try_io(Interest::READABLE, || receive(&self.link, &mut bytes, &mut self.sockets)) {
                Ok(0) => return false,
                Ok(count) => self.inbox.push(bytes.get(..count).unwrap_or_default()),
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
            loop {
                match self.inbox.next() {
                    Ok(Some(FromInit::Exited { end, cpu_us, peak_rss })) => {
                        self.end = Some(end);
                        self.counted.cpu = Duration::from_micros(cpu_us);
                        self.counted.memory_peak = Some(peak_rss);
                    }
                    Ok(Some(FromInit::Connected { id, errno })) => {
                        let socket = if errno == 0 { self.sockets.pop_front() } else { None };
                        self.control.asking.answered(id, errno, socket);
                    }
                    Ok(Some(FromInit::Started { .. } | FromInit::Refused(_) | FromInit::Adopted { .. })) => {}
                    Ok(None) => break,
                    Err(_) => return false, // init does not babble; something else speaks, and nobody listens any more
                }
            }
        }
    }
}

/// Begins to watch over `launched`, and gives out its handle.
pub(crate) fn watch_over(
    launched: Launched,
    id: SandboxId,
    memory_limit: Option<u64>,
    mut notes: Vec<String>,
) -> Result<Sandbox, StartError> {
    let Launched { process, link, inbox, pipes, egress, notes: more, entrance, group, place, node, .. } = launched;
    notes.extend(more.iter().map(ToString::to_string));
    let pid = process.pid();
    let host = StartError::host;
    let control = Arc::new(Control {
        pid,
        pidfd: process.handle().map_err(host("watch the sandbox"))?,
        link: link.try_clone().map_err(host("watch the link"))?,
        asking: Asking::default(),
        group,
        entrance,
        killed: AtomicBool::new(false),
        frost: Arc::default(),
    });
    link.set_nonblocking(true).map_err(host("watch the link"))?;
    let link = UnixStream::from_std(link).map_err(host("watch the link"))?;
    let (sockets, ears) = (VecDeque::new(), Arc::clone(&control));
    let ear = Ear { link, inbox, sockets, control: ears, end: None, counted: Usage::default() };
    let process = readiness::watch(process).map_err(host("watch the sandbox"))?;
    let (say_ended, ended) = watch::channel(None);
    let watch = Watch { process, control: Arc::clone(&control), ear, memory_limit, _place: place, _node: node };
    // It ends by itself soon after the sandbox does. If the tokio runtime goes first, dropping it clears up all the same.
    tokio::spawn(async move {
        let ended = watch.until_gone().await;
        let _ = say_ended.send(Some(ended));
    });
    Ok(Sandbox::new(Running { id, pid, notes, pipes, egress, grip: control, ended }))
}

/// The watch over one sandbox.
struct Watch {
    process: AsyncFd<InitProcess>,
    control: Arc<Control>,
    ear: Ear,
    memory_limit: Option<u64>,
    /// Nobody finds it any more when it is gone.
    _place: Option<Place>,
    /// The node's cgroups stay until the last sandbox's are gone.
    _node: Arc<Node>,
}

impl Watch {
    async fn until_gone(mut self) -> Ended {
        let mut listening = true;
        loop {
            tokio::select! {
                gone = self.process.readable() => {
                    drop(gone);
                    break;
                }
                ready = self.ear.link.readable(), if listening => {
                    listening = ready.is_ok() && self.ear.hear();
                    if !listening {
                        self.control.asking.end();
                    }
                }
            }
        }
        // Init's last word may have come together with its end.
        self.ear.hear();
        self.control.asking.end();
        self.process.get_mut().reap();
        let ended = self.judge();
        let group = Arc::clone(&self.control.group);
        let _ = tokio::task::spawn_blocking(move || group.remove()).await;
        ended
    }

    /// How it ended, from what init said, what the driver did, and what the kernel counted.
    fn judge(&self) -> Ended {
        let control = &self.control;
        let usage = if control.group.is_empty() { self.ear.counted } else { control.group.usage() };
        let starved = usage.out_of_memory_kills.is_some_and(|kills| kills > 0);
        let out_of_memory = Exit::OutOfMemory { limit: self.memory_limit, peak: usage.memory_peak };
        let exit = match self.ear.end {
            // A server that lost one of its processes may well end of itself, but not in peace.
            Some(ServerEnd::Signal(_) | ServerEnd::Code(1..)) if starved => out_of_memory,
            Some(ServerEnd::Code(code)) => Exit::Code(code),
            Some(ServerEnd::Signal(signal)) => Exit::Signal(signal),
            None if starved => out_of_memory,
            None if control.killed.load(Ordering::Relaxed) => Exit::Killed,
            None => Exit::Lost,
        };
        Ended { exit, usage }
    }
}
