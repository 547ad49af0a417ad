//! Becoming a program inside: from a copy of this process to an unprivileged user with nothing but the descriptors that are meant for
//! it. The server's way, and that of every further command beside it.
//!
//! The child shares its parent's memory until its program runs (`CLONE_VM | CLONE_VFORK`), so that nothing is copied and every
//! failure can be told; it therefore makes only system calls.
#![allow(unsafe_code)]

use crate::landlock::{Fence, NotFenced};
use crate::program::Command;
use crate::{given, privileges, rlimits, seccomp, signals, userns};
use alloc::vec::Vec;
use core::ffi::{c_int, c_void};
use rustix::fd::{BorrowedFd, OwnedFd, RawFd};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::process::{Pid, Signal, getpid, set_parent_process_death_signal};
use sessile_link::{Confinement, HostUsers, Note, Protection, Refusal};

/// The stack that the child uses until its program runs.
const STACK: usize = 64 * 1024;

/// What makes a program inside the kernel's first choice when memory runs out, before init and the runtime.
pub(crate) const OOM_SCORE: &[u8] = b"300";

/// What the child needs, laid out before it exists.
pub(crate) struct Plan<'a> {
    /// `None` for a trial.
    pub(crate) command: Option<&'a Command>,
    pub(crate) confinement: &'a Confinement,
    /// A `/proc` of the sandbox that is visible nowhere.
    pub(crate) proc: BorrowedFd<'a>,
    pub(crate) beside: Beside,
    pub(crate) stdio: [RawFd; 3],
    /// Whether they are a terminal, which is to become its own.
    pub(crate) is_terminal: bool,
    /// What else it finds open.
    pub(crate) given: &'a [OwnedFd],
    pub(crate) fence: Option<Fence>,
    /// What the child says, written into the memory it shares.
    pub(crate) said: Said,
}

/// Whom the child joins.
pub(crate) enum Beside {
    /// Nobody: it is the server, and gets a user namespace of its own with this mapping.
    Nobody {
        /// `1000 <outside> 1`.
        mapping: Vec<u8>,
    },
    /// A server that runs.
    Server {
        /// Its process id inside.
        pid: i32,
        /// What holds the server must hold the child too.
        landlock: u32,
        /// The same for the filter of system calls.
        filtered: bool,
    },
}

/// What the child says before its program runs.
#[derive(Default)]
pub(crate) struct Said {
    /// What went wrong.
    pub(crate) failure: Option<Failure>,
    /// The child's process id inside, which is also that of its terminal session.
    pub(crate) session: i32,
    /// The version of Landlock in force.
    pub(crate) landlock: u32,
    /// What is not in force.
    pub(crate) without_landlock: Option<Note>,
    pub(crate) without_filter: Option<Note>,
}

/// What can go wrong in the child.
pub(crate) enum Failure {
    Confine(&'static str, Errno),
    WorkingDirectory(Errno),
    Run { candidate: usize, errno: Errno },
}

impl Failure {
    /// In words for the runtime.
    pub(crate) fn explain(self, command: Option<&Command>) -> Refusal {
        match (self, command) {
            (Self::WorkingDirectory(errno), Some(command)) => {
                Refusal::WorkingDirectory { path: command.cwd(), errno: errno.raw_os_error() }
            }
            (Self::Run { candidate, errno }, Some(command)) => command.diagnose(candidate, errno),
            (Self::Confine(what, errno), _) => Refusal::Confine { what: what.into(), errno: errno.raw_os_error() },
            (Self::WorkingDirectory(errno) | Self::Run { errno, .. }, None) => {
                Refusal::Confine { what: "trial".into(), errno: errno.raw_os_error() }
            }
        }
    }
}

/// Makes the child and waits until its program runs, or until it gave up. Gives its process id as seen from here.
pub(crate) fn spawn(plan: &mut Plan<'_>) -> Result<i32, Errno> {
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
    match become_program(plan) {
        Ok(()) => 0, // a trial that went well
        Err(failure) => {
            plan.said.failure = Some(failure);
            127
        }
    }
}

/// Wraps the kernel's answer to a step, for use with `map_err`.
fn step(what: &'static str) -> impl FnOnce(Errno) -> Failure {
    move |errno| Failure::Confine(what, errno)
}

/// Every step from a copy of the parent to a program. Makes only system calls.
fn become_program(plan: &mut Plan<'_>) -> Result<(), Failure> {
    plan.said.session = getpid().as_raw_nonzero().get();
    rustix::process::setsid().map_err(step("start a terminal session"))?;
    for (place, end) in (0..).zip(plan.stdio) {
        // SAFETY: `place` is one of the three standard descriptors, which nobody in this process uses otherwise.
        if unsafe { libc::dup2(end, place) } < 0 {
            return Err(Failure::Confine("connect the pipes", Errno::BADF));
        }
    }
    // SAFETY: takes a number, and standard input is open.
    if plan.is_terminal && unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } != 0 {
        return Err(Failure::Confine("make the terminal its own", crate::errno::last()));
    }
    become_user(plan)?;
    let keeps = |protection| plan.confinement.keeps(protection);
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
    // Everything is close-on-exec already. Should one descriptor ever be forgotten, this is what keeps it from the program.
    let (first, last) = (3_u32, u32::MAX);
    // SAFETY: marks descriptors of this process; closes none.
    let close = || unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    if keeps(Protection::ClosedDescriptors) && close() != 0 {
        return Err(Failure::Confine("close what is not the program's", Errno::INVAL));
    }
    if let Some(command) = plan.command {
        command.enter().map_err(Failure::WorkingDirectory)?;
    }
    fence_in(plan)?;
    let Some(command) = plan.command else {
        return Ok(());
    };
    given::put_in_place(plan.given).map_err(step("hand over descriptors"))?;
    let (candidate, errno) = command.run();
    Err(Failure::Run { candidate, errno })
}

