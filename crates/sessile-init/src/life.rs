//! Init's life: take the order, build, start, then watch until the server or the patience for a lost runtime ends.

use crate::clock::{self, timespec};
use crate::link::{Heard, Link};
use crate::root::Built;
use crate::server::Server;
use crate::{memory, network, privileges, root, seccomp, server, signals};
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sessile_link::{FromInit, Note, Protection, Refusal, ServerEnd, StartOrder, ToInit};

/// Runs one sandbox. The exit code means nothing to anybody: the report goes over the link.
pub(crate) fn run() -> i32 {
    let mut link = Link::<ToInit>::inherited();
    let Heard::Message(ToInit::Start(order)) = link.wait() else {
        return 1; // the runtime went away before it said what it wants
    };
    match begin(&order) {
        Ok(begun) => {
            let patience = Duration::from_millis(order.orphan_grace_ms);
            drop(order);
            watch(&mut link, begun, patience)
        }
        Err(refusal) => {
            let _ = link.say(&FromInit::Refused(refusal), &[]);
            1
        }
    }
}

/// A sandbox whose server runs.
pub(crate) struct Begun {
    pub(crate) server: Server,
    pub(crate) signals: OwnedFd,
    pub(crate) built: Built,
    /// What listens for the gate, until it is handed over.
    pub(crate) gate: Option<OwnedFd>,
}

/// Everything up to the server running and init being nobody.
pub(crate) fn begin(order: &StartOrder) -> Result<Begun, Refusal> {
    let kernel =
        |what: &'static str| move |errno: Errno| Refusal::Kernel { what: what.into(), errno: errno.raw_os_error() };
    let signals = signals::as_descriptor().map_err(kernel("take signals"))?;
    rustix::process::umask(rustix::fs::Mode::empty());
    if order.keeps(Protection::OwnHostname) {
        rustix::system::sethostname(order.hostname.as_bytes()).map_err(kernel("set the host name"))?;
    }
    if order.loopback {
        network::raise_loopback().map_err(kernel("bring up the loopback interface"))?;
    }
    let gate = order.gate.then(network::listen_for_gate).transpose().map_err(kernel("listen for the gate"))?;
    let hidden = if order.keeps(Protection::OwnCgroup) { privileges::hide_cgroup() } else { Ok(()) };
    let mut built = root::build(order)?;
    // That gives nothing away but the sandbox's id: no reason not to start.
    built.notes.extend(hidden.err().map(|errno| Note::CgroupShown { errno: errno.raw_os_error() }));
    let server = server::start(order, &built.proc, &mut built.notes)?;
    privileges::resign(order.users)?;
    Ok(Begun { server, signals, built, gate })
}

/// Reaps and listens until the end.
fn watch(link: &mut Link<ToInit>, begun: Begun, patience: Duration) -> i32 {
    let Begun { mut server, signals, built: Built { proc, notes }, gate } = begun;
    let started = FromInit::Started { pid: server.pid, landlock: server.landlock, notes };
    let descriptors: Vec<_> = server.host_ends().into_iter().chain(gate.as_ref().map(AsFd::as_fd)).collect();
    let mut deadline = match link.say(&started, &descriptors) {
        Ok(()) => None,
        Err(_) => Some(clock::now() + patience),
    };
    // After the report, not before: the kernel takes its time over the end of a mount.
    drop(descriptors);
    drop((gate, started, proc));
    let code = memory::Code::find();
    // Where the kernel has no filters, the server's was refused as well, which has been said.
    let _ = seccomp::confine_init();
    code.give_back();
    loop {
        while let Some(reaped) = signals::reap() {
            if reaped.pid == server.pid {
                report(link, reaped.status);
                return 0;
            }
        }
        let wait = match deadline {
            None => None,
            Some(at) => match at.checked_sub(clock::now()) {
                Some(left) => timespec(left),
                None => return 0, // nobody came back for the sandbox
            },
        };
        let mut polled = [PollFd::new(&signals, PollFlags::IN), PollFd::from_borrowed_fd(link.as_fd(), PollFlags::IN)];
        // A link that has ended stays readable for ever; it is not looked at again.
        let watched = if deadline.is_some() { 1 } else { 2 };
        let _ = poll(polled.get_mut(..watched).unwrap_or_default(), wait.as_ref());
        let spoken = polled.get(1).is_some_and(|fd| !fd.revents().is_empty());
        signals::drain(&signals);
        if spoken && !listen(link, &mut server) {
            deadline = Some(clock::now() + patience);
        }
    }
}

/// Does what the runtime says. `false` once the link has ended.
fn listen(link: &mut Link<ToInit>, server: &mut Server) -> bool {
    if !link.fill() {
        return false;
    }
    loop {
        match link.next() {
            Heard::Message(ToInit::CloseStdin) => server.stdin = None,
            Heard::Message(ToInit::Terminate) => {
                if let Some(pid) = Pid::from_raw(server.pid) {
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            // A second order is nonsense, and so is everything after it.
            Heard::Message(ToInit::Start(_)) | Heard::End => return false,
            Heard::Nothing => return true,
        }
    }
}

/// Tells the runtime how the server ended, if it is there to hear it.
fn report(link: &Link<ToInit>, status: i32) {
    let _ = link.say(&exited(status), &[]);
}

/// How the server ended, from its status as `wait(2)` encodes it.
pub(crate) fn exited(status: i32) -> FromInit {
    let end = if libc::WIFSIGNALED(status) {
        ServerEnd::Signal(libc::WTERMSIG(status))
    } else {
        ServerEnd::Code(libc::WEXITSTATUS(status))
    };
    let (cpu_us, peak_rss) = signals::children_usage();
    FromInit::Exited { end, cpu_us, peak_rss }
}
