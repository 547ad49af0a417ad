//! What happens at the gate, for logs and counters. One receiver per session, so that it knows the session.

use std::net::SocketAddr;
use std::time::Duration;

use crate::refusal::Refusal;
use crate::target::Target;
use crate::traffic::Traffic;

/// One thing that happened.
#[derive(Debug)]
pub enum EgressEvent<'a> {
    /// A connection to the outside was opened.
    Opened {
        /// What was asked for.
        target: &'a Target,
        /// The entry of the list that allows it.
        rule: &'a str,
        /// The address that was checked and dialled; `None` if an upstream proxy resolves the name, so that only the
        /// name was checked.
        address: Option<SocketAddr>,
    },
    /// A connection to the outside ended, for whatever reason.
    Closed {
        /// What was asked for.
        target: &'a Target,
        /// Bytes of this connection.
        traffic: Traffic,
        /// How long it was open.
        lasted: Duration,
    },
    /// Something was not let through.
    Refused(&'a Refusal),
    /// Something was allowed and could not be reached.
    Unreachable {
        /// What was asked for.
        target: &'a Target,
        /// Why, in words for the log.
        problem: &'a str,
    },
}

/// Receives the events of one session. Called from the tasks of connections: it must not block.
///
/// A server can cause refusals as fast as it can open connections: whoever logs them has to bound how many.
pub trait EgressEvents: Send + Sync {
    /// Called once per event.
    fn on(&self, event: EgressEvent<'_>);
}
