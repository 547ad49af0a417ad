//! What init holds for the runtime and never uses: descriptor 6, where the driver put one. It may be a lock, which then lives as
//! long as the sandbox, also when the runtime does not.
#![allow(unsafe_code)]

use rustix::fd::BorrowedFd;
use rustix::io::{FdFlags, fcntl_setfd};

/// Where the driver puts it.
const HELD_FD: i32 = 6;

/// Sees to it that nobody but init has it. Called before anything opens a descriptor. It is closed when init ends.
pub(crate) fn keep() {
    // SAFETY: used for one call, which only fails if there is no such descriptor.
    let held = unsafe { BorrowedFd::borrow_raw(HELD_FD) };
    // Most sandboxes have none.
    let _ = fcntl_setfd(held, FdFlags::CLOEXEC);
}
