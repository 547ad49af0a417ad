//! A port inside a sandbox, reached without giving the sandbox a network.

use crate::sandbox::Grip;
use sessile_link::Loopback;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;

/// A port on the loopback interface of a sandbox, where its server may listen. Outlives the sandbox's handle and does not
/// keep the sandbox alive.
#[derive(Clone)]
pub struct PortInside {
    grip: Arc<dyn Grip>,
    port: u16,
    /// Whether the server was last found at `::1`.
    at_v6: Arc<AtomicBool>,
}

impl PortInside {
    pub(crate) fn new(grip: Arc<dyn Grip>, port: u16) -> Self {
        Self { grip, port, at_v6: Arc::default() }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.port
    }

    /// Connects to it: at `127.0.0.1`, and where nobody listens there, at `::1`, which is what `localhost` means to some servers.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when nobody listens, [`io::ErrorKind::BrokenPipe`] when the sandbox has ended,
    /// [`io::ErrorKind::Unsupported`] when its driver knows no way in.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let (first, second) = match self.at_v6.load(Ordering::Relaxed) {
            false => (Loopback::V4, Loopback::V6),
            true => (Loopback::V6, Loopback::V4),
        };
        let refused = match self.connect_to(first).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => error,
            settled => return settled,
        };
        // A sandbox without the other address says something else; that nobody listens is what matters.
        let stream = self.connect_to(second).await.map_err(|_| refused)?;
        self.at_v6.store(second == Loopback::V6, Ordering::Relaxed);
        Ok(stream)
    }

    async fn connect_to(&self, to: Loopback) -> io::Result<TcpStream> {
        let socket: OwnedFd = self.grip.connect(to, self.port).await?;
        let stream = TcpStream::from_std(socket.into())?;
        // Writable once it is connected, or known not to be (`connect(2)`, EINPROGRESS).
        stream.writable().await?;
        match stream.take_error()? {
            None => {
                stream.set_nodelay(true)?;
                Ok(stream)
            }
            Some(error) => Err(error),
        }
    }
}

impl fmt::Debug for PortInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortInside").field("port", &self.port).finish_non_exhaustive()
    }
}
