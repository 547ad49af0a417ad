//! The process of a machine that keeps the powers which init gives up: it makes the machine another one when it wakes. It takes requests
//! from init alone, over a socket that nobody else has.
#![allow(unsafe_code)]

use super::renewal;
use alloc::vec::Vec;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sessile_link::guest::Renew;

/// The longest request, in bytes.
const REQUEST: usize = 1024;

/// Init's way to it.
pub(super) struct Door {
    socket: OwnedFd,
}

impl Door {
    /// Opens it, while init may still do everything.
    pub(super) fn open() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC;
        let (socket, inside) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        // SAFETY: this process has one thread, so that the child may do anything its parent could.
        match unsafe { libc::fork() } {
            0 => {
                keep_only(&inside);
                serve(&inside);
                // SAFETY: ends this process without running the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            1.. => Ok(Self { socket }),
            _ => Err(crate::errno::last()),
        }
    }

    /// Makes the machine another one; gives the proof.
    pub(super) fn renew(&self, renew: Renew) -> Result<[u8; 16], Errno> {
        let request = serde_json::to_vec(&renew).map_err(|_| Errno::INVAL)?;
        rustix::io::write(&self.socket, &request)?;
        let mut proof = [0; 16];
        match rustix::io::read(&self.socket, &mut proof)? {
            16 => Ok(proof),
            _ => Err(Errno::IO),
        }
    }
}

/// Closes everything else: the server's pipes end with those who use them.
fn keep_only(socket: &OwnedFd) {
    let Ok(number) = u32::try_from(socket.as_raw_fd()) else { return };
    for (first, last) in [(0, number.saturating_sub(1)), (number.saturating_add(1), u32::MAX)] {
        // SAFETY: closes copies that the parent has as well; nothing in this process uses them from here on.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// Serves init until it is gone.
fn serve(socket: &OwnedFd) {
    let mut request = Vec::from([0; REQUEST]);
    loop {
        let renew = match rustix::io::read(socket, request.as_mut_slice()) {
            Ok(0) => return,
            Ok(count) => serde_json::from_slice::<Renew>(request.get(..count).unwrap_or_default()).ok(),
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        // Nothing is no proof.
        let proof = renew.and_then(|renew| renewal::renew(&renew).ok());
        let said = match &proof {
            Some(proof) => rustix::io::write(socket, proof),
            None => rustix::io::write(socket, &[0]),
        };
        if said.is_err() {
            return;
        }
    }
}
