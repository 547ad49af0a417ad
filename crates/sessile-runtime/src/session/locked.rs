//! Everything of a session that changes, behind its one lock.

use std::collections::{HashMap, HashSet};
use std::task::Waker;
use std::time::Instant;

use sessile_bridge::{Bridge, ConnectionId};

use super::Session;
use crate::input::Input;
use crate::stop::StopReason;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) bridge: Bridge,
    pub(crate) input: Input,
    pub(super) wakers: HashMap<ConnectionId, Waker>,
    pub(super) next_connection: u64,
    pub(super) last_active: Instant,
    /// When the pump's timer will ring; a closer deadline must wake the pump.
    pub(crate) armed: Option<Instant>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) calls: u64,
    /// Whether the server was asked to do something: its lists may be this session's alone from then on.
    pub(super) asked: bool,
    /// Whether the server has told a list.
    pub(super) told: bool,
    /// Exchanges that a session for one request lives for.
    pub(super) holds: usize,
    /// Whether there was such an exchange.
    pub(super) held: bool,
    /// Tasks that the server made by itself.
    pub(super) server_tasks: HashSet<String>,
    /// Commands of operators that run in it, and how many were asked for so far.
    pub(super) execs: Execs,
}

/// Commands of operators in one session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Execs {
    pub(super) running: usize,
    pub(super) asked: u64,
}

impl Core {
    pub(super) fn new(bridge: Bridge, input: Input, now: Instant) -> Self {
        Self {
            bridge,
            input,
            wakers: HashMap::new(),
            next_connection: 0,
            last_active: now,
            armed: None,
            stop: None,
            calls: 0,
            asked: false,
            told: false,
            holds: 0,
            held: false,
            server_tasks: HashSet::new(),
            execs: Execs::default(),
        }
    }

    /// Whether it means anything that a list has changed. A server that nobody has asked anything may still be putting
    /// its lists together, and say so.
    pub(super) fn has_lists(&self) -> bool {
        self.asked || self.told
    }

    pub(super) fn mint_connection(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    /// Remembers whom to wake when the bridge has something for `connection`.
    pub(crate) fn wait(&mut self, connection: ConnectionId, waker: &Waker) {
        match self.wakers.get_mut(&connection) {
            Some(known) => known.clone_from(waker),
            None => {
                self.wakers.insert(connection, waker.clone());
            }
        }
    }

    /// Forgets a connection that is over.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.wakers.remove(&connection);
    }

    /// Whether a clock will ring before the pump looks again. The idle clock starts when the last answer is taken,
    /// which the pump does not see.
    pub(super) fn deadline_moved_closer(&self, session: &Session) -> bool {
        let deadline = self.bridge.deadline().map(|deadline| session.instant(deadline));
        let next = [deadline, session.idle_until(self)].into_iter().flatten().min();
        match (next, self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}
