//! Sockets, with errors that say what to do: bound here, or given by a service manager (`sd_listen_fds(3)`), which keeps them
//! open while this process is exchanged for another.

use super::Failure;
use listenfd::ListenFd;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use tokio::net::TcpListener;

/// Binds `address`, named in messages by the option or manifest key that sets it.
pub(crate) async fn bind(address: SocketAddr, option: &str, key: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "something listens there already (another sessile?); choose another with {option} or {key}, port 0 picks a free one"
            ),
            ErrorKind::PermissionDenied => format!("ports below 1024 need privileges; choose another with {option} or {key}"),
            ErrorKind::AddrNotAvailable => format!("this host has no such address; choose another with {option} or {key}"),
            _ => format!("choose another with {option} or {key}"),
        };
        Failure::Failed(format!("cannot listen on {address}: {error}: {hint}"))
    })
}

/// Sockets that a service manager has given.
pub(crate) struct Given(ListenFd);

/// How many sockets are looked at.
const MOST: usize = 2;

impl Given {
    /// What the environment says.
    ///
    /// # Errors
    /// When more is given than there is use for.
    pub(crate) fn from_env() -> Result<Self, Failure> {
        let given = ListenFd::from_env();
        if given.len() > MOST {
            let many = given.len();
            return Err(Failure::Usage(format!(
                "{many} sockets were given; the first is for node.listen, a second for node.admin, and there is no use for more"
            )));
        }
        Ok(Self(given))
    }

    /// The first socket given, else one bound to `address`.
    pub(crate) async fn public_or(&mut self, address: SocketAddr) -> Result<Socket, Failure> {
        let Some(given) = self.take(0)? else {
            return Ok(Socket { listener: bind(address, "--listen", "node.listen").await?, given: None });
        };
        let copy = given.try_clone().map_err(unusable(0))?;
        Ok(Socket { listener: TcpListener::from_std(given).map_err(unusable(0))?, given: Some(copy) })
    }

    /// The second socket given, else one bound to `address`.
    pub(crate) async fn admin_or(&mut self, address: SocketAddr) -> Result<TcpListener, Failure> {
        match self.take(1)? {
            Some(socket) => TcpListener::from_std(socket).map_err(unusable(1)),
            None => bind(address, "--admin", "node.admin").await,
        }
    }

    fn take(&mut self, number: usize) -> Result<Option<StdListener>, Failure> {
        let Some(socket) = self.0.take_tcp_listener(number).map_err(unusable(number))? else { return Ok(None) };
        socket.set_nonblocking(true).map_err(unusable(number))?;
        Ok(Some(socket))
    }
}

fn unusable(number: usize) -> impl Fn(std::io::Error) -> Failure {
    move |error| {
        Failure::Failed(format!(
            "socket {number} that was given cannot be used: {error}; it must be a TCP socket that listens"
        ))
    }
}

/// The socket of the public listener.
pub(crate) struct Socket {
    pub(crate) listener: TcpListener,
    /// The one that was given, which stays open whatever becomes of the listener.
    given: Option<StdListener>,
}

impl Socket {
    /// What it takes to listen again at `address`.
    pub(crate) fn again(&self) -> Again {
        Again(self.given.as_ref().and_then(|given| given.try_clone().ok()))
    }
}

/// A way to listen again where a listener was closed.
pub(crate) struct Again(Option<StdListener>);

impl Again {
    /// A socket at `address`.
    pub(crate) async fn listen(&self, address: SocketAddr) -> Result<TcpListener, Failure> {
        match &self.0 {
            Some(given) => given.try_clone().and_then(TcpListener::from_std).map_err(unusable(0)),
            None => bind(address, "--listen", "node.listen").await,
        }
    }
}

/// The address a socket got.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::Failed(format!("a listener has no address: {error}")))
}
