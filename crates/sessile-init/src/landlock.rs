//! Landlock: a second fence around the files, beside the mounts, which the server cannot take down even if a mount turned out to be
//! more than it should: everything visible can be read and run, and only what is meant to be written can be written. It also keeps
//! signals and abstract sockets within the sandbox (version 6 and later). Ports are the network namespace's business.
//!
//! What Landlock does not cover (stat, chdir, chmod, attributes) the mounts do. That it is in force is not taken for granted: after it
//! was put on, an access that it must refuse is tried.
#![allow(unsafe_code)]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use sessile_link::Confinement;

/// The newest version that this program knows to use.
const KNOWN: u32 = 7;

/// The oldest that servers can live with: before it, no file could be moved to another directory.
const USABLE: u32 = 2;

/// Rights to files, `LANDLOCK_ACCESS_FS_…`.
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_BLOCK: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;

/// What may be done to everything that is visible.
const LOOK: u64 = EXECUTE | READ_FILE | READ_DIR;

/// Devices are used, terminals among them; none can be made.
const USE_DEVICE: u64 = WRITE_FILE | READ_FILE | READ_DIR | IOCTL_DEV;

/// What can be said of something that is no directory.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

/// Abstract sockets and signals stay inside: `LANDLOCK_SCOPE_…`.
const SCOPES: u64 = 0b11;

/// All rights to files that a version knows.
const fn handled(version: u32) -> u64 {
    match version {
        0 | 1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    }
}

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct Handled {
    files: u64,
    network: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    rights: u64,
    place: i32,
}

/// Rules, ready to be put on.
pub(crate) struct Fence {
    rules: OwnedFd,
    version: u32,
}

impl Fence {
    /// Writes the rules for what `by` lets be written, seen from inside the new root. `resolve` says how far the way there is trusted:
    /// once a server runs, it may have planted links.
    pub(crate) fn around(by: &Confinement, resolve: ResolveFlags) -> Result<Self, Errno> {
        let version = version()?.min(KNOWN);
        if version < USABLE {
            return Err(Errno::NOSYS);
        }
        let scopes = if version >= 6 { SCOPES } else { 0 };
        let handled = Handled { files: handled(version), network: 0, scopes };
        let size = size_of::<Handled>();
        // SAFETY: the attributes are of the size given and only read. Of a kernel that knows fewer, the rest is zero, as it demands.
        let rules = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size, 0) };
        let rules = i32::try_from(rules).map_err(|_| Errno::INVAL)?;
        if rules < 0 {
            return Err(crate::errno::last());
        }
        // SAFETY: just made by the kernel, close-on-exec, and nobody else knows of it.
        let fence = Self { rules: unsafe { OwnedFd::from_raw_fd(rules) }, version };
        let permit = |place: &str, rights| fence.permit(place, rights, resolve);
        permit("/", LOOK)?;
        permit("/dev", USE_DEVICE)?;
        let change = handled.files & !(MAKE_CHAR | MAKE_BLOCK);
        permit("/dev/shm", change)?;
        by.writable.iter().try_for_each(|place| permit(place, change))?;
        Ok(fence)
    }

    /// Permits `rights` to `place` and below.
    fn permit(&self, place: &str, rights: u64, resolve: ResolveFlags) -> Result<(), Errno> {
        let opened = match openat2(CWD, place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(opened) => opened,
            // Something was laid over it, or put in its way: there is nothing to permit.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let directory = FileType::from_raw_mode(fstat(&opened)?.st_mode) == FileType::Directory;
        let possible = if directory { u64::MAX } else { OF_FILES };
        let rule = Beneath { rights: rights & possible & handled(self.version), place: opened.as_raw_fd() };
        const PATH_BENEATH: libc::c_int = 1;
        let rules = self.rules.as_raw_fd();
        // SAFETY: the rule is valid, names an open descriptor, and is only read.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_add_rule, rules, PATH_BENEATH, &raw const rule, 0) };
        if answer == 0 { Ok(()) } else { Err(crate::errno::last()) }
    }

    /// Puts the rules on the calling process, for good, and finds out whether they hold. `proc` is a `/proc` that is visible nowhere,
    /// so that no rule speaks of it. Gives the version that is in force. Needs `no_new_privs`. Makes only system calls.
    pub(crate) fn put_on(&self, proc: BorrowedFd<'_>) -> Result<u32, NotFenced> {
        let try_it = || openat(proc, c"self/comm", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        try_it().map_err(NotFenced::Refused)?;
        // SAFETY: takes a descriptor and a number.
        if unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.rules.as_raw_fd(), 0) } != 0 {
            return Err(NotFenced::Refused(crate::errno::last()));
        }
        if try_it().is_ok() { Err(NotFenced::WithoutEffect) } else { Ok(self.version) }
    }
}

/// Why Landlock is not in force.
pub(crate) enum NotFenced {
    /// The kernel said no.
    Refused(Errno),
    /// The kernel said yes, and nothing changed.
    WithoutEffect,
}

/// The version of this kernel's Landlock.
fn version() -> Result<u32, Errno> {
    const VERSION: libc::c_long = 1;
    // SAFETY: asks for a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, core::ptr::null::<Handled>(), 0, VERSION) };
    u32::try_from(version).map_err(|_| crate::errno::last())
}
