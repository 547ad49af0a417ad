//! Who is at the other end of a connection, as far as the kernel tells: the address, and on this machine the user.

use rustix::process::geteuid;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    peer: SocketAddr,
    /// On this machine, the user whose connection it is.
    user: Option<u32>,
}

impl Who {
    /// Finds out.
    pub(super) async fn at(peer: SocketAddr) -> Self {
        let user = tokio::task::spawn_blocking(move || {
            let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
            tables.iter().find_map(|table| owner(&std::fs::read_to_string(table).ok()?, peer))
        });
        Self { peer, user: user.await.ok().flatten() }
    }

    /// Whether it is somebody who could do all that a command can without asking: root of this machine, or the user of this process.
    pub(super) fn is_operator(&self) -> bool {
        self.user.is_some_and(|user| user == 0 || user == geteuid().as_raw())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user {
            Some(user) => write!(f, "uid {user} at {}", self.peer),
            None => write!(f, "{}", self.peer),
        }
    }
}

/// The user whose socket has this address, in a table of the kernel (`proc(5)`): the second column is the socket's own address,
/// the eighth its user.
fn owner(table: &str, address: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|row| {
        let mut columns = row.split_ascii_whitespace();
        let local = parse(columns.nth(1)?)?;
        let same = local.port() == address.port() && local.ip().to_canonical() == address.ip().to_canonical();
        // States of a socket that nobody holds any more name root.
        let (_, state) = (columns.next()?, columns.next()?);
        if same && state == ESTABLISHED { columns.nth(3)?.parse().ok() } else { None }
    })
}

/// `TCP_ESTABLISHED`.
const ESTABLISHED: &str = "01";

/// `0100007F:1F90`: words of the address in the machine's byte order, and the port.
fn parse(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_of_this_machine_has_a_user() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(client.local_addr().unwrap(), peer);
        let who = Who::at(peer).await;
        assert_eq!(who.to_string(), format!("uid {} at {peer}", geteuid().as_raw()));
        assert!(who.is_operator());
        drop(client);
    }

    #[test]
    fn nobody_else_is_an_operator() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        for user in [None, Some(geteuid().as_raw() + 1)] {
            assert!(!Who { peer, user }.is_operator(), "{user:?}");
        }
        assert!(Who { peer, user: Some(0) }.is_operator());
    }

    #[test]
    fn rows_of_other_sockets_and_of_none_name_nobody() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1000        0 1
   1: 0100007F:1F91 0100007F:0050 06 00000000:00000000 00:00000000 00000000     0        0 0
   2: 0000000000000000FFFF00000100007F:1F92 x 01 00000000:00000000 00:00000000 00000000  1001        0 1
   3: nonsense";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        if cfg!(target_endian = "little") {
            assert_eq!(owner(table, at(8080)), Some(1000));
            assert_eq!(owner(table, at(8082)), Some(1001), "a mapped address is the same one");
        }
        assert_eq!(owner(table, at(8081)), None);
        assert_eq!(owner(table, at(1)), None);
    }
}
