//! One machine per pair of eras, behind one face.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sessile_protocol::{Era, ErrorObject, LegacyVersion};

use crate::config::{Config, Opening};
use crate::event::{Action, ConnectionId, Event, Pull};
use crate::mint::Mint;
use crate::modern::Modern;
use crate::profile::{ClientProfile, ServerProfile};
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::time::Time;
use crate::upgraded::Upgraded;

/// The bridge of one session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bridge {
    /// A legacy client, a legacy server.
    Relay(Box<Relay>),
    /// A legacy client, a modern server.
    Upgraded(Box<Upgraded>),
    /// A modern client, a server of either era.
    Modern(Box<Modern>),
}

macro_rules! each {
    ($self:ident, $machine:ident => $body:expr) => {
        match $self {
            Self::Relay($machine) => $body,
            Self::Upgraded($machine) => $body,
            Self::Modern($machine) => $body,
        }
    };
}

impl Bridge {
    /// For a legacy client and a server that speaks legacy.
    pub fn relay(config: Config) -> Self {
        Self::Relay(Box::new(Relay::new(config)))
    }

    /// For a legacy client and a server that speaks modern only.
    pub fn upgraded(config: Config) -> Self {
        Self::Upgraded(Box::new(Upgraded::new(config)))
    }

    /// For a modern client; its first actions open the server.
    pub fn modern(config: Config, opening: Opening, client: ClientProfile, mint: Box<dyn Mint>) -> Self {
        Self::Modern(Box::new(Modern::new(config, opening, client, mint)))
    }

    /// Goes on as the bridge that a record was made of (a bridge is written with [`serde::Serialize`], when
    /// [`poll`](Self::poll) has given everything). Bounds and mint are those of the one who goes on; nothing else differs.
    ///
    /// # Errors
    /// If `record` is not what a bridge of this version writes.
    pub fn restore(record: &str, config: Config, mint: Box<dyn Mint>) -> Result<Self, serde_json::Error> {
        let mut bridge: Self = serde_json::from_str(record)?;
        match &mut bridge {
            Self::Relay(relay) => relay.refit(config),
            Self::Upgraded(upgraded) => upgraded.refit(config),
            Self::Modern(modern) => modern.refit(config, mint),
        }
        Ok(bridge)
    }

    /// Every exchange has ended with the process that held them, of which the record may not know how far they had got. Streams that can be
    /// resumed wait for their clients; what counted on its exchange alone ends as if its client had left.
    pub fn lose_connections(&mut self, now: Time) {
        for connection in each!(self, machine => machine.connections()) {
            // A client that leaves is refused nothing.
            let _ = self.on(now, Event::ConnectionClosed { connection });
        }
    }

    /// Takes an event. Call [`Bridge::poll`] until it gives `None` afterwards. Time that goes backwards stands still.
    ///
    /// # Errors
    /// When the event is the client's and cannot be taken; nothing of it has happened then.
    pub fn on(&mut self, now: Time, event: Event) -> Result<(), Refusal> {
        each!(self, machine => machine.on(now, event))
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        each!(self, machine => machine.poll())
    }

    /// What `connection` may send next; see [`Relay::pull`].
    pub fn pull(&mut self, now: Time, connection: ConnectionId) -> Pull {
        each!(self, machine => machine.pull(now, connection))
    }

    /// The session is over and its exchanges are closed: ends what is open with `error`, and records what nobody has
    /// taken.
    pub fn end(&mut self, error: ErrorObject) {
        each!(self, machine => machine.end(error));
    }

    /// When to send [`Event::Tick`], if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        each!(self, machine => machine.deadline())
    }

    /// Client requests without an answer, those parked among them, and answers that nobody has pulled. The session is
    /// not idle while there are any.
    pub fn in_flight(&self) -> usize {
        each!(self, machine => machine.in_flight())
    }

    /// Calls that wait for their client's input.
    pub fn parked(&self) -> usize {
        match self {
            Self::Relay(_) | Self::Upgraded(_) => 0,
            Self::Modern(modern) => modern.parked(),
        }
    }

    /// Whether there is something in flight that is worth waiting for when the session is to end.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Relay(_) | Self::Upgraded(_) => self.in_flight() > 0,
            Self::Modern(modern) => modern.is_busy(),
        }
    }

    /// Whether connections leave so much lying that the server should be read no further.
    pub fn is_backlogged(&self) -> bool {
        each!(self, machine => machine.is_backlogged())
    }

    /// Who the server is, once it has said so.
    pub fn profile(&self) -> Option<&Arc<ServerProfile>> {
        each!(self, machine => machine.profile())
    }

    /// The version that a legacy client and this session agreed on.
    pub fn negotiated(&self) -> Option<LegacyVersion> {
        match self {
            Self::Relay(relay) => relay.negotiated(),
            Self::Upgraded(upgraded) => upgraded.negotiated(),
            Self::Modern(_) => None,
        }
    }

    /// Whether the server has been opened: requests are taken.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Relay(_) | Self::Upgraded(_) => self.negotiated().is_some(),
            Self::Modern(modern) => modern.profile().is_some(),
        }
    }

    /// What is spoken with the client, as it is shown.
    pub fn client_era(&self) -> Option<Era> {
        match self {
            Self::Relay(_) | Self::Upgraded(_) => self.negotiated().map(Era::Legacy),
            Self::Modern(_) => Some(Era::Modern(sessile_protocol::ModernVersion::V2026_07_28)),
        }
    }

    /// Whether the bridge made a task of this id out of a call.
    pub fn has_task(&self, task: &str) -> bool {
        matches!(self, Self::Modern(modern) if modern.has_task(task))
    }
}
