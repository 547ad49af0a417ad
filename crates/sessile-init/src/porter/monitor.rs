//! The machine's monitor, QEMU, as a child.
#![allow(unsafe_code)]

use crate::carry::Port;
use core::ffi::c_char;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

/// The monitor. Dropping it kills it.
pub(super) struct Monitor {
    pid: Pid,
}

impl Monitor {
    /// Starts it. Its standard input and output are the link; standard error, and what this program was given beside, it shares.
    ///
    /// # Safety
    /// `arguments` are terminated strings, the first of them the path of a program, and null after the last.
    pub(super) unsafe fn start(arguments: *const *const c_char) -> Result<(Self, Port), Errno> {
        let ((inside_from, to), (from, inside_to)) = (pipe_with(PipeFlags::CLOEXEC)?, pipe_with(PipeFlags::CLOEXEC)?);
        for end in [&to, &from] {
            fcntl_setfl(end, OFlags::NONBLOCK)?;
        }
        // SAFETY: this process has one thread, so that the child may do anything its parent could; it makes a few system calls.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: as the caller promises.
            unsafe { become_monitor([&inside_from, &inside_to], arguments) };
        }
        let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or(Errno::AGAIN)?;
        Ok((Self { pid }, Port::new(from, to)))
    }
}

/// The child. Never returns.
///
/// # Safety
/// As for [`Monitor::start`].
unsafe fn become_monitor(ends: [&OwnedFd; 2], arguments: *const *const c_char) -> ! {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    for (place, end) in (0..).zip(ends) {
        // SAFETY: this process is about to be another program, and nobody uses its standard streams.
        unsafe { libc::dup2(end.as_raw_fd(), place) };
    }
    // SAFETY: as the caller promises; `environ` ends with null as well.
    unsafe {
        libc::execv(*arguments, arguments);
        libc::_exit(127)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It is this process's child and has not been reaped, so that the number is still its own.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}
