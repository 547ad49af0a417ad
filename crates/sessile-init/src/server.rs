//! Starting the server: as an unprivileged user in a user namespace of its own, with nothing but three pipes.
//!
//! The child shares init's memory until its program runs (`CLONE_VM | CLONE_VFORK`), so that nothing is copied and every
//! failure can be told; it therefore makes only system calls.
#![allow(unsafe_code)]

mod program;

#[cfg(test)]
mod tests;

use crate::landlock::{Fence, NotFenced};
use crate::{privileges, rlimits, seccomp, signals, userns};
use alloc::format;
use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use program::Command;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::pipe::{PipeFlags, pipe_with};
use sessile_link::{HostUsers, Note, Program, Protection, Refusal, StartOrder};

/// The stack that the child uses until its program runs.
const STACK: usize = 64 * 1024;

/// What makes a server the kernel's first choice when memory runs out, before init and the runtime.
const OOM_SCORE: &[u8] = b"300";

/// A running server.
pub(crate) struct Server {
    pub(crate) pid: i32,
    /// Init's copies of the runtime's ends, which keep the pipes open while the runtime is away.
    pub(crate) stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
    /// The version of Landlock that holds it; 0 if none does.
    pub(crate) landlock: u32,
}

impl Server {
    /// What the runtime is to get: its ends of stdin, stdout, stderr.
    pub(crate) fn host_ends(&self) -> Vec<BorrowedFd<'_>> {
        let stdin = self.stdin.as_ref().map(AsFd::as_fd);
        stdin.into_iter().chain([self.stdout.as_fd(), self.stderr.as_fd()]).collect()
    }

    /// The same, for good: where init itself carries them.
    pub(crate) fn into_host_ends(self) -> [Option<OwnedFd>; 3] {
        [self.stdin, Some(self.stdout), Some(self.stderr)]
    }
}

/// What the child needs, laid out before it exists.
struct Plan<'a> {
    /// `None` for a trial.
    command: Option<&'a Command>,
    order: &'a StartOrder,
    proc: BorrowedFd<'a>,
    /// Whom to become before entering the user namespace, and that user's mapping in it.
    user: Option<u32>,
    mapping: Vec<u8>,
    stdio: [RawFd; 3],
    fence: Option<Fence>,
    /// What the child says, written into the memory it shares.
    said: Said,
}

/// What the child says before its program runs.
#[derive(Default)]
struct Said {
    /// What went wrong.
    failure: Option<Failure>,
    /// The version of Landlock in force.
    landlock: u32,
    /// What is not in force.
    without_landlock: Option<Note>,
    without_filter: Option<Note>,
}

/// What can go wrong in the child.
enum Failure {
    Confine(&'static str, Errno),
    WorkingDirectory(Errno),
    Run { candidate: usize, errno: Errno },
}

/// Starts what the order names, and notes what does not hold it. Returns once the program runs.
pub(crate) fn start(order: &StartOrder, proc: &OwnedFd, notes: &mut Vec<Note>) -> Result<Server, Refusal> {
    let kernel =
        |what: &'static str| move |errno: Errno| Refusal::Kernel { what: what.into(), errno: errno.raw_os_error() };
    let command = match &order.program {
        Program::Server { command, env, cwd } => Some(Command::new(command, env, cwd)?),
        Program::Trial => None,
    };
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(kernel("make a pipe"));
    let ((stdin_inside, stdin), (stdout, stdout_inside), (stderr, stderr_inside)) = (pipe()?, pipe()?, pipe()?);
    for end in [&stdin, &stdout, &stderr] {
        rustix::fs::fcntl_setfl(end, OFlags::NONBLOCK).map_err(kernel("set up a pipe"))?;
    }
    let (user, outside) = match order.users {
        HostUsers::Root { server, .. } if order.keeps(Protection::OwnUser) => (Some(server), server),
        HostUsers::Root { .. } | HostUsers::Rootless => (None, 0),
    };
    let fence = order.keeps(Protection::Landlock).then(|| Fence::around(order)).transpose();
    let fence = fence.unwrap_or_else(|errno| {
        notes.push(Note::LandlockRefused { errno: errno.raw_os_error() });
        None
    });
    let mut plan = Plan {
        command: command.as_ref(),
        order,
        proc: proc.as_fd(),
        user,
        mapping: format!("{} {outside} 1", userns::SERVER_ID).into_bytes(),
        stdio: [&stdin_inside, &stdout_inside, &stderr_inside].map(|end| end.as_raw_fd()),
        fence,
        said: Said::default(),
    };
    let pid = spawn(&mut plan).map_err(kernel("make a process"))?;
    let said = plan.said;
    if let Some(failure) = said.failure {
        return Err(explain(failure, command.as_ref()));
    }
    notes.extend(said.without_landlock);
    notes.extend(said.without_filter);
    Ok(Server { pid, stdin: Some(stdin), stdout, stderr, landlock: said.landlock })
}

fn explain(failure: Failure, command: Option<&Command>) -> Refusal {
    match (failure, command) {
        (Failure::WorkingDirectory(errno), Some(command)) => {
            Refusal::WorkingDirectory { path: command.cwd(), errno: errno.raw_os_error() }
        }
        (Failure::Run { candidate, errno }, Some(command)) => command.diagnose(candidate, errno),
        (Failure::Confine(what, errno), _) => Refusal::Confine { what: what.into(), errno: errno.raw_os_error() },
        (Failure::WorkingDirectory(errno) | Failure::Run { errno, .. }, None) => {
            Refusal::Confine { what: "trial".into(), errno: errno.raw_os_error() }
        }
    }
}

/// Makes the child and waits until its program runs, or until it gave up.
fn spawn(plan: &mut Plan<'_>) -> Result<i32, Errno> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nobody's memory.
    let stack = unsafe { mmap_anonymous(core::ptr::null_mut(), STACK, protection, MapFlags::PRIVATE)? };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is STACK bytes, grows down from its end, and outlives the child's use of it, because CLONE_VFORK
    // suspends this thread until the child has run its program or exited. `plan` is not touched meanwhile, for the same reason.
    let pid = unsafe { libc::clone(child, stack.byte_add(STACK), flags, core::ptr::from_mut(plan).cast()) };
    // Asked at once, and only if there is one: a child that failed without the C library leaves none behind.
    let failed = (pid < 0).then(crate::errno::last);
    // SAFETY: mapped above, and the child no longer runs on it.
    let _ = unsafe { munmap(stack, STACK) };
    failed.map_or(Ok(pid), Err)
}

/// The child, until its program runs.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a valid plan and does not touch it while the child runs.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    match become_server(plan) {
        Ok(()) => 0, // a trial that went well
        Err(failure) => {
            plan.said.failure = Some(failure);
            127
        }
    }
}

