//! Descriptors that the driver left open for init: each has a number of its own.
#![allow(unsafe_code)]

use crate::errno;
use rustix::fd::{FromRawFd, OwnedFd, RawFd};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

/// Takes over descriptor `number`. Called once for each, before anything else opens descriptors.
pub(crate) fn inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: asks about a number; if nothing is open there, it says so.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(errno::last());
    }
    // SAFETY: it is open, and nobody else in this process knows of it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    // It arrived without, or it would not have arrived; no program that is started may get it by accident.
    fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
    Ok(descriptor)
}
