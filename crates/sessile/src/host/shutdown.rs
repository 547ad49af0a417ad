//! Signals: the first asks the node to drain, a second to stop at once; a hangup to read the manifest again and open its listener
//! anew; SIGUSR2 to leave its sessions to the next process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, as one stream, SIGHUP and SIGUSR2.
#[derive(Debug)]
pub(crate) struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    leave: Signal,
}

impl Stops {
    /// Takes the signals over from the default action.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            leave: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next one, whatever else hangs up.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for the next one, or for a SIGHUP or SIGUSR2.
    pub(crate) async fn next_or_hangup(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reopen,
            _ = self.leave.recv() => Asked::Leave,
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    Stop,
    /// To open the public listener anew.
    Reopen,
    /// To leave the sessions to the next process.
    Leave,
}
