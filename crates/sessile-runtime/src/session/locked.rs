//! Everything of a session that changes, behind its one lock.

use std::collections::{HashMap, HashSet};
use std::task::Waker;
use std::time::Instant;

use sessile_bridge::{Bridge, Config, ConnectionId};

use super::Session;
use super::rest::Resting;
use crate::input::Input;
use crate::record::{Moment, Standing};
use crate::stop::StopReason;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) bridge: Bridge,
    pub(crate) input: Input,
    pub(crate) wakers: HashMap<ConnectionId, Waker>,
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
    /// The names that lead to the session.
    pub(crate) names: HashSet<Box<str>>,
    /// How many of the session's places are taken by calls.
    pub(super) taken_places: usize,
    /// Bytes of what the server said that are done with.
    pub(crate) heard: u64,
    /// Where the record is put together.
    pub(crate) draft: Vec<u8>,
    /// Commands of operators that run in it, and how many were asked for so far.
    pub(super) execs: Execs,
    /// What it has of rest.
    pub(crate) resting: Resting,
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
            names: HashSet::new(),
            taken_places: 0,
            heard: 0,
            draft: Vec::new(),
            execs: Execs::default(),
            resting: Resting::default(),
        }
    }

    /// It goes on elsewhere: what is left here has nothing to say any more, and nothing that would end.
    pub(super) fn retire(&mut self) {
        self.bridge = Bridge::relay(Config::default());
        self.input.close();
    }

    /// As it was written down.
    pub(super) fn resumed(bridge: Bridge, input: Input, standing: Standing, names: Vec<Box<str>>) -> Self {
        let last_active = standing.last_active.instant();
        Self {
            next_connection: standing.connections,
            calls: standing.calls,
            asked: standing.asked,
            told: standing.told,
            held: standing.held,
            server_tasks: standing.server_tasks,
            names: names.into_iter().collect(),
            taken_places: standing.taken_places,
            heard: standing.heard,
            ..Self::new(bridge, input, last_active)
        }
    }

    /// What is written down of it besides its bridge and its input.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            last_active: Moment::of(self.last_active),
            connections: self.next_connection,
            calls: self.calls,
            asked: self.asked,
            told: self.told,
            held: self.held,
            server_tasks: self.server_tasks.clone(),
            taken_places: self.taken_places,
            heard: self.heard,
            written: 0,
            is_ending: self.stop.is_some(),
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
        let next = [deadline, session.idle_until(self), session.rests_at(self)].into_iter().flatten().min();
        match (next, self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}
