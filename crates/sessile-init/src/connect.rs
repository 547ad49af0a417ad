//! Connections from the runtime to a server that listens inside. A socket belongs to the network namespace that it is made in, so init
//! makes it; what is said on it is between the runtime and the server.

use crate::link::Link;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use sessile_link::{FromInit, Loopback, ToInit};

/// Makes a socket that is connecting, and hands it to the runtime. Never waits for the server.
pub(crate) fn hand_over(link: &Link<ToInit>, id: u32, to: Loopback, port: u16) {
    let connecting = begin(to, port);
    let errno = connecting.as_ref().err().map_or(0, |errno| errno.raw_os_error());
    let socket = connecting.as_ref().ok().map(AsFd::as_fd);
    // A runtime that is gone has no use for it.
    let _ = link.say(&FromInit::Connected { id, errno }, socket.as_slice());
}

/// Begins to connect to a port of the loopback interface. What comes of it shows once the socket is writable.
pub(crate) fn begin(to: Loopback, port: u16) -> Result<OwnedFd, Errno> {
    let (family, address) = match to {
        Loopback::V4 => (AddressFamily::INET, SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Loopback::V6 => (AddressFamily::INET6, SocketAddr::from((Ipv6Addr::LOCALHOST, port))),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno),
    }
}
