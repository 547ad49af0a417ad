//! Operators' commands, as the session counts them: one that runs keeps it, like a call in flight.

use super::Session;
use crate::exec::{ExecFault, MOST_EXECS};
use sessile_sandbox::{Exec, ExecSpec};
use sessile_telemetry::Event;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// A place among the commands of a session. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct ExecPlace {
    session: Arc<Session>,
    /// Which command of the session it is, counted from 1.
    pub(crate) number: u64,
}

impl Session {
    /// Operators' commands that run in it.
    #[must_use]
    pub fn execs(&self) -> usize {
        self.lock().execs.running
    }

    /// Puts on record that somebody asked who may not.
    pub fn refuse_exec(&self, who: &str) {
        self.telemetry.emit(&Event::ExecRefused {
            server: &self.server,
            session: self.name.as_str(),
            who,
            command: "",
            env: "",
            error: "neither root nor the user of this node",
        });
    }

    /// Takes a place for one more command.
    pub(crate) fn take_exec_place(self: &Arc<Self>) -> Result<ExecPlace, ExecFault> {
        let mut core = self.lock();
        if core.stop.is_some() {
            return Err(ExecFault::Ending { name: self.name.to_string() });
        }
        if core.execs.running >= MOST_EXECS {
            return Err(ExecFault::Full { name: self.name.to_string() });
        }
        core.execs.running += 1;
        core.execs.asked += 1;
        // A session for one request is kept too.
        core.holds += 1;
        Ok(ExecPlace { session: Arc::clone(self), number: core.execs.asked })
    }

    /// Runs a command in its sandbox.
    pub(crate) async fn run_inside(&self, spec: ExecSpec) -> Result<Exec, ExecFault> {
        let sandbox = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(exec) = sandbox.map(|sandbox| sandbox.exec(spec)) else {
            return Err(ExecFault::Ending { name: self.name.to_string() });
        };
        Ok(exec.await?)
    }
}

impl Drop for ExecPlace {
    fn drop(&mut self) {
        self.session.step(|core| {
            core.execs.running = core.execs.running.saturating_sub(1);
            core.holds = core.holds.saturating_sub(1);
            core.last_active = Instant::now();
        });
    }
}
