//! Becoming another machine: a copy of a template has the random state and the clock of all its siblings, until it is given its own.
#![allow(unsafe_code)]

use rustix::fd::AsRawFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_settime};
use sessile_link::guest::Renew;

/// `RNDADDENTROPY` and `RNDRESEEDCRNG` of `random(4)`.
const ADD_ENTROPY: libc::c_ulong = 0x4008_5203;
const RESEED: libc::c_ulong = 0x5207;

/// `struct rand_pool_info` with 32 bytes.
#[repr(C)]
struct Pool {
    /// In bits.
    credit: libc::c_int,
    /// In bytes.
    size: libc::c_int,
    entropy: [u8; 32],
}

/// Takes the host's entropy and time. Gives 16 bytes of what the random number generator says afterwards: a proof that it is another one.
pub(super) fn renew(renew: &Renew) -> Result<[u8; 16], Errno> {
    let random = open("/dev/urandom", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let pool = Pool { credit: 256, size: 32, entropy: renew.entropy };
    // SAFETY: the kernel reads as many bytes of the pool as it says it has, which it has.
    if unsafe { libc::ioctl(random.as_raw_fd(), ADD_ENTROPY as _, &raw const pool) } != 0 {
        return Err(crate::errno::last());
    }
    // SAFETY: takes no argument.
    if unsafe { libc::ioctl(random.as_raw_fd(), RESEED as _) } != 0 {
        return Err(crate::errno::last());
    }
    let time = Timespec { tv_sec: renew.seconds, tv_nsec: renew.nanoseconds.into() };
    clock_settime(ClockId::Realtime, time)?;
    let mut proof = [0; 16];
    match rustix::io::read(&random, &mut proof)? {
        16 => Ok(proof),
        _ => Err(Errno::IO),
    }
}
