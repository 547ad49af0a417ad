//! The way to a machine's monitor: QEMU connects to it, again and again, so that a runtime that comes later has it as well.

use super::jail::CONTROL;
use super::qmp::{Qmp, QmpError};
use super::run::RunDirectory;
use std::io;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::time::sleep;

/// How long to wait when a connection came to nothing.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    qmp: Option<Qmp>,
}

impl Control {
    /// Listens where the monitor will look.
    pub(super) fn expect(run: &RunDirectory) -> io::Result<Self> {
        Ok(Self { listener: run.listen(CONTROL)?, qmp: None })
    }

    /// The monitor, once it is there. Nothing is lost if waiting is given up.
    pub(super) async fn monitor(&mut self) -> Result<&mut Qmp, QmpError> {
        if self.qmp.is_none() {
            let (socket, _) = self.listener.accept().await?;
            self.qmp = Some(Qmp::begin(socket.into_std()?).await?);
        }
        self.qmp.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
    }

    /// Resolves once the machine has stopped by itself; it may have before anybody waited for it.
    pub(super) async fn stopped(&mut self) {
        loop {
            let is_new = self.qmp.is_none();
            let heard = match self.monitor().await {
                Ok(qmp) if is_new => qmp.has_stopped().await,
                Ok(qmp) => qmp.stopped().await.map(|()| true),
                Err(error) => Err(error),
            };
            match heard {
                Ok(true) => return,
                Ok(false) => {}
                Err(_) => {
                    self.qmp = None;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// What the machine's console said last.
    pub(super) async fn console(&mut self) -> Result<String, QmpError> {
        self.monitor().await?.console().await
    }
}
