//! Joining a sandbox from outside, with nothing of the host in hand.

use crate::confine::OOM_SCORE;
use crate::{mounts, privileges};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};
use sessile_link::WindowSize;

/// Marks this process, and what it will start, as a program inside is marked for when memory runs out; and keeps its memory from
/// everybody. In this order: a process that keeps to itself may not even write about itself.
pub(super) fn keep_to_oneself() {
    let path = c"/proc/self/oom_score_adj";
    if let Ok(file) = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        // A runtime that is itself marked higher cannot be undercut; then it stays as high as it is.
        let _ = rustix::io::write(&file, OOM_SCORE);
    }
    let _ = privileges::be_open(false);
}

/// Joins the namespaces of the process `init`, all at once or none. Root and working directory are the sandbox's from then on, and
/// the next child is in its PID namespace; this process itself never is.
pub(super) fn enter(init: &OwnedFd, namespaces: u32) -> Result<(), Errno> {
    move_into_thread_name_spaces(init.as_fd(), ThreadNameSpaceType::from_bits_retain(namespaces))?;
    // Changing user namespaces may have opened it, as the host has set `fs.suid_dumpable`.
    privileges::be_open(false)
}

/// `/proc` of the sandbox once more, attached nowhere: what no rule of Landlock speaks of, to try them on.
pub(super) fn unseen_proc() -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    mounts::copy(openat(CWD, c"/proc", flags, Mode::empty())?, false)
}

/// A new terminal of the sandbox.
pub(super) struct Terminal {
    /// The runtime's end, which does not block.
    pub(super) host_end: OwnedFd,
    /// The command's.
    pub(super) inside: OwnedFd,
}

/// Opens a terminal. As root of the host it stays root's: what is typed into it is not for the server, which runs as the same user as
/// the command, to read by opening it once more.
pub(super) fn terminal(size: WindowSize) -> Result<Terminal, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let host_end = openat(CWD, c"/dev/pts/ptmx", flags, Mode::empty())?;
    unlockpt(&host_end)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inside = ioctl_tiocgptpeer(&host_end, flags)?;
    let WindowSize { rows, columns } = size;
    tcsetwinsize(&host_end, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
    Ok(Terminal { host_end, inside })
}
