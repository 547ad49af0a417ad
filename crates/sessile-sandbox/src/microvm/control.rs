//! The way to a machine's monitor. It begins when it is needed: a machine is up before QEMU says its first word.

use super::qmp::{Qmp, QmpError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::time::sleep;

/// How long to wait when QEMU said nothing of sense. That it is gone shows elsewhere.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Control {
    qmp: Qmp,
    /// Whether it is known that the machine had not stopped before anybody listened.
    is_followed: bool,
}

impl Control {
    /// Over the runtime's end of the monitor's control socket, whoever has used it before. Must be called inside a tokio runtime.
    pub(super) fn over(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { qmp: Qmp::over(UnixStream::from(socket))?, is_followed: false })
    }

    /// The monitor, ready for commands.
    pub(super) async fn monitor(&mut self) -> Result<&mut Qmp, QmpError> {
        self.qmp.begin().await?;
        Ok(&mut self.qmp)
    }

    /// Resolves once the machine has stopped by itself; it may have before anybody waited for it.
    pub(super) async fn stopped(&mut self) {
        loop {
            match self.follow().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn follow(&mut self) -> Result<bool, QmpError> {
        if !self.is_followed {
            let stopped = self.monitor().await?.has_stopped().await?;
            self.is_followed = true;
            return Ok(stopped);
        }
        self.qmp.stopped().await.map(|()| true)
    }

    /// What the machine's console said last.
    pub(super) async fn console(&mut self) -> Result<String, QmpError> {
        self.monitor().await?.console().await
    }
}
