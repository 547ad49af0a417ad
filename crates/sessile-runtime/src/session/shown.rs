//! What is shown of a session while it lives.

use super::{Session, State};
use sessile_sandbox::Usage;
use std::sync::PoisonError;

impl Session {
    /// What the session is doing now.
    #[must_use]
    pub fn state(&self) -> State {
        let core = self.lock();
        match (core.stop, core.bridge.is_open(), core.bridge.in_flight()) {
            (Some(_), _, _) => State::Stopping,
            (None, false, _) => State::Starting,
            (None, true, 0) if core.execs.running == 0 => State::Idle,
            (None, true, _) => State::Active,
        }
    }

    /// What the sandbox has used so far; `None` when it is gone.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let sandbox = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        sandbox.map(|sandbox| sandbox.usage())
    }

    /// Requests in flight now, and requests answered so far.
    #[must_use]
    pub fn calls(&self) -> (usize, u64) {
        let core = self.lock();
        (core.bridge.in_flight(), core.calls)
    }

    /// Whether a call is being worked on, and not only waited for.
    pub(crate) fn runs_calls(&self) -> bool {
        self.lock().bridge.is_busy()
    }

    /// Calls that wait for their client's input.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.lock().bridge.parked()
    }
}
