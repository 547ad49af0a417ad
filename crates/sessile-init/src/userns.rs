//! User namespaces: the server's own, and those that exist only for the mapping they describe.
#![allow(unsafe_code)]

use alloc::format;
use alloc::string::String;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

/// The server's user and group id as it sees itself.
pub(crate) const SERVER_ID: u32 = 1000;

/// Writes one of a process's mapping files, in one piece as the kernel demands. Makes only system calls.
fn write_once(proc: impl AsFd, path: &[u8], text: &[u8]) -> Result<(), Errno> {
    let path = core::ffi::CStr::from_bytes_with_nul(path).map_err(|_| Errno::INVAL)?;
    let file = openat(proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text).map(drop)
}

/// Maps the calling process, which has just entered its own namespace, to [`SERVER_ID`] inside: `line` says
/// `1000 <outside> 1`. Takes no privilege, since it maps nobody else. Makes only system calls.
pub(crate) fn map_self(proc: impl AsFd, line: &[u8]) -> Result<(), Errno> {
    let proc = proc.as_fd();
    write_once(proc, b"self/setgroups\0", b"deny")?;
    write_once(proc, b"self/gid_map\0", line)?;
    write_once(proc, b"self/uid_map\0", line)
}

/// Enters the user namespace of a process, as its owner: the user who made it, outside of it. Makes only system calls.
pub(crate) fn join(pid: i32) -> Result<(), Errno> {
    let process = pidfd_open(crate::confine::process(pid)?, PidfdFlags::empty())?;
    move_into_thread_name_spaces(process.as_fd(), ThreadNameSpaceType::USER)
}

/// Writes into a file of `/proc/self`, for the child that becomes the server. Makes only system calls.
pub(crate) fn write_self(proc: impl AsFd, path: &'static [u8], text: &[u8]) -> Result<(), Errno> {
    write_once(proc, path, text)
}

/// A mapping that shows `owner` as `guest` and everybody else as themselves. Nobody is shown as `owner`.
pub(crate) fn exchange(owner: u32, guest: u32) -> String {
    let mut lines = format!("{owner} {guest} 1\n");
    let (low, high) = (owner.min(guest), owner.max(guest));
    let mut same = |from: u32, to: u32| {
        if to > from {
            lines.push_str(&format!("{from} {from} {}\n", to - from));
        }
    };
    same(0, low);
    same(low.saturating_add(1), high);
    same(high.saturating_add(1), u32::MAX);
    lines
}

/// A user namespace with these mappings and nobody in it. The caller is the host's root; `proc` is a writable `/proc` of
/// the caller's PID namespace.
pub(crate) fn only_for_its_mapping(proc: &OwnedFd, users: &str, groups: &str) -> Result<OwnedFd, Errno> {
    let (wait, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (ready, say_ready) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // SAFETY: this process has one thread, so that the child may do anything the parent could; it makes four system calls.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop((release, ready));
        // SAFETY: the child shares neither memory nor descriptors with anybody who relies on its user namespace.
        let entered = unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER) };
        if entered.is_ok() && rustix::io::write(&say_ready, b"r").is_ok() {
            let _ = rustix::io::read(&wait, &mut [0; 1]);
        }
        // SAFETY: ends this process without running the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    if child < 0 {
        return Err(crate::errno::last());
    }
    drop(say_ready);
    let entered = rustix::io::read(&ready, &mut [0; 1]) == Ok(1);
    let made = if entered { describe(proc, child, users, groups) } else { Err(Errno::PERM) };
    drop(release); // the child's read ends, and with it the child
    // SAFETY: the child is this process's, and a null status is allowed.
    unsafe { libc::waitpid(child, core::ptr::null_mut(), libc::__WALL) };
    made
}

fn describe(proc: &OwnedFd, child: i32, users: &str, groups: &str) -> Result<OwnedFd, Errno> {
    write_once(proc, format!("{child}/uid_map\0").as_bytes(), users.as_bytes())?;
    write_once(proc, format!("{child}/gid_map\0").as_bytes(), groups.as_bytes())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat(proc, format!("{child}/ns/user"), flags, Mode::empty())
}
