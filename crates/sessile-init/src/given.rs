//! What the server finds open beside its standard streams: descriptors 3, 4, … Init is born with them as 8, 9, …, and lets go of them
//! when the server has them.
#![allow(unsafe_code)]

use crate::errno;
use crate::inherited::inherited;
use alloc::vec::Vec;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use sessile_link::{MAX_GIVEN, StartOrder};

/// Where the driver puts the first. All lie above the last place at the server's, so that none is in another one's way.
const FIRST_HERE: RawFd = 8;

/// Where the server finds the first.
const FIRST_THERE: RawFd = 3;

/// Takes over what came with the order. Called once, before anything else opens descriptors.
pub(crate) fn take_over(order: &StartOrder) -> Result<Vec<OwnedFd>, Errno> {
    if order.given > MAX_GIVEN {
        return Err(Errno::INVAL);
    }
    (FIRST_HERE..).take(order.given).map(inherited).collect()
}

/// Puts them where the server finds them, over whatever lies there: the last that the server-to-be does before it runs its program. Makes
/// only system calls.
pub(crate) fn put_in_place(given: &[OwnedFd]) -> Result<(), Errno> {
    for (place, descriptor) in (FIRST_THERE..).zip(given) {
        // SAFETY: the program runs next, and what this process has at `place` is not for it: nobody uses that any more.
        if unsafe { libc::dup2(descriptor.as_raw_fd(), place) } < 0 {
            return Err(errno::last());
        }
    }
    Ok(())
}
