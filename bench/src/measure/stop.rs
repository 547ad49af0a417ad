//! Ending early without leaving anything behind.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long work in flight gets once the stop is asked for.
const GRACE: Duration = Duration::from_secs(2);

/// Tells every worker that the run is over. Clones tell of the same run.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Whether to start no more work.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Asks all workers to end.
    pub fn set(&self) {
        self.0.cancel();
    }

    /// Runs `work`, which is to look at [`Stop::is_set`] by itself; `None` when it did not end within two
    /// seconds of the stop and was dropped.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let give_up = async {
            self.0.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            done = work => Some(done),
            () = give_up => None,
        }
    }

    /// Sleeps, but not past the stop.
    pub async fn sleep(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.0.cancelled() => {}
        }
    }
}

/// Turns the first Ctrl-C or SIGTERM into a [`Stop`], for as long as it lives.
#[derive(Debug)]
pub struct CtrlC {
    listener: JoinHandle<()>,
}

impl CtrlC {
    /// Listens.
    ///
    /// # Errors
    /// When the signal handler cannot be set.
    pub fn listen(stop: &Stop) -> std::io::Result<Self> {
        let stop = stop.clone();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            super::say("stopping");
            stop.set();
        });
        Ok(Self { listener })
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
