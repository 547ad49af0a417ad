//! The loopback interface, which a new network namespace has, but down; and what listens there for the gate.
#![allow(unsafe_code)]

use core::net::{Ipv4Addr, SocketAddrV4};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use sessile_link::GATE_PORT;

/// Connections that may wait until the gate takes them.
const BACKLOG: i32 = 128;

/// Brings `lo` up.
pub(crate) fn raise_loopback() -> Result<(), Errno> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all-zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { core::mem::zeroed() };
    for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
        *slot = libc::c_char::from_ne_bytes([*byte]); // signed or not, as the processor has it
    }
    let up = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(up).unwrap_or(1);
    // SAFETY: the request is a valid `ifreq` with a terminated name, which `SIOCSIFFLAGS` only reads.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    if answer == 0 {
        return Ok(());
    }
    Err(crate::errno::last())
}

/// Listens for the gate, on loopback. The socket belongs to this network namespace, whoever accepts from it.
pub(crate) fn listen_for_gate() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, GATE_PORT))?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
