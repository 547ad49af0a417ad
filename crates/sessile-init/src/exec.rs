//! A further command in a sandbox that runs: joins it from outside, starts the command confined as the server is, and waits.
//!
//! Init cannot do this: by now it is nobody, and starts nothing. So the runtime starts this program once more, in the sandbox's
//! cgroups, as itself. It becomes unreadable to others first, then joins the sandbox's namespaces all at once by the descriptor of
//! init's process, and makes one child in the PID namespace, which takes the server's own way to a program ([`crate::confine`]). It
//! stays outside the PID namespace itself, where nothing of the sandbox can name it, resigns like init, and watches: over the command,
//! whose end it reports, and over the link, whose end is the command's ([`session`]).
//!
//! In a machine there is no outside that could start anything inside: a process that kept its powers takes the same way from
//! [`start`] on ([`crate::guest`]).

mod join;
pub(crate) mod session;

use crate::confine::{Beside, Plan, Said, spawn};
use crate::landlock::Fence;
use crate::link::{Heard, Link};
use crate::program::Command;
use crate::{clock, privileges, seccomp, server, signals};
use alloc::vec::Vec;
use core::time::Duration;
use join::Terminal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::ResolveFlags;
use rustix::io::Errno;
use sessile_link::exec::{FORK, JOIN};
use sessile_link::{ExecOrder, FromExec, Protection, Refusal, ToExec};

/// How often a command that is to end is killed again: it may have been forking.
pub(crate) const AGAIN: Duration = Duration::from_millis(20);

/// Runs one command. The exit code means nothing to anybody: the report goes over the link.
pub(crate) fn run() -> i32 {
    join::keep_to_oneself();
    let mut link = Link::<ToExec>::inherited();
    let mut descriptors = Vec::new();
    let Heard::Message(ToExec::Run(order)) = link.wait_for_descriptors(&mut descriptors) else {
        return 1; // the runtime went away before it said what it wants
    };
    let Some(init) = descriptors.pop() else {
        return 1;
    };
    match begin(&order, &init) {
        Ok(begun) => {
            drop((order, init, descriptors));
            watch(&mut link, begun)
        }
        Err(refusal) => {
            let _ = link.say(&FromExec::Refused(refusal), &[]);
            1
        }
    }
}

/// A command that runs.
pub(crate) struct Begun {
    /// As seen from here.
    pub(crate) pid: i32,
    /// Its process id inside.
    pub(crate) session: i32,
    pub(crate) signals: OwnedFd,
    /// What the runtime is to get: the terminal, or its ends of three pipes.
    pub(crate) host_ends: Vec<OwnedFd>,
}

/// The command's ends of its standard streams, and the runtime's.
struct Streams {
    inside: [OwnedFd; 3],
    host_ends: Vec<OwnedFd>,
}

impl Streams {
    fn pipes() -> Result<Self, Errno> {
        let (inside, outside) = server::pipes()?;
        Ok(Self { inside, host_ends: outside.into() })
    }

    fn terminal(terminal: Terminal) -> Result<Self, Errno> {
        let Terminal { host_end, inside } = terminal;
        let more = || rustix::io::fcntl_dupfd_cloexec(&inside, 3);
        Ok(Self { inside: [more()?, more()?, inside], host_ends: [host_end].into() })
    }
}

fn kernel(what: &'static str) -> impl FnOnce(Errno) -> Refusal {
    move |errno| Refusal::Kernel { what: what.into(), errno: errno.raw_os_error() }
}

/// Everything up to the command running and this process being nobody.
fn begin(order: &ExecOrder, init: &OwnedFd) -> Result<Begun, Refusal> {
    let signals = signals::as_descriptor().map_err(kernel("take signals"))?;
    // As init's: the command's is set by the server's steps, and by nothing that the runtime happens to have.
    rustix::process::umask(rustix::fs::Mode::empty());
    join::enter(init, order.namespaces).map_err(kernel(JOIN))?;
    let proc = join::unseen_proc().map_err(kernel("look at its processes"))?;
    start(order, signals, proc.as_fd())
}

/// The part of it that is done inside: the command is started, and this process resigns. `proc` is a `/proc` of the sandbox that is
/// visible nowhere.
pub(crate) fn start(order: &ExecOrder, signals: OwnedFd, proc: BorrowedFd<'_>) -> Result<Begun, Refusal> {
    let confinement = &order.confinement;
    let command = Command::new(&order.command, &order.env, &order.cwd)?;
    let streams = match order.terminal {
        Some(size) => join::terminal(size).and_then(Streams::terminal).map_err(kernel("open a terminal inside"))?,
        None => Streams::pipes().map_err(kernel("make a pipe"))?,
    };
    // The server may have planted links on the way: what is behind one is not meant to be written.
    let around = || Fence::around(confinement, ResolveFlags::NO_SYMLINKS);
    let fence = confinement.keeps(Protection::Landlock).then(around).transpose();
    let mut plan = Plan {
        command: Some(&command),
        confinement,
        proc,
        beside: Beside::Server { pid: order.server, landlock: order.landlock, filtered: order.filtered },
        stdio: streams.inside.each_ref().map(AsRawFd::as_raw_fd),
        is_terminal: order.terminal.is_some(),
        given: &[],
        fence: fence.unwrap_or_default(), // where there is none and the server has one, the child says so
        said: Said::default(),
    };
    let spawned = spawn(&mut plan).map_err(kernel(FORK));
    let Said { failure, session, .. } = plan.said;
    // Whatever came of it: what is looked at from here on may have been made by the server.
    privileges::resign_outside(confinement.users)?;
    let pid = spawned?;
    match failure {
        None => Ok(Begun { pid, session, signals, host_ends: streams.host_ends }),
        Some(failure) => Err(failure.explain(Some(&command))),
    }
}

/// Reports the start, then waits for the command's end, or brings it about when the link has ended.
fn watch(link: &mut Link<ToExec>, begun: Begun) -> i32 {
    let Begun { pid, session, signals, host_ends } = begun;
    let descriptors: Vec<_> = host_ends.iter().map(AsFd::as_fd).collect();
    let mut is_wanted = link.say(&FromExec::Started, &descriptors).is_ok();
    drop(descriptors);
    drop(host_ends);
    // Where the kernel has no filters, the server's was refused as well, which has been said.
    let _ = seccomp::confine_exec();
    loop {
        if !is_wanted {
            session::kill(pid, session);
        }
        while let Some(reaped) = signals::reap() {
            if reaped.pid == pid {
                if !is_wanted {
                    session::kill_rest(session);
                }
                let _ = link.say(&FromExec::Ended(signals::end_of(reaped.status)), &[]);
                return 0;
            }
        }
        let wait = if is_wanted { None } else { clock::timespec(AGAIN) };
        let mut polled = [PollFd::new(&signals, PollFlags::IN), PollFd::from_borrowed_fd(link.as_fd(), PollFlags::IN)];
        // A link that has ended stays readable for ever; it is not looked at again.
        let watched = if is_wanted { 2 } else { 1 };
        let _ = poll(polled.get_mut(..watched).unwrap_or_default(), wait.as_ref());
        // The runtime says nothing more: bytes are nonsense, and no bytes the end.
        is_wanted = is_wanted && polled.get(1).is_some_and(|fd| fd.revents().is_empty());
        signals::drain(&signals);
    }
}
