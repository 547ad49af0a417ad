//! A child of the runtime, known by its descriptor and never by its number alone.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// How long a killed process may take to go: its whole PID namespace goes with it.
const LAST_BREATH: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// Init of a sandbox, or the keeper. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub(crate) struct InitProcess {
    pid: i32,
    pidfd: OwnedFd,
    /// Whether dropping it leaves it alone: it has been reaped, or is to live on.
    released: bool,
    /// Whether it is this process that reaps it.
    is_child: bool,
}

impl InitProcess {
    pub(crate) fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, released: false, is_child: true }
    }

    /// Another runtime's child. That is gone, so the host's init reaps it.
    pub(crate) fn adopted(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, released: false, is_child: false }
    }

    /// Its number on the host.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills it and, if it is an init, its whole PID namespace. Harmless if it is gone.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// A descriptor of its own for whoever may want to kill it.
    pub(crate) fn handle(&self) -> std::io::Result<OwnedFd> {
        self.pidfd.try_clone()
    }

    /// Waits until it has ended, for this long at most, and reaps it. `true` once it is gone.
    pub(crate) fn wait(&mut self, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).unwrap_or(LAST_BREATH);
        let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let _ = poll(&mut polled, Some(&patience));
        self.reap()
    }

    /// Reaps it if it has ended. `true` once it is gone.
    pub(crate) fn reap(&mut self) -> bool {
        if !self.released && !self.is_child {
            // Readable once it has ended (`pidfd_open(2)`).
            let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
            self.released = matches!(poll(&mut polled, Some(&Timespec::default())), Ok(1..));
        }
        if !self.released && self.is_child {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // An error means that somebody else has reaped it: gone as well.
            self.released = !matches!(waitid(WaitId::PidFd(self.pidfd.as_fd()), options), Ok(None));
        }
        self.released
    }

    /// Lets it live on when this is dropped.
    pub(crate) fn release(mut self) {
        self.released = true;
    }
}

impl AsFd for InitProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl AsRawFd for InitProcess {
    fn as_raw_fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

impl Drop for InitProcess {
    fn drop(&mut self) {
        if !self.reap() {
            self.kill();
            let patience = Duration::try_from(LAST_BREATH).unwrap_or_default();
            self.wait(patience);
        }
    }
}
