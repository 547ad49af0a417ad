//! Signals: init takes them as bytes from a descriptor, the server gets them as if nobody had touched them.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;
use rustix::fd::{FromRawFd, OwnedFd};
use rustix::io::Errno;
use sessile_link::ServerEnd;

/// Every signal, blocked and readable from a descriptor; so none can interrupt init or kill it.
pub(crate) fn as_descriptor() -> Result<OwnedFd, Errno> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` writes the whole set before it is read; the mask pointer is valid for the call and the old
    // mask is not asked for.
    let fd = unsafe {
        libc::sigfillset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), core::ptr::null_mut());
        libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd < 0 {
        return Err(crate::errno::last());
    }
    // SAFETY: just opened, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Forgets what is pending: what happened is found out by asking (`wait4`), so that a merged signal loses nothing.
pub(crate) fn drain(descriptor: &OwnedFd) {
    let mut records = [0_u8; size_of::<libc::signalfd_siginfo>() * 8];
    while rustix::io::read(descriptor, &mut records).is_ok_and(|count| count == records.len()) {}
}

/// The kernel's signals are numbered from 1 to this.
const LAST_SIGNAL: libc::c_int = 64;

/// Default actions and an empty mask, as a program expects them. For a child about to run a program; makes only
/// system calls.
pub(crate) fn reset() -> Result<(), Errno> {
    // The kernel's `sigaction`, all zero: the default action. Not the C library's call, which keeps two signals to itself and would
    // leave them as the runtime's parent had them.
    let default = [0_u64; 4];
    let old = core::ptr::null_mut::<libc::c_void>();
    let none = 0_u64;
    let size = size_of::<u64>();
    // SAFETY: the default action installs no code; signals that cannot be changed are refused, which is fine. Action and
    // mask are at least as large as the kernel reads, and are only read.
    unsafe {
        for signal in 1..=LAST_SIGNAL {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), old, size);
        }
        if libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, old, size) != 0 {
            return Err(Errno::INVAL);
        }
    }
    Ok(())
}

/// Whoever goes away is an error of the write that finds it out (`EPIPE`), and not the end of this program; nor of the one it starts.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: installs no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// One process that ended.
pub(crate) struct Reaped {
    /// Which.
    pub(crate) pid: i32,
    /// As `wait(2)` encodes it.
    pub(crate) status: i32,
}

/// The next process that ended and has not been reaped; orphans of the whole sandbox come here too.
pub(crate) fn reap() -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: both pointers are valid for the call or null.
    let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG | libc::__WALL, core::ptr::null_mut()) };
    (pid > 0).then_some(Reaped { pid, status })
}

/// Kills everything in the sandbox but init.
pub(crate) fn kill_all() {
    // SAFETY: takes plain numbers; -1 means all processes of this PID namespace that may be signalled, and never the caller itself.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// How a process ended, from its status.
pub(crate) fn end_of(status: i32) -> ServerEnd {
    if libc::WIFSIGNALED(status) {
        ServerEnd::Signal(libc::WTERMSIG(status))
    } else {
        ServerEnd::Code(libc::WEXITSTATUS(status))
    }
}

/// What the reaped processes used: processor time in microseconds, and the largest resident size of one, in bytes.
pub(crate) fn children_usage() -> (u64, u64) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for the call, and all-zero is a valid `rusage` should the call fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let micros = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds * 1_000_000 + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    let peak = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    (micros(usage.ru_utime) + micros(usage.ru_stime), peak)
}