/// Becomes the server's user, in the server's user namespace, within its limits. Makes only system calls.
fn become_user(plan: &Plan<'_>) -> Result<(), Failure> {
    let Confinement { users, .. } = plan.confinement;
    let keeps = |protection| plan.confinement.keeps(protection);
    rlimits::set_for_anyone(plan.confinement).map_err(step("set limits"))?;
    if let (HostUsers::Root { server, .. }, true) = (users, keeps(Protection::OwnUser)) {
        privileges::become_user(*server).map_err(step("become an unprivileged user"))?;
        // Having changed user made this memory private, the server's mapping files included, or on some hosts the opposite: what
        // joins a server must not be looked into by it.
        let is_server = matches!(plan.beside, Beside::Nobody { .. });
        privileges::be_open(is_server).map_err(step("open the mapping files"))?;
    }
    if keeps(Protection::OwnKeyring) {
        privileges::leave_keyring().map_err(step("leave the keyring"))?;
    }
    if keeps(Protection::OwnUserNamespace) {
        match &plan.beside {
            Beside::Nobody { mapping } => {
                privileges::enter_user_namespace().map_err(step("enter a user namespace"))?;
                userns::map_self(plan.proc, mapping).map_err(step("map its user"))?;
            }
            Beside::Server { pid, .. } => {
                userns::join(*pid).map_err(step("join the server's user namespace"))?;
                privileges::be_open(false).map_err(step("keep its memory to itself"))?;
            }
        }
    }
    rlimits::set_for_user(plan.confinement).map_err(step("limit its processes"))?;
    match plan.beside {
        // A runtime that is itself marked higher cannot be undercut; then the server stays as high as it is.
        Beside::Nobody { .. } => drop(userns::write_self(plan.proc, b"self/oom_score_adj\0", OOM_SCORE)),
        // Its parent is outside, where no end of a namespace would kill it. (Its mark it has from there as well.)
        Beside::Server { .. } => {
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(step("end with its parent"))?;
        }
    }
    Ok(())
}

/// Landlock and the filter of system calls: last, since they forbid what came before. A kernel without them is no reason not to start
/// a server, but said; what joins a server must be held as it is. Makes only system calls.
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
    if plan.confinement.keeps(Protection::SystemCalls) {
        match seccomp::confine_server() {
            Ok(()) => {}
            // A kernel that was built without filters.
            Err(errno @ (Errno::NOSYS | Errno::INVAL)) => {
                said.without_filter = Some(Note::SystemCallsUnfiltered { errno: errno.raw_os_error() });
            }
            Err(errno) => return Err(Failure::Confine("filter its system calls", errno)),
        }
    }
    match plan.beside {
        Beside::Server { landlock, .. } if said.landlock < landlock => {
            Err(Failure::Confine("be held by Landlock as the server is", Errno::PERM))
        }
        Beside::Server { filtered: true, .. } if said.without_filter.is_some() => {
            Err(Failure::Confine("filter its system calls as the server's", Errno::PERM))
        }
        Beside::Server { .. } | Beside::Nobody { .. } => Ok(()),
    }
}

/// A process by its number, if it is one.
pub(crate) fn process(pid: i32) -> Result<Pid, Errno> {
    Pid::from_raw(pid).ok_or(Errno::SRCH)
}