/// Every step from a copy of init to a server. Makes only system calls.
fn become_server(plan: &mut Plan<'_>) -> Result<(), Failure> {
    let step = |what: &'static str| move |errno| Failure::Confine(what, errno);
    rustix::process::setsid().map_err(step("start a terminal session"))?;
    for (place, end) in (0..).zip(plan.stdio) {
        // SAFETY: `place` is one of the three standard descriptors, which nobody in this process uses otherwise.
        if unsafe { libc::dup2(end, place) } < 0 {
            return Err(Failure::Confine("connect the pipes", Errno::BADF));
        }
    }
    rlimits::set_for_anyone(plan.order).map_err(step("set limits"))?;
    if let Some(user) = plan.user {
        privileges::become_user(user).map_err(step("become an unprivileged user"))?;
        // Having changed user made this memory private, its mapping files included.
        privileges::be_open(true).map_err(step("open the mapping files"))?;
    }
    let keeps = |protection| plan.order.keeps(protection);
    if keeps(Protection::OwnKeyring) {
        privileges::leave_keyring().map_err(step("leave the keyring"))?;
    }
    if keeps(Protection::OwnUserNamespace) {
        privileges::enter_user_namespace().map_err(step("enter a user namespace"))?;
        userns::map_self(plan.proc, &plan.mapping).map_err(step("map its user"))?;
    }
    rlimits::set_for_user(plan.order).map_err(step("limit its processes"))?;
    // A runtime that is itself marked higher cannot be undercut; then the server stays as high as it is.
    let _ = userns::write_self(plan.proc, b"self/oom_score_adj\0", OOM_SCORE);
    if keeps(Protection::NoCapabilities) {
        privileges::renounce().map_err(step("renounce its privileges"))?;
    }
    if keeps(Protection::NoNewPrivileges) {
        privileges::gain_nothing().map_err(step("forgo new privileges"))?;
    }
    if keeps(Protection::FixedUmask) {
        rustix::process::umask(Mode::from_raw_mode(0o022));
    }
    signals::reset().map_err(step("reset its signals"))?;
    // Everything is close-on-exec already. Should one descriptor ever be forgotten, this is what keeps it from the server.
    let (first, last) = (3_u32, u32::MAX);
    // SAFETY: marks descriptors of this process; closes none.
    let close = || unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    if keeps(Protection::ClosedDescriptors) && close() != 0 {
        return Err(Failure::Confine("close what is not the server's", Errno::INVAL));
    }
    if let Some(command) = plan.command {
        command.enter().map_err(Failure::WorkingDirectory)?;
    }
    fence_in(plan)?;
    let Some(command) = plan.command else {
        return Ok(());
    };
    let (candidate, errno) = command.run();
    Err(Failure::Run { candidate, errno })
}

/// Landlock and the filter of system calls: last, since they forbid what came before. A kernel without them is no reason not to start,
/// but said. Makes only system calls.
fn fence_in(plan: &mut Plan<'_>) -> Result<(), Failure> {
    let said = &mut plan.said;
    match plan.fence.as_ref().map(|fence| fence.put_on(plan.proc)) {
        None => {}
        Some(Ok(version)) => said.landlock = version,
        Some(Err(NotFenced::WithoutEffect)) => said.without_landlock = Some(Note::LandlockRefused { errno: 0 }),
        Some(Err(NotFenced::Refused(errno))) => {
            said.without_landlock = Some(Note::LandlockRefused { errno: errno.raw_os_error() });
        }
    }
    if !plan.order.keeps(Protection::SystemCalls) {
        return Ok(());
    }
    match seccomp::confine_server() {
        Ok(()) => Ok(()),
        // A kernel that was built without filters.
        Err(errno @ (Errno::NOSYS | Errno::INVAL)) => {
            said.without_filter = Some(Note::SystemCallsUnfiltered { errno: errno.raw_os_error() });
            Ok(())
        }
        Err(errno) => Err(Failure::Confine("filter its system calls", errno)),
    }
}
